// SPDX-License-Identifier: GPL-2.0
/*
 * What must not happen on the way back to the guest: bad buffers that look
 * filled, used buffers that it never hears of.
 */
#include "fixture.h"

#include <errno.h>
#include <sys/mman.h>

#include "guest.h"
#include "netif.h"
#include "stall.h"
#include "traffic.h"

#define NOWHERE		0x7700000000ULL
#define BAD		5
#define RING		512
/* The last entry in the first page of such a ring, and some behind it. */
#define AT		255
#define FRAMES		12
/* Entries of a chain that half of the ring has no room for. */
#define LONG		300

static char frame[2048];

/* Buffers that are bad in a row come back one by one, all of them empty. */
FIXTURE(bad)
{
	struct guest g;
};

FIXTURE_VARIANT(bad)
{
	__u64 features;
};

FIXTURE_VARIANT_ADD(bad, split) { F_V1 };
FIXTURE_VARIANT_ADD(bad, split_in_order) { F_V1 | F_IN_ORDER };
FIXTURE_VARIANT_ADD(bad, packed) { F_V1 | F_PACKED };
FIXTURE_VARIANT_ADD(bad, packed_in_order) { F_V1 | F_PACKED | F_IN_ORDER };

FIXTURE_SETUP(bad)
{
	struct guest_cfg cfg = { .features = variant->features };

	RUN_IF_SELECTED();
	NEEDS(variant->features & (F_PACKED | F_IN_ORDER));
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(bad)
{
	guest_stop(&self->g);
}

TEST_F(bad, rx_in_a_row)
{
	struct vq_seg seg = { NOWHERE, 1600, VRING_DESC_F_WRITE };
	struct guest *g = &self->g;
	struct vq *vq = &g->vq[VQ_RX];
	struct vq_used u;
	int i;

	for (i = 0; i < BAD; i++)
		ASSERT_EQ(0, vq_add(vq, &seg, 1, &frame));
	vq_kick(vq);
	frame_build(frame, 60, FRAME_TO_GUEST, 1);
	ASSERT_EQ(0, wire_send_wait(&g->wire, frame, 60, NULL));
	for (i = 0; i < BAD; i++) {
		ASSERT_TRUE(vq_wait(vq, STALL_MS));
		ASSERT_EQ(1, vq_get_used(vq, &u));
		EXPECT_EQ(0, u.len);
		EXPECT_EQ(&frame, u.cookie);
	}
}

/* A packed ring of two pages, about to go from the first to the second. */
FIXTURE(packed)
{
	struct guest g;
	struct vq *tx;
	void *events;
};

FIXTURE_SETUP(packed)
{
	struct guest_cfg cfg = {
		.features = F_V1 | F_PACKED | F_EVENT,
		.num = { RING, RING },
		.start = AT,
	};

	RUN_IF_SELECTED();
	NEEDS(F_PACKED);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	self->tx = &self->g.vq[VQ_TX];
	self->events = self->tx->packed.device;
}

FIXTURE_TEARDOWN(packed)
{
	self->tx->packed.device = self->events;
	guest_stop(&self->g);
}

static int post_frames(struct guest *g)
{
	int i, r = 0;

	for (i = 0; i < FRAMES && !r; i++) {
		frame_build(frame, 60, FRAME_TO_HOST, i);
		r = guest_send(g, frame, 60, NULL);
	}
	return r;
}

static bool come_out(struct guest *g)
{
	static char got[2048];
	int i, len;

	for (i = 0; i < FRAMES; i++) {
		frame_build(frame, 60, FRAME_TO_HOST, i);
		len = wire_recv(&g->wire, got, sizeof(got), NULL, STALL_MS);
		if (len != 60 || memcmp(got, frame, 60))
			return false;
	}
	return true;
}

/*
 * Used entries can be written behind the first one, but not the first one: it
 * is what the guest waits for.
 */
static void tear(struct __test_metadata *_metadata, struct guest *g)
{
	struct vq *tx = &g->vq[VQ_TX];
	void *page = tx->packed.desc;

	ASSERT_EQ(0, post_frames(g));
	/* A turn that is not over would find them before the ring goes. */
	ASSERT_TRUE(workers_asleep());
	vq_publish(tx);
	ASSERT_EQ(0, mprotect(page, PAGE, PROT_READ));
	vq_kick(tx);
	ASSERT_TRUE(come_out(g));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, -1));
	ASSERT_EQ(0, mprotect(page, PAGE, PROT_READ | PROT_WRITE));
}

static void torn(struct __test_metadata *_metadata, struct guest *g,
		 bool set_base)
{
	long long base;

	tear(_metadata, g);
	base = dev_get_base(g->fd, VQ_TX);
	ASSERT_LE(0, base);
	if (set_base)
		ASSERT_EQ(0, dev_vring_state(g->fd, VHOST_SET_VRING_BASE,
					     VQ_TX, base));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, g->backend.fd));
	EXPECT_EQ(0, guest_drain(g));
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_F(packed, torn_and_detached)
{
	torn(_metadata, &self->g, false);
}

