// SPDX-License-Identifier: GPL-2.0
/*
 * Where numbers run out: more buffers than the ring has, more bytes than a
 * length holds, more descriptors than anyone needs, packets larger than all
 * buffers together.
 */
#include "fixture.h"

#include <errno.h>
#include <stdlib.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "stall.h"
#include "traffic.h"

/* The largest frame: VHOST_NET_FRAME_MAX of the driver. */
#define LARGEST		65557

#define LIAR_GPA	0x5000000000ULL
#define BIG_GPA		0x6000000000ULL
#define TABLE_GPA	0x7000000000ULL
#define HDR_LEN		12
/* A frame that is copied while the next buffers have not been looked at. */
#define LIE_LEN		300

static char frame[LARGEST + 100], got[LARGEST + 100];

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

/*
 * A guest that makes buffers available which it can't have, while those that
 * it has are being worked on. The device, which looks at the index again and
 * again before it shows what it has used, once noted more used buffers than
 * the ring has entries, and wrote behind the end of the used ring.
 */
#define LIES		6
#define CANARY		0xc5

FIXTURE(liar)
{
	struct guest g;
	struct vq *vq;
	struct stall s;
	char *map;		/* the used ring's page, and the one after it */
	struct vring_used *was;
	struct arena_region *region;
	char content[PAGE];
};

FIXTURE_VARIANT(liar)
{
	unsigned int index;
	unsigned int num;
};

FIXTURE_VARIANT_ADD(liar, tx_1) { VQ_TX, 1 };
FIXTURE_VARIANT_ADD(liar, tx_2) { VQ_TX, 2 };
FIXTURE_VARIANT_ADD(liar, tx_16) { VQ_TX, 16 };
FIXTURE_VARIANT_ADD(liar, rx_1) { VQ_RX, 1 };
FIXTURE_VARIANT_ADD(liar, rx_2) { VQ_RX, 2 };
FIXTURE_VARIANT_ADD(liar, rx_16) { VQ_RX, 16 };

FIXTURE_SETUP(liar)
{
	struct guest_cfg cfg = {
		.features = F_V1 | F_MRG,
		.num = { variant->num, variant->num },
		.stopped = true,
	};
	struct guest *g = &self->g;
	int r;

	RUN_IF_SELECTED();
	NOT_FOR_PACKED("limits_packed_test");
	NOT_FOR_STOCK("gives up on a bad index");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(g, &cfg));
	self->vq = &g->vq[variant->index];
	self->map = guarded_map(2 * PAGE);
	ASSERT_NE(NULL, self->map);
	memset(self->map + PAGE, CANARY, PAGE);
	self->was = self->vq->used;
	self->vq->used = (void *)(self->map + PAGE - 4 - 8 * variant->num);
	ASSERT_EQ(0, dev_set_addr(g->fd, self->vq));
	r = arena_add(&g->arena, LIAR_GPA, (LIES + 1) * PAGE);
	ASSERT_LT(0, r);
	self->region = &g->arena.region[r];
	if (stall_init(&self->s, self->region->hva, LIES * PAGE))
		SKIP_ALL("no userfaultfd");
	ASSERT_EQ(0, dev_set_mem(g->fd, &g->arena));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
}

FIXTURE_TEARDOWN(liar)
{
	stall_end(&self->s);
	self->vq->used = self->was;
	guest_stop(&self->g);
	guarded_unmap(self->map, 2 * PAGE);
}

/* A packet takes 4 receive buffers, or as many as fill a smaller ring. */
static unsigned int per_packet(unsigned int num)
{
	return min_size(num, 4);
}

/* All buffers work, but for the first one, which stalls at each turn. */
static void liar_descs(struct vq *vq, char *content, size_t good)
{
	__u32 len = HDR_LEN + LIE_LEN;
	unsigned int i;

	if (vq->index == VQ_RX)
		len /= per_packet(vq->num);
	memset(content, 0, PAGE);
	frame_build(content + HDR_LEN, LIE_LEN, FRAME_TO_HOST, 1);
	for (i = 0; i < vq->num; i++) {
		vq->avail->ring[i] = i;
		vq->desc[i].addr = LIAR_GPA + (i ? good : 0);
		vq->desc[i].len = len;
		vq->desc[i].flags = vq->index == VQ_RX ? VRING_DESC_F_WRITE : 0;
	}
}

