// SPDX-License-Identifier: GPL-2.0
/*
 * The control interface: what every call answers to good and bad arguments,
 * in good and bad order, and that a refused call changes nothing.
 */
#include "fixture.h"

#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "guest.h"
#include "netif.h"
#include "traffic.h"

#define MUST_OFFER	(F_MRG | F_EMPTY | F_HOST_HDR | F_INDIRECT | F_EVENT | \
			 F_V1)
#define NO_SUCH		_IO(VHOST_VIRTIO, 0x7e)
#define NOT_OURS	_IO('x', 0x7e)
#define BAD_PTR		((void *)8)

/* Every call of one ring starts with the ring's number. */
static const unsigned long ring_calls[] = {
	VHOST_SET_VRING_NUM, VHOST_SET_VRING_ADDR, VHOST_SET_VRING_BASE,
	VHOST_GET_VRING_BASE, VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
	VHOST_SET_VRING_ERR, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
	VHOST_GET_VRING_BUSYLOOP_TIMEOUT, VHOST_NET_SET_BACKEND,
};

static const unsigned long device_calls[] = {
	VHOST_SET_MEM_TABLE, VHOST_SET_LOG_BASE, VHOST_SET_LOG_FD,
};

static const unsigned long free_calls[] = {
	VHOST_GET_FEATURES, VHOST_SET_FEATURES, VHOST_GET_BACKEND_FEATURES,
	VHOST_SET_BACKEND_FEATURES,
};

/* Parts of the interface that a driver may be built without. */
static bool offers(int fd, __u64 feature)
{
	__u64 offered = 0;

	return !dev_get_features(fd, &offered) && offered & feature;
}

static bool has_busyloop(int fd)
{
	struct vhost_vring_state s = { .index = 1 };

	return dev_ioctl(fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &s) != -ENOTTY;
}

static bool is_busyloop(unsigned long req)
{
	return req == VHOST_SET_VRING_BUSYLOOP_TIMEOUT ||
		req == VHOST_GET_VRING_BUSYLOOP_TIMEOUT;
}

/* A device without an owner. */
FIXTURE(fresh)
{
	int fd;
};

FIXTURE_SETUP(fresh)
{
	RUN_IF_SELECTED();
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(fresh)
{
	close(self->fd);
}

TEST_F(fresh, features_need_no_owner)
{
	__u64 offered = 0;
	int bit;

	ASSERT_EQ(0, dev_get_features(self->fd, &offered));
	EXPECT_EQ(MUST_OFFER, offered & MUST_OFFER);
	for (bit = 0; bit < 64; bit++)
		EXPECT_EQ(offered & BIT(bit) ? 0 : -EOPNOTSUPP,
			  dev_set_features(self->fd, BIT(bit)));
	EXPECT_EQ(0, dev_set_features(self->fd, offered));
	EXPECT_EQ(-EOPNOTSUPP, dev_set_features(self->fd, ~0ULL));
	EXPECT_EQ(0, dev_set_features(self->fd, 0));
}

TEST_F(fresh, backend_features_need_no_owner)
{
	__u64 offered = ~0ULL, bad = BIT(63);

	ASSERT_EQ(0, dev_ioctl(self->fd, VHOST_GET_BACKEND_FEATURES, &offered));
	EXPECT_EQ(0, offered & bad);
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_BACKEND_FEATURES, &offered));
	EXPECT_EQ(-EOPNOTSUPP,
		  dev_ioctl(self->fd, VHOST_SET_BACKEND_FEATURES, &bad));
}

TEST_F(fresh, owner_only_once)
{
	ASSERT_EQ(0, dev_set_owner(self->fd));
	EXPECT_EQ(-EBUSY, dev_set_owner(self->fd));
}

