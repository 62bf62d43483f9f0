/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs have reached so far: which calls ended how, in which order,
 * what the device counted, and, with a kernel that has KCOV, where it was.
 */
#ifndef FUZZ_COVER_H
#define FUZZ_COVER_H

#include "op.h"

struct cover {
	unsigned int pairs;	/* operations with their results */
	unsigned int states;	/* anything that was seen */
	unsigned int pcs;	/* places in the kernel */
};

/* Opens KCOV for the calling thread, if there is one; before exec_init(). */
void cover_init(void);
bool cover_has_kcov(void);
void cover_begin(void);
/* An operation came to an end. */
void cover_note(const struct op *op, int result);
/* Look at places in the kernel and, if @deep, at the device's counters. */
void cover_end(struct world *w, bool deep);
/* The device's counters, as they are. */
void cover_print(const struct world *w);
/* How much was new since the last call? */
unsigned int cover_news(void);
const struct cover *cover_now(void);

#endif
