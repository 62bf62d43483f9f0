// SPDX-License-Identifier: GPL-2.0
/*
 * A device that translates addresses, while things change around it: it is
 * attached before anything is mapped, detached, reset and reconfigured while
 * it waits for an answer that never comes, and its rings move.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "pump.h"
#include "traffic.h"

#define IOVA	0x1122334400000ULL

/* A guest whose rings are mapped in pages, each somewhere else. */
FIXTURE(live)
{
	struct guest g;
	union iommu_msg m[IOMMU_BATCH];
	char frame[FRAME_MAX];
};

static const struct iommu_cfg pages = { .piece = PAGE, .scatter = true };

static int start(struct guest *g, bool stopped)
{
	struct guest_cfg cfg = {
		.features = F_V1,
		.num = { 1024, 1024 },
		.pool = { 8, 96 },
		.iommu = &pages,
		.stopped = stopped,
	};
	int r;

	r = netif_new_namespace();
	if (!r)
		r = guest_start(g, &cfg);
	if (!r && !stopped)
		r = traffic_alive(g);
	/* Let it see all the buffers. */
	if (!r && !stopped)
		r = traffic_rx(g, &(struct traffic) {
			.count = 16, .len = len_fixed_60 });
	return r;
}

FIXTURE_SETUP(live)
{
	RUN_IF_SELECTED();
	NEEDS(F_PLATFORM);
	ASSERT_EQ(0, start(&self->g, false));
}

FIXTURE_TEARDOWN(live)
{
	guest_stop(&self->g);
}

/* A packet at an address that the monitor does not know. */
static int offer(struct guest *g, unsigned int index, __u64 iova)
{
	struct vq_seg seg = {
		iova, 512, index == VQ_RX ? VRING_DESC_F_WRITE : 0
	};
	int r = vq_add(&g->vq[index], &seg, 1, NULL);

	vq_kick(&g->vq[index]);
	return r;
}

static int offer_pages(struct guest *g, unsigned int n)
{
	int r = 0;

	while (n-- && !r)
		r = offer(g, VQ_TX, IOVA + n * PAGE);
	return r;
}

/* @n of such packets come back. */
static bool used_again(struct guest *g, unsigned int n)
{
	struct vq *tx = &g->vq[VQ_TX];
	struct vq_used u;

	while (n--)
		if (!vq_wait(tx, STALL_MS) || vq_get_used(tx, &u) != 1)
			return false;
	return true;
}

/* Let the monitor know all the pages after all: nothing in them is sent. */
static int map_pages(struct guest *g, unsigned int n)
{
	static char zeroes[PAGE];
	unsigned int i;
	int r = 0;

	for (i = 0; i < n && !r; i++)
		r = iommu_map(&g->io, IOVA + i * PAGE, zeroes, PAGE,
			      VHOST_ACCESS_RO);
	return r;
}

#define WATCH_MS	1000

static long cpu_while_watching(void)
{
	long before;

	pause_ms(200);
	before = worker_cpu_ms(getpid());
	pause_ms(WATCH_MS);
	return worker_cpu_ms(getpid()) - before;
}

/* Who waits for an answer does not use the processor (S23). */
TEST_F(live, idle_while_it_waits)
{
	struct guest *g = &self->g;
	struct traffic rx = { .count = 8, .len = len_fixed_60 };
	int i;

	iommu_stop(&g->io);
	ASSERT_EQ(0, offer_pages(g, 100));
	EXPECT_GT(WATCH_MS / 4, cpu_while_watching());
	/* Asked, heard, and not answered. */
	g->io.silent = true;
	ASSERT_EQ(0, iommu_start(&g->io));
	EXPECT_GT(WATCH_MS / 4, cpu_while_watching());
	/* The other ring works, until it comes to that, too. */
	EXPECT_EQ(0, traffic_rx(g, &rx));
	ASSERT_EQ(0, offer(g, VQ_RX, IOVA));
	frame_build(self->frame, 60, FRAME_TO_GUEST, 1);
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, wire_send_wait(&g->wire, self->frame, 60, NULL));
	EXPECT_GT(WATCH_MS / 4, cpu_while_watching());
	EXPECT_EQ(0, eventfd_drain(g->vq[VQ_TX].err));
	EXPECT_EQ(0, eventfd_drain(g->vq[VQ_RX].err));
}

