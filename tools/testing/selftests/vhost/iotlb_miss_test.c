// SPDX-License-Identifier: GPL-2.0
/*
 * What a device says when it lacks a translation: that it says so at all,
 * once, for the right address, without hiding what else it lacks, and that
 * it goes on when it has got it. The rings are mapped, the monitor has left,
 * and the test answers in its place.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "traffic.h"

#define IOVA		0x1122334400000ULL
#define FRAME		100
#define MOST		64	/* misses of a ring at a time */
#define SEQ		77

FIXTURE(ask)
{
	struct guest g;
	struct buf *b;
	unsigned int len;	/* header and frame */
	struct vq_seg seg[4];
	union iommu_msg m[4 * MOST];
	char frame[FRAME_MAX];
};

FIXTURE_VARIANT(ask)
{
	bool v1;
	__u64 features;
};

FIXTURE_VARIANT_ADD(ask, first_form)
{
	.v1 = true,
	.features = F_V1 | F_INDIRECT,
};

FIXTURE_VARIANT_ADD(ask, second_form)
{
	.features = F_V1 | F_INDIRECT | F_EVENT,
};

FIXTURE_SETUP(ask)
{
	const struct iommu_cfg iommu = { .v1 = variant->v1 };
	struct guest_cfg cfg = {
		.features = variant->features,
		/* A single receive buffer, which stays in the ring. */
		.pool = { 1, 64 },
		.iommu = &iommu,
	};
	struct guest *g = &self->g;

	RUN_IF_SELECTED();
	NEEDS(F_PLATFORM);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(g, &cfg));
	ASSERT_EQ(0, traffic_alive(g));
	iommu_stop(&g->io);
	g->cfg.iommu = NULL;
	self->b = pool_get(&g->pool[VQ_TX]);
	self->len = g->hdr_len + FRAME;
	memset(self->b->base, 0, g->hdr_len);
	frame_build(self->b->base + g->hdr_len, FRAME, FRAME_TO_HOST, SEQ);
}

FIXTURE_TEARDOWN(ask)
{
	guest_stop(&self->g);
}

/* A good packet whose only part has an address that nobody knows. */
static int offer(struct guest *g, __u64 iova, unsigned int len)
{
	struct vq_seg seg = { .gpa = iova, .len = len };

	return vq_add(&g->vq[VQ_TX], &seg, 1, NULL);
}

static bool zeroed(const __u8 *p, size_t n)
{
	while (n--)
		if (*p++)
			return false;
	return true;
}

/* The form and content of a miss in a range; the rest is zeroes (S5). */
static bool is_miss(const union iommu_msg *m, bool v1, __u64 iova, __u64 len,
		    __u8 perm)
{
	const struct vhost_iotlb_msg *i = &m->v2.iotlb;
	size_t end = (const __u8 *)(&i->type + 1) - m->raw;
	__u64 off = i->iova - iova;

	if (m->type == (v1 ? VHOST_IOTLB_MSG : VHOST_IOTLB_MSG_V2) &&
	    i->type == VHOST_IOTLB_MISS && off < len && i->perm == perm &&
	    !i->uaddr && !i->size && zeroed(m->raw + 4, 4) &&
	    zeroed(m->raw + end, IOMMU_MSG - end))
		return true;
	fprintf(stderr, "# form %u type %u at %llx+%llx perm %u\n", m->type,
		i->type, (unsigned long long)i->iova,
		(unsigned long long)i->size, i->perm);
	return false;
}

/* Wait for @n messages, however many come at a time. */
static int read_misses(int fd, union iommu_msg *m, int n)
{
	int r, have = 0;

	while (have < n) {
		if (!iommu_wait(fd, STALL_MS))
			return have;
		memset(m + have, 0xff, (n - have) * sizeof(*m));
		r = iommu_read(fd, m + have, n - have);
		if (r <= 0)
			return r;
		have += r;
	}
	return have;
}

/* The packet goes out, and its buffer comes back. */
static bool gets_out(struct guest *g, char *frame)
{
	struct vq_used u;
	__u32 seq;
	int len;

	len = wire_recv(&g->wire, frame, FRAME_MAX, NULL, STALL_MS);
	return len == FRAME && frame_intact(frame, len, &seq) && seq == SEQ &&
		vq_wait(&g->vq[VQ_TX], STALL_MS) &&
		vq_get_used(&g->vq[VQ_TX], &u) == 1;
}

