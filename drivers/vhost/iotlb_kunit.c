// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the IOTLB: thousands of messages at random in a small space, against
 * a model that has an entry for each address; then its limits, and misses.
 */
#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>

#include "fake_kunit.h"
#include "iotlb_map.h"

#define SPACE		96
#define OWNER		0x100000UL
#define STEPS		3000
/* The parameter's default. */
#define MAX_ENTRIES	16384
#define IOTLB_FEATURES	(BIT_ULL(VIRTIO_F_VERSION_1) | \
			 BIT_ULL(VIRTIO_F_ACCESS_PLATFORM))

/* What is known of one address; no id: no translation. */
struct model_at {
	u32 id;
	u8 perm;
	unsigned long hva;
};

/**
 * struct model - the translations of a small space
 * @base: where that begins
 * @at: each address of it
 * @ids: how many translations there have been
 */
struct model {
	u64 base;
	struct model_at at[SPACE];
	u32 ids;
};

static int update(struct fake *fake, u64 iova, u64 size, u64 uaddr, u8 perm)
{
	struct vhost_iotlb_msg msg = {
		.iova = iova, .size = size, .uaddr = uaddr, .perm = perm,
		.type = VHOST_IOTLB_UPDATE,
	};
	int err;

	mutex_lock(&fake->device.mutex);
	err = vhost_iotlb_update(&fake->device, &msg);
	mutex_unlock(&fake->device.mutex);
	return err;
}

static int invalidate(struct fake *fake, u64 iova, u64 size)
{
	struct vhost_iotlb_msg msg = {
		.iova = iova, .size = size, .type = VHOST_IOTLB_INVALIDATE,
	};
	int err;

	mutex_lock(&fake->device.mutex);
	err = vhost_iotlb_invalidate(&fake->device, &msg);
	mutex_unlock(&fake->device.mutex);
	return err;
}

/* A copy of an address's translation; false without. */
static bool find(struct fake *fake, u64 iova, struct vhost_map *to)
{
	const struct vhost_map *map;

	spin_lock(&fake->device.iotlb.lock);
	map = vhost_iotlb_find(&fake->device.iotlb, iova);
	if (map)
		*to = *map;
	spin_unlock(&fake->device.iotlb.lock);
	return map;
}

static bool known(const struct model *model, u32 first, u32 last,
		  unsigned long hva, u8 perm)
{
	const struct model_at *at = &model->at[first];
	u32 i;

	for (i = first; i <= last; i++)
		if (!at->id || model->at[i].id != at->id ||
		    model->at[i].hva != hva + (i - first) ||
		    model->at[i].perm != perm)
			return false;
	return true;
}

/* A new one takes the place of what it covers, and may leave two ends of it. */
static void model_update(struct model *model, u32 first, u32 last,
			 unsigned long hva, u8 perm)
{
	u32 i, right, id;

	if (known(model, first, last, hva, perm))
		return;
	right = last + 1 < SPACE ? model->at[last + 1].id : 0;
	if (right && right == model->at[last].id && first &&
	    model->at[first - 1].id == right) {
		id = ++model->ids;
		for (i = last + 1; i < SPACE && model->at[i].id == right; i++)
			model->at[i].id = id;
	}
	id = ++model->ids;
	for (i = first; i <= last; i++)
		model->at[i] = (struct model_at) {
			.id = id, .perm = perm, .hva = hva + (i - first),
		};
}

/* All that have any part of the range go, whole. */
static void model_invalidate(struct model *model, u32 first, u32 last)
{
	u32 i, j, id;

	for (i = first; i <= last; i++) {
		id = model->at[i].id;
		for (j = 0; id && j < SPACE; j++)
			if (model->at[j].id == id)
				model->at[j].id = 0;
	}
}

