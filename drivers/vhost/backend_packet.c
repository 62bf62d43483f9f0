// SPDX-License-Identifier: GPL-2.0
/*
 * Packet sockets as backends.
 *
 * Packets are taken from the socket's queue a run at a time, and turned into
 * what the guest expects here: the header is made from the packet itself, and
 * a VLAN tag that the network card or the stack took out is put back in. The
 * socket's recvmsg() can do neither for a header of 12 bytes.
 */
#include <linux/if_packet.h>
#include <linux/if_vlan.h>
#include <linux/poll.h>
#include <linux/skbuff.h>
#include <linux/virtio_net.h>
#include <net/sock.h>

#include "backend.h"

/* Where in a frame a VLAN tag is. */
#define TAG_AT	offsetof(struct vlan_ethhdr, h_vlan_proto)

/**
 * vhost_packet_hdr_len() - the header that packets to be sent have
 * @hdr_len: what the guest's header is
 *
 * Packet sockets know two sizes, and until PACKET_VNET_HDR_SZ came, one. What
 * the longest header adds is lost on them.
 *
 * Return: bytes, of which @hdr_len may have more.
 */
u8 vhost_packet_hdr_len(u8 hdr_len)
{
#ifdef PACKET_VNET_HDR_SZ
	const u8 max = sizeof(struct virtio_net_hdr_mrg_rxbuf);
#else
	const u8 max = sizeof(struct virtio_net_hdr);
#endif

	return min(hdr_len, max);
}

/**
 * vhost_packet_refill() - take packets from the socket
 * @backend: the backend, whose run is used up
 */
void vhost_packet_refill(struct vhost_backend *backend)
{
	struct sock *sk = backend->sock->sk;
	struct sk_buff_head *queue = &sk->sk_receive_queue;
	struct sk_buff *skb;
	u16 n = 0;

	/* A link that went down is no news once it is back. */
	if (unlikely(sk->sk_err))
		sock_error(sk);
	if (!skb_queue_empty_lockless(queue)) {
		spin_lock_bh(&queue->lock);
		while (n < VHOST_BACKEND_RUN) {
			skb = __skb_dequeue(queue);
			if (!skb)
				break;
			backend->rx[n++] = skb;
		}
		spin_unlock_bh(&queue->lock);
	}
	/* Tells a fanout group, if there is one, that we have room again. */
	if (!n)
		vfs_poll(backend->file, NULL);
	backend->rx_at = 0;
	backend->rx_num = n;
}

/**
 * vhost_packet_give_back() - put packets that were not used back
 * @backend: the backend
 */
void vhost_packet_give_back(struct vhost_backend *backend)
{
	struct sk_buff_head *queue = &backend->sock->sk->sk_receive_queue;

	spin_lock_bh(&queue->lock);
	while (backend->rx_num > backend->rx_at)
		__skb_queue_head(queue, backend->rx[--backend->rx_num]);
	spin_unlock_bh(&queue->lock);
}

/**
 * vhost_packet_waiting() - would the socket give packets?
 * @backend: the backend
 *
 * Return: true if so.
 */
bool vhost_packet_waiting(const struct vhost_backend *backend)
{
	return !skb_queue_empty_lockless(&backend->sock->sk->sk_receive_queue);
}

/* Is there a VLAN tag to be put back behind the addresses? */
static bool has_tag(const struct sk_buff *skb)
{
	return skb_vlan_tag_present(skb) && skb->len >= TAG_AT;
}

/**
 * vhost_packet_len() - length of a packet as the guest will see it
 * @packet: the packet
 *
 * Return: bytes without virtio header.
 */
u32 vhost_packet_len(const void *packet)
{
	const struct sk_buff *skb = packet;

	return skb->len + (has_tag(skb) ? VLAN_HLEN : 0);
}

/*
 * Without a header nobody can tell the guest of a checksum that is left to
 * hardware. The packet may be looked at by others (MSG_PEEK), and cut short
 * by a filter: it is not touched unless it is whole and ours alone.
 */