static void set_index(struct vq *vq, __u16 idx)
{
	__atomic_store_n(&vq->avail->idx, idx, __ATOMIC_RELEASE);
}

static bool used_up_to(struct vq *vq, __u16 idx)
{
	__s64 end = now_ms() + STALL_MS;

	while (__atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE) != idx)
		if (now_ms() > end)
			return false;
	return true;
}

static unsigned int damaged(const char *page)
{
	unsigned int i, n = 0;

	for (i = 0; i < PAGE; i++)
		n += (__u8)page[i] != CANARY;
	return n;
}

TEST_F(liar, used_overflow)
{
	unsigned int i, num = variant->num, packets;
	struct guest *g = &self->g;
	struct vq *vq = self->vq;
	void *page;

	liar_descs(vq, self->content, LIES * PAGE);
	memcpy(self->region->hva + LIES * PAGE, self->content, PAGE);
	packets = LIES * num / per_packet(num);
	frame_build(frame, LIE_LEN, FRAME_TO_GUEST, 2);
	for (i = 0; variant->index == VQ_RX && i < packets; i++)
		ASSERT_EQ(0, wire_send_wait(&g->wire, frame, LIE_LEN, NULL));
	set_index(vq, num);
	kick(vq);
	for (i = 1; i <= LIES; i++) {
		page = stall_wait(&self->s, STALL_MS);
		ASSERT_NE(NULL, page);
		/* The device is busy with the ring's first buffer: lie. */
		vq->desc[0].addr = LIAR_GPA + i * PAGE;
		if (i < LIES)
			set_index(vq, (i + 1) * num);
		ASSERT_EQ(0, stall_release(&self->s, page, self->content));
	}
	EXPECT_TRUE(used_up_to(vq, LIES * num));
	EXPECT_EQ(0, damaged(self->map + PAGE));
	EXPECT_LT(0, count(g, vq->index, "bad-index"));
	EXPECT_TRUE(eventfd_comes(vq->err));

	/* From here on an honest one. */
	vq->avail_idx = LIES * num;
	vq->kicked_idx = LIES * num;
	vq->used_idx = LIES * num;
	frames_out(g, 100);
	EXPECT_EQ(0, traffic_alive(g));
	EXPECT_EQ(0, damaged(self->map + PAGE));
}

/* Buffers that name the same few bytes again and again. */
FIXTURE(huge)
{
	struct guest g;
	char *big;
};

FIXTURE_VARIANT(huge)
{
	__u64 total;
	bool indirect;
};

#define BIG	(8UL << 20)

FIXTURE_VARIANT_ADD(huge, above_4g) { (1ULL << 32) + 100, false };
FIXTURE_VARIANT_ADD(huge, above_4g_indirect) { (1ULL << 32) + 100, true };
FIXTURE_VARIANT_ADD(huge, exactly_4g) { 1ULL << 32, false };
FIXTURE_VARIANT_ADD(huge, below_4g) { (1ULL << 32) - 100, false };
FIXTURE_VARIANT_ADD(huge, above_2g) { (1ULL << 31) + 100, true };
FIXTURE_VARIANT_ADD(huge, mb_16) { 16 << 20, false };
FIXTURE_VARIANT_ADD(huge, b_70000) { 70000, false };
FIXTURE_VARIANT_ADD(huge, one_too_many) { HDR_LEN + LARGEST + 1, false };

FIXTURE_SETUP(huge)
{
	struct guest_cfg cfg = {
		.features = F_V1 | F_INDIRECT,
		.num = { 1024, 1024 },
		.pool = { 64, 8 },
		.buf = { 2048, LARGEST + HDR_LEN },
	};
	int r;

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("tries to send it");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	r = arena_add(&self->g.arena, BIG_GPA, BIG);
	ASSERT_LT(0, r);
	self->big = self->g.arena.region[r].hva;
	ASSERT_EQ(0, dev_set_mem(self->g.fd, &self->g.arena));
}

FIXTURE_TEARDOWN(huge)
{
	guest_stop(&self->g);
}

static int offer_huge(struct vq *vq, __u64 total, bool indirect)
{
	__u16 dir = vq->index == VQ_RX ? VRING_DESC_F_WRITE : 0;
	static struct vq_seg seg[1024];
	unsigned int n = 0;

	for (; total; n++) {
		seg[n].gpa = BIG_GPA;
		seg[n].flags = dir;
		seg[n].len = min_size(total, BIG);
		total -= seg[n].len;
	}
	return indirect ? vq_add_indirect(vq, seg, n, NULL) :
		vq_add(vq, seg, n, NULL);
}

