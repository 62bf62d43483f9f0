// SPDX-License-Identifier: GPL-2.0
/*
 * The split ring: VIRTIO 1.x, "Split Virtqueues".
 *
 *	memory			written by	read by
 *	------			----------	-------
 *	descriptor table	guest		device
 *	avail: ring, idx	guest		device
 *	avail: flags		guest		device	(calls wanted?)
 *	avail: used_event	guest		device	(call after which?)
 *	used: ring, idx		device		guest
 *	used: flags		device		guest	(kicks wanted?)
 *	used: avail_event	device		guest	(kick after which?)
 *
 * used_event and avail_event follow the rings' last entries, and take the
 * place of the flags when VIRTIO_RING_F_EVENT_IDX was agreed on.
 *
 * Barriers, ours on the left, the guest's counterpart on the right:
 *
 *	A  read avail idx, then its entries	write entries, then avail idx
 *	B  write used entries, then used idx	read used idx, then its entries
 *	C  ask for kicks, then read avail idx	write avail idx, then look
 *						whether kicks are wanted
 *	D  write used idx, then look whether	ask for calls, then read
 *	   calls are wanted			used idx
 *
 * Without A or B one side sees entries from before; without C both sides go
 * to sleep with a buffer available; without D both sleep with a buffer used.
 */
#include <linux/minmax.h>
#include <linux/vhost.h>

#include "chain.h"
#include "log.h"
#include "ring_split.h"
#include "uaccess.h"
#include "vhost.h"

/* Descriptors of an indirect table that are copied at once. */
#define SPLIT_TABLE_RUN	16

/* Where things are in the three parts. */
#define DESC_AT(i)	((i) * sizeof(struct vring_desc))
#define AVAIL_FLAGS	offsetof(struct vring_avail, flags)
#define AVAIL_IDX	offsetof(struct vring_avail, idx)
#define AVAIL_AT(slot)	offsetof(struct vring_avail, ring[slot])
#define USED_FLAGS	offsetof(struct vring_used, flags)
#define USED_IDX	offsetof(struct vring_used, idx)
#define USED_AT(slot)	offsetof(struct vring_used, ring[slot])

/**
 * struct split_table - descriptors, wherever they are
 * @area: the ring's own table; NULL if indirect
 * @gpa: an indirect table, an address of the guest
 * @cache: copy of some of its entries
 * @first: number of the first cached entry
 * @cached: entries in @cache
 * @num: entries of the table
 */
struct split_table {
	const struct vhost_area *area;
	struct vhost_gpa gpa;
	struct vring_desc *cache;
	u32 first;
	u32 cached;
	u32 num;
};

/* Event indices lie behind the rings' last entries. */
static u32 used_event(const struct vhost_ring *ring)
{
	return AVAIL_AT(ring->num);
}

static u32 avail_event(const struct vhost_ring *ring)
{
	return USED_AT(ring->num);
}

/**
 * vhost_split_layout() - how large the three parts are
 * @ring: the ring, whose number of entries or features have changed
 */
void vhost_split_layout(struct vhost_ring *ring)
{
	u32 event = ring->event_idx ? sizeof(__virtio16) : 0;

	ring->parts[VHOST_DESC].size = DESC_AT(ring->num);
	ring->parts[VHOST_AVAIL].size = AVAIL_AT(ring->num) + event;
	ring->parts[VHOST_USED].size = USED_AT(ring->num) + event;
}

/**
 * vhost_split_start() - sync with ring memory before the first buffer
 * @vq: the ring's queue
 *
 * The guest may have used the ring before, with us or with someone else: the
 * used index goes on from what memory says.
 *
 * Context: under vq->mutex, in the owner's mm.
 * Return: 0 or -EFAULT.
 */
