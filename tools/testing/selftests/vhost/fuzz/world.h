/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all programs of a process are run in: a guest with rings of both
 * formats, backends with their far ends, files of all kinds, and memory with
 * marked bytes around it. Made once; what a program has damaged is mended
 * before the next one.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include "prog.h"

#define WORLD_NUM	256	/* entries of a ring, buffers of a pool */
#define WORLD_POOL	64
#define WORLD_BUF	2048
#define WORLD_SEQS	4096	/* packets of a program each way */
#define BACKENDS	11
#define SCRATCH		(16 * PAGE)
#define LOG_BYTES	(16UL << 20)

/* Files that operations are given, and where some of them are. */
#define FDS		28
#define FD_SPARE	16	/* another device; eight that are no backends */
#define FD_NULL		17

/* Where the first packed ring is in the memory table; the next is behind it. */
#define LENT_GPA	0x2b00000fe0ULL
#define LENT_STEP	BIT(24)
/* One page of which the device gets the middle, in the memory table. */
#define FENCE_GPA	0x4400000770ULL
#define FENCE_MARGIN	512
#define FENCE_ROOM	(PAGE - 2 * FENCE_MARGIN)
#define FENCE_MARK	0xc5
/* One page that is only there to be read, for devices that translate. */
#define READONLY_IOVA	0x5500000010ULL

enum {
	AREA_RINGS = 0,		/* VQ_MAX * VQ_PARTS of them */
	AREA_TABLES = VQ_MAX * VQ_PARTS,
	AREA_RX,
	AREA_TX,
	AREA_FENCE,
	AREAS,
};

/* Pages that operations may take away. */
struct area {
	char *at;
	size_t size;
	bool touched;
};

/* Numbered packets one way. */
struct passage {
	__u32 first, next;
	unsigned int seen;
	__u64 map[WORLD_SEQS / 64];
};

struct world {
	struct guest g;
	struct vq vq[VQ_LAYOUTS][VQ_MAX];
	struct backend backend[BACKENDS];
	struct wire wire[BACKENDS];
	unsigned int hdr_len[BACKENDS];
	bool tweaked[BACKENDS];		/* not as it was opened */
	int fd[FDS];
	struct area area[AREAS];
	char *fence, *readonly, *spare, *log;
	char *scratch[PROG_THREADS];
	unsigned int fence_region;

	const struct prog *prog;
	bool gentle;
	bool at_rest;		/* no more buffers are made available */
	unsigned int backend_now;
	struct passage out, in;
	bool full;		/* eventfds can't be signalled any more */
	bool estranged;		/* the device may be nobody's */
	__u64 seed;
	char failure[160];	/* what an oracle says, the first one */
};

int world_init(struct world *w);
void world_free(struct world *w);

/* Note what is wrong, unless something is already. Return: -EPROTO. */
int world_fail(struct world *w, const char *fmt, ...);

/* Mend all, take the program's guest, set the device up and start it. */
int world_begin(struct world *w, const struct prog *p);
/* Another file, the same number. */
int world_reopen(struct world *w);
/* Owner, features, memory and rings, whatever of it is there already. */
int world_setup(struct world *w);
int world_attach(struct world *w, unsigned int backend);
int world_attach_ring(struct world *w, unsigned int index,
		      unsigned int backend);
void world_detach(struct world *w);
/*
 * Does this backend go with the features that were agreed on, and with what is
 * to become of packets?
 */
bool world_backend_fits(const struct world *w, unsigned int backend);
unsigned int world_fitting(const struct world *w, unsigned int want);
/* Take a packet out of what waits there, in the device's place. */
ssize_t world_take_packet(struct world *w, unsigned int backend);
void world_touch(struct world *w, unsigned int area);
bool world_translates(const struct world *w);

/* Selectors; see addr_sel() in select.c for what they make of numbers. */
int fd_sel(const struct world *w, __u64 v);
__u64 addr_sel(const struct world *w, __u64 v);
void *user_sel(const struct world *w, __u64 v);
struct area *area_sel(struct world *w, __u64 v);
struct vq *vq_sel(struct world *w, __u64 v);

/* A memory table: 0 is the good one, others see select.c. */
int world_set_mem(struct world *w, __u64 kind);

#endif
