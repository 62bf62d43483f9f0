// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of short copies: all lengths, wherever they begin and end, and
 * those that can't be done.
 */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "copies.h"
#include "fake_kunit.h"

#define OFFSETS	9		/* from one word to the next, and one more */
#define BESIDE	16		/* bytes on both sides that must stay */
#define ROOM	(BESIDE + OFFSETS + VHOST_COPY_MAX + BESIDE)
#define NUM	8

static void fill(struct rnd_state *rnd, u8 *at)
{
	prandom_bytes_state(rnd, at, ROOM);
}

/* One copy each, and nothing but that. */
static void words(struct kunit *test)
{
	u8 *from = kunit_kzalloc(test, ROOM, GFP_KERNEL);
	u8 *to = kunit_kzalloc(test, ROOM, GFP_KERNEL);
	u8 *want = kunit_kzalloc(test, ROOM, GFP_KERNEL);
	struct rnd_state rnd;
	size_t len, at;

	KUNIT_ASSERT_TRUE(test, from && to && want);
	prandom_seed_state(&rnd, 1);
	for (len = VHOST_COPY_MIN; len <= VHOST_COPY_MAX; len++)
		for (at = BESIDE; at < BESIDE + OFFSETS; at++) {
			fill(&rnd, from);
			fill(&rnd, to);
			memcpy(want, to, ROOM);
			memcpy(want + at, from + BESIDE, len);
			vhost_copy_words(to + at, from + BESIDE, len);
			KUNIT_ASSERT_EQ(test, memcmp(to, want, ROOM), 0);
		}
}

static struct vhost_copy copy_of(unsigned long user, void *ours, size_t len)
{
	return (struct vhost_copy) {
		.theirs = (void __user *)user,
		.ours = ours,
		.len = len,
	};
}

static void lengths(struct kunit *test)
{
	unsigned long user = fake_user(test, PAGE_SIZE);
	u8 *ours = kunit_kzalloc(test, ROOM, GFP_KERNEL);
	u8 *theirs = kunit_kzalloc(test, ROOM, GFP_KERNEL);
	u8 *got = kunit_kzalloc(test, ROOM, GFP_KERNEL);
	struct vhost_copy copy;
	struct rnd_state rnd;
	size_t len, at;

	KUNIT_ASSERT_TRUE(test, ours && theirs && got);
	prandom_seed_state(&rnd, 2);
	for (len = VHOST_COPY_MIN; len <= VHOST_COPY_MAX; len++) {
		at = BESIDE + len % OFFSETS;
		fill(&rnd, ours);
		fill(&rnd, theirs);
		fake_put(test, user, theirs, ROOM);
		copy = copy_of(user + at, ours + BESIDE, len);
		KUNIT_ASSERT_TRUE(test, vhost_copy_fits(copy.theirs, len));

		KUNIT_ASSERT_EQ(test, vhost_copies_out(&copy, 0, 1), 1);
		memcpy(theirs + at, ours + BESIDE, len);
		fake_get(test, got, user, ROOM);
		KUNIT_ASSERT_EQ(test, memcmp(got, theirs, ROOM), 0);

		fill(&rnd, ours);
		memcpy(got, ours, ROOM);
		KUNIT_ASSERT_EQ(test, vhost_copies_in(&copy, 0, 1), 1);
		memcpy(got + BESIDE, theirs + at, len);
		KUNIT_ASSERT_EQ(test, memcmp(got, ours, ROOM), 0);
	}
}

static void limits(struct kunit *test)
{
	void __user *good = (void __user *)PAGE_SIZE;

	KUNIT_EXPECT_TRUE(test, vhost_copy_fits(good, VHOST_COPY_MIN));
	KUNIT_EXPECT_TRUE(test, vhost_copy_fits(good, VHOST_COPY_MAX));
	KUNIT_EXPECT_FALSE(test, vhost_copy_fits(good, VHOST_COPY_MIN - 1));
	KUNIT_EXPECT_FALSE(test, vhost_copy_fits(good, VHOST_COPY_MAX + 1));
	KUNIT_EXPECT_FALSE(test, vhost_copy_fits(good, 0));
	KUNIT_EXPECT_FALSE(test, vhost_copy_fits((void __user *)-16UL, 32));
}

/* Copies of 16 bytes each, of which number @bad leads to the page behind. */
static void make(struct vhost_copy *copy, unsigned long user, u8 *ours, u16 bad)
{
	u16 i;

	for (i = 0; i < NUM; i++)
		copy[i] = copy_of(user + (i == bad ? PAGE_SIZE : i * 16UL),
				  ours + i * 16, 16);
}

/* What can't be done stops there, and all before it is done. */
static void faults(struct kunit *test)
{
	unsigned long user = fake_user(test, PAGE_SIZE);
	u8 ours[NUM * 16], theirs[NUM * 16];
	struct vhost_copy copy[NUM];
	u16 bad;

	for (bad = 0; bad < NUM; bad++) {
		memset(ours, 1 + bad, sizeof(ours));
		memset(theirs, 0, sizeof(theirs));
		fake_put(test, user, theirs, sizeof(theirs));
		make(copy, user, ours, bad);
		KUNIT_ASSERT_EQ(test, vhost_copies_out(copy, 0, NUM), bad);
		fake_get(test, theirs, user, sizeof(theirs));
		KUNIT_EXPECT_EQ(test, memcmp(theirs, ours, bad * 16), 0);
		KUNIT_EXPECT_EQ(test, theirs[bad * 16], 0);
		KUNIT_ASSERT_EQ(test, vhost_copies_out(copy, bad + 1, NUM),
				NUM);

		memset(ours, 0, sizeof(ours));
		KUNIT_ASSERT_EQ(test, vhost_copies_in(copy, 0, NUM), bad);
		fake_get(test, theirs, user, sizeof(theirs));
		KUNIT_EXPECT_EQ(test, memcmp(theirs, ours, bad * 16), 0);
		KUNIT_EXPECT_EQ(test, ours[bad * 16], 0);
		KUNIT_ASSERT_EQ(test, vhost_copies_in(copy, bad + 1, NUM), NUM);
	}
}

/* What is done already is left out. */
static void none(struct kunit *test)
{
	unsigned long user = fake_user(test, PAGE_SIZE);
	u8 ours[NUM * 16] = {};
	struct vhost_copy copy[NUM];
	u16 i;

	make(copy, user, ours, NUM);
	for (i = 0; i < NUM; i += 2)
		copy[i].theirs = NULL;
	memset(ours, 7, sizeof(ours));
	KUNIT_EXPECT_EQ(test, vhost_copies_in(copy, 0, NUM), NUM);
	for (i = 0; i < NUM; i++)
		KUNIT_EXPECT_EQ(test, ours[i * 16], i % 2 ? 0 : 7);
	KUNIT_EXPECT_EQ(test, vhost_copies_in(copy, NUM, NUM), NUM);
	KUNIT_EXPECT_EQ(test, vhost_copies_out(copy, NUM, NUM), NUM);
}

static struct kunit_case copies_cases[] = {
	KUNIT_CASE(words),
	KUNIT_CASE(lengths),
	KUNIT_CASE(limits),
	KUNIT_CASE(faults),
	KUNIT_CASE(none),
	{}
};

static struct kunit_suite copies_suite = {
	.name = "vhost_copies",
	.test_cases = copies_cases,
};

kunit_test_suite(copies_suite);
