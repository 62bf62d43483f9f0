// SPDX-License-Identifier: GPL-2.0
/*
 * Where numbers run out in a packed ring: entries that are made available
 * again before they were used, and chains longer than any buffer may be.
 */
#include "fixture.h"

#include "counters.h"
#include "fence.h"
#include "guest.h"
#include "netif.h"
#include "stall.h"
#include "traffic.h"

#define AVAIL	((__u16)BIT(VRING_PACKED_DESC_F_AVAIL))
#define USED	((__u16)BIT(VRING_PACKED_DESC_F_USED))

#define HDR_LEN		12
/* A frame that is copied while the next buffers have not been looked at. */
#define LIE_LEN		300
#define LIAR_GPA	0x5000000000ULL

static char frame[FRAME_MAX], got[FRAME_MAX];

static void kick(struct vq *vq)
{
	__u64 one = 1;

	if (write(vq->kick, &one, sizeof(one)) < 0)
		perror("kick");
}

/*
 * Entries that become available again while the device is at the buffers in
 * them: it must not take them twice, or it notes more used buffers than the
 * ring has entries, and writes behind its end.
 */
#define LIES	6

FIXTURE(liar)
{
	struct guest g;
	struct vq *vq;
	struct fence f;
	struct stall s;
	struct arena_region *region;
	char content[PAGE];
};

FIXTURE_VARIANT(liar)
{
	unsigned int index;
	unsigned int num;
};

FIXTURE_VARIANT_ADD(liar, tx_1) { VQ_TX, 1 };
FIXTURE_VARIANT_ADD(liar, tx_3) { VQ_TX, 3 };
FIXTURE_VARIANT_ADD(liar, tx_16) { VQ_TX, 16 };
FIXTURE_VARIANT_ADD(liar, rx_1) { VQ_RX, 1 };
FIXTURE_VARIANT_ADD(liar, rx_3) { VQ_RX, 3 };
FIXTURE_VARIANT_ADD(liar, rx_16) { VQ_RX, 16 };

FIXTURE_SETUP(liar)
{
	struct guest_cfg cfg = {
		.features = F_V1 | F_MRG | F_PACKED,
		.num = { variant->num, variant->num },
		.stopped = true,
	};
	struct guest *g = &self->g;
	int r;

	RUN_IF_SELECTED();
	NEEDS(F_PACKED);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(g, &cfg));
	self->vq = &g->vq[variant->index];
	ASSERT_EQ(0, fence_init(&self->f, g, variant->index));
	r = arena_add(&g->arena, LIAR_GPA, (LIES + 1) * PAGE);
	ASSERT_LT(0, r);
	self->region = &g->arena.region[r];
	if (stall_init(&self->s, self->region->hva, LIES * PAGE))
		SKIP_ALL("no userfaultfd");
	ASSERT_EQ(0, dev_set_mem(g->fd, &g->arena));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
}

FIXTURE_TEARDOWN(liar)
{
	stall_end(&self->s);
	fence_end(&self->f);
}

/* A packet takes 4 receive buffers, or as many as fill a smaller ring. */
static unsigned int per_packet(unsigned int num)
{
	return min_size(num, 4);
}

/* All buffers work, but for the first one, which stalls: page @page. */
static void liar_offer(struct vq *vq, unsigned int page, bool wrap)
{
	struct vring_packed_desc *d = vq->packed.desc;
	__u32 len = HDR_LEN + LIE_LEN;
	__u16 dir = 0;
	unsigned int i;

	if (vq->index == VQ_RX) {
		len /= per_packet(vq->num);
		dir = VRING_DESC_F_WRITE;
	}
	for (i = vq->num; i--;) {
		d[i].addr = LIAR_GPA + (i ? LIES : page) * PAGE;
		d[i].len = len;
		d[i].id = i;
		__atomic_store_n(&d[i].flags, dir | (wrap ? AVAIL : USED),
				 __ATOMIC_RELEASE);
	}
}

static bool all_used(struct vq *vq, bool wrap)
{
	__s64 end = now_ms() + STALL_MS;
	unsigned int i = 0;
	__u16 flags;

	while (i < vq->num && now_ms() < end) {
		flags = __atomic_load_n(&vq->packed.desc[i].flags,
					__ATOMIC_ACQUIRE);
		if ((flags & (AVAIL | USED)) == (wrap ? AVAIL | USED : 0))
			i++;
	}
	return i == vq->num;
}

TEST_F(liar, entries_again)
{
	unsigned int i, num = variant->num, packets;
	struct guest *g = &self->g;
	struct vq *vq = self->vq;
	bool wrap = true;
	void *page;

	frame_build(self->content + HDR_LEN, LIE_LEN, FRAME_TO_HOST, 1);
	memcpy(self->region->hva + LIES * PAGE, self->content, PAGE);
	packets = LIES * num / per_packet(num);
	frame_build(frame, LIE_LEN, FRAME_TO_GUEST, 2);
	for (i = 0; variant->index == VQ_RX && i < packets; i++)
		ASSERT_EQ(0, wire_send_wait(&g->wire, frame, LIE_LEN, NULL));
	liar_offer(vq, 0, wrap);
	kick(vq);
	for (i = 1; i <= LIES; i++, wrap = !wrap) {
		page = stall_wait(&self->s, STALL_MS);
		ASSERT_NE(NULL, page);
		/* The device is busy with the ring's first buffer: lie. */
		if (i < LIES)
			liar_offer(vq, i, !wrap);
		ASSERT_EQ(0, stall_release(&self->s, page, self->content));
		/* A device that did not believe it has used each once. */
		ASSERT_TRUE(all_used(vq, wrap));
		ASSERT_EQ(0, fence_damaged(&self->f));
		if (i == LIES)
			break;
		EXPECT_LT(0, count(g, variant->index, "bad-index"));
		liar_offer(vq, i, !wrap);
		kick(vq);
	}
	EXPECT_TRUE(eventfd_comes(vq->err));
	/* From here on an honest one. */
	ASSERT_EQ(0, fence_begin_anew(&self->f));
	EXPECT_EQ(0, traffic_alive(g));
	EXPECT_EQ(0, fence_damaged(&self->f));
}