/* The tree has what the model has, entry for entry. */
static void check_tree(struct kunit *test, const struct model *model)
{
	struct fake *fake = test->priv;
	struct vhost_map map;
	u32 i, num = 0, first = 0;

	for (i = 0; i < SPACE; i++) {
		const struct model_at *at = &model->at[i];
		bool is = find(fake, model->base + i, &map);

		if (!i || at->id != at[-1].id)
			first = i;
		KUNIT_ASSERT_EQ_MSG(test, is, !!at->id, "address %u", i);
		if (!is)
			continue;
		num += first == i;
		KUNIT_ASSERT_EQ(test, map.first, model->base + first);
		KUNIT_ASSERT_EQ(test, map.hva + (model->base + i - map.first),
				at->hva);
		KUNIT_ASSERT_EQ(test, map.perm, at->perm);
		if (i + 1 == SPACE || at[1].id != at->id)
			KUNIT_ASSERT_EQ(test, map.last, model->base + i);
	}
	KUNIT_ASSERT_EQ(test, fake->device.iotlb.num, num);
}

/* As the first address that is in the way says; 0 if none is. */
static int model_xlate(const struct model *model, u32 at, u32 len, u8 perm)
{
	for (; len; len--, at++) {
		if (!model->at[at].id)
			return -EAGAIN;
		if ((model->at[at].perm & perm) != perm)
			return -EPERM;
	}
	return 0;
}

static int xlate(struct vhost_vq *vq, u64 iova, u32 len, u8 perm,
		 struct iovec *iov, int max)
{
	struct vhost_gpa gpa = { iova };
	u8 other;
	int n;

	mutex_lock(&vq->mutex);
	vhost_iotlb_enter(vq);
	/* What was looked up before, for another use, makes no difference. */
	for (other = 1; other <= 3; other++)
		vhost_iotlb_xlate(vq, gpa, len, other, iov, max);
	n = vhost_iotlb_xlate(vq, gpa, len, perm, iov, max);
	vhost_iotlb_leave(vq);
	vhost_iotlb_forget_misses(vq);
	mutex_unlock(&vq->mutex);
	return n;
}

static void check_segments(struct kunit *test, const struct model *model,
			   u32 at, u32 len, const struct iovec *iov, int num)
{
	u32 id = 0;
	size_t off = 0;
	int n = -1;

	for (; len; len--, at++, off++) {
		if (model->at[at].id != id) {
			if (n >= 0)
				KUNIT_ASSERT_EQ(test, off, iov[n].iov_len);
			off = 0;
			KUNIT_ASSERT_LT(test, ++n, num);
		}
		id = model->at[at].id;
		KUNIT_ASSERT_EQ(test, (unsigned long)iov[n].iov_base + off,
				model->at[at].hva);
	}
	KUNIT_ASSERT_EQ(test, off, iov[n].iov_len);
	KUNIT_ASSERT_EQ(test, n + 1, num);
}

static void check_xlate(struct kunit *test, const struct model *model,
			struct rnd_state *rnd)
{
	struct fake *fake = test->priv;
	u32 at = fake_any(rnd, SPACE), len = 1 + fake_any(rnd, SPACE - at);
	u8 perm = 1 + fake_any(rnd, 3);
	struct iovec iov[SPACE];
	int n, want;

	want = model_xlate(model, at, len, perm);
	n = xlate(&fake->vq[0], model->base + at, len, perm, iov, SPACE);
	if (want) {
		KUNIT_ASSERT_EQ(test, n, want);
		return;
	}
	KUNIT_ASSERT_GT(test, n, 0);
	check_segments(test, model, at, len, iov, n);
	KUNIT_ASSERT_EQ(test, xlate(&fake->vq[0], model->base + at, len, perm,
				    iov, n - 1), -ENOBUFS);
}

static void step(struct kunit *test, struct model *model, struct rnd_state *rnd)
{
	struct fake *fake = test->priv;
	u32 first = fake_any(rnd, SPACE);
	u32 last = first + fake_any(rnd, min(SPACE - first, 24U));
	unsigned long hva = OWNER + fake_any(rnd, 3) * 0x1000 + first;
	u8 perm = fake_any(rnd, 4) ? VHOST_ACCESS_RW : fake_any(rnd, 4);
	u64 size = last - first + 1;

	if (fake_any(rnd, 4)) {
		KUNIT_ASSERT_EQ(test, update(fake, model->base + first, size,
					     hva, perm), 0);
		model_update(model, first, last, hva, perm);
	} else {
		KUNIT_ASSERT_EQ(test, invalidate(fake, model->base + first,
						 size), 0);
		model_invalidate(model, first, last);
	}
}

