/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The virtio header in front of each packet: VIRTIO 1.x, "Device Operation"
 * of the network device.
 *
 *	bytes	field		in a header of
 *	-----	-----		--------------
 *	0-9	flags to csum	10 bytes and more
 *	10-11	num_buffers	12 bytes: MRG_RXBUF or VERSION_1
 */
#ifndef VHOST_NET_HDR_H
#define VHOST_NET_HDR_H

#include <linux/uio.h>
#include <linux/virtio_net.h>

#include "vhost.h"

/**
 * vhost_net_hdr_len() - bytes of the guest's header
 * @features: bits agreed on
 *
 * Return: 10 or 12.
 */
static inline u8 vhost_net_hdr_len(u64 features)
{
	const u64 longer = (1ULL << VIRTIO_NET_F_MRG_RXBUF) |
			   (1ULL << VIRTIO_F_VERSION_1);

	return features & longer ? sizeof(struct virtio_net_hdr_mrg_rxbuf) :
				   sizeof(struct virtio_net_hdr);
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
