// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that breaks every rule of the ring. The device must survive, say
 * so on the err eventfd, and go on: a bad chain comes back with length 0 and
 * what follows it is served; a ring that makes no sense any more stands
 * still, without burning time, until it is mended or attached anew.
 */
#include "fixture.h"

#include <sys/mman.h>

#include "guest.h"

static const struct guest_cfg hostile_cfg = {
	.features = F_V1 | F_INDIRECT,
};

#include "hostile.h"

FIXTURE_VARIANT_ADD(tx, loop_self)
{ evil_loop_self, RETURNED, "bad-loop", NULL };
FIXTURE_VARIANT_ADD(tx, loop_two)
{ evil_loop_two, RETURNED, "bad-loop", NULL };
FIXTURE_VARIANT_ADD(tx, next_outside)
{ evil_next_outside, RETURNED, "bad-next", NULL };
FIXTURE_VARIANT_ADD(tx, next_far_outside)
{ evil_next_far_outside, RETURNED, "bad-next", NULL };
FIXTURE_VARIANT_ADD(tx, indirect_65537)
{ evil_indirect_65537, RETURNED, "bad-indirect", NULL };
FIXTURE_VARIANT_ADD(tx, indirect_loop)
{ evil_indirect_loop, RETURNED, "bad-loop", NULL };
FIXTURE_VARIANT_ADD(tx, indirect_next)
{ evil_indirect_next, RETURNED, "bad-next", NULL };
FIXTURE_VARIANT_ADD(tx, head_outside)
{ evil_head_outside, BREAKS, "bad-head", evil_mend_head };
FIXTURE_VARIANT_ADD(tx, head_65535)
{ evil_head_65535, BREAKS, "bad-head", evil_mend_head };
FIXTURE_VARIANT_ADD(tx, index_jump)
{ evil_index_jump, BREAKS, "bad-index", evil_mend_index };
FIXTURE_VARIANT_ADD(tx, index_back)
{ evil_index_back, BREAKS, "bad-index", evil_mend_index };
FIXTURE_VARIANT_ADD(tx, avail_gone)
{ evil_avail_gone, BREAKS, "bad-ring", evil_mend_pages };
FIXTURE_VARIANT_ADD(tx, desc_gone)
{ evil_desc_gone, BREAKS, "bad-ring", evil_mend_pages };
FIXTURE_VARIANT_ADD(tx, used_gone)
{ evil_used_gone, BREAKS, "bad-ring", evil_mend_pages };
FIXTURE_VARIANT_ADD(tx, used_readonly)
{ evil_used_readonly, BREAKS, "bad-ring", evil_mend_pages };
FIXTURE_VARIANT_ADD(rx, loop_self)
{ evil_loop_self, RETURNED, "bad-loop", NULL };
FIXTURE_VARIANT_ADD(rx, loop_two)
{ evil_loop_two, RETURNED, "bad-loop", NULL };
FIXTURE_VARIANT_ADD(rx, next_outside)
{ evil_next_outside, RETURNED, "bad-next", NULL };
FIXTURE_VARIANT_ADD(rx, next_far_outside)
{ evil_next_far_outside, RETURNED, "bad-next", NULL };
FIXTURE_VARIANT_ADD(rx, indirect_65537)
{ evil_indirect_65537, RETURNED, "bad-indirect", NULL };
FIXTURE_VARIANT_ADD(rx, indirect_loop)
{ evil_indirect_loop, RETURNED, "bad-loop", NULL };
FIXTURE_VARIANT_ADD(rx, indirect_next)
{ evil_indirect_next, RETURNED, "bad-next", NULL };
FIXTURE_VARIANT_ADD(rx, head_outside)
{ evil_head_outside, BREAKS, "bad-head", evil_mend_head };
FIXTURE_VARIANT_ADD(rx, head_65535)
{ evil_head_65535, BREAKS, "bad-head", evil_mend_head };
FIXTURE_VARIANT_ADD(rx, index_jump)
{ evil_index_jump, BREAKS, "bad-index", evil_mend_index };
FIXTURE_VARIANT_ADD(rx, index_back)
{ evil_index_back, BREAKS, "bad-index", evil_mend_index };
FIXTURE_VARIANT_ADD(rx, avail_gone)
{ evil_avail_gone, BREAKS, "bad-ring", evil_mend_pages };
FIXTURE_VARIANT_ADD(rx, desc_gone)
{ evil_desc_gone, BREAKS, "bad-ring", evil_mend_pages };
FIXTURE_VARIANT_ADD(rx, used_gone)
{ evil_used_gone, BREAKS, "bad-ring", evil_mend_pages };
FIXTURE_VARIANT_ADD(rx, used_readonly)
{ evil_used_readonly, BREAKS, "bad-ring", evil_mend_pages };

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