static int answer(struct guest *g, __u64 iova, __u64 len, const void *at)
{
	int r = iommu_update(g->fd, iova, len, at, VHOST_ACCESS_RO);

	return r == IOMMU_MSG ? 0 : r;
}

TEST_F(ask, for_what_is_read)
{
	struct pollfd p = { .fd = self->g.fd, .events = POLLIN };
	struct guest *g = &self->g;

	ASSERT_EQ(0, poll(&p, 1, 0));
	ASSERT_EQ(0, offer(g, IOVA + 100, self->len));
	vq_kick(&g->vq[VQ_TX]);
	ASSERT_TRUE(iommu_wait(g->fd, STALL_MS));
	memset(self->m, 0xff, sizeof(self->m));
	ASSERT_EQ(1, iommu_read(g->fd, self->m, 1));
	EXPECT_TRUE(is_miss(self->m, variant->v1, IOVA + 100, self->len,
			    VHOST_ACCESS_RO));
	EXPECT_EQ(0, poll(&p, 1, 0));
	EXPECT_EQ(-EAGAIN, iommu_read(g->fd, self->m, 1));
	EXPECT_FALSE(vq_more_used(&g->vq[VQ_TX]));
	ASSERT_EQ(0, answer(g, IOVA + 100, self->len, self->b->base));
	EXPECT_TRUE(gets_out(g, self->frame));
	EXPECT_EQ(-EAGAIN, iommu_read(g->fd, self->m, 1));
	EXPECT_EQ(0, eventfd_drain(g->vq[VQ_TX].err));
}

static int inject(struct guest *g, char *frame, __u32 seq)
{
	frame_build(frame, FRAME, FRAME_TO_GUEST, seq);
	return wire_send_wait(&g->wire, frame, FRAME, NULL);
}

TEST_F(ask, for_what_is_written)
{
	struct vq_seg seg = { IOVA, 2048, VRING_DESC_F_WRITE };
	struct guest *g = &self->g;
	struct vq *rx = &g->vq[VQ_RX];
	struct vq_used u;
	__u32 seq;

	ASSERT_EQ(0, vq_add(rx, &seg, 1, self->b));
	vq_kick(rx);
	/* The first one finds the buffer that was there. */
	ASSERT_EQ(0, inject(g, self->frame, SEQ));
	ASSERT_EQ(0, inject(g, self->frame, SEQ + 1));
	ASSERT_EQ(1, read_misses(g->fd, self->m, 1));
	EXPECT_TRUE(is_miss(self->m, variant->v1, IOVA, 2048,
			    VHOST_ACCESS_WO));
	ASSERT_TRUE(vq_wait(rx, STALL_MS));
	ASSERT_EQ(1, vq_get_used(rx, &u));
	EXPECT_NE(self->b, u.cookie);
	EXPECT_FALSE(vq_more_used(rx));
	ASSERT_EQ(IOMMU_MSG, iommu_update(g->fd, IOVA, 2048, self->b->base,
					  VHOST_ACCESS_WO));
	ASSERT_TRUE(vq_wait(rx, STALL_MS));
	ASSERT_EQ(1, vq_get_used(rx, &u));
	EXPECT_EQ(self->b, u.cookie);
	EXPECT_EQ(self->len, u.len);
	EXPECT_TRUE(frame_intact(self->b->base + g->hdr_len, FRAME, &seq));
	EXPECT_EQ(SEQ + 1, seq);
}

/* Known, unknown, known: in one descriptor. */
TEST_F(ask, for_the_missing_part_only)
{
	struct guest *g = &self->g;
	unsigned int third = self->len / 3;
	char *at = self->b->base;

	ASSERT_EQ(0, answer(g, IOVA, third, at));
	ASSERT_EQ(0, answer(g, IOVA + 2 * third, self->len, at + 2 * third));
	ASSERT_EQ(0, offer(g, IOVA, self->len));
	vq_kick(&g->vq[VQ_TX]);
	ASSERT_EQ(1, read_misses(g->fd, self->m, 1));
	EXPECT_TRUE(is_miss(self->m, variant->v1, IOVA + third, third,
			    VHOST_ACCESS_RO));
	/* Half of what it lacks: it asks for the other half. */
	ASSERT_EQ(0, answer(g, IOVA + third, third / 2, at + third));
	ASSERT_EQ(1, read_misses(g->fd, self->m, 1));
	EXPECT_TRUE(is_miss(self->m, variant->v1, IOVA + third + third / 2,
			    third - third / 2, VHOST_ACCESS_RO));
	ASSERT_EQ(0, answer(g, IOVA + third + third / 2, third - third / 2,
			    at + third + third / 2));
	EXPECT_TRUE(gets_out(g, self->frame));
}

