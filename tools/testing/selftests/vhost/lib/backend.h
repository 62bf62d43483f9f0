/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a virtual machine monitor would hand to VHOST_NET_SET_BACKEND: a tap
 * queue, a packet socket or a macvtap, each with an interface on which the
 * other side of the traffic can be seen; or a socket that has no interface, and
 * the other end of it.
 */
#ifndef VHT_BACKEND_H
#define VHT_BACKEND_H

#include <limits.h>
#include <net/if.h>

#include "abi.h"
#include "util.h"

enum backend_kind {
	BACKEND_TAP,
	BACKEND_PACKET,
	BACKEND_MACVTAP,
	/* From here on see sockets.h. */
	BACKEND_UDP,
	BACKEND_UDP6,
	BACKEND_MCAST,
	BACKEND_UNIX_DGRAM,
	BACKEND_TCP,
	BACKEND_UNIX_STREAM,
};

#define BACKEND_MTU	65521

struct backend_cfg {
	enum backend_kind kind;
	bool vnet_hdr;		/* the socket carries the virtio header */
	unsigned int hdr_len;	/* its length, 10 or 12 */
	int sndbuf;		/* 0: INT_MAX, as monitors do, or large */
	unsigned int offload;	/* TUN_F_... */
	bool multi_queue;	/* tap only */
};

struct backend {
	struct backend_cfg cfg;
	int fd;
	int far;		/* the other end, until a wire has it; or -1 */
	char ifname[IFNAMSIZ];	/* dies with or is deleted to kill it */
	char upper[IFNAMSIZ];	/* a macvtap's own, on top of it */
	char peer[IFNAMSIZ];	/* where the wire listens */
};

/* @n names the interfaces, so that several fit in one namespace. */
int backend_open(struct backend *b, const struct backend_cfg *cfg, int n);
void backend_close(struct backend *b);
/* The longest frame that it carries, in a guest's buffers of FRAME_MAX. */
size_t backend_longest(enum backend_kind kind);
/* Its interface was down: it comes up, and frames pass when this is done. */
int backend_up(const struct backend *b);

/* One more queue of a multi-queue tap. */
int tap_open_queue(const char *ifname, const struct backend_cfg *cfg);
int tap_attach_queue(int fd, bool attach);

/* A packet socket's virtio header, of ten bytes where it can't be longer. */
int packet_set_hdr(int fd, int len);
/* The bytes that it has in front of frames. */
int packet_hdr(int fd);
/* All packets of an interface, from now on. 0 or -errno. */
int packet_bind(int fd, const char *ifname);

#endif
