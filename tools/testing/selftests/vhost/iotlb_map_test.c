// SPDX-License-Identifier: GPL-2.0
/*
 * Traffic through an IOTLB: every address that the device uses is an IOVA,
 * and all that it learns of them it learns by asking. Memory is mapped in
 * all sorts of pieces, which lie at other places for the device than for
 * the guest, so a wrong translation shows as a wrong byte.
 */
#include "fixture.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "traffic.h"

FIXTURE(flow)
{
	struct guest g;
};

FIXTURE_VARIANT(flow)
{
	__u64 features;
	struct iommu_cfg iommu;
	struct shape shape;
	unsigned int num;
	unsigned int pool;
};

FIXTURE_VARIANT_ADD(flow, first_form)
{
	.features = F_V1,
	.iommu = { .v1 = true },
};

FIXTURE_VARIANT_ADD(flow, second_form)
{
	.features = F_V1,
};

FIXTURE_VARIANT_ADD(flow, no_v1)
{
	.features = F_MRG | F_EVENT,
};

FIXTURE_VARIANT_ADD(flow, late_answers)
{
	.features = F_V1 | F_EVENT,
	.iommu = { .delay_ms = 3, .grain = 4 * PAGE },
};

/* What a monitor does whose guest maps page by page. */
FIXTURE_VARIANT_ADD(flow, pages)
{
	.features = F_V1 | F_MRG | F_EVENT | F_INDIRECT,
	.iommu = { .grain = PAGE },
};

FIXTURE_VARIANT_ADD(flow, scattered_pages)
{
	.features = F_V1 | F_MRG | F_INDIRECT,
	.iommu = { .piece = PAGE, .scatter = true },
	.shape = { .data_parts = 3, .indirect = true },
	.num = 1024,
	.pool = 96,
};

/* Pieces that end in the middle of pages, buffers, and headers. */
FIXTURE_VARIANT_ADD(flow, crumbs)
{
	.features = F_V1,
	.iommu = { .piece = 732, .scatter = true },
	.pool = 24,
};

FIXTURE_VARIANT_ADD(flow, crumbs_of_chains)
{
	.features = F_V1 | F_MRG | F_EVENT,
	.iommu = { .piece = 732, .scatter = true },
	.shape = { .hdr_parts = 2, .data_parts = 4 },
	.pool = 24,
};

/* No descriptor of an indirect table is in one piece. */
FIXTURE_VARIANT_ADD(flow, crumbs_of_tables)
{
	.features = F_V1 | F_INDIRECT,
	.iommu = { .piece = 1132, .scatter = true },
	.shape = { .hdr_parts = 1, .data_parts = 9, .indirect = true },
	.pool = 16,
};

FIXTURE_SETUP(flow)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.num = { variant->num, variant->num },
		.pool = { variant->pool, variant->pool },
		.shape = { variant->shape, variant->shape },
		.iommu = &variant->iommu,
	};

	RUN_IF_SELECTED();
	NEEDS(F_PLATFORM);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(flow)
{
	EXPECT_EQ(0, self->g.io.strange);
	EXPECT_EQ(0, self->g.io.unknown);
	EXPECT_EQ(0, self->g.io.error);
	EXPECT_LT(0, self->g.io.misses);
	guest_stop(&self->g);
}

TEST_F(flow, both_ways)
{
	struct traffic t = { .count = 300, .len = len_mixed };
	unsigned int misses;

	EXPECT_EQ(0, traffic_tx(&self->g, &t));
	EXPECT_EQ(0, traffic_rx(&self->g, &t));
	misses = self->g.io.misses;
	/* What is mapped once is not asked for again. */
	if (!self->g.cfg.iommu->grain) {
		EXPECT_EQ(0, traffic_alive(&self->g));
		EXPECT_GE(misses + 4, self->g.io.misses);
	}
	EXPECT_EQ(0, eventfd_drain(self->g.vq[VQ_RX].err));
	EXPECT_EQ(0, eventfd_drain(self->g.vq[VQ_TX].err));
}

