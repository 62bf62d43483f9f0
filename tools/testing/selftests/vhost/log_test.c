// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log is exact: the bit of each page that the device has written
 * to, and no other, whatever the shape of buffers and rings.
 */
#include "fixture.h"

#include "logged.h"
#include "traffic.h"

static char frame[FRAME_MAX], got[FRAME_MAX];

/* Buffers of all shapes. */
FIXTURE(bufs)
{
	struct logged l;
};

FIXTURE_VARIANT(bufs)
{
	__u64 features;
	struct shape shape;
	enum backend_kind kind;
	size_t buf;
	size_t largest;		/* frame */
	size_t shift;		/* of the bitmap */
};

FIXTURE_VARIANT_ADD(bufs, v1) { F_V1 };
FIXTURE_VARIANT_ADD(bufs, v1_event) { F_V1 | F_EVENT };
FIXTURE_VARIANT_ADD(bufs, legacy) { 0 };
FIXTURE_VARIANT_ADD(bufs, legacy_event) { F_EVENT };
FIXTURE_VARIANT_ADD(bufs, host_hdr) { F_HOST_HDR | F_V1 };
FIXTURE_VARIANT_ADD(bufs, host_hdr_legacy) { F_HOST_HDR };
FIXTURE_VARIANT_ADD(bufs, header_apart) { F_V1, { 1, 1, false } };
FIXTURE_VARIANT_ADD(bufs, header_in_three) { F_V1 | F_MRG, { 3, 2, false } };
FIXTURE_VARIANT_ADD(bufs, parts_64) { F_V1, { 1, 63, false } };
FIXTURE_VARIANT_ADD(bufs, indirect_1) { F_V1 | F_INDIRECT, { 0, 1, true } };
FIXTURE_VARIANT_ADD(bufs, indirect_64) { F_V1 | F_INDIRECT, { 3, 61, true } };

FIXTURE_VARIANT_ADD(bufs, large_buffers)
{
	.features = F_V1,
	.buf = 66000,
};

FIXTURE_VARIANT_ADD(bufs, large_frames)
{
	.features = F_V1,
	.shape = { 1, 15, false },
	.buf = 66000,
	.largest = 65000,
};

FIXTURE_VARIANT_ADD(bufs, merge)
{
	.features = F_V1 | F_MRG | F_EVENT,
	.buf = 1000,
	.largest = 20000,
};

FIXTURE_VARIANT_ADD(bufs, merge_tiny)
{
	.features = F_MRG,
	.buf = 256,
	.largest = 15000,
};

FIXTURE_VARIANT_ADD(bufs, merge_parts)
{
	.features = F_V1 | F_MRG | F_INDIRECT,
	.shape = { 2, 14, true },
	.buf = 1500,
	.largest = 65000,
};

FIXTURE_VARIANT_ADD(bufs, merge_pages)
{
	.features = F_V1 | F_MRG,
	.buf = 4096 * 3,
	.largest = 65000,
};

FIXTURE_VARIANT_ADD(bufs, merge_host_hdr)
{
	.features = F_HOST_HDR | F_V1 | F_MRG,
	.buf = 700,
	.largest = 5000,
};

FIXTURE_VARIANT_ADD(bufs, packet)
{
	.features = F_HOST_HDR,
	.kind = BACKEND_PACKET,
};

FIXTURE_VARIANT_ADD(bufs, packet_merge)
{
	.features = F_HOST_HDR | F_V1 | F_MRG,
	.kind = BACKEND_PACKET,
	.buf = 700,
	.largest = 5000,
};

FIXTURE_VARIANT_ADD(bufs, macvtap)
{
	.features = F_V1 | F_MRG,
	.kind = BACKEND_MACVTAP,
	.buf = 700,
	.largest = 5000,
};

FIXTURE_VARIANT_ADD(bufs, udp)
{
	.features = F_V1 | F_MRG,
	.kind = BACKEND_UDP,
	.buf = 700,
	.largest = 5000,
};

FIXTURE_VARIANT_ADD(bufs, unix_dgram)
{
	.features = F_V1,
	.kind = BACKEND_UNIX_DGRAM,
};

FIXTURE_VARIANT_ADD(bufs, tcp)
{
	.features = F_V1 | F_MRG | F_EVENT,
	.kind = BACKEND_TCP,
	.buf = 700,
	.largest = 5000,
};

FIXTURE_VARIANT_ADD(bufs, unix_stream)
{
	.features = F_V1,
	.kind = BACKEND_UNIX_STREAM,
};

