/* SPDX-License-Identifier: GPL-2.0 */
/* Making programs up, from nothing or from others. The seed decides. */
#ifndef FUZZ_GEN_H
#define FUZZ_GEN_H

#include "prog.h"

enum gen_format { GEN_SPLIT = 1, GEN_PACKED = 2, GEN_BOTH = 3 };

struct gen {
	__u64 seed;
	enum gen_format format;
	bool slow;
	/* To be mutated, beside those that are made from nothing. */
	const struct prog *corpus;
	unsigned int n;
};

void gen_prog(struct gen *g, struct prog *p);

#endif
