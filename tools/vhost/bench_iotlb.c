// SPDX-License-Identifier: GPL-2.0
/*
 * A guest with a strict IOMMU and its monitor, in one thread: each packet is
 * mapped, posted, asked for by the device, used, and unmapped.
 *
 * What a guest and a monitor would do at the same time is done here in turn,
 * so neither waits for the other: up to 64 packets are posted before a kick,
 * and all that the device asks for is answered before the ring is looked at.
 *
 * Where a buffer is mapped is plain from its address: to look it up, or to put
 * it into a table, would take longer than all that drivers differ in.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

#define RUN	64
#define IDLE_MS	100
#define IOVA	0x7f0000000000ULL

/* Buffers, a page each; which of them are free. */
static char *pages;
static unsigned int free_page[IOTLB_RING], nfree;
static bool mapped[IOTLB_RING];
/* Messages in a call. */
static unsigned int batch = 1;

/* A map that is not there can be unmapped twice. */
static bool takes_many(int fd)
{
	union iommu_msg m[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		iommu_msg(&m[i], false, VHOST_IOTLB_INVALIDATE, IOVA, PAGE,
			  NULL, 0);
	return iommu_write(fd, m, 2) == sizeof(m);
}

static int post_one(struct bench *b, unsigned int index)
{
	unsigned int i = free_page[--nfree];
	struct vq_seg seg = {
		.gpa = IOVA + (__u64)i * PAGE,
		.len = b->g.hdr_len + (index ? b->size : ETH_FRAME_LEN),
		.flags = index == VQ_RX ? VRING_DESC_F_WRITE : 0,
	};
	char *at = pages + i * PAGE;

	b->credit--;
	mapped[i] = true;
	return vq_add(&b->g.vq[index], &seg, 1, at);
}

static int post(struct bench *b, unsigned int index)
{
	int n, r = 0;

	for (n = 0; n < RUN && nfree && b->credit && !r; n++)
		r = post_one(b, index);
	if (n)
		vq_kick(&b->g.vq[index]);
	return r ? r : n;
}

static int tell(struct bench *b, const union iommu_msg *m, unsigned int n)
{
	unsigned int now;
	int r;

	for (; n; n -= now, m += now) {
		now = min_size(n, batch);
		r = iommu_write(b->g.fd, m, now);
		if (r != (int)(now * IOMMU_MSG))
			return bench_fail("message", r < 0 ? r : -EIO);
	}
	return 0;
}

/* Unmap what the device is done with. */
static int take_back(struct bench *b, unsigned int index)
{
	size_t len = index == VQ_RX ? b->g.hdr_len + b->size : 0;
	static union iommu_msg m[RUN];
	struct vq_used u;
	unsigned int i;
	int n, r = 0;

	for (n = 0; n < RUN; n++) {
		r = vq_get_used(&b->g.vq[index], &u);
		if (r <= 0)
			break;
		if (u.len != len)
			return bench_fail("length of a frame", -EPROTO);
		i = ((char *)u.cookie - pages) / PAGE;
		free_page[nfree++] = i;
		mapped[i] = false;
		iommu_msg(&m[n], false, VHOST_IOTLB_INVALIDATE,
			  IOVA + (__u64)i * PAGE, PAGE, NULL, 0);
	}
	if (n && r >= 0)
		r = tell(b, m, n);
	return r < 0 ? r : n;
}

/* Make an answer of what the device asks for: a buffer, or some of a ring. */
static bool answer(struct bench *b, union iommu_msg *m)
{
	const struct iommu *io = &b->g.io;
	__u64 iova = m->v2.iotlb.iova;
	size_t i = (iova - IOVA) / PAGE;

	if (iova >= IOVA && i < IOTLB_RING) {
		iommu_msg(m, false, VHOST_IOTLB_UPDATE, IOVA + i * PAGE, PAGE,
			  pages + i * PAGE, m->v2.iotlb.perm);
		return mapped[i];
	}
	for (i = 0; i < io->n; i++)
		if (iova - io->map[i].iova < io->map[i].size)
			break;
	if (i == io->n)
		return false;
	iommu_msg(m, false, VHOST_IOTLB_UPDATE, io->map[i].iova,
		  io->map[i].size, io->map[i].at, io->map[i].perm);
	return true;
}

/* Answer all that the device asks for now. */
static int serve(struct bench *b)
{
	static union iommu_msg m[RUN];
	int n, i, all = 0, r = 0;

	while (!r && (n = iommu_read(b->g.fd, m, batch)) > 0) {
		all += n;
		for (i = 0; i < n; i++)
			if (!answer(b, &m[i]))
				return bench_fail("unmapped", -EFAULT);
		r = tell(b, m, n);
	}
	return r ? r : n == -EAGAIN ? all : n;
}

/* Nothing to do before the device asks for something, or has used something. */
static void idle(struct bench *b, unsigned int index)
{
	struct vq *vq = &b->g.vq[index];
	struct pollfd p[2] = {
		{ .fd = b->g.fd, .events = POLLIN },
		{ .fd = vq->call, .events = POLLIN },
	};

	vq->ops->call_on(vq, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!vq_more_used(vq))
		poll(p, 2, IDLE_MS);
	vq->ops->call_off(vq);
	if (p[1].revents)
		vq->wakeups += eventfd_drain(vq->call);
}

static int turn(struct bench *b, unsigned int index)
{
	int n, posted, served;

	n = take_back(b, index);
	if (n < 0)
		return n;
	posted = post(b, index);
	served = posted < 0 ? posted : serve(b);
	if (served < 0)
		return bench_fail("monitor", served);
	if (!n && !posted && !served)
		idle(b, index);
	return n;
}

/* The frames stay in their pages for the whole run. */
static int fill(struct bench *b, unsigned int index)
{
	unsigned int i;

	if (pages)
		return 0;
	pages = guarded_map(IOTLB_RING * PAGE);
	if (!pages)
		return -ENOMEM;
	for (i = 0; i < IOTLB_RING; i++) {
		free_page[nfree++] = i;
		if (index == VQ_TX)
			memcpy(pages + i * PAGE + b->g.hdr_len, b->frame,
			       b->size);
	}
	return 0;
}

void bench_iotlb_fresh(struct bench *b)
{
	struct iommu *io = &b->g.io;

	iommu_stop(io);
	if (b->many && takes_many(io->fd))
		batch = RUN;
	b->fill = fill;
	b->turn = turn;
}
