/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A whole guest: memory, two rings, a device, a backend and the wire
 * behind it, in a network namespace that the caller has made.
 */
#ifndef VHT_GUEST_H
#define VHT_GUEST_H

#include "abi.h"
#include "arena.h"
#include "backend.h"
#include "device.h"
#include "frame.h"
#include "iommu.h"
#include "vring.h"
#include "wire.h"

/* Regions of guest memory, in the order of the memory table. */
enum { REGION_RING, REGION_RX, REGION_TX };

/* How a packet with its header is cut into descriptors. */
struct shape {
	unsigned int hdr_parts;	/* 0: the header shares a descriptor */
	unsigned int data_parts;
	bool indirect;
};

struct buf {
	char *base;
	size_t size;
	struct vq_seg *seg;
	char **at;		/* host address of each segment */
	unsigned int nseg;
	struct buf *next;	/* in the free list */
};

struct pool {
	struct buf *buf;
	struct buf *free;
	struct vq_seg *segs;
	char **ats;
	unsigned int n;
};

struct guest_cfg {
	__u64 features;
	unsigned int num[VQ_MAX];	/* 0: 256 */
	__u16 start;			/* first ring index */
	size_t buf[VQ_MAX];		/* header and frame, 0: 2048 */
	unsigned int pool[VQ_MAX];	/* buffers, 0: as many as num */
	struct shape shape[VQ_MAX];	/* data_parts 0: one */
	struct backend_cfg backend;
	bool plain_wire;		/* no virtio header on the wire */
	int id;				/* names the interfaces */
	__u64 gpa;			/* added to all addresses */
	bool identity;			/* gpa and host address are the same */
	bool stopped;			/* leave SET_BACKEND to the test */
	bool bare;			/* leave the whole device to it */
	bool long_hdr;			/* agree on F1_TUNNEL, too */
	bool lazy;			/* guest_recv() posts nothing anew */
	bool spoil;			/* see vq_at_rest() */
	bool losses;			/* buffers may come back unused */
	const struct iommu_cfg *iommu;	/* translate addresses, NULL: don't */
};

struct guest {
	struct guest_cfg cfg;
	int fd;
	struct iommu io;
	unsigned int hdr_len;
	struct arena arena;
	struct vq vq[VQ_MAX];
	struct pool pool[VQ_MAX];
	struct backend backend;
	struct wire wire;
	int tx_done;
	/* Is told of every receive buffer that comes back. */
	void (*on_rx)(void *arg, const struct buf *b, __u32 len);
	void *on_rx_arg;
	/* May change how the next buffer of a ring is cut. */
	void (*on_cut)(void *arg, unsigned int index);
	void *on_cut_arg;
};

/* One received packet. */
struct rx_packet {
	struct virtio_net_hdr_mrg_rxbuf hdr;
	__u8 hdr_rest[LONG_HDR - sizeof(struct virtio_net_hdr_mrg_rxbuf)];
	unsigned int nbufs;	/* buffers it came in */
	size_t len;		/* without header */
};

#define MAX_SEGS	80
/* No two parts of a packet may touch, or a driver could ignore the cuts. */
#define PART_GAP	5

int guest_start(struct guest *g, const struct guest_cfg *cfg);
void guest_stop(struct guest *g);
/* Owner, features, memory and rings of a device that has none of these. */
int guest_setup(struct guest *g);
int guest_attach(struct guest *g, int backend);
/* Another backend of the same kind, and the wire behind it. */
int guest_renew_backend(struct guest *g, int id);
/* Tell the device where the used rings are, as it may want to know first. */
int guest_push_used(struct guest *g);
/* The rings are elsewhere, see vq_place(); some are in its memory, too. */
void guest_lend_again(struct guest *g);

struct buf *pool_get(struct pool *p);
void pool_put(struct pool *p, struct buf *b);

/* Cut @total bytes in buffer @b; the parts are laid out apart, last first. */
int buf_cut(const struct guest *g, struct buf *b, const struct shape *s,
	    size_t total, bool write);
void buf_scatter(struct buf *b, size_t off, const void *from, size_t n);
void buf_gather(const struct buf *b, size_t off, void *to, size_t n);

/* Queue a frame, waiting for room if there is none. Kick it yourself. */
int guest_send(struct guest *g, const void *frame, size_t len,
	       const struct virtio_net_hdr *h);
/* Take back what is used. */
int guest_reap(struct guest *g);
/* Kick, then wait until nothing is in flight; -ETIME on a stall. */
int guest_drain(struct guest *g);

/* Post up to @n receive buffers; how many went in, or -errno. */
int guest_post(struct guest *g, unsigned int n);
/*
 * Receive one packet and post its buffers anew, unless cfg.lazy. 1, 0 if none
 * came in @ms, or -errno. @frame has room for FRAME_MAX bytes.
 */
int guest_recv(struct guest *g, void *frame, struct rx_packet *p, int ms);

#endif
