/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls that fail when they are told to: memory that is not to be had, and
 * user memory that can't be reached, as the kernel pretends on request. See
 * "fault injection" in the kernel's documentation.
 */
#ifndef VHT_FAULT_H
#define VHT_FAULT_H

#include "util.h"

/* What one thread is to fail in. */
struct fault {
	int fd;
};

/* Can this kernel pretend? */
bool fault_possible(void);
/*
 * Everything may fail from now on, but nothing does. In a mount namespace of
 * the caller's own. 0 or -errno.
 */
int fault_prepare(void);

/* For thread @tid, 0: the caller. 0 or -errno. */
int fault_open(struct fault *f, pid_t tid);
void fault_close(struct fault *f);
/* The @n-th thing from now on that can fail does, and none after it. */
void fault_arm(const struct fault *f, unsigned int n);
/* No more of that. True if it has failed. */
bool fault_disarm(const struct fault *f);

/* So many in a hundred fail of those that thread @tid does; 0: none. */
int fault_rain(pid_t tid, unsigned int percent);

#endif
