/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The dirty log: a bitmap in the owner's memory, with a bit for each page of
 * guest memory that the device has written to. The owner clears bits while we
 * set them, and copies pages whose bit it found set.
 *
 * So a bit is set after the page was written: the other way round the owner
 * could find the bit, copy the page, and never look again.
 */
#ifndef VHOST_LOG_H
#define VHOST_LOG_H

#include <linux/bits.h>
#include <linux/types.h>
#include <linux/uio.h>

#include "ring.h"

struct eventfd_ctx;
struct vhost_mem;
struct vhost_vq;

/**
 * struct vhost_log - what one ring knows of the dirty log
 * @base: the owner's address of the bitmap
 * @used_addr: guest address of the used ring
 * @data: writes to buffers are logged: VHOST_F_LOG_ALL
 * @used: writes to the ring itself are logged: VHOST_VRING_F_LOG
 * @wrote: something was logged since the owner was last told
 * @mask: bits that are to be set in @word
 * @word: the owner's address of 32 bits of the bitmap
 * @ctx: to be signalled when something was logged; belongs to the device
 *
 * Neighbouring buffers have their bits in one word: they are collected until
 * another word's turn comes, or the guest is shown its buffers.
 *
 * Protected by vq->mutex.
 */
struct vhost_log {
	unsigned long base;
	u64 used_addr;
	bool data;
	bool used;
	bool wrote;
	u32 mask;
	unsigned long word;
	struct eventfd_ctx *ctx;
};

/* log.c APIs: */
bool vhost_log_covers(unsigned long base, u64 first, u64 last);
bool vhost_log_covers_mem(unsigned long base, const struct vhost_mem *mem);
bool vhost_log_covers_used(const struct vhost_vq *vq, unsigned long base);
void vhost_log_iov(struct vhost_vq *vq, const struct iovec *iov, int num,
		   size_t len);
void vhost_log_used_range(struct vhost_vq *vq, enum vhost_part part, u32 at,
			  u32 len);
void vhost_log_flush(struct vhost_vq *vq, bool tell);

/*
 * The 32 bits that a page's bit of the bitmap is in, and which of them it is:
 * the bitmap may begin anywhere. The owner sees words of its own size, which
 * matters where these begin with their highest byte.
 */
static inline unsigned long vhost_log_word(unsigned long base, u64 page,
					   u32 *bit)
{
	unsigned long byte = base + page / 8;

#ifdef __BIG_ENDIAN
	unsigned long first = page & ~(u64)(BITS_PER_LONG - 1);

	byte = base + first / 8 +
	       (BITS_PER_LONG - 1 - page % BITS_PER_LONG) / 8;
	*bit = (3 - byte % 4) * 8 + page % 8;
#else
	*bit = byte % 4 * 8 + page % 8;
#endif
	return byte & ~3UL;
}

#endif