TEST_F(fresh, nothing_else_without_owner)
{
	char arg[256] = {};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ring_calls); i++)
		EXPECT_EQ(-EPERM, dev_ioctl(self->fd, ring_calls[i], arg))
			TH_LOG("call %#lx", ring_calls[i]);
	for (i = 0; i < ARRAY_SIZE(device_calls); i++)
		EXPECT_EQ(-EPERM, dev_ioctl(self->fd, device_calls[i], arg))
			TH_LOG("call %#lx", device_calls[i]);
	EXPECT_EQ(-EPERM, dev_reset_owner(self->fd));
	EXPECT_EQ(-EPERM, dev_ioctl(self->fd, NO_SUCH, arg));
	EXPECT_EQ(-EPERM, dev_ioctl(self->fd, NO_SUCH, BAD_PTR));
	/* The right to call is looked at before the argument. */
	EXPECT_EQ(-EPERM, dev_ioctl(self->fd, VHOST_SET_MEM_TABLE, BAD_PTR));
	/* None of this made us the owner. */
	EXPECT_EQ(0, dev_set_owner(self->fd));
}

TEST_F(fresh, read_without_iotlb)
{
	struct vhost_msg_v2 msg;
	struct pollfd p = { .fd = self->fd, .events = POLLIN };

	if (!offers(self->fd, BIT(VIRTIO_F_ACCESS_PLATFORM)))
		SKIP(return, "no IOTLB");
	ASSERT_EQ(0, dev_set_owner(self->fd));
	EXPECT_EQ(0, poll(&p, 1, 0));
	EXPECT_EQ(0, read(self->fd, &msg, 8));
	EXPECT_EQ(-1, read(self->fd, &msg, sizeof(msg)));
	EXPECT_EQ(EBADFD, errno);
}

TEST_F(fresh, read_nonblocking)
{
	int fd = dev_open_flags(O_NONBLOCK);
	struct vhost_msg_v2 msg;

	if (!offers(self->fd, BIT(VIRTIO_F_ACCESS_PLATFORM)))
		SKIP(return, "no IOTLB");
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, dev_set_owner(fd));
	EXPECT_EQ(-1, read(fd, &msg, sizeof(msg)));
	EXPECT_EQ(EAGAIN, errno);
	close(fd);
}

TEST_F(fresh, many_devices)
{
	int fd[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = dev_open();
		ASSERT_LE(0, fd[i]);
		ASSERT_EQ(0, dev_set_owner(fd[i]));
	}
	for (i = 0; i < ARRAY_SIZE(fd); i++)
		EXPECT_EQ(0, close(fd[i]));
}

/* A device with an owner and nothing else. */
FIXTURE(owned)
{
	int fd;
};

FIXTURE_SETUP(owned)
{
	RUN_IF_SELECTED();
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, dev_set_owner(self->fd));
}

FIXTURE_TEARDOWN(owned)
{
	close(self->fd);
}

/* Another process is not the owner, even with the same file. */
static int child_tries(int fd)
{
	char arg[256] = {};
	__u64 offered;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ring_calls); i++)
		if (dev_ioctl(fd, ring_calls[i], arg) != -EPERM)
			return 1 + i;
	for (i = 0; i < ARRAY_SIZE(device_calls); i++)
		if (dev_ioctl(fd, device_calls[i], arg) != -EPERM)
			return 20 + i;
	if (dev_reset_owner(fd) != -EPERM)
		return 30;
	if (dev_set_owner(fd) != -EBUSY)
		return 31;
	if (dev_get_features(fd, &offered))
		return 32;
	close(fd);
	return 0;
}

TEST_F(owned, other_process_is_refused)
{
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(child_tries(self->fd));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_TRUE(WIFEXITED(status));
	/* The child's close() took nothing from us. */
	EXPECT_EQ(0, dev_get_base(self->fd, 0));
}

TEST_F(owned, ring_number_out_of_range)
{
	unsigned int arg[64] = {};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ring_calls); i++) {
		arg[0] = VQ_MAX;
		EXPECT_EQ(-ENOBUFS, dev_ioctl(self->fd, ring_calls[i], arg))
			TH_LOG("call %#lx", ring_calls[i]);
		arg[0] = ~0u;
		EXPECT_EQ(-ENOBUFS, dev_ioctl(self->fd, ring_calls[i], arg))
			TH_LOG("call %#lx", ring_calls[i]);
	}
}

