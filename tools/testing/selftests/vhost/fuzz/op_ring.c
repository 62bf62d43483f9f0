// SPDX-License-Identifier: GPL-2.0
/*
 * What guests write to their rings: good packets, and then anything.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "op.h"
#include "passage.h"

#define MAX_PARTS	8
#define LARGEST		1500
#define AVAIL		((__u16)BIT(VRING_PACKED_DESC_F_AVAIL))
#define USED		((__u16)BIT(VRING_PACKED_DESC_F_USED))

static bool is_packed(const struct vq *vq)
{
	return vq->cfg.layout == VQ_PACKED;
}

/* Shape of the next buffers of a ring: parts, of the header too, a table. */
static void set_shape(struct world *w, unsigned int q, __u64 k)
{
	w->g.cfg.shape[q] = (struct shape) {
		.hdr_parts = k >> 3 & 3,
		.data_parts = 1 + (k & 3) + (k >> 6 & 1) * 4,
		.indirect = k >> 2 & 1,
	};
}

/* arg: packets, length of the first, shape, kick or not */
static int op_tx(struct world *w, const struct op *op)
{
	unsigned int n = op->arg[0] % 24 + 1;
	size_t len = op->arg[1];
	int r = 0;

	set_shape(w, VQ_TX, op->arg[2]);
	for (; n-- && !r; len += 37)
		r = passage_send(w, FRAME_MIN + len % LARGEST);
	switch (op->arg[3] % 4) {
	case 0:
		vq_publish(&w->g.vq[VQ_TX]);
		break;
	case 1:
		vq_kick_always(&w->g.vq[VQ_TX]);
		break;
	default:
		vq_kick(&w->g.vq[VQ_TX]);
	}
	return r;
}

static int op_rx(struct world *w, const struct op *op)
{
	unsigned int n = op->arg[0] % 24 + 1;
	size_t len = op->arg[1];
	int r = 0;

	for (; n-- && !r; len += 37)
		r = passage_inject(w, FRAME_MIN + len % LARGEST);
	return r;
}

/* arg: buffers, size of each, shape, kick or not */
static int op_post(struct world *w, const struct op *op)
{
	int r;

	set_shape(w, VQ_RX, op->arg[2]);
	w->g.cfg.buf[VQ_RX] = 96 + op->arg[1] % (WORLD_BUF - 96);
	r = passage_post(w, op->arg[0] % 24 + 1);
	if (op->arg[3] % 4)
		vq_kick(&w->g.vq[VQ_RX]);
	else
		vq_publish(&w->g.vq[VQ_RX]);
	return r;
}

static int op_take(struct world *w, const struct op *op)
{
	(void)op;
	return passage_take(w);
}

/* Turns calls on for a while, with or without an event. */
static int op_call_on(struct world *w, const struct op *op)
{
	struct vq *vq = vq_sel(w, op->arg[0]);

	if (op->arg[1] & 1)
		vq->ops->call_on(vq, op->arg[1] >> 1 & 7);
	else
		vq->ops->call_off(vq);
	return 0;
}

static void kick(int fd, __u64 by)
{
	if (write(fd, &by, sizeof(by)) < 0)
		return;
}

static int op_kick(struct world *w, const struct op *op)
{
	unsigned int n = op->arg[1] % 64 + 1;

	while (n--)
		kick(vq_sel(w, op->arg[0])->kick, 1);
	return 0;
}

/* Numbers that leave the eventfd full, or that it does not take. */
static int op_kick_full(struct world *w, const struct op *op)
{
	static const __u64 by[] = { -2ULL, -1ULL, 0, BIT(63) };

	w->full = true;
	kick(vq_sel(w, op->arg[0])->kick, by[op->arg[1] % ARRAY_SIZE(by)]);
	return 0;
}

static __u16 make_flags(const struct vq *vq, __u64 f)
{
	__u16 flags = f & 7;

	/* The way that the ring goes, unless it is said otherwise. */
	if (!(f & 8))
		flags = (flags & ~VRING_DESC_F_WRITE) |
			(vq->index == VQ_RX ? VRING_DESC_F_WRITE : 0);
	if (f & 16)
		flags |= f >> 16;
	return flags;
}