TEST_F(rug, memory_table_without_buffers)
{
	struct guest *g = &self->g;
	struct arena less = g->arena;

	NOT_FOR_STOCK("gives up on a bad chain");
	less.n = REGION_TX;
	ASSERT_EQ(0, dev_set_mem(g->fd, &less));
	ASSERT_EQ(0, send_some(g, 20));
	EXPECT_EQ(0, guest_drain(g));
	EXPECT_TRUE(eventfd_comes(g->vq[VQ_TX].err));
	/* None got out. */
	EXPECT_EQ(0, wire_recv(&g->wire, self->frame, FRAME_MAX, NULL, 50));
	ASSERT_EQ(0, dev_set_mem(g->fd, &g->arena));
	EXPECT_EQ(0, traffic_alive(g));
}

/* No region at all: receive buffers go back, frames wait or are dropped. */
TEST_F(rug, empty_memory_table)
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

/* Memory at both ends of all addresses does not meet there. */
TEST_F(rug, past_the_last_address)
{
	struct vq_seg seg = { LAST_PAGE, 2 * PAGE, 0 };
	struct guest *g = &self->g;
	struct vq_used u;
	unsigned int i;

	NOT_FOR_STOCK("gives up on a bad chain");
	ASSERT_LE(0, arena_add(&g->arena, LAST_PAGE, PAGE));
	ASSERT_LE(0, arena_add(&g->arena, 0, PAGE));
	ASSERT_EQ(0, dev_set_mem(g->fd, &g->arena));
	ASSERT_EQ(0, inject(g, self->frame, 1));
	for (i = 0; i < VQ_MAX; i++) {
		seg.flags = i == VQ_RX ? VRING_DESC_F_WRITE : 0;
		ASSERT_EQ(0, vq_add(&g->vq[i], &seg, 1, &seg));
		vq_kick(&g->vq[i]);
		ASSERT_TRUE(vq_wait(&g->vq[i], STALL_MS));
		ASSERT_EQ(1, vq_get_used(&g->vq[i], &u));
		EXPECT_EQ(0, u.len);
		EXPECT_TRUE(eventfd_comes(g->vq[i].err));
	}
	ASSERT_LT(0, guest_post(g, 16));
	EXPECT_TRUE(next_frame_arrives(g, self->frame, 1));
	EXPECT_EQ(0, traffic_alive(g));
}

/* Region by region, the table changes under traffic and nothing is lost. */
TEST_F(rug, memory_table_swapped_live)
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
TEST_F(rug, bad_among_good)
{
	struct guest *g = &self->g;
	struct evil e;
	int i, n = 0;

	NOT_FOR_STOCK("gives up on a bad chain");
	ASSERT_EQ(0, evil_init(&e, g, VQ_TX));
	ASSERT_EQ(0, queue_good(g, self->frame, 100, 30));
	evil_order(&e);
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
TEST_F(rug, used_ring_gone_then_attached)
{
	struct guest *g = &self->g;
	struct evil e;

	NOT_FOR_STOCK("forgets what it could not write");
	ASSERT_EQ(0, evil_init(&e, g, VQ_TX));
	if (evil_is_packed(&e))
		evil_packed_ring_readonly(&e);
	else
		evil_used_gone(&e);
	evil_kick(&e);
	ASSERT_TRUE(eventfd_wait(e.vq->err, STALL_MS));
	ASSERT_EQ(0, guest_attach(g, -1));
	evil_mend_pages(&e);
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, wait_returned(&e));
}

TEST_HARNESS_MAIN
