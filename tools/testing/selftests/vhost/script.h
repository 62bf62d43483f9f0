/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets as a seed wants them, and a guest that does with its rings whatever
 * it is free to do. The seed says which packets come in which order, how their
 * buffers are cut and which steps the guest takes: bursts either way, sleep
 * until so many are used, stops of a ring or of both, a new device. None of it
 * depends on how the rings look, so whatever their format, the same bytes must
 * come out.
 */
#ifndef VHT_SCRIPT_H
#define VHT_SCRIPT_H

#include "guest.h"

/* In flight at most, so that neither the tap nor the far end drops any. */
#define SCRIPT_IN	200
#define SCRIPT_OUT	2000

struct script {
	struct guest *g;
	__u64 seed;
	__u32 count;		/* packets either way */
	size_t max_len;		/* of a packet */
	unsigned int busy_us;	/* for which the device looks at its rings */

	__u64 step;		/* so many are done */
	__u64 rnd;		/* within a step */
	__u32 sent, caught;	/* to the far end */
	__u32 fed, taken;	/* from there */
	unsigned int taken_bufs;
	size_t min_buf, max_buf;
	unsigned int stopped;	/* bits of rings that are */
	unsigned int stops, moves;
	__u64 sum[VQ_MAX];	/* of all that came out */
	const char *wrong;	/* what made it end */
};

/*
 * Have all packets go through @g, which is lazy and whose receive buffers have
 * room for a packet of @max_len each. NULL, or what went wrong.
 */
const char *script_run(struct script *s, struct guest *g);

#endif
