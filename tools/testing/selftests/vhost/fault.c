// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "fault.h"

#define DEBUGFS	"/sys/kernel/debug"

static const char * const kinds[] = {
	"failslab", "fail_page_alloc", "fail_usercopy",
};

/* Of all kinds that have such a file. */
static int set_all(const char *name, const char *value)
{
	char path[128];
	unsigned int i;
	int r = 0;

	for (i = 0; i < ARRAY_SIZE(kinds) && !r; i++) {
		snprintf(path, sizeof(path), DEBUGFS "/%s/%s", kinds[i], name);
		r = write_file(path, value);
		if (r == -ENOENT && strcmp(name, "probability"))
			r = 0;
	}
	return r;
}

bool fault_possible(void)
{
	/* Where half of it is missing, tests are to fail, not to be skipped. */
	return !access("/proc/self/fail-nth", F_OK) ||
	       !access(DEBUGFS "/failslab", F_OK);
}

int fault_prepare(void)
{
	static const struct {
		const char *name, *value;
	} files[] = {
		{ "probability", "0" },
		/* The kernel's log is read, and is not to be filled. */
		{ "verbose", "0" },
		{ "times", "-1" },
		{ "interval", "1" },
		{ "task-filter", "Y" },
		{ "ignore-gfp-wait", "N" },
		{ "ignore-gfp-highmem", "N" },
		{ "min-order", "0" },
	};
	unsigned int i;
	int r = 0;

	if (mount("debugfs", DEBUGFS, "debugfs", 0, NULL) && errno != EBUSY)
		return -errno;
	for (i = 0; i < ARRAY_SIZE(files) && !r; i++)
		r = set_all(files[i].name, files[i].value);
	return r;
}

int fault_open(struct fault *f, pid_t tid)
{
	char path[64] = "/proc/thread-self/fail-nth";

	if (tid)
		snprintf(path, sizeof(path), "/proc/%d/fail-nth", tid);
	f->fd = open(path, O_RDWR | O_CLOEXEC);
	return f->fd < 0 ? -errno : 0;
}

void fault_close(struct fault *f)
{
	close(f->fd);
	f->fd = -1;
}

/* Even this can fail, if the caller is the one who is to. */
static void write_number(const struct fault *f, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	while (pwrite(f->fd, text, len, 0) < 0)
		if (errno != EFAULT && errno != ENOMEM)
			abort();
}

void fault_arm(const struct fault *f, unsigned int n)
{
	write_number(f, n);
}

bool fault_disarm(const struct fault *f)
{
	char text[16] = "";
	bool hit;

	/* A failure that was left for this read is not one of the call. */
	hit = pread(f->fd, text, sizeof(text) - 1, 0) > 0 && !atoi(text);
	write_number(f, 0);
	return hit;
}

int fault_rain(pid_t tid, unsigned int percent)
{
	char path[64], text[16];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/make-it-fail", tid);
	r = write_file(path, percent ? "1" : "0");
	snprintf(text, sizeof(text), "%u", percent);
	return r ? r : set_all("probability", text);
}
