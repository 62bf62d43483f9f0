// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "copier.h"

#define COPY_PAUSE_MS	1

static unsigned int copy_once(struct copier *c)
{
	unsigned int n;

	pthread_mutex_lock(&c->lock);
	n = dirty_sync(c->d, c->log);
	pthread_mutex_unlock(&c->lock);
	return n;
}

static void *copier_main(void *arg)
{
	struct copier *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
		c->pages += copy_once(c);
		c->rounds++;
		if (c->quick)
			sched_yield();
		else
			pause_ms(COPY_PAUSE_MS);
	}
	return NULL;
}

int copier_start(struct copier *c, struct dirty *d, struct bitmap *log)
{
	*c = (struct copier) { .d = d, .log = log, .quick = c->quick };
	pthread_mutex_init(&c->lock, NULL);
	dirty_begin(d);
	return -pthread_create(&c->thread, NULL, copier_main, c);
}

bool copier_end(struct copier *c)
{
	__atomic_store_n(&c->stop, true, __ATOMIC_RELEASE);
	pthread_join(c->thread, NULL);
	c->pages += copy_once(c);
	if (!c->pages)
		fprintf(stderr, "# nothing was logged\n");
	if (!bitmap_empty(c->log))
		fprintf(stderr, "# bits where nobody writes\n");
	return c->pages && bitmap_empty(c->log) && dirty_same(c->d);
}

int log_stop_guest(struct guest *g, struct pump *p)
{
	static char frame[60];
	int i;

	if (!pump_halt(p))
		return -ETIME;
	for (i = 0; i < 20; i++) {
		frame_build(frame, sizeof(frame), FRAME_TO_GUEST, i);
		wire_send(&g->wire, frame, sizeof(frame), NULL);
	}
	return guest_attach(g, -1);
}