#define IOVA	0x1122334400000ULL
#define FRAME	3000

/* A guest as above, and a packet whose map the test makes. */
FIXTURE(one)
{
	struct guest g;
	char *page[2];		/* FRAME bytes need one and more */
	unsigned int len;
	char frame[FRAME_MAX];
};

FIXTURE_SETUP(one)
{
	const struct iommu_cfg iommu = {};
	struct guest_cfg cfg = {
		.features = F_V1 | F_INDIRECT,
		.buf = { 4096, 4096 },
		.pool = { 1, 64 },
		.iommu = &iommu,
	};
	int i;

	RUN_IF_SELECTED();
	NEEDS(F_PLATFORM);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	self->g.cfg.iommu = &self->g.io.cfg;
	ASSERT_EQ(0, traffic_alive(&self->g));
	self->len = self->g.hdr_len + FRAME;
	for (i = 0; i < 2; i++) {
		self->page[i] = guarded_map(2 * PAGE);
		ASSERT_NE(NULL, self->page[i]);
		frame_build(self->page[i] + self->g.hdr_len, FRAME,
			    FRAME_TO_HOST, i);
	}
}

FIXTURE_TEARDOWN(one)
{
	guest_stop(&self->g);
	guarded_unmap(self->page[0], 2 * PAGE);
	guarded_unmap(self->page[1], 2 * PAGE);
}

static int update(struct guest *g, __u64 iova, __u64 size, const void *at,
		  __u8 perm)
{
	int r = iommu_update(g->fd, iova, size, at, perm);

	return r == IOMMU_MSG ? 0 : r;
}

/* Send what the device finds at an address; the buffer's id comes back. */
static int offer(struct guest *g, unsigned int index, __u64 iova,
		 unsigned int len)
{
	struct vq_seg seg = {
		iova, len, index == VQ_RX ? VRING_DESC_F_WRITE : 0
	};
	int r = vq_add(&g->vq[index], &seg, 1, g);

	vq_kick(&g->vq[index]);
	return r;
}

/* The length that the buffer came back with, or -1. */
static int comes_back(struct guest *g, unsigned int index)
{
	struct vq *vq = &g->vq[index];
	struct vq_used u;

	while (vq_wait(vq, STALL_MS) && vq_get_used(vq, &u) == 1)
		if (u.cookie == g)
			return u.len;
	return -1;
}

static int all_come_back(struct guest *g, unsigned int n)
{
	while (n--)
		if (comes_back(g, VQ_TX))
			return -ETIME;
	return 0;
}

/* The frame's number, -1 if none came, -2 if it is mangled. */
static int gets_out(struct guest *g, char *frame, int ms)
{
	__u32 seq;
	int len;

	len = wire_recv(&g->wire, frame, FRAME_MAX, NULL, ms);
	if (len <= 0)
		return -1;
	return frame_intact(frame, len, &seq) ? (int)seq : -2;
}

/* Out of such an address, and the buffer comes back. */
static int send_from(struct guest *g, __u64 iova, char *frame)
{
	int seq;

	if (offer(g, VQ_TX, iova, g->hdr_len + FRAME))
		return -1;
	seq = gets_out(g, frame, STALL_MS);
	return comes_back(g, VQ_TX) ? -3 : seq;
}

/* Only the first bytes of a frame. */
static int send_head(struct guest *g, __u64 iova, char *frame)
{
	int r = offer(g, VQ_TX, iova, 100);

	if (!r)
		r = gets_out(g, frame, STALL_MS) == -2 ? 0 : -1;
	return r ? r : comes_back(g, VQ_TX);
}

