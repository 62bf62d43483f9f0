/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program of the fuzzer: how its guest is set up, and a list of operations,
 * each of which belongs to a thread. As text it has one operation a line:
 *
 *	cfg features=0x100000000 rx=16 tx=16 start=65530 backend=0 flags=0x1
 *	0 tx 0x3 0x40 0x2
 *	1 set_num 0x0 0x100
 *
 * The numbers mean what the operation takes them for, see op.h.
 */
#ifndef FUZZ_PROG_H
#define FUZZ_PROG_H

#include <stdio.h>

#include "../lib/guest.h"

#define OP_ARGS		5
#define PROG_OPS	64
#define PROG_THREADS	3

/* Of struct prog. */
#define PROG_FRESH	0x1	/* on a newly opened device */
#define PROG_RESET	0x2	/* on one that has been reset */
#define PROG_IDLE	0x4	/* the device is not set up, nor started */

struct op {
	__u8 code;
	__u8 thread;
	__u64 arg[OP_ARGS];
};

struct prog {
	__u64 features;
	unsigned int num[VQ_MAX];
	__u16 start;
	unsigned int backend;
	unsigned int flags;
	unsigned int n;
	struct op op[PROG_OPS];
};

static inline bool prog_is_packed(const struct prog *p)
{
	return p->features & F_PACKED;
}

/* What no operation disturbs: each packet must come through. */
bool prog_is_gentle(const struct prog *p);
/* OR of the flags of all operations, see op.h. */
unsigned int prog_op_flags(const struct prog *p);

void prog_print(FILE *f, const struct prog *p);
/* 0 or -errno; tells on stderr which line makes no sense. */
int prog_parse(FILE *f, struct prog *p);
int prog_load(const char *path, struct prog *p);
int prog_save(const char *path, const struct prog *p);
__u64 prog_hash(const struct prog *p);

#endif
