// SPDX-License-Identifier: GPL-2.0
/*
 * From the backend to the guest.
 *
 * A packet fills one buffer, or with mergeable buffers as many as it needs.
 * They are gathered first, noted as used on the way, and all taken back if
 * the guest has not made enough of them available yet.
 */
#include <linux/vhost.h>

#include "net.h"
#include "net_hdr.h"
#include "rx_queue.h"
#include "uaccess.h"

/* How a turn goes on after one packet, or ends. */
enum rx_step {
	RX_GO_ON,
	RX_AGAIN,		/* with the next packet, or the next buffer */
	RX_NO_PACKET,		/* wait for the backend */
	RX_NO_BUFFER,		/* wait for the guest */
	RX_NO_IOTLB,		/* wait for a translation */
	RX_BROKEN,
};

/**
 * struct rx_room - buffers gathered for one packet
 * @segments: entries of vq->iov in use
 * @buffers: how many buffers they are from
 * @slots: entries of the ring that these take
 * @descs: descriptors that were looked at
 * @len: bytes to be filled: header and frame
 * @left: bytes there is no room for yet
 */
struct rx_room {
	int segments;
	u16 buffers;
	u32 slots;
	u32 descs;
	u32 len;
	u32 left;
};

/* Take the gathered buffers back, and one after them that has @more slots. */
static void rx_release(struct vhost_vq *vq, struct rx_room *room, u16 more)
{
	vhost_ring_unput(&vq->ring, room->buffers);
	vhost_ring_rewind(&vq->ring, room->buffers + (more ? 1 : 0),
			  room->slots + more);
}

/*
 * One of the buffers is bad. Give it back unused with all that were gathered
 * before it, in the order they came; the packet will try the next ones.
 */
static enum rx_step rx_bad(struct vhost_vq *vq, struct rx_room *room,
			   enum vhost_reason why)
{
	u16 i = vq->ring.put_num - room->buffers;

	while (i < vq->ring.put_num)
		vhost_ring_blank(&vq->ring, i++);
	vhost_vq_complain(vq, why);
	return RX_AGAIN;
}

static enum rx_step rx_too_big(struct vhost_vq *vq, struct rx_room *room,
			       u16 more)
{
	rx_release(vq, room, more);
	vhost_vq_count(vq, VHOST_DROP_BIG);
	vhost_backend_discard(vq->backend);
	return RX_AGAIN;
}

static enum rx_step rx_stop(struct vhost_vq *vq, struct rx_room *room,
			    enum rx_step step)
{
	rx_release(vq, room, 0);
	return step;
}

/* Is there something against a buffer, apart from its descriptors? */
static enum vhost_reason rx_check(struct vhost_net_vq *nvq,
				  const struct rx_room *room,
				  const struct vhost_chain *chain)
{
	if (unlikely(chain->out))
		return VHOST_BAD_DIRECTION;
	/* The header has to be in the first one; none may be without bytes. */
	if (unlikely(chain->in_len < (room->buffers ? 1 : nvq->hdr_len)))
		return VHOST_BAD_HDR;
	return VHOST_OK;
}

/* Add one buffer. Return: RX_GO_ON, or how the attempt ends. */
static enum rx_step rx_add_buffer(struct vhost_vq *vq, struct rx_room *room)
{
	struct vhost_chain chain = {
		.iov = vq->iov + room->segments,
		.max = VHOST_MAX_IOV - room->segments,
	};
	u32 len = 0;

	switch (vhost_ring_next(vq, &chain)) {
	case VHOST_FETCH_EMPTY:
		/* More than the ring can hold will never be available. */
		if (room->slots >= vq->ring.num)
			return rx_too_big(vq, room, 0);
		return rx_stop(vq, room, RX_NO_BUFFER);
	case VHOST_FETCH_BROKEN:
		return rx_stop(vq, room, RX_BROKEN);
	case VHOST_FETCH_MISS:
		return rx_stop(vq, room, RX_NO_IOTLB);
	case VHOST_FETCH_BAD:
		/* Too long only because of the buffers before it? */
		if (chain.bad == VHOST_BAD_LONG && room->buffers &&
		    chain.descs <= VHOST_MAX_IOV)
			return rx_too_big(vq, room, chain.slots);
		break;
	case VHOST_FETCH_OK:
		chain.bad = rx_check(to_net_vq(vq), room, &chain);
		len = min_t(u64, chain.in_len, room->left);
		break;
	}

	vhost_ring_put(vq, &chain, len);
	room->buffers++;
	room->slots += chain.slots;
	room->descs += chain.descs;
	if (unlikely(chain.bad))
		return rx_bad(vq, room, chain.bad);
	room->segments += chain.num;
	room->left -= len;
	return RX_GO_ON;
}

/* Gather buffers for one packet. Return: RX_GO_ON if they suffice. */
static enum rx_step rx_gather(struct vhost_vq *vq, struct rx_room *room)
{
	bool merge = vhost_has(vq, VIRTIO_NET_F_MRG_RXBUF);
	u16 max = merge ? VHOST_MAX_IOV : 1;
	enum rx_step step;

