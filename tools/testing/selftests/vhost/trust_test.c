// SPDX-License-Identifier: GPL-2.0
/*
 * What sockets are trusted with, and the driver's threads at sockets: offsets
 * that the owner has set, names that messages are sent in, and a device whose
 * own descriptor is on its way to it.
 */
#include "fixture.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "stream.h"
#include "traffic.h"

#define SOMEBODY	1234

static char bytes[1 << 12], frame[FRAME_MAX];

FIXTURE(trust)
{
	struct guest g;
};

FIXTURE_VARIANT(trust)
{
	__u8 kind;
};

FIXTURE_VARIANT_ADD(trust, kernels) { .kind = VHOST_FORK_OWNER_KTHREAD };
FIXTURE_VARIANT_ADD(trust, owners) { .kind = VHOST_FORK_OWNER_TASK };

FIXTURE_SETUP(trust)
{
	int fd, r;

	RUN_IF_SELECTED();
	NEEDS_KIND(BACKEND_UNIX_STREAM);
	fd = dev_open();
	ASSERT_LE(0, fd);
	r = dev_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, (void *)&variant->kind);
	close(fd);
	if (r == -EOPNOTSUPP)
		SKIP_ALL("kernel has no such threads");
	ASSERT_EQ(0, r);
	ASSERT_EQ(0, netif_new_namespace());
}

FIXTURE_TEARDOWN(trust)
{
	guest_stop(&self->g);
}

/* A device whose owner's real user is @uid. */
static int start(struct guest *g, enum backend_kind kind, __u8 threads,
		 uid_t uid)
{
	struct guest_cfg cfg = {
		.features = F_V1 | F_MRG,
		.backend.kind = kind,
		.bare = true,
	};
	int r;

	r = guest_start(g, &cfg);
	if (!r)
		r = dev_ioctl(g->fd, VHOST_SET_FORK_FROM_OWNER, &threads);
	if (!r && setresuid(uid, -1, -1))
		r = -errno;
	if (!r)
		r = guest_setup(g);
	if (!r)
		r = guest_attach(g, g->backend.fd);
	return r;
}

/* What is looked at is not what is read then: it is no stream for us. */
TEST_F(trust, offset_of_looks)
{
	struct guest *g = &self->g;
	int offset = STREAM_HDR + ETH_HLEN;

	ASSERT_EQ(0, start(g, BACKEND_UNIX_STREAM, variant->kind, 0));
	ASSERT_EQ(0, setsockopt(g->backend.fd, SOL_SOCKET, SO_PEEK_OFF,
				&offset, sizeof(offset)));
	stream_length(bytes, ETH_HLEN);
	stream_length(bytes + offset, 1000);
	ASSERT_LT(0, guest_post(g, 64));
	ASSERT_EQ(0, stream_put(g->wire.fd, bytes, offset + 100));
	EXPECT_TRUE(counts_to(g, VQ_RX, "bad-frame", 1));
	stream_put(g->wire.fd, bytes, sizeof(bytes));
	EXPECT_TRUE(workers_quiet());
	EXPECT_EQ(1, count(g, VQ_RX, "bad-frame"));
	EXPECT_EQ(0, count(g, VQ_RX, "packets"));
	ASSERT_EQ(0, guest_renew_backend(g, 7));
	EXPECT_EQ(0, traffic_alive(g));
}

/* Who has sent this, as the kernel says? */
static long sender(int fd)
{
	char space[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space),
	};
	struct cmsghdr *c;
	struct ucred cred;

	if (recvmsg(fd, &msg, 0) <= 0)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_CREDENTIALS)
		return -2;
	memcpy(&cred, CMSG_DATA(c), sizeof(cred));
	return cred.uid;
}

/* Frames are sent in the owner's name, and not in the kernel's. */
TEST_F(trust, name_of_sender)
{
	static const enum backend_kind kinds[] = {
		BACKEND_UNIX_STREAM, BACKEND_UNIX_DGRAM,
	};
	struct guest *g = &self->g;
	struct timeval limit = { .tv_sec = STALL_MS / 1000 };
	unsigned int i;
	int one = 1;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		ASSERT_EQ(0, start(g, kinds[i], variant->kind, SOMEBODY));
		ASSERT_EQ(0, setsockopt(g->wire.fd, SOL_SOCKET, SO_PASSCRED,
					&one, sizeof(one)));
		ASSERT_EQ(0, setsockopt(g->wire.fd, SOL_SOCKET, SO_RCVTIMEO,
					&limit, sizeof(limit)));
		frame_build(frame, 60, FRAME_TO_HOST, i);
		ASSERT_EQ(0, guest_send(g, frame, 60, NULL));
		ASSERT_EQ(0, guest_drain(g));
		EXPECT_EQ(SOMEBODY, sender(g->wire.fd));
		ASSERT_EQ(0, setresuid(0, -1, -1));
		if (!i)
			guest_stop(g);
	}
}

/* The device ends with what was sent to it, and its workers with it. */
TEST_F(trust, device_sent_to_itself)
{
	size_t n = stream_build(bytes, 60, FRAME_TO_GUEST, 1);
	struct guest *g = &self->g;

	ASSERT_EQ(0, start(g, BACKEND_UNIX_STREAM, variant->kind, 0));
	ASSERT_EQ(1, worker_count(getpid()));
	/* The length's first byte, which is zero, and the device with it. */
	ASSERT_EQ(0, pass_fd(g->wire.fd, g->fd));
	close(g->fd);
	g->fd = -1;
	stream_put(g->wire.fd, bytes + 1, n - 1);
	EXPECT_TRUE(workers_become(getpid(), 0));
	/* Its end of the connection has gone with it, but for ours. */
	close(g->backend.fd);
	g->backend.fd = -1;
	EXPECT_NE(0, stream_put(g->wire.fd, bytes, 1));
}

TEST_HARNESS_MAIN
