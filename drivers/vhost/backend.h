/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a ring's packets come from or go to. Backends know nothing of rings:
 * they take and give packets with a virtio header of backend->hdr_len bytes
 * in front, in whatever memory the iterator names.
 *
 * All functions that take a backend need the mutex of the vq it is attached
 * to, and run in the owner's mm; opening and closing need neither.
 */
#ifndef VHOST_BACKEND_H
#define VHOST_BACKEND_H

#include <linux/net.h>
#include <linux/types.h>
#include <linux/uio.h>

struct file;
struct ptr_ring;
struct sk_buff;
struct sockaddr_storage;
struct vhost_frames;
struct vhost_link;
struct vhost_rx_queue;
struct vhost_tap_queue;

/* The longest virtio header: struct virtio_net_hdr_v1_hash_tunnel. */
#define VHOST_BACKEND_HDR_MAX	24

/* The largest frame: 64 KiB of IP, addresses, two VLAN tags. */
#define VHOST_BACKEND_FRAME_MAX	(65535 + 14 + 2 * 4)

/* Packets taken from or given to a backend at a time. */
#define VHOST_BACKEND_RUN	64

enum vhost_backend_kind {
	VHOST_BACKEND_PACKET,	/* AF_PACKET socket */
	VHOST_BACKEND_TAP,	/* tun, tap, macvtap, ipvtap */
	VHOST_BACKEND_DGRAM,	/* UDP or Unix datagrams */
	VHOST_BACKEND_STREAM,	/* TCP or Unix streams */
};

/**
 * struct vhost_backend - one end of a ring's traffic
 * @kind: which code serves it
 * @little_endian: byte order of the virtio header
 * @hdr_len: bytes of virtio header in front of each packet; 0 if the driver
 *	supplies the header itself
 * @sock: the socket, or the one that a tap has inside
 * @file: holds @sock
 * @link: what people are told of it; outlives the backend by a grace period
 * @ring: tap: where packets for us wait
 * @rx: packets taken from the socket or @ring, in order; of sockets with frames
 *	the next one, where it is in @frames
 * @rx_at: the next one to be used
 * @rx_num: how many there are in @rx
 * @late: packets received that are to be copied in one go
 * @queue: tap: packets to be sent in one go
 * @frames: stream, and datagrams that come in: frames on their way
 * @group: datagrams: where they go, if the socket is not connected
 * @transmit: packets are sent to it; otherwise they are taken from it
 */
struct vhost_backend {
	enum vhost_backend_kind kind;
	bool little_endian;
	bool transmit;
	u8 hdr_len;
	struct socket *sock;
	struct file *file;
	struct vhost_link *link;
	struct ptr_ring *ring;
	void **rx;
	u16 rx_at;
	u16 rx_num;
	struct vhost_rx_queue *late;
	struct vhost_tap_queue *queue;
	struct vhost_frames *frames;
	struct sockaddr_storage *group;
};

/**
 * struct vhost_sent - what became of a queue of packets
 * @packets: handed over
 * @bytes: bytes in them, without headers
 * @refused: the backend took none of these
 * @faults: could not be read
 * @bad_hdrs: with headers that make no sense
 */
struct vhost_sent {
	u16 packets;
	u16 refused;
	u16 faults;
	u16 bad_hdrs;
	u32 bytes;
};

/* skb_short.c APIs: */
void vhost_skb_prefetch(const struct vhost_backend *backend);
bool vhost_skb_copy_short(const struct vhost_backend *backend,
			  const struct sk_buff *skb, void *to);

/* backend.c APIs: */
struct vhost_backend *vhost_backend_open(int fd, bool transmit);
struct vhost_backend *vhost_backend_create(struct file *file, bool transmit);
bool vhost_backend_accepts(struct socket *sock);
bool vhost_socket_connected(struct socket *sock);
void vhost_backend_close(struct vhost_backend *backend);
void vhost_backend_set_header(struct vhost_backend *backend, u8 hdr_len,
			      bool little_endian);
int vhost_backend_send(struct vhost_backend *backend, struct iov_iter *from);

/* backend_packet.c APIs: */
u8 vhost_packet_hdr_len(u8 hdr_len);
void vhost_packet_refill(struct vhost_backend *backend);
void vhost_packet_give_back(struct vhost_backend *backend);
u32 vhost_packet_len(const void *packet);
int vhost_packet_recv(struct vhost_backend *backend, void *packet,
		      struct iov_iter *to);
void vhost_packet_free(void *packet);

bool vhost_packet_waiting(const struct vhost_backend *backend);

int vhost_packet_recv_short(struct vhost_backend *backend, void *packet,
			    void *to, u32 len);

