// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the split ring's arithmetic, mostly where its indices of 16 bits
 * begin again: models count with more bits.
 */
#include <kunit/test.h>
#include <linux/vhost.h>

#include "ring_split.h"
#include "vhost.h"

/* Indices are counted from here, through 2^16 and beyond. */
#define FIRST	(U16_MAX - 40)
#define LAST	(U16_MAX + 40)

static void slots(struct kunit *test)
{
	struct vhost_ring ring = {};
	u32 idx;

	for (ring.num = 1; ring.num <= 32768; ring.num *= 2)
		for (idx = 0; idx < 3 * 65536; idx++)
			KUNIT_ASSERT_EQ_MSG(test, vhost_split_slot(&ring, idx),
					    idx % ring.num, "index %u of %u",
					    idx, ring.num);
}

/* Write @num used entries from index @idx on, as runs. */
static u32 write_runs(const struct vhost_ring *ring, u32 idx, u32 num,
		      u32 *ring_mem)
{
	u32 from = 0, runs = 0, i;

	while (from < num) {
		u16 slot = vhost_split_slot(ring, idx + from);
		u16 n = vhost_split_in_row(ring, slot, num - from);

		for (i = 0; i < n; i++)
			ring_mem[slot + i] = idx + from + i;
		from += n;
		if (!n || ++runs > 2)
			return 0;
	}
	return runs;
}

/* All of it is written, to where it belongs, with at most two copies. */
static void runs(struct kunit *test)
{
	struct vhost_ring ring = {};
	u32 mem[16], idx, num, i;

	for (ring.num = 1; ring.num <= ARRAY_SIZE(mem); ring.num *= 2) {
		for (idx = FIRST; idx < LAST; idx++) {
			for (num = 1; num <= ring.num; num++) {
				u32 wraps = idx % ring.num + num > ring.num;

				memset(mem, 0, sizeof(mem));
				KUNIT_ASSERT_EQ(test, write_runs(&ring, idx,
								 num, mem),
						1 + wraps);
				for (i = idx; i < idx + num; i++)
					KUNIT_ASSERT_EQ(test,
							mem[i % ring.num], i);
			}
		}
	}
}

static void run_sizes(struct kunit *test)
{
	struct vhost_ring ring = { .num = 32768 };

	KUNIT_EXPECT_EQ(test, vhost_split_in_row(&ring, 0, 32768), 32768);
	KUNIT_EXPECT_EQ(test, vhost_split_in_row(&ring, 1, 32768), 32767);
	KUNIT_EXPECT_EQ(test, vhost_split_in_row(&ring, 32767, 32768), 1);
	KUNIT_EXPECT_EQ(test, vhost_split_in_row(&ring, 32767, 0), 0);
	KUNIT_EXPECT_EQ(test, vhost_split_in_row(&ring, 32766, 2), 2);
}

/* Was one of the indices from @old up to @new, without it, @event? */
static bool model_passed(u32 event, u32 new, u32 old)
{
	u32 i;

	for (i = old; i < new; i++)
		if ((i & U16_MAX) == (event & U16_MAX))
			return true;
	return false;
}

static void events_near(struct kunit *test)
{
	u32 old, new, event;

	for (old = FIRST; old < LAST; old++)
		for (new = old; new < old + 20; new++)
			for (event = old - 10; event < new + 10; event++)
				KUNIT_ASSERT_EQ_MSG(test,
						    vhost_split_passed(event,
								       new,
								       old),
						    model_passed(event, new,
								 old),
						    "event %u, from %u to %u",
						    event, old, new);
}

/* All events there are, for steps up to the largest ring. */
static void events_far(struct kunit *test)
{
	static const u16 olds[] = { 0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff };
	static const u16 steps[] = { 0, 1, 255, 32767, 32768 };
	u32 i, j, event, old, new;

	for (i = 0; i < ARRAY_SIZE(olds); i++) {
		for (j = 0; j < ARRAY_SIZE(steps); j++) {
			old = olds[i] + 65536;
			new = old + steps[j];
			/* Events in order of their distance from @old. */
			for (event = 0; event < 65536; event++)
				KUNIT_ASSERT_EQ_MSG(test,
						    vhost_split_passed(old +
								       event,
								       new,
								       old),
						    event < steps[j],
						    "%u on, from %u to %u",
						    event, old, new);
		}
	}
}

