// SPDX-License-Identifier: GPL-2.0
/*
 * All the ways to cut a packet into descriptors, rings of every size, and
 * many turns around them. The backend is a tap throughout.
 */
#include "fixture.h"

#include <linux/if_tun.h>

#include "guest.h"
#include "netif.h"
#include "traffic.h"

/* How a header and its packet share descriptors. */
FIXTURE(shape)
{
	struct guest g;
};

FIXTURE_VARIANT(shape)
{
	__u64 features;
	struct shape shape;
};

FIXTURE_VARIANT_ADD(shape, one)
{
	.features = F_V1 | F_MRG,
	.shape = { 0, 1, false },
};

FIXTURE_VARIANT_ADD(shape, header_apart)
{
	.features = F_V1 | F_MRG,
	.shape = { 1, 1, false },
};

FIXTURE_VARIANT_ADD(shape, header_apart_legacy)
{
	.shape = { 1, 1, false },
};

FIXTURE_VARIANT_ADD(shape, header_in_three)
{
	.features = F_V1 | F_MRG,
	.shape = { 3, 2, false },
};

FIXTURE_VARIANT_ADD(shape, header_in_twelve)
{
	.features = F_V1,
	.shape = { 12, 1, false },
};

FIXTURE_VARIANT_ADD(shape, header_in_three_host)
{
	.features = F_HOST_HDR | F_V1 | F_MRG,
	.shape = { 3, 2, false },
};

FIXTURE_VARIANT_ADD(shape, chain_7)
{
	.features = F_V1 | F_MRG | F_EVENT,
	.shape = { 0, 7, false },
};

FIXTURE_VARIANT_ADD(shape, chain_64)
{
	.features = F_V1 | F_EVENT,
	.shape = { 1, 63, false },
};

FIXTURE_VARIANT_ADD(shape, indirect_1)
{
	.features = F_V1 | F_MRG | F_INDIRECT,
	.shape = { 0, 1, true },
};

FIXTURE_VARIANT_ADD(shape, indirect_18)
{
	.features = F_V1 | F_MRG | F_INDIRECT | F_EVENT,
	.shape = { 1, 17, true },
};

FIXTURE_VARIANT_ADD(shape, indirect_64)
{
	.features = F_INDIRECT,
	.shape = { 3, 61, true },
};

FIXTURE_SETUP(shape)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.shape = { variant->shape, variant->shape },
		.pool = { 64, 64 },
	};

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(shape)
{
	guest_stop(&self->g);
}

TEST_F(shape, tx)
{
	struct traffic t = { .count = 1000, .len = len_mixed };

	EXPECT_EQ(0, traffic_tx(&self->g, &t));
}

TEST_F(shape, rx)
{
	struct traffic t = { .count = 1000, .len = len_mixed, .burst = 3 };

	EXPECT_EQ(0, traffic_rx(&self->g, &t));
}

/* Ring sizes, from the smallest to the largest there is. */
FIXTURE(ring)
{
	struct guest g;
};

FIXTURE_VARIANT(ring)
{
	unsigned int num;
	__u16 start;
	__u64 features;
};

FIXTURE_VARIANT_ADD(ring, size_1)
{
	.num = 1,
	.features = F_V1,
};

FIXTURE_VARIANT_ADD(ring, size_1_event)
{
	.num = 1,
	.start = 65535,
	.features = F_V1 | F_EVENT | F_MRG,
};

FIXTURE_VARIANT_ADD(ring, size_2)
{
	.num = 2,
	.start = 65530,
	.features = F_EVENT,
};

FIXTURE_VARIANT_ADD(ring, size_256)
{
	.num = 256,
	.start = 65000,
	.features = F_V1 | F_MRG | F_EVENT,
};

FIXTURE_VARIANT_ADD(ring, size_1024)
{
	.num = 1024,
	.start = 32767,
	.features = F_V1 | F_MRG,
};

FIXTURE_VARIANT_ADD(ring, size_32768)
{
	.num = 32768,
	.start = 49152,
	.features = F_V1 | F_MRG | F_EVENT,
};

