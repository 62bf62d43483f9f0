// SPDX-License-Identifier: GPL-2.0
/*
 * The packed ring: VIRTIO 1.x, "Packed Virtqueues".
 *
 *	memory				written by	read by
 *	------				----------	-------
 *	entry: all, if available	guest		device
 *	entry: len, id, flags, if used	device		guest
 *	driver events: flags		guest		device	(calls wanted?)
 *	driver events: off_wrap		guest		device	(after which?)
 *	device events: flags		device		guest	(kicks wanted?)
 *	device events: off_wrap		device		guest	(after which?)
 *
 * Both sides go round one ring of descriptors, each with a wrap counter that
 * turns over with each lap. An entry is available if its AVAIL bit is the
 * guest's counter and its USED bit is not; it is used if both are ours. A
 * buffer takes as many entries as it has descriptors, and the next one begins
 * behind them; but a used buffer is only one entry, and the rest are skipped.
 *
 * Barriers, ours on the left, the guest's counterpart on the right:
 *
 *	A  read an entry's flags, then the	write the entries of a buffer,
 *	   rest of it and of the buffer		then the first one's flags
 *	B  write what belongs to a used entry,	read an entry's flags, then the
 *	   and all entries behind it, then	rest of it
 *	   its flags
 *	C  ask for kicks, then read flags	write flags, then look whether
 *						kicks are wanted
 *	D  write flags, then look whether	ask for calls, then read flags
 *	   calls are wanted
 *	E  write after which entry to kick,	(reads both at once)
 *	   then that it counts
 *
 * Without A or B one side sees entries from before; without C both sides go
 * to sleep with a buffer available; without D both sleep with a buffer used;
 * without E the guest may take an old place for the one that counts.
 *
 * VIRTIO leaves open whether a device may be told a position with entries in
 * flight. Ours has none when it is stopped, and so the two halves of a base are
 * the same; unless they were set apart, or ring memory was gone, so that used
 * buffers could not be shown to the guest. A base that is set with an upper
 * half of 0 means the lower one for both, as DPDK does, which gives no other.
 * That 0 can be a place, too: the first entry in every second lap. It is lost
 * on the way, if there is something in flight.
 */
#include <linux/minmax.h>
#include <linux/vhost.h>

#include "chain.h"
#include "log.h"
#include "ring_packed.h"
#include "uaccess.h"
#include "vhost.h"

/* Descriptors of an indirect table that are copied at once. */
#define PACKED_TABLE_RUN	16
/* Entries looked at first: as many as share a line of most caches. */
#define PACKED_LOOK		4

/**
 * vhost_packed_layout() - how large the three parts are
 * @ring: the ring, whose number of entries or features have changed
 */
void vhost_packed_layout(struct vhost_ring *ring)
{
	ring->parts[VHOST_DESC].size = PACKED_AT(ring->num);
	ring->parts[VHOST_AVAIL].size = sizeof(struct vring_packed_desc_event);
	ring->parts[VHOST_USED].size = sizeof(struct vring_packed_desc_event);
}

/**
 * vhost_packed_set_base() - set where the ring goes on
 * @ring: the ring, whose number of entries need not be known yet
 * @base: next available entry in the lower half, next used one in the upper,
 *	each with the wrap counter as its highest bit
 */
void vhost_packed_set_base(struct vhost_ring *ring, u32 base)
{
	ring->packed.avail = vhost_base_to_pos(base);
	ring->packed.used = vhost_base_to_pos(base >> 16 ?: base);
}

/**
 * vhost_packed_get_base() - tell where the ring goes on
 * @ring: the ring
 *
 * Return: as it is set.
 */
u32 vhost_packed_get_base(const struct vhost_ring *ring)
{
	return vhost_pos_to_base(ring->packed.avail) |
	       (u32)vhost_pos_to_base(ring->packed.used) << 16;
}

/**
 * vhost_packed_valid() - could the ring be what was said of it?
 * @ring: the ring
 *
 * Return: false if it can't go on where it was said to, or lies askew.
 */