TEST_F(one, at_both_ends)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, update(g, -(__u64)self->len, self->len, self->page[0],
			    VHOST_ACCESS_RO));
	EXPECT_EQ(0, send_from(g, -(__u64)self->len, self->frame));
	ASSERT_EQ(0, update(g, 0, self->len, self->page[1], VHOST_ACCESS_RO));
	EXPECT_EQ(1, send_from(g, 0, self->frame));
	/* The last byte is a map of its own. */
	ASSERT_EQ(IOMMU_MSG, iommu_invalidate(g->fd, -1ULL, 1));
	ASSERT_EQ(0, update(g, -1ULL, 1, self->page[0] + self->len - 1,
			    VHOST_ACCESS_RO));
	ASSERT_EQ(0, update(g, -(__u64)self->len, self->len - 1,
			    self->page[0], VHOST_ACCESS_RO));
	EXPECT_EQ(0, send_from(g, -(__u64)self->len, self->frame));
}

/* All of the owner's memory in one map, far more than 4 GiB. */
TEST_F(one, all_of_memory)
{
	const __u64 off = BIT(62);
	struct guest *g = &self->g;

	ASSERT_EQ(0, update(g, off + PAGE, arena_limit() - 2 * PAGE,
			    (void *)PAGE, VHOST_ACCESS_RW));
	EXPECT_EQ(1, send_from(g, off + (uintptr_t)self->page[1],
			       self->frame));
	EXPECT_EQ(0, send_from(g, off + (uintptr_t)self->page[0],
			       self->frame));
}

/* A descriptor that reaches beyond the end, where it has a map and not. */
TEST_F(one, wraps_around)
{
	struct guest *g = &self->g;

	NOT_FOR_STOCK("waits for what can't be mapped");
	ASSERT_EQ(0, update(g, LAST_PAGE, PAGE, self->page[0],
			    VHOST_ACCESS_RO));
	ASSERT_EQ(0, update(g, 0, PAGE, self->page[1], VHOST_ACCESS_RO));
	ASSERT_EQ(0, offer(g, VQ_TX, -100ULL, self->len));
	EXPECT_EQ(0, comes_back(g, VQ_TX));
	ASSERT_EQ(0, offer(g, VQ_TX, LAST_PAGE, 0xffffffff));
	EXPECT_EQ(0, comes_back(g, VQ_TX));
	ASSERT_EQ(0, offer(g, VQ_TX, -1ULL, 2));
	EXPECT_EQ(0, comes_back(g, VQ_TX));
	EXPECT_TRUE(counts_to(g, VQ_TX, "bad-addr", 3));
	EXPECT_TRUE(eventfd_comes(g->vq[VQ_TX].err));
	EXPECT_EQ(-1, gets_out(g, self->frame, 50));
	EXPECT_EQ(0, traffic_alive(g));
}

/* A map of all there is that leads nowhere (S9): refused or harmless. */
TEST_F(one, all_of_it_nowhere)
{
	struct guest *g = &self->g;
	__u64 size;

	for (size = -1ULL; size > -4ULL; size--) {
		update(g, 0, size, NULL, 0);
		update(g, 1, size, NULL, 0);
		update(g, 0, size, (void *)1, 0);
		ASSERT_EQ(IOMMU_MSG, iommu_invalidate(g->fd, 0, -1ULL));
		ASSERT_EQ(0, guest_push_used(g));
		EXPECT_EQ(0, traffic_alive(g));
	}
}

/* What may not be read is not sent, and nobody waits for it. */
TEST_F(one, may_not_be_read)
{
	struct guest *g = &self->g;
	__u8 perm;

	NOT_FOR_STOCK("waits for ever");
	for (perm = 0; perm <= VHOST_ACCESS_WO; perm += VHOST_ACCESS_WO) {
		ASSERT_EQ(0, update(g, IOVA, 2 * PAGE, self->page[0], perm));
		ASSERT_EQ(0, offer(g, VQ_TX, IOVA, self->len));
		EXPECT_EQ(0, comes_back(g, VQ_TX));
	}
	/* Only the end of it. */
	ASSERT_EQ(0, update(g, IOVA, 1000, self->page[0], VHOST_ACCESS_RO));
	ASSERT_EQ(0, offer(g, VQ_TX, IOVA, self->len));
	EXPECT_EQ(0, comes_back(g, VQ_TX));
	EXPECT_TRUE(counts_to(g, VQ_TX, "bad-perm", 3));
	EXPECT_TRUE(eventfd_comes(g->vq[VQ_TX].err));
	EXPECT_EQ(-1, gets_out(g, self->frame, 50));
	ASSERT_EQ(0, update(g, IOVA, 2 * PAGE, self->page[1],
			    VHOST_ACCESS_RW));
	EXPECT_EQ(1, send_from(g, IOVA, self->frame));
}

