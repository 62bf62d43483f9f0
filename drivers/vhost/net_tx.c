// SPDX-License-Identifier: GPL-2.0
/*
 * From the guest to the backend.
 *
 * Buffers are noted as used when their packet was queued, or refused for
 * good, and published after the run of packets they are in was handed over.
 * So whatever ends a run, no buffer that was taken is kept.
 */
#include <linux/if_ether.h>
#include <linux/poll.h>
#include <linux/vhost.h>

#include "net.h"
#include "net_hdr.h"

/* How a turn goes on after one buffer, or ends. */
enum tx_step {
	TX_GO_ON,
	TX_WAIT_BACKEND,	/* no room: the packet went back to the ring */
	TX_WAIT_TIME,		/* same, but nobody will wake us */
	TX_WAIT_IOTLB,		/* same, until a translation comes */
	TX_EMPTY,
	TX_BROKEN,
};

static void tx_complain(struct vhost_vq *vq, enum vhost_reason why, u16 num)
{
	while (unlikely(num--))
		vhost_vq_complain(vq, why);
}

/* Hand over what is queued, and then show the guest its buffers. */
static void tx_flush(struct vhost_vq *vq, struct vhost_tally *tally)
{
	struct vhost_backend *backend = vq->backend;
	struct vhost_sent sent = {};

	if (vhost_backend_queued(backend)) {
		vhost_backend_flush(backend, &sent);
		tally->packets += sent.packets;
		tally->bytes += sent.bytes;
		trace_vhost_send(vq, sent.packets, sent.bytes, sent.refused);
		tx_complain(vq, VHOST_DROP_BACKEND, sent.refused);
		tx_complain(vq, VHOST_BAD_DATA, sent.faults);
		tx_complain(vq, VHOST_BAD_HDR, sent.bad_hdrs);
	}
	vhost_vq_complete(vq);
	cond_resched();
}

static enum tx_step tx_used(struct vhost_vq *vq,
			    const struct vhost_chain *chain)
{
	to_net_vq(vq)->tries = 0;
	vhost_ring_put(vq, chain, 0);
	return TX_GO_ON;
}

static enum tx_step tx_bad(struct vhost_vq *vq, const struct vhost_chain *chain,
			   enum vhost_reason why)
{
	vhost_vq_complain(vq, why);
	return tx_used(vq, chain);
}

/*
 * EAGAIN comes with the promise of a wake-up when there is room. Lack of
 * memory and of places in a queue pass by themselves or not; nobody tells.
 */
static enum tx_step tx_refused(struct vhost_vq *vq,
			       const struct vhost_chain *chain, int err)
{
	struct vhost_net_vq *nvq = to_net_vq(vq);

	switch (err) {
	case -ENOBUFS:
	case -ENOMEM:
		if (++nvq->tries >= VHOST_NET_TX_TRIES) {
			vhost_vq_count(vq, VHOST_DROP_BUSY);
			return tx_used(vq, chain);
		}
		vhost_ring_rewind(&vq->ring, 1, chain->slots);
		return TX_WAIT_TIME;
	case -EAGAIN:
		vhost_ring_rewind(&vq->ring, 1, chain->slots);
		return TX_WAIT_BACKEND;
	case -EFAULT:
		return tx_bad(vq, chain, VHOST_BAD_DATA);
	case -EINVAL:
		return tx_bad(vq, chain, VHOST_BAD_HDR);
	case -EMSGSIZE:
		return tx_bad(vq, chain, VHOST_DROP_BIG);
	default:
		return tx_bad(vq, chain, VHOST_DROP_BACKEND);
	}
}

/*
 * Make the packet what the backend wants: its header, then the frame.
 * Return: segments.
 */
static int tx_cut_header(struct vhost_net_vq *nvq, struct vhost_chain *chain)
{
	u8 want = nvq->vq.backend->hdr_len, surplus = nvq->hdr_len - want;

	if (!surplus)
		return chain->out;
	chain->out_len -= surplus;
	return vhost_iov_cut(chain->iov, chain->out, want, surplus);
}

/*
 * Flush, and take the same packet again: when buffers are shown to the guest,
 * translations of those at hand are let go of.
 */
static enum tx_step tx_again(struct vhost_vq *vq,
			     const struct vhost_chain *chain,
			     struct vhost_tally *tally)
{
	vhost_ring_rewind(&vq->ring, 1, chain->slots);
	tx_flush(vq, tally);
	return TX_GO_ON;
}

