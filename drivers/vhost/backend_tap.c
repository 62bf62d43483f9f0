// SPDX-License-Identifier: GPL-2.0
/*
 * Taps as backends: tun and tap devices, macvtap and ipvtap.
 *
 * What comes in waits in the tap's pointer ring, from which it is taken a run
 * at a time. What goes out is built in page fragments and handed over a run at
 * a time, which spares the tap an allocation and the driver a call for each
 * packet; taps offer that to whoever does not limit their send buffer.
 *
 * A packet to be sent, in its fragment:
 *
 *	0		struct tun_xdp_hdr: size of the fragment, and as much
 *			of the virtio header as the tap may look at
 *	pad - hdr_len	the guest's header, as it came
 *	pad		the frame
 *	after it	room for struct skb_shared_info
 *
 * Header and frame lie next to each other so that one copy brings both.
 */
#include <linux/file.h>
#include <linux/gfp.h>
#include <linux/if_ether.h>
#include <linux/if_tap.h>
#include <linux/if_tun.h>
#include <linux/if_vlan.h>
#include <linux/ptr_ring.h>
#include <linux/skbuff.h>
#include <linux/virtio_byteorder.h>
#include <linux/virtio_net.h>
#include <net/sock.h>

#include "backend.h"

/**
 * vhost_tap_socket() - the socket inside a tap
 * @file: an open file
 *
 * Return: the socket, or NULL if the file is no tap.
 */
struct socket *vhost_tap_socket(struct file *file)
{
	struct socket *sock = tun_get_socket(file);

	if (IS_ERR(sock))
		sock = tap_get_socket(file);
	return IS_ERR(sock) ? NULL : sock;
}

/**
 * vhost_tap_ring() - where a tap's packets wait
 * @file: an open file that vhost_tap_socket() found to be a tap
 *
 * Return: the ring, which lives as long as the file.
 */
struct ptr_ring *vhost_tap_ring(struct file *file)
{
	struct ptr_ring *ring = tun_get_tx_ring(file);

	return IS_ERR(ring) ? tap_get_ptr_ring(file) : ring;
}

/**
 * vhost_tap_refill() - take packets from the tap
 * @backend: the backend, whose run is used up
 */
void vhost_tap_refill(struct vhost_backend *backend)
{
	backend->rx_at = 0;
	/* The ring may be resized: no look at it without its lock. */
	backend->rx_num = ptr_ring_consume_batched(backend->ring, backend->rx,
						   VHOST_BACKEND_RUN);
}

/**
 * vhost_tap_give_back() - put packets that were not used back
 * @backend: the backend
 */
void vhost_tap_give_back(struct vhost_backend *backend)
{
	ptr_ring_unconsume(backend->ring, backend->rx + backend->rx_at,
			   backend->rx_num - backend->rx_at, tun_ptr_free);
	backend->rx_at = backend->rx_num;
}

/**
 * vhost_tap_waiting() - would the tap give packets?
 * @backend: the backend
 *
 * Return: true if so.
 */
bool vhost_tap_waiting(const struct vhost_backend *backend)
{
	/* Resized, as above: its memory may go away while we look. */
	return !ptr_ring_empty(backend->ring);
}

/**
 * vhost_tap_len() - length of a packet as the guest will see it
 * @packet: the packet
 *
 * Return: bytes without virtio header.
 */
u32 vhost_tap_len(void *packet)
{
	struct sk_buff *skb;

	if (tun_is_xdp_frame(packet))
		return tun_ptr_to_xdp(packet)->len;
	skb = packet;
	return skb->len + (skb_vlan_tag_present(skb) ? VLAN_HLEN : 0);
}

/**
 * vhost_tap_recv() - have the tap copy a packet and free it
 * @backend: the backend
 * @packet: the packet
 * @to: where to
 *
 * Return: 0; -EFAULT; -EIO if the tap's idea of its header is not ours; or
 * what the tap says.
 */
int vhost_tap_recv(struct vhost_backend *backend, void *packet,
		   struct iov_iter *to)
{
	struct socket *sock = backend->sock;
	bool xdp = tun_is_xdp_frame(packet);
	size_t len = iov_iter_count(to);
	struct msghdr msg = {
		.msg_iter = *to,
		.msg_control = packet,
	};
	int r;

	r = sock->ops->recvmsg(sock, &msg, len, MSG_DONTWAIT | MSG_TRUNC);
	if (r < 0)
		return r;
	/* Of an XDP frame, the tap says how much it could copy. */
	if (r != len && !xdp)
		return -EIO;
	/* Otherwise it does not say so when it could not copy the frame. */
	return iov_iter_count(&msg.msg_iter) ? -EFAULT : 0;
}

