/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The far end of a backend: a packet socket that puts frames in front of
 * the guest and catches those which the guest sends; or the other end of a
 * backend that has no interface. Foreign frames are passed over in silence.
 */
#ifndef VHT_WIRE_H
#define VHT_WIRE_H

#include <netinet/in.h>

#include "abi.h"
#include "backend.h"

struct stream;

struct wire {
	int fd;
	bool vnet_hdr;
	bool paired;		/* no packet socket */
	struct stream *stream;	/* with lengths in front of frames */
	struct sockaddr_in to;	/* a group; else port 0 */
};

int wire_open(struct wire *w, const char *ifname, bool vnet_hdr);
/* Behind a backend of any kind. */
int wire_open_behind(struct wire *w, struct backend *b, bool vnet_hdr);
void wire_close(struct wire *w);

/* 0 or -errno; -ENOBUFS when the queue in front of the guest is full. */
int wire_send(struct wire *w, const void *frame, size_t len,
	      const struct virtio_net_hdr *h);
/* Keeps trying while the queue is full. */
int wire_send_wait(struct wire *w, const void *frame, size_t len,
		   const struct virtio_net_hdr *h);
/*
 * A frame that is there, be it whose it may. Its length, of which @size bytes
 * at most are in @frame; or -errno, and -EAGAIN if there is none.
 */
int wire_take(struct wire *w, void *frame, size_t size,
	      struct virtio_net_hdr *h);
/* The frame's length, 0 when @ms have passed, or -errno. */
int wire_recv(struct wire *w, void *frame, size_t size,
	      struct virtio_net_hdr *h, int ms);

#endif
