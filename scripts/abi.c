// SPDX-License-Identifier: GPL-2.0
/*
 * What programs have compiled in of <linux/vhost.h>: the compiler is asked
 * whether it is still so. Nothing of this is ever run.
 */
#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <linux/vhost.h>

/*
 * An ioctl by its number and the bytes of its argument. A few processors have
 * other bits for the direction, and fewer for the size.
 */
#define io(nr)			_IOC(_IOC_NONE, 0xaf, nr, 0)
#define ior(nr, size)		_IOC(_IOC_READ, 0xaf, nr, size)
#define iow(nr, size)		_IOC(_IOC_WRITE, 0xaf, nr, size)
#define iowr(nr, size)		_IOC(_IOC_READ | _IOC_WRITE, 0xaf, nr, size)

#define NUMBER(what, num)	static_assert((what) == (num), #what)
#define SIZE(type, num)		NUMBER(sizeof(struct type), num)
#define PLACE(type, field, num)	NUMBER(offsetof(struct type, field), num)

/* On the i386 alone, 64-bit numbers begin at multiples of 4. */
#define ALIGNMENT		alignof(struct vhost_iotlb_msg)

NUMBER(VHOST_GET_FEATURES, ior(0x00, 8));
NUMBER(VHOST_SET_FEATURES, iow(0x00, 8));
NUMBER(VHOST_SET_OWNER, io(0x01));
NUMBER(VHOST_RESET_OWNER, io(0x02));
NUMBER(VHOST_SET_MEM_TABLE, iow(0x03, 8));
NUMBER(VHOST_SET_LOG_BASE, iow(0x04, 8));
NUMBER(VHOST_SET_LOG_FD, iow(0x07, 4));
NUMBER(VHOST_NEW_WORKER, ior(0x08, 4));
NUMBER(VHOST_FREE_WORKER, iow(0x09, 4));
NUMBER(VHOST_SET_VRING_NUM, iow(0x10, 8));
NUMBER(VHOST_SET_VRING_ADDR, iow(0x11, 40));
NUMBER(VHOST_SET_VRING_BASE, iow(0x12, 8));
NUMBER(VHOST_GET_VRING_BASE, iowr(0x12, 8));
NUMBER(VHOST_SET_VRING_ENDIAN, iow(0x13, 8));
NUMBER(VHOST_GET_VRING_ENDIAN, iow(0x14, 8));
NUMBER(VHOST_ATTACH_VRING_WORKER, iow(0x15, 8));
NUMBER(VHOST_GET_VRING_WORKER, iowr(0x16, 8));
NUMBER(VHOST_SET_VRING_KICK, iow(0x20, 8));
NUMBER(VHOST_SET_VRING_CALL, iow(0x21, 8));
NUMBER(VHOST_SET_VRING_ERR, iow(0x22, 8));
NUMBER(VHOST_SET_VRING_BUSYLOOP_TIMEOUT, iow(0x23, 8));
NUMBER(VHOST_GET_VRING_BUSYLOOP_TIMEOUT, iow(0x24, 8));
NUMBER(VHOST_SET_BACKEND_FEATURES, iow(0x25, 8));
NUMBER(VHOST_GET_BACKEND_FEATURES, ior(0x26, 8));
NUMBER(VHOST_NET_SET_BACKEND, iow(0x30, 8));
NUMBER(VHOST_GET_FEATURES_ARRAY, ior(0x83, 8));
NUMBER(VHOST_SET_FEATURES_ARRAY, iow(0x83, 8));
NUMBER(VHOST_SET_FORK_FROM_OWNER, iow(0x84, 1));
NUMBER(VHOST_GET_FORK_FROM_OWNER, ior(0x85, 1));

