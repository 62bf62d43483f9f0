// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the packed ring's arithmetic against a model: places of the ring are
 * the numbers from 0 to twice its size, two laps, and then they repeat.
 */
#include <kunit/test.h>
#include <linux/vhost.h>

#include "ring_packed.h"
#include "vhost.h"

/* Up to this size, all that can happen is tried. */
#define SMALL_RING	7

/* From then on, only what is around the ends. */
static const u32 large_rings[] = { 8, 100, 255, 256, 257, 32767, 32768 };

static struct vhost_pos model_pos(u32 num, u32 place)
{
	place %= 2 * num;
	return (struct vhost_pos) {
		.slot = place % num,
		.wrap = place < num,
	};
}

static bool same_pos(struct vhost_pos a, struct vhost_pos b)
{
	return a.slot == b.slot && a.wrap == b.wrap;
}

static u32 model_base(u32 num, u32 place)
{
	struct vhost_pos pos = model_pos(num, place);

	return pos.slot + (pos.wrap ? 0x8000 : 0);
}

/* Places, or distances, of a large ring that are worth a look. */
static u32 interesting(u32 num, u32 i)
{
	static const s32 offs[] = { -2, -1, 0, 1, 2 };
	const u32 bases[] = { 0, num / 2, num, 2 * num };
	u32 place = bases[i / ARRAY_SIZE(offs)] + offs[i % ARRAY_SIZE(offs)];

	return (place + 2 * num) % (2 * num);
}

#define INTERESTING	20

/* One ring, one place, and @n entries from there: there and back again. */
static void check_step(struct kunit *test, u32 num, u32 place, u32 n)
{
	struct vhost_ring ring = { .num = num, .is_packed = true };
	struct vhost_pos from = model_pos(num, place);
	struct vhost_pos to = model_pos(num, place + n), pos = from;

	vhost_pos_advance(&ring, &pos, n);
	KUNIT_ASSERT_TRUE_MSG(test, same_pos(pos, to),
			      "%u of %u: %u on is %u, lap %d", place, num, n,
			      pos.slot, pos.wrap);
	KUNIT_ASSERT_EQ_MSG(test, vhost_pos_distance(&ring, from, to), n,
			    "%u of %u", place, num);

	ring.packed.avail = to;
	ring.packed.run_off = n;
	vhost_packed_rewind(&ring, n);
	pos = ring.packed.avail;
	KUNIT_ASSERT_TRUE_MSG(test, same_pos(pos, from),
			      "%u of %u: %u back is %u, lap %d", place + n, num,
			      n, pos.slot, pos.wrap);
	KUNIT_ASSERT_EQ(test, ring.packed.run_off, 0);
}

static void steps_small(struct kunit *test)
{
	u32 num, place, n;

	for (num = 1; num <= SMALL_RING; num++)
		for (place = 0; place < 2 * num; place++)
			for (n = 0; n <= num; n++)
				check_step(test, num, place, n);
}

static void steps_large(struct kunit *test)
{
	u32 i, j, k, num, n;

	for (k = 0; k < ARRAY_SIZE(large_rings); k++) {
		num = large_rings[k];
		for (i = 0; i < INTERESTING; i++) {
			for (j = 0; j < INTERESTING; j++) {
				n = interesting(num, j);
				if (n <= num)
					check_step(test, num,
						   interesting(num, i), n);
			}
		}
	}
}

/* One entry at a time through four laps: all entries, the counter in between */
static void laps(struct kunit *test)
{
	struct vhost_ring ring = { .is_packed = true };
	struct vhost_pos pos;
	u32 num, i;

	for (num = 1; num <= 300; num++) {
		ring.num = num;
		pos = vhost_base_to_pos(VHOST_PACKED_START & U16_MAX);
		for (i = 0; i < 4 * num; i++) {
			KUNIT_ASSERT_TRUE_MSG(test,
					      same_pos(pos, model_pos(num, i)),
					      "entry %u of %u", i, num);
			vhost_pos_advance(&ring, &pos, 1);
		}
	}
}

/* Was one of the @called entries before @used the one at @event? */
static bool model_passed(u32 num, u32 event, u32 used, u32 called)
{
	u32 i;

	for (i = 1; i <= called; i++)
		if ((used + 2 * num - i) % (2 * num) == event)
			return true;
	return false;
}

static void check_event(struct kunit *test, u32 num, u32 event, u32 used,
			u32 called)
{
	struct vhost_ring ring = { .num = num, .is_packed = true };

	KUNIT_ASSERT_EQ_MSG(test,
			    vhost_pos_passed(&ring, model_pos(num, event),
					     model_pos(num, used), called),
			    model_passed(num, event, used, called),
			    "size %u, event %u, used %u, called for %u", num,
			    event, used, called);
}

