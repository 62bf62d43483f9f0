/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An execution: one program, run once, on a device that is new, reset, or left
 * over from the program before, and all that is looked at afterwards.
 */
#ifndef FUZZ_EXEC_H
#define FUZZ_EXEC_H

#include "op.h"

struct exec {
	struct world world;
	struct helper *helper;
	unsigned long executions, operations, gentle, packed;
	unsigned long packets;
	bool deep;		/* look at the device's counters, too */
	bool slow;		/* operations that take long, too */
};

/* Makes the world; in a process that has one thread. */
int exec_init(struct exec *x);
void exec_end(struct exec *x);
/* 0, or -EPROTO if something is wrong: see world.failure. */
int exec_run(struct exec *x, const struct prog *p);
/* A full set-up after a reset, and packets both ways. */
int exec_alive(struct exec *x, bool packed);
/* Does the device sleep when there is nothing to be done? */
int exec_idle(struct exec *x, const struct prog *p);

#endif
