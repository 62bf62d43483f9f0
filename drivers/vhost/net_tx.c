// SPDX-License-Identifier: GPL-2.0
/*
 * From the guest to the backend.
 *
 * Buffers are noted as used when their packet was copied, or refused for
 * good, and published after the run of packets they are in was handed over.
 * So whatever ends a run, no buffer that was taken is kept.
 */
#include <linux/if_ether.h>
#include <linux/vhost.h>

#include "net.h"
#include "net_hdr.h"

/* How a turn goes on after one buffer, or ends. */
enum tx_step {
	TX_GO_ON,
	TX_WAIT_BACKEND,	/* no room: the packet went back to the ring */
	TX_EMPTY,
	TX_BROKEN,
};

/* Hand over what is queued, and then show the guest its buffers. */
static void tx_flush(struct vhost_vq *vq)
{
	struct vhost_backend *backend = vq->backend;
	u16 num = backend->tx_num;

	if (unlikely(vhost_tap_flush(backend)))
		while (num--)
			vhost_vq_complain(vq, VHOST_DROP_BACKEND);
	vhost_vq_complete(vq);
}

static enum tx_step tx_used(struct vhost_vq *vq,
			    const struct vhost_chain *chain)
{
	to_net_vq(vq)->tries = 0;
	vhost_ring_put(vq, chain->id, 0);
	return TX_GO_ON;
}

static enum tx_step tx_bad(struct vhost_vq *vq, const struct vhost_chain *chain,
			   enum vhost_reason why)
{
	vhost_vq_complain(vq, why);
	return tx_used(vq, chain);
}

/*
 * EAGAIN comes with the promise of a wake-up when there is room; the other
 * two may pass by themselves or not, and a backend that is always writable
 * would have us try for ever.
 */
static enum tx_step tx_refused(struct vhost_vq *vq,
			       const struct vhost_chain *chain, int err)
{
	struct vhost_net_vq *nvq = to_net_vq(vq);

	switch (err) {
	case -ENOBUFS:
	case -ENOMEM:
		if (++nvq->tries >= VHOST_NET_TX_TRIES) {
			vhost_stats_reason(&vq->stats, VHOST_DROP_BUSY);
			return tx_used(vq, chain);
		}
		fallthrough;
	case -EAGAIN:
		vhost_ring_rewind(&vq->ring, 1);
		return TX_WAIT_BACKEND;
	case -EFAULT:
		return tx_bad(vq, chain, VHOST_BAD_DATA);
	case -EINVAL:
		return tx_bad(vq, chain, VHOST_BAD_HDR);
	default:
		return tx_bad(vq, chain, VHOST_DROP_BACKEND);
	}
}

/* Make @from what the backend wants: its header, then the frame. */
static void tx_iter(struct vhost_net_vq *nvq, struct vhost_chain *chain,
		    struct iov_iter *from)
{
	u8 want = nvq->vq.backend->hdr_len, surplus = nvq->hdr_len - want;
	int num = chain->out;

	if (surplus)
		num = vhost_iov_cut(chain->iov, num, want, surplus);
	iov_iter_init(from, ITER_SOURCE, chain->iov, num,
		      chain->out_len - surplus);
}

static enum tx_step tx_packet(struct vhost_vq *vq, struct vhost_chain *chain,
			      bool batch, struct vhost_tally *tally)
{
	struct vhost_net_vq *nvq = to_net_vq(vq);
	struct iov_iter from;
	int err = -ENOSPC;

	if (unlikely(chain->num != chain->out))
		return tx_bad(vq, chain, VHOST_BAD_DIRECTION);
	if (unlikely(chain->out_len < nvq->hdr_len + ETH_HLEN))
		return tx_bad(vq, chain, VHOST_BAD_HDR);

	tx_iter(nvq, chain, &from);
	if (batch)
		err = vhost_tap_queue(vq->backend, &from);
	if (err == -ENOSPC || err == -ENOMEM) {
		/* What is queued goes first: packets keep their order. */
		tx_flush(vq);
		err = vhost_backend_send(vq->backend, &from);
	}
	if (unlikely(err))
		return tx_refused(vq, chain, err);

	tally->packets++;
	tally->bytes += chain->out_len - nvq->hdr_len;
	return tx_used(vq, chain);
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
	case VHOST_FETCH_BROKEN:
		break;
	}
	return TX_BROKEN;
}

/* The ring is empty or broken. Return: true if there is more to do. */
static bool tx_idle(struct vhost_vq *vq, enum tx_step step)
{
	bool more;

	tx_flush(vq);
	more = vhost_ring_kick_on(vq) && step == TX_EMPTY;
	if (more)
		vhost_ring_kick_off(vq);
	return more;
}

static void tx_turn(struct vhost_vq *vq, struct vhost_tally *tally)
{
	struct vhost_backend *backend = vq->backend;
	bool batch = backend->tx && vhost_tap_batches(backend);
	enum tx_step step;

	vhost_ring_kick_off(vq);
	while (vhost_net_may_go_on(tally)) {
		if (vhost_ring_put_full(&vq->ring)) {
			tx_flush(vq);
			/* Ring memory is gone: no room to note more. */
			if (vq->ring.put_num)
				break;
		}
		step = tx_next(vq, batch, tally);
		if (step == TX_GO_ON)
			continue;
		if (step == TX_WAIT_BACKEND) {
			tx_flush(vq);
			/* A backend in an error state refuses for good. */
			if (vhost_net_watch(to_net_vq(vq)))
				vhost_vq_queue(vq);
			return;
		}
		if (!tx_idle(vq, step))
			return;
	}
	tx_flush(vq);
	if (vq->state == VHOST_VQ_RUNNING)
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
		tx_turn(vq, &tally);
		vhost_stats_add(&vq->stats, &tally);
		vhost_vq_report(vq);
	}
	mutex_unlock(&vq->mutex);
}
