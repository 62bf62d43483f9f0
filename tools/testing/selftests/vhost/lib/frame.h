/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames that describe themselves: the source address carries a sequence
 * number, and every byte behind the Ethernet header follows from that
 * number and the frame's length. A receiver needs nothing else to tell
 * whether a frame is whole.
 */
#ifndef VHT_FRAME_H
#define VHT_FRAME_H

#include "abi.h"
#include "util.h"

#define FRAME_TYPE	0x88b5	/* IEEE 802 local experimental */
#define FRAME_MIN	((size_t)ETH_HLEN)
#define FRAME_MAX	65549	/* the largest IPv4 packet, with its header */
#define FRAME_TCP_HDR	54	/* Ethernet, IPv4 and TCP without options */

enum frame_to { FRAME_TO_GUEST = 1, FRAME_TO_HOST = 2 };

void frame_mac(__u8 mac[ETH_ALEN], enum frame_to to);
void frame_build(void *buf, size_t len, enum frame_to to, __u32 seq);
/* True if the frame is one of ours, *seq is its number. */
bool frame_ours(const void *buf, size_t len, __u32 *seq);
/* True if ours and every byte is right. */
bool frame_intact(const void *buf, size_t len, __u32 *seq);

/*
 * A TCP segment over IPv4 with its checksum left to the receiver of the
 * header, cut into @gso_size pieces if that isn't 0.
 */
void frame_build_tcp(void *buf, size_t len, enum frame_to to, __u32 seq,
		     struct virtio_net_hdr *h, __u16 gso_size);

#endif
