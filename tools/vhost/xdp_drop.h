/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program on an interface that drops all it receives, before the network
 * stack sees it. It goes away with the returned file descriptor.
 */
#ifndef XDP_DROP_H
#define XDP_DROP_H

/* The descriptor, or -errno. */
int xdp_drop_attach(const char *ifname);

#endif
