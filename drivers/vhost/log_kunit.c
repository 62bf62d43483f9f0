// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of where the dirty log's bits are, against the plainest of bitmaps: a
 * row of words of the owner's size, in the owner's byte order.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/limits.h>
#include <linux/vhost.h>

#include "log.h"

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

static struct kunit_case log_cases[] = {
	KUNIT_CASE(one_bit),
	KUNIT_CASE(far_pages),
	KUNIT_CASE(covers),
	{}
};

static struct kunit_suite log_suite = {
	.name = "vhost_log",
	.test_cases = log_cases,
};

kunit_test_suite(log_suite);