TEST_F(packed, torn_and_set)
{
	torn(_metadata, &self->g, true);
}

/*
 * A ring that has stopped is the guest's alone, whatever could not be shown in
 * it: nothing is written there when it is stopped again, or lost for good.
 */
TEST_F(packed, torn_and_over)
{
	struct vring_packed_desc *desc = self->tx->packed.desc;
	static struct vring_packed_desc was[RING];
	struct guest *g = &self->g;

	tear(_metadata, g);
	memcpy(was, desc, sizeof(was));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, -1));
	EXPECT_EQ(0, memcmp(was, desc, sizeof(was)));
	ASSERT_EQ(0, dev_reset_owner(g->fd));
	EXPECT_EQ(0, memcmp(was, desc, sizeof(was)));
}

/*
 * As the ring stops with buffers that could not be shown, it becomes a smaller
 * one. They have no place there: nothing is written, least of all behind it.
 */
TEST_F(packed, torn_and_smaller)
{
	struct vring_packed_desc *desc = self->tx->packed.desc;
	static struct vring_packed_desc was[RING];
	struct guest *g = &self->g;
	struct vq_seg seg[LONG];
	unsigned int i;

	for (i = 0; i < LONG; i++)
		seg[i] = (struct vq_seg) { NOWHERE, 100, 0 };
	ASSERT_EQ(0, vq_add(self->tx, seg, LONG, &frame));
	ASSERT_EQ(0, vq_add(self->tx, seg, RING - LONG - 1, &frame));
	ASSERT_TRUE(workers_asleep());
	vq_publish(self->tx);
	ASSERT_EQ(0, mprotect(desc, 2 * PAGE, PROT_READ));
	vq_kick(self->tx);
	ASSERT_TRUE(eventfd_wait(self->tx->err, STALL_MS));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, -1));
	ASSERT_EQ(0, mprotect(desc, 2 * PAGE, PROT_READ | PROT_WRITE));
	memcpy(was, desc, sizeof(was));
	ASSERT_EQ(0, dev_vring_state(g->fd, VHOST_SET_VRING_NUM, VQ_TX,
				     RING / 2));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, g->backend.fd));
	vq_kick(self->tx);
	pause_ms(100);
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, -1));
	EXPECT_EQ(0, memcmp(was + RING / 2, desc + RING / 2, sizeof(was) / 2));
}

/* The new place says "no kicks", for whatever reason. */
TEST_F(packed, events_elsewhere)
{
	struct vring_packed_desc_event *e = guarded_map(PAGE);
	struct traffic t = { .count = 200, .len = len_mixed };
	struct guest *g = &self->g;
	struct vq *tx = self->tx;

	ASSERT_NE(NULL, e);
	ASSERT_EQ(0, traffic_alive(g));
	e->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	vq_place(tx, tx->packed.desc, tx->packed.driver, e);
	ASSERT_EQ(0, dev_set_addr(g->fd, tx));
	EXPECT_EQ(0, traffic_tx(g, &t));
	EXPECT_EQ(0, traffic_alive(g));
}

/* The index of used buffers never tells of an entry that is not there yet. */
FIXTURE(split)
{
	struct guest g;
	struct stall s;
};

/* Index and entries are in different pages then. */
#define SPLIT_RING	1024
#define SPLIT_AT	100

FIXTURE_SETUP(split)
{
	struct guest_cfg cfg = {
		.features = F_V1,
		.num = { [VQ_TX] = SPLIT_RING },
		.pool = { [VQ_TX] = 16 },
		.start = SPLIT_AT,
	};

	RUN_IF_SELECTED();
	NOT_FOR_PACKED("an entry tells for itself");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(split)
{
	stall_end(&self->s);
	guest_stop(&self->g);
}

static unsigned int used_idx(const struct vq *vq)
{
	return __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE);
}

TEST_F(split, index_comes_last)
{
	struct guest *g = &self->g;
	struct vq *vq = &g->vq[VQ_TX];
	uintptr_t page = (uintptr_t)&vq->used->ring[SPLIT_AT] & -PAGE;

	ASSERT_LT((uintptr_t)&vq->used->idx, page);
	if (stall_init_shared(&self->s, (void *)page, PAGE))
		SKIP_ALL("no userfaultfd for shared pages");
	frame_build(frame, 60, FRAME_TO_HOST, 0);
	ASSERT_EQ(0, guest_send(g, frame, 60, NULL));
	vq_kick(vq);
	ASSERT_EQ((void *)page, stall_wait(&self->s, STALL_MS));
	EXPECT_EQ(SPLIT_AT, used_idx(vq));
	ASSERT_EQ(0, stall_continue(&self->s, (void *)page));
	EXPECT_EQ(0, guest_drain(g));
	EXPECT_EQ(SPLIT_AT + 1, used_idx(vq));
}

TEST_HARNESS_MAIN
