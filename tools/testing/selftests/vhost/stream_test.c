// SPDX-License-Identifier: GPL-2.0
/*
 * Streams have no boundaries: frames that arrive in pieces, many at a time,
 * with lengths that can't be, and rings that are stopped in the middle of one.
 */
#include "fixture.h"

#include <sys/socket.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "stream.h"
#include "traffic.h"

#define BUF		66000
#define BUFS		64
/* Much less than a frame may have. */
#define SMALL		4096
#define BIG		60000

static char bytes[1 << 20], frame[STREAM_MAX];

FIXTURE(stream)
{
	struct guest g;
};

FIXTURE_VARIANT(stream)
{
	enum backend_kind kind;
	__u64 features;
	int sndbuf;
};

FIXTURE_VARIANT_ADD(stream, tcp)
{ BACKEND_TCP, F_V1 | F_MRG | F_EVENT, 0 };
FIXTURE_VARIANT_ADD(stream, tcp_small)
{ BACKEND_TCP, 0, SMALL };
FIXTURE_VARIANT_ADD(stream, unix)
{ BACKEND_UNIX_STREAM, F_V1 | F_MRG | F_EVENT, 0 };
FIXTURE_VARIANT_ADD(stream, unix_small)
{ BACKEND_UNIX_STREAM, F_V1, SMALL };
FIXTURE_VARIANT_ADD(stream, unix_packed)
{ BACKEND_UNIX_STREAM, F_V1 | F_PACKED | F_EVENT, 0 };

FIXTURE_SETUP(stream)
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
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

/* Whatever has become of the stream, the rings work on another one. */
FIXTURE_TEARDOWN(stream)
{
	EXPECT_TRUE(workers_quiet());
	EXPECT_EQ(0, traffic_renewed(&self->g));
	guest_stop(&self->g);
}

static int put(struct guest *g, const void *from, size_t n)
{
	return stream_put(g->wire.fd, from, n);
}

static bool unfinished(struct guest *g, unsigned int index, long long n)
{
	return counts_to(g, index, "unfinished", n);
}

TEST_F(stream, byte_by_byte)
{
	struct guest *g = &self->g;
	size_t i, n = stream_build(bytes, 20, FRAME_TO_GUEST, 1);

	ASSERT_LT(0, guest_post(g, BUFS));
	for (i = 0; i < n; i++) {
		EXPECT_FALSE(vq_more_used(&g->vq[VQ_RX]));
		ASSERT_EQ(0, put(g, bytes + i, 1));
		ASSERT_TRUE(unfinished(g, VQ_RX, i < n - 1 ? i + 1 : 0));
	}
	EXPECT_EQ(0, traffic_next(g, 1, 20));
	EXPECT_EQ(0, count(g, VQ_RX, "bad-frame"));
}

/* In two pieces, cut at each place near the length, and elsewhere. */
TEST_F(stream, in_two_pieces)
{
	struct guest *g = &self->g;
	size_t cut, n;

	ASSERT_LT(0, guest_post(g, BUFS));
	for (cut = 1; cut < 200; cut += cut < 20 ? 1 : 30) {
		n = stream_build(bytes, 200, FRAME_TO_GUEST, cut);
		/* Another one in front, of which nothing is cut. */
		n += stream_build(bytes + n, 300, FRAME_TO_GUEST, cut + 1);
		ASSERT_EQ(0, put(g, bytes, 204 + cut));
		ASSERT_EQ(0, traffic_next(g, cut, 200));
		ASSERT_TRUE(unfinished(g, VQ_RX, cut));
		ASSERT_EQ(0, put(g, bytes + 204 + cut, n - 204 - cut));
		ASSERT_EQ(0, traffic_next(g, cut + 1, 300));
		ASSERT_TRUE(unfinished(g, VQ_RX, 0));
	}
}