/* Chains that no buffer can be, and tables, of descriptors without bytes. */
FIXTURE(empty)
{
	struct guest g;
	struct vq *vq;
};

FIXTURE_VARIANT(empty)
{
	unsigned int index;
	bool table;
	unsigned int parts;
	const char *reason;
};

#define RING_MAX	32768
#define TABLE_MAX	65536
#define TABLE_GPA	0x7000000000ULL
#define SOME		64
#define SOON_MS		10000

FIXTURE_VARIANT_ADD(empty, tx_1024) { VQ_TX, false, 1024, "bad-hdr" };
FIXTURE_VARIANT_ADD(empty, tx_1025) { VQ_TX, false, 1025, "bad-long" };
FIXTURE_VARIANT_ADD(empty, tx_ring) { VQ_TX, false, RING_MAX, "bad-long" };
FIXTURE_VARIANT_ADD(empty, tx_table) { VQ_TX, true, TABLE_MAX, "bad-long" };
FIXTURE_VARIANT_ADD(empty, rx_1024) { VQ_RX, false, 1024, "bad-hdr" };
FIXTURE_VARIANT_ADD(empty, rx_1025) { VQ_RX, false, 1025, "bad-long" };
FIXTURE_VARIANT_ADD(empty, rx_ring) { VQ_RX, false, RING_MAX, "bad-long" };
FIXTURE_VARIANT_ADD(empty, rx_table) { VQ_RX, true, TABLE_MAX, "bad-long" };

FIXTURE_SETUP(empty)
{
	struct guest_cfg cfg = {
		.features = F_V1 | F_INDIRECT | F_PACKED,
		.num = { RING_MAX, RING_MAX },
		.pool = { 64, 64 },
		/* All chains but the first wrap at some place. */
		.start = RING_MAX - 300,
	};
	struct guest *g = &self->g;
	struct vring_packed_desc *t;
	unsigned int i;
	int r;

	RUN_IF_SELECTED();
	NEEDS(F_PACKED);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(g, &cfg));
	self->vq = &g->vq[variant->index];
	r = arena_add(&g->arena, TABLE_GPA, TABLE_MAX * sizeof(*t));
	ASSERT_LT(0, r);
	t = (void *)g->arena.region[r].hva;
	for (i = 0; i < TABLE_MAX; i++)
		t[i].flags = variant->index == VQ_RX ? VRING_DESC_F_WRITE : 0;
	ASSERT_EQ(0, dev_set_mem(g->fd, &g->arena));
	/* Without a packet nobody looks at receive buffers. */
	frame_build(frame, 60, FRAME_TO_GUEST, 1);
	if (variant->index == VQ_RX)
		ASSERT_EQ(0, wire_send_wait(&g->wire, frame, 60, NULL));
}

FIXTURE_TEARDOWN(empty)
{
	guest_stop(&self->g);
}

static void put_empty(struct vq *vq, bool table, unsigned int parts)
{
	struct vring_packed_desc d = { .addr = TABLE_GPA };
	__u16 dir = vq->index == VQ_RX ? VRING_DESC_F_WRITE : 0;
	unsigned int i;

	if (table) {
		d.len = parts * sizeof(d);
		d.flags = VRING_DESC_F_INDIRECT;
		vq_put_entry(vq, &d, true);
		return;
	}
	for (i = 0; i < parts; i++) {
		d.flags = dir | (i + 1 < parts ? VRING_DESC_F_NEXT : 0);
		d.id = i + 1 < parts ? 0xffff : 0;
		vq_put_entry(vq, &d, !i);
	}
}

TEST_F(empty, returned_soon)
{
	unsigned int slots = variant->table ? 1 : variant->parts, i, n;
	struct guest *g = &self->g;
	struct vring_packed_desc d;
	struct vq *vq = self->vq;
	struct rx_packet p;
	__s64 end;

	n = min_size(SOME, RING_MAX / slots);
	for (i = 0; i < n; i++)
		put_empty(vq, variant->table, variant->parts);
	vq_publish(vq);
	kick(vq);
	end = now_ms() + SOON_MS;
	for (i = 0; i < n && now_ms() < end;) {
		int r = vq_take_entry(vq, &d, slots);

		ASSERT_LE(0, r);
		if (!r)
			continue;
		EXPECT_EQ(0, d.len);
		EXPECT_EQ(0, d.id);
		i++;
	}
	ASSERT_EQ(n, i);
	EXPECT_TRUE(eventfd_comes(vq->err));
	EXPECT_TRUE(counts_to(g, variant->index, variant->reason, n));
	if (variant->index == VQ_RX) {
		/* The packet that met them is not lost. */
		ASSERT_LT(0, guest_post(g, 64));
		ASSERT_EQ(1, guest_recv(g, got, &p, STALL_MS));
		EXPECT_EQ(60, p.len);
		EXPECT_EQ(0, memcmp(frame, got, 60));
	}
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_HARNESS_MAIN
