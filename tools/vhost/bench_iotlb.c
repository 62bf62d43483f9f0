// SPDX-License-Identifier: GPL-2.0
/*
 * A guest with a strict IOMMU and its monitor, in one thread: each packet is
 * mapped, posted, asked for by the device, used, and unmapped.
 *
 * What a guest and a monitor would do at the same time is done here in turn,
 * so neither waits for the other: up to 64 packets are posted before a kick,
 * and all that the device asks for is answered before the ring is looked at.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define RUN	64
#define IOVA	0x7f0000000000ULL

/* Buffers, a page each; which of them are free. */
static char *pages;
static unsigned int free_page[IOTLB_RING], nfree;

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
		.gpa = IOVA + i * PAGE,
		.len = b->g.hdr_len + (index ? b->size : ETH_FRAME_LEN),
		.flags = index == VQ_RX ? VRING_DESC_F_WRITE : 0,
	};
	char *at = pages + i * PAGE;
	int r;

	b->credit--;
	r = iommu_map(&b->g.io, seg.gpa, at, PAGE,
		      index ? VHOST_ACCESS_RO : VHOST_ACCESS_WO);
	return r ? r : vq_add(&b->g.vq[index], &seg, 1, at);
}

static int post(struct bench *b, unsigned int index)
{
	int n, r = 0;

	for (n = 0; n < RUN && nfree && b->credit && !r; n++)
		r = post_one(b, index);
	if (n)
		vq_kick(&b->g.vq[index]);
	return r;
}

/* Unmap what the device is done with. */
static int take_back(struct bench *b, unsigned int index)
{
	size_t len = index == VQ_RX ? b->g.hdr_len + b->size : 0;
	__u64 iova[RUN];
	struct vq_used u;
	int n, r = 0;

	for (n = 0; n < RUN; n++) {
		r = vq_get_used(&b->g.vq[index], &u);
		if (r <= 0)
			break;
		if (u.len != len)
			return bench_fail("length of a frame", -EPROTO);
		free_page[nfree] = ((char *)u.cookie - pages) / PAGE;
		iova[n] = IOVA + free_page[nfree++] * PAGE;
	}
	if (n && r >= 0)
		r = iommu_unmap_many(&b->g.io, iova, n, PAGE);
	return r < 0 ? r : n;
}

static int turn(struct bench *b, unsigned int index)
{
	int n, r;

	n = take_back(b, index);
	if (n < 0)
		return n;
	r = post(b, index);
	if (!r)
		r = iommu_serve(&b->g.io);
	if (r < 0)
		return bench_fail("monitor", r);
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
	io->cfg.batch = b->many && takes_many(io->fd) ? RUN : 1;
	b->fill = fill;
	b->turn = turn;
}