TEST_F(stream, many_in_one_write)
{
	struct guest *g = &self->g;
	size_t at = 0;
	__u32 i;

	for (i = 0; i < BUFS; i++)
		at += stream_build(bytes + at, len_mixed(i), FRAME_TO_GUEST,
				   i);
	ASSERT_LT(0, guest_post(g, BUFS));
	ASSERT_EQ(0, put(g, bytes, at));
	for (i = 0; i < BUFS; i++)
		ASSERT_EQ(0, traffic_next(g, i, len_mixed(i)));
	EXPECT_TRUE(counts_to(g, VQ_RX, "packets", BUFS));
}

/* All that a frame may be, which is more than the guest's helpers know. */
TEST_F(stream, longest)
{
	struct guest *g = &self->g;
	struct vq *rx = &g->vq[VQ_RX];
	struct vq_used u;
	__u32 seq;
	size_t n;

	n = stream_build(bytes, STREAM_MAX, FRAME_TO_GUEST, 1);
	ASSERT_EQ(1, guest_post(g, 1));
	ASSERT_EQ(0, put(g, bytes, n));
	ASSERT_TRUE(vq_wait(rx, STALL_MS));
	ASSERT_EQ(1, vq_get_used(rx, &u));
	ASSERT_EQ(g->hdr_len + STREAM_MAX, u.len);
	buf_gather(u.cookie, g->hdr_len, frame, STREAM_MAX);
	EXPECT_TRUE(frame_intact(frame, STREAM_MAX, &seq));
	pool_put(&g->pool[VQ_RX], u.cookie);

	frame_build(frame, STREAM_MAX, FRAME_TO_HOST, 2);
	ASSERT_EQ(0, guest_send(g, frame, STREAM_MAX, NULL));
	vq_kick(&g->vq[VQ_TX]);
	ASSERT_EQ(STREAM_MAX, wire_recv(&g->wire, frame, sizeof(frame), NULL,
					STALL_MS));
	EXPECT_TRUE(frame_intact(frame, STREAM_MAX, &seq));
	EXPECT_EQ(0, guest_drain(g));
	/* One more is none. */
	frame_build(bytes, STREAM_MAX + 1, FRAME_TO_HOST, 3);
	ASSERT_EQ(0, guest_send(g, bytes, STREAM_MAX + 1, NULL));
	EXPECT_EQ(0, guest_drain(g));
	EXPECT_EQ(1, count(g, VQ_TX, "drop-big"));
}

/* Shorter than any frame: each is passed over, and what is behind it is not. */
TEST_F(stream, too_short)
{
	struct guest *g = &self->g;
	char junk[STREAM_HDR + FRAME_MIN] = {};
	size_t len, n;

	ASSERT_LT(0, guest_post(g, BUFS));
	for (len = 0; len < FRAME_MIN; len++) {
		stream_length(junk, len);
		ASSERT_EQ(0, put(g, junk, STREAM_HDR + len));
		ASSERT_TRUE(counts_to(g, VQ_RX, "bad-frame", len + 1));
		EXPECT_TRUE(eventfd_wait(g->vq[VQ_RX].err, STALL_MS));
		n = stream_build(bytes, 60, FRAME_TO_GUEST, len);
		ASSERT_EQ(0, put(g, bytes, n));
		ASSERT_EQ(0, traffic_next(g, len, 60));
	}
	EXPECT_TRUE(says(g, VQ_RX, "last-error", "bad-frame"));
	EXPECT_TRUE(says(g, VQ_RX, "state", "running"));
	EXPECT_TRUE(counts_to(g, VQ_RX, "packets", FRAME_MIN));
	EXPECT_EQ(0, traffic_alive(g));
}

/* Many of them at once don't keep the other ring from going on. */
TEST_F(stream, nothing_but_empty_ones)
{
	struct guest *g = &self->g;
	size_t n = 100000;

	ASSERT_LT(0, guest_post(g, BUFS));
	memset(bytes, 0, n);
	ASSERT_EQ(0, put(g, bytes, n));
	EXPECT_TRUE(counts_to(g, VQ_RX, "bad-frame", n / STREAM_HDR));
	EXPECT_EQ(0, traffic_alive(g));
}