int vhost_split_start(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;
	int err;

	ring->kicks_off = false;
	err = vhost_used_put(vq, USED_FLAGS, 0);
	if (err)
		return err;
	err = vhost_ring_get16(ring, VHOST_USED, USED_IDX, &ring->next_used);
	if (err)
		return err;

	ring->call_valid = false;
	ring->synced = true;
	vhost_ring_forget(ring);
	return 0;
}

/*
 * Of the entries just read, cache the descriptors they name if they ascend
 * within a window: drivers hand out descriptors that way for most of the time.
 */
static int cache_descs(struct vhost_ring *ring)
{
	u16 first = vhost16_to_cpu(ring, ring->heads[0]);
	u16 last = first, i, head;

	ring->desc_num = 0;
	if (first >= ring->num)
		return 0;

	for (i = 1; i < ring->run_num; i++) {
		head = vhost16_to_cpu(ring, ring->heads[i]);
		if (head <= last || head >= ring->num ||
		    head - first >= VHOST_RING_RUN)
			break;
		last = head;
	}
	if (last == first)
		return 0;

	if (vhost_area_read(&ring->parts[VHOST_DESC], DESC_AT(first),
			    ring->descs, DESC_AT(last - first + 1)))
		return -EFAULT;
	ring->desc_first = first;
	ring->desc_num = last - first + 1;
	return 0;
}

/* Read a run of available entries, from the next one on. */
static int cache_heads(struct vhost_ring *ring)
{
	u16 slot = vhost_split_slot(ring, ring->next_avail);
	u16 num = min_t(u32, vhost_split_in_row(ring, slot, ring->avail_idx -
						ring->next_avail),
			VHOST_RING_RUN);

	ring->run_num = 0;
	if (vhost_area_read(&ring->parts[VHOST_AVAIL], AVAIL_AT(slot),
			    ring->heads, num * sizeof(*ring->heads)))
		return -EFAULT;
	ring->run_start = ring->next_avail;
	ring->run_num = num;
	return cache_descs(ring);
}

/* Look for more than we know of. Return: enum vhost_fetch. */
static enum vhost_fetch refill(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;
	u16 idx;

	if (ring->avail_idx == ring->next_avail) {
		if (vhost_ring_get16(ring, VHOST_AVAIL, AVAIL_IDX, &idx))
			return vhost_vq_break(vq, VHOST_BAD_RING);
		/* What is noted is in flight still: it can't be back yet. */
		if (unlikely(!vhost_split_idx_valid(ring, idx)))
			return vhost_vq_break(vq, VHOST_BAD_INDEX);
		if (idx == ring->next_avail)
			return VHOST_FETCH_EMPTY;
		ring->avail_idx = idx;
		smp_rmb(); /* A */
		vhost_split_kick_off(vq);
	}
	if (cache_heads(ring))
		return vhost_vq_break(vq, VHOST_BAD_RING);
	return VHOST_FETCH_OK;
}

/* Copy one entry of a table, of which each entry is looked at once. */
static int table_get(struct vhost_vq *vq, const struct split_table *table,
		     u32 i, struct vring_desc *desc)
{
	struct vhost_gpa gpa = table->gpa;

	if (i - table->first < table->cached) {
		*desc = table->cache[i - table->first];
		return 0;
	}
	if (table->area)
		return vhost_area_read(table->area, DESC_AT(i), desc,
				       sizeof(*desc));
	gpa.addr += i * sizeof(*desc);
	return vhost_copy_from_gpa(vq, desc, gpa, sizeof(*desc));
}

static bool desc_has(const struct vhost_ring *ring,
		     const struct vring_desc *desc, u16 flag)
{
	return vhost16_to_cpu(ring, desc->flags) & flag;
}

static struct vhost_gpa desc_addr(const struct vhost_ring *ring,
				  const struct vring_desc *desc)
{
	return (struct vhost_gpa) { vhost64_to_cpu(ring, desc->addr) };
}