/* arg: ring, slot, address, length, flags; next is in the flags' high half */
static int op_desc(struct world *w, const struct op *op)
{
	struct vq *vq = vq_sel(w, op->arg[0]);
	unsigned int i = op->arg[1] % vq->num;
	__u16 flags = make_flags(vq, op->arg[4]);

	if (is_packed(vq)) {
		struct vring_packed_desc *d = &vq->packed.desc[i];

		d->addr = addr_sel(w, op->arg[2]);
		d->len = op->arg[3];
		d->id = op->arg[4] >> 32;
		flags &= ~(AVAIL | USED);
		flags |= op->arg[4] & 32 ? AVAIL : 0;
		flags |= op->arg[4] & 64 ? USED : 0;
		__atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
		return 0;
	}
	vq->desc[i].addr = addr_sel(w, op->arg[2]);
	vq->desc[i].len = op->arg[3];
	vq->desc[i].flags = flags;
	vq->desc[i].next = op->arg[4] & 128 ? op->arg[4] >> 32 :
					      (i + 1) % vq->num;
	return 0;
}

/* Of a table in guest memory, where addresses of kind 6 are. */
static int op_table(struct world *w, const struct op *op)
{
	struct arena_region *r = &w->g.arena.region[REGION_RING];
	struct vring_desc *t = (void *)(r->hva);
	struct vq *vq = vq_sel(w, op->arg[0]);
	unsigned int i = op->arg[1] % 256;

	t[i].addr = addr_sel(w, op->arg[2]);
	t[i].len = op->arg[3];
	t[i].flags = make_flags(vq, op->arg[4]);
	t[i].next = op->arg[4] & 128 ? op->arg[4] >> 32 : i + 1;
	return 0;
}

/* Make the next entries available by hand: slots in a row, from @arg on. */
static int op_offer(struct world *w, const struct op *op)
{
	struct vq *vq = vq_sel(w, op->arg[0]);
	unsigned int i, n = op->arg[2] % 16 + 1, slot = op->arg[1];

	if (is_packed(vq)) {
		for (i = 0; i < n; i++) {
			struct vring_packed_desc *d =
				&vq->packed.desc[(slot + i) % vq->num];

			d->flags = (d->flags & ~(AVAIL | USED)) |
				   (op->arg[3] & 1 ? AVAIL : USED);
		}
		return 0;
	}
	for (i = 0; i < n; i++)
		vq->avail->ring[vq->avail_idx++ % vq->num] =
			op->arg[3] & 1 ? slot + i : (slot + i) % vq->num;
	__atomic_store_n(&vq->avail->idx, vq->avail_idx, __ATOMIC_RELEASE);
	return 0;
}

static void put_packed(struct vq *vq, const struct vring_packed_desc *d)
{
	struct vring_packed_desc *to = &vq->packed.desc[vq->packed.avail];

	*to = *d;
	to->flags |= vq->packed.avail_wrap ? AVAIL : USED;
	if (++vq->packed.avail < vq->num)
		return;
	vq->packed.avail = 0;
	vq->packed.avail_wrap = !vq->packed.avail_wrap;
}

/*
 * A chain where the device looks next, all of it at one place: no accident but
 * what is in it. arg: ring, address, length, flags, how many entries
 */
static int op_chain(struct world *w, const struct op *op)
{
	struct vq *vq = vq_sel(w, op->arg[0]);
	unsigned int i, n = op->arg[4] % 4 + 1, slot = vq->avail_idx;
	__u64 addr = addr_sel(w, op->arg[1]);
	__u16 next;

	for (i = 0; i < n; i++) {
		next = i + 1 < n ? VRING_DESC_F_NEXT : 0;
		next |= make_flags(vq, op->arg[3] & ~VRING_DESC_F_NEXT);
		if (is_packed(vq))
			put_packed(vq, &(struct vring_packed_desc) {
				addr, op->arg[2], slot, next & ~(AVAIL | USED),
			});
		else
			vq->desc[(slot + i) % vq->num] = (struct vring_desc) {
				addr, op->arg[2], next,
				(slot + i + 1) % vq->num,
			};
	}
	if (!is_packed(vq)) {
		vq->avail->ring[vq->avail_idx++ % vq->num] = slot % vq->num;
		__atomic_store_n(&vq->avail->idx, vq->avail_idx,
				 __ATOMIC_RELEASE);
	}
	if (vq->index == VQ_RX)
		passage_inject(w, 100);
	kick(vq->kick, 1);
	return 0;
}

/* The index, or what stands for it in a packed ring, jumps. */
static int op_jump(struct world *w, const struct op *op)
{
	struct vq *vq = vq_sel(w, op->arg[0]);
	__u16 by = op->arg[1];

	if (is_packed(vq)) {
		vq->packed.driver->off_wrap = by;
		vq->packed.driver->flags = op->arg[1] >> 16;
		return 0;
	}
	vq->avail_idx += by;
	__atomic_store_n(&vq->avail->idx, vq->avail_idx, __ATOMIC_RELEASE);
	if (op->arg[1] & BIT(16))
		vq->avail->flags = op->arg[1] >> 17;
	if (op->arg[1] & BIT(18))
		vq->avail->ring[vq->num] = op->arg[1] >> 20;
	return 0;
}