/* What one ring waits for is nothing to the other one. */
TEST_F(live, other_ring_goes_on)
{
	struct traffic t = { .count = 200, .len = len_mixed };
	struct guest *g = &self->g;

	ASSERT_EQ(0, offer_pages(g, 5));
	EXPECT_EQ(0, traffic_rx(g, &t));
	EXPECT_FALSE(vq_more_used(&g->vq[VQ_TX]));
	ASSERT_EQ(0, map_pages(g, 5));
	ASSERT_EQ(0, iommu_push(&g->io, IOVA, 5 * PAGE));
	EXPECT_TRUE(used_again(g, 5));
	EXPECT_EQ(0, traffic_alive(g));
}

/* A reader that hears all and says nothing can't hold the device (S12). */
TEST_F(live, silence)
{
	struct guest *g = &self->g;
	int i;

	g->io.silent = true;
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, offer_pages(g, 100));
		pause_ms(20);
		ASSERT_EQ(0, guest_attach(g, -1));
		EXPECT_LE(0, dev_get_base(g->fd, VQ_TX));
		EXPECT_LE(0, dev_get_base(g->fd, VQ_RX));
		ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	}
	g->io.silent = false;
	ASSERT_EQ(0, map_pages(g, 100));
	ASSERT_EQ(0, iommu_push(&g->io, IOVA, 100 * PAGE));
	EXPECT_TRUE(used_again(g, 500));
	EXPECT_EQ(0, traffic_alive(g));
	g->io.silent = true;
	ASSERT_EQ(IOMMU_MSG, iommu_invalidate(g->fd, 0, -1ULL));
	ASSERT_EQ(0, offer_pages(g, 100));
	EXPECT_EQ(0, dev_reset_owner(g->fd));
}

/* The next one does not read what the last one lacked (S26). */
TEST_F(live, detach_forgets_misses)
{
	struct guest *g = &self->g;
	struct pollfd p = { .fd = g->fd, .events = POLLIN };

	iommu_stop(&g->io);
	ASSERT_EQ(0, offer_pages(g, 100));
	ASSERT_TRUE(iommu_wait(g->fd, STALL_MS));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, -1));
	EXPECT_EQ(0, poll(&p, 1, 0));
	EXPECT_EQ(-EAGAIN, iommu_read(g->fd, self->m, IOMMU_BATCH));
	/* Nor does it come up later. */
	vq_kick_always(&g->vq[VQ_TX]);
	pause_ms(1500);
	EXPECT_EQ(-EAGAIN, iommu_read(g->fd, self->m, IOMMU_BATCH));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, g->backend.fd));
	ASSERT_TRUE(iommu_wait(g->fd, STALL_MS));
	EXPECT_LT(0, iommu_read(g->fd, self->m, IOMMU_BATCH));
	/* A reset forgets them, too. */
	ASSERT_EQ(0, dev_reset_owner(g->fd));
	ASSERT_EQ(0, dev_set_owner(g->fd));
	ASSERT_EQ(0, dev_set_features(g->fd, F_V1 | F_PLATFORM));
	EXPECT_EQ(0, poll(&p, 1, 0));
	EXPECT_EQ(-EAGAIN, iommu_read(g->fd, self->m, IOMMU_BATCH));
}

TEST_F(live, detach_of_the_other_ring)
{
	struct guest *g = &self->g;
	struct pollfd p = { .fd = g->fd, .events = POLLIN };

	NOT_FOR_STOCK("forgets those of both rings");
	iommu_stop(&g->io);
	ASSERT_EQ(0, offer(g, VQ_TX, IOVA));
	ASSERT_TRUE(iommu_wait(g->fd, STALL_MS));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_RX, -1));
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(1, iommu_read(g->fd, self->m, 1));
	EXPECT_EQ(IOVA, self->m->v2.iotlb.iova);
}

