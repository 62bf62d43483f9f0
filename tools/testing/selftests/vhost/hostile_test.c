// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that breaks every rule of the ring. The device must survive, say
 * so on the err eventfd, and go on: a bad chain comes back with length 0 and
 * what follows it is served; a ring that makes no sense any more stands
 * still, without burning time, until it is mended or attached anew.
 */
#include "fixture.h"

#include <sys/mman.h>

#include "evil.h"
#include "guest.h"
#include "netif.h"
#include "traffic.h"

enum outcome {
	PASSES,		/* nothing wrong with it */
	RETURNED,	/* used with length 0, and the err eventfd signalled */
	REFUSED,	/* the same, but whose fault it is can be argued */
	BREAKS,		/* the ring stops until it is mended */
};

#define QUIET_MS	250

FIXTURE(tx)
{
	struct guest g;
	struct evil e;
	char frame[FRAME_MAX];
};

FIXTURE_VARIANT(tx)
{
	evil_fn build;
	enum outcome outcome;
	evil_fn mend;
};

FIXTURE_VARIANT_ADD(tx, loop_self)
{ evil_loop_self, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, loop_two)
{ evil_loop_two, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, next_outside)
{ evil_next_outside, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, next_far_outside)
{ evil_next_far_outside, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, order)
{ evil_order, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, direction)
{ evil_direction, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, direction_part)
{ evil_direction_part, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, all_empty)
{ evil_all_empty, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, one_empty)
{ evil_one_empty, PASSES, NULL };
FIXTURE_VARIANT_ADD(tx, short_header)
{ evil_short_header, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, header_only)
{ evil_header_only, REFUSED, NULL };
FIXTURE_VARIANT_ADD(tx, address_outside)
{ evil_address_outside, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, address_zero)
{ evil_address_zero, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, address_wraps)
{ evil_address_wraps, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, length_4g)
{ evil_length_4g, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, into_hole)
{ evil_into_hole, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, across_seam)
{ evil_across_seam, PASSES, NULL };
FIXTURE_VARIANT_ADD(tx, page_gone)
{ evil_page_gone, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, page_readonly)
{ evil_page_readonly, PASSES, NULL };
FIXTURE_VARIANT_ADD(tx, indirect_empty)
{ evil_indirect_empty, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, indirect_odd)
{ evil_indirect_odd, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, indirect_one)
{ evil_indirect_one, PASSES, NULL };
FIXTURE_VARIANT_ADD(tx, indirect_1024)
{ evil_indirect_1024, PASSES, NULL };
FIXTURE_VARIANT_ADD(tx, indirect_1025)
{ evil_indirect_1025, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, indirect_65537)
{ evil_indirect_65537, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, indirect_nested)
{ evil_indirect_nested, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, indirect_loop)
{ evil_indirect_loop, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, indirect_next)
{ evil_indirect_next, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, indirect_outside)
{ evil_indirect_outside, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, indirect_unmapped)
{ evil_indirect_unmapped, RETURNED, NULL };
FIXTURE_VARIANT_ADD(tx, csum_outside)
{ evil_csum_outside, REFUSED, NULL };
FIXTURE_VARIANT_ADD(tx, gso_unknown)
{ evil_gso_unknown, REFUSED, NULL };
FIXTURE_VARIANT_ADD(tx, gso_zero)
{ evil_gso_zero, REFUSED, NULL };
FIXTURE_VARIANT_ADD(tx, hdr_len_huge)
{ evil_hdr_len_huge, REFUSED, NULL };
FIXTURE_VARIANT_ADD(tx, header_all_ones)
{ evil_header_all_ones, REFUSED, NULL };
FIXTURE_VARIANT_ADD(tx, frame_1)
{ evil_frame_1, REFUSED, NULL };
FIXTURE_VARIANT_ADD(tx, frame_13)
{ evil_frame_13, REFUSED, NULL };
FIXTURE_VARIANT_ADD(tx, head_outside)
{ evil_head_outside, BREAKS, evil_mend_head };
FIXTURE_VARIANT_ADD(tx, head_65535)
{ evil_head_65535, BREAKS, evil_mend_head };
FIXTURE_VARIANT_ADD(tx, index_jump)
{ evil_index_jump, BREAKS, evil_mend_index };
FIXTURE_VARIANT_ADD(tx, index_back)
{ evil_index_back, BREAKS, evil_mend_index };
FIXTURE_VARIANT_ADD(tx, avail_gone)
{ evil_avail_gone, BREAKS, evil_mend_pages };
FIXTURE_VARIANT_ADD(tx, desc_gone)
{ evil_desc_gone, BREAKS, evil_mend_pages };
FIXTURE_VARIANT_ADD(tx, used_gone)
{ evil_used_gone, BREAKS, evil_mend_pages };
FIXTURE_VARIANT_ADD(tx, used_readonly)
{ evil_used_readonly, BREAKS, evil_mend_pages };