static void random_messages(struct kunit *test)
{
	static const u64 bases[] = { 0, 0xffffffd0, U64_MAX - SPACE + 1 };
	struct fake *fake = test->priv;
	struct rnd_state rnd;
	struct model *model;
	u32 i, j;

	model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, model);
	prandom_seed_state(&rnd, 1);
	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		/* The IOTLB begins empty. */
		KUNIT_ASSERT_EQ(test, fake_features(fake, IOTLB_FEATURES), 0);
		memset(model, 0, sizeof(*model));
		model->base = bases[i];
		for (j = 0; j < STEPS; j++) {
			step(test, model, &rnd);
			check_tree(test, model);
			check_xlate(test, model, &rnd);
		}
	}
}

/* What is refused changes nothing; the last address is as good as any. */
static void edges(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct vhost_map map;

	KUNIT_EXPECT_EQ(test, update(fake, 0, 1, OWNER, 3), -EFAULT);
	KUNIT_EXPECT_EQ(test, invalidate(fake, 0, 1), -EFAULT);
	KUNIT_ASSERT_EQ(test, fake_features(fake, IOTLB_FEATURES), 0);

	KUNIT_EXPECT_EQ(test, update(fake, 0, 0, OWNER, 3), -EFAULT);
	KUNIT_EXPECT_EQ(test, update(fake, U64_MAX, 2, OWNER, 3), -EFAULT);
	KUNIT_EXPECT_EQ(test, update(fake, 2, U64_MAX, OWNER, 3), -EFAULT);
	KUNIT_EXPECT_EQ(test, update(fake, 0, U64_MAX, OWNER, 3), -EFAULT);
	KUNIT_EXPECT_EQ(test, update(fake, 0, 2, U64_MAX, 3), -EFAULT);
	KUNIT_EXPECT_EQ(test, update(fake, 0, 0x1000, U64_MAX - 0xffff, 3),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, fake->device.iotlb.num, 0);

	KUNIT_EXPECT_EQ(test, update(fake, U64_MAX, 1, OWNER, 0xff), 0);
	KUNIT_ASSERT_TRUE(test, find(fake, U64_MAX, &map));
	KUNIT_EXPECT_EQ(test, map.perm, VHOST_ACCESS_RW);
	KUNIT_EXPECT_FALSE(test, find(fake, U64_MAX - 1, &map));
	KUNIT_EXPECT_FALSE(test, find(fake, 0, &map));
}

/* Of what is to be taken back, too much goes rather than too little. */
static void invalidate_edges(struct kunit *test)
{
	static const struct {
		u64 iova, size;
		bool low, high;
	} tries[] = {
		{ 0, 0, false, false },
		{ 0, U64_MAX, false, true },
		{ 5, 0, true, false },
		{ 1, U64_MAX, true, false },
		{ U64_MAX, U64_MAX, true, false },
		{ U64_MAX, 1, true, false },
		{ U64_MAX - 1, 1, true, true },
		{ 0, 1, false, true },
		{ 1, U64_MAX - 2, true, true },
	};
	struct fake *fake = test->priv;
	struct vhost_map map;
	u32 i;

	KUNIT_ASSERT_EQ(test, fake_features(fake, IOTLB_FEATURES), 0);
	for (i = 0; i < ARRAY_SIZE(tries); i++) {
		update(fake, 0, 1, OWNER, 3);
		update(fake, U64_MAX, 1, OWNER, 3);
		KUNIT_EXPECT_EQ(test, invalidate(fake, tries[i].iova,
						 tries[i].size), 0);
		KUNIT_EXPECT_EQ_MSG(test, find(fake, 0, &map), tries[i].low,
				    "range %u", i);
		KUNIT_EXPECT_EQ_MSG(test, find(fake, U64_MAX, &map),
				    tries[i].high, "range %u", i);
	}
}

