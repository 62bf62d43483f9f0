// SPDX-License-Identifier: GPL-2.0
/*
 * Setting bits in the dirty log.
 *
 * What is written is known by its address in the owner's memory. That can be
 * several addresses for the guest: two regions of the memory table may share
 * memory, and then all pages in which the guest can see the change are dirty.
 * The used part of a ring is the exception: without an IOTLB the owner says
 * under which address it is to be logged. Of a packed ring that is the device's
 * events; its entries are logged as buffers are.
 */
#include <linux/eventfd.h>
#include <linux/futex.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/pagemap.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>
#include <asm/futex.h>

#include "log.h"
#include "vhost.h"

/* Bits of one word; the bitmap is a row of bytes, lowest bit first. */
#define WORD_BITS	32
/* How often a bit may fail to be set before we believe it. */
#define SET_TRIES	64

/**
 * vhost_log_covers() - is there a bit for each page of a range?
 * @base: the owner's address of the bitmap
 * @first: first guest address
 * @last: last guest address
 *
 * Return: false if some bit would not be in user space.
 */
bool vhost_log_covers(unsigned long base, u64 first, u64 last)
{
	u64 from = first / VHOST_PAGE_SIZE / 8;
	u64 to = last / VHOST_PAGE_SIZE / 8;

	if (to > ULONG_MAX - base)
		return false;
	return access_ok((void __user *)(unsigned long)(base + from),
			 to - from + 1);
}

/**
 * vhost_log_covers_mem() - is there a bit for each page of guest memory?
 * @base: the owner's address of the bitmap
 * @mem: the memory table, or NULL
 *
 * Return: false if some bit would not be in user space.
 */
bool vhost_log_covers_mem(unsigned long base, const struct vhost_mem *mem)
{
	u32 i;

	for (i = 0; mem && i < mem->num; i++)
		if (!vhost_log_covers(base, mem->regions[i].first,
				      mem->regions[i].last))
			return false;
	return true;
}

/**
 * vhost_log_covers_used() - is there a bit for each page of the used ring?
 * @vq: the ring
 * @base: the owner's address of the bitmap
 *
 * Return: true also if the used ring isn't logged under an address of its own.
 */
bool vhost_log_covers_used(const struct vhost_vq *vq, unsigned long base)
{
	u64 first = vq->log.used_addr, last;

	if (!vq->log.used || vq->iotlb)
		return true;
	if (check_add_overflow(first,
			       (u64)vq->ring.parts[VHOST_USED].size - 1, &last))
		return false;
	return vhost_log_covers(base, first, last);
}

/* Set bits of a word that the owner may be clearing. */
static int set_mask(u32 __user *word, u32 mask)
{
	int tries, err, old;

	for (tries = 0; tries < SET_TRIES; tries++) {
		pagefault_disable();
		err = arch_futex_atomic_op_inuser(FUTEX_OP_OR, mask, &old,
						  word);
		pagefault_enable();
		if (!err)
			return 0;
		/* Too many others at the same word, on some architectures. */
		if (err == -EAGAIN) {
			cond_resched();
			continue;
		}
		if (fault_in_safe_writeable((char __user *)word, sizeof(*word)))
			return -EFAULT;
	}
	return -EFAULT;
}

/* Bring the collected bits to the bitmap. */
static void put_word(struct vhost_vq *vq)
{
	struct vhost_log *log = &vq->log;
	u32 __user *word = (u32 __user *)log->word;
	u32 mask = log->mask, now;

	if (!mask)
		return;
	log->mask = 0;
	log->wrote = true;
	/*
	 * What was written before the look at the word: if the bits are there
	 * still, their clearing is yet to come, and with it the copying.
	 */
	smp_mb();
	if (!get_user(now, word) && (now & mask) == mask)
		return;
	if (set_mask(word, mask))
		vhost_vq_complain(vq, VHOST_BAD_LOG);
}