/* Nobody knows where the next frame begins: that is the end. */
static int garbage(struct guest *g, const char *length, int round)
{
	static const struct traffic t = { .count = 20, .len = len_mixed };
	size_t n = stream_build(bytes, 60, FRAME_TO_GUEST, 1);
	long long bad = count(g, VQ_RX, "bad-frame");

	eventfd_drain(g->vq[VQ_RX].err);
	memcpy(bytes + n, length, STREAM_HDR);
	n += STREAM_HDR;
	n += stream_build(bytes + n, 60, FRAME_TO_GUEST, 2);
	/* What is in front of it is good. */
	if (put(g, bytes, n) || traffic_next(g, 1, 60))
		return 1;
	if (!counts_to(g, VQ_RX, "bad-frame", bad + 1) ||
	    !eventfd_wait(g->vq[VQ_RX].err, STALL_MS))
		return 2;
	if (put(g, bytes, 64) || !workers_quiet() ||
	    vq_more_used(&g->vq[VQ_RX]) ||
	    count(g, VQ_RX, "bad-frame") != bad + 1 ||
	    count(g, VQ_RX, "bad-peer"))
		return 3;
	/* The other way there is nothing wrong. */
	if (traffic_tx(g, &t))
		return 4;
	if (guest_renew_backend(g, round % 2))
		return 5;
	return traffic_alive(g) ? 6 : 0;
}

TEST_F(stream, garbage_lengths)
{
	static const char * const length[] = {
		"\xff\xff\xff\xff", "\x80\0\0\0", "\0\1\0\x16", "GET ",
		"\x45\0\0\x54", "\0\2\0\0",
	};
	unsigned int i;

	ASSERT_LT(0, guest_post(&self->g, BUFS));
	for (i = 0; i < ARRAY_SIZE(length); i++)
		EXPECT_EQ(0, garbage(&self->g, length[i], i))
			TH_LOG("length %u", i);
}

/* Stopped after @first bytes, and started after some more. */
static int stop_amid(struct guest *g, size_t first, size_t more, __u32 seq)
{
	size_t n = stream_build(bytes, 500, FRAME_TO_GUEST, seq);
	int r;

	r = put(g, bytes, first);
	if (!r && !unfinished(g, VQ_RX, first))
		return 1;
	if (!r)
		r = guest_attach(g, -1);
	if (!r && count(g, VQ_RX, "unfinished") != (long long)first)
		return 2;
	if (!r)
		r = put(g, bytes + first, more);
	if (!r)
		r = guest_attach(g, g->backend.fd);
	if (!r)
		r = put(g, bytes + first + more, n - first - more);
	return r ? r : traffic_next(g, seq, 500);
}

TEST_F(stream, stopped_amid_a_frame)
{
	static const size_t at[][2] = {
		{ 1, 0 }, { 2, 1 }, { 3, 1 }, { 3, 100 }, { 4, 0 },
		{ 5, 499 }, { 100, 0 }, { 100, 100 }, { 503, 0 }, { 503, 1 },
	};
	unsigned int i;

	ASSERT_LT(0, guest_post(&self->g, BUFS));
	for (i = 0; i < ARRAY_SIZE(at); i++)
		EXPECT_EQ(0, stop_amid(&self->g, at[i][0], at[i][1], i))
			TH_LOG("stopped at %zu", at[i][0]);
	EXPECT_EQ(0, traffic_alive(&self->g));
}

