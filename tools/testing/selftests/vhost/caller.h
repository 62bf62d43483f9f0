/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread that makes the same few calls again and again, whatever comes of
 * them.
 */
#ifndef VHT_CALLER_H
#define VHT_CALLER_H

#include <pthread.h>

#include "util.h"

struct caller {
	pthread_t thread;
	void *arg;
	void (*call)(struct caller *c, unsigned int i);
	bool stop;
	unsigned int calls, failed;
};

int caller_start(struct caller *c, void *arg,
		 void (*call)(struct caller *c, unsigned int i));
/* How many calls it has begun. */
unsigned int caller_calls(const struct caller *c);
void caller_end(struct caller *c);

#endif