static const struct guest_cfg hostile_cfg = {
	.features = F_V1 | F_INDIRECT,
};

FIXTURE_SETUP(tx)
{
	RUN_IF_SELECTED();
	if (variant->outcome != PASSES)
		NOT_FOR_STOCK("gives up on a bad chain");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &hostile_cfg));
	ASSERT_EQ(0, evil_init(&self->e, &self->g, VQ_TX));
}

FIXTURE_TEARDOWN(tx)
{
	guest_stop(&self->g);
}

static bool quiet(void)
{
	long before = worker_cpu_ms(getpid());

	pause_ms(QUIET_MS);
	return worker_cpu_ms(getpid()) - before < QUIET_MS / 2;
}

/* The chain comes back; its length, or -1 if it does not. */
static int wait_returned(struct evil *e)
{
	struct vq_used u;

	if (!vq_wait(e->vq, STALL_MS) || vq_get_used(e->vq, &u) != 1 ||
	    u.id != e->id[0])
		return -1;
	return u.len;
}

static int catch_frames(struct guest *g, char *frame, int ms, bool *intact)
{
	int len, n = 0;
	__u32 seq;

	while ((len = wire_recv(&g->wire, frame, FRAME_MAX, NULL, ms)) > 0) {
		*intact = frame_intact(frame, len, &seq) && seq == EVIL_SEQ;
		ms = 50;
		n++;
	}
	return n;
}

TEST_F_TIMEOUT(tx, chain, 60)
{
	struct traffic rx = { .count = 3, .len = len_fixed_60 };
	struct guest *g = &self->g;
	struct evil *e = &self->e;
	bool intact = true;
	int n;

	variant->build(e);
	evil_kick(e);
	if (variant->outcome == BREAKS) {
		EXPECT_TRUE(eventfd_wait(e->vq->err, STALL_MS));
		EXPECT_TRUE(quiet());
		/* The other ring does not notice. */
		EXPECT_EQ(0, traffic_rx(g, &rx));
		variant->mend(e);
		evil_kick(e);
	}
	EXPECT_EQ(0, wait_returned(e));
	n = catch_frames(g, self->frame,
			 variant->outcome == PASSES ? STALL_MS : 100, &intact);
	if (variant->outcome == RETURNED)
		EXPECT_EQ(0, n);
	if (variant->outcome == PASSES || variant->outcome == BREAKS)
		EXPECT_EQ(1, n);
	if (variant->outcome != REFUSED)
		EXPECT_TRUE(intact);
	if (variant->outcome == RETURNED)
		EXPECT_LT(0, eventfd_drain(e->vq->err));
	if (variant->outcome == PASSES)
		EXPECT_EQ(0, eventfd_drain(e->vq->err));
	EXPECT_TRUE(quiet());
	EXPECT_EQ(0, traffic_alive(g));
	/* And the same on a fresh start. */
	ASSERT_EQ(0, guest_attach(g, -1));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, traffic_alive(g));
}

