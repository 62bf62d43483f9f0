// SPDX-License-Identifier: GPL-2.0
/*
 * The half of the packed ring that goes back to the guest: used entries, and
 * interrupts for them. For the letters of the barriers see ring_packed.c.
 */
#include <linux/align.h>
#include <linux/build_bug.h>
#include <linux/string.h>
#include <linux/vhost.h>

#include "log.h"
#include "ring_packed.h"
#include "uaccess.h"
#include "vhost.h"

/* What of an entry is written when it is used: one word of 64 bits. */
struct packed_used {
	__le32 len;
	__le16 id;
	__le16 flags;
};

/**
 * vhost_packed_put_slots() - entries that all noted buffers take
 * @ring: the ring
 *
 * Return: their number.
 */
u32 vhost_packed_put_slots(const struct vhost_ring *ring)
{
	u32 slots = 0;
	u16 i;

	for (i = 0; i < ring->put_num; i++)
		slots += ring->puts[i].packed.slots;
	return slots;
}

static __always_inline struct packed_used
used_entry(const union vhost_put *put, bool wrap)
{
	u16 flags = vhost_packed_used_flags(wrap);

	return (struct packed_used) {
		.len = cpu_to_le32(put->packed.len),
		.id = cpu_to_le16(put->packed.id),
		/* Tells the guest whether the length means anything. */
		.flags = cpu_to_le16(flags | (put->packed.len ?
					      VRING_DESC_F_WRITE : 0)),
	};
}

/* Write one used entry, its flags last: nobody sees half of it. */
static int write_entry(struct vhost_vq *vq, struct vhost_pos pos,
		       const union vhost_put *put)
{
	struct packed_used used = used_entry(put, pos.wrap);
	u32 at = PACKED_AT(pos.slot);
	int err;

	err = vhost_area_write(&vq->ring.parts[VHOST_DESC], at + PACKED_LEN,
			       &used, offsetof(struct packed_used, flags));
	if (err)
		return err;
	smp_wmb(); /* B, of this entry alone */
	return vhost_ring_put16(&vq->ring, VHOST_DESC, at + PACKED_FLAGS,
				le16_to_cpu(used.flags));
}

static int write_entries(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;
	struct vhost_pos pos = ring->packed.used;
	int err = 0;
	u16 i;

	for (i = 1; i < ring->put_num && !err; i++) {
		vhost_pos_advance(ring, &pos, ring->puts[i - 1].packed.slots);
		err = write_entry(vq, pos, &ring->puts[i]);
	}
	if (err)
		return err;
	smp_wmb(); /* B */
	return write_entry(vq, ring->packed.used, &ring->puts[0]);
}

/* Can what is written of an entry be written as one word, in all entries? */
static bool has_words(const struct vhost_area *area)
{
	return IS_ENABLED(CONFIG_64BIT) && area->base &&
	       IS_ALIGNED((unsigned long)area->base, sizeof(u64));
}

static __always_inline u64 used_word(const union vhost_put *put, bool wrap)
{
	struct packed_used used = used_entry(put, wrap);
	u64 word;

	BUILD_BUG_ON(sizeof(word) != sizeof(used));
	memcpy(&word, &used, sizeof(word));
	return word;
}

/* The same as write_entries(), where words can be written. */
static int write_words(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;
	struct vhost_area *area = &ring->parts[VHOST_DESC];
	struct vring_packed_desc __user *entry = area->base;
	struct vhost_pos pos = ring->packed.used;
	u16 i;

	if (!user_write_access_begin(entry, area->size))
		return -EFAULT;
	for (i = 1; i < ring->put_num; i++) {
		vhost_pos_advance(ring, &pos, ring->puts[i - 1].packed.slots);
		unsafe_put_user(used_word(&ring->puts[i], pos.wrap),
				(u64 __user *)&entry[pos.slot].len, fault);
	}
	smp_wmb(); /* B */
	pos = ring->packed.used;
	unsafe_put_user(used_word(&ring->puts[0], pos.wrap),
			(u64 __user *)&entry[pos.slot].len, fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

static void log_entries(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;
	struct vhost_pos pos = ring->packed.used;
	u16 i;

	for (i = 0; i < ring->put_num; i++) {
		vhost_log_used(vq, VHOST_DESC, PACKED_AT(pos.slot) +
			       PACKED_LEN, sizeof(struct packed_used));
		vhost_pos_advance(ring, &pos, ring->puts[i].packed.slots);
	}
}

/*
 * Buffers that nothing can be written to, used in order, are one entry: the
 * last one's, in place of the first one's. The guest knows how many they are.
 */
static void fold(struct vhost_ring *ring, u32 slots)
{
	if (!ring->in_order || ring->put_written)
		return;
	ring->puts[0] = ring->puts[ring->put_num - 1];
	ring->puts[0].packed.slots = slots;
	ring->put_num = 1;
}

/**
 * vhost_packed_publish() - show all noted buffers to the guest
 * @vq: the ring's queue
 *
 * The first entry is written last: until then, the guest does not look behind
 * it.
 *
 * Context: under vq->mutex, in the owner's mm.
 * Return: 0, or -EFAULT when ring memory is gone; the buffers then stay noted
 * for the next try.
 */
int vhost_packed_publish(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;
	u32 slots = vhost_packed_put_slots(ring);
	int err;

	fold(ring, slots);
	smp_wmb(); /* B */
	err = has_words(&ring->parts[VHOST_DESC]) ? write_words(vq) :
						    write_entries(vq);
	if (unlikely(vq->log.used))
		log_entries(vq);
	if (err)
		return err;

	vhost_pos_advance(ring, &ring->packed.used, slots);
	ring->packed.called += slots;
	ring->put_num = 0;
	ring->put_written = false;
	return 0;
}

/**
 * vhost_packed_need_call() - does the guest want an interrupt?
 * @vq: the ring's queue
 *
 * To be asked once after each publish.
 *
 * Context: under vq->mutex, in the owner's mm.
 * Return: true also if what the guest wants can't be read.
 */
bool vhost_packed_need_call(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;
	u32 called = ring->packed.called;
	bool valid = ring->call_valid;
	struct vhost_pos event;
	u16 off_wrap, flags;

	ring->packed.called = 0;
	ring->call_valid = true;

	smp_mb(); /* D */
	if (vhost_ring_get16(ring, VHOST_AVAIL, PACKED_EV_FLAGS, &flags))
		return true;
	flags &= PACKED_EVENT_FLAGS;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !ring->event_idx)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;

	if (!valid)
		return true;
	smp_rmb(); /* E, the guest's: first where, then that it counts */
	if (vhost_ring_get16(ring, VHOST_AVAIL, PACKED_EV_OFF, &off_wrap))
		return true;
	/* Is the entry one of those that were used since? */
	event = vhost_base_to_pos(off_wrap);
	return vhost_pos_passed(ring, event, ring->packed.used, called);
}