TEST_F(one, may_not_be_written)
{
	struct guest *g = &self->g;
	struct rx_packet p;
	__u8 perm;

	NOT_FOR_STOCK("waits for ever");
	memset(self->page[0], 0x5a, 2 * PAGE);
	memcpy(self->page[1], self->page[0], 2 * PAGE);
	/* Let the buffer that is there go. */
	frame_build(self->frame, 60, FRAME_TO_GUEST, 1);
	ASSERT_EQ(0, wire_send_wait(&g->wire, self->frame, 60, NULL));
	ASSERT_TRUE(vq_wait(&g->vq[VQ_RX], STALL_MS));
	for (perm = 0; perm <= VHOST_ACCESS_RO; perm++) {
		ASSERT_EQ(0, update(g, IOVA, 2 * PAGE, self->page[0], perm));
		ASSERT_EQ(0, offer(g, VQ_RX, IOVA, self->len));
		/* A device may find out only when there is a frame. */
		ASSERT_EQ(0, wire_send_wait(&g->wire, self->frame, 60, NULL));
		EXPECT_TRUE(counts_to(g, VQ_RX, "bad-perm", perm + 1));
	}
	EXPECT_EQ(0, memcmp(self->page[0], self->page[1], 2 * PAGE));
	EXPECT_TRUE(eventfd_comes(g->vq[VQ_RX].err));
	EXPECT_EQ(1, guest_recv(g, self->frame, &p, STALL_MS));
	EXPECT_EQ(0, comes_back(g, VQ_RX));
	EXPECT_EQ(0, comes_back(g, VQ_RX));
	EXPECT_EQ(0, traffic_tx(g, &(struct traffic) {
		.count = 5, .len = len_mixed }));
}

/* The later map counts, and what it leaves of the other one stays. */
TEST_F(one, mapped_twice)
{
	struct guest *g = &self->g;
	char *a = self->page[0], *b = self->page[1];

	NOT_FOR_STOCK("keeps both");
	ASSERT_EQ(0, update(g, IOVA, 2 * PAGE, a, VHOST_ACCESS_RO));
	EXPECT_EQ(0, send_from(g, IOVA, self->frame));
	ASSERT_EQ(0, update(g, IOVA, 2 * PAGE, b, VHOST_ACCESS_RO));
	EXPECT_EQ(1, send_from(g, IOVA, self->frame));
	/* A piece in the middle that is wrong, then right in another place. */
	ASSERT_EQ(0, update(g, IOVA + 500, 700, a + 500, VHOST_ACCESS_RO));
	EXPECT_EQ(-2, send_from(g, IOVA, self->frame));
	memcpy(a + 500, b + 500, 700);
	EXPECT_EQ(1, send_from(g, IOVA, self->frame));
	/* All but that piece, which goes over both borders. */
	ASSERT_EQ(0, update(g, IOVA + 400, 200, b + 400, VHOST_ACCESS_RO));
	ASSERT_EQ(0, update(g, IOVA + 1100, 200, b + 1100, VHOST_ACCESS_RO));
	memset(a, 0, 2 * PAGE);
	memcpy(a + 600, b + 600, 500);
	EXPECT_EQ(1, send_from(g, IOVA, self->frame));
	EXPECT_EQ(0, g->io.unknown);
}