static enum tx_step tx_packet(struct vhost_vq *vq, struct vhost_chain *chain,
			      bool batch, struct vhost_tally *tally)
{
	struct vhost_net_vq *nvq = to_net_vq(vq);
	struct vhost_backend *backend = vq->backend;
	struct iov_iter from;
	int err = -ENOSPC, num;
	u32 len;

	if (unlikely(chain->num != chain->out))
		return tx_bad(vq, chain, VHOST_BAD_DIRECTION);
	if (unlikely(chain->out_len < nvq->hdr_len + ETH_HLEN))
		return tx_bad(vq, chain, VHOST_BAD_HDR);
	/* Not every backend copes with lengths beyond what an int holds. */
	if (unlikely(chain->out_len > nvq->hdr_len + VHOST_BACKEND_FRAME_MAX))
		return tx_bad(vq, chain, VHOST_DROP_BIG);

	num = tx_cut_header(nvq, chain);
	if (batch)
		err = vhost_backend_add(backend, chain->iov, num,
					chain->out_len);
	if (err == -ENOSPC || err == -ENOMEM) {
		/* What is queued goes first: packets keep their order. */
		if (batch && vhost_backend_queued(backend))
			return tx_again(vq, chain, tally);
		iov_iter_init(&from, ITER_SOURCE, chain->iov, num,
			      chain->out_len);
		err = vhost_backend_send(backend, &from);
		len = err ? 0 : chain->out_len - backend->hdr_len;
		tally->packets += !err;
		tally->bytes += len;
		trace_vhost_send(vq, !err, len, !!err);
	}
	return likely(!err) ? tx_used(vq, chain) : tx_refused(vq, chain, err);
}

static enum tx_step tx_next(struct vhost_vq *vq, bool batch,
			    struct vhost_tally *tally)
{
	struct vhost_chain chain = {
		.iov = vq->iov,
		.max = VHOST_MAX_IOV,
	};

	tally->tries++;
	switch (vhost_ring_next(vq, &chain)) {
	case VHOST_FETCH_OK:
		return tx_packet(vq, &chain, batch, tally);
	case VHOST_FETCH_BAD:
		return tx_bad(vq, &chain, chain.bad);
	case VHOST_FETCH_EMPTY:
		return TX_EMPTY;
	case VHOST_FETCH_MISS:
		return TX_WAIT_IOTLB;
	case VHOST_FETCH_BROKEN:
		break;
	}
	return TX_BROKEN;
}

/*
 * Sleep until there is room. A tap that lost its device is not writable, and
 * yet must be tried: that is how its packets are found to be lost.
 */
static void tx_wait(struct vhost_vq *vq)
{
	struct vhost_backend *backend = vq->backend;
	__poll_t ready = EPOLLOUT;

	if (backend->kind == VHOST_BACKEND_TAP)
		ready |= EPOLLERR;
	vhost_net_watch(to_net_vq(vq));
	if (!(vfs_poll(backend->file, NULL) & ready))
		return;
	/* A stream has room, and took nothing: for want of memory, then. */
	if (unlikely(vhost_backend_unsent(backend)))
		vhost_vq_queue_later(vq, VHOST_NET_TX_DELAY);
	else
		vhost_vq_queue(vq);
}

/* Nothing to be done for now. Return: true if that has changed already. */
static bool tx_idle(struct vhost_vq *vq, struct vhost_tally *tally,
		    enum tx_step step)
{
	/* The owner can be at it while we flush. */
	if (step == TX_WAIT_IOTLB)
		vhost_iotlb_sleep(vq);
	tx_flush(vq, tally);
	/* Before there is room for that, none is needed for more. */
	if (unlikely(vhost_backend_unsent(vq->backend)))
		step = TX_WAIT_BACKEND;
	switch (step) {
	case TX_WAIT_BACKEND:
		tx_wait(vq);
		return false;
	case TX_WAIT_TIME:
		vhost_vq_queue_later(vq, VHOST_NET_TX_DELAY);
		return false;
	case TX_WAIT_IOTLB:
		return false;
	default:
		break;
	}
	if (step == TX_EMPTY && vhost_busyloop_begin(vq))
		return false;
	return vhost_ring_kick_on(vq) && step == TX_EMPTY;
}

static void tx_turn(struct vhost_vq *vq, struct vhost_tally *tally)
{
	bool batch = vhost_backend_batches(vq->backend);
	enum tx_step step;

	while (vhost_net_may_go_on(tally)) {
		if (vhost_ring_put_full(&vq->ring)) {
			tx_flush(vq, tally);
			/* Ring memory is gone: no room to note more. */
			if (vq->ring.put_num)
				return;
		}
		step = tx_next(vq, batch, tally);
		if (step != TX_GO_ON && !tx_idle(vq, tally, step))
			return;
	}
	tx_flush(vq, tally);
	if (!vq->failed)
		vhost_vq_queue(vq);
}

/**
 * vhost_net_tx() - go through the transmit ring
 * @vq: the ring
 *
 * Context: the worker. Takes vq->mutex.
 */
void vhost_net_tx(struct vhost_vq *vq)
{
	struct vhost_tally tally = {};

	mutex_lock(&vq->mutex);
	if (vq->backend) {
		vhost_watch_stop(&to_net_vq(vq)->sock_watch);
		if (vhost_vq_begin_turn(vq))
			tx_turn(vq, &tally);
		vhost_net_note_unfinished(to_net_vq(vq));
		tally.copied = tally.bytes +
			       tally.packets * vq->backend->hdr_len;
		vhost_vq_end_turn(vq, &tally);
	}
	mutex_unlock(&vq->mutex);
}
