// SPDX-License-Identifier: GPL-2.0
/*
 * Ring memory that goes away under a running ring, and comes back; and what
 * the device says and counts of its rings.
 */
#include "fixture.h"

#include <sys/mman.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "traffic.h"

#define SOON_MS		10000

static char frame[FRAME_MAX], got[FRAME_MAX];

static void kick(struct vq *vq)
{
	__u64 one = 1;

	if (write(vq->kick, &one, sizeof(one)) < 0)
		perror("kick");
}

/* Let the wire run dry. How many frames came out? */
static int frames_out(struct guest *g, int ms)
{
	int n = 0;

	while (wire_recv(&g->wire, got, sizeof(got), NULL, ms) > 0)
		n++;
	return n;
}

FIXTURE(mends)
{
	struct guest g;
	struct vq *vq;
	struct vq was;		/* where its parts are to be unmapped */
	char *spare;
};

FIXTURE_VARIANT(mends)
{
	unsigned int index;
	/*
	 * The used ring goes, else the available one; of a packed ring, which
	 * is both, the right to write goes, or it all.
	 */
	bool used;
	__u64 features;
};

FIXTURE_VARIANT_ADD(mends, tx_avail) { VQ_TX, false, F_V1 };
FIXTURE_VARIANT_ADD(mends, tx_avail_event) { VQ_TX, false, F_V1 | F_EVENT };
FIXTURE_VARIANT_ADD(mends, tx_used) { VQ_TX, true, F_V1 };
FIXTURE_VARIANT_ADD(mends, tx_used_event) { VQ_TX, true, F_V1 | F_EVENT };
FIXTURE_VARIANT_ADD(mends, rx_avail) { VQ_RX, false, F_V1 };
FIXTURE_VARIANT_ADD(mends, rx_avail_event) { VQ_RX, false, F_V1 | F_EVENT };
FIXTURE_VARIANT_ADD(mends, rx_used) { VQ_RX, true, F_V1 };
FIXTURE_VARIANT_ADD(mends, rx_used_event) { VQ_RX, true, F_V1 | F_EVENT };

#define UNSERVED	3
#define ROUNDS		10
/* Well below the quarter of a second after which a ring is tried again. */
#define PROMPT_MS	150

FIXTURE_SETUP(mends)
{
	struct guest_cfg cfg = { .features = variant->features };

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("leaves a broken ring broken");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	self->vq = &self->g.vq[variant->index];
	self->was = *self->vq;
	self->spare = guarded_map(PAGE);
	ASSERT_NE(NULL, self->spare);
}

FIXTURE_TEARDOWN(mends)
{
	self->vq->avail = self->was.avail;
	self->vq->used = self->was.used;
	self->vq->packed.desc = self->was.packed.desc;
	guest_stop(&self->g);
}

static bool is_packed(const struct vq *vq)
{
	return vq->cfg.layout == VQ_PACKED;
}

/* The page with one part of the ring: each has one of its own. */
static char *part_page(struct vq *vq, bool used)
{
	enum vq_part part = used ? VQ_USED : VQ_AVAIL;

	if (is_packed(vq))
		part = VQ_DESC;
	return (char *)((uintptr_t)vq_part(vq, part, NULL) & ~(PAGE - 1));
}

static void take_away(struct vq *vq, bool used)
{
	mprotect(part_page(vq, used), PAGE,
		 used && is_packed(vq) ? PROT_READ : PROT_NONE);
}

static void give_back(struct vq *vq, bool used)
{
	mprotect(part_page(vq, used), PAGE, PROT_READ | PROT_WRITE);
}

/*
 * Work that the device can't do, as the ring is gone when it is told of it.
 * @copy gets what was in the page.
 */
static int give_work(struct guest *g, struct vq *vq, bool used, char *copy)
{
	int i, r = 0;

	/* A turn that is not over would find the work before the ring goes. */
	if (!workers_asleep())
		return -ETIMEDOUT;
	/* Buffers that were posted again are there already. */
	if (vq->index == VQ_RX && !vq_in_flight(vq))
		guest_post(g, UNSERVED);
	for (i = 0; i < UNSERVED && vq->index == VQ_TX && !r; i++) {
		frame_build(frame, 60, FRAME_TO_HOST, i);
		r = guest_send(g, frame, 60, NULL);
	}
	vq_publish(vq);
	memcpy(copy, part_page(vq, used), PAGE);
	take_away(vq, used);
	for (i = 0; i < UNSERVED && vq->index == VQ_RX && !r; i++) {
		frame_build(frame, 60, FRAME_TO_GUEST, i);
		r = wire_send_wait(&g->wire, frame, 60, NULL);
	}
	kick(vq);
	return r;
}

