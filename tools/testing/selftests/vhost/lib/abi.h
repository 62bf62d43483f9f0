/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place where the interface headers enter the harness.
 */
#ifndef VHT_ABI_H
#define VHT_ABI_H

#include <asm/types.h>
#include <linux/if_ether.h>
#include <linux/types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "../../../../../include/linux/vhost.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the harness writes rings in host order: little endian only"
#endif

#define BIT(n)	(1ULL << (n))

#define F_MRG		BIT(VIRTIO_NET_F_MRG_RXBUF)
#define F_EMPTY		BIT(VIRTIO_F_NOTIFY_ON_EMPTY)
#define F_HOST_HDR	BIT(VHOST_NET_F_VIRTIO_NET_HDR)
#define F_INDIRECT	BIT(VIRTIO_RING_F_INDIRECT_DESC)
#define F_EVENT		BIT(VIRTIO_RING_F_EVENT_IDX)
#define F_V1		BIT(VIRTIO_F_VERSION_1)
#define F_PACKED	BIT(VIRTIO_F_RING_PACKED)
#define F_IN_ORDER	BIT(VIRTIO_F_IN_ORDER)
#define F_PLATFORM	BIT(VIRTIO_F_ACCESS_PLATFORM)

/* The two bits that make it 24 bytes, in word 1. */
#define F1_TUNNEL	(BIT(65 - 64) | BIT(67 - 64))
#define LONG_HDR	24

#define VQ_RX	0
#define VQ_TX	1
#define VQ_MAX	2

/* 12 bytes as soon as the header has room for num_buffers, 10 before. */
static inline unsigned int net_hdr_len(__u64 features)
{
	if (features & (F_MRG | F_V1))
		return sizeof(struct virtio_net_hdr_mrg_rxbuf);
	return sizeof(struct virtio_net_hdr);
}

#endif
