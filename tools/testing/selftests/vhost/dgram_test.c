// SPDX-License-Identifier: GPL-2.0
/*
 * Datagrams are frames, if they have the length of one. What a socket says of
 * those that it could not deliver is no frame's end, or the device's.
 */
#include "fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "stream.h"
#include "traffic.h"

#define BUF		66000
#define BUFS		64
#define TRIES		1000	/* until one is told of */
#define QUEUE		4	/* datagrams that wait for a Unix socket */

static char frame[BUF + 1];

FIXTURE(dgram)
{
	struct guest g;
};

FIXTURE_VARIANT(dgram)
{
	enum backend_kind kind;
	__u64 features;
};

FIXTURE_VARIANT_ADD(dgram, udp) { BACKEND_UDP, F_V1 | F_MRG | F_EVENT };
FIXTURE_VARIANT_ADD(dgram, udp6) { BACKEND_UDP6, 0 };
FIXTURE_VARIANT_ADD(dgram, mcast) { BACKEND_MCAST, F_V1 };
FIXTURE_VARIANT_ADD(dgram, unix) { BACKEND_UNIX_DGRAM, F_V1 | F_MRG };
FIXTURE_VARIANT_ADD(dgram, unix_packed)
{ BACKEND_UNIX_DGRAM, F_V1 | F_EVENT | F_PACKED };

FIXTURE_SETUP(dgram)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.backend = { .kind = variant->kind },
		.num = { 256, 256 },
		.buf = { BUF, BUF },
		.pool = { BUFS, BUFS },
	};

	RUN_IF_SELECTED();
	NEEDS_KIND(variant->kind);
	NEEDS(variant->features & F_PACKED);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(dgram)
{
	EXPECT_TRUE(workers_quiet());
	EXPECT_EQ(0, traffic_renewed(&self->g));
	guest_stop(&self->g);
}

static int inject(struct guest *g, size_t len, __u32 seq)
{
	if (len >= FRAME_MIN)
		frame_build(frame, len, FRAME_TO_GUEST, seq);
	else
		memset(frame, 0, len);
	return wire_send_wait(&g->wire, frame, len, NULL);
}

static int offer(struct guest *g, size_t len, __u32 seq)
{
	frame_build(frame, len, FRAME_TO_HOST, seq);
	return guest_send(g, frame, len, NULL);
}

TEST_F(dgram, too_short)
{
	struct guest *g = &self->g;
	size_t len;

	ASSERT_LT(0, guest_post(g, BUFS));
	for (len = 0; len < FRAME_MIN; len++) {
		ASSERT_EQ(0, inject(g, len, 0));
		ASSERT_TRUE(counts_to(g, VQ_RX, "bad-frame", len + 1));
		EXPECT_TRUE(eventfd_wait(g->vq[VQ_RX].err, STALL_MS));
		ASSERT_EQ(0, inject(g, FRAME_MIN, len));
		ASSERT_EQ(0, traffic_next(g, len, FRAME_MIN));
	}
	EXPECT_TRUE(says(g, VQ_RX, "last-error", "bad-frame"));
	EXPECT_TRUE(says(g, VQ_RX, "state", "running"));
	EXPECT_TRUE(counts_to(g, VQ_RX, "packets", FRAME_MIN));
}

/* Only a Unix socket carries more than a frame has. */
TEST_F(dgram, too_long)
{
	struct guest *g = &self->g;

	if (variant->kind != BACKEND_UNIX_DGRAM)
		SKIP(return, "no datagram is that long");
	ASSERT_LT(0, guest_post(g, BUFS));
	ASSERT_EQ(0, inject(g, STREAM_MAX + 1, 1));
	ASSERT_EQ(0, inject(g, BUF, 2));
	ASSERT_EQ(0, inject(g, FRAME_MAX, 3));
	EXPECT_EQ(0, traffic_next(g, 3, FRAME_MAX));
	EXPECT_TRUE(counts_to(g, VQ_RX, "bad-frame", 2));
	EXPECT_TRUE(counts_to(g, VQ_RX, "packets", 1));
}

/* What no datagram can have is dropped, and the next one goes. */
TEST_F(dgram, more_than_a_datagram)
{
	size_t longest = backend_longest(variant->kind);
	struct guest *g = &self->g;
	__u32 seq;

	if (variant->kind == BACKEND_UNIX_DGRAM)
		longest = STREAM_MAX;
	ASSERT_EQ(0, offer(g, longest + 1, 1));
	ASSERT_EQ(0, offer(g, longest, 2));
	vq_kick(&g->vq[VQ_TX]);
	EXPECT_EQ(longest, wire_recv(&g->wire, frame, sizeof(frame), NULL,
				     STALL_MS));
	EXPECT_TRUE(frame_intact(frame, longest, &seq));
	EXPECT_EQ(2, seq);
	EXPECT_EQ(0, guest_drain(g));
	EXPECT_TRUE(counts_to(g, VQ_TX, "drop-big", 1));
	EXPECT_TRUE(eventfd_wait(g->vq[VQ_TX].err, STALL_MS));
	EXPECT_EQ(0, count(g, VQ_TX, "drop-backend"));
	EXPECT_TRUE(counts_to(g, VQ_TX, "packets", 1));
}

