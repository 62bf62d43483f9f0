/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The interface between a virtual machine monitor and the vhost devices of
 * the kernel: /dev/vhost-net and its relatives.
 *
 * The file can be used by the kernel and, on its own, by user space. It takes
 * the place of both <linux/vhost.h> and <linux/vhost_types.h> of any kernel
 * from 6.1 on: numbers and structures are the same, and what only newer
 * kernels define is defined here for all.
 *
 * A monitor opens the device, makes itself the owner (VHOST_SET_OWNER),
 * agrees on features, describes the guest's memory (VHOST_SET_MEM_TABLE) and
 * each ring, gives an eventfd for either direction of notification, and ends
 * by attaching a backend to each ring. Addresses of rings are addresses in
 * the owner's address space; what the guest writes into descriptors is
 * translated by the memory table. For a guest that has an IOMMU
 * (VIRTIO_F_ACCESS_PLATFORM) both are translated by what the owner writes to
 * the device when it is asked. Documentation/vhost.txt has all the rules.
 */
#ifndef _LINUX_VHOST_H
#define _LINUX_VHOST_H
/* One file stands for the two that today's kernels have. */
#define _LINUX_VHOST_TYPES_H

#include <linux/types.h>
#include <linux/ioctl.h>

/*
 * Argument structures
 */

/**
 * struct vhost_vring_state - one number of one ring
 * @index: which ring of the device
 * @num: the value set or returned (entries, base index, microseconds)
 */
struct vhost_vring_state {
	unsigned int index;
	unsigned int num;
};

/**
 * struct vhost_vring_file - one file descriptor of one ring
 * @index: which ring of the device
 * @fd: the descriptor, or VHOST_FILE_UNBIND to take the present one away
 */
struct vhost_vring_file {
	unsigned int index;
#define VHOST_FILE_UNBIND -1
	int fd;
};

/**
 * struct vhost_vring_addr - where the three parts of one ring are
 * @index: which ring of the device
 * @flags: bit VHOST_VRING_F_LOG; all others must be zero
 * @desc_user_addr: descriptor table, in the owner's address space
 * @used_user_addr: used ring (packed: device event), 4-byte aligned
 * @avail_user_addr: available ring (packed: driver event), 2-byte aligned
 * @log_guest_addr: guest-physical address under which writes to the used
 *	ring enter the dirty log, 4-byte aligned
 *
 * With VIRTIO_F_ACCESS_PLATFORM the first three are addresses to be
 * translated, and @log_guest_addr has no meaning.
 */
struct vhost_vring_addr {
	unsigned int index;
	unsigned int flags;
#define VHOST_VRING_F_LOG 0
	__u64 desc_user_addr;
	__u64 used_user_addr;
	__u64 avail_user_addr;
	__u64 log_guest_addr;
};

/**
 * struct vhost_worker_state - names a worker
 * @worker_id: number of the worker, unique in its device
 */
struct vhost_worker_state {
	unsigned int worker_id;
};

/**
 * struct vhost_vring_worker - ties a ring to a worker
 * @index: which ring of the device
 * @worker_id: number of the worker
 */
struct vhost_vring_worker {
	unsigned int index;
	unsigned int worker_id;
};

/*
 * One translation, or the lack of one, between the device and its owner: @size
 * bytes from @iova on are at @uaddr in the owner's memory. A miss has neither
 * size nor uaddr.
 */
struct vhost_iotlb_msg {
	__u64 iova;
	__u64 size;
	__u64 uaddr;
#define VHOST_ACCESS_RO      0x1
#define VHOST_ACCESS_WO      0x2
#define VHOST_ACCESS_RW      0x3
	__u8 perm;
#define VHOST_IOTLB_MISS           1
#define VHOST_IOTLB_UPDATE         2
#define VHOST_IOTLB_INVALIDATE     3
#define VHOST_IOTLB_ACCESS_FAIL    4
#define VHOST_IOTLB_BATCH_BEGIN    5
#define VHOST_IOTLB_BATCH_END      6
	__u8 type;
};

