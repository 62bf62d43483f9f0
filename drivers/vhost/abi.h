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

static_assert(sizeof(struct vhost_worker_state) == 4);
static_assert(sizeof(struct vhost_vring_worker) == 8);
static_assert(offsetof(struct vhost_vring_worker, worker_id) == 4);

static_assert(sizeof(struct vhost_v3_vring_addr) == 16);
static_assert(offsetof(struct vhost_v3_vring_addr, user_addr) == 8);

/*
 * As almost all processors number them; the others have bits of their own for
 * the direction, and fewer for the size.
 */
#if _IOC_NONE == 0 && _IOC_SIZEBITS == 14
static_assert(VHOST_GET_FEATURES == 0x8008af00);
static_assert(VHOST_SET_FEATURES == 0x4008af00);
static_assert(VHOST_SET_OWNER == 0x0000af01);
static_assert(VHOST_RESET_OWNER == 0x0000af02);
static_assert(VHOST_SET_MEM_TABLE == 0x4008af03);
static_assert(VHOST_SET_VRING_NUM == 0x4008af10);
static_assert(VHOST_SET_VRING_ADDR == 0x4028af11);
static_assert(VHOST_SET_VRING_BASE == 0x4008af12);
static_assert(VHOST_GET_VRING_BASE == 0xc008af12);
static_assert(VHOST_SET_VRING_ENDIAN == 0x4008af13);
static_assert(VHOST_GET_VRING_ENDIAN == 0x4008af14);
static_assert(VHOST_SET_VRING_KICK == 0x4008af20);
static_assert(VHOST_SET_VRING_CALL == 0x4008af21);
static_assert(VHOST_SET_VRING_ERR == 0x4008af22);
static_assert(VHOST_SET_BACKEND_FEATURES == 0x4008af25);
static_assert(VHOST_GET_BACKEND_FEATURES == 0x8008af26);
static_assert(VHOST_NET_SET_BACKEND == 0x4008af30);
static_assert(VHOST_GET_FEATURES_ARRAY == 0x8008af83);
static_assert(VHOST_SET_FEATURES_ARRAY == 0x4008af83);
static_assert(VHOST_SET_VRING_BUSYLOOP_TIMEOUT == 0x4008af23);
static_assert(VHOST_GET_VRING_BUSYLOOP_TIMEOUT == 0x4008af24);
static_assert(VHOST_NEW_WORKER == 0x8004af08);
static_assert(VHOST_FREE_WORKER == 0x4004af09);
static_assert(VHOST_ATTACH_VRING_WORKER == 0x4008af15);
static_assert(VHOST_GET_VRING_WORKER == 0xc008af16);
static_assert(VHOST_SET_FORK_FROM_OWNER == 0x4001af84);
static_assert(VHOST_GET_FORK_FROM_OWNER == 0x8001af85);
static_assert(VHOST_V3_GET_FEATURES == 0x8004af00);
static_assert(VHOST_V3_ACK_FEATURES == 0x4004af00);
static_assert(VHOST_V3_SET_VRING_DESC == 0x4010af11);
static_assert(VHOST_V3_SET_VRING_USED == 0x4010af12);
static_assert(VHOST_V3_SET_VRING_AVAIL == 0x4010af13);
static_assert(VHOST_V3_SET_VRING_BASE == 0x4008af14);
static_assert(VHOST_V3_GET_VRING_BASE == 0xc008af14);
static_assert(VHOST_V3_NET_SET_SOCKET == 0x4004af30);
#endif

#endif
