/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's own <linux/miscdevice.h>, and the minor number of vhost-net
 * where a tree does not have one. Every tree since 2.6.34 does; 233 is what
 * the driver was first proposed with.
 */
#ifndef _VHOST_SHADOW_MISCDEVICE_H
#define _VHOST_SHADOW_MISCDEVICE_H

#include_next <linux/miscdevice.h>

#ifndef VHOST_NET_MINOR
#define VHOST_NET_MINOR 233
#endif

#endif