/* Everything passed, in order and once? */
static bool work_done(struct guest *g, struct vq *vq)
{
	struct rx_packet p;
	__u32 i, seq;
	int r;

	for (i = 0; i < UNSERVED; i++) {
		if (vq->index == VQ_TX)
			r = wire_recv(&g->wire, got, sizeof(got), NULL,
				      STALL_MS);
		else
			r = guest_recv(g, got, &p, 0) > 0 ? (int)p.len : 0;
		if (r != 60 || !frame_intact(got, r, &seq) || seq != i)
			return false;
	}
	return vq->index == VQ_RX ||
		(guest_reap(g) == UNSERVED && !frames_out(g, 50));
}

static bool breaks(struct guest *g, struct vq *vq)
{
	/* In this order, and the last at the end of the turn. */
	return comes_to_say(g, vq->index, "state", "broken") &&
		comes_to_say(g, vq->index, "broken", "bad-ring") &&
		eventfd_comes(vq->err);
}

/* Nobody kicks a guest's memory back into life: the guest doesn't know. */
TEST_F(mends, without_kick)
{
	struct guest *g = &self->g;
	struct vq *vq = self->vq;

	ASSERT_EQ(0, give_work(g, vq, variant->used, self->spare));
	EXPECT_TRUE(breaks(g, vq));
	EXPECT_TRUE(workers_quiet());
	give_back(vq, variant->used);
	ASSERT_TRUE(vq_wait_after(vq, UNSERVED - 1, SOON_MS));
	EXPECT_TRUE(work_done(g, vq));
	/* The turn in which buffers came back may not be over. */
	EXPECT_TRUE(comes_to_say(g, vq->index, "state", "running"));
	EXPECT_EQ(0, vq->lost_calls);
	EXPECT_EQ(0, traffic_alive(g));
}

/* Wait until the device has just tried, so that the next try is far away. */
static __s64 next_try(struct guest *g, struct vq *vq)
{
	long long tries = count(g, vq->index, "bad-ring");
	__s64 end = now_ms() + STALL_MS;

	while (count(g, vq->index, "bad-ring") == tries && now_ms() < end)
		;
	return now_ms();
}

/* Let the copy in @spare be the page, and the page be the next spare. */
static int move_part(struct guest *g, struct vq *vq, bool used, char **spare)
{
	char *old = part_page(vq, used), *new = *spare;
	int r;

	if (is_packed(vq))
		vq->packed.desc = (void *)(new + ((char *)vq->packed.desc -
						  old));
	else if (used)
		vq->used = (void *)(new + ((char *)vq->used - old));
	else
		vq->avail = (void *)(new + ((char *)vq->avail - old));
	r = dev_set_addr(g->fd, vq);
	/* Not before: if we are late, the device looks there of its own. */
	mprotect(old, PAGE, PROT_READ | PROT_WRITE);
	*spare = old;
	return r;
}

/* How long it takes from a try in vain to the work being done; -1: never. */
static int mend_ms(struct guest *g, struct vq *vq, bool used, char **spare,
		   bool move)
{
	__s64 tried;
	int r;

	if (give_work(g, vq, used, *spare) || !breaks(g, vq))
		return -1;
	tried = next_try(g, vq);
	if (move) {
		r = move_part(g, vq, used, spare);
	} else {
		give_back(vq, used);
		r = dev_set_mem(g->fd, &g->arena);
	}
	if (r || !vq_wait_after(vq, UNSERVED - 1, SOON_MS))
		return -1;
	tried = now_ms() - tried;
	return work_done(g, vq) ? (int)tried : -1;
}

/*
 * Who tells the device that memory has changed need not wait for it to look
 * again. A machine may be slow: being quick once is enough.
 */
