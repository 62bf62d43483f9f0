// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log while packets flow: a migration in small. A thread takes the
 * bits away and copies the pages that they stand for, again and again; when
 * the device has stopped the copy must be the guest's memory, byte by byte.
 */
#include "fixture.h"

#include <pthread.h>

#include "copier.h"
#include "logged.h"
#include "netif.h"
#include "pump.h"
#include "traffic.h"

#define FLOW		300
#define ROUNDS		4

static size_t max_len;

static size_t len_any(__u32 seq)
{
	return FRAME_MIN + seq * 2654435761U % (max_len - FRAME_MIN + 1);
}

FIXTURE(live)
{
	struct logged l;
	struct pump p;
	struct copier c;
};

FIXTURE_VARIANT(live)
{
	__u64 features;
	struct shape shape;
	enum backend_kind kind;
	size_t buf;
	size_t max_len;
	size_t shift;
	unsigned int num;
	__u16 start;
};

FIXTURE_VARIANT_ADD(live, small)
{
	.features = F_V1,
	.max_len = 200,
};

FIXTURE_VARIANT_ADD(live, event)
{
	.features = F_V1 | F_EVENT,
	.shape = { 1, 3, false },
	.max_len = 1500,
	.shift = 16,
};

FIXTURE_VARIANT_ADD(live, legacy_large_ring)
{
	.shape = { 1, 1, false },
	.max_len = 1000,
	.num = 2048,
	.start = 65000,
	.shift = 3,
};

FIXTURE_VARIANT_ADD(live, merge)
{
	.features = F_V1 | F_MRG | F_EVENT,
	.buf = 1500,
	.max_len = 9000,
};

/* What segmentation offload makes of a stream. */
FIXTURE_VARIANT_ADD(live, merge_64k)
{
	.features = F_V1 | F_MRG | F_EVENT | F_INDIRECT,
	.shape = { 0, 2, true },
	.buf = 1526,
	.max_len = 65000,
};

FIXTURE_VARIANT_ADD(live, one_64k)
{
	.features = F_V1,
	.shape = { 1, 17, false },
	.buf = 65600,
	.max_len = 65000,
	.shift = BITMAP_AT_END,
};

FIXTURE_VARIANT_ADD(live, packet)
{
	.features = F_V1 | F_HOST_HDR | F_MRG,
	.kind = BACKEND_PACKET,
	.buf = 500,
	.max_len = 3000,
};

FIXTURE_SETUP(live)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.shape = { variant->shape, { 1, 1, false } },
		.backend.kind = variant->kind,
		.plain_wire = variant->kind == BACKEND_PACKET,
		.buf = { variant->buf, 0 },
		.num = { variant->num, variant->num },
		.pool = { 128, 128 },
		.start = variant->start,
	};
	struct logged *l = &self->l;

	RUN_IF_SELECTED();
	ASSERT_EQ(0, log_setup(l, &cfg));
	if (!dirty_log_offered(l->g.fd))
		SKIP_ALL("no dirty log");
	ASSERT_EQ(0, bitmap_init(&l->log, dirty_top(&l->g), variant->shift));
	ASSERT_EQ(0, guest_attach(&l->g, l->g.backend.fd));
	max_len = variant->max_len;
	/* Its own marks would be written by two threads. */
	l->g.on_rx = NULL;
	ASSERT_EQ(0, pump_start_sized(&self->p, &l->g, len_any));
}

FIXTURE_TEARDOWN(live)
{
	log_teardown(&self->l);
}

/* Stopped as it is, the device is where the guest thinks that it is. */
/* Nothing is in flight; where used entries end shows in split rings only. */
static bool bases_fit(struct guest *g)
{
	unsigned int i;
	long long base;

	for (i = 0; i < VQ_MAX; i++) {
		base = dev_get_base(g->fd, i);
		if (g->cfg.features & F_PACKED ? base >> 16 != (__u16)base :
						 base != g->vq[i].used->idx)
			return false;
	}
	return true;
}

TEST_F(live, migration)
{
	struct logged *l = &self->l;
	struct guest *g = &l->g;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		EXPECT_TRUE(pump_flows(&self->p, FLOW));
		ASSERT_EQ(0, dirty_log_on(g, &l->log));
		ASSERT_EQ(0, copier_start(&self->c, &l->d, &l->log));
		EXPECT_TRUE(pump_flows(&self->p, FLOW));
		EXPECT_EQ(0, log_stop_guest(g, &self->p));
		EXPECT_TRUE(copier_end(&self->c));
		EXPECT_TRUE(bases_fit(g));
		EXPECT_EQ(0, self->p.damaged);

		/* It goes on where it was: the other side took it back. */
		ASSERT_EQ(0, guest_attach(g, g->backend.fd));
		ASSERT_EQ(0, pump_start_sized(&self->p, g, len_any));
		EXPECT_TRUE(pump_flows(&self->p, FLOW));
		ASSERT_EQ(0, dirty_log_off(g));
		bitmap_clear(&l->log);
		EXPECT_TRUE(pump_flows(&self->p, FLOW));
		EXPECT_TRUE(bitmap_empty(&l->log));
	}
	EXPECT_EQ(0, pump_stop(&self->p));
	EXPECT_EQ(0, self->p.damaged);
	EXPECT_LT(0, self->p.received);
}

/* A migration that is given up, and tried again, and given up, ... */
TEST_F(live, on_and_off)
{
	struct logged *l = &self->l;
	int i, logged = 0;

	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, dirty_log_on(&l->g, &l->log));
		ASSERT_TRUE(pump_flows(&self->p, 16));
		ASSERT_EQ(0, dirty_log_off(&l->g));
		logged += !bitmap_empty(&l->log);
		bitmap_clear(&l->log);
		ASSERT_TRUE(pump_flows(&self->p, 16));
		ASSERT_TRUE(bitmap_empty(&l->log));
	}
	EXPECT_LT(0, logged);
	EXPECT_EQ(0, pump_stop_lossless(&self->p));
}

