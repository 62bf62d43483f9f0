/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interface is frozen: numbers, sizes and places of fields, on 32 and on
 * 64 bit. A change that would break a client does not compile.
 */
#ifndef VHOST_ABI_H
#define VHOST_ABI_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/vhost.h>

/*
 * An ioctl by its number and the bytes of its argument. A few processors have
 * other bits for the direction, and fewer for the size.
 */
#define vhost_io(nr)		_IOC(_IOC_NONE, 0xaf, nr, 0)
#define vhost_ior(nr, size)	_IOC(_IOC_READ, 0xaf, nr, size)
#define vhost_iow(nr, size)	_IOC(_IOC_WRITE, 0xaf, nr, size)
#define vhost_iowr(nr, size)	_IOC(_IOC_READ | _IOC_WRITE, 0xaf, nr, size)

static_assert(sizeof(struct vhost_vring_state) == 8);
static_assert(sizeof(struct vhost_vring_file) == 8);
static_assert(sizeof(struct vhost_vring_addr) == 40);
static_assert(offsetof(struct vhost_vring_addr, desc_user_addr) == 8);
static_assert(offsetof(struct vhost_vring_addr, used_user_addr) == 16);
static_assert(offsetof(struct vhost_vring_addr, avail_user_addr) == 24);
static_assert(offsetof(struct vhost_vring_addr, log_guest_addr) == 32);
static_assert(sizeof(struct vhost_memory_region) == 32);
static_assert(offsetof(struct vhost_memory_region, memory_size) == 8);
static_assert(offsetof(struct vhost_memory_region, userspace_addr) == 16);
static_assert(sizeof(struct vhost_features_array) == 8);
static_assert(offsetof(struct vhost_features_array, features) == 8);
static_assert(sizeof(struct vhost_memory) == 8);
static_assert(offsetof(struct vhost_memory, regions) == 8);

static_assert(vhost_ior(0x00, 8) == VHOST_GET_FEATURES);
static_assert(vhost_iow(0x00, 8) == VHOST_SET_FEATURES);
static_assert(vhost_io(0x01) == VHOST_SET_OWNER);
static_assert(vhost_io(0x02) == VHOST_RESET_OWNER);
static_assert(vhost_iow(0x03, 8) == VHOST_SET_MEM_TABLE);
static_assert(vhost_iow(0x10, 8) == VHOST_SET_VRING_NUM);
static_assert(vhost_iow(0x11, 40) == VHOST_SET_VRING_ADDR);
static_assert(vhost_iow(0x12, 8) == VHOST_SET_VRING_BASE);
static_assert(vhost_iowr(0x12, 8) == VHOST_GET_VRING_BASE);
static_assert(vhost_iow(0x13, 8) == VHOST_SET_VRING_ENDIAN);
static_assert(vhost_iow(0x14, 8) == VHOST_GET_VRING_ENDIAN);
static_assert(vhost_iow(0x20, 8) == VHOST_SET_VRING_KICK);
static_assert(vhost_iow(0x21, 8) == VHOST_SET_VRING_CALL);
static_assert(vhost_iow(0x22, 8) == VHOST_SET_VRING_ERR);
static_assert(vhost_iow(0x25, 8) == VHOST_SET_BACKEND_FEATURES);
static_assert(vhost_ior(0x26, 8) == VHOST_GET_BACKEND_FEATURES);
static_assert(vhost_iow(0x30, 8) == VHOST_NET_SET_BACKEND);
static_assert(vhost_ior(0x83, 8) == VHOST_GET_FEATURES_ARRAY);
static_assert(vhost_iow(0x83, 8) == VHOST_SET_FEATURES_ARRAY);

static_assert(vhost_iow(0x23, 8) == VHOST_SET_VRING_BUSYLOOP_TIMEOUT);
static_assert(vhost_iow(0x24, 8) == VHOST_GET_VRING_BUSYLOOP_TIMEOUT);
static_assert(sizeof(struct vhost_worker_state) == 4);
static_assert(sizeof(struct vhost_vring_worker) == 8);
static_assert(offsetof(struct vhost_vring_worker, worker_id) == 4);
static_assert(vhost_ior(0x08, 4) == VHOST_NEW_WORKER);
static_assert(vhost_iow(0x09, 4) == VHOST_FREE_WORKER);
static_assert(vhost_iow(0x15, 8) == VHOST_ATTACH_VRING_WORKER);
static_assert(vhost_iowr(0x16, 8) == VHOST_GET_VRING_WORKER);
static_assert(vhost_iow(0x84, 1) == VHOST_SET_FORK_FROM_OWNER);
static_assert(vhost_ior(0x85, 1) == VHOST_GET_FORK_FROM_OWNER);

static_assert(sizeof(struct vhost_v3_vring_addr) == 16);
static_assert(offsetof(struct vhost_v3_vring_addr, user_addr) == 8);
static_assert(vhost_ior(0x00, 4) == VHOST_V3_GET_FEATURES);
static_assert(vhost_iow(0x00, 4) == VHOST_V3_ACK_FEATURES);
static_assert(vhost_iow(0x11, 16) == VHOST_V3_SET_VRING_DESC);
static_assert(vhost_iow(0x12, 16) == VHOST_V3_SET_VRING_USED);
static_assert(vhost_iow(0x13, 16) == VHOST_V3_SET_VRING_AVAIL);
static_assert(vhost_iow(0x14, 8) == VHOST_V3_SET_VRING_BASE);
static_assert(vhost_iowr(0x14, 8) == VHOST_V3_GET_VRING_BASE);
static_assert(vhost_iow(0x30, 4) == VHOST_V3_NET_SET_SOCKET);

#endif