/* The socket's own limit is less. */
TEST_F(dgram, more_than_the_socket_takes)
{
	struct guest *g = &self->g;
	int small = 4096;

	if (variant->kind != BACKEND_UNIX_DGRAM)
		SKIP(return, "has another limit");
	ASSERT_EQ(0, setsockopt(g->backend.fd, SOL_SOCKET, SO_SNDBUF, &small,
				sizeof(small)));
	ASSERT_EQ(0, offer(g, 20000, 1));
	EXPECT_EQ(0, guest_drain(g));
	EXPECT_TRUE(counts_to(g, VQ_TX, "drop-big", 1));
	EXPECT_EQ(0, traffic_alive(g));
}

/* What waits is what the socket has room for, and it is all there later. */
TEST_F(dgram, guest_without_buffers)
{
	struct guest *g = &self->g;
	__u32 i;

	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, inject(g, 100 + i, i));
	for (i = 0; i < 20; i += 5) {
		ASSERT_TRUE(workers_quiet());
		ASSERT_EQ(0, guest_attach(g, -1));
		/* One of them has been taken, and is not lost. */
		EXPECT_EQ(STREAM_HDR + 100,
			  count(g, VQ_RX, "unfinished"));
		ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	}
	ASSERT_EQ(BUFS, guest_post(g, BUFS));
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, traffic_next(g, i, 100 + i));
}

/* One end of it is closed by the monitor itself. */
TEST_F(dgram, shut_down)
{
	struct traffic t = { .count = 20, .len = len_mixed };
	struct guest *g = &self->g;

	if (variant->kind == BACKEND_MCAST)
		SKIP(return, "is not connected");
	ASSERT_LT(0, guest_post(g, BUFS));
	ASSERT_EQ(0, shutdown(g->backend.fd, SHUT_RD));
	EXPECT_TRUE(workers_quiet());
	EXPECT_EQ(0, traffic_tx(g, &t));
	/* Not even polling finds anything there, again and again. */
	ASSERT_EQ(0, dev_vring_state(g->fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
				     VQ_RX, 50));
	EXPECT_EQ(0, traffic_tx(g, &t));
	EXPECT_TRUE(workers_quiet());
	ASSERT_EQ(0, shutdown(g->backend.fd, SHUT_WR));
	ASSERT_EQ(0, offer(g, 60, 1));
	EXPECT_EQ(0, guest_drain(g));
	EXPECT_TRUE(counts_to(g, VQ_TX, "drop-backend", 1));
}

/* Nobody there: the machine says so, and each time it is one frame's end. */
static long long dropped(struct guest *g)
{
	return count(g, VQ_TX, "drop-backend") +
		count(g, VQ_RX, "drop-backend");
}

TEST_F(dgram, peer_goes_and_comes_back)
{
	bool inet = variant->kind == BACKEND_UDP ||
		    variant->kind == BACKEND_UDP6;
	struct sockaddr_storage near, far;
	socklen_t len = sizeof(near), err_len = sizeof(int);
	struct guest *g = &self->g;
	int i, err;

	if (!inet)
		SKIP(return, "nobody can take its place");
	ASSERT_EQ(0, getsockname(g->backend.fd, (void *)&near, &len));
	ASSERT_EQ(0, getsockname(g->wire.fd, (void *)&far, &len));
	ASSERT_EQ(0, close(g->wire.fd));
	/* The one that got lost is told of by the next, or by a receiver. */
	for (i = 0; i < TRIES && !dropped(g); i++) {
		ASSERT_EQ(0, offer(g, 60, i));
		EXPECT_EQ(0, guest_drain(g));
	}
	EXPECT_LT(0, dropped(g));
	ASSERT_TRUE(workers_quiet());
	EXPECT_TRUE(says(g, VQ_RX, "state", "running"));
	EXPECT_EQ(0, count(g, VQ_RX, "bad-peer"));
	g->wire.fd = socket(far.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ASSERT_EQ(0, bind(g->wire.fd, (void *)&far, len));
	ASSERT_EQ(0, connect(g->wire.fd, (void *)&near, len));
	/* Of the last one nobody need have been told. */
	ASSERT_EQ(0, getsockopt(g->backend.fd, SOL_SOCKET, SO_ERROR, &err,
				&err_len));
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_F(dgram, peer_is_gone)
{
	struct guest *g = &self->g;
	int i;

	if (variant->kind != BACKEND_UNIX_DGRAM)
		SKIP(return, "see above");
	ASSERT_LT(0, guest_post(g, BUFS));
	wire_close(&g->wire);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, offer(g, 60, i));
		EXPECT_EQ(0, guest_drain(g));
		EXPECT_TRUE(counts_to(g, VQ_TX, "drop-backend", i + 1));
	}
	EXPECT_TRUE(eventfd_wait(g->vq[VQ_TX].err, STALL_MS));
	EXPECT_EQ(0, count(g, VQ_TX, "packets"));
	/* Now it is connected to nobody; what is attached stays so. */
	EXPECT_EQ(-ENOTSOCK, dev_set_backend(g->fd, VQ_TX, g->backend.fd));
	EXPECT_TRUE(says(g, VQ_TX, "backend", "unix-dgram"));
	EXPECT_TRUE(says(g, VQ_TX, "state", "running"));
}