/*
 * The sum of the lengths used to be cut to 32 bits, or handed to a backend
 * that takes a length for an int, with a WARN for the memory it asks for.
 */
TEST_F(huge, tx)
{
	struct guest *g = &self->g;
	struct vq *vq = &g->vq[VQ_TX];
	struct vq_used u;
	int i;

	for (i = 1; i <= 3; i++) {
		ASSERT_EQ(0, offer_huge(vq, variant->total, variant->indirect));
		vq_kick(vq);
		ASSERT_TRUE(vq_wait(vq, STALL_MS));
		ASSERT_EQ(1, vq_get_used(vq, &u));
		EXPECT_EQ(0, u.len);
		EXPECT_TRUE(eventfd_comes(vq->err));
		EXPECT_EQ(i, count(g, VQ_TX, "drop-big"));
	}
	EXPECT_EQ(0, frames_out(g, 100));
	EXPECT_EQ(0, count(g, VQ_TX, "packets"));
	/* What is just small enough passes. */
	frame_build(frame, LARGEST, FRAME_TO_HOST, 5);
	ASSERT_EQ(0, guest_send(g, frame, LARGEST, NULL));
	EXPECT_EQ(0, guest_drain(g));
	EXPECT_EQ(LARGEST, wire_recv(&g->wire, got, sizeof(got), NULL,
				     STALL_MS));
	EXPECT_EQ(0, memcmp(frame, got, LARGEST));
	EXPECT_EQ(0, eventfd_drain(vq->err));
	EXPECT_EQ(0, traffic_alive(g));
}

/* There is more room than a packet needs: cut to 32 bits, it would be less. */
TEST_F(huge, rx)
{
	struct guest *g = &self->g;
	struct vq *vq = &g->vq[VQ_RX];
	const int len = 200;
	struct vq_used u;

	ASSERT_EQ(0, offer_huge(vq, variant->total, variant->indirect));
	vq_kick(vq);
	frame_build(frame, len, FRAME_TO_GUEST, 3);
	ASSERT_EQ(0, wire_send_wait(&g->wire, frame, len, NULL));
	ASSERT_TRUE(vq_wait(vq, STALL_MS));
	ASSERT_EQ(1, vq_get_used(vq, &u));
	EXPECT_EQ(HDR_LEN + len, u.len);
	EXPECT_EQ(0, memcmp(self->big + HDR_LEN, frame, len));
	EXPECT_EQ(0, eventfd_drain(vq->err));
	EXPECT_EQ(0, traffic_alive(g));
}

/*
 * One turn at a ring moves so many bytes, VHOST_NET_TURN_BYTES of the driver,
 * and no more than one packet beyond: then the other ring has its turn.
 */
#define TURN_BYTES	0x80000
#define TURN_FRAMES	64
#define TURN_LEN	65535

FIXTURE(turn)
{
	struct guest g;
};

FIXTURE_VARIANT(turn)
{
	unsigned int index;
};

FIXTURE_VARIANT_ADD(turn, rx) { VQ_RX };
FIXTURE_VARIANT_ADD(turn, tx) { VQ_TX };

