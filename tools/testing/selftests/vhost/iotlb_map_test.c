// SPDX-License-Identifier: GPL-2.0
/*
 * Traffic through an IOTLB: every address that the device uses is an IOVA,
 * and all that it learns of them it learns by asking. Memory is mapped in
 * all sorts of pieces, which lie at other places for the device than for
 * the guest, so a wrong translation shows as a wrong byte.
 */
#include "fixture.h"

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

TEST_F_TIMEOUT(flow, both_ways, 120)
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

TEST_HARNESS_MAIN
