// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of where the dirty log's bits are, against the plainest of bitmaps: a
 * row of words of the owner's size, in the owner's byte order; and of which are
 * set, against a model that looks at all pages of all regions.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/limits.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>

#include "fake_kunit.h"

#define PAGES	512

/* Only the one bit is set, whatever address the bitmap begins at. */
static void one_bit(struct kunit *test)
{
	DECLARE_BITMAP(want, PAGES);
	u32 mem[PAGES / 32 + 3], page, bit;
	unsigned long base, word;
	/* Where words begin with their highest byte, so does the bitmap. */
	u32 step = IS_ENABLED(CONFIG_CPU_BIG_ENDIAN) ? sizeof(long) : 1;
	u32 off;

	for (off = 0; off < 8; off += step) {
		base = 0x10000 + off;
		for (page = 0; page < PAGES; page++) {
			word = vhost_log_word(base, page, &bit);
			KUNIT_ASSERT_EQ(test, word % sizeof(u32), 0);
			KUNIT_ASSERT_LT(test, bit, 32);
			KUNIT_ASSERT_GE(test, word, 0x10000);
			KUNIT_ASSERT_LT(test, word - 0x10000, sizeof(mem));

			memset(mem, 0, sizeof(mem));
			mem[(word - 0x10000) / sizeof(u32)] = 1U << bit;
			bitmap_zero(want, PAGES);
			set_bit(page, want);
			KUNIT_ASSERT_EQ_MSG(test, memcmp((u8 *)mem + off, want,
							 sizeof(want)), 0,
					    "page %u, bitmap at %u", page, off);
		}
	}
}

/* Guest addresses go on for longer than 32 bits can count their pages. */
static void far_pages(struct kunit *test)
{
	static const u64 pages[] = { 1ULL << 32, 1ULL << 40, (1ULL << 52) - 1 };
	unsigned long word;
	u32 i, bit;

	if (!IS_ENABLED(CONFIG_64BIT) || IS_ENABLED(CONFIG_CPU_BIG_ENDIAN))
		kunit_skip(test, "no room for them");
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		word = vhost_log_word(0x10000, pages[i], &bit);
		KUNIT_EXPECT_EQ(test, word, 0x10000 + pages[i] / 32 * 4);
		KUNIT_EXPECT_EQ(test, bit, pages[i] % 32);
	}
}

/* A bit is there for each page, or the range is refused. */
static void covers(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, vhost_log_covers(0x10000, 0, 0));
	KUNIT_EXPECT_TRUE(test, vhost_log_covers(0x10000, 0, U32_MAX));
	/* Past the end of all addresses, and round it. */
	KUNIT_EXPECT_FALSE(test, vhost_log_covers(ULONG_MAX, 0, 0));
	KUNIT_EXPECT_FALSE(test, vhost_log_covers(ULONG_MAX - 15, 0, 0x7ffff));
	KUNIT_EXPECT_FALSE(test, vhost_log_covers(ULONG_MAX - 15, 0, 0x80000));
	KUNIT_EXPECT_FALSE(test, vhost_log_covers(ULONG_MAX - 15, 0, U64_MAX));
	KUNIT_EXPECT_FALSE(test, vhost_log_covers(ULONG_MAX - 15, 0x80000,
						  0x80000));
}

/* The used part is logged where it was said to be, if that can be anywhere. */
static void covers_used(struct kunit *test)
{
	struct vhost_vq *vq = &((struct fake *)test->priv)->vq[0];
	struct vhost_log *log = &vq->log;

	/* 8 entries, flags and index. */
	vq->ring.parts[VHOST_USED].size = 8 * 8 + 4;
	log->used_addr = U64_MAX;
	KUNIT_EXPECT_TRUE(test, vhost_log_covers_used(vq, 0x10000));
	log->used = true;
	KUNIT_EXPECT_FALSE(test, vhost_log_covers_used(vq, 0x10000));
	log->used_addr = U64_MAX - 66;
	KUNIT_EXPECT_FALSE(test, vhost_log_covers_used(vq, 0x10000));
	log->used_addr = 0;
	KUNIT_EXPECT_TRUE(test, vhost_log_covers_used(vq, 0x10000));
	/* A bit of it is past the end of the owner's memory. */
	log->used_addr = 0x8000ULL * 0x100 - 67;
	KUNIT_EXPECT_FALSE(test, vhost_log_covers_used(vq, ULONG_MAX - 0xff));
}

/* The bitmap is somewhere in this, and bytes around it stay as they are. */
#define MAP_ROOM	(PAGES / 8 + 32)
#define MAP_GUARD	16
#define ROUNDS		2000

/* Two run on, two share memory, none begins at a page. */
static const struct vhost_memory_region log_regions[] = {
	{ .guest_phys_addr = 0x123, .memory_size = 0x2f00,
	  .userspace_addr = 0x500123 },
	{ .guest_phys_addr = 0x3023, .memory_size = 0x5000,
	  .userspace_addr = 0x503023 },
	{ .guest_phys_addr = 0x20800, .memory_size = 0x4000,
	  .userspace_addr = 0x502234 },
	{ .guest_phys_addr = PAGES * 0x1000 - 0x7ff, .memory_size = 0x7ff,
	  .userspace_addr = 0x600000 },
};