bool vhost_packed_valid(const struct vhost_ring *ring)
{
	const struct vhost_packed *p = &ring->packed;

	return p->avail.slot < ring->num && p->used.slot < ring->num &&
	       vhost_pos_distance(ring, p->used, p->avail) <= ring->num &&
	       IS_ALIGNED(ring->parts[VHOST_DESC].addr,
			  sizeof(struct vring_packed_desc)) &&
	       IS_ALIGNED(ring->parts[VHOST_AVAIL].addr, sizeof(u32)) &&
	       IS_ALIGNED(ring->parts[VHOST_USED].addr, sizeof(u32));
}

/**
 * vhost_packed_start() - sync with ring memory before the first buffer
 * @vq: the ring's queue
 *
 * Context: under vq->mutex, in the owner's mm.
 * Return: 0 or -EFAULT.
 */
int vhost_packed_start(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;

	ring->kicks_off = false;
	if (vhost_used_put(vq, PACKED_EV_FLAGS, VRING_PACKED_EVENT_FLAG_ENABLE))
		return -EFAULT;

	ring->packed.called = 0;
	ring->call_valid = false;
	ring->synced = true;
	vhost_ring_forget(ring);
	return 0;
}

static int read_entries(const struct vhost_ring *ring, u32 slot,
			struct vring_packed_desc *to, u32 num)
{
	return vhost_area_read(&ring->parts[VHOST_DESC], PACKED_AT(slot), to,
			       PACKED_AT(num));
}

/*
 * How many of the next @max entries, which do not wrap, are available in a
 * row? To find out, memory is read that may be none of our business yet:
 * little at first, and more as long as all of it was available.
 */
static int count_avail(struct vhost_ring *ring, u32 max)
{
	struct vring_packed_desc *descs = ring->packed_descs;
	struct vhost_pos pos = ring->packed.avail;
	u32 seen = 0, have = 0, n;

	while (have < max) {
		n = min(max - have, have ? 3 * have : PACKED_LOOK);
		if (read_entries(ring, pos.slot + have, descs + have, n))
			return -EFAULT;
		for (have += n; seen < have; seen++)
			if (!vhost_packed_avail(le16_to_cpu(descs[seen].flags),
						pos.wrap))
				return seen;
	}
	return seen;
}

/* Look for more than we know of. */
static enum vhost_fetch refill(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;
	struct vhost_packed *p = &ring->packed;
	int seen = vhost_pos_distance(ring, p->avail, p->tail), n;

	p->tail = p->avail;
	p->run_off = 0;
	ring->run_num = 0;
	n = count_avail(ring, min_t(u32, ring->num - p->avail.slot,
				    VHOST_RING_RUN));
	if (n < 0)
		return vhost_vq_break(vq, VHOST_BAD_RING);
	if (!n)
		return VHOST_FETCH_EMPTY;
	/* Of what was read, the flags alone were known to be written. */
	smp_rmb(); /* A */
	if (n > seen)
		vhost_packed_kick_off(vq);
	if (read_entries(ring, p->avail.slot, ring->packed_descs, n))
		return vhost_vq_break(vq, VHOST_BAD_RING);
	ring->run_num = n;
	vhost_pos_advance(ring, &p->tail, n);
	return VHOST_FETCH_OK;
}

static int add_desc(struct vhost_vq *vq, struct vhost_chain *chain,
		    const struct vring_packed_desc *desc)
{
	struct vhost_gpa addr = { le64_to_cpu(desc->addr) };

	return vhost_chain_add(vq, chain, addr, le32_to_cpu(desc->len),
			       le16_to_cpu(desc->flags) & VRING_DESC_F_WRITE);
}

/* A table has no chains, and no ids: all of its entries are the buffer. */
static int add_run(struct vhost_vq *vq, struct vhost_chain *chain,
		   const struct vring_packed_desc *run, u32 num)
{
	int err = 0;
	u32 i;

	for (i = 0; i < num && !err; i++) {
		if (le16_to_cpu(run[i].flags) & VRING_DESC_F_INDIRECT)
			return vhost_chain_fail(chain, VHOST_BAD_INDIRECT);
		err = add_desc(vq, chain, &run[i]);
	}
	return err;
}

