// SPDX-License-Identifier: GPL-2.0
/*
 * What goes out through a tap, a run of packets at a time: that spares the tap
 * an allocation and the driver a call for each. Taps offer it to whoever does
 * not limit their send buffer.
 *
 * A packet is built in a page fragment:
 *
 *	0		as much of the virtio header as the tap may look at;
 *			before it, on older kernels, the fragment's size
 *	pad - hdr_len	the guest's header, as it came
 *	pad		the frame
 *	after it	room for struct skb_shared_info
 *
 * Header and frame lie next to each other so that one copy brings both. Short
 * packets are copied together when the queue is flushed: see copies.h.
 */
#include <linux/gfp.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/virtio_byteorder.h>
#include <linux/virtio_net.h>
#include <net/sock.h>
#include <net/xdp.h>

#include "backend.h"
#include "copies.h"

/**
 * struct vhost_tap_queue - packets to be sent in one go
 * @num: how many
 * @frag: memory for them
 * @xdp: where they are, as the tap wants to be told
 * @copy: what is still to be copied of each
 */
struct vhost_tap_queue {
	u16 num;
	struct page_frag_cache frag;
	struct xdp_buff xdp[VHOST_BACKEND_RUN];
	struct vhost_copy copy[VHOST_BACKEND_RUN];
};

/**
 * vhost_tap_queue_create() - make an empty queue
 *
 * Return: the queue, or NULL.
 */
struct vhost_tap_queue *vhost_tap_queue_create(void)
{
	return kzalloc(sizeof(struct vhost_tap_queue), GFP_KERNEL_ACCOUNT);
}

/**
 * vhost_tap_queue_free() - free a queue
 * @queue: empty; NULL is allowed
 */
void vhost_tap_queue_free(struct vhost_tap_queue *queue)
{
	if (queue)
		page_frag_cache_drain(&queue->frag);
	kfree(queue);
}

/**
 * vhost_tap_batches() - does the tap take packets a run at a time?
 * @backend: the backend
 *
 * With a limited send buffer each packet has to be accounted for, which only
 * single sends do.
 *
 * Return: true if vhost_tap_add() may be used.
 */
bool vhost_tap_batches(const struct vhost_backend *backend)
{
	return READ_ONCE(backend->sock->sk->sk_sndbuf) == INT_MAX;
}

/**
 * vhost_tap_queued() - is there something to be flushed?
 * @backend: the backend, a tap that is transmitted to
 *
 * Return: true if so.
 */
bool vhost_tap_queued(const struct vhost_backend *backend)
{
	return backend->queue->num;
}

static size_t frag_pad(const struct vhost_backend *backend)
{
	size_t headroom = sock_flag(backend->sock->sk, SOCK_XDP) ?
			  XDP_PACKET_HEADROOM : 0;

	return SKB_DATA_ALIGN(headroom + NET_SKB_PAD + NET_IP_ALIGN);
}

/**
 * vhost_tap_add() - queue a packet
 * @backend: the backend, with less than VHOST_BACKEND_RUN packets queued
 * @iov: header of backend->hdr_len bytes, and frame; what it names has to stay
 *	where it is until the queue is flushed
 * @num: segments of it
 * @len: bytes in it
 *
 * Return: 0; -ENOSPC or -ENOMEM if the packet has to be sent alone; -EFAULT.
 */
int vhost_tap_add(struct vhost_backend *backend, const struct iovec *iov,
		  int num, size_t len)
{
	struct vhost_tap_queue *queue = backend->queue;
	size_t pad = frag_pad(backend), frame_len = len - backend->hdr_len;
	size_t size = SKB_DATA_ALIGN(pad + frame_len) +
		      SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	struct xdp_buff *xdp = &queue->xdp[queue->num];
	struct vhost_copy *copy = &queue->copy[queue->num];
	struct iov_iter from;
	void *frag;

	BUILD_BUG_ON(SKB_DATA_ALIGN(NET_SKB_PAD + NET_IP_ALIGN) <
		     VHOST_TUN_HDR_AT + 2 * VHOST_BACKEND_HDR_MAX);

	if (frame_len > PAGE_SIZE || size > PAGE_SIZE)
		return -ENOSPC;
	/* Waiting for large pages costs more than sending the packet alone. */
	frag = page_frag_alloc(&queue->frag, size,
			       (GFP_KERNEL & ~__GFP_DIRECT_RECLAIM) |
			       __GFP_NOWARN);
	if (unlikely(!frag))
		return -ENOMEM;

	*copy = (struct vhost_copy) {
		.ours = frag + pad - backend->hdr_len,
		.len = len,
	};
	if (num == 1 && vhost_copy_fits(iov->iov_base, len)) {
		copy->theirs = iov->iov_base;
	} else {
		iov_iter_init(&from, ITER_SOURCE, iov, num, len);
		if (copy_from_iter(copy->ours, len, &from) != len)
			goto free_frag;
	}
	xdp_init_buff(xdp, size, NULL);
	xdp_prepare_buff(xdp, frag, pad, frame_len, false);
	queue->num++;
	return 0;

free_frag:
	page_frag_free(frag);
	return -EFAULT;
}