	while (room->left) {
		/* What is offered in many pieces takes its time. */
		if (unlikely(room->descs >= VHOST_RING_RUN))
			cond_resched();
		if (room->buffers == max)
			return rx_too_big(vq, room, 0);
		step = rx_add_buffer(vq, room);
		if (step != RX_GO_ON)
			return step;
	}
	return RX_GO_ON;
}

/* Tell the guest over how many buffers the packet is spread. */
static int rx_put_buffers(struct vhost_vq *vq, const struct rx_room *room)
{
	const size_t at = offsetof(struct virtio_net_hdr_mrg_rxbuf,
				   num_buffers);
	__virtio16 num = vhost_cpu_to_16(&vq->ring, room->buffers);
	struct iov_iter to;

	if (likely(vq->iov->iov_len >= at + sizeof(num)))
		return vhost_copy_out(vq->iov->iov_base + at, &num,
				      sizeof(num));

	iov_iter_init(&to, ITER_DEST, vq->iov, room->segments, room->len);
	iov_iter_advance(&to, at);
	return copy_to_iter(&num, sizeof(num), &to) == sizeof(num) ?
	       0 : -EFAULT;
}

/* The header that the driver supplies: nothing to tell but the buffers. */
static int rx_own_header(struct vhost_vq *vq, const struct rx_room *room,
			 struct iov_iter *to)
{
	struct {
		struct virtio_net_hdr_mrg_rxbuf mrg;
		u8 rest[VHOST_BACKEND_HDR_MAX -
			sizeof(struct virtio_net_hdr_mrg_rxbuf)];
	} hdr = {
		.mrg.num_buffers = vhost_cpu_to_16(&vq->ring, room->buffers),
	};
	u8 len = to_net_vq(vq)->hdr_len;

	return copy_to_iter(&hdr, len, to) == len ? 0 : -EFAULT;
}

/* Receive a packet with its header. It is gone, whatever the result. */
static int rx_recv(struct vhost_vq *vq, const struct rx_room *room,
		   struct iov_iter *to)
{
	struct vhost_backend *backend = vq->backend;
	int err;

	if (backend->hdr_len) {
		err = vhost_backend_recv(backend, to);
		if (!err && vhost_net_hdr_has_buffers(backend->hdr_len))
			err = rx_put_buffers(vq, room);
		return err;
	}
	err = rx_own_header(vq, room, to);
	if (!err)
		return vhost_backend_recv(backend, to);
	vhost_backend_discard(backend);
	return err;
}

/* Fill the gathered buffers. */
static int rx_fill(struct vhost_vq *vq, const struct rx_room *room)
{
	struct iov_iter to;
	int err;

	iov_iter_init(&to, ITER_DEST, vq->iov, room->segments, room->len);
	err = rx_recv(vq, room, &to);
	/* Whatever came of it, something may have been written. */
	if (unlikely(vq->log.data))
		vhost_log_iov(vq, vq->iov, room->segments, room->len);
	return err;
}

/* The same for a short packet, whose buffer is filled by rx_flush(). */
static int rx_fill_late(struct vhost_vq *vq, const struct rx_room *room)
{
	struct vhost_backend *backend = vq->backend;
	struct vhost_rx_queue *late = backend->late;
	struct virtio_net_hdr_mrg_rxbuf *hdr = vhost_rx_queue_room(late);
	u8 hdr_len = to_net_vq(vq)->hdr_len, own = hdr_len - backend->hdr_len;
	int err;

	/* Of the backend's header, or of our own. */
	memset(hdr, 0, VHOST_BACKEND_HDR_MAX);
	err = vhost_backend_recv_short(backend, (void *)hdr + own,
				       room->len - own);
	if (err)
		return err;
	if (vhost_net_hdr_has_buffers(hdr_len))
		hdr->num_buffers = vhost_cpu_to_16(&vq->ring, room->buffers);
	vhost_rx_queue_add(late, vq->iov->iov_base, room->len,
			   vq->ring.put_num - 1);
	return 0;
}

/* Fill the buffers of all short packets. */
static void rx_flush(struct vhost_vq *vq, struct vhost_tally *tally)
{
	struct vhost_rx_queue *late = vq->backend->late;
	u16 i, bad;

	bad = vhost_copies_out(late->copy, 0, late->num);
	while (unlikely(bad < late->num)) {
		vhost_ring_blank(&vq->ring, late->tag[bad]);
		vhost_vq_complain(vq, VHOST_BAD_DATA);
		tally->packets--;
		tally->bytes -= late->copy[bad].len - to_net_vq(vq)->hdr_len;
		bad = vhost_copies_out(late->copy, bad + 1, late->num);
	}
	for (i = 0; unlikely(vq->log.data) && i < late->num; i++) {
		struct iovec iov = {
			.iov_base = late->copy[i].theirs,
			.iov_len = late->copy[i].len,
		};

		vhost_log_iov(vq, &iov, 1, iov.iov_len);
	}
	late->num = 0;
	late->used = 0;
}

/* Show the guest what it has received. */
static void rx_complete(struct vhost_vq *vq, struct vhost_tally *tally)
{
	rx_flush(vq, tally);
	vhost_vq_complete(vq);
}

