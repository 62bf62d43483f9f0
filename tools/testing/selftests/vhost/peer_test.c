// SPDX-License-Identifier: GPL-2.0
/*
 * The other end of a stream is not trusted: it goes, in whatever moment and
 * way, does not read, sends without end, or sends what is no data. It is told
 * of, and no ring but its own has to wait.
 */
#include "fixture.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "stream.h"
#include "traffic.h"

#define BUF		66000
#define BUFS		64
#define SMALL		4096
#define BIG		16000
/* More than sockets and device keep, many times. */
#define FLOOD		0x1000000
#define MOST_KEPT	0x100000

static char bytes[1 << 16], frame[STREAM_MAX];

FIXTURE(peer)
{
	struct guest g;
};

FIXTURE_VARIANT(peer)
{
	enum backend_kind kind;
	int sndbuf;
	__u64 features;
};

FIXTURE_VARIANT_ADD(peer, tcp) { BACKEND_TCP, SMALL, F_V1 | F_MRG };
FIXTURE_VARIANT_ADD(peer, unix)
{ BACKEND_UNIX_STREAM, SMALL, F_V1 | F_EVENT };
FIXTURE_VARIANT_ADD(peer, unix_packed)
{ BACKEND_UNIX_STREAM, SMALL, F_V1 | F_MRG | F_PACKED };

FIXTURE_SETUP(peer)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.backend = { .kind = variant->kind, .sndbuf = variant->sndbuf },
		.num = { 256, 256 },
		.buf = { BUF, BUF },
		.pool = { BUFS, BUFS },
	};

	RUN_IF_SELECTED();
	NEEDS_KIND(variant->kind);
	NEEDS(variant->features & F_PACKED);
	/* Whoever writes to a peer that is gone is not to get one. */
	signal(SIGPIPE, SIG_DFL);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(peer)
{
	EXPECT_TRUE(workers_quiet());
	EXPECT_EQ(0, traffic_renewed(&self->g));
	guest_stop(&self->g);
}

/* Frames to a peer that is gone come back, and none counts as sent. */
static bool all_are_lost(struct guest *g)
{
	long long sent, lost, before = count(g, VQ_TX, "drop-backend");
	int i;

	/* What its socket still takes may be as good as sent. */
	for (i = 0; i < 20 && count(g, VQ_TX, "drop-backend") == before; i++) {
		frame_build(frame, 60, FRAME_TO_HOST, i);
		if (guest_send(g, frame, 60, NULL) || guest_drain(g))
			return false;
		pause_ms(5);
	}
	sent = count(g, VQ_TX, "packets");
	lost = count(g, VQ_TX, "drop-backend");
	for (i = 0; i < 3; i++) {
		frame_build(frame, 60, FRAME_TO_HOST, i);
		if (guest_send(g, frame, 60, NULL))
			return false;
	}
	return !guest_drain(g) &&
		counts_to(g, VQ_TX, "drop-backend", lost + 3) &&
		lost > before &&
		count(g, VQ_TX, "packets") == sent &&
		eventfd_wait(g->vq[VQ_TX].err, STALL_MS);
}

/* The end comes once, and is told of once. */
static bool end_is_told(struct guest *g, long long closed)
{
	return counts_to(g, VQ_RX, "bad-peer", closed) &&
		eventfd_wait(g->vq[VQ_RX].err, STALL_MS) &&
		workers_quiet() &&
		count(g, VQ_RX, "bad-peer") == closed &&
		says(g, VQ_RX, "state", "running") &&
		!count(g, VQ_RX, "bad-frame");
}