#define VHOST_IOTLB_MSG 0x1
#define VHOST_IOTLB_MSG_V2 0x2

/*
 * What read() and write() of the device carry, first form: 72 bytes on 64 bit,
 * which 32-bit programs of a 64-bit kernel can't rely on.
 */
struct vhost_msg {
	int type;
	union {
		struct vhost_iotlb_msg iotlb;
		__u8 padding[64];
	};
};

/* Second form: same size and place of the message on 32 and 64 bit. */
struct vhost_msg_v2 {
	__u32 type;
	__u32 asid;
	union {
		struct vhost_iotlb_msg iotlb;
		__u8 padding[64];
	};
};

/**
 * struct vhost_memory_region - one run of guest memory
 * @guest_phys_addr: first guest-physical address
 * @memory_size: bytes
 * @userspace_addr: where the run is in the owner's address space
 * @flags_padding: must be zero
 */
struct vhost_memory_region {
	__u64 guest_phys_addr;
	__u64 memory_size;
	__u64 userspace_addr;
	__u64 flags_padding;
};

/* Guest addresses and sizes are multiples of this in the dirty log. */
#define VHOST_PAGE_SIZE 0x1000

/**
 * struct vhost_memory - the guest's memory
 * @nregions: entries in @regions
 * @padding: must be zero
 * @regions: the runs, in any order
 */
struct vhost_memory {
	__u32 nregions;
	__u32 padding;
	struct vhost_memory_region regions[];
};

/**
 * struct vhost_features_array - feature bits beyond the first 64
 * @count: words in @features
 * @features: word 0 holds bits 0 to 63, word 1 bits 64 to 127
 */
struct vhost_features_array {
	__u64 count;
	__u64 features[];
};

/*
 * Feature bits that exist only between the device and its owner
 */

/* Everything that the device writes to guest memory enters the dirty log. */
#define VHOST_F_LOG_ALL 26
/* The backend's packets have no virtio header: the device supplies it. */
#define VHOST_NET_F_VIRTIO_NET_HDR 27

/* Backend features: messages of the second form, in batches, ... */
#define VHOST_BACKEND_F_IOTLB_MSG_V2 0x1
#define VHOST_BACKEND_F_IOTLB_BATCH  0x2
#define VHOST_BACKEND_F_IOTLB_ASID  0x3

/*
 * ioctls of every vhost device
 */
#define VHOST_VIRTIO 0xAF

/*
 * Bits offered, bits accepted. Need no owner. While rings run, only
 * VHOST_F_LOG_ALL may change.
 */
#define VHOST_GET_FEATURES	_IOR(VHOST_VIRTIO, 0x00, __u64)
#define VHOST_SET_FEATURES	_IOW(VHOST_VIRTIO, 0x00, __u64)

/* Tie the device to the caller's address space; EBUSY if it is tied. */
#define VHOST_SET_OWNER		_IO(VHOST_VIRTIO, 0x01)
/* Back to the state after open(), without owner; by the owner only. */
#define VHOST_RESET_OWNER	_IO(VHOST_VIRTIO, 0x02)

/* The guest's memory; may be replaced while rings run. */
#define VHOST_SET_MEM_TABLE	_IOW(VHOST_VIRTIO, 0x03, struct vhost_memory)

/* The dirty log: a bitmap in the owner's memory, a bit for each 4 KiB. */
#define VHOST_SET_LOG_BASE	_IOW(VHOST_VIRTIO, 0x04, __u64)
/* An eventfd that is signalled when the log was written. */
#define VHOST_SET_LOG_FD	_IOW(VHOST_VIRTIO, 0x07, int)

/* Workers: make one, end one that has no ring. */
#define VHOST_NEW_WORKER	\
	_IOR(VHOST_VIRTIO, 0x8, struct vhost_worker_state)
