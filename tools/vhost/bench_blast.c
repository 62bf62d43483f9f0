// SPDX-License-Identifier: GPL-2.0
/*
 * The least that a guest can do: its buffers stay as they are and where they
 * are, and are handed out again as they come back. Only the index moves.
 */
#include <stdatomic.h>
#include <unistd.h>

#include "bench.h"

/* How many of the buffers that are out have come back? */
static unsigned int split_back(const struct vq *vq)
{
	__u16 idx = __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE);

	return (__u16)(idx - vq->used_idx);
}

static void split_again(struct vq *vq, unsigned int n)
{
	vq->used_idx += n;
	vq->avail_idx += n;
	__atomic_store_n(&vq->avail->idx, vq->avail_idx, __ATOMIC_RELEASE);
	atomic_thread_fence(memory_order_seq_cst);
	if (!(__atomic_load_n(&vq->used->flags, __ATOMIC_RELAXED) &
	      VRING_USED_F_NO_NOTIFY))
		vq_kick_always(vq);
}

int bench_blast(struct bench *b, unsigned int index)
{
	struct vq *vq = &b->g.vq[index];
	unsigned int n = split_back(vq);

	if (n < BENCH_BURST)
		return 0;
	split_again(vq, n);
	return n;
}

#define LOOKS	1000000000UL

int bench_take(struct bench *b, unsigned int n)
{
	struct vq *vq = &b->g.vq[VQ_RX];
	__u16 end = vq->used_idx + n;
	unsigned long looks = LOOKS;
	__u64 one = 1;

	__atomic_store_n(&vq->avail->idx, end, __ATOMIC_RELEASE);
	if (write(vq->kick, &one, sizeof(one)) != sizeof(one))
		return -1;
	while (__atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE) != end)
		if (!looks--)
			return -1;
	vq->used_idx = end;
	return 0;
}