/* Everything that is not helpful, said for each miss. */
static void confuse(struct guest *g, __u64 iova)
{
	static char page[PAGE];
	char *kernel = (char *)0xffff888000000000UL;

	iommu_update(g->fd, iova, PAGE, kernel, VHOST_ACCESS_RW);
	iommu_update(g->fd, iova, 0, page, VHOST_ACCESS_RW);
	iommu_update(g->fd, iova, -iova, page, VHOST_ACCESS_RW);
	iommu_update(g->fd, iova + BIT(30), PAGE, page, VHOST_ACCESS_RW);
	iommu_update(g->fd, iova - BIT(30), PAGE, page, VHOST_ACCESS_RW);
	iommu_invalidate(g->fd, iova, PAGE);
	iommu_invalidate(g->fd, iova - PAGE, 3 * PAGE);
}

TEST_F(live, nonsense_for_answers)
{
	struct guest *g = &self->g;
	int i, n;

	iommu_stop(&g->io);
	ASSERT_EQ(0, offer_pages(g, 100));
	for (i = 0; i < 300; i++) {
		n = iommu_read(g->fd, self->m, 1);
		confuse(g, n == 1 ? self->m->v2.iotlb.iova : IOVA);
	}
	EXPECT_FALSE(vq_more_used(&g->vq[VQ_TX]));
	EXPECT_GT(WATCH_MS / 4, cpu_while_watching());
	ASSERT_EQ(0, map_pages(g, 100));
	ASSERT_EQ(0, iommu_push(&g->io, IOVA, 100 * PAGE));
	ASSERT_EQ(0, iommu_start(&g->io));
	EXPECT_TRUE(used_again(g, 100));
	EXPECT_EQ(0, traffic_alive(g));
}

/* Setting features empties the IOTLB each time; nothing is lost by that. */
TEST_F(live, features_set_again)
{
	struct guest *g = &self->g;
	unsigned int misses = g->io.misses;
	struct pump p;
	int i;

	NOT_FOR_STOCK("may get stuck");
	ASSERT_EQ(0, pump_start(&p, g));
	for (i = 0; i < 30; i++) {
		ASSERT_TRUE(pump_flows(&p, 20));
		ASSERT_EQ(0, dev_set_features(g->fd, g->cfg.features));
		/* The rings may want to know first where they are. */
		ASSERT_EQ(0, guest_push_used(g));
	}
	EXPECT_EQ(0, pump_stop(&p));
	EXPECT_EQ(0, g->io.unknown);
	EXPECT_EQ(0, traffic_alive(g));
	EXPECT_LT(misses + 30, g->io.misses);
}

/* Without translation, what were IOVAs are no addresses (S12). */
TEST_F(live, addresses_do_not_outlive_it)
{
	struct guest *g = &self->g;
	unsigned int i;

	NOT_FOR_STOCK("takes them for its own");
	ASSERT_EQ(0, guest_attach(g, -1));
	iommu_stop(&g->io);
	ASSERT_EQ(0, dev_set_features(g->fd, g->cfg.features & ~F_PLATFORM));
	EXPECT_EQ(-EFAULT, dev_set_backend(g->fd, VQ_RX, g->backend.fd));
	EXPECT_EQ(-EFAULT, dev_set_backend(g->fd, VQ_TX, g->backend.fd));
	for (i = 0; i < VQ_MAX; i++) {
		memset(g->vq[i].bus, 0, sizeof(g->vq[i].bus));
		ASSERT_EQ(0, dev_set_addr(g->fd, &g->vq[i]));
	}
	for (i = 0; i < g->arena.n; i++)
		g->arena.region[i].bus = g->arena.region[i].gpa;
	g->cfg.iommu = NULL;
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, traffic_tx(g, &(struct traffic) {
		.count = 20, .len = len_mixed }));
}

