/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs on an interface that see what it receives before the network stack
 * does. They go away with the returned file descriptor.
 */
#ifndef VHT_XDP_H
#define VHT_XDP_H

#include <stdbool.h>

/* Has the kernel such programs? */
bool xdp_possible(void);

/* The descriptor, or -errno. */
int xdp_drop(const char *ifname);
int xdp_redirect(const char *ifname, const char *to);

#endif