static void model_log(unsigned long *want, u64 first, u64 last)
{
	u64 page;

	for (page = first / 4096; page <= last / 4096; page++)
		set_bit(page, want);
}

/* Writing to the owner's memory is seen in all regions that have any of it. */
static void model_write(unsigned long *want, u64 hva, u64 len)
{
	const struct vhost_memory_region *r;
	u64 from, to;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(log_regions); i++) {
		r = &log_regions[i];
		from = max(hva, r->userspace_addr);
		to = min(hva + len, r->userspace_addr + r->memory_size);
		if (from >= to)
			continue;
		from += r->guest_phys_addr - r->userspace_addr;
		to += r->guest_phys_addr - r->userspace_addr;
		model_log(want, from, to - 1);
	}
}

/* Somewhere in what is memory, or near it. */
static struct iovec random_piece(struct rnd_state *rnd)
{
	static const u32 lens[] = { 0, 1, 2, 0x7ff, 0x1000, 0x1001, 0x3000 };
	u32 at = 0x500000 + fake_any(rnd, 0x9000);
	const struct vhost_memory_region *r;

	switch (fake_any(rnd, 8)) {
	case 0:
		at = 0x600000 + fake_any(rnd, 0x800);
		break;
	case 1:
		/* Around the page's end, for those that are the guest's own. */
		at = (at & ~0xfffU) - 1 + fake_any(rnd, 3);
		break;
	case 2:
	case 3:
		/* Around what is memory, and what is not any more. */
		r = &log_regions[fake_any(rnd, ARRAY_SIZE(log_regions))];
		at = r->userspace_addr - 2 + fake_any(rnd, 4) +
		     fake_any(rnd, 2) * r->memory_size;
		break;
	}
	return (struct iovec) {
		.iov_base = (void __user *)(unsigned long)at,
		.iov_len = lens[fake_any(rnd, ARRAY_SIZE(lens))],
	};
}

static void flush(struct vhost_vq *vq)
{
	mutex_lock(&vq->mutex);
	vhost_log_flush(vq, true);
	mutex_unlock(&vq->mutex);
}

/* Clear the bitmap, with something else around it, at a place of its own. */
static unsigned long clean(struct kunit *test, unsigned long user, u32 off)
{
	struct vhost_vq *vq = &((struct fake *)test->priv)->vq[0];
	u8 mem[MAP_ROOM];

	memset(mem, 0xa5, sizeof(mem));
	memset(mem + MAP_GUARD + off, 0, PAGES / 8);
	fake_put(test, user, mem, sizeof(mem));
	vq->log.base = user + MAP_GUARD + off;
	vq->log.word = 0;
	return vq->log.base;
}

static void check_map(struct kunit *test, unsigned long user,
		      const unsigned long *want)
{
	struct vhost_vq *vq = &((struct fake *)test->priv)->vq[0];
	u32 i, at = vq->log.base - user;
	u8 mem[MAP_ROOM];

	flush(vq);
	fake_get(test, mem, user, sizeof(mem));
	KUNIT_ASSERT_EQ(test, memcmp(mem + at, want, PAGES / 8), 0);
	memset(mem + at, 0xa5, PAGES / 8);
	for (i = 0; i < sizeof(mem); i++)
		KUNIT_ASSERT_EQ(test, mem[i], 0xa5);
}

/* Buffers of several pieces, of which the first bytes were written to. */
static void random_buffers(struct kunit *test)
{
	struct vhost_vq *vq = &((struct fake *)test->priv)->vq[0];
	unsigned long user = fake_user(test, 4096);
	DECLARE_BITMAP(want, PAGES);
	struct iovec iov[4];
	struct rnd_state rnd;
	u32 round, i, turn;
	size_t len, n;

	prandom_seed_state(&rnd, 4);
	fake_mem(test, log_regions, ARRAY_SIZE(log_regions));
	for (round = 0; round < ROUNDS; round++) {
		u32 step = IS_ENABLED(CONFIG_CPU_BIG_ENDIAN) ? 8 : 1;

		clean(test, user, round % 16 / step * step);
		bitmap_zero(want, PAGES);
		for (turn = 0; turn < 3; turn++) {
			for (i = 0, len = 0; i < ARRAY_SIZE(iov); i++) {
				iov[i] = random_piece(&rnd);
				len += iov[i].iov_len;
			}
			len = len ? fake_any(&rnd, len + 1) : 0;
			vhost_log_iov(vq, iov, ARRAY_SIZE(iov), len);
			for (i = 0; i < ARRAY_SIZE(iov); i++, len -= n) {
				n = min(len, iov[i].iov_len);
				model_write(want,
					    (unsigned long)iov[i].iov_base, n);
			}
		}
		check_map(test, user, want);
	}
}