static int walk_indirect(struct vhost_vq *vq, struct vhost_chain *chain,
			 const struct vring_packed_desc *indirect)
{
	struct vhost_gpa gpa = { le64_to_cpu(indirect->addr) };
	struct vring_packed_desc run[PACKED_TABLE_RUN];
	u32 len = le32_to_cpu(indirect->len), n;
	int err = 0;

	if (!len || len % sizeof(*run) ||
	    le16_to_cpu(indirect->flags) & VRING_DESC_F_NEXT)
		return vhost_chain_fail(chain, VHOST_BAD_INDIRECT);

	/* Ends with VHOST_BAD_LONG, if nothing else. */
	for (; len && !err; len -= n, gpa.addr += n) {
		n = min_t(u32, len, sizeof(run));
		err = vhost_copy_from_gpa(vq, run, gpa, n);
		if (err)
			break;
		err = add_run(vq, chain, run, n / sizeof(*run));
	}
	if (err == -EAGAIN)
		chain->missing = true;
	else if (err)
		vhost_chain_fail(chain, VHOST_BAD_INDIRECT);
	return err;
}

static int take_desc(struct vhost_vq *vq, struct vhost_chain *chain,
		     const struct vring_packed_desc *desc)
{
	if (le16_to_cpu(desc->flags) & VRING_DESC_F_INDIRECT)
		return walk_indirect(vq, chain, desc);
	return add_desc(vq, chain, desc);
}

/*
 * Walk the entries from @off on, counted from the start of the run; they are
 * not all in it. Only the last one says what the buffer is called, and the
 * next one begins behind it: so none is left out even if the buffer is bad.
 *
 * Return: 0, -EINVAL and chain->bad, or -EAGAIN and chain->missing.
 */
static int walk_ring(struct vhost_vq *vq, struct vhost_chain *chain, u32 off,
		     u32 slot)
{
	struct vhost_ring *ring = &vq->ring;
	struct vring_packed_desc desc;
	u32 slots = 0;
	int err = 0;

	for (;;) {
		if (off + slots < ring->run_num)
			desc = ring->packed_descs[off + slots];
		else if (read_entries(ring, slot, &desc, 1))
			goto no_ring;
		if (!err)
			err = take_desc(vq, chain, &desc);
		slots++;
		if (!(le16_to_cpu(desc.flags) & VRING_DESC_F_NEXT))
			break;
		/* All of the ring, and no end. */
		if (slots == ring->num)
			goto no_ring;
		if (++slot == ring->num)
			slot = 0;
	}
	chain->slots = slots;
	chain->descs = max_t(u32, chain->descs, slots);
	chain->id = le16_to_cpu(desc.id);
	return err;

no_ring:
	chain->bad = VHOST_BAD_RING;
	return -EINVAL;
}

/* As for the split ring: have the next buffers' translations asked for, too. */
static enum vhost_fetch ask_ahead(struct vhost_vq *vq,
				  struct vhost_chain *chain, u32 off, u32 slot)
{
	struct vhost_ring *ring = &vq->ring;
	u32 descs = chain->descs;

	while (vq->misses.num < VHOST_MISSES && descs < VHOST_MAX_IOV) {
		off += chain->slots;
		slot += chain->slots;
		if (off >= ring->run_num)
			break;
		vhost_chain_start(chain, 0);
		walk_ring(vq, chain, off, slot);
		if (chain->bad == VHOST_BAD_RING)
			break;
		descs += chain->descs + 1;
	}
	return VHOST_FETCH_MISS;
}

/* Look at memory again next time: it may have been mended. */
static enum vhost_fetch no_sense(struct vhost_vq *vq, enum vhost_reason why)
{
	struct vhost_ring *ring = &vq->ring;

	ring->packed.tail = ring->packed.avail;
	ring->run_num = 0;
	return vhost_vq_break(vq, why);
}

/**
 * vhost_packed_next() - hand out the next available buffer
 * @vq: the ring's queue
 * @chain: where to describe it
 *
 * Context: under vq->mutex, in the owner's mm.
 * Return: enum vhost_fetch; with VHOST_FETCH_BAD, chain->id is the buffer.
 */
enum vhost_fetch vhost_packed_next(struct vhost_vq *vq,
				   struct vhost_chain *chain)
{
	struct vhost_ring *ring = &vq->ring;
	struct vhost_packed *p = &ring->packed;
	enum vhost_fetch found;
	u32 lent;
	int err;

	if ((u32)p->run_off >= ring->run_num) {
		found = refill(vq);
		if (found != VHOST_FETCH_OK)
			return found;
	}