/* There is a limit, and what was not asked for and came first goes first. */
static void limit(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct vhost_iotlb *iotlb = &fake->device.iotlb;
	struct vhost_map map;
	u32 i, max = MAX_ENTRIES, more = 100;

	KUNIT_ASSERT_EQ(test, fake_features(fake, IOTLB_FEATURES), 0);
	for (i = 0; !iotlb->evicted && i < 100000; i++)
		KUNIT_ASSERT_EQ(test, update(fake, i * 0x1000ULL, 0x1000,
					     OWNER, 3), 0);
	KUNIT_ASSERT_EQ(test, i, max + 1);
	KUNIT_EXPECT_EQ(test, iotlb->num, max);
	for (i = max + 1; i < max + more; i++)
		KUNIT_ASSERT_EQ(test, update(fake, i * 0x1000ULL, 0x1000,
					     OWNER, 3), 0);
	KUNIT_EXPECT_EQ(test, iotlb->num, max);
	KUNIT_EXPECT_EQ(test, iotlb->evicted, more);
	for (i = 0; i < 2 * more; i++)
		KUNIT_EXPECT_EQ(test, find(fake, i * 0x1000ULL, &map),
				i >= more);

	KUNIT_EXPECT_EQ(test, invalidate(fake, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, iotlb->num, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&iotlb->others));
	KUNIT_EXPECT_TRUE(test, list_empty(&iotlb->answers));
}

/* More translations than a ring remembers are all waited for. */
static void pins(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct vhost_vq *vq = &fake->vq[0];
	struct iovec iov[4];
	struct vhost_gpa gpa;
	bool pinned, outside, after;
	u32 i, n, num = VHOST_PINS + 10, bad = 0;

	KUNIT_ASSERT_EQ(test, fake_features(fake, IOTLB_FEATURES), 0);
	for (i = 1; i <= num; i++)
		update(fake, i * 0x10000, 0x1000, OWNER + i * 0x1000, 3);

	mutex_lock(&vq->mutex);
	vhost_iotlb_enter(vq);
	for (n = 0; n < num; n++) {
		/* In no order, but each. */
		i = 1 + n * 7 % num;
		gpa.addr = i * 0x10000 + 5;
		bad += vhost_iotlb_xlate(vq, gpa, 7, 3, iov, 4) != 1 ||
		       (unsigned long)iov->iov_base != OWNER + i * 0x1000 + 5;
	}
	spin_lock(&fake->device.iotlb.lock);
	for (i = 1, pinned = true; i <= num; i++)
		pinned &= vhost_iotlb_pinned(vq, i * 0x10000, i * 0x10000);
	outside = vhost_iotlb_pinned(vq, 0, 0xffff) ||
		  vhost_iotlb_pinned(vq, 0x11000, 0x1ffff) ||
		  vhost_iotlb_pinned(vq, num * 0x10000 + 0x1000, U64_MAX);
	spin_unlock(&fake->device.iotlb.lock);
	vhost_iotlb_leave(vq);
	spin_lock(&fake->device.iotlb.lock);
	after = vhost_iotlb_pinned(vq, 0, U64_MAX);
	spin_unlock(&fake->device.iotlb.lock);
	mutex_unlock(&vq->mutex);

	KUNIT_EXPECT_EQ(test, bad, 0);
	KUNIT_EXPECT_TRUE(test, pinned);
	KUNIT_EXPECT_FALSE(test, outside);
	KUNIT_EXPECT_FALSE(test, after);
}

static int miss(struct vhost_vq *vq, u64 iova, u32 len, u8 perm)
{
	struct vhost_gpa gpa = { iova };
	struct iovec iov[4];
	int n;

	mutex_lock(&vq->mutex);
	n = vhost_iotlb_xlate(vq, gpa, len, perm, iov, 4);
	mutex_unlock(&vq->mutex);
	return n;
}