static void events_small(struct kunit *test)
{
	u32 num, event, used, called;

	for (num = 1; num <= SMALL_RING; num++)
		for (event = 0; event < 2 * num; event++)
			for (used = 0; used < 2 * num; used++)
				for (called = 0; called <= num; called++)
					check_event(test, num, event, used,
						    called);
}

static void events_large(struct kunit *test)
{
	static const u32 calls[] = { 0, 1, 2, 3, 64 };
	u32 i, j, k, c, num;

	for (k = 0; k < ARRAY_SIZE(large_rings); k++) {
		num = large_rings[k];
		for (i = 0; i < INTERESTING; i++)
			for (j = 0; j < INTERESTING; j++)
				for (c = 0; c < ARRAY_SIZE(calls); c++)
					check_event(test, num,
						    interesting(num, i),
						    interesting(num, j),
						    min(num, calls[c]));
	}
}

/* What the guest asks for may be nonsense, but it has an answer. */
static void event_outside(struct kunit *test)
{
	struct vhost_ring ring = { .num = 5, .is_packed = true };
	struct vhost_pos used = { .slot = 3, .wrap = true };
	struct vhost_pos event = { .slot = 32767, .wrap = true };

	KUNIT_EXPECT_FALSE(test, vhost_pos_passed(&ring, event, used, 5));
	event.wrap = false;
	KUNIT_EXPECT_FALSE(test, vhost_pos_passed(&ring, event, used, 5));
}

static void base_of_pos(struct kunit *test)
{
	struct vhost_pos pos;
	u32 base;

	for (base = 0; base <= U16_MAX; base++) {
		pos = vhost_base_to_pos(base);
		KUNIT_ASSERT_EQ(test, pos.slot, base % 0x8000);
		KUNIT_ASSERT_EQ(test, pos.wrap, base >= 0x8000);
		KUNIT_ASSERT_EQ(test, vhost_pos_to_base(pos), base);
	}
}

/* Both halves are kept; an upper one of 0 stands for the lower one. */
static void base_halves(struct kunit *test)
{
	static const u16 halves[] = { 0, 1, 0x7fff, 0x8000, 0x8001, 0xffff };
	struct vhost_ring ring = { .is_packed = true };
	u32 i, j, base, want;

	for (i = 0; i < ARRAY_SIZE(halves); i++) {
		for (j = 0; j < ARRAY_SIZE(halves); j++) {
			base = halves[j] * 0x10000U + halves[i];
			want = base;
			if (!halves[j])
				want = halves[i] * 0x10001U;
			KUNIT_ASSERT_EQ(test,
					vhost_ring_set_base(&ring, base), 0);
			KUNIT_EXPECT_EQ(test, vhost_ring_get_base(&ring), want);
			KUNIT_EXPECT_EQ(test,
					vhost_pos_to_base(ring.packed.avail),
					halves[i]);
		}
	}
}

static void base_first(struct kunit *test)
{
	struct vhost_ring ring = { .is_packed = true };

	vhost_packed_set_base(&ring, VHOST_PACKED_START);
	KUNIT_EXPECT_TRUE(test, same_pos(ring.packed.avail, model_pos(9, 0)));
	KUNIT_EXPECT_TRUE(test, same_pos(ring.packed.used, model_pos(9, 0)));
}

/* No more than all entries are on their way, and none is outside. */
static void base_valid(struct kunit *test)
{
	struct vhost_ring ring = { .is_packed = true };
	u32 num, avail, used;

	for (num = 1; num <= SMALL_RING; num++) {
		ring.num = num;
		for (used = 0; used < 2 * num; used++) {
			for (avail = used; avail < used + 2 * num; avail++) {
				vhost_packed_set_base(&ring,
						      model_base(num, avail));
				ring.packed.used = model_pos(num, used);
				KUNIT_ASSERT_EQ_MSG(test,
						    vhost_ring_valid(&ring),
						    avail - used <= num,
						    "size %u, from %u to %u",
						    num, used, avail);
			}
		}
	}
}