/* What has been begun on one stream is not gone on with on another. */
TEST_F(stream, another_one_amid_a_frame)
{
	struct guest *g = &self->g;
	size_t n, cut;

	ASSERT_LT(0, guest_post(g, BUFS));
	for (cut = 2; cut < 200; cut += 99) {
		stream_build(bytes, 500, FRAME_TO_GUEST, 1);
		ASSERT_EQ(0, put(g, bytes, cut));
		ASSERT_TRUE(unfinished(g, VQ_RX, cut));
		/* With and without a stop in between. */
		if (cut > 2)
			ASSERT_EQ(0, guest_attach(g, -1));
		ASSERT_EQ(0, guest_renew_backend(g, 3));
		EXPECT_TRUE(unfinished(g, VQ_RX, 0));
		n = stream_build(bytes, 60, FRAME_TO_GUEST, 2);
		ASSERT_EQ(0, put(g, bytes, n));
		ASSERT_EQ(0, traffic_next(g, 2, 60));
		ASSERT_EQ(0, traffic_alive(g));
	}
}

/* The device goes, as does its memory. */
TEST_F(stream, closed_amid_a_frame)
{
	struct guest *g = &self->g;
	int fd = g->fd;

	stream_build(bytes, 500, FRAME_TO_GUEST, 1);
	ASSERT_EQ(0, put(g, bytes, 100));
	ASSERT_TRUE(unfinished(g, VQ_RX, 100));
	ASSERT_EQ(0, guest_attach(g, -1));
	ASSERT_EQ(0, close(fd));
	g->fd = dev_open();
	ASSERT_EQ(0, guest_setup(g));
	EXPECT_TRUE(unfinished(g, VQ_RX, 0));
}

/* Frames that nobody had buffers for are for whoever reads the socket next. */
/* What was sent may still be on its way. */
static int take_next(struct stream *s, int fd)
{
	__s64 end = now_ms() + STALL_MS;
	int r;

	do {
		r = stream_take(s, fd, frame, sizeof(frame));
	} while (r == -EAGAIN && now_ms() < end);
	return r;
}

TEST_F(stream, whole_frames_stay)
{
	struct guest *g = &self->g;
	static struct stream own;
	long long runs;
	size_t at = 0;
	__u32 i, seq;

	memset(&own, 0, sizeof(own));
	for (i = 0; i < 10; i++)
		at += stream_build(bytes + at, 100 + i, FRAME_TO_GUEST, i);
	ASSERT_EQ(3, guest_post(g, 3));
	g->cfg.lazy = true;
	runs = count(g, VQ_RX, "runs");
	/* Of the last one only a part is there, but for the time being. */
	ASSERT_EQ(0, put(g, bytes, at - 7));
	ASSERT_TRUE(has_run(g, VQ_RX, runs));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, traffic_next(g, i, 100 + i));
	ASSERT_TRUE(workers_quiet());
	ASSERT_EQ(0, guest_attach(g, -1));
	EXPECT_EQ(0, count(g, VQ_RX, "unfinished"));
	ASSERT_EQ(0, put(g, bytes + at - 7, 7));
	for (; i < 10; i++) {
		ASSERT_EQ(100 + i, take_next(&own, g->backend.fd));
		ASSERT_TRUE(frame_intact(frame, 100 + i, &seq));
		EXPECT_EQ(i, seq);
	}
	EXPECT_EQ(-EAGAIN, stream_take(&own, g->backend.fd, frame,
				       sizeof(frame)));
	g->cfg.lazy = false;
}

static size_t len_big(__u32 seq)
{
	return BIG + seq * 31 % 5000;
}

TEST_F(stream, big_frames)
{
	struct traffic t = { .count = 60, .len = len_big, .burst = 20 };

	EXPECT_EQ(0, traffic_tx(&self->g, &t));
	EXPECT_EQ(0, traffic_rx(&self->g, &t));
	EXPECT_TRUE(unfinished(&self->g, VQ_RX, 0));
	EXPECT_TRUE(unfinished(&self->g, VQ_TX, 0));
}

TEST_HARNESS_MAIN
