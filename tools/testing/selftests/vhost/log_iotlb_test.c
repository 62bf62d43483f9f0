// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log of a device that translates addresses: what the guest and the
 * ring say are addresses of the bus, while pages are still counted in the
 * guest's memory.
 */
#include "fixture.h"

#include <errno.h>
#include <sys/eventfd.h>

#include "copier.h"
#include "logged.h"
#include "pump.h"
#include "traffic.h"

#define FLOW		200
#define ROUNDS		3
/* No bitmap for a guest of this harness fits behind it. */
#define BAD_BASE	((void *)(0x7ffffffff000UL - 8 * PAGE))

FIXTURE(iotlb)
{
	struct logged l;
};

FIXTURE_VARIANT(iotlb)
{
	__u64 features;
	struct shape shape;
	size_t buf;
	size_t max_len;
	struct iommu_cfg iommu;
	unsigned int num;
	__u16 start;
};

FIXTURE_VARIANT_ADD(iotlb, v1)
{
	.features = F_V1,
	.max_len = 1500,
};

FIXTURE_VARIANT_ADD(iotlb, parts_event)
{
	.features = F_V1 | F_EVENT,
	.shape = { 1, 15, false },
	.max_len = 1500,
	.iommu.piece = 64 * PAGE,
};

/* A buffer lies across maps, and a used entry does. */
FIXTURE_VARIANT_ADD(iotlb, small_maps)
{
	.features = F_V1,
	.max_len = 1500,
	.num = 1024,
	.start = 1020,
	.iommu.piece = 1000,
};

FIXTURE_VARIANT_ADD(iotlb, merge)
{
	.features = F_V1 | F_MRG | F_EVENT | F_INDIRECT,
	.shape = { 0, 2, true },
	.buf = 700,
	.max_len = 20000,
	.iommu.piece = 8 * PAGE,
};

static size_t max_len;

static size_t len_any(__u32 seq)
{
	return FRAME_MIN + seq * 2654435761U % (max_len - FRAME_MIN + 1);
}

FIXTURE_SETUP(iotlb)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.shape = { variant->shape, variant->shape },
		.buf = { variant->buf, 0 },
		.num = { variant->num, variant->num },
		.pool = { 64, 64 },
		.start = variant->start,
		.iommu = &variant->iommu,
	};

	RUN_IF_SELECTED();
	if (!dev_offers(F_LOG | F_PLATFORM))
		SKIP_ALL("no dirty log, or no IOTLB");
	ASSERT_EQ(0, log_setup(&self->l, &cfg));
	ASSERT_EQ(0, log_ready(&self->l, 0));
	max_len = variant->max_len;
}

FIXTURE_TEARDOWN(iotlb)
{
	log_teardown(&self->l);
}

static bool as_exact_as_can_be(struct logged *l)
{
	if (!stock_driver())
		return log_exact_at_end(l);
	/* It logs buffers whole, however little was written (S38). */
	log_mark_rings(l);
	return !guest_attach(&l->g, -1) && dirty_covered(&l->d, &l->log);
}

TEST_F(iotlb, exact)
{
	struct traffic few = { .count = 3, .len = len_any, .burst = 1 };
	struct traffic tx = { .count = 12, .len = len_mixed };
	struct traffic many = few;
	struct logged *l = &self->l;

	log_watch(l);
	ASSERT_EQ(0, guest_attach(&l->g, l->g.backend.fd));
	EXPECT_EQ(0, traffic_rx(&l->g, &few));
	EXPECT_TRUE(as_exact_as_can_be(l));
	log_watch(l);
	ASSERT_EQ(0, guest_attach(&l->g, l->g.backend.fd));
	EXPECT_EQ(0, traffic_tx(&l->g, &tx));
	EXPECT_TRUE(as_exact_as_can_be(l));
	many.count = 200;
	log_watch(l);
	ASSERT_EQ(0, guest_attach(&l->g, l->g.backend.fd));
	EXPECT_EQ(0, traffic_rx(&l->g, &many));
	EXPECT_TRUE(as_exact_as_can_be(l));
}