/* Of maps that the guest's monitor gives, only so many are kept (S10). */
TEST_F(one, flood_of_updates)
{
	unsigned int i, max = iommu_max_entries();
	struct guest *g = &self->g;

	ASSERT_LT(0, max);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, iommu_flood(g->fd, i * max / 2, max,
					 self->page[0]));
		if (!stock_driver())
			EXPECT_EQ(max, device_count(g->fd, "iotlb-entries"));
		EXPECT_EQ(0, traffic_alive(g));
	}
	/* The last one is there, the first one is not. */
	EXPECT_EQ(0, g->io.unknown);
	EXPECT_EQ(0, send_head(g, IOMMU_FLOOD + (2 * max - 1) * PAGE,
			       self->frame));
	EXPECT_EQ(0, g->io.unknown);
	g->io.sink = self->page[1];
	EXPECT_EQ(0, send_head(g, IOMMU_FLOOD, self->frame));
	EXPECT_EQ(1, g->io.unknown);
}

/* Let the device ask for @n pages; nothing in them is a frame of ours. */
static int ask_for_pages(struct guest *g, unsigned int n)
{
	static char zeroes[PAGE];
	unsigned int i;
	int r = 0;

	for (i = 0; i < n && !r; i++) {
		r = iommu_map(&g->io, IOVA + i * PAGE, zeroes, PAGE,
			      VHOST_ACCESS_RO);
		if (!r)
			r = offer(g, VQ_TX, IOVA + i * PAGE, 100);
		if (!r && i % 100 == 99)
			r = all_come_back(g, 100);
	}
	return r ? r : all_come_back(g, n % 100);
}

/*
 * Answers go before what was given unasked, the oldest first, but for a
 * quarter of all; then that goes, too.
 */
TEST_F_TIMEOUT(one, order_of_eviction, 200)
{
	unsigned int max = iommu_max_entries(), n, answers, misses;
	struct guest *g = &self->g;
	long long before;
	__u64 newest;

	NOT_FOR_STOCK("drops what came first");
	ASSERT_EQ(IOMMU_MSG, iommu_invalidate(g->fd, 0, -1ULL));
	ASSERT_EQ(0, guest_push_used(g));
	ASSERT_EQ(0, iommu_flood(g->fd, 0, 1, self->page[0]));
	ASSERT_EQ(0, traffic_alive(g));
	ASSERT_EQ(0, ask_for_pages(g, max / 4 + 20));
	newest = IOVA + (max / 4 + 19) * PAGE;
	/* Two rings and one page were given unasked. */
	n = device_count(g->fd, "iotlb-entries");
	answers = n - 3;
	before = device_count(g->fd, "iotlb-evicted");
	ASSERT_EQ(0, iommu_flood(g->fd, 1, max - n, self->page[0]));
	EXPECT_EQ(before, device_count(g->fd, "iotlb-evicted"));
	EXPECT_EQ(max, device_count(g->fd, "iotlb-entries"));
	/* Down to a quarter. */
	ASSERT_EQ(0, iommu_flood(g->fd, max, answers - max / 4,
				 self->page[0]));
	EXPECT_EQ(before + answers - max / 4,
		  device_count(g->fd, "iotlb-evicted"));
	misses = g->io.misses;
	EXPECT_EQ(0, send_head(g, IOMMU_FLOOD, self->frame));
	EXPECT_EQ(0, offer(g, VQ_TX, newest, 100));
	EXPECT_EQ(0, comes_back(g, VQ_TX));
	EXPECT_EQ(misses, g->io.misses);
	/* The rings' maps, and then that page. */
	ASSERT_EQ(0, iommu_flood(g->fd, 2 * max, 3, self->page[0]));
	EXPECT_EQ(0, offer(g, VQ_TX, newest, 100));
	EXPECT_EQ(0, comes_back(g, VQ_TX));
	EXPECT_EQ(misses, g->io.misses);
	EXPECT_EQ(0, g->io.unknown);
	g->io.sink = self->page[1];
	EXPECT_EQ(0, send_head(g, IOMMU_FLOOD, self->frame));
	EXPECT_EQ(1, g->io.unknown);
}

TEST_HARNESS_MAIN
