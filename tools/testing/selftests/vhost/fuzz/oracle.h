/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What has to be true whatever a program did.
 */
#ifndef FUZZ_ORACLE_H
#define FUZZ_ORACLE_H

#include "world.h"

/* Bytes that nobody may have written to. */
int oracle_marks(struct world *w);
/* Without work to do, workers sleep. */
int oracle_idle(struct world *w, const pid_t *tid, unsigned int n);

/* What a process and its kernel hold. */
struct holdings {
	unsigned int fds;
	unsigned int sockets;	/* of the network namespace */
	unsigned long slab_kb, vmalloc_kb, stack_kb;
	unsigned int workers;
};

void oracle_count(struct holdings *h, const pid_t *tid, unsigned int n);
/* Is there more than before, beyond some slack? Tells on stdout. */
bool oracle_leaks(const struct holdings *before, const struct holdings *after);

#endif