/* Parts of a chain that nobody knows, each in a page of its own. */
TEST_F(ask, for_all_of_a_chain)
{
	unsigned int each = self->len / 4, i, n = 0;
	struct guest *g = &self->g;

	for (i = 0; i < 4; i++)
		self->seg[i] = (struct vq_seg) { IOVA + i * PAGE, each, 0 };
	self->seg[3].len = self->len - 3 * each;
	ASSERT_EQ(0, vq_add(&g->vq[VQ_TX], self->seg, 4, NULL));
	vq_kick(&g->vq[VQ_TX]);
	/* Not necessarily all at once. */
	while (n < 4) {
		ASSERT_EQ(1, read_misses(g->fd, self->m, 1));
		i = (self->m->v2.iotlb.iova - IOVA) / PAGE;
		ASSERT_GT(4, i);
		EXPECT_TRUE(is_miss(self->m, variant->v1, self->seg[i].gpa,
				    self->seg[i].len, VHOST_ACCESS_RO));
		ASSERT_EQ(0, answer(g, self->seg[i].gpa, self->seg[i].len,
				    self->b->base + i * each));
		n++;
	}
	EXPECT_TRUE(gets_out(g, self->frame));
}

/* First the table is unknown, and then what it names. */
TEST_F(ask, for_indirect_tables)
{
	struct guest *g = &self->g;
	struct vq *tx = &g->vq[VQ_TX];
	struct vring_desc *table = (void *)(self->b->base + 1024);
	__u16 id;

	if (g->cfg.features & F_PACKED)
		SKIP(return, "written for split rings");
	table = (void *)((uintptr_t)table & ~15UL);
	table[0] = (struct vring_desc) { IOVA + 8 * PAGE, self->len, 0, 0 };
	ASSERT_EQ(0, vq_reserve(tx, 1, &id));
	tx->desc[id] = (struct vring_desc) {
		IOVA, sizeof(*table), VRING_DESC_F_INDIRECT, 0
	};
	vq_add_raw(tx, id, 0);
	vq_kick(tx);
	ASSERT_EQ(1, read_misses(g->fd, self->m, 1));
	EXPECT_TRUE(is_miss(self->m, variant->v1, IOVA, sizeof(*table),
			    VHOST_ACCESS_RO));
	ASSERT_EQ(0, answer(g, IOVA, sizeof(*table), table));
	ASSERT_EQ(1, read_misses(g->fd, self->m, 1));
	EXPECT_TRUE(is_miss(self->m, variant->v1, IOVA + 8 * PAGE, self->len,
			    VHOST_ACCESS_RO));
	ASSERT_EQ(0, answer(g, IOVA + 8 * PAGE, self->len, self->b->base));
	EXPECT_TRUE(gets_out(g, self->frame));
}

/* An answer that does not help is no answer. */
TEST_F(ask, not_content_with_anything)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, offer(g, IOVA, self->len));
	vq_kick(&g->vq[VQ_TX]);
	ASSERT_EQ(1, read_misses(g->fd, self->m, 1));
	ASSERT_EQ(0, answer(g, IOVA - PAGE, PAGE, self->b->base));
	ASSERT_EQ(0, answer(g, IOVA + self->len, PAGE, self->b->base));
	ASSERT_EQ(IOMMU_MSG, iommu_invalidate(g->fd, IOVA, PAGE));
	pause_ms(50);
	EXPECT_FALSE(vq_more_used(&g->vq[VQ_TX]));
	ASSERT_EQ(0, answer(g, IOVA, self->len, self->b->base));
	EXPECT_TRUE(gets_out(g, self->frame));
}