static int best_mend_ms(struct guest *g, struct vq *vq, bool used,
			char **spare, bool move)
{
	int i, ms, best = SOON_MS;

	for (i = 0; i < ROUNDS && best > PROMPT_MS; i++) {
		ms = mend_ms(g, vq, used, spare, move);
		if (ms < 0)
			return SOON_MS;
		best = min_size(best, ms);
	}
	return best;
}

TEST_F(mends, by_memory_table)
{
	EXPECT_GE(PROMPT_MS, best_mend_ms(&self->g, self->vq, variant->used,
					  &self->spare, false));
	EXPECT_EQ(0, traffic_alive(&self->g));
}

TEST_F(mends, by_moving)
{
	EXPECT_GE(PROMPT_MS, best_mend_ms(&self->g, self->vq, variant->used,
					  &self->spare, true));
	EXPECT_EQ(0, traffic_alive(&self->g));
}

/* What is counted is what passed, neither more nor less. */
TEST(counters)
{
	static const size_t out[] = { 14, 60, 1514, 4000, 9000 };
	static const size_t in[] = { 14, 61, 1000, 2036 };
	struct guest_cfg cfg = { .features = F_V1, .buf = { 2048, 10000 } };
	struct vq_seg bad = { .len = 5 };
	static struct guest g;
	struct rx_packet p;
	unsigned int i;

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("counts nothing");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&g, &cfg));
	for (i = 0; i < ARRAY_SIZE(out); i++) {
		frame_build(frame, out[i], FRAME_TO_HOST, i);
		ASSERT_EQ(0, guest_send(&g, frame, out[i], NULL));
	}
	ASSERT_EQ(0, guest_drain(&g));
	EXPECT_TRUE(counts_to(&g, VQ_TX, "packets", ARRAY_SIZE(out)));
	EXPECT_TRUE(counts_to(&g, VQ_TX, "bytes",
			      14 + 60 + 1514 + 4000 + 9000));
	ASSERT_LT(0, guest_post(&g, 16));
	/* One that doesn't fit is not counted with the others. */
	frame_build(frame, 5000, FRAME_TO_GUEST, 99);
	ASSERT_EQ(0, wire_send_wait(&g.wire, frame, 5000, NULL));
	for (i = 0; i < ARRAY_SIZE(in); i++) {
		frame_build(frame, in[i], FRAME_TO_GUEST, i);
		ASSERT_EQ(0, wire_send_wait(&g.wire, frame, in[i], NULL));
		ASSERT_EQ(1, guest_recv(&g, got, &p, STALL_MS));
	}
	EXPECT_TRUE(counts_to(&g, VQ_RX, "packets", ARRAY_SIZE(in)));
	EXPECT_TRUE(counts_to(&g, VQ_RX, "bytes", 14 + 61 + 1000 + 2036));
	EXPECT_TRUE(counts_to(&g, VQ_RX, "drop-big", 1));

	/* A reason has no line before there is one. */
	EXPECT_FALSE(says(&g, VQ_TX, "bad-hdr", "0"));
	bad.gpa = arena_gpa(&g.arena, g.pool[VQ_TX].buf->base);
	ASSERT_EQ(0, vq_add(&g.vq[VQ_TX], &bad, 1, g.pool[VQ_TX].buf));
	ASSERT_EQ(0, guest_drain(&g));
	EXPECT_TRUE(counts_to(&g, VQ_TX, "bad-hdr", 1));
	EXPECT_EQ(ARRAY_SIZE(out), count(&g, VQ_TX, "packets"));
	EXPECT_EQ(ARRAY_SIZE(out) + 1, count(&g, VQ_TX, "next-avail"));
	EXPECT_EQ(ARRAY_SIZE(out) + 1, count(&g, VQ_TX, "next-used"));
	EXPECT_EQ(ARRAY_SIZE(in), count(&g, VQ_RX, "next-used"));
	EXPECT_TRUE(says(&g, VQ_TX, "state", "running"));
	ASSERT_EQ(0, guest_attach(&g, -1));
	EXPECT_TRUE(says(&g, VQ_TX, "state", "stopped"));
	EXPECT_EQ(ARRAY_SIZE(out), count(&g, VQ_TX, "packets"));
	guest_stop(&g);
}

TEST_HARNESS_MAIN