/* It goes after @n bytes of a frame, and nobody reads what is sent to it. */
static int goes(struct guest *g, size_t n, bool reset, long long closed)
{
	const struct linger now = { .l_onoff = 1 };
	size_t whole = stream_build(bytes, 100, FRAME_TO_GUEST, 1);

	stream_build(bytes + whole, 100, FRAME_TO_GUEST, 2);
	if (stream_put(g->wire.fd, bytes, whole + n) || traffic_next(g, 1, 100))
		return 1;
	if (n && !counts_to(g, VQ_RX, "unfinished", n))
		return 2;
	if (reset && setsockopt(g->wire.fd, SOL_SOCKET, SO_LINGER, &now,
				sizeof(now)))
		return 3;
	eventfd_drain(g->vq[VQ_RX].err);
	wire_close(&g->wire);
	if (!end_is_told(g, closed))
		return 4;
	if (!all_are_lost(g))
		return 5;
	return guest_renew_backend(g, 1) || traffic_alive(g) ? 6 : 0;
}

TEST_F(peer, goes)
{
	static const size_t at[] = { 0, 1, 3, 4, 5, 60, 103 };
	unsigned int i;

	ASSERT_LT(0, guest_post(&self->g, BUFS));
	for (i = 0; i < 2 * ARRAY_SIZE(at); i++)
		EXPECT_EQ(0, goes(&self->g, at[i / 2], i % 2, i + 1))
			TH_LOG("after %zu bytes%s", at[i / 2],
			       i % 2 ? ", by a reset" : "");
}

/* With all frames read before the end. */
TEST_F(peer, goes_behind_frames)
{
	struct guest *g = &self->g;
	size_t at = 0;
	__u32 i;

	for (i = 0; i < 20; i++)
		at += stream_build(bytes + at, 100, FRAME_TO_GUEST, i);
	ASSERT_EQ(0, stream_put(g->wire.fd, bytes, at));
	wire_close(&g->wire);
	ASSERT_TRUE(workers_quiet());
	ASSERT_EQ(BUFS, guest_post(g, BUFS));
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, traffic_next(g, i, 100));
	EXPECT_TRUE(end_is_told(g, 1));
}

/* Attached when it is gone already, of which only the ring can tell. */
TEST_F(peer, is_gone_before)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, guest_attach(g, -1));
	wire_close(&g->wire);
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_TRUE(end_is_told(g, 1));
	EXPECT_TRUE(all_are_lost(g));
	/* The calls go on. */
	EXPECT_EQ(0, dev_set_mem(g->fd, &g->arena));
	EXPECT_EQ(0, guest_attach(g, -1));
	EXPECT_LE(0, dev_get_base(g->fd, VQ_TX));
}

/* Each direction for itself. */
TEST_F(peer, sends_no_more)
{
	struct traffic t = { .count = 100, .len = len_mixed };
	struct guest *g = &self->g;

	ASSERT_LT(0, guest_post(g, BUFS));
	ASSERT_EQ(0, shutdown(g->wire.fd, SHUT_WR));
	EXPECT_TRUE(end_is_told(g, 1));
	EXPECT_EQ(0, traffic_tx(g, &t));
	EXPECT_EQ(0, count(g, VQ_TX, "drop-backend"));
}

TEST_F(peer, takes_no_more)
{
	struct traffic t = { .count = 100, .len = len_mixed };
	struct guest *g = &self->g;

	/* That of the monitor's own end: TCP's peer can't be told. */
	ASSERT_EQ(0, shutdown(g->backend.fd, SHUT_WR));
	EXPECT_TRUE(all_are_lost(g));
	EXPECT_EQ(0, traffic_rx(g, &t));
	EXPECT_EQ(0, count(g, VQ_RX, "bad-peer"));
}

TEST_F(peer, is_not_listened_to)
{
	struct traffic t = { .count = 100, .len = len_mixed };
	struct guest *g = &self->g;

	ASSERT_EQ(0, shutdown(g->backend.fd, SHUT_RD));
	EXPECT_TRUE(end_is_told(g, 1));
	EXPECT_EQ(0, traffic_tx(g, &t));
}

static size_t len_big(__u32 seq)
{
	return BIG + seq * 7;
}