/* What is taken back has to be asked for again. */
TEST_F(ask, after_invalidate)
{
	struct guest *g = &self->g;
	int i;

	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, offer(g, IOVA, self->len));
		vq_kick(&g->vq[VQ_TX]);
		ASSERT_EQ(1, read_misses(g->fd, self->m, 1));
		/* Said twice, it is still the same one. */
		ASSERT_EQ(0, answer(g, IOVA, PAGE / 2, self->b->base));
		ASSERT_EQ(0, answer(g, IOVA, PAGE / 2, self->b->base));
		ASSERT_TRUE(gets_out(g, self->frame));
		ASSERT_EQ(IOMMU_MSG, iommu_invalidate(g->fd, IOVA + i, 1));
	}
}

/* @n packets, each in a page that nobody knows. */
static int offer_pages(struct guest *g, unsigned int n, unsigned int len)
{
	unsigned int i;
	int r = 0;

	for (i = 0; i < n && !r; i++)
		r = offer(g, IOVA + i * PAGE, len);
	vq_kick(&g->vq[VQ_TX]);
	return r;
}

/* Counts misses in pages from 0 to @n; false if one is wrong or came twice. */
static bool all_different(const union iommu_msg *m, int misses, bool v1,
			  unsigned int n, unsigned int len)
{
	bool seen[4 * MOST] = {};
	__u64 i;

	for (; misses--; m++) {
		i = (m->v2.iotlb.iova - IOVA) / PAGE;
		if (i >= n || seen[i] ||
		    !is_miss(m, v1, IOVA + i * PAGE, len, VHOST_ACCESS_RO))
			return false;
		seen[i] = true;
	}
	return true;
}

/* Nothing is answered before all that is lacking was asked for. */
TEST_F(ask, for_a_run)
{
	struct guest *g = &self->g;
	int i;

	NOT_FOR_STOCK("asks for one at a time");
	ASSERT_EQ(0, offer_pages(g, MOST, self->len));
	ASSERT_EQ(MOST, read_misses(g->fd, self->m, MOST));
	EXPECT_TRUE(all_different(self->m, MOST, variant->v1, MOST,
				  self->len));
	for (i = 0; i < MOST; i++)
		ASSERT_EQ(0, answer(g, IOVA + i * PAGE, PAGE, self->b->base));
	for (i = 0; i < MOST; i++)
		ASSERT_TRUE(gets_out(g, self->frame));
	EXPECT_EQ(-EAGAIN, iommu_read(g->fd, self->m, 1));
}

/* Many at once; what is behind the last whole one is left alone. */
TEST_F(ask, for_many_in_a_read)
{
	struct guest *g = &self->g;
	__u8 *raw = self->m[0].raw;
	int i;

	NOT_FOR_STOCK("gives one message a call");
	ASSERT_EQ(0, offer_pages(g, 10, self->len));
	ASSERT_EQ(3, read_misses(g->fd, self->m, 3));
	/* By now they are all there. */
	while (device_count(g->fd, "iotlb-unread") < 7)
		pause_ms(1);
	memset(raw, 0xee, sizeof(self->m));
	EXPECT_EQ(2 * IOMMU_MSG, read(g->fd, raw, 3 * IOMMU_MSG - 1));
	for (i = 2 * IOMMU_MSG; i < 4 * (int)IOMMU_MSG; i++)
		ASSERT_EQ(0xee, raw[i]);
	/* If that took a second, more than that. */
	EXPECT_LE(5, iommu_read(g->fd, self->m, 4 * MOST));
	EXPECT_EQ(-EAGAIN, iommu_read(g->fd, self->m, 4 * MOST));
}

/* A ring that lacks much does not fill memory with it (S12). */
TEST_F(ask, for_no_more_than_so_many)
{
	struct guest *g = &self->g;
	int i;

	NOT_FOR_STOCK("adds a message for each try");
	ASSERT_EQ(0, offer_pages(g, 200, self->len));
	for (i = 0; i < 200; i++) {
		vq_kick_always(&g->vq[VQ_TX]);
		pause_ms(1);
	}
	i = iommu_read(g->fd, self->m, 4 * MOST);
	EXPECT_EQ(MOST, i);
	EXPECT_TRUE(all_different(self->m, i, variant->v1, 200, self->len));
	/* Somebody answers at last. */
	for (i = 0; i < 200; i++)
		ASSERT_EQ(0, answer(g, IOVA + i * PAGE, PAGE, self->b->base));
	for (i = 0; i < 200; i++)
		ASSERT_TRUE(gets_out(g, self->frame));
}

