// SPDX-License-Identifier: GPL-2.0
/*
 * What a monitor may say of a packed ring: how large it is, where it is and
 * where it goes on; and what it may not, which must change nothing.
 */
#include "fixture.h"

#include <stdio.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "traffic.h"

#define WRAP	0x8000u
#define START	(WRAP << 16 | WRAP)
#define BOTH(half)	((half) * 0x10001u)

static int set_num(int fd, unsigned int num)
{
	return dev_vring_state(fd, VHOST_SET_VRING_NUM, VQ_TX, num);
}

static int set_base(int fd, unsigned int base)
{
	return dev_vring_state(fd, VHOST_SET_VRING_BASE, VQ_TX, base);
}

FIXTURE(ctl)
{
	struct guest g;
	int fd;
};

FIXTURE_SETUP(ctl)
{
	struct guest_cfg cfg = {
		.features = F_V1 | F_PACKED,
		.stopped = true,
	};

	RUN_IF_SELECTED();
	NEEDS(F_PACKED);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	self->fd = self->g.fd;
}

FIXTURE_TEARDOWN(ctl)
{
	guest_stop(&self->g);
}

static const struct {
	unsigned int num, base;
	bool ok;
} places[] = {
	{ 256, START, true },
	{ 256, BOTH(0u), true },
	{ 256, BOTH(255u), true },
	{ 256, BOTH(WRAP | 255), true },
	{ 256, BOTH(256u), false },
	{ 256, BOTH(WRAP | 256), false },
	{ 256, BOTH(0x7fffu), false },
	{ 256, BOTH(0xffffu), false },
	/* An upper half of 0 is as the lower one. */
	{ 256, WRAP, true },
	{ 256, WRAP | 255, true },
	{ 256, 255, true },
	{ 256, 256, false },
	/* Some are in flight, all, one more, fewer than none. */
	{ 256, (WRAP | 5) << 16 | WRAP | 9, true },
	{ 256, (WRAP | 250) << 16 | 3, true },
	{ 256, 250 << 16 | WRAP | 3, true },
	{ 256, (WRAP | 5) << 16 | 5, true },
	{ 256, 5 << 16 | WRAP | 5, true },
	{ 256, (WRAP | 5) << 16 | 6, false },
	{ 256, (WRAP | 5) << 16 | WRAP | 4, false },
	/* One of the halves is outside. */
	{ 256, (WRAP | 255) << 16 | WRAP | 256, false },
	{ 256, (WRAP | 256) << 16 | WRAP | 255, false },
	{ 256, (WRAP | 300) << 16 | 10, false },
	/* The smallest, odd ones, and the largest. */
	{ 1, START, true },
	{ 1, BOTH(1u), false },
	{ 1, WRAP << 16, true },
	{ 3, BOTH(2u), true },
	{ 3, BOTH(3u), false },
	{ 255, BOTH(WRAP | 254), true },
	{ 255, BOTH(WRAP | 255), false },
	{ 32768, BOTH(0xffffu), true },
	{ 32768, BOTH(0x7fffu), true },
};

/* What can be said before the size is known is judged at the start. */
static int say(int fd, unsigned int i, bool base_first)
{
	int r = base_first ? set_base(fd, places[i].base) :
			     set_num(fd, places[i].num);

	if (r)
		return r;
	return base_first ? set_num(fd, places[i].num) :
			    set_base(fd, places[i].base);
}

TEST_F(ctl, place)
{
	struct guest *g = &self->g;
	unsigned int i, used;
	long long base;
	int r;

	ASSERT_EQ(0, dev_set_addr(self->fd, &g->vq[VQ_TX]));
	for (i = 0; i < 2 * ARRAY_SIZE(places); i++) {
		unsigned int n = i / 2;

		ASSERT_EQ(0, say(self->fd, n, i % 2));
		used = places[n].base >> 16 ?: places[n].base;
		base = used << 16 | (places[n].base & 0xffff);
		EXPECT_EQ(places[n].base, dev_get_base(self->fd, VQ_TX));
		r = dev_set_backend(self->fd, VQ_TX, g->backend.fd);
		EXPECT_EQ(places[n].ok ? 0 : -EFAULT, r)
			TH_LOG("base %#x", places[n].base);
		if (!places[n].ok)
			base = places[n].base;
		else
			ASSERT_EQ(0, dev_set_backend(self->fd, VQ_TX, -1));
		/* Neither the attempt nor the success has changed it. */
		EXPECT_EQ(base, dev_get_base(self->fd, VQ_TX));
	}
}

/* A ring that could not run where it was said to be runs where it can. */
TEST_F(ctl, place_mended)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, set_base(self->fd, BOTH(WRAP | 256)));
	EXPECT_EQ(-EFAULT, guest_attach(g, g->backend.fd));
	ASSERT_EQ(0, set_base(self->fd, START));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(-EBUSY, set_base(self->fd, START));
	EXPECT_EQ(-EBUSY, set_num(self->fd, 256));
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_F(ctl, sizes)
{
	static const unsigned int good[] = { 1, 2, 3, 255, 1000, 32767, 32768 };
	static const unsigned int bad[] = { 0, 32769, 65536, 0x10001, ~0u };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, set_num(self->fd, good[i]));
		EXPECT_EQ(good[i], count(&self->g, VQ_TX, "size"));
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, set_num(self->fd, bad[i]));
		EXPECT_EQ(32768, count(&self->g, VQ_TX, "size"));
	}
	ASSERT_EQ(0, dev_set_features(self->fd, F_V1));
	for (i = 0; i < ARRAY_SIZE(good); i++)
		EXPECT_EQ(good[i] & (good[i] - 1) ? -EINVAL : 0,
			  set_num(self->fd, good[i]));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, set_num(self->fd, bad[i]));
}

