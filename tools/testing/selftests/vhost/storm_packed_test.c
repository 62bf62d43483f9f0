// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that writes to a packed ring, and to the buffers and tables in it,
 * while the device is at them: with sense, with some, and with none.
 */
#include "fixture.h"

#include <pthread.h>

#include "counters.h"
#include "fence.h"
#include "guest.h"
#include "netif.h"
#include "traffic.h"

#define AVAIL	((__u16)BIT(VRING_PACKED_DESC_F_AVAIL))
#define USED	((__u16)BIT(VRING_PACKED_DESC_F_USED))

#define NUM		256
#define STORM_MS	400
#define STORM_GPA	0x5000000000ULL
/* Of a page, the device is granted what lies between such margins. */
#define MARGIN		512
#define GRANTED		(PAGE - 2 * MARGIN)
#define GOOD_LEN	72	/* header and frame */

enum storm_kind {
	LAPS,		/* all entries available, in one lap and the next */
	FLAGS,		/* any flags at any entry */
	ENTRIES,	/* any entry at all, and any table */
};

static char frame[FRAME_MAX];

struct storm {
	struct vq *vq;
	char *page;		/* see grant_middle() */
	__u64 seed;
	enum storm_kind kind;
	bool stop;
};

FIXTURE(storm)
{
	struct guest g;
	struct fence f;
	struct storm s;
	pthread_t thread;
};

FIXTURE_VARIANT(storm)
{
	unsigned int index;
	enum storm_kind kind;
	__u64 features;
};

FIXTURE_VARIANT_ADD(storm, tx_laps) { VQ_TX, LAPS, 0 };
FIXTURE_VARIANT_ADD(storm, tx_flags) { VQ_TX, FLAGS, 0 };
FIXTURE_VARIANT_ADD(storm, tx_entries) { VQ_TX, ENTRIES, 0 };
FIXTURE_VARIANT_ADD(storm, tx_entries_event) { VQ_TX, ENTRIES, F_EVENT };
FIXTURE_VARIANT_ADD(storm, tx_entries_order) { VQ_TX, ENTRIES, F_IN_ORDER };
FIXTURE_VARIANT_ADD(storm, rx_laps) { VQ_RX, LAPS, 0 };
FIXTURE_VARIANT_ADD(storm, rx_flags) { VQ_RX, FLAGS, F_MRG };
FIXTURE_VARIANT_ADD(storm, rx_entries) { VQ_RX, ENTRIES, 0 };
FIXTURE_VARIANT_ADD(storm, rx_entries_event) { VQ_RX, ENTRIES, F_EVENT };
FIXTURE_VARIANT_ADD(storm, rx_entries_merge) { VQ_RX, ENTRIES, F_MRG };
FIXTURE_VARIANT_ADD(storm, rx_entries_order)
{ VQ_RX, ENTRIES, F_MRG | F_IN_ORDER };

/* A region of which the device gets the middle. */
static int grant_middle(struct guest *g, char **page)
{
	struct arena less;
	int r;

	r = arena_add(&g->arena, STORM_GPA, PAGE);
	if (r < 0)
		return r;
	*page = g->arena.region[r].hva;
	memset(*page, FENCE_CANARY, PAGE);
	less = g->arena;
	less.region[r].hva += MARGIN;
	less.region[r].size = GRANTED;
	return dev_set_mem(g->fd, &less);
}

FIXTURE_SETUP(storm)
{
	struct guest_cfg cfg = {
		.features = F_V1 | F_INDIRECT | F_PACKED | variant->features,
		.num = { NUM, NUM },
		.stopped = true,
	};

	RUN_IF_SELECTED();
	NEEDS(F_PACKED | variant->features);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	self->s.vq = &self->g.vq[variant->index];
	ASSERT_EQ(0, fence_init(&self->f, &self->g, variant->index));
	ASSERT_EQ(0, grant_middle(&self->g, &self->s.page));
	self->s.kind = variant->kind;
	self->s.seed = 88172645463325252ULL + variant->kind;
	ASSERT_EQ(0, guest_attach(&self->g, self->g.backend.fd));
}

FIXTURE_TEARDOWN(storm)
{
	fence_end(&self->f);
}

static void good_entry(struct storm *s, unsigned int i)
{
	struct vring_packed_desc *d = &s->vq->packed.desc[i];

	d->addr = STORM_GPA;
	d->len = GOOD_LEN;
	d->id = i;
}

static void all_available(struct storm *s, bool wrap)
{
	__u16 dir = s->vq->index == VQ_RX ? VRING_DESC_F_WRITE : 0;
	unsigned int i;

	for (i = 0; i < NUM; i++) {
		good_entry(s, i);
		__atomic_store_n(&s->vq->packed.desc[i].flags,
				 dir | (wrap ? AVAIL : USED), __ATOMIC_RELEASE);
	}
}

