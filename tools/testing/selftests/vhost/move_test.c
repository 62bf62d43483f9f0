// SPDX-License-Identifier: GPL-2.0
/*
 * Rings and memory may be anywhere, and somewhere else the next moment: the
 * guest's addresses stay, those of the host change under traffic. Where things
 * were before, nothing or garbage is left for a device that still looks there.
 */
#include "fixture.h"

#include <sys/mman.h>

#include "guest.h"
#include "netif.h"
#include "pump.h"
#include "traffic.h"

#define TURNS		80
#define FLOW		16
#define GARBAGE		0xdb

/* Where something was that has moved. */
struct place {
	char *map;		/* with a guard page before and behind */
	size_t size;
};

static void *page_at(const void *p)
{
	return (void *)((uintptr_t)p & ~(PAGE - 1));
}

static size_t pages_around(const void *p, size_t size)
{
	size_t off = (uintptr_t)p % PAGE;

	return (off + size + PAGE - 1) & ~(PAGE - 1);
}

static void forget(struct place *p)
{
	guarded_unmap(p->map, p->size);
	p->map = NULL;
}

/* In turn: nothing is there, it may not be touched, something else is there. */
static int spoil(struct place *p, int turn)
{
	if (!p->map)
		return 0;
	switch (turn % 3) {
	case 0:
		forget(p);
		return 0;
	case 1:
		return mprotect(p->map, p->size, PROT_NONE) ? -errno : 0;
	}
	if (mmap(p->map, p->size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return -errno;
	memset(p->map, GARBAGE, p->size);
	return 0;
}

/* Spoil @now, until the next time, and let it be @new. */
static int replace(struct place *now, struct place *spoilt, struct place new,
		   int turn)
{
	int err;

	forget(spoilt);
	err = spoil(now, turn);
	*spoilt = *now;
	*now = new;
	return err;
}

/* The same pages once more, at another address; NULL on failure. */
static char *second_view(void *at, size_t size, struct place *p)
{
	p->size = pages_around(at, size);
	p->map = guarded_map(p->size);
	/* A size of 0 leaves the old mapping where it is. */
	if (!p->map ||
	    mremap(page_at(at), 0, p->size, MREMAP_MAYMOVE | MREMAP_FIXED,
		   p->map) == MAP_FAILED)
		return NULL;
	return p->map + (uintptr_t)at % PAGE;
}

FIXTURE(move)
{
	struct guest g;
	struct pump p;
};

FIXTURE_VARIANT(move)
{
	__u64 features;
	struct shape shape;
	size_t buf;
	size_t max_len;
	unsigned int num;
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(move, v1) { F_V1 };

FIXTURE_VARIANT_ADD(move, legacy_event)
{
	.features = F_EVENT,
	.shape = { 1, 2, false },
};

FIXTURE_VARIANT_ADD(move, indirect)
{
	.features = F_V1 | F_INDIRECT | F_EVENT,
	.shape = { 1, 3, true },
};

FIXTURE_VARIANT_ADD(move, merge)
{
	.features = F_V1 | F_MRG | F_EVENT,
	.buf = 500,
	.max_len = 6000,
};

FIXTURE_VARIANT_ADD(move, large_ring)
{
	.features = F_V1,
	.shape = { 1, 1, false },
	.num = 4096,
};

FIXTURE_VARIANT_ADD(move, packet)
{
	.features = F_V1 | F_HOST_HDR,
	.kind = BACKEND_PACKET,
};

FIXTURE_VARIANT_ADD(move, udp) { .features = F_V1, .kind = BACKEND_UDP };

FIXTURE_VARIANT_ADD(move, unix_stream)
{
	.features = F_V1 | F_MRG | F_EVENT,
	.buf = 500,
	.max_len = 6000,
	.kind = BACKEND_UNIX_STREAM,
};

static size_t max_len;

static size_t len_any(__u32 seq)
{
	return FRAME_MIN + seq * 2654435761U % (max_len - FRAME_MIN + 1);
}

FIXTURE_SETUP(move)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.shape = { variant->shape, variant->shape },
		.backend.kind = variant->kind,
		.plain_wire = variant->kind == BACKEND_PACKET,
		.num = { variant->num, variant->num },
		.buf = { variant->buf, 0 },
		.pool = { 64, 64 },
		.start = 65500,
	};

	RUN_IF_SELECTED();
	NEEDS_KIND(variant->kind);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	max_len = variant->max_len ? variant->max_len : 1500;
	ASSERT_EQ(0, pump_start_sized(&self->p, &self->g, len_any));
}

FIXTURE_TEARDOWN(move)
{
	guest_stop(&self->g);
}

/* Did the device ever meet with something that it could not use? */
static int complaints(struct guest *g)
{
	return eventfd_drain(g->vq[VQ_RX].err) +
		eventfd_drain(g->vq[VQ_TX].err);
}

/*
 * The device's own views of rings and memory. The guest has another one,
 * which does not move, and so needs not be stopped.
 */
struct views {
	struct arena table;
	struct vq ring[VQ_MAX];
	struct place memory[2][ARENA_REGIONS];	/* now, and before */
	struct place part[VQ_MAX][2][VQ_PARTS];
};

static int view_memory(struct guest *g, struct views *v, int turn)
{
	struct place new[ARENA_REGIONS] = {};
	struct arena_region *r;
	unsigned int i;
	int err;

	v->table = g->arena;
	for (i = 0; i < v->table.n; i++) {
		r = &v->table.region[i];
		r->hva = second_view(r->hva, r->size, &new[i]);
		if (!r->hva)
			return -ENOMEM;
	}
	err = dev_set_mem(g->fd, &v->table);
	for (i = 0; i < v->table.n && !err; i++)
		err = replace(&v->memory[0][i], &v->memory[1][i], new[i],
			      turn);
	return err;
}

/* Bits of @parts: which parts of the ring. */
static int view_ring(struct guest *g, struct views *v, unsigned int index,
		     unsigned int parts, int turn)
{
	struct place new[VQ_PARTS] = {};
	struct vq *vq = &v->ring[index];
	enum vq_part part;
	size_t size;
	void *at;
	int err;

	for (part = 0; part < VQ_PARTS; part++) {
		if (!(parts >> part & 1))
			continue;
		at = vq_part(&g->vq[index], part, &size);
		at = second_view(at, size, &new[part]);
		if (!at)
			return -ENOMEM;
		vq->bus[part] = (uintptr_t)at;
	}
	err = dev_set_addr(g->fd, vq);
	for (part = 0; part < VQ_PARTS && !err; part++)
		if (new[part].map)
			err = replace(&v->part[index][0][part],
				      &v->part[index][1][part], new[part],
				      turn);
	return err;
}

static void forget_all(struct place *p, unsigned int n)
{
	while (n--)
		forget(p++);
}

static int change_views(struct guest *g, struct views *v, int turn)
{
	int err = 0;

	if (turn % 4 == 0 || turn % 4 == 3)
		err = view_memory(g, v, turn / 4);
	if (!err && turn % 4 == 1)
		err = view_ring(g, v, turn / 4 % 2, 1 << turn / 8 % VQ_PARTS,
				turn / 24);
	if (!err && turn % 4 >= 2)
		err = view_ring(g, v, VQ_RX, -1, turn / 4);
	if (!err && turn % 4 >= 2)
		err = view_ring(g, v, VQ_TX, -1, turn / 4);
	return err;
}

TEST_F(move, another_view)
{
	struct guest *g = &self->g;
	static struct views v;
	int i;

	memcpy(v.ring, g->vq, sizeof(v.ring));
	for (i = 0; i < TURNS; i++) {
		ASSERT_EQ(0, change_views(g, &v, i));
		ASSERT_TRUE(pump_flows(&self->p, FLOW));
	}
	EXPECT_EQ(0, pump_stop_lossless(&self->p));
	EXPECT_EQ(0, complaints(g));
	forget_all(v.memory[0], 2 * ARENA_REGIONS);
	forget_all(v.part[0][0], VQ_MAX * 2 * VQ_PARTS);
}

/*
 * From here on things are copied, and the guest sees only the copies: it has
 * to be stopped meanwhile. What it leaves behind is spoilt until the next turn.
 */
struct old {
	struct place part[VQ_MAX][VQ_PARTS];
	struct place memory[ARENA_REGIONS];
};

static char *copy_of(void *at, size_t size, struct place *old)
{
	size_t pages = pages_around(at, size);
	char *new = guarded_map(pages);

	if (!new)
		return NULL;
	memcpy(new, page_at(at), pages);
	forget(old);
	*old = (struct place) { page_at(at), pages };
	return new + (uintptr_t)at % PAGE;
}

static int copy_ring(struct vq *vq, struct place *old)
{
	char *at[VQ_PARTS];
	enum vq_part part;
	size_t size;

	for (part = 0; part < VQ_PARTS; part++) {
		at[part] = vq_part(vq, part, &size);
		at[part] = copy_of(at[part], size, &old[part]);
		if (!at[part])
			return -ENOMEM;
	}
	vq_place(vq, at[VQ_DESC], at[VQ_AVAIL], at[VQ_USED]);
	return 0;
}

/* Everything that the guest remembers of a region's addresses. */
static void rebase_bufs(struct guest *g, unsigned int region, ptrdiff_t by)
{
	struct pool *pool = &g->pool[region - REGION_RX];
	unsigned int i;
	struct buf *b;

	for (b = pool->buf; b < pool->buf + pool->n; b++) {
		b->base += by;
		for (i = 0; i < b->nseg; i++)
			b->at[i] += by;
	}
}

static void rebase_tables(struct vq *vq, ptrdiff_t by)
{
	struct vq_slot *s;

	for (s = vq->slot; s < vq->slot + vq->num; s++)
		if (s->table)
			s->table = (void *)((char *)s->table + by);
}

static int copy_memory(struct guest *g, struct place *old)
{
	struct arena_region *r;
	unsigned int i, j;
	char *new;

	for (i = 0; i < g->arena.n; i++) {
		r = &g->arena.region[i];
		if (r->lent)
			continue;
		new = copy_of(r->hva, r->size, &old[i]);
		if (!new)
			return -ENOMEM;
		if (i != REGION_RING)
			rebase_bufs(g, i, new - r->hva);
		for (j = 0; j < VQ_MAX && i == REGION_RING; j++)
			rebase_tables(&g->vq[j], new - r->hva);
		r->hva = new;
	}
	return 0;
}

static int copy_all(struct guest *g, struct old *o, int turn)
{
	unsigned int i;
	int err = 0;

	if (turn % 3 != 1)
		err = copy_memory(g, o->memory);
	for (i = 0; i < VQ_MAX && turn % 3 && !err; i++)
		err = copy_ring(&g->vq[i], o->part[i]);
	guest_lend_again(g);
	return err;
}

static int spoil_all(struct old *o, int turn)
{
	unsigned int i, j;
	int err = 0;

	for (i = 0; i < ARENA_REGIONS && !err; i++)
		err = spoil(&o->memory[i], turn);
	for (i = 0; i < VQ_MAX; i++)
		for (j = 0; j < VQ_PARTS && !err; j++)
			err = spoil(&o->part[i][j], turn);
	return err;
}

/* Copy, tell the device, and spoil what was there before. */
static int move_all(struct guest *g, struct old *o, int turn)
{
	unsigned int i;
	int err;

	err = copy_all(g, o, turn);
	if (!err)
		err = dev_set_mem(g->fd, &g->arena);
	for (i = 0; i < VQ_MAX && !err; i++)
		err = dev_set_addr(g->fd, &g->vq[i]);
	return err ? err : spoil_all(o, turn / 3);
}

/* Stopped, with buffers and packets under way. */
TEST_F(move, copied_while_detached)
{
	struct guest *g = &self->g;
	static struct old o;
	int i;

	for (i = 0; i < TURNS; i++) {
		pump_pause(&self->p);
		ASSERT_EQ(0, guest_attach(g, -1));
		ASSERT_EQ(0, move_all(g, &o, i));
		ASSERT_EQ(0, guest_attach(g, g->backend.fd));
		pump_resume(&self->p);
		ASSERT_TRUE(pump_flows(&self->p, FLOW));
	}
	EXPECT_EQ(0, pump_stop_lossless(&self->p));
	EXPECT_EQ(0, complaints(g));
	forget_all(o.part[0], VQ_MAX * VQ_PARTS);
	forget_all(o.memory, ARENA_REGIONS);
}

static unsigned int unseen(const struct vq *vq)
{
	unsigned int n = 0;

	while (vq->ops->more_used(vq, n))
		n++;
	return n;
}

/* What is under way has come through, or there is no buffer for it. */
static bool comes_to_rest(struct guest *g, struct pump *p)
{
	struct vq *rx = &g->vq[VQ_RX], *tx = &g->vq[VQ_TX];
	__s64 end = now_ms() + STALL_MS;

	while (unseen(tx) < vq_in_flight(tx) ||
	       unseen(rx) < min_size(vq_in_flight(rx), p->fed - p->received)) {
		if (now_ms() > end)
			return false;
		sched_yield();
	}
	return true;
}

/*
 * Running, but with nothing to do: all packets are through. What the device
 * still says of kicks it may say to the old place, so it has to look again.
 */
TEST_F(move, copied_while_idle)
{
	struct guest *g = &self->g;
	static struct old o;
	int i;

	NOT_FOR_STOCK("does not look again at a ring that has moved");
	if (variant->features & F_MRG) {
		pump_halt(&self->p);
		SKIP(return, "packets can't be told by their buffers");
	}
	for (i = 0; i < TURNS; i++) {
		pump_pause(&self->p);
		ASSERT_TRUE(comes_to_rest(g, &self->p));
		ASSERT_EQ(0, move_all(g, &o, i));
		pump_resume(&self->p);
		ASSERT_TRUE(pump_flows(&self->p, FLOW));
	}
	EXPECT_EQ(0, pump_stop_lossless(&self->p));
	EXPECT_EQ(0, complaints(g));
	forget_all(o.part[0], VQ_MAX * VQ_PARTS);
	forget_all(o.memory, ARENA_REGIONS);
}

TEST_HARNESS_MAIN
