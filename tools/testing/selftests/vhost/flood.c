// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "flood.h"

#define STEP		8
#define ROOM		1536	/* for what is received */

static __u16 load(const __virtio16 *p)
{
	return __atomic_load_n((const __u16 *)p, __ATOMIC_ACQUIRE);
}

static void store(__virtio16 *p, __u16 value)
{
	__atomic_store_n((__u16 *)p, value, __ATOMIC_RELEASE);
}

unsigned int flood_restart(struct guest *g, unsigned int index)
{
	struct vq *vq = &g->vq[index];
	__u16 now = load(&vq->avail->idx);

	store(&vq->used->idx, now);
	return now;
}

/* Every entry of the ring names a buffer of its own, for good. */
static int fill_ring(struct guest *g, struct vq *vq)
{
	bool rx = vq->index == VQ_RX;
	size_t len = g->hdr_len + (rx ? ROOM : ETH_ZLEN);
	unsigned int i;
	struct buf *b;

	for (i = 0; i < vq->num; i++) {
		b = pool_get(&g->pool[vq->index]);
		if (!b)
			return -ENOSPC;
		memset(b->base, 0, g->hdr_len);
		if (!rx)
			frame_build(b->base + g->hdr_len, ETH_ZLEN,
				    FRAME_TO_HOST, i);
		vq->desc[i] = (struct vring_desc) {
			.addr = arena_bus(&g->arena, b->base),
			.len = len,
			.flags = rx ? VRING_DESC_F_WRITE : 0,
		};
		vq->avail->ring[i] = i;
	}
	return 0;
}

static void step(struct vq *vq)
{
	__u16 avail = load(&vq->avail->idx);

	/* A ring without a device has room all the same, but no more. */
	if ((__u16)(avail - load(&vq->used->idx)) > vq->num / 2)
		return;
	store(&vq->avail->idx, avail + STEP);
	eventfd_write(vq->kick, 1);
}

static void flood_call(struct caller *c, unsigned int i)
{
	struct flood *f = c->arg;
	unsigned int seen = 0;
	char frame[ETH_ZLEN];
	__u32 seq;
	int len;

	step(&f->g->vq[VQ_TX]);
	step(&f->g->vq[VQ_RX]);
	frame_build(frame, sizeof(frame), FRAME_TO_GUEST, i);
	wire_send(&f->g->wire, frame, sizeof(frame), NULL);
	do {
		len = wire_recv(&f->g->wire, frame, sizeof(frame), NULL, 0);
		seen += len > 0 && frame_intact(frame, len, &seq);
	} while (len > 0);
	__atomic_fetch_add(&f->seen, seen, __ATOMIC_RELAXED);
	/* Others want a turn where there is one processor. */
	if (i % 16 == 0)
		pause_ms(1);
}

int flood_start(struct flood *f, struct guest *g)
{
	int r = 0, i;

	*f = (struct flood) { .g = g };
	for (i = 0; i < VQ_MAX && !r; i++)
		r = fill_ring(g, &g->vq[i]);
	return r ? r : caller_start(&f->caller, f, flood_call);
}

unsigned int flood_seen(const struct flood *f)
{
	return __atomic_load_n(&f->seen, __ATOMIC_RELAXED);
}

void flood_end(struct flood *f)
{
	caller_end(&f->caller);
}
