// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that the monitor takes back while the device is copying from it or to
 * it. Whoever takes it back must not get its answer before the device is
 * through, and must not wait when the device is busy with something else.
 */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "guest.h"
#include "netif.h"
#include "stall.h"

#define IOVA	0x5566778800000ULL
#define OTHER	(IOVA + (1ULL << 32))
#define PAGES	2
#define LARGE	(PAGE + 1000)	/* too large to be sent with others */
#define EARLY_MS	300	/* an answer that comes within is too early */

FIXTURE(hold)
{
	struct guest g;
	struct stall s;
	char *mem;
	char content[PAGES * PAGE];
	char frame[FRAME_MAX];
	pthread_t thread;
	__u64 iova;
	void *instead;		/* not taken back, but mapped to this */
	int r;
	int done;
};

#define hold_data FIXTURE_DATA(hold)

FIXTURE_SETUP(hold)
{
	static const struct iommu_cfg whole;
	struct guest_cfg cfg = { .features = F_V1, .iommu = &whole };
	struct virtio_net_hdr_mrg_rxbuf *h = (void *)self->content;
	__u64 iova = IOVA;

	RUN_IF_SELECTED();
	NEEDS(F_PLATFORM);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	self->mem = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	if (stall_init(&self->s, self->mem, PAGES * PAGE))
		SKIP_ALL("no userfaultfd");
	/* Both are known to the device before it needs them. */
	ASSERT_EQ(0, iommu_map(&self->g.io, iova, self->mem, PAGES * PAGE,
			       VHOST_ACCESS_RW));
	ASSERT_EQ(0, iommu_push(&self->g.io, iova, PAGES * PAGE));
	ASSERT_EQ(0, iommu_map(&self->g.io, OTHER, self->content, PAGE,
			       VHOST_ACCESS_RW));
	ASSERT_EQ(0, iommu_push(&self->g.io, OTHER, PAGE));
	frame_build(h + 1, LARGE, FRAME_TO_HOST, 1);
}

FIXTURE_TEARDOWN(hold)
{
	stall_end(&self->s);
	guest_stop(&self->g);
	munmap(self->mem, PAGES * PAGE);
}