FIXTURE(rx)
{
	struct guest g;
	struct evil e;
	char frame[FRAME_MAX];
};

FIXTURE_VARIANT(rx)
{
	evil_fn build;
	enum outcome outcome;
	evil_fn mend;
};

FIXTURE_VARIANT_ADD(rx, loop_self)
{ evil_loop_self, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, loop_two)
{ evil_loop_two, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, next_outside)
{ evil_next_outside, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, next_far_outside)
{ evil_next_far_outside, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, order)
{ evil_order, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, direction)
{ evil_direction, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, direction_part)
{ evil_direction_part, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, all_empty)
{ evil_all_empty, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, one_empty)
{ evil_one_empty, PASSES, NULL };
FIXTURE_VARIANT_ADD(rx, short_header)
{ evil_short_header, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, address_outside)
{ evil_address_outside, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, address_zero)
{ evil_address_zero, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, address_wraps)
{ evil_address_wraps, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, length_4g)
{ evil_length_4g, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, into_hole)
{ evil_into_hole, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, across_seam)
{ evil_across_seam, PASSES, NULL };
FIXTURE_VARIANT_ADD(rx, page_gone)
{ evil_page_gone, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, page_readonly)
{ evil_page_readonly, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, indirect_empty)
{ evil_indirect_empty, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, indirect_odd)
{ evil_indirect_odd, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, indirect_one)
{ evil_indirect_one, PASSES, NULL };
FIXTURE_VARIANT_ADD(rx, indirect_1024)
{ evil_indirect_1024, PASSES, NULL };
FIXTURE_VARIANT_ADD(rx, indirect_1025)
{ evil_indirect_1025, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, indirect_65537)
{ evil_indirect_65537, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, indirect_nested)
{ evil_indirect_nested, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, indirect_loop)
{ evil_indirect_loop, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, indirect_next)
{ evil_indirect_next, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, indirect_outside)
{ evil_indirect_outside, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, indirect_unmapped)
{ evil_indirect_unmapped, RETURNED, NULL };
FIXTURE_VARIANT_ADD(rx, head_outside)
{ evil_head_outside, BREAKS, evil_mend_head };
FIXTURE_VARIANT_ADD(rx, head_65535)
{ evil_head_65535, BREAKS, evil_mend_head };
FIXTURE_VARIANT_ADD(rx, index_jump)
{ evil_index_jump, BREAKS, evil_mend_index };
FIXTURE_VARIANT_ADD(rx, index_back)
{ evil_index_back, BREAKS, evil_mend_index };
FIXTURE_VARIANT_ADD(rx, avail_gone)
{ evil_avail_gone, BREAKS, evil_mend_pages };
FIXTURE_VARIANT_ADD(rx, desc_gone)
{ evil_desc_gone, BREAKS, evil_mend_pages };
FIXTURE_VARIANT_ADD(rx, used_gone)
{ evil_used_gone, BREAKS, evil_mend_pages };
FIXTURE_VARIANT_ADD(rx, used_readonly)
{ evil_used_readonly, BREAKS, evil_mend_pages };

FIXTURE_SETUP(rx)
{
	RUN_IF_SELECTED();
	if (variant->outcome != PASSES)
		NOT_FOR_STOCK("gives up on a bad chain");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &hostile_cfg));
	ASSERT_EQ(0, evil_init(&self->e, &self->g, VQ_RX));
}

FIXTURE_TEARDOWN(rx)
{
	guest_stop(&self->g);
}

static int inject(struct guest *g, char *frame, __u32 seq)
{
	size_t len = EVIL_LEN - g->hdr_len;

	frame_build(frame, len, FRAME_TO_GUEST, seq);
	return wire_send_wait(&g->wire, frame, len, NULL);
}

