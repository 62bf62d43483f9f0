/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A packed ring between bytes that are none of its own, and the events that
 * the device writes, too: nobody is stopped there, but it is seen.
 */
#ifndef VHT_FENCE_H
#define VHT_FENCE_H

#include "guest.h"

struct fence {
	struct guest *g;
	struct vq *vq;
	char *map;		/* three pages; the ring ends where two do */
	struct vring_packed_desc *desc, *was_desc;
	struct vring_packed_desc_event *device, *was_device;
};

#define FENCE_CANARY	0xc5

/* Of a ring with up to 256 entries that does not run yet. */
int fence_init(struct fence *f, struct guest *g, unsigned int index);
/* Stops the guest, too. */
void fence_end(struct fence *f);
/* How many bytes have changed that may not? */
unsigned int fence_damaged(const struct fence *f);
unsigned int bytes_damaged(const char *from, const char *to);
/* The guest forgets all buffers, and the ring begins anew. */
int fence_begin_anew(struct fence *f);

#endif