/**
 * vhost_tap_free() - drop a packet
 * @packet: the packet
 */
void vhost_tap_free(void *packet)
{
	tun_ptr_free(packet);
}

/**
 * vhost_tap_batches() - does the tap take packets a run at a time?
 * @backend: the backend
 *
 * With a limited send buffer each packet has to be accounted for, which only
 * single sends do.
 *
 * Return: true if vhost_tap_queue() may be used.
 */
bool vhost_tap_batches(const struct vhost_backend *backend)
{
	return READ_ONCE(backend->sock->sk->sk_sndbuf) == INT_MAX;
}

static size_t frag_pad(const struct vhost_backend *backend)
{
	size_t headroom = sock_flag(backend->sock->sk, SOCK_XDP) ?
			  XDP_PACKET_HEADROOM : 0;

	return SKB_DATA_ALIGN(headroom + NET_SKB_PAD + NET_IP_ALIGN);
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

static int fill_header(const struct vhost_backend *backend, void *frag,
		       size_t size, size_t pad, size_t frame_len)
{
	struct tun_xdp_hdr *hdr = frag;
	void *gso = frag + offsetof(struct tun_xdp_hdr, gso);

	hdr->buflen = size;
	if (!backend->hdr_len) {
		memset(gso, 0, VHOST_BACKEND_HDR_MAX);
		return 0;
	}
	/* One size for all: what follows a shorter header is not looked at. */
	memcpy(gso, frag + pad - backend->hdr_len, VHOST_BACKEND_HDR_MAX);
	return check_header(backend, &hdr->gso, frame_len);
}

/**
 * vhost_tap_queue() - copy a packet to be sent with the next flush
 * @backend: the backend, with less than VHOST_BACKEND_RUN packets queued
 * @from: header of backend->hdr_len bytes, and frame
 *
 * Return: 0; -ENOSPC or -ENOMEM if the packet has to be sent alone, and @from
 * is as it was; -EFAULT; -EINVAL for a header that makes no sense.
 */
int vhost_tap_queue(struct vhost_backend *backend, struct iov_iter *from)
{
	size_t len = iov_iter_count(from), pad = frag_pad(backend);
	size_t frame_len = len - backend->hdr_len;
	size_t size = SKB_DATA_ALIGN(pad + frame_len) +
		      SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	struct xdp_buff *xdp = &backend->tx[backend->tx_num];
	void *frag;
	int err;

	BUILD_BUG_ON(SKB_DATA_ALIGN(NET_SKB_PAD + NET_IP_ALIGN) <
		     offsetof(struct tun_xdp_hdr, gso) +
		     2 * VHOST_BACKEND_HDR_MAX);

	if (frame_len > PAGE_SIZE || size > PAGE_SIZE)
		return -ENOSPC;
	/* Waiting for large pages costs more than sending the packet alone. */
	frag = page_frag_alloc(&backend->frag, size,
			       (GFP_KERNEL & ~__GFP_DIRECT_RECLAIM) |
			       __GFP_NOWARN);
	if (unlikely(!frag))
		return -ENOMEM;

	err = -EFAULT;
	if (copy_from_iter(frag + pad - backend->hdr_len, len, from) != len)
		goto free_frag;
	err = fill_header(backend, frag, size, pad, frame_len);
	if (err)
		goto free_frag;

	xdp_init_buff(xdp, size, NULL);
	xdp_prepare_buff(xdp, frag, pad, frame_len, false);
	backend->tx_num++;
	backend->tx_bytes += frame_len;
	return 0;

free_frag:
	page_frag_free(frag);
	return err;
}

static void free_queued(struct vhost_backend *backend)
{
	u16 i;

	for (i = 0; i < backend->tx_num; i++)
		page_frag_free(backend->tx[i].data_hard_start);
}

/**
 * vhost_tap_flush() - send all queued packets
 * @backend: the backend
 *
 * None is queued afterwards. The tap drops, and counts, what it does not like
 * of a single packet.
 *
 * Return: 0, or why the tap took none of them.
 */
int vhost_tap_flush(struct vhost_backend *backend)
{
	struct tun_msg_ctl ctl = {
		.type = TUN_MSG_PTR,
		.num = backend->tx_num,
		.ptr = backend->tx,
	};
	struct msghdr msg = {
		.msg_control = &ctl,
		.msg_controllen = sizeof(ctl),
		.msg_flags = MSG_DONTWAIT,
	};
	int r;

	if (!backend->tx_num)
		return 0;
	r = backend->sock->ops->sendmsg(backend->sock, &msg, 0);
	if (unlikely(r < 0))
		free_queued(backend);
	backend->tx_num = 0;
	backend->tx_bytes = 0;
	return r < 0 ? r : 0;
}
