// SPDX-License-Identifier: GPL-2.0
/*
 * Messages of a device that translates, or of one that does not.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "op.h"
#include "passage.h"

/* Sizes that no map outgrows what may be written to. */
static __u64 size_sel(__u64 v)
{
	static const __u64 size[] = {
		PAGE, SCRATCH, 1, 0, 64, 2 * PAGE, -1ULL, BIT(63), 100,
		PAGE - 1,
	};

	return size[v % ARRAY_SIZE(size)];
}

/* The page that is there to be read is never given for more. */
static void fill_msg(struct world *w, union iommu_msg *m, const __u64 *arg)
{
	__u64 iova = addr_sel(w, arg[1]);
	char *at = user_sel(w, arg[2]);
	__u8 perm = arg[3];

	if (arg[0] & 0x100) {
		iova = READONLY_IOVA;
		at = w->readonly;
		perm = VHOST_ACCESS_RO;
	}
	iommu_msg(m, arg[0] & 0x200, arg[0] & 7, iova,
		  arg[0] & 0x100 ? PAGE : size_sel(arg[3] >> 8), at, perm);
	if (arg[0] & 0x400)
		m->type = arg[3] >> 16;
}

/* arg: kind, address, place, size and permission, cut off how much */
static int op_iotlb(struct world *w, const struct op *op)
{
	union iommu_msg m;
	size_t len = sizeof(m);

	fill_msg(w, &m, op->arg);
	if (op->arg[4] & 1)
		len = op->arg[4] >> 1 & 127;
	return write(w->g.fd, &m, min_size(len, sizeof(m))) < 0 ? -errno : 0;
}

/* Many in one call, some of them bad. */
static int op_iotlb_batch(struct world *w, const struct op *op)
{
	union iommu_msg *m = (void *)w->scratch[op->thread];
	unsigned int i, n = op->arg[0] % 128 + 1;
	__u64 seed = op->arg[1], arg[4];

	for (i = 0; i < n; i++) {
		arg[0] = VHOST_IOTLB_UPDATE + rnd(&seed) % 2;
		if (rnd(&seed) % 64 == 0)
			arg[0] = rnd(&seed);
		arg[1] = rnd(&seed);
		arg[2] = rnd(&seed);
		arg[3] = rnd(&seed) << 8 | (rnd(&seed) % 4);
		fill_msg(w, &m[i], arg);
	}
	return write(w->g.fd, m, n * sizeof(*m) - op->arg[2] % 2 * 40) < 0 ?
		-errno : 0;
}

/* Take translations back; they are asked for again, and given. */
static int op_iotlb_drop(struct world *w, const struct op *op)
{
	const struct arena *a = &w->g.arena;
	const struct arena_region *r = &a->region[op->arg[0] % a->n];
	size_t size;

	if (op->arg[0] & 8) {
		uintptr_t at = (uintptr_t)vq_part(vq_sel(w, op->arg[0] >> 4),
						  op->arg[0] % VQ_PARTS, &size);

		return iommu_invalidate(w->g.fd, at, size);
	}
	if (op->arg[0] & 16)
		return iommu_invalidate(w->g.fd, 0, -1ULL);
	return iommu_invalidate(w->g.fd, r->gpa + op->arg[1] % r->size, PAGE);
}

static int op_iotlb_serve(struct world *w, const struct op *op)
{
	(void)op;
	passage_serve(w);
	return 0;
}

static int op_iotlb_push(struct world *w, const struct op *op)
{
	const struct arena *a = &w->g.arena;
	const struct arena_region *r = &a->region[op->arg[0] % a->n];

	return iommu_push(&w->g.io, r->gpa, r->size);
}

/* arg: how much, where to */
static int op_read(struct world *w, const struct op *op)
{
	void *to = op->arg[1] & 1 ? user_sel(w, op->arg[1]) :
				    w->scratch[op->thread];

	return read(w->g.fd, to, op->arg[0] % SCRATCH) < 0 ? -errno : 0;
}

static int op_poll(struct world *w, const struct op *op)
{
	struct pollfd p = { .fd = w->g.fd, .events = op->arg[0] };

	return poll(&p, 1, 0) < 0 ? -errno : p.revents;
}

const struct op_kind ops_iotlb[] = {
	{ "iotlb", "xaoxx", 10, OP_LOSSY, op_iotlb },
	{ "iotlb_batch", "sxk", 4, OP_LOSSY, op_iotlb_batch },
	{ "iotlb_drop", "xo", 10, OP_GENTLE, op_iotlb_drop },
	{ "iotlb_serve", "", 12, OP_GENTLE, op_iotlb_serve },
	{ "iotlb_push", "k", 3, OP_GENTLE, op_iotlb_push },
	{ "read", "lx", 3, OP_LOSSY, op_read },
	{ "poll", "x", 2, OP_GENTLE, op_poll },
	{}
};