static int add_desc(struct vhost_vq *vq, struct vhost_chain *chain,
		    const struct vring_desc *desc)
{
	const struct vhost_ring *ring = &vq->ring;

	return vhost_chain_add(vq, chain, desc_addr(ring, desc),
			       vhost32_to_cpu(ring, desc->len),
			       desc_has(ring, desc, VRING_DESC_F_WRITE));
}

/* Number of the descriptor after @desc, or -EINVAL if there can't be one. */
static int next_desc(const struct vhost_ring *ring,
		     const struct split_table *table, u32 seen,
		     const struct vring_desc *desc, struct vhost_chain *chain)
{
	u16 next = vhost16_to_cpu(ring, desc->next);

	if (next >= table->num)
		return vhost_chain_fail(chain, VHOST_BAD_NEXT);
	if (seen == table->num)
		return vhost_chain_fail(chain, VHOST_BAD_LOOP);
	return next;
}

/* What to make of an indirect table that can't be read. */
static int bad_table(struct vhost_chain *chain, int err)
{
	if (err != -EAGAIN)
		return vhost_chain_fail(chain, VHOST_BAD_INDIRECT);
	chain->missing = true;
	return err;
}

/* An indirect table: same walk as the ring's own, nesting forbidden. */
static int walk_table(struct vhost_vq *vq, struct vhost_chain *chain,
		      struct split_table *table)
{
	const struct vhost_ring *ring = &vq->ring;
	struct vring_desc desc;
	u32 seen = 0;
	int i = 0, err;

	do {
		err = table_get(vq, table, i, &desc);
		if (err)
			return bad_table(chain, err);
		if (desc_has(ring, &desc, VRING_DESC_F_INDIRECT))
			return vhost_chain_fail(chain, VHOST_BAD_INDIRECT);
		err = add_desc(vq, chain, &desc);
		if (err)
			return err;
		if (!desc_has(ring, &desc, VRING_DESC_F_NEXT))
			return 0;
		i = next_desc(ring, table, ++seen, &desc, chain);
	} while (i >= 0);
	return i;
}

/*
 * An indirect table ends the chain: it may not have a successor. Up to 65536
 * entries can be named by a 16-bit one.
 */
static int walk_indirect(struct vhost_vq *vq, struct vhost_chain *chain,
			 const struct vring_desc *indirect)
{
	const struct vhost_ring *ring = &vq->ring;
	u32 len = vhost32_to_cpu(ring, indirect->len);
	struct vring_desc run[SPLIT_TABLE_RUN];
	struct split_table table = {
		.gpa = desc_addr(ring, indirect),
		.cache = run,
		.num = len / sizeof(*run),
	};
	int err;

	if (!len || len % sizeof(*run) || table.num > U16_MAX + 1 ||
	    desc_has(ring, indirect, VRING_DESC_F_NEXT))
		return vhost_chain_fail(chain, VHOST_BAD_INDIRECT);

	table.cached = min_t(u32, table.num, SPLIT_TABLE_RUN);
	err = vhost_copy_from_gpa(vq, run, table.gpa, DESC_AT(table.cached));
	if (err)
		return bad_table(chain, err);
	return walk_table(vq, chain, &table);
}

/*
 * Walk the descriptors from @head on.
 * Return: 0, -EINVAL and chain->bad, or -EAGAIN and chain->missing.
 */
static int walk_ring(struct vhost_vq *vq, struct vhost_chain *chain, u16 head)
{
	struct vhost_ring *ring = &vq->ring;
	struct split_table table = {
		.area = &ring->parts[VHOST_DESC],
		.cache = ring->descs,
		.first = ring->desc_first,
		.cached = ring->desc_num,
		.num = ring->num,
	};
	struct vring_desc desc;
	u32 seen = 0;
	int i = head, err;

	do {
		if (table_get(vq, &table, i, &desc))
			return vhost_chain_fail(chain, VHOST_BAD_RING);
		if (desc_has(ring, &desc, VRING_DESC_F_INDIRECT))
			return walk_indirect(vq, chain, &desc);
		err = add_desc(vq, chain, &desc);
		if (err)
			return err;
		if (!desc_has(ring, &desc, VRING_DESC_F_NEXT))
			return 0;
		chain->slots++;
		i = next_desc(ring, &table, ++seen, &desc, chain);
	} while (i >= 0);
	return i;
}