/* Each page that is missing is told once, with what is to be done with it. */
static void misses(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct vhost_vq *vq = &fake->vq[1];
	struct vhost_iotlb_msg msg = {};
	u32 i;

	KUNIT_ASSERT_EQ(test, fake_features(fake, IOTLB_FEATURES), 0);
	KUNIT_EXPECT_FALSE(test, vhost_iotlb_next_miss(&fake->device, &msg));
	/* Pages 1 and 3 of 0 to 4 are there. */
	update(fake, 0x1000, 0x1000, OWNER, 3);
	update(fake, 0x3000, 0x1000, OWNER, 3);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, miss(vq, 0x800, 0x4000, 2), -EAGAIN);
	KUNIT_EXPECT_EQ(test, fake->device.iotlb.untold, 3);

	for (i = 0; i < 3; i++) {
		static const u64 iovas[] = { 0x800, 0x2000, 0x4000 };

		KUNIT_ASSERT_TRUE(test, vhost_iotlb_next_miss(&fake->device,
							      &msg));
		KUNIT_EXPECT_EQ(test, msg.type, VHOST_IOTLB_MISS);
		KUNIT_EXPECT_EQ(test, msg.iova, iovas[i]);
		KUNIT_EXPECT_EQ(test, msg.perm, 2);
	}
	KUNIT_EXPECT_FALSE(test, vhost_iotlb_next_miss(&fake->device, &msg));
	/* One is answered; the others are not told again so soon. */
	update(fake, 0x2000, 0x1000, OWNER, 3);
	KUNIT_EXPECT_EQ(test, vq->misses.num, 2);
	KUNIT_EXPECT_EQ(test, miss(vq, 0x800, 0x4000, 2), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, vhost_iotlb_next_miss(&fake->device, &msg));
	/* But for something else they are. */
	KUNIT_EXPECT_EQ(test, miss(vq, 0x4000, 1, 1), -EAGAIN);
	KUNIT_EXPECT_TRUE(test, vhost_iotlb_next_miss(&fake->device, &msg));
	KUNIT_EXPECT_EQ(test, msg.perm, 1);
	KUNIT_EXPECT_EQ(test, fake->device.iotlb.untold, 0);
}

/* There is room for so many, and then for what the ring waits for. */
static void misses_limit(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct vhost_vq *vq = &fake->vq[0];
	struct vhost_iotlb_msg msg = {};
	u32 i, num;

	KUNIT_ASSERT_EQ(test, fake_features(fake, IOTLB_FEATURES), 0);
	for (i = 0; i < 2 * VHOST_MISSES; i++)
		KUNIT_EXPECT_EQ(test, miss(vq, i * 0x1000, 1, 1), -EAGAIN);
	KUNIT_EXPECT_EQ(test, vq->misses.num, VHOST_MISSES);
	KUNIT_EXPECT_EQ(test, fake->device.iotlb.untold, VHOST_MISSES);
	KUNIT_EXPECT_EQ(test, miss(vq, 0, U32_MAX, 1), -EAGAIN);
	KUNIT_EXPECT_EQ(test, vq->misses.num, VHOST_MISSES);

	/* It runs, and stops at something new. */
	mutex_lock(&vq->mutex);
	vhost_iotlb_resume(vq);
	mutex_unlock(&vq->mutex);
	KUNIT_EXPECT_EQ(test, miss(vq, 0x10000000, 1, 1), -EAGAIN);
	KUNIT_EXPECT_EQ(test, vq->misses.num, VHOST_MISSES);
	KUNIT_EXPECT_EQ(test, fake->device.iotlb.untold, VHOST_MISSES);
	for (num = 0; vhost_iotlb_next_miss(&fake->device, &msg); num++)
		;
	KUNIT_EXPECT_EQ(test, num, VHOST_MISSES);
	KUNIT_EXPECT_EQ(test, msg.iova, 0x10000000);

	/* An answer for all of them. */
	update(fake, 0, 0x20000000, OWNER, 3);
	KUNIT_EXPECT_EQ(test, vq->misses.num, 0);
	KUNIT_EXPECT_EQ(test, fake->device.iotlb.untold, 0);
}

static struct kunit_case iotlb_cases[] = {
	KUNIT_CASE(random_messages),
	KUNIT_CASE(edges),
	KUNIT_CASE(invalidate_edges),
	KUNIT_CASE(limit),
	KUNIT_CASE(pins),
	KUNIT_CASE(misses),
	KUNIT_CASE(misses_limit),
	{}
};

static struct kunit_suite iotlb_suite = {
	.name = "vhost_iotlb",
	.init = fake_init,
	.exit = fake_exit,
	.test_cases = iotlb_cases,
};

kunit_test_suite(iotlb_suite);