/* The frame that met the bad chain may be lost, the next one may not. */
static bool next_frame_arrives(struct guest *g, char *frame, __u32 seq)
{
	struct rx_packet p;
	__u32 got;

	while (guest_recv(g, frame, &p, STALL_MS) == 1)
		if (frame_intact(frame, p.len, &got) && got == seq)
			return true;
	return false;
}

TEST_F_TIMEOUT(rx, chain, 60)
{
	struct traffic tx = { .count = 3, .len = len_fixed_60 };
	struct guest *g = &self->g;
	struct evil *e = &self->e;
	int len;

	variant->build(e);
	evil_kick(e);
	ASSERT_EQ(0, inject(g, self->frame, 1));
	if (variant->outcome == BREAKS) {
		EXPECT_TRUE(eventfd_wait(e->vq->err, STALL_MS));
		EXPECT_TRUE(quiet());
		EXPECT_EQ(0, traffic_tx(g, &tx));
		variant->mend(e);
		evil_kick(e);
	}
	len = wait_returned(e);
	if (variant->outcome == RETURNED) {
		EXPECT_EQ(0, len);
		EXPECT_LT(0, eventfd_drain(e->vq->err));
		EXPECT_LT(0, guest_post(g, 8));
		ASSERT_EQ(0, inject(g, self->frame, 2));
		EXPECT_TRUE(next_frame_arrives(g, self->frame, 2));
	} else {
		EXPECT_TRUE(evil_received(e, len, 1));
	}
	if (variant->outcome == PASSES)
		EXPECT_EQ(0, eventfd_drain(e->vq->err));
	EXPECT_TRUE(quiet());
	EXPECT_EQ(0, traffic_alive(g));
	ASSERT_EQ(0, guest_attach(g, -1));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, traffic_alive(g));
}

/* A guest that is not evil itself, but whose monitor pulls the rug away. */
FIXTURE(rug)
{
	struct guest g;
	char frame[FRAME_MAX];
};

FIXTURE_SETUP(rug)
{
	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &hostile_cfg));
}

FIXTURE_TEARDOWN(rug)
{
	guest_stop(&self->g);
}

static int send_some(struct guest *g, unsigned int n)
{
	char frame[60];
	int r = 0;

	frame_build(frame, sizeof(frame), FRAME_TO_HOST, 1);
	while (n-- && !r)
		r = guest_send(g, frame, sizeof(frame), NULL);
	vq_kick(&g->vq[VQ_TX]);
	return r;
}

TEST_F_TIMEOUT(rug, memory_table_without_buffers, 60)
{
	struct guest *g = &self->g;
	struct arena less = g->arena;

	NOT_FOR_STOCK("gives up on a bad chain");
	less.n = REGION_TX;
	ASSERT_EQ(0, dev_set_mem(g->fd, &less));
	ASSERT_EQ(0, send_some(g, 20));
	EXPECT_EQ(0, guest_drain(g));
	EXPECT_LT(0, eventfd_drain(g->vq[VQ_TX].err));
	/* None got out. */
	EXPECT_EQ(0, wire_recv(&g->wire, self->frame, FRAME_MAX, NULL, 50));
	ASSERT_EQ(0, dev_set_mem(g->fd, &g->arena));
	EXPECT_EQ(0, traffic_alive(g));
}

/* No region at all: receive buffers go back, frames wait or are dropped. */
TEST_F_TIMEOUT(rug, empty_memory_table, 60)
{
	struct guest *g = &self->g;
	struct arena none = {};
	struct vq_used u;

	NOT_FOR_STOCK("gives up on a bad chain");
	ASSERT_EQ(4, guest_post(g, 4));
	ASSERT_EQ(0, dev_set_mem(g->fd, &none));
	ASSERT_EQ(0, inject(g, self->frame, 1));
	EXPECT_TRUE(eventfd_wait(g->vq[VQ_RX].err, STALL_MS));
	ASSERT_TRUE(vq_wait(&g->vq[VQ_RX], STALL_MS));
	while (vq_get_used(&g->vq[VQ_RX], &u) == 1) {
		EXPECT_EQ(0, u.len);
		pool_put(&g->pool[VQ_RX], u.cookie);
	}
	EXPECT_TRUE(quiet());
	ASSERT_EQ(0, dev_set_mem(g->fd, &g->arena));
	ASSERT_LT(0, guest_post(g, 16));
	ASSERT_EQ(0, inject(g, self->frame, 2));
	EXPECT_TRUE(next_frame_arrives(g, self->frame, 2));
	EXPECT_EQ(0, traffic_alive(g));
}

