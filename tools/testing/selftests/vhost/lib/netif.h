/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Network namespaces and the interfaces in them. All calls act on the
 * caller's namespace and return 0 or -errno.
 */
#ifndef VHT_NETIF_H
#define VHT_NETIF_H

#include "abi.h"
#include "util.h"

/* A silent namespace of the caller's own, with a /sys that shows it. */
int netif_new_namespace(void);

int netif_add_veth(const char *name, const char *peer);
int netif_add_macvtap(const char *name, const char *lower,
		      const __u8 mac[ETH_ALEN]);
/* A tunnel; its hardware addresses have 16 bytes. */
int netif_add_ip6tnl(const char *name, const __u8 remote[16]);
int netif_del(const char *name);

int netif_up(const char *name, bool up);
/*
 * Wait until frames pass. What is stacked on an interface that comes up
 * follows some time later, and drops without a word what is sent before.
 */
int netif_wait_up(const char *name);
int netif_set_mtu(const char *name, int mtu);
int netif_set_txqlen(const char *name, int len);
/*
 * What it receives comes in the order in which it was sent, also if the sender
 * is moved to another processor meanwhile: the first one receives for all. So
 * it may come later than the sender comes back.
 */
void netif_keep_order(const char *name);

#endif
