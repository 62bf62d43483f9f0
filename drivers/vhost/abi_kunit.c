// SPDX-License-Identifier: GPL-2.0
/*
 * The interface as programs have it compiled in: <linux/vhost.h> against plain
 * numbers. abi.h has these for the compiler, of what the driver includes; here
 * they are for whoever replaces both.
 */
#include <kunit/test.h>
#include <linux/stddef.h>
#include <linux/vhost.h>

#include "abi.h"

struct abi_number {
	const char *name;
	u64 is;
	u64 should_be;
};

static void check(struct kunit *test, const struct abi_number *numbers, u32 num)
{
	u32 i;

	for (i = 0; i < num; i++)
		KUNIT_EXPECT_EQ_MSG(test, numbers[i].is, numbers[i].should_be,
				    "%s", numbers[i].name);
}

#define NUMBER(what, num)	{ #what, (u64)(what), num }

static void ioctls(struct kunit *test)
{
	static const struct abi_number numbers[] = {
		NUMBER(VHOST_GET_FEATURES, vhost_ior(0x00, 8)),
		NUMBER(VHOST_SET_FEATURES, vhost_iow(0x00, 8)),
		NUMBER(VHOST_SET_OWNER, vhost_io(0x01)),
		NUMBER(VHOST_RESET_OWNER, vhost_io(0x02)),
		NUMBER(VHOST_SET_MEM_TABLE, vhost_iow(0x03, 8)),
		NUMBER(VHOST_SET_LOG_BASE, vhost_iow(0x04, 8)),
		NUMBER(VHOST_SET_LOG_FD, vhost_iow(0x07, 4)),
		NUMBER(VHOST_NEW_WORKER, vhost_ior(0x08, 4)),
		NUMBER(VHOST_FREE_WORKER, vhost_iow(0x09, 4)),
		NUMBER(VHOST_SET_VRING_NUM, vhost_iow(0x10, 8)),
		NUMBER(VHOST_SET_VRING_ADDR, vhost_iow(0x11, 40)),
		NUMBER(VHOST_SET_VRING_BASE, vhost_iow(0x12, 8)),
		NUMBER(VHOST_GET_VRING_BASE, vhost_iowr(0x12, 8)),
		NUMBER(VHOST_SET_VRING_ENDIAN, vhost_iow(0x13, 8)),
		NUMBER(VHOST_GET_VRING_ENDIAN, vhost_iow(0x14, 8)),
		NUMBER(VHOST_ATTACH_VRING_WORKER, vhost_iow(0x15, 8)),
		NUMBER(VHOST_GET_VRING_WORKER, vhost_iowr(0x16, 8)),
		NUMBER(VHOST_SET_VRING_KICK, vhost_iow(0x20, 8)),
		NUMBER(VHOST_SET_VRING_CALL, vhost_iow(0x21, 8)),
		NUMBER(VHOST_SET_VRING_ERR, vhost_iow(0x22, 8)),
		NUMBER(VHOST_SET_VRING_BUSYLOOP_TIMEOUT, vhost_iow(0x23, 8)),
		NUMBER(VHOST_GET_VRING_BUSYLOOP_TIMEOUT, vhost_iow(0x24, 8)),
		NUMBER(VHOST_SET_BACKEND_FEATURES, vhost_iow(0x25, 8)),
		NUMBER(VHOST_GET_BACKEND_FEATURES, vhost_ior(0x26, 8)),
		NUMBER(VHOST_NET_SET_BACKEND, vhost_iow(0x30, 8)),
		NUMBER(VHOST_GET_FEATURES_ARRAY, vhost_ior(0x83, 8)),
		NUMBER(VHOST_SET_FEATURES_ARRAY, vhost_iow(0x83, 8)),
		NUMBER(VHOST_SET_FORK_FROM_OWNER, vhost_iow(0x84, 1)),
		NUMBER(VHOST_GET_FORK_FROM_OWNER, vhost_ior(0x85, 1)),
	};

	check(test, numbers, ARRAY_SIZE(numbers));
}

