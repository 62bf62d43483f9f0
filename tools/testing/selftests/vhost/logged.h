/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest whose device keeps a log, and everything about that log.
 */
#ifndef VHT_LOGGED_H
#define VHT_LOGGED_H

#include "dirty.h"
#include "guest.h"

/* What memory is full of before: no run of it occurs in a frame. */
#define BLANK		0x5e

struct logged {
	struct guest g;
	struct bitmap log;
	struct dirty d;
};

/*
 * In a namespace of its own. Nothing is attached, and nothing is logged until
 * log_ready(): memory may be added before.
 */
int log_setup(struct logged *l, const struct guest_cfg *cfg);
char *log_add_memory(struct logged *l, __u64 gpa, size_t size);
/* @shift: see bitmap_init() */
int log_ready(struct logged *l, size_t shift);
void log_teardown(struct logged *l);

/* Look from here on. */
void log_watch(struct logged *l);
/* Account for what was used since then. */
void log_mark_rings(struct logged *l);
/* Mark the rings, and see whether all is as it has to be. */
bool log_exact(struct logged *l);
/* The same, detaching first: the device writes its last when it ends. */
bool log_exact_at_end(struct logged *l);

#endif