/* Writes to a ring: some by where it is, and the used part by what was said. */
static void random_ring(struct kunit *test)
{
	struct vhost_vq *vq = &((struct fake *)test->priv)->vq[0];
	struct vhost_area *desc = &vq->ring.parts[VHOST_DESC];
	unsigned long user = fake_user(test, 4096);
	struct iovec pieces[] = {
		{ (void __user *)0x500fff, 1 },
		{ (void __user *)0x504ffe, 3 },
		{ (void __user *)0x503000, 0x1800 },
	};
	DECLARE_BITMAP(want, PAGES);
	struct rnd_state rnd;
	u32 round, at, len, i;

	prandom_seed_state(&rnd, 5);
	fake_mem(test, log_regions, ARRAY_SIZE(log_regions));
	desc->base = NULL;
	desc->pieces = pieces;
	desc->num = ARRAY_SIZE(pieces);
	for (round = 0; round < ROUNDS; round++) {
		clean(test, user, 0);
		bitmap_zero(want, PAGES);
		at = fake_any(&rnd, 0x1004);
		len = 1 + fake_any(&rnd, round % 2 ? 4 : 0x1804 - at);
		if (round % 4 < 2) {
			vhost_log_used_range(vq, VHOST_DESC, at, len);
			for (i = at; i < at + len; i++)
				model_write(want, i < 1 ? 0x500fff :
						  i < 4 ? 0x504ffe + i - 1 :
							  0x503000 + i - 4, 1);
		} else {
			vq->log.used_addr = fake_any(&rnd,
						     (PAGES - 2) * 4096);
			vhost_log_used_range(vq, VHOST_USED, at, len);
			model_log(want, vq->log.used_addr + at,
				  vq->log.used_addr + at + len - 1);
		}
		check_map(test, user, want);
	}
	desc->pieces = NULL;
	desc->num = 0;
}

/* The owner clears bits: what is written afterwards has them again. */
static void cleared(struct kunit *test)
{
	struct vhost_vq *vq = &((struct fake *)test->priv)->vq[0];
	unsigned long user = fake_user(test, 4096), base;
	struct iovec piece = { (void __user *)0x500fff, 2 };
	DECLARE_BITMAP(want, PAGES) = {};
	u8 byte;

	fake_mem(test, log_regions, ARRAY_SIZE(log_regions));
	model_write(want, 0x500fff, 2);
	base = clean(test, user, 0);
	vhost_log_iov(vq, &piece, 1, 2);
	/* Only when it is told. */
	fake_get(test, &byte, base, 1);
	KUNIT_EXPECT_EQ(test, byte, 0);
	check_map(test, user, want);
	clean(test, user, 0);
	vhost_log_iov(vq, &piece, 1, 2);
	check_map(test, user, want);
	/* Nothing is left to be told. */
	clean(test, user, 0);
	bitmap_zero(want, PAGES);
	check_map(test, user, want);

	/* A bitmap that is not there is a reason to complain. */
	vq->log.base = user + 4096;
	vhost_log_iov(vq, &piece, 1, 2);
	flush(vq);
	KUNIT_EXPECT_TRUE(test, vq->err_due);
}

/* A word that is there already is not written, nor is one that can't be. */
static void same_word(struct kunit *test)
{
	struct vhost_vq *vq = &((struct fake *)test->priv)->vq[0];
	struct vhost_area *used = &vq->ring.parts[VHOST_USED];
	unsigned long user = fake_user(test, 4096);
	u16 word;

	clean(test, user, 0);
	used->base = (void __user *)(user + 2048);
	used->size = 64;
	vq->log.used = true;
	KUNIT_EXPECT_EQ(test, vhost_used_put(vq, 2, 5), 0);
	KUNIT_EXPECT_NE(test, vq->log.mask, 0);
	vq->log.mask = 0;
	KUNIT_EXPECT_EQ(test, vhost_used_set(vq, 2, 5), 0);
	KUNIT_EXPECT_EQ(test, vq->log.mask, 0);
	KUNIT_EXPECT_EQ(test, vhost_used_set(vq, 2, 6), 0);
	KUNIT_EXPECT_NE(test, vq->log.mask, 0);
	KUNIT_EXPECT_EQ(test, vhost_ring_get16(&vq->ring, VHOST_USED, 2, &word),
			0);
	KUNIT_EXPECT_EQ(test, word, 6);

	vq->log.mask = 0;
	used->base = (void __user *)(user + 4096);
	KUNIT_EXPECT_EQ(test, vhost_used_put(vq, 2, 7), -EFAULT);
	KUNIT_EXPECT_EQ(test, vhost_used_set(vq, 2, 7), -EFAULT);
	KUNIT_EXPECT_EQ(test, vq->log.mask, 0);
}

static struct kunit_case log_cases[] = {
	KUNIT_CASE(one_bit),
	KUNIT_CASE(far_pages),
	KUNIT_CASE(covers),
	KUNIT_CASE(covers_used),
	KUNIT_CASE(random_buffers),
	KUNIT_CASE(random_ring),
	KUNIT_CASE(cleared),
	KUNIT_CASE(same_word),
	{}
};

static struct kunit_suite log_suite = {
	.name = "vhost_log",
	.init = fake_init,
	.exit = fake_exit,
	.test_cases = log_cases,
};

kunit_test_suite(log_suite);