/* backend_tap.c APIs: */
struct ptr_ring *vhost_tap_ring(struct file *file);
struct socket *vhost_tap_socket(struct file *file);
void vhost_tap_refill(struct vhost_backend *backend);
void vhost_tap_give_back(struct vhost_backend *backend);
bool vhost_tap_waiting(const struct vhost_backend *backend);
u32 vhost_tap_len(void *packet);
int vhost_tap_recv(struct vhost_backend *backend, void *packet,
		   struct iov_iter *to);
int vhost_tap_recv_short(struct vhost_backend *backend, void *packet, void *to,
			 u32 len);
void vhost_tap_free(void *packet);

/* tap_queue.c APIs: */
struct vhost_tap_queue *vhost_tap_queue_create(void);
void vhost_tap_queue_free(struct vhost_tap_queue *queue);
bool vhost_tap_batches(const struct vhost_backend *backend);
bool vhost_tap_queued(const struct vhost_backend *backend);
int vhost_tap_add(struct vhost_backend *backend, const struct iovec *iov,
		  int num, size_t len);
void vhost_tap_flush(struct vhost_backend *backend, struct vhost_sent *sent);

/* backend_dgram.c APIs: */
bool vhost_dgram_accepts(struct socket *sock);
int vhost_dgram_init(struct vhost_backend *backend);
int vhost_dgram_refill(struct vhost_backend *backend);
int vhost_dgram_send(const struct vhost_backend *backend, struct msghdr *msg);

/* backend_stream.c APIs: */
bool vhost_stream_accepts(struct socket *sock);
int vhost_stream_init(struct vhost_backend *backend);
int vhost_stream_refill(struct vhost_backend *backend);
void vhost_stream_settle(struct vhost_backend *backend);
int vhost_stream_add(struct vhost_backend *backend, const struct iovec *iov,
		     int num, size_t len);
void vhost_stream_flush(struct vhost_backend *backend, struct vhost_sent *sent);
bool vhost_stream_queued(const struct vhost_backend *backend);
bool vhost_stream_unsent(const struct vhost_backend *backend);

/* frames.c APIs: */
u32 vhost_frames_len(const void *frame);
int vhost_frames_recv(struct vhost_backend *backend, void *frame,
		      struct iov_iter *to);
void vhost_frames_recv_short(struct vhost_backend *backend, void *frame,
			     void *to);
void vhost_frames_drop(struct vhost_backend *backend, const void *frame);
u32 vhost_frames_held(const struct vhost_frames *frames);
bool vhost_frames_look(struct vhost_backend *backend);
int vhost_frames_refill(struct vhost_backend *backend);
void vhost_frames_settle(struct vhost_backend *backend);
void vhost_frames_resume(struct vhost_backend *backend,
			 struct vhost_backend *old,
			 struct vhost_frames **kept);
void vhost_frames_keep(struct vhost_backend *backend,
		       struct vhost_frames **kept);
void vhost_frames_free(struct vhost_frames *frames);

/* Has it frames, and nothing in front of them? */
static inline bool vhost_backend_has_frames(const struct vhost_backend *backend)
{
	return backend->kind >= VHOST_BACKEND_DGRAM;
}

/**
 * vhost_backend_batches() - does the backend take packets a run at a time?
 * @backend: the backend, which is transmitted to
 *
 * Return: true if vhost_backend_add() is to be used.
 */
static inline bool vhost_backend_batches(const struct vhost_backend *backend)
{
	if (backend->kind == VHOST_BACKEND_STREAM)
		return true;
	return backend->queue && vhost_tap_batches(backend);
}

/* Is there something to be flushed? */
static inline bool vhost_backend_queued(const struct vhost_backend *backend)
{
	if (backend->kind == VHOST_BACKEND_STREAM)
		return vhost_stream_queued(backend);
	return backend->queue && vhost_tap_queued(backend);
}

/* Has it been flushed in part, and waits for room for the rest? */
static inline bool vhost_backend_unsent(const struct vhost_backend *backend)
{
	return backend->kind == VHOST_BACKEND_STREAM &&
	       vhost_stream_unsent(backend);
}

/**
 * vhost_backend_add() - queue a packet
 * @backend: the backend, which batches, and has less than VHOST_BACKEND_RUN
 *	packets queued
 * @iov: header of backend->hdr_len bytes, and frame; what it names has to stay
 *	where it is until the queue is flushed, for the sake of taps
 * @num: segments of it
 * @len: bytes in it
 *
 * Return: 0; -ENOSPC or -ENOMEM if the packet has to be sent alone; else as
 * vhost_backend_send() does.
 */
static inline int vhost_backend_add(struct vhost_backend *backend,
				    const struct iovec *iov, int num,
				    size_t len)
{
	if (backend->kind == VHOST_BACKEND_STREAM)
		return vhost_stream_add(backend, iov, num, len);
	return vhost_tap_add(backend, iov, num, len);
}