/*
 * What is to be checksummed has to be in the frame, and counts as header. A
 * length of the header that is wrong otherwise is the tap's business.
 */
static int check_header(const struct vhost_backend *backend,
			struct virtio_net_hdr *hdr, size_t frame_len)
{
	bool le = backend->little_endian;
	u32 csum_end;

	if (!(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return 0;
	csum_end = __virtio16_to_cpu(le, hdr->csum_start) +
		   __virtio16_to_cpu(le, hdr->csum_offset) + 2;
	if (csum_end > frame_len)
		return -EINVAL;
	if (csum_end > __virtio16_to_cpu(le, hdr->hdr_len))
		hdr->hdr_len = __cpu_to_virtio16(le, csum_end);
	return 0;
}

static int fill_header(const struct vhost_backend *backend,
		       struct xdp_buff *xdp)
{
	void *hdr = xdp->data_hard_start + VHOST_TUN_HDR_AT;

	vhost_tun_set_size(xdp);
	if (!backend->hdr_len) {
		memset(hdr, 0, VHOST_BACKEND_HDR_MAX);
		return 0;
	}
	/* One size for all: what follows a shorter header is not looked at. */
	memcpy(hdr, xdp->data - backend->hdr_len, VHOST_BACKEND_HDR_MAX);
	return check_header(backend, hdr, xdp->data_end - xdp->data);
}

/* Those that can be sent, with their headers, move up to the front. */
static void sort_out(struct vhost_backend *backend, struct vhost_sent *sent)
{
	struct vhost_tap_queue *queue = backend->queue;
	u16 i, num = 0, bad;

	bad = vhost_copies_in(queue->copy, 0, queue->num);
	for (i = 0; i < queue->num; i++) {
		struct xdp_buff *xdp = &queue->xdp[i];

		if (unlikely(i == bad)) {
			sent->faults++;
			bad = vhost_copies_in(queue->copy, i + 1, queue->num);
		} else if (likely(!fill_header(backend, xdp))) {
			sent->bytes += xdp->data_end - xdp->data;
			if (num != i)
				queue->xdp[num] = *xdp;
			num++;
			continue;
		} else {
			sent->bad_hdrs++;
		}
		page_frag_free(xdp->data_hard_start);
	}
	queue->num = num;
	sent->packets = num;
}

static void free_frags(const struct vhost_tap_queue *queue)
{
	u16 i;

	for (i = 0; i < queue->num; i++)
		page_frag_free(queue->xdp[i].data_hard_start);
}

/**
 * vhost_tap_flush() - send all queued packets
 * @backend: the backend, of which some are queued
 * @sent: what became of them; all zero before
 *
 * None is queued afterwards. The tap drops, and counts, what it does not like
 * of a single packet.
 */
void vhost_tap_flush(struct vhost_backend *backend, struct vhost_sent *sent)
{
	struct vhost_tap_queue *queue = backend->queue;
	struct tun_msg_ctl ctl = {
		.type = TUN_MSG_PTR,
		.ptr = queue->xdp,
	};
	struct msghdr msg = {
		.msg_control = &ctl,
		.msg_controllen = sizeof(ctl),
		.msg_flags = MSG_DONTWAIT,
	};

	sort_out(backend, sent);
	ctl.num = queue->num;
	if (ctl.num &&
	    unlikely(backend->sock->ops->sendmsg(backend->sock, &msg, 0) < 0)) {
		sent->refused = sent->packets;
		sent->packets = 0;
		sent->bytes = 0;
		free_frags(queue);
	}
	queue->num = 0;
}