/* A size that only the other format can have, or a place. */
TEST_F(ctl, other_format)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, set_num(self->fd, 255));
	ASSERT_EQ(0, set_base(self->fd, BOTH(77u)));
	/* Agreeing on the same format again changes nothing. */
	ASSERT_EQ(0, dev_set_features(self->fd, F_V1 | F_PACKED));
	EXPECT_EQ(BOTH(77u), dev_get_base(self->fd, VQ_TX));
	ASSERT_EQ(0, dev_set_features(self->fd, F_V1));
	EXPECT_TRUE(says(g, VQ_TX, "format", "split"));
	EXPECT_EQ(0, dev_get_base(self->fd, VQ_TX));
	EXPECT_EQ(-EINVAL, set_base(self->fd, BOTH(77u)));
	EXPECT_EQ(-EFAULT, dev_set_backend(self->fd, VQ_TX, g->backend.fd));
	ASSERT_EQ(0, set_base(self->fd, 65535));
	ASSERT_EQ(0, dev_set_features(self->fd, F_V1 | F_PACKED));
	EXPECT_TRUE(says(g, VQ_TX, "format", "packed"));
	/* Features may come after the base, which then counts. */
	EXPECT_EQ(65535, dev_get_base(self->fd, VQ_TX));
	EXPECT_EQ(-EFAULT, dev_set_backend(self->fd, VQ_TX, g->backend.fd));
	ASSERT_EQ(0, dev_set_features(self->fd, F_V1));
	ASSERT_EQ(0, dev_set_features(self->fd, F_V1 | F_PACKED));
	EXPECT_EQ(START, dev_get_base(self->fd, VQ_TX));
	ASSERT_EQ(0, dev_set_backend(self->fd, VQ_TX, g->backend.fd));
	EXPECT_EQ(-EBUSY, dev_set_features(self->fd, F_V1));
	EXPECT_TRUE(says(g, VQ_TX, "format", "packed"));
	ASSERT_EQ(0, dev_set_backend(self->fd, VQ_TX, -1));
	ASSERT_EQ(0, set_num(self->fd, 256));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, traffic_alive(g));
}

/* A packed ring is packed whatever else the guest agreed to. */
TEST_F(ctl, without_version_1)
{
	ASSERT_EQ(0, dev_set_features(self->fd, F_PACKED));
	EXPECT_TRUE(says(&self->g, VQ_TX, "format", "packed"));
	EXPECT_EQ(START, dev_get_base(self->fd, VQ_TX));
}

static const struct {
	enum vq_part part;
	int by;
	int stopped, running, attach;
} askew[] = {
	{ VQ_DESC, 1, 0, -EINVAL, -EFAULT },
	{ VQ_DESC, 8, 0, -EINVAL, -EFAULT },
	{ VQ_DESC, -16, 0, 0, 0 },
	/* As for the split ring, the first two of these are refused at once. */
	{ VQ_AVAIL, 1, -EINVAL, -EINVAL, 0 },
	{ VQ_USED, 2, -EINVAL, -EINVAL, 0 },
	{ VQ_AVAIL, 2, 0, -EINVAL, -EFAULT },
	{ VQ_AVAIL, -4, 0, 0, 0 },
	{ VQ_USED, -4, 0, 0, 0 },
};

static int set_askew(int fd, struct vq *vq, unsigned int i)
{
	__u64 *bus = &vq->bus[askew[i].part];
	int r;

	*bus = vq_part_bus(vq, askew[i].part) + askew[i].by;
	r = dev_set_addr(fd, vq);
	*bus = 0;
	return r;
}

TEST_F(ctl, askew_stopped)
{
	struct guest *g = &self->g;
	struct vq *vq = &g->vq[VQ_TX];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(askew); i++) {
		ASSERT_EQ(0, dev_set_addr(self->fd, vq));
		EXPECT_EQ(askew[i].stopped, set_askew(self->fd, vq, i));
		EXPECT_EQ(askew[i].attach,
			  dev_set_backend(self->fd, VQ_TX, g->backend.fd))
			TH_LOG("case %u", i);
		ASSERT_EQ(0, dev_set_backend(self->fd, VQ_TX, -1));
	}
	ASSERT_EQ(0, dev_set_addr(self->fd, vq));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_F(ctl, askew_running)
{
	struct guest *g = &self->g;
	struct vq *vq = &g->vq[VQ_TX];
	unsigned int i;

	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	for (i = 0; i < ARRAY_SIZE(askew); i++) {
		if (!askew[i].running)
			continue;
		EXPECT_EQ(askew[i].running, set_askew(self->fd, vq, i))
			TH_LOG("case %u", i);
		ASSERT_EQ(0, traffic_alive(g));
	}
	EXPECT_EQ(0, eventfd_drain(vq->err));
	EXPECT_TRUE(says(g, VQ_TX, "state", "running"));
}

/* Beyond what a process can have. */
TEST_F(ctl, outside)
{
	static const __u64 where[] = {
		1ULL << 63, -4096ULL, -16ULL,
	};
	struct guest *g = &self->g;
	struct vq *vq = &g->vq[VQ_TX];
	enum vq_part part;
	unsigned int i;

	for (part = 0; part < VQ_PARTS; part++)
		for (i = 0; i < ARRAY_SIZE(where); i++) {
			vq->bus[part] = where[i];
			ASSERT_EQ(0, dev_set_addr(self->fd, vq));
			EXPECT_EQ(-EFAULT, dev_set_backend(self->fd, VQ_TX,
							   g->backend.fd));
			vq->bus[part] = 0;
		}
	ASSERT_EQ(0, dev_set_addr(self->fd, vq));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_HARNESS_MAIN
