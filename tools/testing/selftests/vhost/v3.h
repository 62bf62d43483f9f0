/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interface of August 2009 as a program of that time knew it: numbers and
 * structures are spelled out once more, since what was built with them must
 * still be understood.
 */
#ifndef VHT_V3_H
#define VHT_V3_H

#include "guest.h"

enum {
	V3_GET_FEATURES		= 0x8004af00,
	V3_ACK_FEATURES		= 0x4004af00,
	V3_SET_OWNER		= 0x0000af01,
	V3_RESET_OWNER		= 0x0000af02,
	V3_SET_MEM_TABLE	= 0x4008af03,
	V3_SET_VRING_NUM	= 0x4008af10,
	V3_SET_VRING_DESC	= 0x4010af11,
	V3_SET_VRING_USED	= 0x4010af12,
	V3_SET_VRING_AVAIL	= 0x4010af13,
	V3_SET_VRING_BASE	= 0x4008af14,
	V3_GET_VRING_BASE	= 0xc008af14,
	V3_SET_VRING_KICK	= 0x4008af20,
	V3_SET_VRING_CALL	= 0x4008af21,
	V3_SET_VRING_ERR	= 0x4008af22,
	V3_NET_SET_SOCKET	= 0x4004af30,
};

struct v3_vring_state {
	__u32 index;
	__u32 num;
};

struct v3_vring_file {
	__u32 index;
	__s32 fd;
};

struct v3_vring_addr {
	__u32 index;
	__u32 padding;
	__u64 user_addr;
};

/* All return -errno on failure, like those of lib/device.h. */
int v3_state(int fd, unsigned int req, unsigned int index, unsigned int num);
int v3_file(int fd, unsigned int req, unsigned int index, int file);
int v3_addr(int fd, unsigned int req, unsigned int index,
	    const void *at);
int v3_get_base(int fd, unsigned int index);
int v3_socket(int fd, int sock);

/* All of one ring, of both, and with owner and memory table. */
int v3_ring(int fd, const struct vq *vq);
int v3_rings(struct guest *g);
int v3_setup(struct guest *g);

#endif