/* A word anywhere in one of the ring's parts. */
static int op_scribble(struct world *w, const struct op *op)
{
	struct vq *vq = vq_sel(w, op->arg[0]);
	size_t size, at;
	char *part;

	part = vq_part(vq, op->arg[1] % VQ_PARTS, &size);
	at = op->arg[2] % size;
	memcpy(part + at, &op->arg[3], min_size(sizeof(__u64), size - at));
	return 0;
}

static void blow_once(struct world *w, unsigned int q, __u64 *seed)
{
	struct op op = { .arg[0] = q };
	unsigned int i;

	for (i = 1; i < OP_ARGS; i++)
		op.arg[i] = rnd(seed);
	/* Addresses and lengths that work, mostly. */
	if (rnd(seed) % 4) {
		op.arg[2] &= 0xffffff;
		op.arg[3] %= FENCE_ROOM;
		op.arg[4] &= ~(8ULL | 16);
	}
	switch (rnd(seed) % 8) {
	case 0:
		op_table(w, &op);
		break;
	case 1:
		op_scribble(w, &op);
		break;
	case 2:
	case 3:
		op_offer(w, &op);
		break;
	default:
		op_desc(w, &op);
	}
}

/* arg: ring, seed, how long */
static int op_storm(struct world *w, const struct op *op)
{
	__u64 seed = op->arg[1];
	unsigned int n = op->arg[2] % 64 * 16 + 16;
	struct vq *vq = vq_sel(w, op->arg[0]);

	while (n--) {
		blow_once(w, op->arg[0], &seed);
		if (n % 32 == 0)
			kick(vq->kick, 1);
	}
	return 0;
}

/* What the device wrote, and relies on maybe. */
static int op_forge_used(struct world *w, const struct op *op)
{
	struct vq *vq = vq_sel(w, op->arg[0]);

	if (is_packed(vq)) {
		vq->packed.device->off_wrap = op->arg[1];
		vq->packed.device->flags = op->arg[1] >> 16;
		return 0;
	}
	vq->used->idx = op->arg[1];
	vq->used->flags = op->arg[1] >> 16;
	vq->used->ring[vq->num].id = op->arg[1] >> 32;
	return 0;
}

/* A header that says more than there is. */
static int op_header(struct world *w, const struct op *op)
{
	char *at = w->fence + FENCE_MARGIN + (op->arg[0] % 8) * 64;
	struct virtio_net_hdr h = {
		.flags = op->arg[1],
		.gso_type = op->arg[1] >> 8,
		.hdr_len = op->arg[2],
		.gso_size = op->arg[2] >> 16,
		.csum_start = op->arg[3],
		.csum_offset = op->arg[3] >> 16,
	};

	memcpy(at, &h, sizeof(h));
	memcpy(at + sizeof(h), &op->arg[4], sizeof(__u64));
	return 0;
}

const struct op_kind ops_ring[] = {
	{ "tx", "slik", 30, OP_GENTLE | OP_FIRST, op_tx },
	{ "rx", "sl", 20, OP_GENTLE | OP_FIRST, op_rx },
	{ "post", "slik", 20, OP_GENTLE | OP_FIRST, op_post },
	{ "take", "", 20, OP_GENTLE | OP_FIRST, op_take },
	{ "call_on", "qx", 8, OP_GENTLE | OP_FIRST, op_call_on },
	{ "kick", "qs", 10, OP_GENTLE, op_kick },
	{ "kick_full", "qk", 2, OP_LOSSY, op_kick_full },
	{ "desc", "qialf", 40, OP_LOSSY, op_desc },
	{ "chain", "qalfs", 40, OP_LOSSY | OP_FIRST, op_chain },
	{ "table", "qialf", 16, OP_LOSSY, op_table },
	{ "offer", "qisk", 30, OP_LOSSY, op_offer },
	{ "jump", "qx", 8, OP_LOSSY, op_jump },
	{ "scribble", "qkou", 10, OP_LOSSY, op_scribble },
	{ "storm", "qxs", 6, OP_LOSSY, op_storm },
	{ "forge_used", "qx", 6, OP_LOSSY, op_forge_used },
	{ "header", "iuvvu", 10, OP_LOSSY, op_header },
	{}
};
