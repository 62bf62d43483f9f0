// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what can be agreed on, what it means for ring and header, and when;
 * and of the header's way through segments, byte by byte.
 */
#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>

#include "fake_kunit.h"
#include "net.h"
#include "net_hdr.h"

#define ALL_BITS	(64 * VHOST_FEATURE_WORDS)

/* The numbers that VIRTIO and the interface give them. */
static void offered(struct kunit *test)
{
	static const u8 bits[] = { 15, 24, 26, 27, 28, 29, 32, 33, 34, 35, 40 };
	u64 want = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bits); i++)
		want |= 1ULL << bits[i];
	KUNIT_EXPECT_EQ(test, VHOST_NET_FEATURES, want);
	/* 65 and 67, or none of them. */
	KUNIT_EXPECT_EQ(test, VHOST_NET_TUNNEL_FEATURES & ~0xaULL, 0);
}

static int set(struct fake *fake, const u64 *features)
{
	int err;

	mutex_lock(&fake->device.mutex);
	err = vhost_device_set_features(&fake->device, features);
	mutex_unlock(&fake->device.mutex);
	return err;
}

static void offer(struct fake *fake, u64 low, u64 high)
{
	fake->ops = *fake->device.ops;
	fake->ops.features[0] = low;
	fake->ops.features[1] = high;
	fake->device.ops = &fake->ops;
}

static bool agreed(const struct fake *fake, const u64 *features)
{
	int i;

	for (i = 0; i < FAKE_VQS; i++)
		if (memcmp(fake->vq[i].features, features,
			   sizeof(fake->vq[i].features)))
			return false;
	return true;
}

/* Each bit alone, and together with good ones: all or nothing. */
static void refused(struct kunit *test)
{
	static const u64 good[] = { BIT_ULL(28) | BIT_ULL(32), BIT_ULL(3) };
	struct fake *fake = test->priv;
	u64 one[VHOST_FEATURE_WORDS], both[VHOST_FEATURE_WORDS];
	u32 bit;

	offer(fake, VHOST_NET_FEATURES, BIT_ULL(1) | BIT_ULL(3));
	for (bit = 0; bit < ALL_BITS; bit++) {
		bool ok = fake->ops.features[bit / 64] >> bit % 64 & 1;

		KUNIT_ASSERT_EQ(test, set(fake, good), 0);
		memset(one, 0, sizeof(one));
		one[bit / 64] = BIT_ULL(bit % 64);
		memcpy(both, good, sizeof(both));
		both[bit / 64] |= one[bit / 64];
		KUNIT_EXPECT_EQ_MSG(test, set(fake, one),
				    ok ? 0 : -EOPNOTSUPP, "bit %u", bit);
		KUNIT_EXPECT_TRUE_MSG(test, agreed(fake, ok ? one : good),
				      "bit %u", bit);
		KUNIT_EXPECT_EQ_MSG(test, set(fake, both),
				    ok ? 0 : -EOPNOTSUPP, "bit %u", bit);
		KUNIT_EXPECT_TRUE_MSG(test, agreed(fake, ok ? both : good),
				      "bit %u", bit);
	}
}

/* While a ring runs only what leaves it as it is may change. */
static void running(struct kunit *test)
{
	struct fake *fake = test->priv;
	u64 now[VHOST_FEATURE_WORDS], old[VHOST_FEATURE_WORDS] = {
		BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VHOST_F_LOG_ALL),
	};
	u32 bit, i;

	for (i = 0; i < FAKE_VQS; i++) {
		KUNIT_ASSERT_EQ(test, set(fake, old), 0);
		fake->vq[i].backend = (void *)1;
		for (bit = 0; bit < ALL_BITS; bit++) {
			int want = bit == VHOST_F_LOG_ALL ? 0 : -EBUSY;

			memcpy(now, old, sizeof(now));
			now[bit / 64] ^= BIT_ULL(bit % 64);
			KUNIT_EXPECT_EQ_MSG(test, set(fake, now), want,
					    "bit %u", bit);
			KUNIT_EXPECT_TRUE(test, agreed(fake, want ? old : now));
			KUNIT_EXPECT_EQ(test, set(fake, old), 0);
		}
		fake->vq[i].backend = NULL;
	}
}

/* What each of them is to a ring. */
static void meanings(struct kunit *test)
{
	struct fake *fake = test->priv;
	const struct vhost_vq *vq = &fake->vq[FAKE_VQS - 1];
	const struct vhost_ring *ring = &vq->ring;
	bool le = virtio_legacy_is_little_endian();
	u32 bit;

	for (bit = 0; bit < 64; bit++) {
		KUNIT_ASSERT_EQ(test, fake_features(fake, BIT_ULL(bit)), 0);
		KUNIT_EXPECT_EQ(test, ring->notify_on_empty, bit == 24);
		KUNIT_EXPECT_EQ(test, vq->log.data, bit == 26);
		KUNIT_EXPECT_EQ(test, ring->event_idx, bit == 29);
		KUNIT_EXPECT_EQ(test, !!vq->iotlb, bit == 33);
		KUNIT_EXPECT_EQ(test, fake->device.iotlb.on, bit == 33);
		KUNIT_EXPECT_EQ(test, ring->is_packed, bit == 34);
		KUNIT_EXPECT_EQ(test, ring->in_order, bit == 35);
		KUNIT_EXPECT_EQ(test, ring->little_endian,
				le || bit == 32 || bit == 34);
	}
}

