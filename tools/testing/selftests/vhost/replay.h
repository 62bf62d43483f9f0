/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What clients do with a device, one call after the other.
 */
#ifndef VHT_REPLAY_H
#define VHT_REPLAY_H

#include "guest.h"

/* Bits that all of today's guests take if they are offered. */
#define MODERN	(F_V1 | F_MRG | F_EVENT | F_INDIRECT)

/* Memory, rings, a tap, and an open device that nothing was told of. */
int start_bare(struct guest *g, struct guest_cfg cfg);
/* The guest has reset its device: rings are empty and begin at 0. */
int reset_rings(struct guest *g);

/* One call for one ring. */
int set_fd(struct guest *g, unsigned long req, unsigned int index, int fd);
int set_num(struct guest *g, unsigned int index);
int set_base(struct guest *g, unsigned int index, unsigned int base);
int set_kick(struct guest *g, unsigned int index);
int set_call(struct guest *g, unsigned int index);
int set_err(struct guest *g, unsigned int index);
bool backends_off(struct guest *g);

#endif
