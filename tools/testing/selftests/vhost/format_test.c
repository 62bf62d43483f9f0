// SPDX-License-Identifier: GPL-2.0
/*
 * All formats of a ring are the same to whoever sends packets. One script of
 * packets, and of what the guest does with its rings, is played on each of them
 * with all that changes how they are filled and how the two sides tell each
 * other; what comes out is compared byte by byte with the script, and so all
 * with each other.
 *
 * VHOST_TEST_SEED is another script, VHOST_TEST_PACKETS a longer one.
 */
#include "fixture.h"

#include "guest.h"
#include "netif.h"
#include "script.h"

#define PACKETS		3000
#define SEED		20260101
#define USUAL		256	/* entries */
#define LARGE_SHARE	8
#define BUSY_SHARE	4
#define BUSY_US		100
#define LONG_RUN_S	7200	/* millions of packets; run_all stops hangs */

FIXTURE(format)
{
	__u64 seed;
	__u32 count;
};

FIXTURE_VARIANT(format)
{
	__u64 features;
};

FIXTURE_VARIANT_ADD(format, split) { F_V1 };
FIXTURE_VARIANT_ADD(format, split_indirect) { F_V1 | F_INDIRECT };
FIXTURE_VARIANT_ADD(format, split_in_order) { F_V1 | F_IN_ORDER };
FIXTURE_VARIANT_ADD(format, split_in_order_indirect)
{
	F_V1 | F_IN_ORDER | F_INDIRECT
};

FIXTURE_VARIANT_ADD(format, packed) { F_V1 | F_PACKED };
FIXTURE_VARIANT_ADD(format, packed_indirect) { F_V1 | F_PACKED | F_INDIRECT };
FIXTURE_VARIANT_ADD(format, packed_in_order) { F_V1 | F_PACKED | F_IN_ORDER };
FIXTURE_VARIANT_ADD(format, packed_in_order_indirect)
{
	F_V1 | F_PACKED | F_IN_ORDER | F_INDIRECT
};

FIXTURE_SETUP(format)
{
	RUN_IF_SELECTED();
	NEEDS(variant->features);
	self->seed = number_from("VHOST_TEST_SEED", SEED);
	self->count = number_from("VHOST_TEST_PACKETS", PACKETS);
	ASSERT_EQ(0, netif_new_namespace());
}

FIXTURE_TEARDOWN(format)
{
}

/* Some entries before the index turns over, or the ring's second lap ends. */
static __u16 start_near_wrap(__u64 features, unsigned int num, __u64 seed)
{
	unsigned int before = 1 + rnd(&seed) % min_size(num, 40);

	return (features & F_PACKED ? 2 * num : 0x10000) - before;
}

static void play(struct __test_metadata *_metadata, __u64 features,
		 unsigned int num, struct script *s)
{
	struct guest_cfg cfg = {
		.features = features,
		.num = { num, num },
		.buf = { min_size(s->max_len + 200, 4096), s->max_len + 12 },
		.start = start_near_wrap(features, num, s->seed),
		.lazy = true,
		.spoil = true,
	};
	struct guest g;

	TH_LOG("seed %llu, %u packets, %u entries from %u on",
	       (unsigned long long)s->seed, s->count, num, cfg.start);
	ASSERT_EQ(0, guest_start(&g, &cfg));
	ASSERT_EQ(NULL, script_run(s, &g));
	TH_LOG("%u stops, %u moves, out %016llx, in %016llx", s->stops,
	       s->moves, (unsigned long long)s->sum[VQ_TX],
	       (unsigned long long)s->sum[VQ_RX]);
	guest_stop(&g);
}

static void play_usual(struct __test_metadata *_metadata,
		       __u64 seed, __u32 count, __u64 features)
{
	struct script s = {
		.seed = seed,
		.count = count,
		.max_len = ETH_FRAME_LEN,
	};

	play(_metadata, features, USUAL, &s);
}

TEST_F_TIMEOUT(format, flags, LONG_RUN_S)
{
	play_usual(_metadata, self->seed, self->count,
		   variant->features);
}

TEST_F_TIMEOUT(format, event, LONG_RUN_S)
{
	play_usual(_metadata, self->seed, self->count,
		   variant->features | F_EVENT);
}

TEST_F_TIMEOUT(format, merge_flags, LONG_RUN_S)
{
	play_usual(_metadata, self->seed, self->count,
		   variant->features | F_MRG);
}

TEST_F_TIMEOUT(format, merge_event, LONG_RUN_S)
{
	play_usual(_metadata, self->seed, self->count,
		   variant->features | F_MRG | F_EVENT);
}

/* With a device that looks for more before it sleeps. */
TEST_F_TIMEOUT(format, busy, 400)
{
	struct script s = {
		.seed = self->seed,
		.count = self->count / BUSY_SHARE,
		.max_len = ETH_FRAME_LEN,
		.busy_us = BUSY_US,
	};

	play(_metadata, variant->features | F_EVENT, USUAL, &s);
}

/* Up to what a tap takes. */
TEST_F_TIMEOUT(format, large_packets, 400)
{
	struct script s = {
		.seed = self->seed,
		.count = self->count / LARGE_SHARE,
		.max_len = FRAME_MAX - ETH_HLEN,
	};

	play(_metadata, variant->features | F_MRG | F_EVENT, USUAL, &s);
}

/* Rings of every size, most of them no power of two where that is allowed. */
TEST_F_TIMEOUT(format, ring_sizes, 400)
{
	static const unsigned int size[VQ_LAYOUTS][8] = {
		[VQ_SPLIT] = { 1, 2, 4, 8, 32, 64, 1024, 4096 },
		[VQ_PACKED] = { 1, 2, 3, 7, 29, 100, 1000, 4095 },
	};
	static const __u64 more[] = { 0, F_EVENT, F_MRG | F_EVENT, F_MRG };
	bool packed = variant->features & F_PACKED;
	struct script s;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(size[0]); i++) {
		s = (struct script) {
			.seed = self->seed + i,
			.count = self->count / ARRAY_SIZE(size[0]),
			.max_len = ETH_FRAME_LEN,
		};
		play(_metadata, variant->features |
		     more[(self->seed + i) % ARRAY_SIZE(more)],
		     size[packed][i], &s);
	}
}

TEST_HARNESS_MAIN
