/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One part of a ring: a range of bytes that the guest and the device share.
 *
 * Without an IOTLB the owner says where it is, and it is in one piece. With
 * one, what the owner says is an address to be translated, and the part may
 * lie in many pieces; mostly it does not, and then it is used the same way.
 */
#ifndef VHOST_AREA_H
#define VHOST_AREA_H

#include <linux/types.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/virtio_types.h>

/**
 * struct vhost_area - one part of a ring
 * @base: where it is in the owner's memory, if in one piece; else NULL
 * @addr: where the owner said it is
 * @size: bytes
 * @num: entries of @pieces; 0 if translation was not needed or not done
 * @pieces: where the pieces are, if there are several
 *
 * @addr and @size change under device->mutex and the vq's mutex, so holding
 * either is enough to read them. All else is protected by the vq's mutex.
 */
struct vhost_area {
	void __user *base;
	u64 addr;
	u32 size;
	u32 num;
	struct iovec *pieces;
};

/* area.c APIs: */
void vhost_area_forget(struct vhost_area *area);
bool vhost_area_valid(const struct vhost_area *area);
int vhost_area_set(struct vhost_area *area, const struct iovec *pieces,
		   u32 num);
int vhost_area_read_pieces(const struct vhost_area *area, u32 at, void *to,
			   u32 len);
int vhost_area_write_pieces(const struct vhost_area *area, u32 at,
			    const void *from, u32 len);

int vhost_area_get16_pieces(const struct vhost_area *area, u32 at,
			    __virtio16 *word);
int vhost_area_put16_pieces(const struct vhost_area *area, u32 at,
			    __virtio16 word);

static inline bool vhost_area_mapped(const struct vhost_area *area)
{
	return area->base || area->num;
}

/**
 * vhost_area_read() - copy from a part of a ring
 * @area: the part
 * @at: where to begin
 * @to: where to copy to
 * @len: bytes; @at + @len is within the part
 *
 * Context: under the vq's mutex, in the owner's mm.
 * Return: 0 or -EFAULT.
 */
static inline int vhost_area_read(const struct vhost_area *area, u32 at,
				  void *to, u32 len)
{
	if (unlikely(!area->base))
		return vhost_area_read_pieces(area, at, to, len);
	return unlikely(copy_from_user(to, area->base + at, len)) ? -EFAULT : 0;
}

/**
 * vhost_area_write() - copy to a part of a ring
 * @area: the part
 * @at: where to begin
 * @from: where to copy from
 * @len: bytes; @at + @len is within the part
 *
 * Context: under the vq's mutex, in the owner's mm.
 * Return: 0 or -EFAULT.
 */
static inline int vhost_area_write(const struct vhost_area *area, u32 at,
				   const void *from, u32 len)
{
	if (unlikely(!area->base))
		return vhost_area_write_pieces(area, at, from, len);
	return unlikely(copy_to_user(area->base + at, from, len)) ? -EFAULT : 0;
}

#endif