/* Turned on live, which empties the IOTLB, too. */
TEST_F(iotlb, migration)
{
	struct logged *l = &self->l;
	struct guest *g = &l->g;
	struct copier c = {};
	struct pump p;
	int i;

	l->g.on_rx = NULL;
	ASSERT_EQ(0, dirty_log_off(g));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, pump_start_sized(&p, g, len_any));
		EXPECT_TRUE(pump_flows(&p, FLOW));
		ASSERT_EQ(0, dirty_log_on(g, &l->log));
		bitmap_clear(&l->log);
		ASSERT_EQ(0, copier_start(&c, &l->d, &l->log));
		EXPECT_TRUE(pump_flows(&p, FLOW));
		EXPECT_EQ(0, log_stop_guest(g, &p));
		EXPECT_TRUE(copier_end(&c));
		EXPECT_EQ(0, p.damaged);
		ASSERT_EQ(0, dirty_log_off(g));
		ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	}
	ASSERT_EQ(0, pump_start_sized(&p, g, len_any));
	EXPECT_TRUE(pump_flows(&p, FLOW));
	EXPECT_EQ(0, pump_stop(&p));
	EXPECT_TRUE(bitmap_empty(&l->log));
}

/* Who waits for the log hears of it here, too (S38). */
TEST_F(iotlb, log_fd)
{
	struct traffic t = { .count = 1, .len = len_any };
	int event = eventfd(0, EFD_NONBLOCK);
	struct guest *g = &self->l.g;

	ASSERT_EQ(0, dev_ioctl(g->fd, VHOST_SET_LOG_FD, &event));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, traffic_rx(g, &t));
	EXPECT_TRUE(eventfd_wait(event, STALL_MS));
	/* Of buffers alone, without the ring, as well. */
	ASSERT_EQ(0, dirty_set_rings(g, false));
	pause_ms(100);
	eventfd_drain(event);
	EXPECT_EQ(0, traffic_rx(g, &t));
	if (!stock_driver())
		EXPECT_TRUE(eventfd_wait(event, STALL_MS));
	close(event);
}

/*
 * The used ring is in no region of memory: there is nothing to be logged, and
 * nothing to stumble over (S17).
 */
TEST_F(iotlb, ring_not_in_memory)
{
	struct logged *l = &self->l;
	struct guest *g = &l->g;
	struct traffic t = { .count = 20, .len = len_mixed, .burst = 1 };
	unsigned int i;
	__u64 gpa, end;
	size_t size;

	ASSERT_EQ(0, dev_set_mem(g->fd, &g->arena));
	log_watch(l);
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, traffic_rx(g, &t));
	EXPECT_EQ(0, traffic_tx(g, &t));
	ASSERT_EQ(0, guest_attach(g, -1));
	EXPECT_FALSE(bitmap_empty(&l->log));
	for (i = 0; i < VQ_MAX; i++) {
		vq_part(&g->vq[i], VQ_USED, &size);
		gpa = dirty_used_gpa(g, i);
		for (end = gpa + size; gpa < end; gpa += PAGE)
			EXPECT_FALSE(bitmap_test(&l->log, gpa));
	}
}

/*
 * A running ring is to be logged where no log can be. What its pages are is
 * not known yet, so that any of the memory table's may be among them.
 */
TEST_F(iotlb, ring_refused)
{
	struct guest *g = &self->l.g;
	unsigned int i;

	NOT_FOR_STOCK("finds out when it writes");
	ASSERT_EQ(0, dirty_log_off(g));
	ASSERT_EQ(0, dirty_set_base(g->fd, BAD_BASE));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	for (i = 0; i < VQ_MAX; i++)
		EXPECT_EQ(-EINVAL, dev_set_addr_log(g->fd, &g->vq[i],
						    dirty_used_gpa(g, i)));
	EXPECT_EQ(0, traffic_alive(g));
	for (i = 0; i < VQ_MAX; i++)
		EXPECT_EQ(0, eventfd_drain(g->vq[i].err));
	/* With a log that covers all there is nothing against it. */
	ASSERT_EQ(0, dirty_set_base(g->fd, self->l.log.base));
	for (i = 0; i < VQ_MAX; i++)
		EXPECT_EQ(0, dev_set_addr_log(g->fd, &g->vq[i],
					      dirty_used_gpa(g, i)));
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_HARNESS_MAIN