/* What most buffers are: one descriptor, and it was read ahead. */
static const struct vring_desc *single_desc(const struct vhost_ring *ring,
					    u16 head)
{
	u32 i = head - ring->desc_first;

	if (i >= ring->desc_num ||
	    desc_has(ring, &ring->descs[i],
		     VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT))
		return NULL;
	return &ring->descs[i];
}

/*
 * A buffer's translation is missing: have it asked for together with those
 * that the buffers after it lack. The room for segments is free to be used.
 */
static enum vhost_fetch ask_ahead(struct vhost_vq *vq,
				  struct vhost_chain *chain, u16 off)
{
	struct vhost_ring *ring = &vq->ring;
	u32 descs = chain->descs;
	u16 head;

	while (++off < ring->run_num && descs < VHOST_MAX_IOV &&
	       vq->misses.num < VHOST_MISSES) {
		head = vhost16_to_cpu(ring, ring->heads[off]);
		if (head >= ring->num)
			break;
		vhost_chain_start(chain, head);
		walk_ring(vq, chain, head);
		descs += chain->descs + 1;
	}
	return VHOST_FETCH_MISS;
}

/**
 * vhost_split_next() - hand out the next available buffer
 * @vq: the ring's queue
 * @chain: where to describe it
 *
 * Context: under vq->mutex, in the owner's mm.
 * Return: enum vhost_fetch; with VHOST_FETCH_BAD, chain->id is the buffer.
 */
enum vhost_fetch vhost_split_next(struct vhost_vq *vq,
				  struct vhost_chain *chain)
{
	struct vhost_ring *ring = &vq->ring;
	u16 off = ring->next_avail - ring->run_start;
	const struct vring_desc *desc;
	enum vhost_fetch found;
	u16 head;
	int err;

	if (off >= ring->run_num) {
		found = refill(vq);
		if (found != VHOST_FETCH_OK)
			return found;
		off = 0;
	}

	head = vhost16_to_cpu(ring, ring->heads[off]);
	if (unlikely(head >= ring->num)) {
		/* Look at memory again next time: it may have been mended. */
		ring->run_num = 0;
		return vhost_vq_break(vq, VHOST_BAD_HEAD);
	}

	vhost_chain_start(chain, head);
	desc = single_desc(ring, head);
	err = desc ? add_desc(vq, chain, desc) : walk_ring(vq, chain, head);
	if (unlikely(chain->bad == VHOST_BAD_RING)) {
		ring->run_num = 0;
		return vhost_vq_break(vq, VHOST_BAD_RING);
	}
	if (unlikely(chain->missing))
		return ask_ahead(vq, chain, off);
	ring->next_avail++;
	return likely(!err) ? VHOST_FETCH_OK : VHOST_FETCH_BAD;
}

/* Write @num noted buffers, beginning with @from, to slots that do not wrap. */
static int write_used(struct vhost_vq *vq, u16 slot, u16 from, u16 num)
{
	struct vhost_ring *ring = &vq->ring;
	u32 len = num * sizeof(*ring->puts);
	int err;

	err = vhost_area_write(&ring->parts[VHOST_USED], USED_AT(slot),
			       &ring->puts[from], len);
	vhost_log_used(vq, VHOST_USED, USED_AT(slot), len);
	return err;
}

/*
 * Buffers that nothing can be written to, used in order, are one entry: the
 * last one's, in place of the first one's. The index tells how many they are.
 */
static u16 first_to_write(const struct vhost_ring *ring)
{
	return ring->in_order && !ring->put_written ? ring->put_num - 1 : 0;
}

