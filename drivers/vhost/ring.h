/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the rest of the driver knows of a virtqueue's format: nothing but the
 * verbs below. Format code (ring_split.c, ring_packed.c) hides behind them, and
 * every call is direct: which format it is, is asked for where it is made.
 *
 *	verb		what it does
 *	----		------------
 *	fits		can a ring have so many entries?
 *	valid		could it run where and as it was said to?
 *	layout		how large the parts of the ring are
 *	set_base	where the ring goes on, in the words of the interface
 *	get_base	tells that
 *	start		sync with ring memory before the first buffer
 *	next		hand out the next available buffer, as a chain; as long
 *			as there are some, the guest need not kick
 *	rewind(n, m)	take the last n buffers back, as if never handed out;
 *			they have m entries of the ring
 *	put		note a buffer as used (in driver-private memory)
 *	unput(n)	forget the last n notes
 *	stop		what was noted, and could not be published, when the
 *			ring stops: take it back, or keep it until it goes on
 *	blank(i)	keep one note, but with length 0
 *	publish		show all noted buffers to the guest, in one run
 *	need_call	does the guest want an interrupt for what it was shown?
 *	kick_off	ask the guest not to kick
 *	kick_on		ask it to kick; tells if buffers came in meanwhile
 *	has_more	have buffers come in? Changes nothing
 *
 * Buffers are handed out and used in runs: next() reads up to VHOST_RING_RUN
 * ring entries at a time, and publish() writes a run in one go.
 *
 * All verbs need vq->mutex, and ring memory of the mm the thread is in.
 */
#ifndef VHOST_RING_H
#define VHOST_RING_H

#include <linux/bits.h>
#include <linux/types.h>
#include <uapi/linux/virtio_ring.h>

#include "area.h"

struct vhost_vq;
struct vhost_chain;

/* Entries of a ring, whatever its format. */
#define VHOST_RING_NUM_MAX	32768
/* Where packed rings begin, as SET_VRING_BASE says it: both in lap one. */
#define VHOST_PACKED_START	0x80008000
/* Ring entries read at a time, and used buffers after which to publish. */
#define VHOST_RING_RUN		64
/* Descriptors of one buffer; segments of the buffers of one packet. */
#define VHOST_MAX_IOV		1024
/* Used buffers that can be noted: a full run and then one whole packet. */
#define VHOST_RING_PUT_MAX	(VHOST_RING_RUN + VHOST_MAX_IOV)

/* What next() found. */
enum vhost_fetch {
	VHOST_FETCH_EMPTY,	/* no buffer available */
	VHOST_FETCH_OK,		/* a buffer, described by the chain */
	VHOST_FETCH_BAD,	/* unusable, but has an id: put it, len 0 */
	VHOST_FETCH_BROKEN,	/* the ring itself makes no sense */
	VHOST_FETCH_MISS,	/* a translation is missing and asked for */
};

/* The parts of a ring, each somewhere else in the owner's memory. */
enum vhost_part {
	VHOST_DESC,		/* descriptor table, or the packed ring */
	VHOST_AVAIL,		/* what the driver writes, or its events */
	VHOST_USED,		/* what the device writes, or its events */
	VHOST_PARTS,
};

#define VHOST_ALL_PARTS	(BIT(VHOST_PARTS) - 1)

/**
 * union vhost_put - a used buffer that was noted, as the format wants it
 * @split: an entry of the split ring's used part
 * @packed: for the packed ring, where it stands in the last 8 bytes of an entry
 * @packed.len: bytes written
 * @packed.id: what the guest calls the buffer
 * @packed.slots: entries of the ring that the buffer takes
 */
union vhost_put {
	struct vring_used_elem split;
	struct {
		u32 len;
		u16 id;
		u16 slots;
	} packed;
};

/* Entries of the split ring's used part are written as they stand there. */
static_assert(sizeof(union vhost_put) == sizeof(struct vring_used_elem));

/**
 * struct vhost_pos - a place in the packed ring
 * @slot: number of the entry
 * @wrap: in which lap: the wrap counter
 */
struct vhost_pos {
	u16 slot;
	bool wrap;
};

/**
 * struct vhost_packed - what only the packed ring knows of itself
 * @avail: the next buffer to hand out
 * @used: the next used entry to write
 * @tail: the first entry that was not seen to be available
 * @run_off: where @avail is in the cached run; outside: not in it
 * @called: entries that were used since need_call() was last asked
 */
struct vhost_packed {
	struct vhost_pos avail;
	struct vhost_pos used;
	struct vhost_pos tail;
	s32 run_off;
	u32 called;
};