/* The backend has something to say, instead of a packet. */
static enum rx_step rx_no_packet(struct vhost_vq *vq, int err)
{
	switch (err) {
	case -EAGAIN:
		break;
	case -EBADMSG:
	case -EPROTO:
		vhost_vq_complain(vq, VHOST_BAD_FRAME);
		break;
	case -EPIPE:
		vhost_vq_complain(vq, VHOST_BAD_PEER);
		break;
	default:
		vhost_vq_complain(vq, VHOST_DROP_BACKEND);
		break;
	}
	return RX_AGAIN;
}

static enum rx_step rx_packet(struct vhost_vq *vq, struct vhost_tally *tally)
{
	struct rx_room room = {};
	enum rx_step step;
	u32 frame_len;
	int err;

	err = vhost_backend_peek(vq->backend, &frame_len);
	if (!err)
		return RX_NO_PACKET;
	if (unlikely(err < 0))
		return rx_no_packet(vq, err);
	room.len = frame_len + to_net_vq(vq)->hdr_len;
	room.left = room.len;
	step = rx_gather(vq, &room);
	tally->tries += room.descs / VHOST_RING_RUN;
	if (step != RX_GO_ON)
		return step;

	if (room.segments == 1 &&
	    vhost_rx_queue_fits(vq->backend->late, vq->iov->iov_base, room.len))
		err = rx_fill_late(vq, &room);
	else
		err = rx_fill(vq, &room);
	if (unlikely(err == -EFAULT))
		return rx_bad(vq, &room, VHOST_BAD_DATA);
	if (unlikely(err)) {
		vhost_vq_complain(vq, VHOST_DROP_BACKEND);
		return rx_stop(vq, &room, RX_AGAIN);
	}
	tally->packets++;
	tally->bytes += frame_len;
	trace_vhost_recv(vq, frame_len, room.buffers);
	return RX_GO_ON;
}

/* Nothing to be done for now. Return: true if that has changed already. */
static bool rx_idle(struct vhost_vq *vq, struct vhost_tally *tally,
		    enum rx_step step)
{
	u32 len;
	int err;

	/* The owner can be at it while we publish. */
	if (step == RX_NO_IOTLB)
		vhost_iotlb_sleep(vq);
	rx_complete(vq, tally);
	if ((step == RX_NO_PACKET || step == RX_NO_BUFFER) &&
	    vhost_busyloop_begin(vq))
		return false;
	if (step == RX_NO_PACKET) {
		/*
		 * The next packet is what wakes us: no need for kicks. To
		 * look for packets, not for readiness: a packet socket can be
		 * readable without any packet for us (PACKET_RX_RING).
		 */
		vhost_net_watch(to_net_vq(vq));
		err = vhost_backend_peek(vq->backend, &len);
		if (!err)
			return false;
		if (unlikely(err < 0))
			rx_no_packet(vq, err);
		vhost_watch_stop(&to_net_vq(vq)->sock_watch);
		return true;
	}
	if (step == RX_NO_IOTLB)
		return false;
	return vhost_ring_kick_on(vq) && step == RX_NO_BUFFER;
}

static void rx_turn(struct vhost_vq *vq, struct vhost_tally *tally)
{
	enum rx_step step;

	for (; vhost_net_may_go_on(tally); tally->tries++) {
		if (vhost_ring_put_full(&vq->ring)) {
			rx_complete(vq, tally);
			cond_resched();
			/* Ring memory is gone: no room to note more. */
			if (vq->ring.put_num)
				return;
		}
		step = rx_packet(vq, tally);
		if (step == RX_GO_ON || step == RX_AGAIN)
			continue;
		if (!rx_idle(vq, tally, step))
			return;
	}
	rx_complete(vq, tally);
	if (!vq->failed)
		vhost_vq_queue(vq);
}

/**
 * vhost_net_rx_look() - is there what the receive ring waits for?
 * @vq: the ring
 *
 * Context: the worker, under vq->mutex.
 * Return: true if so.
 */
bool vhost_net_rx_look(struct vhost_vq *vq)
{
	/* A packet at hand is one that lacks buffers. */
	if (vhost_backend_at_hand(vq->backend))
		return vhost_ring_has_more(vq);
	return vhost_backend_waiting(vq->backend);
}

/**
 * vhost_net_rx() - go through the receive ring
 * @vq: the ring
 *
 * Context: the worker. Takes vq->mutex.
 */
void vhost_net_rx(struct vhost_vq *vq)
{
	struct vhost_tally tally = {};

	mutex_lock(&vq->mutex);
	if (vq->backend) {
		vhost_watch_stop(&to_net_vq(vq)->sock_watch);
		if (vhost_vq_begin_turn(vq))
			rx_turn(vq, &tally);
		vhost_net_note_unfinished(to_net_vq(vq));
		tally.copied = tally.bytes +
			       tally.packets * to_net_vq(vq)->hdr_len;
		vhost_vq_end_turn(vq, &tally);
	}
	mutex_unlock(&vq->mutex);
}