/* A ring full of frames, which nobody reads. */
static int fill(struct guest *g, unsigned int n)
{
	__u32 i;
	int r = 0;

	for (i = 0; i < n && !r; i++) {
		frame_build(frame, len_big(i), FRAME_TO_HOST, i);
		r = guest_send(g, frame, len_big(i), NULL);
	}
	vq_kick(&g->vq[VQ_TX]);
	return r;
}

static int catch(struct guest *g, unsigned int n)
{
	struct traffic t = { .len = len_big };
	__u32 i;
	int r = 0;

	for (i = 0; i < n && r >= 0; i++) {
		r = wire_recv(&g->wire, frame, sizeof(frame), NULL, STALL_MS);
		if (r <= 0)
			return r ? r : -ETIME;
		r = traffic_expect(frame, r, &t, i);
	}
	return r ? r : guest_drain(g);
}

/* Nothing is lost, nothing comes twice, and only one ring waits. */
TEST_F(peer, does_not_read)
{
	struct traffic t = { .count = 100, .len = len_mixed };
	struct guest *g = &self->g;

	ASSERT_EQ(0, fill(g, BUFS));
	ASSERT_TRUE(workers_quiet());
	EXPECT_LE(0, guest_reap(g));
	EXPECT_LT(10, vq_in_flight(&g->vq[VQ_TX]));
	EXPECT_LT(0, count(g, VQ_TX, "unfinished"));
	EXPECT_GE(MOST_KEPT, count(g, VQ_TX, "unfinished"));
	EXPECT_EQ(0, traffic_rx(g, &t));
	EXPECT_LT(10, vq_in_flight(&g->vq[VQ_TX]));
	EXPECT_EQ(0, catch(g, BUFS));
	EXPECT_TRUE(counts_to(g, VQ_TX, "packets", BUFS));
	EXPECT_TRUE(counts_to(g, VQ_TX, "unfinished", 0));
	EXPECT_EQ(0, wire_recv(&g->wire, frame, sizeof(frame), NULL, 50));
	EXPECT_EQ(0, count(g, VQ_TX, "drop-backend"));
}

/* What the device has taken from the ring is with it until it goes on. */
TEST_F(peer, does_not_read_before_a_stop)
{
	struct guest *g = &self->g;
	long long left;
	int i;

	ASSERT_EQ(0, fill(g, BUFS));
	for (i = 0; i < 5; i++) {
		ASSERT_TRUE(workers_quiet());
		ASSERT_EQ(0, guest_attach(g, -1));
		left = count(g, VQ_TX, "unfinished");
		EXPECT_LT(0, left);
		ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	}
	EXPECT_EQ(0, catch(g, BUFS));
	EXPECT_EQ(0, wire_recv(&g->wire, frame, sizeof(frame), NULL, 50));
}

/* The rest of the frames, in their order, but what was on its way before. */
static int rest_comes(struct guest *g)
{
	__u32 seq, last = 0;
	int r, n = 0;

	while ((r = wire_recv(&g->wire, frame, sizeof(frame), NULL,
			      n ? 200 : STALL_MS)) > 0) {
		if (!frame_intact(frame, r, &seq) || seq <= last)
			return -EILSEQ;
		last = seq;
		n++;
	}
	if (r || n <= 10 || last != BUFS - 1)
		return r ? r : -EPROTO;
	return guest_drain(g);
}

/* Another stream begins with a whole frame, with and without a stop. */
TEST_F(peer, does_not_read_and_is_replaced)
{
	struct guest *g = &self->g;
	int i;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, fill(g, BUFS));
		ASSERT_TRUE(workers_quiet());
		ASSERT_LT(0, count(g, VQ_TX, "unfinished"));
		if (i % 2)
			ASSERT_EQ(0, guest_attach(g, -1));
		ASSERT_EQ(0, guest_renew_backend(g, 3));
		ASSERT_EQ(0, rest_comes(g));
	}
}