static void *take_back(void *arg)
{
	hold_data *self = arg;

	if (!self->instead)
		self->r = iommu_unmap(&self->g.io, self->iova, PAGE);
	else if (iommu_update(self->g.fd, self->iova, PAGE, self->instead,
			      VHOST_ACCESS_RW) != IOMMU_MSG)
		self->r = -EIO;
	__atomic_store_n(&self->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static bool is_done(const hold_data *self, int ms)
{
	__s64 end = now_ms() + ms;

	while (!__atomic_load_n(&self->done, __ATOMIC_ACQUIRE)) {
		if (now_ms() > end)
			return false;
		pause_ms(5);
	}
	return true;
}

/* Let the device go on, wherever in our pages it is. */
static int let_go(hold_data *self)
{
	unsigned int i;
	int r = 0;

	for (i = 0; i < PAGES && !r; i++)
		r = stall_release(&self->s, self->mem + i * PAGE,
				  self->content + i * PAGE);
	return r;
}

/* The device is in our pages: take memory back, and see when that is done. */
static int take_back_here(hold_data *self, __u64 iova, bool early)
{
	bool too_early;

	self->iova = iova;
	self->r = 0;
	self->done = 0;
	if (pthread_create(&self->thread, NULL, take_back, self))
		return -EAGAIN;
	too_early = is_done(self, early ? STALL_MS : EARLY_MS);
	if (let_go(self) || !is_done(self, STALL_MS))
		return -EIO;
	pthread_join(self->thread, NULL);
	return too_early != early ? -EPROTO : self->r;
}

/* The same, when it has come there. */
static int take_back_now(hold_data *self, __u64 iova, bool early)
{
	if (!stall_wait(&self->s, STALL_MS))
		return -ETIME;
	return take_back_here(self, iova, early);
}

/* What is sent lies in our pages, from where on the header begins. */
static int send_ours(struct guest *g, size_t len)
{
	struct vq_seg seg = {
		IOVA, len + sizeof(struct virtio_net_hdr_mrg_rxbuf), 0
	};

	return vq_add(&g->vq[VQ_TX], &seg, 1, NULL);
}

static bool all_used(struct guest *g, unsigned int index)
{
	struct vq *vq = &g->vq[index];
	struct vq_used u;

	while (vq_in_flight(vq))
		if (!vq_wait(vq, STALL_MS) || vq_get_used(vq, &u) != 1)
			return false;
	return true;
}

TEST_F(hold, small_packet)
{
	ASSERT_EQ(0, send_ours(&self->g, 1000));
	vq_kick(&self->g.vq[VQ_TX]);
	EXPECT_EQ(0, take_back_now(self, IOVA, false));
	EXPECT_TRUE(all_used(&self->g, VQ_TX));
}

/* What was queued before it is sent first, and shown to the guest. */
TEST_F(hold, large_packet_after_small)
{
	char small[100];
	__u32 seq;
	int len;

	frame_build(small, sizeof(small), FRAME_TO_HOST, 0);
	ASSERT_EQ(0, guest_send(&self->g, small, sizeof(small), NULL));
	ASSERT_EQ(0, send_ours(&self->g, LARGE));
	vq_kick(&self->g.vq[VQ_TX]);
	EXPECT_EQ(0, take_back_now(self, IOVA, false));
	EXPECT_TRUE(all_used(&self->g, VQ_TX));
	for (seq = 0; seq < 2; seq++) {
		__u32 got = -1;

		len = wire_recv(&self->g.wire, self->frame, FRAME_MAX, NULL,
				STALL_MS);
		EXPECT_LT(0, len);
		EXPECT_TRUE(frame_intact(self->frame, len, &got));
		EXPECT_EQ(seq, got);
	}
}

TEST_F(hold, receive_buffer)
{
	struct vq_seg seg = { IOVA, PAGES * PAGE, VRING_DESC_F_WRITE };
	char small[100];

	ASSERT_EQ(0, vq_add(&self->g.vq[VQ_RX], &seg, 1, NULL));
	vq_kick(&self->g.vq[VQ_RX]);
	frame_build(small, sizeof(small), FRAME_TO_GUEST, 0);
	ASSERT_EQ(0, wire_send_wait(&self->g.wire, small, sizeof(small), NULL));
	EXPECT_EQ(0, take_back_now(self, IOVA, false));
	EXPECT_TRUE(all_used(&self->g, VQ_RX));
}

/* A map that had to make room for others is in use all the same. */
TEST_F(hold, forgotten_map)
{
	unsigned int max = iommu_max_entries();
	struct guest *g = &self->g;

	NOT_FOR_STOCK("stops all rings for each message");
	ASSERT_LT(0, max);
	ASSERT_EQ(0, send_ours(g, 1000));
	vq_kick(&g->vq[VQ_TX]);
	ASSERT_NE(NULL, stall_wait(&self->s, STALL_MS));
	ASSERT_EQ(0, iommu_flood(g->fd, 0, max, self->content));
	self->instead = self->content;
	EXPECT_EQ(0, take_back_here(self, IOVA, false));
	EXPECT_TRUE(all_used(g, VQ_TX));
}

/* Memory that nobody is using is given back at once. */
TEST_F(hold, something_else)
{
	NOT_FOR_STOCK("stops all rings for each message");
	ASSERT_EQ(0, send_ours(&self->g, 1000));
	vq_kick(&self->g.vq[VQ_TX]);
	EXPECT_EQ(0, take_back_now(self, OTHER, true));
	EXPECT_TRUE(all_used(&self->g, VQ_TX));
}

TEST_HARNESS_MAIN