/* A base that was set before the format is the format's, each time. */
static void format_changes(struct kunit *test)
{
	struct fake *fake = test->priv;
	struct vhost_vq *vq = &fake->vq[0];
	u32 base[4];
	int err[2];

	mutex_lock(&vq->mutex);
	base[0] = vhost_vq_get_base(vq);
	mutex_unlock(&vq->mutex);
	fake_features(fake, BIT_ULL(VIRTIO_F_RING_PACKED));
	mutex_lock(&vq->mutex);
	base[1] = vhost_vq_get_base(vq);
	err[0] = vhost_vq_set_base(vq, 0x80058003);
	mutex_unlock(&vq->mutex);
	fake_features(fake, BIT_ULL(VIRTIO_F_RING_PACKED) |
			    BIT_ULL(VIRTIO_F_VERSION_1));
	mutex_lock(&vq->mutex);
	base[2] = vhost_vq_get_base(vq);
	mutex_unlock(&vq->mutex);
	fake_features(fake, 0);
	mutex_lock(&vq->mutex);
	base[3] = vhost_vq_get_base(vq);
	err[1] = vhost_vq_set_base(vq, 0x10000);
	mutex_unlock(&vq->mutex);

	KUNIT_EXPECT_EQ(test, base[0], 0);
	KUNIT_EXPECT_EQ(test, base[1], 0x80008000);
	KUNIT_EXPECT_EQ(test, err[0], 0);
	KUNIT_EXPECT_EQ(test, base[2], 0x80058003);
	KUNIT_EXPECT_EQ(test, base[3], 0);
	KUNIT_EXPECT_EQ(test, err[1], -EINVAL);
}

static void hdr_len(struct kunit *test)
{
	struct vhost_vq *vq = &((struct fake *)test->priv)->vq[0];
	u64 tunnel = VHOST_NET_TUNNEL_FEATURES;
	u32 bit;

	for (bit = 0; bit < ALL_BITS; bit++) {
		memset(vq->features, 0, sizeof(vq->features));
		vq->features[bit / 64] = BIT_ULL(bit % 64);
		KUNIT_EXPECT_EQ_MSG(test, vhost_net_hdr_len(vq),
				    bit == 15 || bit == 32 ? 12 :
				    bit >= 64 && tunnel >> (bit - 64) & 1 ?
				    24 : 10, "bit %u", bit);
		vq->features[0] |= BIT_ULL(32) | BIT_ULL(15);
		KUNIT_EXPECT_EQ(test, vhost_net_hdr_len(vq),
				vq->features[1] & tunnel ? 24 : 12);
	}
	KUNIT_EXPECT_FALSE(test, vhost_net_hdr_has_buffers(10));
	KUNIT_EXPECT_TRUE(test, vhost_net_hdr_has_buffers(12));
	KUNIT_EXPECT_TRUE(test, vhost_net_hdr_has_buffers(24));
}

#define CUT_SEGS	4
#define CUT_BYTES	(CUT_SEGS * 8)

/* Each byte has an address of its own: all are there but those cut out. */
static void check_cut(struct kunit *test, const struct iovec *segs, u32 at,
		      u32 len)
{
	struct iovec iov[CUT_SEGS + 1];
	unsigned long want[CUT_BYTES], byte;
	u32 i, j, num = 0, seen = 0, n;

	for (i = 0; i < CUT_SEGS; i++) {
		byte = (unsigned long)segs[i].iov_base;
		for (j = 0; j < segs[i].iov_len; j++)
			want[num++] = byte + j;
	}
	memmove(want + at, want + at + len, (num - at - len) * sizeof(*want));

	memcpy(iov, segs, CUT_SEGS * sizeof(*iov));
	n = vhost_iov_cut(iov, CUT_SEGS, at, len);
	KUNIT_ASSERT_LE(test, n, CUT_SEGS + 1);
	for (i = 0; i < n; i++) {
		byte = (unsigned long)iov[i].iov_base;
		for (j = 0; j < iov[i].iov_len; j++, seen++) {
			KUNIT_ASSERT_LT(test, seen, num - len);
			KUNIT_ASSERT_EQ(test, byte + j, want[seen]);
		}
	}
	KUNIT_ASSERT_EQ(test, seen, num - len);
}

static void cuts(struct kunit *test)
{
	struct iovec segs[CUT_SEGS];
	struct rnd_state rnd;
	u32 round, i, num, at, len;

	prandom_seed_state(&rnd, 6);
	for (round = 0; round < 500; round++) {
		for (i = 0, num = 0; i < CUT_SEGS; i++) {
			segs[i].iov_base = (void __user *)(i * 0x1000UL);
			segs[i].iov_len = fake_any(&rnd, 8);
			num += segs[i].iov_len;
		}
		for (at = 0; at <= num; at++)
			for (len = 0; len <= num - at; len++)
				check_cut(test, segs, at, len);
	}
}

static struct kunit_case features_cases[] = {
	KUNIT_CASE(offered),
	KUNIT_CASE(refused),
	KUNIT_CASE(running),
	KUNIT_CASE(meanings),
	KUNIT_CASE(format_changes),
	KUNIT_CASE(hdr_len),
	KUNIT_CASE(cuts),
	{}
};

static struct kunit_suite features_suite = {
	.name = "vhost_features",
	.init = fake_init,
	.exit = fake_exit,
	.test_cases = features_cases,
};

kunit_test_suite(features_suite);