static void log_page(struct vhost_vq *vq, u64 page)
{
	struct vhost_log *log = &vq->log;
	unsigned long word;
	u32 bit;

	word = vhost_log_word(log->base, page, &bit);
	if (word != log->word) {
		put_word(vq);
		log->word = word;
	}
	log->mask |= 1U << bit;
}

static void log_range(struct vhost_vq *vq, u64 first, u64 last)
{
	u64 page;

	trace_vhost_log(vq, first, last);
	/* A table that the bitmap can't cover is refused; so is its log. */
	for (page = first / VHOST_PAGE_SIZE; page <= last / VHOST_PAGE_SIZE;
	     page++)
		log_page(vq, page);
}

/* Log a piece of the owner's memory under all guest addresses that it has. */
static void log_hva(struct vhost_vq *vq, const void __user *from, size_t len)
{
	unsigned long first = (unsigned long)from, last = first + len - 1;
	const struct vhost_mem *mem = vq->mem;
	const struct vhost_region *r;
	u32 i;

	for (i = vhost_mem_first_at(mem, first); i < mem->num; i++) {
		unsigned long start, end, r_last;

		r = &mem->by_hva[i];
		if (r->hva > last)
			break;
		r_last = r->hva + (r->last - r->first);
		if (r_last < first)
			continue;
		start = max(first, r->hva);
		end = min(last, r_last);
		log_range(vq, r->first + (start - r->hva),
			  r->first + (end - r->hva));
	}
}

/**
 * vhost_log_iov() - buffers were written to
 * @vq: the ring they are from
 * @iov: their segments
 * @num: how many
 * @len: bytes that were written
 *
 * Context: under vq->mutex, in the owner's mm.
 */
void vhost_log_iov(struct vhost_vq *vq, const struct iovec *iov, int num,
		   size_t len)
{
	int i;

	for (i = 0; i < num && len; i++) {
		size_t n = min(len, iov[i].iov_len);

		if (n)
			log_hva(vq, iov[i].iov_base, n);
		len -= n;
	}
}

static void log_pieces(struct vhost_vq *vq, const struct vhost_area *area,
		       u32 at, u32 len)
{
	struct iovec whole = {
		.iov_base = area->base,
		.iov_len = area->size,
	};
	const struct iovec *piece = area->base ? &whole : area->pieces;
	u32 i, num = area->base ? 1 : area->num;

	for (i = 0; i < num && len; i++, piece++) {
		u32 n;

		if (at >= piece->iov_len) {
			at -= piece->iov_len;
			continue;
		}
		n = min_t(size_t, len, piece->iov_len - at);
		log_hva(vq, piece->iov_base + at, n);
		len -= n;
		at = 0;
	}
}

/**
 * vhost_log_used_range() - the ring was written to
 * @vq: the ring, whose writes to itself are logged
 * @part: which part of it
 * @at: where
 * @len: bytes
 *
 * The owner has given the used part's address alone. Of others, and where
 * addresses of rings are none of the guest's memory, that has to be found out.
 *
 * Context: under vq->mutex, in the owner's mm.
 */
void vhost_log_used_range(struct vhost_vq *vq, enum vhost_part part, u32 at,
			  u32 len)
{
	u64 first = vq->log.used_addr + at;

	if (vq->iotlb || part != VHOST_USED)
		log_pieces(vq, &vq->ring.parts[part], at, len);
	else
		log_range(vq, first, first + len - 1);
}

/**
 * vhost_log_flush() - bring what was collected to the bitmap
 * @vq: the ring
 * @tell: tell the owner; if not, it is told the next time
 *
 * Before the mutex is released, at the latest: who has it next may be about
 * to replace the bitmap or to read it for the last time.
 *
 * Context: under vq->mutex, in the owner's mm.
 */
void vhost_log_flush(struct vhost_vq *vq, bool tell)
{
	struct vhost_log *log = &vq->log;

	lockdep_assert_held(&vq->mutex);
	put_word(vq);
	if (!log->wrote || !tell)
		return;
	log->wrote = false;
	if (log->ctx)
		eventfd_signal(log->ctx);
}