FIXTURE_SETUP(ring)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.num = { variant->num, variant->num },
		.pool = { min_size(variant->num, 2048),
			  min_size(variant->num, 2048) },
		.start = variant->start,
	};

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(ring)
{
	EXPECT_EQ(0, self->g.vq[VQ_RX].lost_calls);
	EXPECT_EQ(0, self->g.vq[VQ_TX].lost_calls);
	guest_stop(&self->g);
}

TEST_F(ring, tx)
{
	struct traffic t = {
		.count = variant->num < 256 ? 1000 : 5000,
		.len = len_mixed,
		.burst = min_size(variant->num, 400),
	};
	struct guest *g = &self->g;

	EXPECT_EQ(vq_base(&g->vq[VQ_TX]), dev_get_base(g->fd, VQ_TX));
	ASSERT_EQ(0, traffic_tx(g, &t));
	EXPECT_EQ(vq_base(&g->vq[VQ_TX]), dev_get_base(g->fd, VQ_TX));
}

TEST_F(ring, rx)
{
	struct traffic t = {
		.count = variant->num < 256 ? 1000 : 5000,
		.len = len_mixed,
		.burst = 400,
	};

	ASSERT_EQ(0, traffic_rx(&self->g, &t));
}

/*
 * Around the index three times, or just over once, both ways; or as far as
 * VHOST_TEST_LONG_RUN says.
 */
FIXTURE(long_run)
{
	struct guest g;
	unsigned int count;
};

FIXTURE_VARIANT(long_run)
{
	__u64 features;
	unsigned int count;
};

FIXTURE_VARIANT_ADD(long_run, event)
{
	.features = F_V1 | F_MRG | F_EVENT,
	.count = 200000,
};

FIXTURE_VARIANT_ADD(long_run, flags)
{
	.features = F_INDIRECT,
	.count = 70000,
};

FIXTURE_SETUP(long_run)
{
	struct guest_cfg cfg = { .features = variant->features };

	RUN_IF_SELECTED();
	self->count = number_from("VHOST_TEST_LONG_RUN", variant->count);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(long_run)
{
	EXPECT_EQ(0, self->g.vq[VQ_RX].lost_calls);
	EXPECT_EQ(0, self->g.vq[VQ_TX].lost_calls);
	guest_stop(&self->g);
}

static size_t len_short(__u32 seq)
{
	return 60 + seq % 200;
}

TEST_F_TIMEOUT(long_run, tx, 200)
{
	struct traffic t = {
		.count = self->count,
		.len = len_short,
		.burst = 250,
	};

	EXPECT_EQ(0, traffic_tx(&self->g, &t));
}

TEST_F_TIMEOUT(long_run, rx, 200)
{
	struct traffic t = {
		.count = self->count,
		.len = len_short,
		.burst = 250,
	};

	EXPECT_EQ(0, traffic_rx(&self->g, &t));
}

/* Packets that need several receive buffers. */
FIXTURE(merge)
{
	struct guest g;
	char *frame;
};

FIXTURE_VARIANT(merge)
{
	__u64 features;
	struct shape shape;
};

FIXTURE_VARIANT_ADD(merge, v1)
{
	.features = F_V1 | F_MRG | F_EVENT,
	.shape = { 0, 1, false },
};

FIXTURE_VARIANT_ADD(merge, legacy)
{
	.features = F_MRG,
	.shape = { 1, 3, false },
};

FIXTURE_VARIANT_ADD(merge, indirect)
{
	.features = F_V1 | F_MRG | F_EVENT | F_INDIRECT,
	.shape = { 0, 2, true },
};

#define MERGE_BUF	1024

FIXTURE_SETUP(merge)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.buf = { MERGE_BUF, 20 * MERGE_BUF },
		.pool = { 100, 16 },
		.num = { 512, 16 },
		.shape = { variant->shape },
		.start = 65500,
	};

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	self->frame = malloc(FRAME_MAX);
	ASSERT_NE(NULL, self->frame);
}

FIXTURE_TEARDOWN(merge)
{
	free(self->frame);
	guest_stop(&self->g);
}