static void base_outside(struct kunit *test)
{
	struct vhost_ring ring = { .is_packed = true };
	u32 num, wrap;

	for (num = 1; num <= SMALL_RING; num++) {
		ring.num = num;
		for (wrap = 0; wrap <= 0x8000; wrap += 0x8000) {
			vhost_packed_set_base(&ring, wrap + num);
			KUNIT_EXPECT_FALSE(test, vhost_ring_valid(&ring));
			vhost_packed_set_base(&ring, wrap + 0x7fff);
			KUNIT_EXPECT_FALSE(test, vhost_ring_valid(&ring));
			/* One half of it is enough, in either lap. */
			ring.packed.avail = vhost_base_to_pos(wrap + num);
			ring.packed.used = vhost_base_to_pos(num - 1);
			KUNIT_EXPECT_FALSE(test, vhost_ring_valid(&ring));
			ring.packed.avail = vhost_base_to_pos(num - 1);
			ring.packed.used = vhost_base_to_pos(wrap + num);
			KUNIT_EXPECT_FALSE(test, vhost_ring_valid(&ring));
		}
	}
}

static void alignment(struct kunit *test)
{
	static const u32 aligned[VHOST_PARTS] = { 16, 4, 4 };
	struct vhost_ring ring = { .num = 3, .is_packed = true };
	u32 part, off;

	vhost_packed_set_base(&ring, VHOST_PACKED_START);
	for (part = 0; part < VHOST_PARTS; part++) {
		for (off = 0; off <= 32; off++) {
			ring.parts[part].addr = 0x100000000 + off;
			KUNIT_EXPECT_EQ(test, vhost_ring_valid(&ring),
					off % aligned[part] == 0);
		}
		ring.parts[part].addr = 0;
	}
}

static void sizes(struct kunit *test)
{
	struct vhost_ring ring = { .is_packed = true };
	u32 num;

	for (num = 0; num <= 70000; num++)
		KUNIT_ASSERT_EQ(test, vhost_ring_fits(&ring, num),
				num >= 1 && num <= 32768);

	ring.num = 32768;
	vhost_ring_layout(&ring);
	KUNIT_EXPECT_EQ(test, ring.parts[VHOST_DESC].size, 524288);
	KUNIT_EXPECT_EQ(test, ring.parts[VHOST_AVAIL].size, 4);
	KUNIT_EXPECT_EQ(test, ring.parts[VHOST_USED].size, 4);
}

/*
 * An entry through five laps: fresh memory, made available, used, and each time
 * with other flags set. Bits are numbered as VIRTIO does.
 */
static void flags(struct kunit *test)
{
	u16 entry = 0, noise;
	bool wrap = true;
	u32 lap;

	for (lap = 0; lap < 5; lap++, wrap = !wrap) {
		noise = lap % 2 ? 0x7f7f : 0x0007;
		KUNIT_EXPECT_FALSE(test, vhost_packed_avail(entry, wrap));
		entry = noise | (wrap ? 1 << 7 : 1 << 15);
		KUNIT_EXPECT_TRUE(test, vhost_packed_avail(entry, wrap));
		KUNIT_EXPECT_FALSE(test, vhost_packed_avail(entry, !wrap));
		entry = vhost_packed_used_flags(wrap);
		KUNIT_EXPECT_EQ(test, entry, wrap ? 0x8080 : 0);
		KUNIT_EXPECT_FALSE(test, vhost_packed_avail(entry, wrap));
	}
}

static void noted_slots(struct kunit *test)
{
	union vhost_put puts[3] = {
		{ .packed = { .slots = 1 } },
		{ .packed = { .slots = 32767 } },
		{ .packed = { .slots = 65535 } },
	};
	struct vhost_ring ring = { .is_packed = true, .puts = puts };

	KUNIT_EXPECT_EQ(test, vhost_packed_put_slots(&ring), 0);
	ring.put_num = 2;
	KUNIT_EXPECT_EQ(test, vhost_packed_put_slots(&ring), 32768);
	ring.put_num = 3;
	KUNIT_EXPECT_EQ(test, vhost_packed_put_slots(&ring), 98303);
}

static struct kunit_case packed_cases[] = {
	KUNIT_CASE(steps_small),
	KUNIT_CASE(steps_large),
	KUNIT_CASE(laps),
	KUNIT_CASE(events_small),
	KUNIT_CASE(events_large),
	KUNIT_CASE(event_outside),
	KUNIT_CASE(base_of_pos),
	KUNIT_CASE(base_halves),
	KUNIT_CASE(base_first),
	KUNIT_CASE(base_valid),
	KUNIT_CASE(base_outside),
	KUNIT_CASE(alignment),
	KUNIT_CASE(sizes),
	KUNIT_CASE(flags),
	KUNIT_CASE(noted_slots),
	{}
};

static struct kunit_suite packed_suite = {
	.name = "vhost_ring_packed",
	.test_cases = packed_cases,
};

kunit_test_suite(packed_suite);