#define VHOST_FREE_WORKER	\
	_IOW(VHOST_VIRTIO, 0x9, struct vhost_worker_state)

/* Entries of the ring; the ring must be stopped. */
#define VHOST_SET_VRING_NUM	\
	_IOW(VHOST_VIRTIO, 0x10, struct vhost_vring_state)
/* Addresses of the ring. */
#define VHOST_SET_VRING_ADDR	\
	_IOW(VHOST_VIRTIO, 0x11, struct vhost_vring_addr)
/*
 * Where the device goes on in the ring. Split: the next available index.
 * Packed: bits 0 to 14 next available, bit 15 its wrap counter, bits 16 to 30
 * next used, bit 31 its wrap counter. Set needs a stopped ring.
 */
#define VHOST_SET_VRING_BASE	\
	_IOW(VHOST_VIRTIO, 0x12, struct vhost_vring_state)
#define VHOST_GET_VRING_BASE	\
	_IOWR(VHOST_VIRTIO, 0x12, struct vhost_vring_state)

/* Byte order of a legacy ring, where guest and host can differ. */
#define VHOST_VRING_LITTLE_ENDIAN 0
#define VHOST_VRING_BIG_ENDIAN 1
#define VHOST_SET_VRING_ENDIAN	\
	_IOW(VHOST_VIRTIO, 0x13, struct vhost_vring_state)
#define VHOST_GET_VRING_ENDIAN	\
	_IOW(VHOST_VIRTIO, 0x14, struct vhost_vring_state)
/* Which worker serves a ring. */
#define VHOST_ATTACH_VRING_WORKER	\
	_IOW(VHOST_VIRTIO, 0x15, struct vhost_vring_worker)
#define VHOST_GET_VRING_WORKER	\
	_IOWR(VHOST_VIRTIO, 0x16, struct vhost_vring_worker)

/* Eventfds: buffers were made available; were used; something is wrong. */
#define VHOST_SET_VRING_KICK	\
	_IOW(VHOST_VIRTIO, 0x20, struct vhost_vring_file)
#define VHOST_SET_VRING_CALL	\
	_IOW(VHOST_VIRTIO, 0x21, struct vhost_vring_file)
#define VHOST_SET_VRING_ERR	\
	_IOW(VHOST_VIRTIO, 0x22, struct vhost_vring_file)
/* Microseconds to look for more work before sleeping. */
#define VHOST_SET_VRING_BUSYLOOP_TIMEOUT	\
	_IOW(VHOST_VIRTIO, 0x23, struct vhost_vring_state)
#define VHOST_GET_VRING_BUSYLOOP_TIMEOUT	\
	_IOW(VHOST_VIRTIO, 0x24, struct vhost_vring_state)

/* Features of the interface itself: VHOST_BACKEND_F_... */
#define VHOST_SET_BACKEND_FEATURES	_IOW(VHOST_VIRTIO, 0x25, __u64)
#define VHOST_GET_BACKEND_FEATURES	_IOR(VHOST_VIRTIO, 0x26, __u64)

/* Like VHOST_GET_FEATURES and VHOST_SET_FEATURES for any number of words. */
#define VHOST_GET_FEATURES_ARRAY	\
	_IOR(VHOST_VIRTIO, 0x83, struct vhost_features_array)
#define VHOST_SET_FEATURES_ARRAY	\
	_IOW(VHOST_VIRTIO, 0x83, struct vhost_features_array)

/* Is a worker a thread of the owner (1) or of the kernel (0)? */
#define VHOST_FORK_OWNER_KTHREAD 0
#define VHOST_FORK_OWNER_TASK 1
#define VHOST_SET_FORK_FROM_OWNER	_IOW(VHOST_VIRTIO, 0x84, __u8)
#define VHOST_GET_FORK_FROM_OWNER	_IOR(VHOST_VIRTIO, 0x85, __u8)

/*
 * ioctls of /dev/vhost-net: ring 0 receives (to the guest), ring 1 transmits
 */