FIXTURE_SETUP(turn)
{
	struct guest_cfg cfg = {
		.features = F_V1,
		.num = { TURN_FRAMES, TURN_FRAMES },
		.buf = { TURN_LEN + HDR_LEN, TURN_LEN + HDR_LEN },
		.stopped = true,
	};

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("counts nothing");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(turn)
{
	guest_stop(&self->g);
}

static int queue_large(struct guest *g, unsigned int index)
{
	bool rx = index == VQ_RX;
	int i, r = 0;

	if (rx && guest_post(g, TURN_FRAMES) != TURN_FRAMES)
		return -ENOSPC;
	for (i = 0; i < TURN_FRAMES && !r; i++) {
		frame_build(frame, TURN_LEN,
			    rx ? FRAME_TO_GUEST : FRAME_TO_HOST, i);
		r = rx ? wire_send_wait(&g->wire, frame, TURN_LEN, NULL) :
			guest_send(g, frame, TURN_LEN, NULL);
	}
	vq_publish(&g->vq[index]);
	return r;
}

TEST_F(turn, bytes_have_a_budget)
{
	struct guest *g = &self->g;
	long long most;

	ASSERT_EQ(0, queue_large(g, variant->index));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	ASSERT_TRUE(counts_to(g, variant->index, "packets", TURN_FRAMES));
	EXPECT_EQ(TURN_FRAMES * TURN_LEN, count(g, variant->index, "bytes"));
	most = count(g, variant->index, "runs") * (TURN_BYTES + TURN_LEN);
	EXPECT_LE(count(g, variant->index, "bytes"), most);
}

/*
 * Descriptors without bytes cost no segment, and so nothing used to bound
 * them but the size of their table: a buffer kept the worker for as long as
 * it takes to look at 32768 or 65536 of them, and whoever wanted to detach
 * the backend waited for all such buffers.
 */
FIXTURE(empty)
{
	struct guest g;
	struct vq *vq;
	__u16 *id;
};

enum empty_kind { EMPTY_CHAIN, EMPTY_TABLE, TABLE_NEXT };

FIXTURE_VARIANT(empty)
{
	unsigned int index;
	enum empty_kind kind;
	const char *reason;
};

FIXTURE_VARIANT_ADD(empty, tx_chain) { VQ_TX, EMPTY_CHAIN, "bad-long" };
FIXTURE_VARIANT_ADD(empty, tx_table) { VQ_TX, EMPTY_TABLE, "bad-long" };
FIXTURE_VARIANT_ADD(empty, tx_next) { VQ_TX, TABLE_NEXT, "bad-indirect" };
FIXTURE_VARIANT_ADD(empty, rx_chain) { VQ_RX, EMPTY_CHAIN, "bad-long" };
FIXTURE_VARIANT_ADD(empty, rx_table) { VQ_RX, EMPTY_TABLE, "bad-long" };
FIXTURE_VARIANT_ADD(empty, rx_next) { VQ_RX, TABLE_NEXT, "bad-indirect" };

#define RING_MAX	32768
#define TABLE_MAX	65536
#define EMPTIES		(RING_MAX - 256)	/* the rest is for good ones */
#define SOME		64
#define SOON_MS		10000

/* 65536 entries without bytes, one after the other. */
static void fill_table(struct vring_desc *t, __u16 dir, __u64 gpa)
{
	unsigned int i;

	for (i = 0; i < TABLE_MAX; i++) {
		t[i].addr = gpa;
		t[i].flags = dir | (i < TABLE_MAX - 1 ? VRING_DESC_F_NEXT : 0);
		t[i].next = i + 1;
	}
}

/* Each reserved descriptor is the head of a buffer; see the variants. */
static void fill_ring(struct vq *vq, const __u16 *id, __u16 dir,
		      enum empty_kind kind)
{
	bool table = kind != EMPTY_CHAIN;
	struct vring_desc *d;
	unsigned int i;

	for (i = 0; i < EMPTIES; i++) {
		d = &vq->desc[id[i]];
		d->addr = TABLE_GPA;
		d->len = table ? TABLE_MAX * sizeof(*d) : 0;
		d->flags = table ? VRING_DESC_F_INDIRECT : dir;
		d->next = id[(i + 1) % EMPTIES];
		if (kind != EMPTY_TABLE && i < EMPTIES - 1)
			d->flags |= VRING_DESC_F_NEXT;
	}
}

FIXTURE_SETUP(empty)
{
	struct guest_cfg cfg = {
		.features = F_V1 | F_INDIRECT,
		.num = { RING_MAX, RING_MAX },
		.pool = { 64, 64 },
	};
	struct guest *g = &self->g;
	__u16 dir = variant->index == VQ_RX ? VRING_DESC_F_WRITE : 0;
	int r;

	RUN_IF_SELECTED();
	NOT_FOR_PACKED("limits_packed_test");
	NOT_FOR_STOCK("gives up on such chains");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(g, &cfg));
	self->vq = &g->vq[variant->index];
	self->id = calloc(EMPTIES, sizeof(*self->id));
	ASSERT_NE(NULL, self->id);
	ASSERT_EQ(0, vq_reserve(self->vq, EMPTIES, self->id));
	r = arena_add(&g->arena, TABLE_GPA,
		      TABLE_MAX * sizeof(struct vring_desc));
	ASSERT_LT(0, r);
	fill_table((void *)g->arena.region[r].hva, dir, TABLE_GPA);
	fill_ring(self->vq, self->id, dir, variant->kind);
	ASSERT_EQ(0, dev_set_mem(g->fd, &g->arena));
	/* Without a packet nobody looks at receive buffers. */
	frame_build(frame, 60, FRAME_TO_GUEST, 1);
	if (variant->index == VQ_RX)
		ASSERT_EQ(0, wire_send_wait(&g->wire, frame, 60, NULL));
}