/**
 * vhost_backend_flush() - hand over all queued packets
 * @backend: the backend, of which some are queued
 * @sent: what became of them; all zero before
 */
static inline void vhost_backend_flush(struct vhost_backend *backend,
				       struct vhost_sent *sent)
{
	if (backend->kind == VHOST_BACKEND_STREAM)
		vhost_stream_flush(backend, sent);
	else
		vhost_tap_flush(backend, sent);
}

/* Is there a packet that was taken from the backend, but not used? */
static inline bool vhost_backend_at_hand(const struct vhost_backend *backend)
{
	return backend->rx_at < backend->rx_num;
}

/* Would the backend give packets? */
static inline bool vhost_backend_waiting(struct vhost_backend *backend)
{
	if (vhost_backend_has_frames(backend))
		return vhost_frames_look(backend);
	return backend->kind == VHOST_BACKEND_TAP ?
	       vhost_tap_waiting(backend) : vhost_packet_waiting(backend);
}

/* Take packets, as vhost_backend_peek() says. */
static inline int vhost_backend_refill(struct vhost_backend *backend)
{
	if (unlikely(vhost_backend_has_frames(backend)))
		return vhost_frames_refill(backend);
	if (backend->kind == VHOST_BACKEND_TAP)
		vhost_tap_refill(backend);
	else
		vhost_packet_refill(backend);
	return backend->rx_num ? 1 : 0;
}

/**
 * vhost_backend_peek() - look at the next packet that came in
 * @backend: the backend
 * @len: set to its length, in bytes without virtio header
 *
 * Return: 1; 0 if there is none; -EAGAIN if there is a part of one; -EBADMSG or
 * -EPROTO if what came in is no packet; -EPIPE if nothing will come any more;
 * else what has become of a packet that went out. What was an error is over:
 * there may be a packet behind it.
 */
static inline int vhost_backend_peek(struct vhost_backend *backend, u32 *len)
{
	int n;

	if (backend->rx_at == backend->rx_num) {
		n = vhost_backend_refill(backend);
		if (unlikely(n <= 0))
			return n;
	}
	if (unlikely(vhost_backend_has_frames(backend))) {
		*len = vhost_frames_len(backend->rx[0]);
		return 1;
	}
	vhost_skb_prefetch(backend);
	*len = backend->kind == VHOST_BACKEND_TAP ?
	       vhost_tap_len(backend->rx[backend->rx_at]) :
	       vhost_packet_len(backend->rx[backend->rx_at]);
	return 1;
}

/**
 * vhost_backend_recv() - take the next packet that came in
 * @backend: the backend, at which vhost_backend_peek() saw a packet
 * @to: where to put header and packet; room for exactly both
 *
 * The packet is gone afterwards, whatever the result.
 *
 * Return: 0; -EFAULT if the memory can't be written; else what the backend
 * has against it.
 */
static inline int vhost_backend_recv(struct vhost_backend *backend,
				     struct iov_iter *to)
{
	void *packet = backend->rx[backend->rx_at++];

	if (unlikely(vhost_backend_has_frames(backend)))
		return vhost_frames_recv(backend, packet, to);
	if (backend->kind == VHOST_BACKEND_TAP)
		return vhost_tap_recv(backend, packet, to);
	return vhost_packet_recv(backend, packet, to);
}

/**
 * vhost_backend_recv_short() - the same into memory of the driver's own
 * @backend: the backend, at which vhost_backend_peek() saw a packet
 * @to: where to put header and packet; of the header some may be left as it is
 * @len: bytes of both, at most VHOST_COPY_MAX
 *
 * Return: 0; else what the backend has against it.
 */
static inline int vhost_backend_recv_short(struct vhost_backend *backend,
					   void *to, u32 len)
{
	void *packet = backend->rx[backend->rx_at++];

	if (unlikely(vhost_backend_has_frames(backend))) {
		vhost_frames_recv_short(backend, packet, to);
		return 0;
	}
	if (backend->kind == VHOST_BACKEND_TAP)
		return vhost_tap_recv_short(backend, packet, to, len);
	return vhost_packet_recv_short(backend, packet, to, len);
}

/**
 * vhost_backend_discard() - drop the next packet that came in
 * @backend: the backend, at which vhost_backend_peek() saw a packet
 */
static inline void vhost_backend_discard(struct vhost_backend *backend)
{
	void *packet = backend->rx[backend->rx_at++];

	if (unlikely(vhost_backend_has_frames(backend)))
		vhost_frames_drop(backend, packet);
	else if (backend->kind == VHOST_BACKEND_TAP)
		vhost_tap_free(packet);
	else
		vhost_packet_free(packet);
}

#endif