TEST_F(owned, bad_pointer)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ring_calls); i++)
		EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, ring_calls[i], BAD_PTR))
			TH_LOG("call %#lx", ring_calls[i]);
	for (i = 0; i < ARRAY_SIZE(device_calls); i++)
		EXPECT_EQ(-EFAULT,
			  dev_ioctl(self->fd, device_calls[i], BAD_PTR))
			TH_LOG("call %#lx", device_calls[i]);
	for (i = 0; i < ARRAY_SIZE(free_calls); i++)
		EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, free_calls[i], BAD_PTR))
			TH_LOG("call %#lx", free_calls[i]);
}

/* The ring number can be read, what follows it is on a missing page. */
TEST_F(owned, half_bad_pointer)
{
	char *page = guarded_map(PAGE);
	unsigned int *arg = (void *)(page + PAGE - 4);
	size_t i;

	ASSERT_NE(NULL, page);
	*arg = 0;
	for (i = 0; i < ARRAY_SIZE(ring_calls); i++) {
		if (is_busyloop(ring_calls[i]) && !has_busyloop(self->fd))
			continue;
		EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, ring_calls[i], arg))
			TH_LOG("call %#lx", ring_calls[i]);
	}
	guarded_unmap(page, PAGE);
}

TEST_F(owned, unknown_call)
{
	static const unsigned long req[] = { NO_SUCH, NOT_OURS };
	unsigned int arg[64] = {};
	__u64 offered;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(req); i++) {
		arg[0] = 0;
		EXPECT_EQ(-ENOTTY, dev_ioctl(self->fd, req[i], arg));
		arg[0] = 1;
		EXPECT_EQ(-ENOTTY, dev_ioctl(self->fd, req[i], arg));
		arg[0] = 2;
		EXPECT_EQ(-ENOBUFS, dev_ioctl(self->fd, req[i], arg));
		EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, req[i], BAD_PTR));
	}
	/*
	 * Only kernels for hosts of either byte order have these. One number
	 * meant something else once; who speaks as we do today is not to know.
	 */
	ASSERT_EQ(0, dev_get_features(self->fd, &offered));
	arg[0] = 0;
	EXPECT_EQ(-ENOTTY, dev_ioctl(self->fd, VHOST_SET_VRING_ENDIAN, arg));
	EXPECT_EQ(-ENOTTY, dev_ioctl(self->fd, VHOST_GET_VRING_ENDIAN, arg));
}

TEST_F(owned, vring_num)
{
	static const unsigned int bad[] = {
		0, 3, 255, 257, 32767, 65535, 65536, 1u << 31, ~0u,
	};
	unsigned int n;
	size_t i;

	for (n = 1; n <= 32768; n *= 2)
		EXPECT_EQ(0, dev_vring_state(self->fd, VHOST_SET_VRING_NUM,
					     n & 1, n));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, dev_vring_state(self->fd,
						   VHOST_SET_VRING_NUM, 0,
						   bad[i]))
			TH_LOG("%u entries", bad[i]);
}

TEST_F(owned, vring_base)
{
	static const unsigned int good[] = { 0, 1, 255, 32768, 65535 };
	size_t i;

	EXPECT_EQ(0, dev_get_base(self->fd, VQ_RX));
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, dev_vring_state(self->fd, VHOST_SET_VRING_BASE,
					     VQ_TX, good[i]));
		EXPECT_EQ((int)good[i], dev_get_base(self->fd, VQ_TX));
	}
	EXPECT_EQ(-EINVAL, dev_vring_state(self->fd, VHOST_SET_VRING_BASE,
					   VQ_TX, 65536));
	EXPECT_EQ(-EINVAL, dev_vring_state(self->fd, VHOST_SET_VRING_BASE,
					   VQ_TX, ~0u));
	EXPECT_EQ(65535, dev_get_base(self->fd, VQ_TX));
	EXPECT_EQ(0, dev_get_base(self->fd, VQ_RX));
}

