/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way from a guest's address to the owner's memory that all data takes.
 */
#ifndef VHOST_XLATE_H
#define VHOST_XLATE_H

#include "mem.h"
#include "vhost.h"

/**
 * vhost_xlate() - translate one descriptor's memory
 * @vq: whose guest
 * @gpa: where it starts
 * @len: bytes, not 0
 * @perm: what is to be done with it, VHOST_ACCESS_...
 * @iov: where to write the segments
 * @max: entries of @iov
 *
 * Without an IOTLB, the region found last is tried first: buffers of one ring
 * mostly lie in one region.
 *
 * Context: under vq->mutex.
 * Return: segments written, -EFAULT without memory, -ENOBUFS without room;
 * with an IOTLB also -EPERM, and -EAGAIN if the translation has to come first.
 */
static inline int vhost_xlate(struct vhost_vq *vq, struct vhost_gpa gpa,
			      u32 len, u8 perm, struct iovec *iov, int max)
{
	const struct vhost_region *r = vq->last_region;
	u64 off;

	if (unlikely(vq->iotlb))
		return vhost_iotlb_xlate(vq, gpa, len, perm, iov, max);
	if (unlikely(!r))
		goto search;
	/* Wraps to a large number for an address below the region. */
	off = gpa.addr - r->first;
	if (unlikely(off > r->last - r->first ||
		     r->last - r->first - off < len - 1))
		goto search;
	if (unlikely(!max))
		return -ENOBUFS;

	iov->iov_base = (void __user *)(unsigned long)(r->hva + off);
	iov->iov_len = len;
	return 1;

search:
	r = vhost_mem_find(vq->mem, gpa);
	vq->last_region = r;
	return vhost_mem_segments(vq->mem, r, gpa, len, iov, max);
}

#endif
