/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest that makes good buffers available without end, and doesn't look at
 * what becomes of them: packets flow through its device whenever that can,
 * whatever others do to it. Split rings only.
 */
#ifndef VHT_FLOOD_H
#define VHT_FLOOD_H

#include "caller.h"
#include "guest.h"

struct flood {
	struct caller caller;
	struct guest *g;
	unsigned int seen;	/* frames that came out on the wire */
};

/* From here on the guest's own rings are out of step: don't use them. */
int flood_start(struct flood *f, struct guest *g);
/*
 * A device starts anew, where the ring is now: what was under way before is
 * forgotten by both sides. Return: value for VHOST_SET_VRING_BASE.
 */
unsigned int flood_restart(struct guest *g, unsigned int index);
unsigned int flood_seen(const struct flood *f);
void flood_end(struct flood *f);

#endif