static struct sk_buff *complete_checksum(struct sk_buff *skb)
{
	int at;

	if (skb->ip_summed != CHECKSUM_PARTIAL || skb_is_gso(skb))
		return skb;
	at = skb_checksum_start_offset(skb);
	if (at < 0 ||
	    at + skb->csum_offset + sizeof(__sum16) > skb_headlen(skb))
		return skb;

	skb = skb_share_check(skb, GFP_KERNEL);
	if (skb && skb_checksum_help(skb)) {
		kfree_skb(skb);
		return NULL;
	}
	return skb;
}

static int put_header(const struct vhost_backend *backend,
		      const struct sk_buff *skb,
		      struct iov_iter *to)
{
	int vlan_hlen = has_tag(skb) ? VLAN_HLEN : 0;
	struct {
		struct virtio_net_hdr hdr;
		u8 rest[VHOST_BACKEND_HDR_MAX - sizeof(struct virtio_net_hdr)];
	} hdr = {};

	if (!backend->hdr_len)
		return 0;
	if (virtio_net_hdr_from_skb(skb, &hdr.hdr, backend->little_endian,
				    true, vlan_hlen))
		return -EINVAL;
	return copy_to_iter(&hdr, backend->hdr_len, to) == backend->hdr_len ?
	       0 : -EFAULT;
}

static int put_frame(const struct sk_buff *skb, struct iov_iter *to)
{
	struct {
		__be16 proto;
		__be16 tci;
	} tag = {
		.proto = skb->vlan_proto,
	};
	int err;

	if (!has_tag(skb))
		return skb_copy_datagram_iter(skb, 0, to, skb->len);

	tag.tci = htons(skb_vlan_tag_get(skb));
	err = skb_copy_datagram_iter(skb, 0, to, TAG_AT);
	if (err)
		return err;
	if (copy_to_iter(&tag, sizeof(tag), to) != sizeof(tag))
		return -EFAULT;
	return skb_copy_datagram_iter(skb, TAG_AT, to, skb->len - TAG_AT);
}

/**
 * vhost_packet_recv() - copy a packet and free it
 * @backend: the backend
 * @packet: the packet
 * @to: where to
 *
 * Return: 0; -EFAULT; -EINVAL for what no virtio header can describe; -ENOMEM.
 */
int vhost_packet_recv(struct vhost_backend *backend, void *packet,
		      struct iov_iter *to)
{
	struct sk_buff *skb = packet;
	int err;

	if (!backend->hdr_len) {
		skb = complete_checksum(skb);
		if (!skb)
			return -ENOMEM;
	}
	err = put_header(backend, skb, to);
	if (!err)
		err = put_frame(skb, to);
	if (err)
		kfree_skb(skb);
	else
		consume_skb(skb);
	return err;
}

/**
 * vhost_packet_recv_short() - the same for a short packet, to kernel memory
 * @backend: the backend
 * @packet: the packet
 * @to: where to
 * @len: bytes of header and packet
 *
 * Return: 0, or as vhost_packet_recv() does.
 */
int vhost_packet_recv_short(struct vhost_backend *backend, void *packet,
			    void *to, u32 len)
{
	struct kvec vec = {
		.iov_base = to,
		.iov_len = len,
	};
	struct sk_buff *skb = packet;
	struct iov_iter iter;

	/* Without a header, a checksum may have to be made. */
	if ((backend->hdr_len || skb->ip_summed != CHECKSUM_PARTIAL) &&
	    vhost_skb_copy_short(backend, skb, to)) {
		consume_skb(skb);
		return 0;
	}
	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, len);
	return vhost_packet_recv(backend, packet, &iter);
}

/**
 * vhost_packet_free() - drop a packet
 * @packet: the packet
 */
void vhost_packet_free(void *packet)
{
	kfree_skb(packet);
}