/**
 * vhost_split_publish() - show all noted buffers to the guest
 * @vq: the ring's queue
 *
 * No more are ever noted than the ring has entries: see refill().
 *
 * Context: under vq->mutex, in the owner's mm.
 * Return: 0, or -EFAULT when ring memory is gone; the buffers then stay noted
 * for the next try.
 */
int vhost_split_publish(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;
	u16 slot = vhost_split_slot(ring, ring->next_used);
	u16 first = first_to_write(ring);
	u16 all = ring->put_num - first;
	u16 num = vhost_split_in_row(ring, slot, all);
	int err;

	err = write_used(vq, slot, first, num);
	if (!err && num < all)
		err = write_used(vq, 0, first + num, all - num);
	if (err)
		return err;

	smp_wmb(); /* B */
	err = vhost_used_put(vq, USED_IDX, ring->next_used + ring->put_num);
	if (err)
		return err;

	ring->next_used += ring->put_num;
	ring->put_num = 0;
	ring->put_written = false;
	return 0;
}

/**
 * vhost_split_need_call() - does the guest want an interrupt?
 * @vq: the ring's queue
 *
 * To be asked once after each publish.
 *
 * Context: under vq->mutex, in the owner's mm.
 * Return: true also if what the guest wants can't be read.
 */
bool vhost_split_need_call(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;
	u16 old = ring->call_idx, new = ring->next_used, event, flags;
	bool valid = ring->call_valid;

	ring->call_idx = new;
	ring->call_valid = true;

	smp_mb(); /* D */
	if (ring->notify_on_empty && ring->avail_idx == ring->next_avail)
		return true;

	if (!ring->event_idx) {
		if (vhost_ring_get16(ring, VHOST_AVAIL, AVAIL_FLAGS, &flags))
			return true;
		return !(flags & VRING_AVAIL_F_NO_INTERRUPT);
	}

	if (!valid)
		return true;
	if (vhost_ring_get16(ring, VHOST_AVAIL, used_event(ring), &event))
		return true;
	return vhost_split_passed(event, new, old);
}

/**
 * vhost_split_kick_off() - ask the guest not to kick
 * @vq: the ring's queue
 *
 * With event indices there is nothing to write: after one kick the guest is
 * silent until the event index moves.
 *
 * Context: under vq->mutex, in the owner's mm.
 */
void vhost_split_kick_off(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;

	if (ring->kicks_off)
		return;
	ring->kicks_off = true;
	/* A guest that can't be told kicks in vain; no harm is done. */
	if (!ring->event_idx)
		vhost_used_put(vq, USED_FLAGS, VRING_USED_F_NO_NOTIFY);
}

/**
 * vhost_split_kick_on() - ask the guest to kick
 * @vq: the ring's queue
 *
 * Entries that were seen but not taken do not count as new: someone who
 * waits for more than there is would otherwise never sleep.
 *
 * Context: under vq->mutex, in the owner's mm.
 * Return: true if buffers came in since the guest's index was last read.
 */
bool vhost_split_kick_on(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;
	u16 idx;
	int err;

	ring->kicks_off = false;
	if (ring->event_idx)
		err = vhost_used_set(vq, avail_event(ring), ring->avail_idx);
	else
		err = vhost_used_set(vq, USED_FLAGS, 0);
	smp_mb(); /* C */
	if (err || vhost_ring_get16(ring, VHOST_AVAIL, AVAIL_IDX, &idx)) {
		vhost_vq_break(vq, VHOST_BAD_RING);
		return false;
	}
	return idx != ring->avail_idx;
}

/**
 * vhost_split_has_more() - have buffers come in?
 * @vq: the ring's queue
 *
 * Context: under vq->mutex, in the owner's mm.
 * Return: true if they have since the guest's index was last read, also if that
 * can't be read now: the next turn will find out why.
 */
bool vhost_split_has_more(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;
	u16 idx;

	return vhost_ring_get16(ring, VHOST_AVAIL, AVAIL_IDX, &idx) ||
	       idx != ring->avail_idx;
}
