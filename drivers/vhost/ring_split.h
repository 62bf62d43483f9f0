/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Arithmetic of the split ring: indices of 16 bits that never stop counting,
 * and slots, of which there are as many as the ring has entries.
 */
#ifndef VHOST_RING_SPLIT_H
#define VHOST_RING_SPLIT_H

#include <linux/minmax.h>
#include <linux/types.h>

#include "ring.h"

/* Slot of an index. */
static inline u16 vhost_split_slot(const struct vhost_ring *ring, u16 idx)
{
	return idx & (ring->num - 1);
}

/* How many of @num entries come from @slot on, before the ring's end. */
static inline u16 vhost_split_in_row(const struct vhost_ring *ring, u16 slot,
				     u16 num)
{
	return min_t(u32, num, ring->num - slot);
}

/* Can the guest's index be @idx? What is noted can't be available again. */
static inline bool vhost_split_idx_valid(const struct vhost_ring *ring, u16 idx)
{
	return (u16)(idx - ring->next_avail) + ring->put_num <= ring->num;
}

/* Has an index moved past @event when it went from @old to @new? */
static inline bool vhost_split_passed(u16 event, u16 new, u16 old)
{
	return (u16)(new - event - 1) < (u16)(new - old);
}

#endif