static __u16 some_flags(struct storm *s)
{
	__u16 flags = rnd(&s->seed) & (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE |
				       VRING_DESC_F_INDIRECT | AVAIL | USED);

	/* Rather what works, or nobody gets far. */
	if (rnd(&s->seed) % 8)
		flags = (flags & ~USED) ^ (flags & AVAIL ? 0 : USED);
	if (rnd(&s->seed) % 4)
		flags &= ~(VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT);
	if (rnd(&s->seed) % 4)
		flags = (flags & ~VRING_DESC_F_WRITE) |
			(s->vq->index == VQ_RX ? VRING_DESC_F_WRITE : 0);
	return rnd(&s->seed) % 64 ? flags : rnd(&s->seed);
}

/*
 * No buffer is too small for a packet: those are for one that is smaller, and
 * stop the ring until it comes.
 */
static void any_entry(struct storm *s, struct vring_packed_desc *d)
{
	static const __u64 addr[] = {
		STORM_GPA, STORM_GPA, STORM_GPA, STORM_GPA + 1024,
		STORM_GPA - 1, STORM_GPA + GRANTED - 50, STORM_GPA - MARGIN,
		STORM_GPA + GRANTED, 0, -8ULL,
	};
	static const __u32 len[] = {
		GOOD_LEN, GOOD_LEN, GOOD_LEN, 1024, 2000, GRANTED, GRANTED + 1,
		0, 65536, ~0u,
	};
	static const __u32 table[] = { 16, 64, 128, 1024, 0, 17, 65536, ~15u };
	__u16 flags = some_flags(s);

	d->addr = addr[rnd(&s->seed) % ARRAY_SIZE(addr)];
	if (flags & VRING_DESC_F_INDIRECT)
		d->len = table[rnd(&s->seed) % ARRAY_SIZE(table)];
	else
		d->len = len[rnd(&s->seed) % ARRAY_SIZE(len)];
	d->id = rnd(&s->seed);
	__atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
}

static void *blow(void *arg)
{
	struct storm *s = arg;
	struct vring_packed_desc *d = s->vq->packed.desc, *table;
	unsigned int i = 0;

	table = (void *)(s->page + MARGIN + 1024);
	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
		i = rnd(&s->seed) % NUM;
		switch (s->kind) {
		case LAPS:
			all_available(s, rnd(&s->seed) & 1);
			break;
		case FLAGS:
			good_entry(s, i);
			__atomic_store_n(&d[i].flags, some_flags(s),
					 __ATOMIC_RELEASE);
			break;
		case ENTRIES:
			any_entry(s, &d[i]);
			any_entry(s, &table[i % 64]);
			break;
		}
	}
	return NULL;
}

/* Have the device work for as long as the storm lasts. */
static void be_busy(struct guest *g, struct vq *vq)
{
	__s64 end = now_ms() + STORM_MS;
	__u64 one = 1;
	char got[2048];

	frame_build(frame, 60, FRAME_TO_GUEST, 1);
	while (now_ms() < end || !count(g, vq->index, "packets")) {
		if (now_ms() > end + STALL_MS)
			break;
		if (vq->index == VQ_RX)
			wire_send(&g->wire, frame, 60, NULL);
		else
			wire_recv(&g->wire, got, sizeof(got), NULL, 0);
		if (write(vq->kick, &one, sizeof(one)) < 0)
			perror("kick");
		/* Let the device have a processor. */
		usleep(20);
	}
}

/* Receive what the device did not come to while the storm blew. */
static int catch_up(struct guest *g)
{
	static char got[FRAME_MAX];
	struct rx_packet p;
	int r = guest_post(g, NUM);

	while (r > 0)
		r = guest_recv(g, got, &p, 100);
	return r;
}

TEST_F(storm, survived)
{
	struct guest *g = &self->g;
	struct vq *vq = self->s.vq;
	unsigned int i;

	frame_build(self->s.page + MARGIN + g->hdr_len, 60, FRAME_TO_HOST, 1);
	memset(self->s.page + MARGIN, 0, g->hdr_len);
	for (i = 0; i < NUM; i++)
		good_entry(&self->s, i);
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, blow, &self->s));
	be_busy(g, vq);
	__atomic_store_n(&self->s.stop, true, __ATOMIC_RELEASE);
	pthread_join(self->thread, NULL);
	/* It got somewhere. */
	EXPECT_LT(0, count(g, vq->index, "packets"));
	ASSERT_EQ(0, fence_begin_anew(&self->f));
	EXPECT_EQ(0, fence_damaged(&self->f));
	EXPECT_EQ(0, bytes_damaged(self->s.page, self->s.page + MARGIN));
	EXPECT_EQ(0, bytes_damaged(self->s.page + PAGE - MARGIN,
				   self->s.page + PAGE));
	ASSERT_LE(0, catch_up(g));
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_HARNESS_MAIN