/* And one that goes meanwhile: all comes back. */
TEST_F(peer, does_not_read_and_goes)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, fill(g, BUFS));
	ASSERT_TRUE(workers_quiet());
	wire_close(&g->wire);
	EXPECT_EQ(0, guest_drain(g));
	EXPECT_TRUE(counts_to(g, VQ_TX, "unfinished", 0));
	EXPECT_LT(0, count(g, VQ_TX, "drop-backend"));
	EXPECT_TRUE(eventfd_wait(g->vq[VQ_TX].err, STALL_MS));
	EXPECT_TRUE(workers_asleep());
	EXPECT_EQ(BUFS, count(g, VQ_TX, "packets") +
		  count(g, VQ_TX, "drop-backend"));
	EXPECT_TRUE(all_are_lost(g));
}

/* To a guest without buffers: it is the sender who has to wait. */
TEST_F(peer, sends_without_end)
{
	struct guest *g = &self->g;
	size_t n = stream_build(bytes, 1000, FRAME_TO_GUEST, 1), sent = 0;
	struct pollfd p = { .fd = g->wire.fd, .events = POLLOUT };
	ssize_t r;

	while (sent < FLOOD && poll(&p, 1, 300) == 1) {
		r = send(p.fd, bytes, n, MSG_DONTWAIT);
		sent += r > 0 ? r : 0;
	}
	TH_LOG("%zu bytes", sent);
	EXPECT_LT(0, sent);
	EXPECT_GT(MOST_KEPT, sent);
	EXPECT_TRUE(workers_quiet());
	EXPECT_EQ(0, count(g, VQ_RX, "packets"));
}

static int send_rights(int sock, size_t n, int fd)
{
	char room[CMSG_SPACE(sizeof(fd))] = {};
	struct iovec iov = { bytes, n };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = sizeof(room),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == (ssize_t)n ? 0 : -errno;
}

/* Files that come along are nobody's: the driver does not keep them. */
TEST_F(peer, sends_files)
{
	static const size_t part[] = { 0, 64, 2, 4, 40 };
	struct guest *g = &self->g;
	size_t n, first;
	unsigned int i;
	int end[2];

	if (variant->kind == BACKEND_TCP)
		SKIP(return, "can't");
	ASSERT_LT(0, guest_post(g, BUFS));
	for (i = 0; i < ARRAY_SIZE(part); i++) {
		ASSERT_EQ(0, pipe(end));
		n = stream_build(bytes, 60, FRAME_TO_GUEST, i);
		first = part[i] ? part[i] : 1;
		ASSERT_EQ(0, send_rights(g->wire.fd, first, end[1]));
		close(end[1]);
		ASSERT_EQ(0, stream_put(g->wire.fd, bytes + first, n - first));
		ASSERT_EQ(0, traffic_next(g, i, 60));
		/* They are dropped with the bytes that they came with. */
		ASSERT_EQ(0, guest_attach(g, -1));
		EXPECT_TRUE(pipe_hangs_up(end[0]));
		ASSERT_EQ(0, guest_attach(g, g->backend.fd));
		close(end[0]);
	}
}

/* Bytes out of band are part of the stream, or not: nothing else is harmed. */
TEST_F(peer, sends_out_of_band)
{
	size_t n = stream_build(bytes, 60, FRAME_TO_GUEST, 1);
	struct guest *g = &self->g;
	struct rx_packet p;

	ASSERT_LT(0, guest_post(g, BUFS));
	if (send(g->wire.fd, "!", 1, MSG_OOB) != 1)
		SKIP(return, "kernel has none");
	stream_put(g->wire.fd, bytes, n / 2);
	send(g->wire.fd, "!", 1, MSG_OOB);
	stream_put(g->wire.fd, bytes + n / 2, n - n / 2);
	EXPECT_TRUE(workers_quiet());
	ASSERT_EQ(0, guest_attach(g, -1));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_TRUE(workers_quiet());
	while (guest_recv(g, frame, &p, 50) > 0)
		;
}

TEST_HARNESS_MAIN