/* Monitors give an aligned bitmap; nothing says that they have to. */
FIXTURE_VARIANT_ADD(bufs, bitmap_off_8) { F_V1, .shift = 8 };
FIXTURE_VARIANT_ADD(bufs, bitmap_off_4) { F_V1, .shift = 4 };
FIXTURE_VARIANT_ADD(bufs, bitmap_off_3) { F_V1, .shift = 3 };
FIXTURE_VARIANT_ADD(bufs, bitmap_off_4091) { F_V1, .shift = 4091 };
FIXTURE_VARIANT_ADD(bufs, bitmap_at_end) { F_V1, .shift = BITMAP_AT_END };

FIXTURE_SETUP(bufs)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.shape = { variant->shape, variant->shape },
		.backend.kind = variant->kind,
		.plain_wire = variant->features & F_HOST_HDR &&
			variant->kind == BACKEND_PACKET,
		.buf = { variant->buf, 0 },
	};

	RUN_IF_SELECTED();
	NEEDS_KIND(variant->kind);
	ASSERT_EQ(0, log_setup(&self->l, &cfg));
	if (!dirty_log_offered(self->l.g.fd))
		SKIP_ALL("no dirty log");
	ASSERT_EQ(0, log_ready(&self->l, variant->shift));
	log_watch(&self->l);
	ASSERT_EQ(0, guest_attach(&self->l.g, self->l.g.backend.fd));
}

FIXTURE_TEARDOWN(bufs)
{
	log_teardown(&self->l);
}

static size_t largest = 1500;

static size_t len_up_to_largest(__u32 seq)
{
	return FRAME_MIN + seq * 2654435761U % (largest - FRAME_MIN + 1);
}

static bool covered_soon(struct logged *l)
{
	__s64 end = now_ms() + STALL_MS;

	while (!dirty_covered(&l->d, &l->log))
		if (now_ms() > end)
			return false;
	return true;
}

TEST_F(bufs, exact)
{
	struct traffic few = { .count = 3, .len = len_up_to_largest,
			       .burst = 1 };
	struct traffic many = few;
	struct logged *l = &self->l;

	largest = variant->largest ? variant->largest : largest;
	many.count = 300;
	many.burst = 2;
	/* Most of memory stays as it was, and without a bit. */
	EXPECT_EQ(0, traffic_rx(&l->g, &few));
	EXPECT_TRUE(log_exact_at_end(l));
	/* From what the guest sends the device only reads. */
	log_watch(l);
	ASSERT_EQ(0, guest_attach(&l->g, l->g.backend.fd));
	few.len = len_mixed;
	EXPECT_EQ(0, traffic_tx(&l->g, &few));
	EXPECT_TRUE(log_exact_at_end(l));
	log_watch(l);
	ASSERT_EQ(0, guest_attach(&l->g, l->g.backend.fd));
	EXPECT_EQ(0, traffic_rx(&l->g, &many));
	/* Nobody has to stop the device to find out. */
	log_mark_rings(l);
	EXPECT_TRUE(covered_soon(l));
	EXPECT_TRUE(log_exact_at_end(l));
}

/* Rings of several pages, of which only those written to have a bit. */
FIXTURE(ring)
{
	struct logged l;
};

FIXTURE_VARIANT(ring)
{
	unsigned int num;
	__u16 start;
	__u64 features;
};

FIXTURE_VARIANT_ADD(ring, n1) { 1, 0, F_V1 };
FIXTURE_VARIANT_ADD(ring, n2_event) { 2, 65535, F_V1 | F_EVENT };
FIXTURE_VARIANT_ADD(ring, n1024) { 1024, 600, F_V1 };
FIXTURE_VARIANT_ADD(ring, n1024_wrap) { 1024, 1020, F_V1 };
FIXTURE_VARIANT_ADD(ring, n1024_wrap_event) { 1024, 1020, F_V1 | F_EVENT };
FIXTURE_VARIANT_ADD(ring, n2048_event) { 2048, 1100, F_V1 | F_EVENT };
FIXTURE_VARIANT_ADD(ring, n4096_last) { 4096, 4085, F_V1 };
FIXTURE_VARIANT_ADD(ring, index_wrap) { 256, 65530, F_V1 };
FIXTURE_VARIANT_ADD(ring, index_wrap_event) { 1024, 65530, F_V1 | F_EVENT };
FIXTURE_VARIANT_ADD(ring, n32768_event) { 32768, 20000, F_V1 | F_EVENT };
FIXTURE_VARIANT_ADD(ring, n32768_wrap) { 32768, 65530, F_V1 };

