// SPDX-License-Identifier: GPL-2.0
/*
 * What others do with a device meanwhile; they end with the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "bench.h"
#include "dirty.h"

#define CLEAR_MS	10	/* from one clearing of the log to the next */
#define WATCHERS	2	/* of the device's fdinfo */

static void *clear_log(void *arg)
{
	struct bitmap *log = arg;

	for (;;) {
		pause_ms(CLEAR_MS);
		bitmap_clear(log);
	}
	return NULL;
}

int bench_start_log(struct guest *g)
{
	static struct bitmap log;
	pthread_t thread;
	int r;

	if (!dirty_log_offered(g->fd))
		return -EOPNOTSUPP;
	r = bitmap_init(&log, dirty_top(g), 0);
	if (!r)
		r = dirty_log_on(g, &log);
	return r ? r : -pthread_create(&thread, NULL, clear_log, &log);
}

static void *watch(void *arg)
{
	const struct guest *g = arg;
	char path[64], text[8192];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", g->fd);
	for (;;) {
		fd = open(path, O_RDONLY);
		while (fd >= 0 && read(fd, text, sizeof(text)) > 0)
			;
		close(fd);
	}
	return NULL;
}

int bench_start_watchers(struct guest *g)
{
	pthread_t thread;
	int i, r = 0;

	for (i = 0; i < WATCHERS && !r; i++)
		r = -pthread_create(&thread, NULL, watch, g);
	return r;
}
