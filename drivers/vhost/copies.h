/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Many short copies from or to the owner's memory, where there are sections of
 * access to it: all in one. To begin a section costs as much as such a copy
 * does, and the processor can't look beyond it to where the next one lies.
 */
#ifndef VHOST_COPIES_H
#define VHOST_COPIES_H

#include <linux/kconfig.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>

/* Up to here words are copied faster than by the processor's own means. */
#define VHOST_COPY_MAX	256
#define VHOST_COPY_MIN	sizeof(unsigned long)

/**
 * struct vhost_copy - a copy that was put off
 * @theirs: the owner's memory; NULL for one that is not to be done
 * @ours: the driver's
 * @len: bytes; of one that is to be done, as vhost_copy_fits() wants them
 */
struct vhost_copy {
	void __user *theirs;
	void *ours;
	size_t len;
};

/* Does more than a word at a time fit between the ends of a section? */
#define VHOST_COPY_SECTIONS						\
	(IS_ENABLED(CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS) &&		\
	 (IS_ENABLED(CONFIG_X86) || IS_ENABLED(CONFIG_PPC)))

/*
 * May a copy be put off? Only who was told so may put it off: when it is done,
 * nobody asks again whether its address is one of user space.
 */
static inline bool vhost_copy_fits(const void __user *theirs, size_t len)
{
	return len <= VHOST_COPY_MAX && len >= VHOST_COPY_MIN &&
	       access_ok(theirs, len);
}

/**
 * vhost_copy_words() - copy a little memory of the driver's own
 * @to: where to
 * @from: where from
 * @len: bytes, at least VHOST_COPY_MIN
 *
 * For what memcpy() does by string instructions, which take long to begin.
 */
static inline void vhost_copy_words(void *to, const void *from, size_t len)
{
	const size_t last = len - sizeof(unsigned long);
	size_t at;

	for (at = 0; at < last; at += sizeof(unsigned long))
		put_unaligned(get_unaligned((const unsigned long *)(from + at)),
			      (unsigned long *)(to + at));
	put_unaligned(get_unaligned((const unsigned long *)(from + last)),
		      (unsigned long *)(to + last));
}

/* copies.c APIs: */
u16 vhost_copies_in(const struct vhost_copy *copy, u16 i, u16 num);
u16 vhost_copies_out(const struct vhost_copy *copy, u16 i, u16 num);

#endif
