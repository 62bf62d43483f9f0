// SPDX-License-Identifier: GPL-2.0
/*
 * Parts of a ring that lie in several pieces, and what holds them.
 */
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "area.h"

/**
 * vhost_area_forget() - drop what is known of where a part lies
 * @area: the part; what the owner said of it stays
 */
void vhost_area_forget(struct vhost_area *area)
{
	kvfree(area->pieces);
	area->pieces = NULL;
	area->num = 0;
	area->base = NULL;
}

/**
 * vhost_area_valid() - can a part be the owner's memory as it is?
 * @area: the part, whose address needs no translation
 *
 * Return: false if some of it reaches out of user space.
 */
bool vhost_area_valid(const struct vhost_area *area)
{
	return area->addr <= ULONG_MAX &&
	       access_ok((void __user *)(unsigned long)area->addr, area->size);
}

static bool in_one_piece(const struct iovec *pieces, u32 num)
{
	u32 i;

	for (i = 1; i < num; i++)
		if (pieces[i - 1].iov_base + pieces[i - 1].iov_len !=
		    pieces[i].iov_base)
			return false;
	return true;
}

/**
 * vhost_area_set() - say where a part lies
 * @area: the part, not mapped
 * @pieces: where its pieces lie, @area->size bytes together
 * @num: how many, at least 1
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int vhost_area_set(struct vhost_area *area, const struct iovec *pieces, u32 num)
{
	if (pieces->iov_base && in_one_piece(pieces, num)) {
		area->base = pieces->iov_base;
		return 0;
	}
	area->pieces = kvmalloc_array(num, sizeof(*pieces), GFP_KERNEL_ACCOUNT);
	if (!area->pieces)
		return -ENOMEM;
	memcpy(area->pieces, pieces, num * sizeof(*pieces));
	area->num = num;
	return 0;
}

/* The next of the pieces that hold @len bytes from @at on. */
static u32 next_piece(const struct vhost_area *area, u32 *i, u32 *at, u32 len,
		      void __user **where)
{
	while (*i < area->num && *at >= area->pieces[*i].iov_len)
		*at -= area->pieces[(*i)++].iov_len;
	if (*i == area->num)
		return 0;
	*where = area->pieces[*i].iov_base + *at;
	len = min_t(size_t, len, area->pieces[*i].iov_len - *at);
	*at += len;
	return len;
}

/**
 * vhost_area_read_pieces() - the slow half of vhost_area_read()
 * @area: the part
 * @at: where to begin
 * @to: where to copy to
 * @len: bytes
 *
 * Return: 0, or -EFAULT also if the part is not mapped.
 */
int vhost_area_read_pieces(const struct vhost_area *area, u32 at, void *to,
			   u32 len)
{
	void __user *from;
	u32 i = 0, n;

	while (len) {
		n = next_piece(area, &i, &at, len, &from);
		if (!n || copy_from_user(to, from, n))
			return -EFAULT;
		to += n;
		len -= n;
	}
	return 0;
}

/**
 * vhost_area_write_pieces() - the slow half of vhost_area_write()
 * @area: the part
 * @at: where to begin
 * @from: where to copy from
 * @len: bytes
 *
 * Return: 0, or -EFAULT also if the part is not mapped.
 */
int vhost_area_write_pieces(const struct vhost_area *area, u32 at,
			    const void *from, u32 len)
{
	void __user *to;
	u32 i = 0, n;

	while (len) {
		n = next_piece(area, &i, &at, len, &to);
		if (!n || copy_to_user(to, from, n))
			return -EFAULT;
		from += n;
		len -= n;
	}
	return 0;
}

/* One that is cut in two can't be read or written at once: none is, then. */
static __virtio16 __user *find16(const struct vhost_area *area, u32 at)
{
	void __user *where;
	u32 i = 0;

	if (next_piece(area, &i, &at, sizeof(__virtio16), &where) !=
	    sizeof(__virtio16))
		return NULL;
	return where;
}

/**
 * vhost_area_get16_pieces() - read a 16-bit field of a part in pieces
 * @area: the part
 * @at: where the field is
 * @word: where to write it
 *
 * Return: 0, or -EFAULT also if the part is not mapped, or if the field lies
 * in two pieces.
 */
int vhost_area_get16_pieces(const struct vhost_area *area, u32 at,
			    __virtio16 *word)
{
	__virtio16 __user *from = find16(area, at);

	return from ? get_user(*word, from) : -EFAULT;
}

/**
 * vhost_area_put16_pieces() - write a 16-bit field of a part in pieces
 * @area: the part
 * @at: where the field is
 * @word: what to write
 *
 * Return: as vhost_area_get16_pieces().
 */
int vhost_area_put16_pieces(const struct vhost_area *area, u32 at,
			    __virtio16 word)
{
	__virtio16 __user *to = find16(area, at);

	return to ? put_user(word, to) : -EFAULT;
}