NUMBER(VHOST_V3_GET_FEATURES, ior(0x00, 4));
NUMBER(VHOST_V3_ACK_FEATURES, iow(0x00, 4));
NUMBER(VHOST_V3_SET_VRING_DESC, iow(0x11, 16));
NUMBER(VHOST_V3_SET_VRING_USED, iow(0x12, 16));
NUMBER(VHOST_V3_SET_VRING_AVAIL, iow(0x13, 16));
NUMBER(VHOST_V3_SET_VRING_BASE, iow(0x14, 8));
NUMBER(VHOST_V3_GET_VRING_BASE, iowr(0x14, 8));
NUMBER(VHOST_V3_NET_SET_SOCKET, iow(0x30, 4));

NUMBER(VHOST_F_LOG_ALL, 26);
NUMBER(VHOST_NET_F_VIRTIO_NET_HDR, 27);
NUMBER(VHOST_VRING_F_LOG, 0);
NUMBER(VHOST_VRING_LITTLE_ENDIAN, 0);
NUMBER(VHOST_VRING_BIG_ENDIAN, 1);
NUMBER(VHOST_FILE_UNBIND, -1);
NUMBER(VHOST_BACKEND_F_IOTLB_MSG_V2, 1);
NUMBER(VHOST_BACKEND_F_IOTLB_BATCH, 2);
NUMBER(VHOST_BACKEND_F_IOTLB_ASID, 3);
NUMBER(VHOST_IOTLB_MSG, 1);
NUMBER(VHOST_IOTLB_MSG_V2, 2);
NUMBER(VHOST_IOTLB_MISS, 1);
NUMBER(VHOST_IOTLB_UPDATE, 2);
NUMBER(VHOST_IOTLB_INVALIDATE, 3);
NUMBER(VHOST_IOTLB_ACCESS_FAIL, 4);
NUMBER(VHOST_IOTLB_BATCH_BEGIN, 5);
NUMBER(VHOST_IOTLB_BATCH_END, 6);
NUMBER(VHOST_ACCESS_RO, 1);
NUMBER(VHOST_ACCESS_WO, 2);
NUMBER(VHOST_ACCESS_RW, 3);
NUMBER(VHOST_PAGE_SIZE, 4096);
NUMBER(VHOST_FORK_OWNER_KTHREAD, 0);
NUMBER(VHOST_FORK_OWNER_TASK, 1);

SIZE(vhost_vring_state, 8);
PLACE(vhost_vring_state, num, 4);
SIZE(vhost_vring_file, 8);
PLACE(vhost_vring_file, fd, 4);
SIZE(vhost_vring_addr, 40);
PLACE(vhost_vring_addr, flags, 4);
PLACE(vhost_vring_addr, desc_user_addr, 8);
PLACE(vhost_vring_addr, used_user_addr, 16);
PLACE(vhost_vring_addr, avail_user_addr, 24);
PLACE(vhost_vring_addr, log_guest_addr, 32);
SIZE(vhost_memory_region, 32);
PLACE(vhost_memory_region, memory_size, 8);
PLACE(vhost_memory_region, userspace_addr, 16);
PLACE(vhost_memory_region, flags_padding, 24);
SIZE(vhost_memory, 8);
PLACE(vhost_memory, padding, 4);
PLACE(vhost_memory, regions, 8);
SIZE(vhost_features_array, 8);
PLACE(vhost_features_array, features, 8);
SIZE(vhost_worker_state, 4);
SIZE(vhost_vring_worker, 8);
PLACE(vhost_vring_worker, worker_id, 4);
SIZE(vhost_v3_vring_addr, 16);
PLACE(vhost_v3_vring_addr, padding, 4);
PLACE(vhost_v3_vring_addr, user_addr, 8);
SIZE(vhost_iotlb_msg, 24 + ALIGNMENT);
PLACE(vhost_iotlb_msg, size, 8);
PLACE(vhost_iotlb_msg, uaddr, 16);
PLACE(vhost_iotlb_msg, perm, 24);
PLACE(vhost_iotlb_msg, type, 25);
SIZE(vhost_msg, 64 + ALIGNMENT);
PLACE(vhost_msg, iotlb, ALIGNMENT);
SIZE(vhost_msg_v2, 72);
PLACE(vhost_msg_v2, asid, 4);
PLACE(vhost_msg_v2, iotlb, 8);
