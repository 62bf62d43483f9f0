/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Runs of numbered frames through a guest. All return 0 if every frame
 * came through whole and in order, else say what went wrong on stderr and
 * return -errno.
 */
#ifndef VHT_TRAFFIC_H
#define VHT_TRAFFIC_H

#include "guest.h"

struct traffic {
	__u32 first;		/* sequence number of the first frame */
	unsigned int count;
	unsigned int burst;	/* frames under way at most, 0: 32 */
	/* Length of frame number @seq. */
	size_t (*len)(__u32 seq);
};

int traffic_tx(struct guest *g, const struct traffic *t);
int traffic_rx(struct guest *g, const struct traffic *t);
/* A few frames either way: is the device alive? */
int traffic_alive(struct guest *g);
/* Is it, on another backend, whatever became of this one; and was it told? */
int traffic_renewed(struct guest *g);
/* The next frame that the guest gets is this one. */
int traffic_next(struct guest *g, __u32 seq, size_t len);

/* The frame that is expected now; helpers of the above. */
int traffic_expect(const void *frame, size_t len, const struct traffic *t,
		   __u32 seq);

size_t len_fixed_60(__u32 seq);
size_t len_mixed(__u32 seq);

#endif