TEST_F(owned, vring_addr)
{
	char *page = guarded_map(3 * PAGE);
	struct vhost_vring_addr a = {
		.desc_user_addr = (uintptr_t)page,
		.avail_user_addr = (uintptr_t)page + PAGE,
		.used_user_addr = (uintptr_t)page + 2 * PAGE,
	}, b;

	ASSERT_NE(NULL, page);
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_VRING_ADDR, &a));
	b = a;
	b.avail_user_addr += 1;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, VHOST_SET_VRING_ADDR, &b));
	b = a;
	b.used_user_addr += 2;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, VHOST_SET_VRING_ADDR, &b));
	b = a;
	b.log_guest_addr = 2;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, VHOST_SET_VRING_ADDR, &b));
	b = a;
	b.flags = 2;
	EXPECT_EQ(-EOPNOTSUPP, dev_ioctl(self->fd, VHOST_SET_VRING_ADDR, &b));
	b.flags = 1u << 31;
	EXPECT_EQ(-EOPNOTSUPP, dev_ioctl(self->fd, VHOST_SET_VRING_ADDR, &b));
	b = a;
	b.flags = 1 << VHOST_VRING_F_LOG;
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_VRING_ADDR, &b));
	/* Not one of these calls looks whether memory is there. */
	munmap(page, 3 * PAGE);
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_VRING_ADDR, &a));
}

static const unsigned long eventfd_calls[] = {
	VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,
};

TEST_F(owned, eventfds)
{
	int event = eventfd(0, 0), null = open("/dev/null", O_RDWR);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(eventfd_calls); i++) {
		unsigned long req = eventfd_calls[i];

		EXPECT_EQ(0, dev_vring_file(self->fd, req, 0, -1));
		EXPECT_EQ(0, dev_vring_file(self->fd, req, 0, event));
		EXPECT_EQ(0, dev_vring_file(self->fd, req, 0, event));
		EXPECT_EQ(0, dev_vring_file(self->fd, req, 1, event));
		EXPECT_EQ(-EINVAL, dev_vring_file(self->fd, req, 0, null));
		EXPECT_EQ(-EBADF, dev_vring_file(self->fd, req, 0, 9999));
		EXPECT_EQ(-EBADF, dev_vring_file(self->fd, req, 0, -2));
		EXPECT_EQ(0, dev_vring_file(self->fd, req, 0, -1));
		EXPECT_EQ(0, dev_vring_file(self->fd, req, 0, -1));
	}
	close(event);
	close(null);
}

TEST_F(owned, busyloop_timeout)
{
	struct vhost_vring_state s = { .index = 1 };

	if (!has_busyloop(self->fd))
		SKIP(return, "no busy polling");
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &s));
	EXPECT_EQ(0, s.num);
	EXPECT_EQ(0, dev_vring_state(self->fd,
				     VHOST_SET_VRING_BUSYLOOP_TIMEOUT, 1, 50));
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &s));
	EXPECT_EQ(50, s.num);
	s.index = 0;
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &s));
	EXPECT_EQ(0, s.num);
	EXPECT_EQ(0, s.index);
}

TEST_F(owned, dirty_log)
{
	int event = eventfd(0, 0), null = open("/dev/null", O_RDWR);
	int bad = 9999, none = -1;
	__u64 base = 0x4000;

	if (!offers(self->fd, BIT(VHOST_F_LOG_ALL)))
		SKIP(return, "no dirty log");
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_LOG_BASE, &base));
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_LOG_FD, &event));
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, VHOST_SET_LOG_FD, &null));
	EXPECT_EQ(-EBADF, dev_ioctl(self->fd, VHOST_SET_LOG_FD, &bad));
	EXPECT_EQ(0, dev_ioctl(self->fd, VHOST_SET_LOG_FD, &none));
	close(event);
	close(null);
}

TEST_F(owned, reset_owner)
{
	EXPECT_EQ(0, dev_vring_state(self->fd, VHOST_SET_VRING_BASE, 0, 77));
	EXPECT_EQ(0, dev_reset_owner(self->fd));
	EXPECT_EQ(-EPERM, dev_get_base(self->fd, 0));
	EXPECT_EQ(-EPERM, dev_reset_owner(self->fd));
	EXPECT_EQ(0, dev_set_owner(self->fd));
	EXPECT_EQ(0, dev_get_base(self->fd, 0));
}

TEST_HARNESS_MAIN
