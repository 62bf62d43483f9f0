/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A lazy guest. It kicks only when the ring tells it to, sleeps on the call
 * eventfd, and adds buffers a few at a time with random gaps, so that additions
 * fall into the moment in which the driver has found nothing more to do and
 * turns notifications back on. A driver that doesn't look again then leaves
 * buffers lying, which shows as a stall; every frame must come through.
 */
#ifndef VHT_PLAYER_H
#define VHT_PLAYER_H

#include "guest.h"

struct player {
	struct guest *g;
	__u64 seed;
	__u32 tx_seq, rx_seq;
	char out[128], in[FRAME_MAX];
	const char *stuck;	/* why it gave up */
};

/* Mostly nothing, often a moment of work, sometimes a rest. */
void player_jitter(__u64 *seed);
/* A few frames one way. NULL or what went wrong. */
const char *player_tx(struct player *p);
const char *player_rx(struct player *p);
/* Frames either way until all rounds are played or something went wrong. */
void player_run(struct player *p, unsigned int rounds);

#endif