/*
 * Attach a backend to a ring, or detach it with fd -1: a tap, a raw packet
 * socket, or a connected socket of datagrams (UDP, Unix: a frame each) or of a
 * stream (TCP, Unix: each frame behind its length of 32 bits, big-endian).
 */
#define VHOST_NET_SET_BACKEND	\
	_IOW(VHOST_VIRTIO, 0x30, struct vhost_vring_file)

/*
 * The interface of August 2009
 *
 * Version 3 of the patch that brought this driver into being was used before
 * the interface above was settled, and is still served. What has the same
 * name, number and meaning in both is not repeated here: VHOST_SET_OWNER,
 * VHOST_RESET_OWNER, VHOST_SET_MEM_TABLE, VHOST_SET_VRING_NUM, _KICK, _CALL
 * and _ERR. The others:
 *
 *	its name			its name here
 *	--------			-------------
 *	struct vhost_vring_addr		struct vhost_v3_vring_addr
 *	VHOST_GET_FEATURES		VHOST_V3_GET_FEATURES
 *	VHOST_ACK_FEATURES		VHOST_V3_ACK_FEATURES
 *	VHOST_SET_VRING_DESC		VHOST_V3_SET_VRING_DESC
 *	VHOST_SET_VRING_USED		VHOST_V3_SET_VRING_USED
 *	VHOST_SET_VRING_AVAIL		VHOST_V3_SET_VRING_AVAIL
 *	VHOST_SET_VRING_BASE		VHOST_V3_SET_VRING_BASE
 *	VHOST_GET_VRING_BASE		VHOST_V3_GET_VRING_BASE
 *	VHOST_NET_SET_SOCKET		VHOST_V3_NET_SET_SOCKET
 *
 * A program uses one of the two, and shows which by the first ioctl that only
 * one of them has. That matters for the number of VHOST_V3_SET_VRING_BASE,
 * which is the one of VHOST_GET_VRING_ENDIAN.
 */

/**
 * struct vhost_v3_vring_addr - where one part of one ring is
 * @index: which ring of the device
 * @padding: must be zero
 * @user_addr: the part, in the owner's address space
 */
struct vhost_v3_vring_addr {
	unsigned int index;
	unsigned int padding;
	__u64 user_addr;
};

/* Bits offered: none. Bits accepted: none. Need no owner. */
#define VHOST_V3_GET_FEATURES	_IOR(VHOST_VIRTIO, 0x00, __u32)
#define VHOST_V3_ACK_FEATURES	_IOW(VHOST_VIRTIO, 0x00, __u32)

/* Addresses of the ring, part by part; the used ring must be accessible. */
#define VHOST_V3_SET_VRING_DESC	\
	_IOW(VHOST_VIRTIO, 0x11, struct vhost_v3_vring_addr)
#define VHOST_V3_SET_VRING_USED	\
	_IOW(VHOST_VIRTIO, 0x12, struct vhost_v3_vring_addr)
#define VHOST_V3_SET_VRING_AVAIL	\
	_IOW(VHOST_VIRTIO, 0x13, struct vhost_v3_vring_addr)

/* As VHOST_SET_VRING_BASE and VHOST_GET_VRING_BASE. */
#define VHOST_V3_SET_VRING_BASE	\
	_IOW(VHOST_VIRTIO, 0x14, struct vhost_vring_state)
#define VHOST_V3_GET_VRING_BASE	\
	_IOWR(VHOST_VIRTIO, 0x14, struct vhost_vring_state)

/*
 * Attach such a socket to both rings, or detach it with -1. Packets on
 * the socket have no virtio header; in the rings it has 10 bytes. After
 * VHOST_RESET_OWNER without VHOST_SET_MEM_TABLE, guest addresses are addresses
 * of the owner.
 */
#define VHOST_V3_NET_SET_SOCKET	_IOW(VHOST_VIRTIO, 0x30, int)

#endif
