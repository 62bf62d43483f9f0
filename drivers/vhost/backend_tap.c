// SPDX-License-Identifier: GPL-2.0
/*
 * Taps as backends: tun and tap devices, macvtap and ipvtap.
 *
 * What comes in waits in the tap's pointer ring, from which it is taken a run
 * at a time. For what goes out see tap_queue.c.
 */
#include <linux/file.h>
#include <linux/if_tap.h>
#include <linux/if_tun.h>
#include <linux/if_vlan.h>
#include <linux/ptr_ring.h>
#include <linux/skbuff.h>
#include <net/sock.h>
#include <net/xdp.h>

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
	struct ptr_ring *ring = backend->ring;

	backend->rx_at = 0;
	/* The ring may be resized: no look at it without its lock. */
	spin_lock(&ring->consumer_lock);
	backend->rx_num = __ptr_ring_consume_batched(ring, backend->rx,
						     VHOST_BACKEND_RUN);
	if (backend->rx_num)
		tun_wake_queue(backend->file, backend->rx_num);
	spin_unlock(&ring->consumer_lock);
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

/*
 * Into kernel memory. If there is none, the tap only counts what it counts, and
 * frees the packet.
 */
static int recv_kernel(struct vhost_backend *backend, void *packet, void *to,
		       u32 len)
{
	struct kvec vec = {
		.iov_base = to,
		.iov_len = len,
	};
	struct iov_iter iter;

	if (to) {
		/* A tap that is set up otherwise than we are leaves holes. */
		memset(to, 0, len);
		iov_iter_kvec(&iter, ITER_DEST, &vec, 1, len);
	} else {
		iov_iter_discard(&iter, ITER_DEST, len);
	}
	return vhost_tap_recv(backend, packet, &iter);
}

/**
 * vhost_tap_recv_short() - the same for a short packet, to kernel memory
 * @backend: the backend
 * @packet: the packet
 * @to: where to
 * @len: bytes of header and packet
 *
 * Return: 0, or as vhost_tap_recv() does.
 */
int vhost_tap_recv_short(struct vhost_backend *backend, void *packet, void *to,
			 u32 len)
{
	bool done = !tun_is_xdp_frame(packet) &&
		    vhost_skb_copy_short(backend, packet, to);

	return recv_kernel(backend, packet, done ? NULL : to, len);
}

/**
 * vhost_tap_free() - drop a packet
 * @packet: the packet
 */
void vhost_tap_free(void *packet)
{
	tun_ptr_free(packet);
}