static void bits(struct kunit *test)
{
	static const struct abi_number numbers[] = {
		NUMBER(VHOST_F_LOG_ALL, 26),
		NUMBER(VHOST_NET_F_VIRTIO_NET_HDR, 27),
		NUMBER(VHOST_VRING_F_LOG, 0),
		NUMBER(VHOST_BACKEND_F_IOTLB_MSG_V2, 1),
		NUMBER(VHOST_BACKEND_F_IOTLB_BATCH, 2),
		NUMBER(VHOST_BACKEND_F_IOTLB_ASID, 3),
		NUMBER(VHOST_IOTLB_MSG, 1),
		NUMBER(VHOST_IOTLB_MSG_V2, 2),
		NUMBER(VHOST_IOTLB_MISS, 1),
		NUMBER(VHOST_IOTLB_UPDATE, 2),
		NUMBER(VHOST_IOTLB_INVALIDATE, 3),
		NUMBER(VHOST_IOTLB_ACCESS_FAIL, 4),
		NUMBER(VHOST_ACCESS_RO, 1),
		NUMBER(VHOST_ACCESS_WO, 2),
		NUMBER(VHOST_ACCESS_RW, 3),
		NUMBER(VHOST_PAGE_SIZE, 4096),
	};

	check(test, numbers, ARRAY_SIZE(numbers));
}

#define SIZE(type, num)		NUMBER(sizeof(struct type), num)
#define PLACE(type, field, num)	NUMBER(offsetof(struct type, field), num)

static void layouts(struct kunit *test)
{
	static const struct abi_number numbers[] = {
		SIZE(vhost_vring_state, 8),
		PLACE(vhost_vring_state, num, 4),
		SIZE(vhost_vring_file, 8),
		PLACE(vhost_vring_file, fd, 4),
		SIZE(vhost_vring_addr, 40),
		PLACE(vhost_vring_addr, flags, 4),
		PLACE(vhost_vring_addr, desc_user_addr, 8),
		PLACE(vhost_vring_addr, used_user_addr, 16),
		PLACE(vhost_vring_addr, avail_user_addr, 24),
		PLACE(vhost_vring_addr, log_guest_addr, 32),
		SIZE(vhost_memory_region, 32),
		PLACE(vhost_memory_region, memory_size, 8),
		PLACE(vhost_memory_region, userspace_addr, 16),
		PLACE(vhost_memory_region, flags_padding, 24),
		SIZE(vhost_memory, 8),
		PLACE(vhost_memory, padding, 4),
		PLACE(vhost_memory, regions, 8),
		SIZE(vhost_features_array, 8),
		PLACE(vhost_features_array, features, 8),
		SIZE(vhost_worker_state, 4),
		SIZE(vhost_vring_worker, 8),
		PLACE(vhost_vring_worker, worker_id, 4),
		SIZE(vhost_iotlb_msg, 32),
		PLACE(vhost_iotlb_msg, size, 8),
		PLACE(vhost_iotlb_msg, uaddr, 16),
		PLACE(vhost_iotlb_msg, perm, 24),
		PLACE(vhost_iotlb_msg, type, 25),
		SIZE(vhost_msg, 72),
		PLACE(vhost_msg, iotlb, 8),
		SIZE(vhost_msg_v2, 72),
		PLACE(vhost_msg_v2, asid, 4),
		PLACE(vhost_msg_v2, iotlb, 8),
	};

	check(test, numbers, ARRAY_SIZE(numbers));
}

static struct kunit_case abi_cases[] = {
	KUNIT_CASE(ioctls),
	KUNIT_CASE(bits),
	KUNIT_CASE(layouts),
	{}
};

static struct kunit_suite abi_suite = {
	.name = "vhost_abi",
	.test_cases = abi_cases,
};

kunit_test_suite(abi_suite);