	vhost_chain_start(chain, 0);
	err = walk_ring(vq, chain, p->run_off, p->avail.slot);
	if (unlikely(chain->bad == VHOST_BAD_RING))
		return no_sense(vq, VHOST_BAD_RING);
	if (unlikely(chain->missing))
		return ask_ahead(vq, chain, p->run_off, p->avail.slot);
	/* What is not published is in flight still: it can't be back yet. */
	lent = vhost_pos_distance(ring, p->used, p->avail);
	if (unlikely(lent + chain->slots > ring->num))
		return no_sense(vq, VHOST_BAD_INDEX);
	vhost_pos_advance(ring, &p->avail, chain->slots);
	p->run_off += chain->slots;
	/* More of it was seen than the run has. */
	if ((u32)p->run_off > ring->run_num)
		p->tail = p->avail;
	return likely(!err) ? VHOST_FETCH_OK : VHOST_FETCH_BAD;
}

/**
 * vhost_packed_rewind() - take buffers back
 * @ring: the ring
 * @slots: entries that they take
 */
void vhost_packed_rewind(struct vhost_ring *ring, u32 slots)
{
	struct vhost_pos *avail = &ring->packed.avail;

	if (avail->slot < slots) {
		avail->slot += ring->num - slots;
		avail->wrap = !avail->wrap;
	} else {
		avail->slot -= slots;
	}
	ring->packed.run_off -= slots;
}

/**
 * vhost_packed_kick_off() - ask the guest not to kick
 * @vq: the ring's queue
 *
 * With event indices there is nothing to write: after one kick the guest is
 * silent until the entry that was asked for comes round again.
 *
 * Context: under vq->mutex, in the owner's mm.
 */
void vhost_packed_kick_off(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;

	if (ring->kicks_off)
		return;
	ring->kicks_off = true;
	/* A guest that can't be told kicks in vain; no harm is done. */
	if (!ring->event_idx)
		vhost_used_put(vq, PACKED_EV_FLAGS,
			       VRING_PACKED_EVENT_FLAG_DISABLE);
}

/* Ask for a kick when there is something in the first entry that lacked it. */
static int ask_for_kick(struct vhost_vq *vq)
{
	struct vhost_packed *p = &vq->ring.packed;
	int err;

	if (!vq->ring.event_idx)
		return vhost_used_set(vq, PACKED_EV_FLAGS,
				      VRING_PACKED_EVENT_FLAG_ENABLE);
	err = vhost_used_set(vq, PACKED_EV_OFF, vhost_pos_to_base(p->tail));
	if (err)
		return err;
	smp_wmb(); /* E */
	return vhost_used_set(vq, PACKED_EV_FLAGS,
			      VRING_PACKED_EVENT_FLAG_DESC);
}

/* Is there something in that entry now? Return: -EFAULT if nobody knows. */
static int tail_avail(const struct vhost_ring *ring)
{
	struct vhost_pos tail = ring->packed.tail;
	u16 flags;

	if (vhost_ring_get16(ring, VHOST_DESC, PACKED_AT(tail.slot) +
			     PACKED_FLAGS, &flags))
		return -EFAULT;
	return vhost_packed_avail(flags, tail.wrap);
}

/**
 * vhost_packed_kick_on() - ask the guest to kick
 * @vq: the ring's queue
 *
 * As with the split ring, what was seen but not taken does not count as new.
 *
 * Context: under vq->mutex, in the owner's mm.
 * Return: true if buffers came in since the ring was last looked at.
 */
bool vhost_packed_kick_on(struct vhost_vq *vq)
{
	int avail = -EFAULT;

	vq->ring.kicks_off = false;
	if (!ask_for_kick(vq)) {
		smp_mb(); /* C */
		avail = tail_avail(&vq->ring);
	}
	if (avail < 0)
		vhost_vq_break(vq, VHOST_BAD_RING);
	return avail > 0;
}

/**
 * vhost_packed_has_more() - have buffers come in?
 * @vq: the ring's queue
 *
 * Context: under vq->mutex, in the owner's mm.
 * Return: true if they have since the ring was last looked at, also if that
 * can't be read now: the next turn will find out why.
 */
bool vhost_packed_has_more(struct vhost_vq *vq)
{
	return tail_avail(&vq->ring);
}