#define RING_FRAMES	12

FIXTURE_SETUP(ring)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.num = { variant->num, variant->num },
		.start = variant->start,
		.pool = { min_size(variant->num, 64), 64 },
	};

	RUN_IF_SELECTED();
	ASSERT_EQ(0, log_setup(&self->l, &cfg));
	if (!dirty_log_offered(self->l.g.fd))
		SKIP_ALL("no dirty log");
	ASSERT_EQ(0, log_ready(&self->l, 0));
	ASSERT_EQ(0, guest_attach(&self->l.g, self->l.g.backend.fd));
}

FIXTURE_TEARDOWN(ring)
{
	log_teardown(&self->l);
}

/*
 * Attached and at rest: flags and events have been written already. Those of
 * the ring's first page would hide an index that is not logged.
 */
static void settle(struct logged *l)
{
	pause_ms(100);
	log_watch(l);
}

static int rx_all_at_once(struct logged *l, unsigned int n)
{
	struct guest *g = &l->g;
	struct rx_packet p;
	unsigned int i;
	int r = 0;

	/* Frames first: when buffers come they are all used in one go. */
	for (i = 0; i < n && !r; i++) {
		frame_build(frame, 60, FRAME_TO_GUEST, i);
		r = wire_send_wait(&g->wire, frame, 60, NULL);
	}
	if (!r)
		r = guest_post(g, n);
	for (i = 0; i < n && r >= 0; i++) {
		r = guest_recv(g, got, &p, STALL_MS);
		if (r != 1 || p.len != 60)
			return r < 0 ? r : -ETIME;
	}
	return r < 0 ? r : 0;
}

TEST_F(ring, exact)
{
	struct traffic t = { .count = RING_FRAMES, .len = len_mixed };
	struct logged *l = &self->l;
	int i;

	settle(l);
	EXPECT_EQ(0, rx_all_at_once(l, RING_FRAMES));
	EXPECT_TRUE(log_exact_at_end(l));
	ASSERT_EQ(0, guest_attach(&l->g, l->g.backend.fd));
	settle(l);
	EXPECT_EQ(0, traffic_tx(&l->g, &t));
	EXPECT_TRUE(log_exact_at_end(l));
	/* Both, at different times, in different places. */
	t.count = 5;
	t.burst = 1;
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, guest_attach(&l->g, l->g.backend.fd));
		settle(l);
		EXPECT_EQ(0, traffic_tx(&l->g, &t));
		EXPECT_EQ(0, traffic_rx(&l->g, &t));
		EXPECT_TRUE(log_exact_at_end(l));
	}
}

/* A ring is logged if its own flag says so; nothing is without a feature. */
TEST(not_asked_for)
{
	struct traffic t = { .count = 20, .len = len_mixed, .burst = 1 };
	struct guest_cfg cfg = { .features = F_V1 };
	static struct logged l;
	struct guest *g = &l.g;
	unsigned int i;
	__u64 gpa, end;
	size_t size;

	RUN_IF_SELECTED();
	ASSERT_EQ(0, log_setup(&l, &cfg));
	if (!dirty_log_offered(g->fd))
		SKIP_ALL("no dirty log");
	ASSERT_EQ(0, log_ready(&l, 0));
	ASSERT_EQ(0, dirty_set_rings(g, false));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, traffic_tx(g, &t));
	EXPECT_TRUE(bitmap_empty(&l.log));
	EXPECT_EQ(0, traffic_rx(g, &t));
	ASSERT_EQ(0, guest_attach(g, -1));
	EXPECT_FALSE(bitmap_empty(&l.log));
	for (i = 0; i < VQ_MAX; i++) {
		vq_part(&g->vq[i], VQ_USED, &size);
		gpa = dirty_used_gpa(g, i);
		for (end = gpa + size; gpa < end; gpa += PAGE)
			EXPECT_FALSE(bitmap_test(&l.log, gpa));
	}

	bitmap_clear(&l.log);
	ASSERT_EQ(0, dev_set_features(g->fd, g->cfg.features));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, traffic_tx(g, &t));
	EXPECT_EQ(0, traffic_rx(g, &t));
	ASSERT_EQ(0, guest_attach(g, -1));
	EXPECT_TRUE(bitmap_empty(&l.log));
	log_teardown(&l);
}

TEST_HARNESS_MAIN
