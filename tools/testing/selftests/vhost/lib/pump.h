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
	int sent;
	int seen;	/* frames that came out on the wire */
	int received;	/* frames that came in */
	__u32 seq;
};

int pump_start(struct pump *p, struct guest *g);
/* Wait until @n more packets went out, or the pump is stuck. */
bool pump_flows(struct pump *p, int n);
/* Stop, and wait until no packet is under way. 0 if all went well. */
int pump_stop(struct pump *p);

#endif