/* The log grows with memory, and is another one from one call to the next. */
TEST_F(live, other_bitmaps)
{
	static struct bitmap log[2];
	struct logged *l = &self->l;
	struct copier *c = &self->c;
	struct bitmap *old, *new;
	int i;

	ASSERT_EQ(0, bitmap_init(&log[0], dirty_top(&l->g), 0));
	ASSERT_EQ(0, dirty_log_on(&l->g, &log[0]));
	ASSERT_EQ(0, copier_start(c, &l->d, &log[0]));
	for (i = 0; i < 40; i++) {
		old = &log[i % 2];
		new = &log[1 - i % 2];
		ASSERT_EQ(0, bitmap_init(new, dirty_top(&l->g) +
					 i % 7 * 8 * PAGE * PAGE, i * 8));
		ASSERT_EQ(0, dirty_set_base(l->g.fd, new->base));
		pthread_mutex_lock(&c->lock);
		c->pages += dirty_sync(c->d, old);
		c->log = new;
		pthread_mutex_unlock(&c->lock);
		ASSERT_TRUE(pump_flows(&self->p, 32));
		/* What was synced for the last time is the monitor's again. */
		ASSERT_TRUE(bitmap_empty(old));
		bitmap_free(old);
	}
	EXPECT_EQ(0, log_stop_guest(&l->g, &self->p));
	EXPECT_TRUE(copier_end(c));
	EXPECT_EQ(0, self->p.damaged);
	bitmap_free(c->log);
}

/* Memory comes and goes while it is copied. */
TEST_F(live, other_tables)
{
	struct logged *l = &self->l;
	struct arena *a = &l->g.arena;
	char *extra = guarded_map(PAGE);
	int i;

	ASSERT_NE(NULL, extra);
	ASSERT_EQ(0, dirty_log_on(&l->g, &l->log));
	ASSERT_EQ(0, copier_start(&self->c, &l->d, &l->log));
	for (i = 0; i < 60; i++) {
		a->region[a->n++] = (struct arena_region) {
			.gpa = i * PAGE, .hva = extra, .size = PAGE,
		};
		ASSERT_EQ(0, dev_set_mem(l->g.fd, a));
		ASSERT_TRUE(pump_flows(&self->p, 16));
		a->n--;
		ASSERT_EQ(0, dev_set_mem(l->g.fd, a));
		ASSERT_TRUE(pump_flows(&self->p, 16));
	}
	EXPECT_EQ(0, log_stop_guest(&l->g, &self->p));
	EXPECT_TRUE(copier_end(&self->c));
	EXPECT_EQ(0, self->p.damaged);
	guarded_unmap(extra, PAGE);
}

/* Rings come and go, too. Their state is in memory, and so in the log. */
TEST_F(live, detach_and_attach)
{
	struct logged *l = &self->l;
	int i;

	ASSERT_EQ(0, dirty_log_on(&l->g, &l->log));
	ASSERT_EQ(0, copier_start(&self->c, &l->d, &l->log));
	for (i = 0; i < 60; i++) {
		ASSERT_EQ(0, dev_set_backend(l->g.fd, i % 2, -1));
		ASSERT_EQ(0, dev_set_backend(l->g.fd, i % 2,
					     l->g.backend.fd));
		ASSERT_TRUE(pump_flows(&self->p, 16));
	}
	EXPECT_EQ(0, log_stop_guest(&l->g, &self->p));
	EXPECT_TRUE(copier_end(&self->c));
	EXPECT_EQ(0, self->p.damaged);
}

/*
 * A guest with several queues has several devices, and all of them set bits
 * in one bitmap: here, in the very same bytes.
 */
#define DEVICES		3
/* Three pages are the buffers, and the rings, of each. */
#define DEVICE_STEP	(3 * PAGE)

TEST(several_devices)
{
	struct guest_cfg cfg = {
		.features = F_V1,
		.num = { 8, 64 },
		.buf = { 300, 2048 },
	};
	static struct guest g[DEVICES];
	static struct pump p[DEVICES];
	static struct bitmap log;
	static struct copier c;
	static struct dirty d;
	int i;

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	for (i = 0; i < DEVICES; i++) {
		cfg.id = i;
		cfg.gpa = i * DEVICE_STEP;
		ASSERT_EQ(0, guest_start(&g[i], &cfg));
		if (!dirty_log_offered(g[i].fd))
			SKIP_ALL("no dirty log");
		ASSERT_EQ(0, dirty_add_guest(&d, &g[i]));
	}
	ASSERT_EQ(0, bitmap_init(&log, dirty_top(&g[DEVICES - 1]), 0));
	for (i = 0; i < DEVICES; i++) {
		ASSERT_EQ(0, pump_start(&p[i], &g[i]));
		ASSERT_EQ(0, dirty_log_on(&g[i], &log));
	}
	c.quick = true;
	ASSERT_EQ(0, copier_start(&c, &d, &log));
	for (i = 0; i < DEVICES; i++)
		EXPECT_TRUE(pump_flows(&p[i], 3000));
	for (i = 0; i < DEVICES; i++)
		EXPECT_EQ(0, log_stop_guest(&g[i], &p[i]));
	EXPECT_TRUE(copier_end(&c));
	TH_LOG("%u pages in %u rounds", c.pages, c.rounds);
	for (i = 0; i < DEVICES; i++) {
		EXPECT_EQ(0, p[i].damaged);
		guest_stop(&g[i]);
	}
	bitmap_free(&log);
	dirty_free(&d);
}

TEST_HARNESS_MAIN
