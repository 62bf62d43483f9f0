/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The far end of a backend: a packet socket that puts frames in front of
 * the guest and catches those which the guest sends. Foreign frames are
 * passed over in silence.
 */
#ifndef VHT_WIRE_H
#define VHT_WIRE_H

#include "abi.h"

struct wire {
	int fd;
	bool vnet_hdr;
};

int wire_open(struct wire *w, const char *ifname, bool vnet_hdr);
void wire_close(struct wire *w);

/* 0 or -errno; -ENOBUFS when the queue in front of the guest is full. */
int wire_send(struct wire *w, const void *frame, size_t len,
	      const struct virtio_net_hdr *h);
/* Keeps trying while the queue is full. */
int wire_send_wait(struct wire *w, const void *frame, size_t len,
		   const struct virtio_net_hdr *h);
/* The frame's length, 0 when @ms have passed, or -errno. */
int wire_recv(struct wire *w, void *frame, size_t size,
	      struct virtio_net_hdr *h, int ms);

#endif
