// SPDX-License-Identifier: GPL-2.0
/*
 * The interface as programs have it compiled in: <linux/vhost.h> against plain
 * numbers. abi.h has these for the compiler, of what the driver includes; here
 * they are for whoever replaces both.
 */
#include <kunit/test.h>
#include <linux/stddef.h>
#include <linux/vhost.h>

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
		NUMBER(VHOST_GET_FEATURES, 0x8008af00),
		NUMBER(VHOST_SET_FEATURES, 0x4008af00),
		NUMBER(VHOST_SET_OWNER, 0xaf01),
		NUMBER(VHOST_RESET_OWNER, 0xaf02),
		NUMBER(VHOST_SET_MEM_TABLE, 0x4008af03),
		NUMBER(VHOST_SET_LOG_BASE, 0x4008af04),
		NUMBER(VHOST_SET_LOG_FD, 0x4004af07),
		NUMBER(VHOST_NEW_WORKER, 0x8004af08),
		NUMBER(VHOST_FREE_WORKER, 0x4004af09),
		NUMBER(VHOST_SET_VRING_NUM, 0x4008af10),
		NUMBER(VHOST_SET_VRING_ADDR, 0x4028af11),
		NUMBER(VHOST_SET_VRING_BASE, 0x4008af12),
		NUMBER(VHOST_GET_VRING_BASE, 0xc008af12),
		NUMBER(VHOST_SET_VRING_ENDIAN, 0x4008af13),
		NUMBER(VHOST_GET_VRING_ENDIAN, 0x4008af14),
		NUMBER(VHOST_ATTACH_VRING_WORKER, 0x4008af15),
		NUMBER(VHOST_GET_VRING_WORKER, 0xc008af16),
		NUMBER(VHOST_SET_VRING_KICK, 0x4008af20),
		NUMBER(VHOST_SET_VRING_CALL, 0x4008af21),
		NUMBER(VHOST_SET_VRING_ERR, 0x4008af22),
		NUMBER(VHOST_SET_VRING_BUSYLOOP_TIMEOUT, 0x4008af23),
		NUMBER(VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 0x4008af24),
		NUMBER(VHOST_SET_BACKEND_FEATURES, 0x4008af25),
		NUMBER(VHOST_GET_BACKEND_FEATURES, 0x8008af26),
		NUMBER(VHOST_NET_SET_BACKEND, 0x4008af30),
		NUMBER(VHOST_GET_FEATURES_ARRAY, 0x8008af83),
		NUMBER(VHOST_SET_FEATURES_ARRAY, 0x4008af83),
		NUMBER(VHOST_SET_FORK_FROM_OWNER, 0x4001af84),
		NUMBER(VHOST_GET_FORK_FROM_OWNER, 0x8001af85),
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
