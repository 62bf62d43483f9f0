/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whoever copies a guest's memory as long as the guest runs: a migration in
 * small.
 */
#ifndef VHT_COPIER_H
#define VHT_COPIER_H

#include "dirty.h"
#include "pump.h"

struct copier {
	pthread_t thread;
	pthread_mutex_t lock;	/* of the bitmap in use */
	struct dirty *d;
	struct bitmap *log;
	bool quick;		/* without a pause; set before the start */
	bool stop;
	unsigned int rounds, pages;
};

/* The log is on: from here on whatever is written is copied anew. */
int copier_start(struct copier *c, struct dirty *d, struct bitmap *log);
/* The devices are detached: copy for the last time. Is nothing missing? */
bool copier_end(struct copier *c);

/*
 * Stop @p as it is, and the device of @g a little later: frames go on arriving
 * when a guest has stopped.
 */
int log_stop_guest(struct guest *g, struct pump *p);

#endif
