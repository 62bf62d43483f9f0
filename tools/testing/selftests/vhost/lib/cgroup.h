/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A control group of the caller's own, in the unified hierarchy. All calls
 * return 0 or -errno, unless they say otherwise.
 */
#ifndef VHT_CGROUP_H
#define VHT_CGROUP_H

#include "util.h"

struct cgroup {
	char path[128];
};

/* Make a group and go there; @controllers for it, such as "+pids", or NULL. */
int cgroup_enter(struct cgroup *c, const char *controllers);
/* Leave it, and take it away: nobody else may be in it. */
int cgroup_leave(struct cgroup *c);
int cgroup_write(const struct cgroup *c, const char *file, const char *text);
/* Threads in it, also those of the kernel. */
int cgroup_threads(const struct cgroup *c);

#endif
