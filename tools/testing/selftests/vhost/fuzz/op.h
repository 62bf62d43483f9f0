/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The operations that programs are made of. Each takes a few numbers, of which
 * a letter says what they stand for, so that others can be made up:
 *
 *	q ring			n entries of a ring	u any number
 *	v any number		s a small count		F features
 *	d file, see fd_sel()	w worker		p kind of pointer
 *	a address in the guest, see addr_sel()		l length
 *	f descriptor flags	i slot of a ring	m area of memory
 *	k one of a few kinds	t microseconds		x seed
 *	b backend		c number of an ioctl	o offset
 */
#ifndef FUZZ_OP_H
#define FUZZ_OP_H

#include "prog.h"
#include "world.h"

/* Packets come through all the same; each is seen once at most, whole. */
#define OP_GENTLE	0x1
/* Packets can be lost, or go to another backend. */
#define OP_LOSSY	0x2
/* Only by the thread that plays the guest. */
#define OP_FIRST	0x4
/* Rings or memory may be anywhere: what is around them may be written to. */
#define OP_MOVES	0x8
/* Takes long, or much: seldom. */
#define OP_SLOW		0x10
/* The device may not run afterwards, or not be kicked. */
#define OP_ALTERS	0x20
/* Is gentle if no other thread sets the device up meanwhile. */
#define OP_ALONE	0x40

/* More than there are operations. */
#define OP_KINDS_MAX	128

struct op_kind {
	const char *name;
	const char *args;
	unsigned int weight;	/* how often, beside the others */
	unsigned int flags;
	int (*run)(struct world *w, const struct op *op);
};

/* Ends with an entry without name. */
extern const struct op_kind ops_ioctl[], ops_setup[], ops_ring[], ops_iotlb[];
extern const struct op_kind ops_memory[], ops_life[];

void ops_init(void);
unsigned int op_kinds(void);
const struct op_kind *op_kind(unsigned int code);
/* Its number, or -1. */
int op_find(const char *name);
/* Which thread runs it. */
static inline unsigned int op_thread(const struct op *op)
{
	return op_kind(op->code)->flags & OP_FIRST ? 0 : op->thread;
}

/* Run it; 0 or what came of it, -EFAULT if it ran into damaged memory. */
int op_run(struct world *w, const struct op *op);
/* A new process does not go on with the program, but dies of damaged memory. */
void op_in_child(void);

#endif