static void check_valid(struct kunit *test, struct vhost_ring *ring, u32 next)
{
	u32 ahead, noted;
	bool valid;

	for (noted = 0; noted <= ring->num; noted++) {
		ring->put_num = noted;
		for (ahead = 0; ahead < 40; ahead++) {
			valid = vhost_split_idx_valid(ring, next + ahead);
			KUNIT_ASSERT_EQ(test, valid,
					ahead + noted <= ring->num);
		}
	}
}

/* The guest may be ahead by the ring's size, less what it can't have back. */
static void index_valid(struct kunit *test)
{
	struct vhost_ring ring = {};
	u32 next;

	for (ring.num = 1; ring.num <= 16; ring.num *= 2) {
		for (next = FIRST; next < LAST; next++) {
			ring.next_avail = next;
			check_valid(test, &ring, next);
		}
	}
}

/* An index that went back is one that is far ahead. */
static void index_back(struct kunit *test)
{
	struct vhost_ring ring = { .num = 32768 };
	u32 ahead;

	for (ahead = 0; ahead < 65536; ahead++)
		KUNIT_ASSERT_EQ(test, vhost_split_idx_valid(&ring, ahead),
				ahead <= 32768);
}

static void bases(struct kunit *test)
{
	static const u32 good[] = { 0, 1, 32767, 32768, 65535 };
	static const u32 bad[] = { 65536, 0x80008000, U32_MAX };
	struct vhost_ring ring = { .num = 8 };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		KUNIT_EXPECT_EQ(test, vhost_ring_set_base(&ring, good[i]), 0);
		KUNIT_EXPECT_EQ(test, vhost_ring_get_base(&ring), good[i]);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_NE(test, vhost_ring_set_base(&ring, bad[i]), 0);
		KUNIT_EXPECT_EQ(test, vhost_ring_get_base(&ring), 65535);
	}
}

/* Taken back through 2^16, where what was read ahead is dropped as well. */
static void rewind(struct kunit *test)
{
	struct vhost_ring ring = { .num = 8 };

	ring.next_avail = 2;
	vhost_ring_rewind(&ring, 5, 0);
	KUNIT_EXPECT_EQ(test, ring.next_avail, 65533);

	ring.next_avail = 1;
	ring.put_num = 3;
	ring.avail_idx = 4;
	ring.run_num = 2;
	vhost_ring_stop(&ring);
	KUNIT_EXPECT_EQ(test, ring.next_avail, 65534);
	KUNIT_EXPECT_EQ(test, ring.avail_idx, 65534);
	KUNIT_EXPECT_EQ(test, ring.put_num, 0);
	KUNIT_EXPECT_EQ(test, ring.run_num, 0);
}

static void sizes(struct kunit *test)
{
	struct vhost_ring ring = {};
	u32 num, power = 1;

	for (num = 0; num <= 70000; num++) {
		bool fits = num == power && num <= 32768;

		KUNIT_ASSERT_EQ(test, vhost_ring_fits(&ring, num), fits);
		if (fits)
			power *= 2;
	}

	ring.num = 256;
	vhost_ring_layout(&ring);
	KUNIT_EXPECT_EQ(test, ring.parts[VHOST_DESC].size, 4096);
	KUNIT_EXPECT_EQ(test, ring.parts[VHOST_AVAIL].size, 516);
	KUNIT_EXPECT_EQ(test, ring.parts[VHOST_USED].size, 2052);
	ring.event_idx = true;
	vhost_ring_layout(&ring);
	KUNIT_EXPECT_EQ(test, ring.parts[VHOST_AVAIL].size, 518);
	KUNIT_EXPECT_EQ(test, ring.parts[VHOST_USED].size, 2054);
}

static struct kunit_case split_cases[] = {
	KUNIT_CASE(slots),
	KUNIT_CASE(runs),
	KUNIT_CASE(run_sizes),
	KUNIT_CASE(events_near),
	KUNIT_CASE(events_far),
	KUNIT_CASE(index_valid),
	KUNIT_CASE(index_back),
	KUNIT_CASE(bases),
	KUNIT_CASE(rewind),
	KUNIT_CASE(sizes),
	{}
};

static struct kunit_suite split_suite = {
	.name = "vhost_ring_split",
	.test_cases = split_cases,
};

kunit_test_suite(split_suite);
