// SPDX-License-Identifier: GPL-2.0
/*
 * The least that a guest can do: its buffers stay as they are and where they
 * are, and are handed out again as they come back. Of a split ring, only the
 * index moves. Of a packed one, all of an entry but its address is written
 * anew, as the device has written there.
 */
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "bench.h"

/* How many of the buffers that are out have come back? */
static unsigned int split_back(const struct vq *vq)
{
	__u16 idx = __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE);

	return (__u16)(idx - vq->used_idx);
}

int (*bench_doorbell)(struct vq *vq);

/* The ring's own state is of no use here: nothing is to be published. */
static int kick(struct vq *vq)
{
	__u64 one = 1;

	vq->kicks++;
	if (bench_doorbell)
		return bench_doorbell(vq);
	return write(vq->kick, &one, sizeof(one)) == sizeof(one) ? 0 : -1;
}

void bench_kick(struct vq *vq)
{
	vq_publish(vq);
	kick(vq);
}

static void split_again(struct vq *vq, unsigned int n)
{
	vq->used_idx += n;
	vq->avail_idx += n;
	__atomic_store_n(&vq->avail->idx, vq->avail_idx, __ATOMIC_RELEASE);
	atomic_thread_fence(memory_order_seq_cst);
	if (!(__atomic_load_n(&vq->used->flags, __ATOMIC_RELAXED) &
	      VRING_USED_F_NO_NOTIFY))
		kick(vq);
}

static bool packed_is_used(const struct vq *vq, unsigned int slot, bool wrap)
{
	__u16 flags = __atomic_load_n(&vq->packed.desc[slot].flags,
				      __ATOMIC_ACQUIRE);

	return !!(flags & BIT(VRING_PACKED_DESC_F_USED)) == wrap &&
	       !!(flags & BIT(VRING_PACKED_DESC_F_AVAIL)) == wrap;
}

/* In which entry the buffer of that name is. */
static __u16 slot_of[1 << 16];

static void note_slots(const struct vq *vq)
{
	unsigned int i;

	for (i = 0; i < vq->num; i++)
		slot_of[vq->packed.shadow[i].id] = i;
}

/* An entry stands for all before it that were not seen to be used: in order. */
static unsigned int packed_back(struct vq *vq)
{
	struct vq_packed *p = &vq->packed;
	unsigned int n = 0, one, last;

	while (n < vq->num && packed_is_used(vq, p->used, p->used_wrap)) {
		last = slot_of[p->desc[p->used].id];
		one = (last + vq->num - p->used) % vq->num + 1;
		p->used += one;
		if (p->used >= vq->num) {
			p->used -= vq->num;
			p->used_wrap = !p->used_wrap;
		}
		n += one;
	}
	return n;
}

static void packed_again(struct bench *b, struct vq *vq, unsigned int n)
{
	struct vq_packed *p = &vq->packed;
	struct vring_packed_desc *first = &p->desc[p->avail], *d;
	__u16 flags, first_flags = 0;

	while (n--) {
		d = &p->desc[p->avail];
		d->id = p->shadow[p->avail].id;
		d->len = b->g.hdr_len + b->size;
		flags = p->avail_wrap ? BIT(VRING_PACKED_DESC_F_AVAIL) :
					BIT(VRING_PACKED_DESC_F_USED);
		if (d == first)
			first_flags = flags;
		else
			d->flags = flags;
		if (++p->avail == vq->num) {
			p->avail = 0;
			p->avail_wrap = !p->avail_wrap;
		}
	}
	__atomic_store_n(&first->flags, first_flags, __ATOMIC_RELEASE);
	atomic_thread_fence(memory_order_seq_cst);
	if (__atomic_load_n(&p->device->flags, __ATOMIC_RELAXED) !=
	    VRING_PACKED_EVENT_FLAG_DISABLE)
		kick(vq);
}

static int packed_blast(struct bench *b, struct vq *vq)
{
	/* What is back already, and was not enough to go on. */
	static unsigned int back;
	static bool noted;
	unsigned int n;

	if (!noted)
		note_slots(vq);
	noted = true;
	back += packed_back(vq);
	if (back < BENCH_BURST)
		return 0;
	n = back;
	back = 0;
	packed_again(b, vq, n);
	return n;
}

int bench_blast(struct bench *b, unsigned int index)
{
	struct vq *vq = &b->g.vq[index];
	unsigned int n;

	if (vq->cfg.layout == VQ_PACKED)
		return packed_blast(b, vq);
	n = split_back(vq);
	if (n < BENCH_BURST) {
		/* To whoever takes the frames. */
		if (b->socket)
			sched_yield();
		return 0;
	}
	split_again(vq, n);
	return n;
}

#define LOOKS	1000000000UL

int bench_take(struct bench *b, unsigned int n, __u64 *sent)
{
	struct vq *vq = &b->g.vq[VQ_RX];
	__u16 end = vq->used_idx + n;
	unsigned long looks = LOOKS;

	__atomic_store_n(&vq->avail->idx, end, __ATOMIC_RELEASE);
	if (kick(vq))
		return -1;
	while (__atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE) != end) {
		if (sent)
			*sent += bench_blast(b, VQ_TX);
		if (!looks--)
			return -1;
	}
	vq->used_idx = end;
	return 0;
}
