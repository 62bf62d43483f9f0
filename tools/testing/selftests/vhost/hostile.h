/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What becomes of one chain, or of a ring, that breaks the rules: for tests
 * that say first, in hostile_cfg, what guest it is, and add chains that only
 * its format knows. To be included once.
 */
#ifndef VHT_HOSTILE_H
#define VHT_HOSTILE_H

#include "counters.h"
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
	const char *reason;	/* counted, unless it can be argued */
	evil_fn mend;
};

FIXTURE_VARIANT_ADD(tx, order)
{ evil_order, RETURNED, "bad-order", NULL };
FIXTURE_VARIANT_ADD(tx, direction)
{ evil_direction, RETURNED, "bad-direction", NULL };
FIXTURE_VARIANT_ADD(tx, direction_part)
{ evil_direction_part, RETURNED, "bad-direction", NULL };
FIXTURE_VARIANT_ADD(tx, all_empty)
{ evil_all_empty, RETURNED, "bad-hdr", NULL };
FIXTURE_VARIANT_ADD(tx, one_empty)
{ evil_one_empty, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(tx, short_header)
{ evil_short_header, RETURNED, "bad-hdr", NULL };
FIXTURE_VARIANT_ADD(tx, header_only)
{ evil_header_only, REFUSED, NULL, NULL };
FIXTURE_VARIANT_ADD(tx, address_outside)
{ evil_address_outside, RETURNED, "bad-addr", NULL };
FIXTURE_VARIANT_ADD(tx, address_zero)
{ evil_address_zero, RETURNED, "bad-addr", NULL };
FIXTURE_VARIANT_ADD(tx, address_wraps)
{ evil_address_wraps, RETURNED, "bad-addr", NULL };
FIXTURE_VARIANT_ADD(tx, length_4g)
{ evil_length_4g, RETURNED, "bad-addr", NULL };
FIXTURE_VARIANT_ADD(tx, into_hole)
{ evil_into_hole, RETURNED, "bad-addr", NULL };
FIXTURE_VARIANT_ADD(tx, across_seam)
{ evil_across_seam, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(tx, page_gone)
{ evil_page_gone, RETURNED, "bad-data", NULL };
FIXTURE_VARIANT_ADD(tx, page_readonly)
{ evil_page_readonly, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(tx, indirect_empty)
{ evil_indirect_empty, RETURNED, "bad-indirect", NULL };
FIXTURE_VARIANT_ADD(tx, indirect_odd)
{ evil_indirect_odd, RETURNED, "bad-indirect", NULL };
FIXTURE_VARIANT_ADD(tx, indirect_one)
{ evil_indirect_one, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(tx, indirect_1024)
{ evil_indirect_1024, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(tx, indirect_1025)
{ evil_indirect_1025, RETURNED, "bad-long", NULL };
FIXTURE_VARIANT_ADD(tx, indirect_nested)
{ evil_indirect_nested, RETURNED, "bad-indirect", NULL };
FIXTURE_VARIANT_ADD(tx, indirect_outside)
{ evil_indirect_outside, RETURNED, "bad-indirect", NULL };
FIXTURE_VARIANT_ADD(tx, indirect_unmapped)
{ evil_indirect_unmapped, RETURNED, "bad-indirect", NULL };
FIXTURE_VARIANT_ADD(tx, csum_outside)
{ evil_csum_outside, REFUSED, NULL, NULL };
FIXTURE_VARIANT_ADD(tx, gso_unknown)
{ evil_gso_unknown, REFUSED, NULL, NULL };
FIXTURE_VARIANT_ADD(tx, gso_zero)
{ evil_gso_zero, REFUSED, NULL, NULL };
FIXTURE_VARIANT_ADD(tx, hdr_len_huge)
{ evil_hdr_len_huge, REFUSED, NULL, NULL };
FIXTURE_VARIANT_ADD(tx, header_all_ones)
{ evil_header_all_ones, REFUSED, NULL, NULL };
FIXTURE_VARIANT_ADD(tx, frame_1)
{ evil_frame_1, REFUSED, NULL, NULL };
FIXTURE_VARIANT_ADD(tx, frame_13)
{ evil_frame_13, REFUSED, NULL, NULL };

FIXTURE_SETUP(tx)
{
	RUN_IF_SELECTED();
	if (!(hostile_cfg.features & F_PACKED))
		NOT_FOR_PACKED("hostile_packed_test");
	else
		NEEDS(F_PACKED);
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
		EXPECT_TRUE(comes_to_say(g, e->vq->index, "broken",
					 variant->reason));
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
	if (variant->outcome == RETURNED) {
		EXPECT_LT(0, eventfd_drain(e->vq->err));
		EXPECT_TRUE(counts_to(g, VQ_TX, variant->reason, 1));
	}
	if (variant->outcome == PASSES)
		EXPECT_EQ(0, eventfd_drain(e->vq->err));
	EXPECT_TRUE(quiet());
	EXPECT_TRUE(comes_to_say(g, VQ_TX, "state", "running"));
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
	const char *reason;	/* counted, unless it can be argued */
	evil_fn mend;
};

FIXTURE_VARIANT_ADD(rx, order)
{ evil_order, RETURNED, "bad-order", NULL };
FIXTURE_VARIANT_ADD(rx, direction)
{ evil_direction, RETURNED, "bad-direction", NULL };
FIXTURE_VARIANT_ADD(rx, direction_part)
{ evil_direction_part, RETURNED, "bad-direction", NULL };
FIXTURE_VARIANT_ADD(rx, all_empty)
{ evil_all_empty, RETURNED, "bad-hdr", NULL };
FIXTURE_VARIANT_ADD(rx, one_empty)
{ evil_one_empty, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(rx, short_header)
{ evil_short_header, RETURNED, "bad-hdr", NULL };
FIXTURE_VARIANT_ADD(rx, address_outside)
{ evil_address_outside, RETURNED, "bad-addr", NULL };
FIXTURE_VARIANT_ADD(rx, address_zero)
{ evil_address_zero, RETURNED, "bad-addr", NULL };
FIXTURE_VARIANT_ADD(rx, address_wraps)
{ evil_address_wraps, RETURNED, "bad-addr", NULL };
FIXTURE_VARIANT_ADD(rx, length_4g)
{ evil_length_4g, RETURNED, "bad-addr", NULL };
FIXTURE_VARIANT_ADD(rx, into_hole)
{ evil_into_hole, RETURNED, "bad-addr", NULL };
FIXTURE_VARIANT_ADD(rx, across_seam)
{ evil_across_seam, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(rx, page_gone)
{ evil_page_gone, RETURNED, "bad-data", NULL };
FIXTURE_VARIANT_ADD(rx, page_readonly)
{ evil_page_readonly, RETURNED, "bad-data", NULL };
FIXTURE_VARIANT_ADD(rx, indirect_empty)
{ evil_indirect_empty, RETURNED, "bad-indirect", NULL };
FIXTURE_VARIANT_ADD(rx, indirect_odd)
{ evil_indirect_odd, RETURNED, "bad-indirect", NULL };
FIXTURE_VARIANT_ADD(rx, indirect_one)
{ evil_indirect_one, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(rx, indirect_1024)
{ evil_indirect_1024, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(rx, indirect_1025)
{ evil_indirect_1025, RETURNED, "bad-long", NULL };
FIXTURE_VARIANT_ADD(rx, indirect_nested)
{ evil_indirect_nested, RETURNED, "bad-indirect", NULL };
FIXTURE_VARIANT_ADD(rx, indirect_outside)
{ evil_indirect_outside, RETURNED, "bad-indirect", NULL };
FIXTURE_VARIANT_ADD(rx, indirect_unmapped)
{ evil_indirect_unmapped, RETURNED, "bad-indirect", NULL };

FIXTURE_SETUP(rx)
{
	RUN_IF_SELECTED();
	if (!(hostile_cfg.features & F_PACKED))
		NOT_FOR_PACKED("hostile_packed_test");
	else
		NEEDS(F_PACKED);
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
		EXPECT_TRUE(comes_to_say(g, e->vq->index, "broken",
					 variant->reason));
		EXPECT_TRUE(quiet());
		EXPECT_EQ(0, traffic_tx(g, &tx));
		variant->mend(e);
		evil_kick(e);
	}
	len = wait_returned(e);
	if (variant->outcome == RETURNED) {
		EXPECT_EQ(0, len);
		EXPECT_LT(0, eventfd_drain(e->vq->err));
		EXPECT_TRUE(counts_to(g, VQ_RX, variant->reason, 1));
		EXPECT_LT(0, guest_post(g, 8));
		ASSERT_EQ(0, inject(g, self->frame, 2));
		EXPECT_TRUE(next_frame_arrives(g, self->frame, 2));
	} else {
		EXPECT_TRUE(evil_received(e, len, 1));
	}
	if (variant->outcome == PASSES)
		EXPECT_EQ(0, eventfd_drain(e->vq->err));
	EXPECT_TRUE(quiet());
	EXPECT_TRUE(comes_to_say(g, VQ_RX, "state", "running"));
	EXPECT_EQ(0, traffic_alive(g));
	ASSERT_EQ(0, guest_attach(g, -1));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, traffic_alive(g));
}

#endif
