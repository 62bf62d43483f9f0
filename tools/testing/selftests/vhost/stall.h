/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that makes whoever touches it first wait, in the kernel too, until
 * the test lets it go on: what otherwise is a race of a few instructions
 * becomes a sequence of steps.
 */
#ifndef VHT_STALL_H
#define VHT_STALL_H

#include "arena.h"

struct stall {
	int fd;
	char *mem;
	size_t size;
};

/* @mem: whole pages that were never touched. -EOPNOTSUPP: no such feature. */
int stall_init(struct stall *s, void *mem, size_t size);
/* @mem: pages that are there, but for the time being not in this mapping. */
int stall_init_shared(struct stall *s, void *mem, size_t size);
/* Take them out of the mapping once more. */
void stall_again(struct stall *s);
void stall_end(struct stall *s);

/* The page that somebody waits for, NULL if nobody does within @ms. */
void *stall_wait(struct stall *s, int ms);
/* Fill it with @content, a page, and let them go on. */
int stall_release(struct stall *s, void *page, const void *content);
/* Let them go on with what is in a shared page. */
int stall_continue(struct stall *s, void *page);

#endif
