/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread that keeps packets flowing both ways through a guest while the
 * test does something to the device, its backend or its owner. It does not
 * mind lost packets; what it insists on is that buffers come back.
 */
#ifndef VHT_PUMP_H
#define VHT_PUMP_H

#include <pthread.h>

#include "guest.h"

struct pump {
	struct guest *g;
	pthread_t thread;
	bool stop;
	bool broken;	/* the ring's rules were broken */
	bool stalled;	/* buffers did not come back in time */
	bool hold;	/* please pause */
	bool held;	/* it does */
	int sent;
	int seen;	/* frames that came out on the wire */
	int fed;	/* frames that the backend took */
	int received;	/* frames that came in */
	int damaged;	/* of either, those that were not whole */
	__u32 seq;
	__u32 in_seq;
	size_t (*in_len)(__u32 seq);	/* of frames for the guest */
	int in_max;	/* of those under way */
};

int pump_start(struct pump *p, struct guest *g);
/*
 * The same, with other frames for the guest than the small ones, and no more
 * of them at a time than a backend can keep for it.
 */
int pump_start_sized(struct pump *p, struct guest *g,
		     size_t (*in_len)(__u32 seq));
/* Keep the hands off the guest until pump_resume(); frames still arrive. */
void pump_pause(struct pump *p);
void pump_resume(struct pump *p);
/* Wait until @n more packets went out, or the pump is stuck. */
bool pump_flows(struct pump *p, int n);
/* Stop, whatever is under way. False if it was stuck. */
bool pump_halt(struct pump *p);
/* Stop, and wait until no packet is under way. 0 if all went well. */
int pump_stop(struct pump *p);
/* The same, and not a frame may be lost, come twice or be damaged. */
int pump_stop_lossless(struct pump *p);

#endif