TEST_F(merge, one_to_17_buffers)
{
	struct guest *g = &self->g;
	struct rx_packet p;
	unsigned int n, i;
	__u32 seq;
	size_t len;

	ASSERT_LT(0, guest_post(g, g->pool[VQ_RX].n));
	for (i = 0; i < 17 * 3 * 4; i++) {
		/* A byte less, as many and a byte more than n buffers hold. */
		n = 1 + i / 3 % 17;
		len = n * MERGE_BUF - g->hdr_len - 1 + i % 3;
		frame_build(self->frame, len, FRAME_TO_GUEST, i);
		ASSERT_EQ(0, wire_send_wait(&g->wire, self->frame, len, NULL));
		ASSERT_EQ(1, guest_recv(g, self->frame, &p, STALL_MS));
		EXPECT_EQ(len, p.len);
		EXPECT_EQ(i % 3 < 2 ? n : n + 1, p.nbufs);
		EXPECT_TRUE(frame_intact(self->frame, p.len, &seq) && seq == i);
	}
	EXPECT_EQ(0, traffic_alive(g));
}

/* Hundreds of buffers for one packet, again and again. */
TEST_F(merge, hundreds_of_buffers)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.buf = { 70, 0 },
		.num = { 1024, 16 },
		.start = 65000,
	};
	struct rx_packet p;
	size_t len = 60000;
	struct guest g;
	__u32 i, seq;

	guest_stop(&self->g);
	ASSERT_EQ(0, guest_start(&g, &cfg));
	ASSERT_LT(0, guest_post(&g, 1024));
	for (i = 0; i < 20; i++) {
		frame_build(self->frame, len, FRAME_TO_GUEST, i);
		ASSERT_EQ(0, wire_send_wait(&g.wire, self->frame, len, NULL));
		ASSERT_EQ(1, guest_recv(&g, self->frame, &p, STALL_MS));
		EXPECT_EQ(len, p.len);
		EXPECT_EQ((len + g.hdr_len + 69) / 70, p.nbufs);
		EXPECT_TRUE(frame_intact(self->frame, p.len, &seq) && seq == i);
	}
	guest_stop(&g);
}

/*
 * A packet waits for buffers that are not there yet (S13). The device must
 * neither drop it nor burn time while it waits.
 */
TEST_F(merge, waits_for_buffers)
{
	struct guest *g = &self->g;
	size_t len = 10 * MERGE_BUF;
	struct rx_packet p;
	long before;
	__u32 seq;

	ASSERT_EQ(3, guest_post(g, 3));
	frame_build(self->frame, len, FRAME_TO_GUEST, 1);
	ASSERT_EQ(0, wire_send_wait(&g->wire, self->frame, len, NULL));
	pause_ms(100);
	before = worker_cpu_ms(getpid());
	pause_ms(1000);
	EXPECT_GT(before + 300, worker_cpu_ms(getpid()));
	EXPECT_FALSE(vq_more_used(&g->vq[VQ_RX]));
	ASSERT_EQ(30, guest_post(g, 30));
	ASSERT_EQ(1, guest_recv(g, self->frame, &p, STALL_MS));
	EXPECT_EQ(len, p.len);
	EXPECT_EQ(11, p.nbufs);
	EXPECT_TRUE(frame_intact(self->frame, p.len, &seq) && seq == 1);
}

/* Too large for a buffer, and more must not be taken: dropped whole (S6). */
TEST(oversized_packet_is_dropped)
{
	struct guest_cfg cfg = { .features = F_V1, .buf = { 500, 0 } };
	struct traffic t = { .len = len_fixed_60 };
	static char frame[FRAME_MAX];
	struct rx_packet p;
	struct guest g;

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&g, &cfg));
	ASSERT_LT(0, guest_post(&g, 16));
	frame_build(frame, 489, FRAME_TO_GUEST, 1);
	ASSERT_EQ(0, wire_send_wait(&g.wire, frame, 489, NULL));
	frame_build(frame, 9000, FRAME_TO_GUEST, 2);
	ASSERT_EQ(0, wire_send_wait(&g.wire, frame, 9000, NULL));
	frame_build(frame, 60, FRAME_TO_GUEST, 3);
	ASSERT_EQ(0, wire_send_wait(&g.wire, frame, 60, NULL));
	ASSERT_EQ(1, guest_recv(&g, frame, &p, STALL_MS));
	EXPECT_EQ(0, traffic_expect(frame, p.len, &t, 3));
	EXPECT_EQ(0, traffic_alive(&g));
	guest_stop(&g);
}

TEST_HARNESS_MAIN