/**
 * struct vhost_ring - the ring of one virtqueue, as the device sees it
 * @parts: where the ring is
 * @num: entries; of a split ring a power of two
 * @is_packed: VIRTIO_F_RING_PACKED was agreed on
 * @little_endian: byte order of ring fields
 * @event_idx: VIRTIO_RING_F_EVENT_IDX was agreed on
 * @notify_on_empty: VIRTIO_F_NOTIFY_ON_EMPTY was agreed on
 * @in_order: VIRTIO_F_IN_ORDER was agreed on
 * @put_written: one of the noted buffers may have room to be written to
 * @base: where to go on, as the owner has said it
 * @base_set: it has, and the ring not run since
 * @placed: bits of the parts of which the owner has said where they are
 * @synced: start() has been done since the ring was attached
 * @kicks_off: the guest was asked not to kick
 * @call_valid: @call_idx says when need_call() was last asked
 * @next_avail: index of the next buffer to hand out
 * @avail_idx: the guest's index when last read; never behind @next_avail
 * @run_start: index of the first cached available entry
 * @run_num: cached entries from @run_start on
 * @desc_first: number of the first cached descriptor
 * @desc_num: cached descriptors from @desc_first on
 * @next_used: index of the next used entry to write
 * @call_idx: @next_used at the last need_call()
 * @put_num: buffers noted in @puts and not yet published
 * @heads: the cached available entries
 * @descs: the cached descriptors, still in the guest's byte order
 * @packed_descs: the same, of a packed ring
 * @puts: noted used buffers
 * @packed: the packed ring's own; the fields from @next_avail to @desc_num,
 *	@next_used, @call_idx and @heads are the split ring's, but for @run_num
 *
 * All fields are protected by the vq's mutex. The two caches hold entries of
 * buffers that are available and not handed out, which the guest may not
 * change; one that does only fools itself, since no copy is trusted unchecked.
 */
struct vhost_ring {
	struct vhost_area parts[VHOST_PARTS];
	u32 num;
	bool is_packed;
	bool little_endian;
	bool event_idx;
	bool notify_on_empty;
	bool in_order;
	bool put_written;
	u32 base;
	bool base_set;
	u8 placed;
	bool synced;
	bool kicks_off;
	bool call_valid;

	u16 next_avail;
	u16 avail_idx;
	u16 run_start;
	u16 run_num;
	u16 desc_first;
	u16 desc_num;

	u16 next_used;
	u16 call_idx;
	u16 put_num;

	__virtio16 *heads;
	union {
		struct vring_desc *descs;
		struct vring_packed_desc *packed_descs;
	};
	union vhost_put *puts;
	struct vhost_packed packed;
};

/* ring_packed.c APIs: */
void vhost_packed_layout(struct vhost_ring *ring);
void vhost_packed_set_base(struct vhost_ring *ring, u32 base);
u32 vhost_packed_get_base(const struct vhost_ring *ring);
bool vhost_packed_valid(const struct vhost_ring *ring);
int vhost_packed_start(struct vhost_vq *vq);
enum vhost_fetch vhost_packed_next(struct vhost_vq *vq,
				   struct vhost_chain *chain);
void vhost_packed_rewind(struct vhost_ring *ring, u32 slots);
u32 vhost_packed_put_slots(const struct vhost_ring *ring);
int vhost_packed_publish(struct vhost_vq *vq);
bool vhost_packed_need_call(struct vhost_vq *vq);
void vhost_packed_kick_off(struct vhost_vq *vq);
bool vhost_packed_kick_on(struct vhost_vq *vq);
bool vhost_packed_has_more(struct vhost_vq *vq);

/* ring_split.c APIs: */
void vhost_split_layout(struct vhost_ring *ring);
int vhost_split_start(struct vhost_vq *vq);
enum vhost_fetch vhost_split_next(struct vhost_vq *vq,
				  struct vhost_chain *chain);
int vhost_split_publish(struct vhost_vq *vq);
bool vhost_split_need_call(struct vhost_vq *vq);
void vhost_split_kick_off(struct vhost_vq *vq);
bool vhost_split_kick_on(struct vhost_vq *vq);
bool vhost_split_has_more(struct vhost_vq *vq);

/**
 * vhost_ring_forget() - drop what was read ahead
 * @ring: the ring
 *
 * For whoever changes where the ring is or where it goes on.
 */
static inline void vhost_ring_forget(struct vhost_ring *ring)
{
	ring->packed.tail = ring->packed.avail;
	ring->avail_idx = ring->next_avail;
	ring->run_num = 0;
	ring->desc_num = 0;
}

/* Time to publish: a run of buffers is noted. */
static inline bool vhost_ring_put_full(const struct vhost_ring *ring)
{
	return ring->put_num >= VHOST_RING_RUN;
}

/**
 * vhost_ring_unput() - as if the last @n buffers had not been noted
 * @ring: the ring
 * @n: how many
 */
static inline void vhost_ring_unput(struct vhost_ring *ring, u16 n)
{
	ring->put_num -= n;
	if (!ring->put_num)
		ring->put_written = false;
}

/**
 * vhost_ring_blank() - as if nothing was written to a noted buffer
 * @ring: the ring
 * @i: which of the noted ones
 */
static inline void vhost_ring_blank(struct vhost_ring *ring, u16 i)
{
	if (ring->is_packed)
		ring->puts[i].packed.len = 0;
	else
		ring->puts[i].split.len = 0;
}

#endif
