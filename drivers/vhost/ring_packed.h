/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the two halves of the packed ring share: ring_packed.c, where buffers
 * come from the guest, and ring_packed_used.c, where they go back. The first
 * describes barriers, and who writes what.
 */
#ifndef VHOST_RING_PACKED_H
#define VHOST_RING_PACKED_H

#include <linux/bits.h>
#include <linux/types.h>
#include <uapi/linux/virtio_ring.h>

#include "ring.h"

#define PACKED_F_AVAIL	BIT(VRING_PACKED_DESC_F_AVAIL)
#define PACKED_F_USED	BIT(VRING_PACKED_DESC_F_USED)
#define PACKED_WRAP	BIT(15)
/* The others are reserved. */
#define PACKED_EVENT_FLAGS	3

/* Where things are in the three parts. */
#define PACKED_AT(slot)	((slot) * sizeof(struct vring_packed_desc))
#define PACKED_LEN	offsetof(struct vring_packed_desc, len)
#define PACKED_FLAGS	offsetof(struct vring_packed_desc, flags)
#define PACKED_EV_OFF	offsetof(struct vring_packed_desc_event, off_wrap)
#define PACKED_EV_FLAGS	offsetof(struct vring_packed_desc_event, flags)

static inline bool vhost_packed_avail(u16 flags, bool wrap)
{
	return !!(flags & PACKED_F_AVAIL) == wrap &&
	       !!(flags & PACKED_F_USED) != wrap;
}

static __always_inline u16 vhost_packed_used_flags(bool wrap)
{
	return wrap ? PACKED_F_AVAIL | PACKED_F_USED : 0;
}

/* Inlined for sure: it is used where functions may not be called. */
static __always_inline void vhost_pos_advance(const struct vhost_ring *ring,
					      struct vhost_pos *pos, u32 n)
{
	u32 to = pos->slot + n;

	if (to >= ring->num) {
		to -= ring->num;
		pos->wrap = !pos->wrap;
	}
	pos->slot = to;
}

/* Entries from @from up to @to, at most one lap. */
static inline u32 vhost_pos_distance(const struct vhost_ring *ring,
				     struct vhost_pos from,
				     struct vhost_pos to)
{
	return to.slot - from.slot + (to.wrap == from.wrap ? 0 : ring->num);
}

/*
 * Were any of the last @num entries before @used the one at @event? No more
 * than one lap is asked for.
 */
static inline bool vhost_pos_passed(const struct vhost_ring *ring,
				    struct vhost_pos event,
				    struct vhost_pos used, u32 num)
{
	return vhost_pos_distance(ring, event, used) - 1 < num;
}

/* As it is set, and as events are told: wrap counter on top. */
static inline u16 vhost_pos_to_base(struct vhost_pos pos)
{
	return pos.slot | (pos.wrap ? PACKED_WRAP : 0);
}

static inline struct vhost_pos vhost_base_to_pos(u16 base)
{
	return (struct vhost_pos) {
		.slot = base & ~PACKED_WRAP,
		.wrap = base & PACKED_WRAP,
	};
}

#endif
