// SPDX-License-Identifier: GPL-2.0
/*
 * Many short copies in one section of access to user memory.
 *
 * Inside of a section nothing may be called: hence the macros. The first word
 * of a copy may overlap the second one.
 *
 * That the addresses are those of user space was found out by vhost_copy_fits()
 * for each: the section begins behind all these checks, also in the eyes of a
 * processor that guesses.
 */
#include "copies.h"

#define unsafe_word_in(to, from, fault)					\
do {									\
	unsigned long _word;						\
									\
	unsafe_get_user(_word, (const unsigned long __user *)(from),	\
			fault);						\
	put_unaligned(_word, (unsigned long *)(to));			\
} while (0)

#define unsafe_word_out(to, from, fault)				\
	unsafe_put_user(get_unaligned((const unsigned long *)(from)),	\
			(unsigned long __user *)(to), fault)

/* Copy with one of the above. */
#define unsafe_words(word, to, from, len, fault)			\
do {									\
	const size_t _size = sizeof(unsigned long), _end = len;		\
	size_t _at, _step = (_end - 1) % _size + 1;			\
									\
	for (_at = 0; _at < _end; _at += _step, _step = _size)		\
		word((to) + _at, (from) + _at, fault);			\
} while (0)

/* One by one, where sections are none. */
static u16 each_in(const struct vhost_copy *copy, u16 i, u16 num)
{
	for (; i < num; i++)
		if (copy[i].theirs &&
		    copy_from_user(copy[i].ours, copy[i].theirs, copy[i].len))
			break;
	return i;
}

static u16 each_out(const struct vhost_copy *copy, u16 i, u16 num)
{
	for (; i < num; i++)
		if (copy[i].theirs &&
		    copy_to_user(copy[i].theirs, copy[i].ours, copy[i].len))
			break;
	return i;
}

/**
 * vhost_copies_in() - copy from the owner's memory
 * @copy: all the copies
 * @i: the first one to be done
 * @num: how many there are in @copy
 *
 * Context: in the owner's mm; may sleep on a page fault.
 * Return: the first one that can't be done, all before it are; or @num.
 */
u16 vhost_copies_in(const struct vhost_copy *copy, u16 i, u16 num)
{
	if (!VHOST_COPY_SECTIONS)
		return each_in(copy, i, num);
	if (i == num || !user_read_access_begin(copy[i].theirs, copy[i].len))
		return i;
	for (; i < num; i++)
		if (copy[i].theirs)
			unsafe_words(unsafe_word_in, copy[i].ours,
				     copy[i].theirs, copy[i].len, fault);
fault:
	user_read_access_end();
	return i;
}

/**
 * vhost_copies_out() - copy to the owner's memory
 * @copy: all the copies
 * @i: the first one to be done
 * @num: how many there are in @copy
 *
 * Context: in the owner's mm; may sleep on a page fault.
 * Return: the first one that can't be done, all before it are; or @num.
 */
u16 vhost_copies_out(const struct vhost_copy *copy, u16 i, u16 num)
{
	if (!VHOST_COPY_SECTIONS)
		return each_out(copy, i, num);
	if (i == num || !user_write_access_begin(copy[i].theirs, copy[i].len))
		return i;
	for (; i < num; i++)
		if (copy[i].theirs)
			unsafe_words(unsafe_word_out, copy[i].theirs,
				     copy[i].ours, copy[i].len, fault);
fault:
	user_write_access_end();
	return i;
}