/* A socket of which few datagrams wait at a time, and that nobody reads. */
static int make_queue(int far, struct sockaddr_un *at)
{
	at->sun_family = AF_UNIX;
	snprintf(at->sun_path + 1, sizeof(at->sun_path) - 1, "vht-%d",
		 getpid());
	return bind(far, (struct sockaddr *)at, sizeof(*at)) ? -errno : 0;
}

TEST_F(dgram, full_queue)
{
	struct traffic t = { .count = 20, .len = len_mixed };
	struct sockaddr_un at = {};
	struct guest *g = &self->g;
	int i, near, far, r;

	if (variant->kind != BACKEND_UNIX_DGRAM)
		SKIP(return, "takes all, or loses it");
	ASSERT_EQ(0, sockets_set_queue(QUEUE));
	far = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	near = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ASSERT_EQ(0, make_queue(far, &at));
	ASSERT_EQ(0, connect(near, (struct sockaddr *)&at, sizeof(at)));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, near));
	for (i = 0; i < BUFS; i++)
		ASSERT_EQ(0, offer(g, 60 + i, i));
	vq_kick(&g->vq[VQ_TX]);
	ASSERT_TRUE(workers_quiet());
	EXPECT_LE(0, guest_reap(g));
	EXPECT_LT(BUFS / 2, vq_in_flight(&g->vq[VQ_TX]));
	/* The other ring has nothing to do with it. */
	EXPECT_EQ(0, traffic_rx(g, &t));
	wire_close(&g->wire);
	g->wire.fd = far;
	for (i = 0; i < BUFS; i++) {
		r = wire_recv(&g->wire, frame, sizeof(frame), NULL, STALL_MS);
		ASSERT_EQ(60 + i, r);
	}
	EXPECT_EQ(0, guest_drain(g));
	EXPECT_TRUE(counts_to(g, VQ_TX, "packets", BUFS));
	EXPECT_EQ(0, count(g, VQ_TX, "drop-backend"));
	EXPECT_EQ(0, count(g, VQ_TX, "drop-busy"));
	close(near);
}

/* A file that comes along is nobody's: the driver does not keep it. */
TEST_F(dgram, file_comes_along)
{
	struct guest *g = &self->g;
	int end[2];

	if (variant->kind != BACKEND_UNIX_DGRAM)
		SKIP(return, "can't");
	ASSERT_EQ(0, pipe(end));
	ASSERT_EQ(0, pass_fd(g->wire.fd, end[1]));
	close(end[1]);
	ASSERT_TRUE(counts_to(g, VQ_RX, "bad-frame", 1));
	EXPECT_TRUE(pipe_hangs_up(end[0]));
	close(end[0]);
}

/* Whoever is in a group hears all the others. */
TEST_F(dgram, three_in_a_group)
{
	struct guest *g = &self->g;
	struct wire third = {};
	__u32 i, seq;

	if (variant->kind != BACKEND_MCAST)
		SKIP(return, "has one peer");
	EXPECT_TRUE(says(g, VQ_TX, "backend", "udp"));
	third = g->wire;
	third.fd = sockets_member(0, 2, 1 << 20);
	ASSERT_LE(0, third.fd);
	ASSERT_LT(0, guest_post(g, BUFS));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, offer(g, 100, 3 * i));
		vq_kick(&g->vq[VQ_TX]);
		ASSERT_EQ(100, wire_recv(&g->wire, frame, sizeof(frame), NULL,
					 STALL_MS));
		ASSERT_EQ(100, wire_recv(&third, frame, sizeof(frame), NULL,
					 STALL_MS));
		ASSERT_TRUE(frame_intact(frame, 100, &seq));
		EXPECT_EQ(3 * i, seq);
		ASSERT_EQ(0, inject(g, 100, 3 * i + 1));
		ASSERT_EQ(0, traffic_next(g, 3 * i + 1, 100));
		ASSERT_EQ(100, wire_recv(&third, frame, sizeof(frame), NULL,
					 STALL_MS));
		frame_build(frame, 100, FRAME_TO_GUEST, 3 * i + 2);
		ASSERT_EQ(0, wire_send_wait(&third, frame, 100, NULL));
		ASSERT_EQ(0, traffic_next(g, 3 * i + 2, 100));
		ASSERT_EQ(100, wire_recv(&g->wire, frame, sizeof(frame), NULL,
					 STALL_MS));
	}
	EXPECT_EQ(0, guest_drain(g));
	close(third.fd);
}

TEST_HARNESS_MAIN