/* A memory table is for translation's other times (S39). */
TEST_F(live, memory_table_does_not_matter)
{
	struct arena none = {};
	struct guest *g = &self->g;

	ASSERT_EQ(0, dev_set_mem(g->fd, &none));
	EXPECT_EQ(0, traffic_alive(g));
	ASSERT_EQ(0, dev_set_mem(g->fd, &g->arena));
	EXPECT_EQ(0, traffic_alive(g));
}

/* Parts of a ring get other addresses while it runs (S11). */
static int move_part(struct guest *g, struct vq *vq, enum vq_part part)
{
	size_t size;
	void *at = vq_part(vq, part, &size);
	int r;

	vq->bus[part] += BIT(44) + 3 * PAGE;
	r = iommu_map_pieces(&g->io, vq->bus[part], at, size,
			     VHOST_ACCESS_RW);
	if (!r && part == VQ_USED)
		r = iommu_push(&g->io, vq->bus[part], size);
	return r ? r : dev_set_addr(g->fd, vq);
}

TEST_F(live, rings_move)
{
	struct guest *g = &self->g;
	struct pump p;
	int i;

	NOT_FOR_STOCK("went on with the old place until lately");
	ASSERT_EQ(0, pump_start(&p, g));
	for (i = 0; i < 30; i++) {
		ASSERT_TRUE(pump_flows(&p, 20));
		ASSERT_EQ(0, move_part(g, &g->vq[i % VQ_MAX],
				       i / VQ_MAX % VQ_PARTS));
	}
	EXPECT_EQ(0, pump_stop(&p));
	EXPECT_EQ(0, g->io.unknown);
	EXPECT_EQ(0, traffic_alive(g));
}

/* What was found out of a short ring is not true for a long one (S11). */
TEST_F(live, ring_grows)
{
	struct traffic t = { .count = 3000, .len = len_fixed_60 };
	struct guest *g = &self->g;
	struct vq *tx = &g->vq[VQ_TX];

	NOT_FOR_STOCK("went on with the old length until lately");
	ASSERT_EQ(0, guest_attach(g, -1));
	ASSERT_EQ(0, dev_vring_state(g->fd, VHOST_SET_VRING_NUM, VQ_TX, 64));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	vq_kick_always(tx);
	pause_ms(50);
	ASSERT_EQ(0, guest_attach(g, -1));
	ASSERT_EQ(0, dev_vring_state(g->fd, VHOST_SET_VRING_NUM, VQ_TX,
				     tx->num));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, traffic_tx(g, &t));
}

/* A used ring that may not be written to is a broken one, until it may. */
TEST_F(live, used_ring_is_read_only)
{
	struct guest *g = &self->g;
	struct vq *tx = &g->vq[VQ_TX];
	size_t size;
	char *at = vq_part(tx, VQ_USED, &size);

	NOT_FOR_STOCK("waits for ever");
	eventfd_drain(tx->err);
	ASSERT_EQ(0, iommu_unmap(&g->io, tx->bus[VQ_USED], size));
	ASSERT_EQ(0, iommu_map(&g->io, tx->bus[VQ_USED], at, size,
			       VHOST_ACCESS_RO));
	vq_kick_always(tx);
	EXPECT_TRUE(eventfd_wait(tx->err, STALL_MS));
	EXPECT_TRUE(says(g, VQ_TX, "state", "broken"));
	EXPECT_GT(WATCH_MS / 4, cpu_while_watching());
	ASSERT_EQ(0, iommu_unmap(&g->io, tx->bus[VQ_USED], size));
	ASSERT_EQ(0, iommu_map(&g->io, tx->bus[VQ_USED], at, size,
			       VHOST_ACCESS_RW));
	ASSERT_EQ(0, iommu_push(&g->io, tx->bus[VQ_USED], size));
	EXPECT_EQ(0, traffic_alive(g));
}

