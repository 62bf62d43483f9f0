/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A buffer as the guest gave it: a chain of descriptors, turned into segments
 * of the owner's memory. Chains know nothing of ring formats: the format code
 * feeds them one descriptor after the other.
 */
#ifndef VHOST_CHAIN_H
#define VHOST_CHAIN_H

#include <linux/uio.h>
#include "stats.h"

struct vhost_vq;
struct vhost_gpa;

/**
 * struct vhost_chain - one buffer
 * @iov: where to write segments; readable ones come first, then writable ones
 * @max: entries of @iov
 * @num: entries of @iov in use
 * @slots: entries of the ring that the buffer takes
 * @descs: descriptors looked at, also those without any bytes
 * @out: how many of them the device may read
 * @out_len: bytes in the readable segments
 * @in_len: bytes in the writable segments
 * @id: what the guest calls the buffer, to be given back
 * @missing: translations of it are missing and were asked for
 * @bad: why the buffer can't be used, if vhost_ring_next() says so
 *
 * The caller of vhost_ring_next() sets @iov and @max.
 */
struct vhost_chain {
	struct iovec *iov;
	u16 max;
	u16 num;
	u16 slots;
	u16 descs;
	u16 out;
	u16 id;
	u64 out_len;
	u64 in_len;
	bool missing;
	enum vhost_reason bad;
};

/* chain.c APIs: */
void vhost_chain_start(struct vhost_chain *chain, u16 id);
int vhost_chain_add(struct vhost_vq *vq, struct vhost_chain *chain,
		    struct vhost_gpa addr, u32 len, bool writable);
int vhost_chain_fail(struct vhost_chain *chain, enum vhost_reason why);
int vhost_copy_from_gpa(struct vhost_vq *vq, void *to, struct vhost_gpa gpa,
			u32 len);

#endif