/* Region by region, the table changes under traffic and nothing is lost. */
TEST_F_TIMEOUT(rug, memory_table_swapped_live, 60)
{
	struct traffic t = { .count = 20, .len = len_mixed };
	struct guest *g = &self->g;
	struct arena turned;
	unsigned int i, j;

	for (i = 0; i < 30; i++) {
		turned.n = g->arena.n;
		for (j = 0; j < turned.n; j++)
			turned.region[j] =
				g->arena.region[(i + j) % g->arena.n];
		ASSERT_EQ(0, send_some(g, 20));
		ASSERT_EQ(0, dev_set_mem(g->fd, &turned));
		ASSERT_EQ(0, guest_drain(g));
		for (j = 0; j < 20; j++)
			ASSERT_LT(0, wire_recv(&g->wire, self->frame,
					       FRAME_MAX, NULL, STALL_MS));
		ASSERT_EQ(0, traffic_rx(g, &t));
	}
	EXPECT_EQ(0, eventfd_drain(g->vq[VQ_TX].err));
	EXPECT_EQ(0, eventfd_drain(g->vq[VQ_RX].err));
}

static int queue_good(struct guest *g, char *frame, __u32 seq, int n)
{
	int r = 0;

	for (; n-- && !r; seq++) {
		frame_build(frame, 60, FRAME_TO_HOST, seq);
		r = guest_send(g, frame, 60, NULL);
	}
	return r;
}

/* A bad chain in the middle of good ones: none of those may suffer. */
TEST_F_TIMEOUT(rug, bad_among_good, 60)
{
	struct guest *g = &self->g;
	struct evil e;
	int i, n = 0;

	NOT_FOR_STOCK("gives up on a bad chain");
	ASSERT_EQ(0, evil_init(&e, g, VQ_TX));
	ASSERT_EQ(0, queue_good(g, self->frame, 100, 30));
	evil_loop_two(&e);
	ASSERT_EQ(0, queue_good(g, self->frame, 130, 30));
	evil_kick(&e);
	for (i = 100; i < 160; i++) {
		struct traffic t = { .len = len_fixed_60 };
		int len = wire_recv(&g->wire, self->frame, FRAME_MAX, NULL,
				    STALL_MS);

		ASSERT_LT(0, len);
		ASSERT_EQ(0, traffic_expect(self->frame, len, &t, i));
	}
	while (n < 61 && vq_wait(e.vq, STALL_MS)) {
		struct vq_used u;

		ASSERT_EQ(1, vq_get_used(e.vq, &u));
		EXPECT_EQ(n++ == 30, !u.cookie);
	}
	EXPECT_EQ(61, n);
}

/* What was used while the used ring was away is not forgotten. */
TEST_F_TIMEOUT(rug, used_ring_gone_then_attached, 60)
{
	struct guest *g = &self->g;
	struct evil e;

	NOT_FOR_STOCK("forgets what it could not write");
	ASSERT_EQ(0, evil_init(&e, g, VQ_TX));
	evil_used_gone(&e);
	evil_kick(&e);
	ASSERT_TRUE(eventfd_wait(e.vq->err, STALL_MS));
	ASSERT_EQ(0, guest_attach(g, -1));
	evil_mend_pages(&e);
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, wait_returned(&e));
}

TEST_HARNESS_MAIN
