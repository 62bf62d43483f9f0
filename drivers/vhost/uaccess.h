/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only way to ring memory and other structures (indirect tables, headers)
 * that the guest can change at any moment.
 *
 * Each word is read exactly once, into a variable of the driver's own, and
 * checked there. Single words go through get_user() and put_user(), which
 * check the address themselves and need no speculation barrier; runs of
 * entries are copied whole.
 *
 * Context: a thread that uses the owner's mm; may sleep on a page fault.
 * Return: 0 or -EFAULT.
 */
#ifndef VHOST_UACCESS_H
#define VHOST_UACCESS_H

#include <linux/uaccess.h>
#include <linux/virtio_byteorder.h>

#include "ring.h"

static inline u16 vhost16_to_cpu(const struct vhost_ring *ring, __virtio16 val)
{
	return __virtio16_to_cpu(ring->little_endian, val);
}

static inline u32 vhost32_to_cpu(const struct vhost_ring *ring, __virtio32 val)
{
	return __virtio32_to_cpu(ring->little_endian, val);
}

static inline u64 vhost64_to_cpu(const struct vhost_ring *ring, __virtio64 val)
{
	return __virtio64_to_cpu(ring->little_endian, val);
}

static inline __virtio16 vhost_cpu_to_16(const struct vhost_ring *ring, u16 val)
{
	return __cpu_to_virtio16(ring->little_endian, val);
}

/* One 16-bit field, @at bytes into a part of the ring. */
static inline int vhost_ring_get16(const struct vhost_ring *ring,
				   enum vhost_part part, u32 at, u16 *val)
{
	const struct vhost_area *area = &ring->parts[part];
	__virtio16 word;
	int err;

	if (likely(area->base))
		err = get_user(word, (__virtio16 __user *)(area->base + at));
	else
		err = vhost_area_get16_pieces(area, at, &word);
	if (unlikely(err))
		return -EFAULT;
	*val = vhost16_to_cpu(ring, word);
	return 0;
}

static inline int vhost_ring_put16(const struct vhost_ring *ring,
				   enum vhost_part part, u32 at, u16 val)
{
	const struct vhost_area *area = &ring->parts[part];
	__virtio16 word = vhost_cpu_to_16(ring, val);

	if (likely(area->base))
		return put_user(word, (__virtio16 __user *)(area->base + at));
	return vhost_area_put16_pieces(area, at, word);
}

static inline int vhost_copy_in(void *to, const void __user *from,
				size_t size)
{
	return unlikely(copy_from_user(to, from, size)) ? -EFAULT : 0;
}

static inline int vhost_copy_out(void __user *to, const void *from,
				 size_t size)
{
	return unlikely(copy_to_user(to, from, size)) ? -EFAULT : 0;
}

#endif