/* Killed while its device waits for it. */
TEST(owner_dies_silently)
{
	static struct guest g;
	int ready[2], status;
	__s64 end;
	pid_t pid;
	char c;

	RUN_IF_SELECTED();
	NEEDS(F_PLATFORM);
	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	if (!pid) {
		if (start(&g, false))
			_exit(1);
		g.io.silent = true;
		if (offer_pages(&g, 100) || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &c, 1));
	kill(pid, SIGKILL);
	for (end = now_ms() + STALL_MS; now_ms() < end; pause_ms(5))
		if (waitpid(pid, &status, WNOHANG) == pid)
			break;
	EXPECT_GT(end, now_ms());
}

/* Nothing is mapped when it is attached: that comes when it asks. */
FIXTURE(fresh)
{
	struct guest g;
	union iommu_msg m[IOMMU_BATCH];
};

FIXTURE_SETUP(fresh)
{
	RUN_IF_SELECTED();
	NEEDS(F_PLATFORM);
	NOT_FOR_STOCK("wants to know the used ring first");
	ASSERT_EQ(0, start(&self->g, true));
}

FIXTURE_TEARDOWN(fresh)
{
	guest_stop(&self->g);
}

static int attach_unmapped(struct guest *g)
{
	int r = dev_set_backend(g->fd, VQ_RX, g->backend.fd);

	return r ? r : dev_set_backend(g->fd, VQ_TX, g->backend.fd);
}

TEST_F(fresh, asks_for_its_rings)
{
	ASSERT_EQ(0, attach_unmapped(&self->g));
	EXPECT_EQ(0, traffic_alive(&self->g));
	EXPECT_EQ(0, self->g.io.unknown);
}

/* In the range of which part of a ring? VQ_PARTS for none. */
static enum vq_part part_of(struct guest *g, unsigned int index, __u64 iova)
{
	enum vq_part part;
	size_t size;

	for (part = 0; part < VQ_PARTS; part++) {
		vq_part(&g->vq[index], part, &size);
		if (iova - g->vq[index].bus[part] < size)
			return part;
	}
	return VQ_PARTS;
}

/* All that the device does with it. */
static __u8 perm_of(const struct guest *g, enum vq_part part)
{
	if (part == VQ_USED)
		return VHOST_ACCESS_WO;
	return part == VQ_DESC && g->cfg.features & F_PACKED ?
		VHOST_ACCESS_RW : VHOST_ACCESS_RO;
}

TEST_F(fresh, asks_for_each_part)
{
	bool asked[VQ_PARTS] = {};
	struct guest *g = &self->g;
	enum vq_part part;
	__u8 perm;

	iommu_stop(&g->io);
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, g->backend.fd));
	while (!asked[VQ_DESC] || !asked[VQ_AVAIL] || !asked[VQ_USED]) {
		ASSERT_TRUE(iommu_wait(g->fd, STALL_MS));
		ASSERT_EQ(1, iommu_read(g->fd, self->m, 1));
		part = part_of(g, VQ_TX, self->m->v2.iotlb.iova);
		ASSERT_NE(VQ_PARTS, part);
		perm = self->m->v2.iotlb.perm;
		/* The used index is read when the ring starts. */
		if (part == VQ_USED)
			perm &= ~VHOST_ACCESS_RO;
		EXPECT_EQ(perm_of(g, part), perm);
		asked[part] = true;
		/* One page at a time: there are several. */
		ASSERT_EQ(0, iommu_push(&g->io, self->m->v2.iotlb.iova, 1));
	}
	/* And starts, without a kick, when all are there. */
	ASSERT_EQ(0, offer(g, VQ_TX, IOVA));
	ASSERT_EQ(0, map_pages(g, 1));
	eventfd_drain(g->vq[VQ_TX].kick);
	ASSERT_EQ(0, iommu_start(&g->io));
	EXPECT_TRUE(used_again(g, 1));
}

TEST_HARNESS_MAIN
