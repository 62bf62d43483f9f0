/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The network device: two rings, a backend for each.
 */
#ifndef VHOST_NET_H
#define VHOST_NET_H

#include <net/sock.h>

#include "backend.h"
#include "vhost.h"

enum {
	VHOST_NET_RX,		/* to the guest */
	VHOST_NET_TX,		/* from the guest */
	VHOST_NET_VQS,
};

/*
 * What one turn may take before the other works of the worker have theirs:
 * packets and bad buffers, and bytes.
 */
#define VHOST_NET_TURN_PACKETS	256
#define VHOST_NET_TURN_BYTES	0x80000

/*
 * A packet for which the backend has no memory, or no place in a queue, is
 * tried again a little later, and after so many tries dropped.
 */
#define VHOST_NET_TX_TRIES	8
#define VHOST_NET_TX_DELAY	1	/* jiffies */

/* What is offered: word 0; for word 1 see net_hdr.h. */
#define VHOST_NET_FEATURES						\
	((1ULL << VIRTIO_NET_F_MRG_RXBUF) |				\
	 (1ULL << VIRTIO_F_NOTIFY_ON_EMPTY) |				\
	 /* also VIRTIO_F_ANY_LAYOUT */					\
	 (1ULL << VHOST_NET_F_VIRTIO_NET_HDR) |				\
	 (1ULL << VIRTIO_RING_F_INDIRECT_DESC) |			\
	 (1ULL << VIRTIO_RING_F_EVENT_IDX) |				\
	 (1ULL << VIRTIO_F_VERSION_1) |					\
	 (1ULL << VHOST_F_LOG_ALL) |					\
	 (1ULL << VIRTIO_F_ACCESS_PLATFORM) |				\
	 (1ULL << VIRTIO_F_RING_PACKED) |				\
	 (1ULL << VIRTIO_F_IN_ORDER) |					\
	 (1ULL << VIRTIO_F_RING_RESET))

/**
 * struct vhost_net_vq - one ring of a network device
 * @vq: the ring
 * @hdr_len: bytes of the guest's virtio header
 * @tries: TX: how often the backend refused the next packet
 * @v3: attached by the interface of 2009, see net_v3.c
 * @kept: of a backend that the ring had before; see vhost_frames_keep()
 * @unfinished: see vhost_frames_held(), as of the last turn; read without a
 *	lock
 * @link: what people are told of the backend; read under rcu_read_lock()
 * @sock_watch: watches the backend: RX for packets, TX for room
 *
 * Protected by vq.mutex.
 */
struct vhost_net_vq {
	struct vhost_vq vq;
	u8 hdr_len;
	u8 tries;
	bool v3;
	u32 unfinished;
	struct vhost_frames *kept;
	struct vhost_link __rcu *link;
	struct vhost_watch sock_watch;
};

/**
 * struct vhost_net - one open /dev/vhost-net
 * @release: its end, if that can't be done where the file was closed
 * @device: what the core knows of it
 * @vqs: its rings, as the core wants them
 * @net_vqs: its rings
 */
struct vhost_net {
	struct work_struct release;
	struct vhost_device device;
	struct vhost_vq *vqs[VHOST_NET_VQS];
	struct vhost_net_vq net_vqs[VHOST_NET_VQS];
};

static inline struct vhost_net_vq *to_net_vq(struct vhost_vq *vq)
{
	return container_of(vq, struct vhost_net_vq, vq);
}

/* What wakes whoever waits for the backend. */
static inline void vhost_net_watch(struct vhost_net_vq *nvq)
{
	vhost_watch_queue(&nvq->sock_watch,
			  sk_sleep(nvq->vq.backend->sock->sk));
}

void __vhost_net_note_unfinished(struct vhost_net_vq *nvq);

/* A turn of the ring is at its end. */
static inline void vhost_net_note_unfinished(struct vhost_net_vq *nvq)
{
	if (unlikely(nvq->vq.backend->frames))
		__vhost_net_note_unfinished(nvq);
}

/* May a turn go on? */
static inline bool vhost_net_may_go_on(const struct vhost_tally *tally)
{
	return tally->tries < VHOST_NET_TURN_PACKETS &&
	       tally->bytes < VHOST_NET_TURN_BYTES;
}

/* net.c APIs: */
void vhost_net_attached(struct vhost_net_vq *nvq, struct vhost_backend *old,
			bool v3);
struct vhost_backend *vhost_net_detach(struct vhost_net_vq *nvq);
void vhost_net_let_go(struct vhost_net_vq *nvq, struct vhost_backend *backend);
int vhost_net_set_backend(struct vhost_net *net, unsigned int index, int fd);

/* net_show.c APIs: */
void vhost_net_show_fdinfo(struct seq_file *m, struct file *file);

/* ioctl_net.c APIs: */
long vhost_net_ioctl(struct vhost_net *net, unsigned int cmd,
		     void __user *argp);

/* net_v3.c APIs: */
int vhost_net_set_socket(struct vhost_net *net, int fd);

/* net_tx.c APIs: */
void vhost_net_tx(struct vhost_vq *vq);

/* net_rx.c APIs: */
void vhost_net_rx(struct vhost_vq *vq);
bool vhost_net_rx_look(struct vhost_vq *vq);

#endif