/* Unanswered, it is asked again, but not all the time. */
TEST_F(ask, again_but_not_too_often)
{
	struct guest *g = &self->g;
	int again = 0, i;
	__s64 begin;

	NOT_FOR_STOCK("asks again at each kick, and never without");
	ASSERT_EQ(0, offer(g, IOVA, self->len));
	begin = now_ms();
	vq_kick(&g->vq[VQ_TX]);
	ASSERT_EQ(1, read_misses(g->fd, self->m, 1));
	for (i = 0; i < 100; i++) {
		vq_kick_always(&g->vq[VQ_TX]);
		pause_ms(1);
		again += iommu_read(g->fd, self->m, 1) == 1;
	}
	EXPECT_GE((now_ms() - begin) / 900 + 1, again);
	/* Nobody kicks, nobody answers. */
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(1, read_misses(g->fd, self->m, 1));
		EXPECT_TRUE(is_miss(self->m, variant->v1, IOVA, self->len,
				    VHOST_ACCESS_RO));
	}
	ASSERT_EQ(0, answer(g, IOVA, self->len, self->b->base));
	EXPECT_TRUE(gets_out(g, self->frame));
}

/* A message that could not be delivered comes again. */
TEST_F(ask, though_read_failed)
{
	struct guest *g = &self->g;
	char *hole = guarded_map(PAGE);

	NOT_FOR_STOCK("loses the message");
	mprotect(hole, PAGE, PROT_NONE);
	ASSERT_EQ(0, offer(g, IOVA, self->len));
	vq_kick(&g->vq[VQ_TX]);
	ASSERT_TRUE(iommu_wait(g->fd, STALL_MS));
	EXPECT_EQ(-EFAULT, iommu_read(g->fd, (void *)hole, 1));
	ASSERT_EQ(1, read_misses(g->fd, self->m, 1));
	EXPECT_TRUE(is_miss(self->m, variant->v1, IOVA, self->len,
			    VHOST_ACCESS_RO));
	guarded_unmap(hole, PAGE);
}

/* Several readers that wait, each miss for one of them only. */
struct reader {
	pthread_t thread;
	int fd;
	bool stop;
	int n;
	__u64 iova[4 * MOST];
};

static void *read_some(void *arg)
{
	struct reader *r = arg;
	union iommu_msg m;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED) &&
	       iommu_read(r->fd, &m, 1) == 1)
		r->iova[r->n++ % ARRAY_SIZE(r->iova)] = m.v2.iotlb.iova;
	return NULL;
}

#define READERS	4

TEST_F(ask, many_readers)
{
	static struct reader r[READERS];
	int i, n, had = 0;
	struct guest *g = &self->g;

	fcntl(g->fd, F_SETFL, 0);
	for (i = 0; i < READERS; i++) {
		r[i].fd = g->fd;
		ASSERT_EQ(0, pthread_create(&r[i].thread, NULL, read_some,
					    &r[i]));
	}
	/* One at a time, so that it cannot be asked for twice. */
	for (n = 0; n < 40; n++) {
		__s64 end = now_ms() + STALL_MS;

		ASSERT_EQ(0, offer(g, IOVA + n * PAGE, self->len));
		vq_kick(&g->vq[VQ_TX]);
		do {
			had = 0;
			for (i = 0; i < READERS; i++)
				had += __atomic_load_n(&r[i].n,
						       __ATOMIC_ACQUIRE);
		} while (had <= n && now_ms() < end);
		ASSERT_EQ(0, answer(g, IOVA + n * PAGE, PAGE, self->b->base));
		ASSERT_TRUE(gets_out(g, self->frame));
	}
	EXPECT_LE(40, had);
	for (i = 0; i < READERS; i++)
		__atomic_store_n(&r[i].stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < READERS; i++)
		pthread_cancel(r[i].thread);
	for (i = 0; i < READERS; i++)
		pthread_join(r[i].thread, NULL);
}

TEST_HARNESS_MAIN