FIXTURE_TEARDOWN(empty)
{
	guest_stop(&self->g);
	free(self->id);
}

TEST_F(empty, returned_soon)
{
	struct guest *g = &self->g;
	struct rx_packet p;
	struct vq_used u;
	int i;

	for (i = 0; i < SOME; i++)
		vq_add_raw(self->vq, self->id[i], 0);
	vq_publish(self->vq);
	kick(self->vq);
	ASSERT_TRUE(vq_wait_after(self->vq, SOME - 1, SOON_MS));
	for (i = 0; i < SOME; i++) {
		ASSERT_EQ(1, vq_get_used(self->vq, &u));
		EXPECT_EQ(0, u.len);
	}
	EXPECT_TRUE(eventfd_comes(self->vq->err));
	EXPECT_TRUE(counts_to(g, variant->index, variant->reason, SOME));
	if (variant->index == VQ_RX) {
		/* The packet that met them is not lost. */
		ASSERT_LT(0, guest_post(g, 64));
		ASSERT_EQ(1, guest_recv(g, got, &p, STALL_MS));
		EXPECT_EQ(60, p.len);
		EXPECT_EQ(0, memcmp(frame, got, 60));
	}
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_F(empty, detached_soon)
{
	__s64 start;
	int i;

	for (i = 0; i < EMPTIES; i++)
		vq_add_raw(self->vq, self->id[i], 0);
	vq_publish(self->vq);
	kick(self->vq);
	pause_ms(50);
	start = now_ms();
	EXPECT_EQ(0, guest_attach(&self->g, -1));
	EXPECT_GT(SOON_MS, now_ms() - start);
}

FIXTURE(needs)
{
	struct guest g;
};

FIXTURE_VARIANT(needs)
{
	__u64 features;
};

FIXTURE_VARIANT_ADD(needs, flags) { F_V1 | F_MRG };
FIXTURE_VARIANT_ADD(needs, event) { F_V1 | F_MRG | F_EVENT };

FIXTURE_SETUP(needs)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.num = { 16, 16 },
		.buf = { 1024, 2048 },
	};

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("waits for ever");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(needs)
{
	guest_stop(&self->g);
}

/*
 * A packet that is larger than all buffers the ring can hold used to be
 * waited for: for buffers that can't come, in front of all other packets.
 */
TEST_F(needs, more_than_ring)
{
	static const size_t len[] = { 16 * 1024 - HDR_LEN + 1, 30000, 65535 };
	struct guest *g = &self->g;
	struct vq *vq = &g->vq[VQ_RX];
	struct rx_packet p;
	unsigned int i;
	__u32 seq;

	ASSERT_EQ(16, guest_post(g, 16));
	for (i = 0; i < ARRAY_SIZE(len); i++) {
		frame_build(frame, len[i], FRAME_TO_GUEST, i);
		ASSERT_EQ(0, wire_send_wait(&g->wire, frame, len[i], NULL));
		frame_build(frame, 60, FRAME_TO_GUEST, 10 + i);
		ASSERT_EQ(0, wire_send_wait(&g->wire, frame, 60, NULL));
		ASSERT_TRUE(vq_wait(vq, STALL_MS));
		EXPECT_EQ(i + 1, count(g, VQ_RX, "drop-big"));
		ASSERT_EQ(1, guest_recv(g, got, &p, 0));
		EXPECT_EQ(60, p.len);
		EXPECT_TRUE(frame_intact(got, p.len, &seq));
		EXPECT_EQ(10 + i, seq);
	}
	EXPECT_EQ(0, eventfd_drain(vq->err));
	EXPECT_TRUE(workers_quiet());
	/* The whole ring for one packet is fine. */
	frame_build(frame, len[0] - 1, FRAME_TO_GUEST, 20);
	ASSERT_EQ(0, wire_send_wait(&g->wire, frame, len[0] - 1, NULL));
	ASSERT_EQ(1, guest_recv(g, got, &p, STALL_MS));
	EXPECT_EQ(len[0] - 1, p.len);
	EXPECT_EQ(16, p.nbufs);
	EXPECT_EQ(0, memcmp(frame, got, p.len));
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_HARNESS_MAIN
