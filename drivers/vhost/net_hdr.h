/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The virtio header in front of each packet: VIRTIO 1.x, "Device Operation"
 * of the network device.
 *
 *	bytes	field		in a header of
 *	-----	-----		--------------
 *	0-9	flags to csum	10 bytes and more
 *	10-11	num_buffers	12 bytes: MRG_RXBUF or VERSION_1
 *	12-23	hash, offsets	24 bytes: segmentation inside of UDP tunnels
 */
#ifndef VHOST_NET_HDR_H
#define VHOST_NET_HDR_H

#include <linux/if_tun.h>
#include <linux/uio.h>
#include <linux/virtio_net.h>

#include "backend.h"
#include "vhost.h"

/*
 * The feature bits of word 1 that come with the longest header. A tap that
 * can do nothing with it is offered by no kernel that knows these names.
 */
#ifdef TUN_F_UDP_TUNNEL_GSO
#define VHOST_NET_TUNNEL_FEATURES					\
	(BIT_ULL(VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO - 64) |		\
	 BIT_ULL(VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO - 64))
#else
#define VHOST_NET_TUNNEL_FEATURES	0
#endif

/**
 * vhost_net_hdr_len() - bytes of the guest's header
 * @vq: a ring of the device
 *
 * Return: 10, 12 or 24.
 */
static inline u8 vhost_net_hdr_len(const struct vhost_vq *vq)
{
	if (vq->features[1] & VHOST_NET_TUNNEL_FEATURES)
		return VHOST_BACKEND_HDR_MAX;
	if (vhost_has(vq, VIRTIO_NET_F_MRG_RXBUF) ||
	    vhost_has(vq, VIRTIO_F_VERSION_1))
		return sizeof(struct virtio_net_hdr_mrg_rxbuf);
	return sizeof(struct virtio_net_hdr);
}

static inline bool vhost_net_hdr_has_buffers(u8 hdr_len)
{
	return hdr_len >= sizeof(struct virtio_net_hdr_mrg_rxbuf);
}

/**
 * vhost_iov_cut() - take bytes out of segments
 * @iov: the segments, with room for one more
 * @num: how many
 * @at: bytes to keep before the cut
 * @len: bytes to take out; there must be that many
 *
 * Return: how many segments there are afterwards.
 */
static inline int vhost_iov_cut(struct iovec *iov, int num, size_t at,
				size_t len)
{
	int i = 0;

	while (i < num && at >= iov[i].iov_len)
		at -= iov[i++].iov_len;

	while (i < num && len) {
		size_t tail = iov[i].iov_len - at;

		if (at && tail > len) {
			memmove(&iov[i + 1], &iov[i], (num - i) * sizeof(*iov));
			iov[i].iov_len = at;
			iov[i + 1].iov_base += at + len;
			iov[i + 1].iov_len = tail - len;
			return num + 1;
		}
		if (at) {
			iov[i].iov_len = at;
		} else {
			tail = min(tail, len);
			iov[i].iov_base += tail;
			iov[i].iov_len -= tail;
		}
		len -= tail;
		at = 0;
		i++;
	}
	return num;
}

#endif
