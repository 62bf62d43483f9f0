// SPDX-License-Identifier: GPL-2.0
/*
 * What hostile_test.c does, to a packed ring, and what only can be done to
 * such a one: names of buffers, wrap counters, events, and entries that
 * change while the device is at them.
 */
#include "fixture.h"

#include <sys/mman.h>

#include "guest.h"

#define START	255

/* Every chain of more than one entry reaches over the end of the ring. */
static const struct guest_cfg hostile_cfg = {
	.features = F_V1 | F_INDIRECT | F_PACKED,
	.start = START,
};

#include "hostile.h"

FIXTURE_VARIANT_ADD(tx, wraps)
{ evil_packed_wraps, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(tx, whole_ring)
{ evil_packed_whole_ring, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(tx, length_0)
{ evil_packed_length_0, RETURNED, "bad-hdr", NULL };
FIXTURE_VARIANT_ADD(tx, indirect_65537)
{ evil_indirect_65537, RETURNED, "bad-long", NULL };
FIXTURE_VARIANT_ADD(tx, table_goes_on)
{ evil_packed_table_goes_on, RETURNED, "bad-indirect", NULL };
FIXTURE_VARIANT_ADD(tx, table_last)
{ evil_packed_table_last, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(tx, table_write)
{ evil_packed_table_write, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(tx, table_flags)
{ evil_packed_table_flags, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(tx, table_4g)
{ evil_packed_table_4g, RETURNED, "bad-long", NULL };
FIXTURE_VARIANT_ADD(tx, table_wraps)
{ evil_packed_table_wraps, RETURNED, "bad-indirect", NULL };
FIXTURE_VARIANT_ADD(tx, endless)
{ evil_packed_endless, BREAKS, "bad-ring", evil_packed_mend_end };
FIXTURE_VARIANT_ADD(tx, ring_gone)
{ evil_desc_gone, BREAKS, "bad-ring", evil_mend_pages };
FIXTURE_VARIANT_ADD(tx, ring_readonly)
{ evil_packed_ring_readonly, BREAKS, "bad-ring", evil_mend_pages };
FIXTURE_VARIANT_ADD(tx, events_gone)
{ evil_used_gone, BREAKS, "bad-ring", evil_mend_pages };

FIXTURE_VARIANT_ADD(rx, wraps)
{ evil_packed_wraps, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(rx, whole_ring)
{ evil_packed_whole_ring, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(rx, length_0)
{ evil_packed_length_0, RETURNED, "bad-hdr", NULL };
FIXTURE_VARIANT_ADD(rx, indirect_65537)
{ evil_indirect_65537, RETURNED, "bad-order", NULL };
FIXTURE_VARIANT_ADD(rx, table_goes_on)
{ evil_packed_table_goes_on, RETURNED, "bad-indirect", NULL };
FIXTURE_VARIANT_ADD(rx, table_last)
{ evil_packed_table_last, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(rx, table_write)
{ evil_packed_table_write, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(rx, table_flags)
{ evil_packed_table_flags, PASSES, NULL, NULL };
FIXTURE_VARIANT_ADD(rx, table_4g)
{ evil_packed_table_4g, RETURNED, "bad-order", NULL };
FIXTURE_VARIANT_ADD(rx, table_wraps)
{ evil_packed_table_wraps, RETURNED, "bad-indirect", NULL };
FIXTURE_VARIANT_ADD(rx, endless)
{ evil_packed_endless, BREAKS, "bad-ring", evil_packed_mend_end };
FIXTURE_VARIANT_ADD(rx, ring_gone)
{ evil_desc_gone, BREAKS, "bad-ring", evil_mend_pages };
FIXTURE_VARIANT_ADD(rx, ring_readonly)
{ evil_packed_ring_readonly, BREAKS, "bad-ring", evil_mend_pages };

/* Entries without the guest's model of them: of any name, at any time. */
FIXTURE(raw)
{
	struct guest g;
	struct evil e;
	char frame[FRAME_MAX];
};

FIXTURE_VARIANT(raw)
{
	unsigned int index;
};

FIXTURE_VARIANT_ADD(raw, tx) { VQ_TX };
FIXTURE_VARIANT_ADD(raw, rx) { VQ_RX };

FIXTURE_SETUP(raw)
{
	RUN_IF_SELECTED();
	NEEDS(F_PACKED);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &hostile_cfg));
	ASSERT_EQ(0, evil_init(&self->e, &self->g, variant->index));
}

FIXTURE_TEARDOWN(raw)
{
	guest_stop(&self->g);
}

/* A buffer with the good packet, in as many entries as @parts, named @id. */
static void put_named(struct evil *e, __u16 id, unsigned int parts)
{
	unsigned int i, len = EVIL_LEN / parts;
	struct vring_packed_desc d;

	for (i = 0; i < parts; i++) {
		d.addr = e->gpa + i * len;
		d.len = i + 1 < parts ? len : EVIL_LEN - i * len;
		d.flags = e->dir | (i + 1 < parts ? VRING_DESC_F_NEXT : 0);
		d.id = i + 1 < parts ? id + 1 : id;
		vq_put_entry(e->vq, &d, !i);
	}
}

/* Comes a buffer back? Then it has this name, and is full or empty. */
static bool named_back(struct evil *e, __u16 id, unsigned int parts)
{
	struct vring_packed_desc d;
	__s64 end = now_ms() + STALL_MS;
	int r;

	do {
		r = vq_take_entry(e->vq, &d, parts);
	} while (!r && now_ms() < end);
	return r == 1 && d.id == id && d.len == (e->dir ? EVIL_LEN : 0);
}

/* What the guest calls its buffers is its own business. */
TEST_F(raw, names)
{
	static const __u16 id[] = { 65535, 7, 7, 7, 256, 0, 0x8000, 0, 255 };
	struct evil *e = &self->e;
	bool intact = false;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(id); i++)
		put_named(e, id[i], 1 + i % 3);
	evil_kick(e);
	for (i = 0; i < ARRAY_SIZE(id); i++) {
		if (e->dir)
			ASSERT_EQ(0, inject(&self->g, self->frame, i));
		ASSERT_TRUE(named_back(e, id[i], 1 + i % 3));
		if (e->dir)
			EXPECT_TRUE(evil_received(e, EVIL_LEN, i));
	}
	if (!e->dir) {
		EXPECT_EQ(ARRAY_SIZE(id), catch_frames(&self->g, self->frame,
						       STALL_MS, &intact));
		EXPECT_TRUE(intact);
	}
	EXPECT_EQ(0, eventfd_drain(e->vq->err));
	EXPECT_EQ(0, traffic_alive(&self->g));
}

/* Not available are entries of the lap before, of the next one, and used. */
TEST_F(raw, other_lap)
{
	static const __u16 bits[] = {
		0, BIT(VRING_PACKED_DESC_F_USED),
		BIT(VRING_PACKED_DESC_F_USED) | BIT(VRING_PACKED_DESC_F_AVAIL),
	};
	struct evil *e = &self->e;
	struct vring_packed_desc *d = &e->vq->packed.desc[START];
	unsigned int i;
	bool intact = true;
	__u16 good;

	/* Its first turn, if that is late, would use the buffer. */
	ASSERT_TRUE(has_run(&self->g, e->vq->index, 0));
	put_named(e, 3, 1);
	vq_publish(e->vq);
	good = d->flags;
	d->flags = 0;
	if (e->dir)
		ASSERT_EQ(0, inject(&self->g, self->frame, 1));
	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		d->flags = (good & VRING_DESC_F_WRITE) | bits[i];
		evil_kick(e);
		EXPECT_EQ(0, catch_frames(&self->g, self->frame, 50, &intact));
		EXPECT_EQ(EVIL_LEN, d->len);
		EXPECT_EQ(START, count(&self->g, e->vq->index, "next-avail"));
	}
	d->flags = good;
	evil_kick(e);
	EXPECT_TRUE(named_back(e, 3, 1));
	EXPECT_EQ(0, eventfd_drain(e->vq->err));
	EXPECT_TRUE(quiet());
	if (!e->dir)
		EXPECT_EQ(1, catch_frames(&self->g, self->frame, 100, &intact));
	EXPECT_EQ(0, traffic_alive(&self->g));
}

/*
 * The ring has no end, and that is mended where the device has looked already:
 * it must look again.
 */
TEST_F(raw, mended_in_front)
{
	struct evil *e = &self->e;
	struct vring_packed_desc *d = e->vq->packed.desc;
	struct vring_packed_desc was[START];
	unsigned int i;

	memcpy(was, d, sizeof(was));
	for (i = 0; i < START; i++) {
		d[i].id = 9;
		d[i].flags = BIT(VRING_PACKED_DESC_F_USED) | VRING_DESC_F_NEXT;
	}
	put_named(e, 3, 1);
	e->vq->packed.hidden_flags[0] |= VRING_DESC_F_NEXT;
	if (e->dir)
		ASSERT_EQ(0, inject(&self->g, self->frame, 1));
	evil_kick(e);
	ASSERT_TRUE(eventfd_wait(e->vq->err, STALL_MS));
	EXPECT_TRUE(comes_to_say(&self->g, e->vq->index, "broken", "bad-ring"));
	__atomic_fetch_and(&d[START].flags, (__u16)~VRING_DESC_F_NEXT,
			   __ATOMIC_RELEASE);
	for (i = 0; i < START; i++)
		__atomic_store_n(&d[i].flags, was[i].flags, __ATOMIC_RELEASE);
	evil_kick(e);
	ASSERT_TRUE(named_back(e, 3, 1));
	if (e->dir)
		EXPECT_TRUE(evil_received(e, EVIL_LEN, 1));
	catch_frames(&self->g, self->frame, 100, &(bool){ false });
	EXPECT_TRUE(comes_to_say(&self->g, e->vq->index, "state", "running"));
	EXPECT_EQ(0, traffic_alive(&self->g));
}

/* What the guest says of interrupts makes no sense. */
FIXTURE(event)
{
	struct guest g;
	char frame[FRAME_MAX];
};

FIXTURE_VARIANT(event)
{
	__u64 features;
	__u16 flags, off_wrap;
	bool calls;		/* if in doubt */
};

#define DESC	VRING_PACKED_EVENT_FLAG_DESC
#define DISABLE	VRING_PACKED_EVENT_FLAG_DISABLE

FIXTURE_VARIANT_ADD(event, flags_3) { 0, 3, 0, true };
FIXTURE_VARIANT_ADD(event, flags_ffff) { 0, 0xffff, 0xffff, true };
FIXTURE_VARIANT_ADD(event, desc_not_agreed) { 0, DESC, 0x7fff, true };
FIXTURE_VARIANT_ADD(event, disable) { 0, DISABLE, 0, false };
FIXTURE_VARIANT_ADD(event, idx_flags_3) { F_EVENT, 3, 0, true };
FIXTURE_VARIANT_ADD(event, idx_flags_ffff) { F_EVENT, 0xffff, 0xffff, true };
FIXTURE_VARIANT_ADD(event, idx_256) { F_EVENT, DESC, 256, false };
FIXTURE_VARIANT_ADD(event, idx_7fff) { F_EVENT, DESC, 0x7fff, false };
FIXTURE_VARIANT_ADD(event, idx_8100) { F_EVENT, DESC, 0x8100, false };
FIXTURE_VARIANT_ADD(event, idx_ffff) { F_EVENT, DESC, 0xffff, false };

FIXTURE_SETUP(event)
{
	struct guest_cfg cfg = hostile_cfg;

	RUN_IF_SELECTED();
	NEEDS(F_PACKED);
	cfg.features |= variant->features;
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(event)
{
	guest_stop(&self->g);
}

/* Is it used, without that the guest says to want a call? */
static bool used_unasked(struct vq *vq)
{
	__s64 end = now_ms() + STALL_MS;

	while (!vq_more_used(vq) && now_ms() < end)
		;
	return vq_more_used(vq);
}

TEST_F(event, nonsense)
{
	struct vq *vq = &self->g.vq[VQ_TX];
	struct vring_packed_desc_event *said = vq->packed.driver;
	unsigned int i;

	/* The first call after the start is always made. */
	ASSERT_EQ(0, traffic_alive(&self->g));
	said->off_wrap = variant->off_wrap;
	said->flags = variant->flags;
	for (i = 0; i < 300; i++) {
		frame_build(self->frame, 60, FRAME_TO_HOST, i);
		ASSERT_EQ(0, guest_send(&self->g, self->frame, 60, NULL));
		vq_kick(vq);
		ASSERT_TRUE(used_unasked(vq));
		if (variant->calls)
			ASSERT_TRUE(eventfd_wait(vq->call, STALL_MS));
		eventfd_drain(vq->call);
		ASSERT_EQ(1, guest_reap(&self->g));
		ASSERT_LT(0, wire_recv(&self->g.wire, self->frame, FRAME_MAX,
				       NULL, STALL_MS));
	}
	EXPECT_EQ(0, eventfd_drain(vq->err));
	EXPECT_TRUE(says(&self->g, VQ_TX, "state", "running"));
	EXPECT_EQ(0, traffic_alive(&self->g));
}

/* It can't be read at all: then the guest is told rather than not. */
TEST_F(event, gone)
{
	struct guest *g = &self->g;
	struct vq *vq = &g->vq[VQ_TX];
	struct evil e;

	ASSERT_EQ(0, evil_init(&e, g, VQ_TX));
	evil_take_events(&e, PROT_NONE);
	evil_kick(&e);
	ASSERT_TRUE(used_unasked(vq));
	EXPECT_TRUE(eventfd_wait(vq->call, STALL_MS));
	evil_mend_pages(&e);
	EXPECT_EQ(0, wait_returned(&e));
	EXPECT_LT(0, wire_recv(&g->wire, self->frame, FRAME_MAX, NULL,
			       STALL_MS));
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_HARNESS_MAIN
