// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest's IOMMU is for: when the monitor has told the device that
 * something is not mapped any more, the device doesn't touch it any more.
 * Pages are poisoned as soon as they are unmapped: none of the poison may be
 * overwritten, or be seen on the wire.
 */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "pump.h"
#include "traffic.h"

#define IOVA		0x1122334400000ULL
#define PAGES		48
#define FRAME		700
#define POISON_SEQ	0xdead0001U
#define POISON		0xdb

/* A buffer with a page and a map of its own. */
struct own {
	char *at;		/* for the guest */
	char *view;		/* for the device */
	__u64 iova;
	bool posted;
	bool dead;		/* unmapped while the device has it */
};

FIXTURE(own)
{
	struct guest g;
	struct own page[PAGES];
	char *sink;
	unsigned int index;
	__u64 next_iova;
	__u64 free_iova[PAGES];
	unsigned int nfree;
	__u64 seed;
	unsigned int out;	/* buffers that the device has */
	unsigned int dead;
	unsigned int spoilt;
	__u32 seq;		/* of the next frame */
	pthread_mutex_t lock;
	bool stop;
	char frame[FRAME_MAX];
	char in[FRAME_MAX];
};

FIXTURE_VARIANT(own)
{
	unsigned int index;
	bool reuse;		/* addresses, at once */
	bool protect;		/* no access for the device, not even wrong */
	unsigned int batch;
};

FIXTURE_VARIANT_ADD(own, rx)
{
	.index = VQ_RX,
};

FIXTURE_VARIANT_ADD(own, rx_reuse)
{
	.index = VQ_RX,
	.reuse = true,
	.batch = 16,
};

FIXTURE_VARIANT_ADD(own, rx_protect)
{
	.index = VQ_RX,
	.reuse = true,
	.protect = true,
};

FIXTURE_VARIANT_ADD(own, tx)
{
	.index = VQ_TX,
};

FIXTURE_VARIANT_ADD(own, tx_reuse)
{
	.index = VQ_TX,
	.reuse = true,
	.batch = 16,
};

FIXTURE_VARIANT_ADD(own, tx_protect)
{
	.index = VQ_TX,
	.reuse = true,
	.protect = true,
};

/* A frame that nobody has sent, behind a header that nobody minds. */
static void poison(struct own *o)
{
	memset(o->at, POISON, PAGE);
	memset(o->at, 0, 12);
	frame_build(o->at + 12, ETH_HLEN, FRAME_TO_HOST, POISON_SEQ);
}

static bool poisoned(const struct own *o)
{
	struct own good = { .at = (char [PAGE]) {} };

	poison(&good);
	return !memcmp(o->at, good.at, PAGE);
}

#define own_data FIXTURE_DATA(own)

/* The most recently freed address is used next, or one never used before. */
static int hand_out(own_data *self, struct own *o, bool reuse, bool protect)
{
	struct vq *vq = &self->g.vq[self->index];
	bool write = self->index == VQ_RX;
	struct vq_seg seg = {
		.len = write ? PAGE : self->g.hdr_len + FRAME,
		.flags = write ? VRING_DESC_F_WRITE : 0,
	};
	int r;

	if (reuse && self->nfree) {
		o->iova = self->free_iova[--self->nfree];
	} else {
		o->iova = self->next_iova;
		self->next_iova += PAGE;
	}
	if (protect)
		mprotect(o->view, PAGE, PROT_READ | PROT_WRITE);
	r = iommu_map(&self->g.io, o->iova, o->view, PAGE,
		      write ? VHOST_ACCESS_WO : VHOST_ACCESS_RO);
	seg.gpa = o->iova;
	if (!r)
		r = vq_add(vq, &seg, 1, o);
	o->posted = true;
	self->out++;
	return r;
}

/* Unmap it: from here on, it is ours alone. */
static int take_back(own_data *self, struct own *o, bool protect)
{
	int r = iommu_unmap(&self->g.io, o->iova, PAGE);

	if (protect)
		mprotect(o->view, PAGE, PROT_NONE);
	if (self->nfree < PAGES)
		self->free_iova[self->nfree++] = o->iova;
	return r;
}

/* A random one that the device does not have. */
static struct own *idle_page(own_data *self)
{
	unsigned int i = rnd(&self->seed) % PAGES, n;

	for (n = 0; n < PAGES; n++, i++)
		if (!self->page[i % PAGES].posted)
			return &self->page[i % PAGES];
	return NULL;
}

static int post_some(own_data *self, unsigned int n, bool reuse, bool protect)
{
	struct own *o;
	int r = 0;

	while (n-- && !r && (o = idle_page(self))) {
		if (!poisoned(o))
			self->spoilt++;
		if (self->index == VQ_TX) {
			memset(o->at, 0, self->g.hdr_len);
			frame_build(o->at + self->g.hdr_len, FRAME,
				    FRAME_TO_HOST, self->seq++);
		}
		r = hand_out(self, o, reuse, protect);
	}
	vq_kick(&self->g.vq[self->index]);
	return r;
}

static int inject(own_data *self, unsigned int n)
{
	int r = 0;

	while (n-- && !r) {
		frame_build(self->frame, FRAME, FRAME_TO_GUEST, self->seq++);
		r = wire_send_wait(&self->g.wire, self->frame, FRAME, NULL);
	}
	return r;
}

/* The next buffer that the device is done with. */
static struct own *used_page(own_data *self, __u32 *len)
{
	struct vq *vq = &self->g.vq[self->index];
	struct vq_used u;

	if (!vq_wait(vq, STALL_MS) || vq_get_used(vq, &u) != 1)
		return NULL;
	*len = u.len;
	return u.cookie;
}

FIXTURE_SETUP(own)
{
	const struct iommu_cfg iommu = {
		.batch = stock_driver() ? 1 : variant->batch,
	};
	struct guest_cfg cfg = {
		.features = F_V1,
		.pool = { 1, 1 },
		.iommu = &iommu,
	};
	struct guest *g = &self->g;
	__u32 len;
	int i;

	RUN_IF_SELECTED();
	NEEDS(F_PLATFORM);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(g, &cfg));
	g->cfg.iommu = &g->io.cfg;
	ASSERT_EQ(0, traffic_alive(g));
	pthread_mutex_init(&self->lock, NULL);
	self->index = variant->index;
	self->next_iova = IOVA;
	self->seed = 5;
	self->sink = guarded_map(PAGE);
	ASSERT_NE(NULL, self->sink);
	for (i = 0; i < PAGES; i++) {
		self->page[i].at = guarded_map(PAGE);
		self->page[i].view = iommu_alias(&g->io, self->page[i].at,
						 PAGE);
		ASSERT_NE(NULL, self->page[i].view);
		poison(&self->page[i]);
	}
	if (self->index == VQ_TX)
		return;
	/* The buffer that the guest has posted itself goes first. */
	ASSERT_EQ(0, inject(self, 1));
	ASSERT_EQ(&g->pool[VQ_RX].buf[0], (void *)used_page(self, &len));
}

FIXTURE_TEARDOWN(own)
{
	int i;

	guest_stop(&self->g);
	for (i = 0; i < PAGES; i++)
		guarded_unmap(self->page[i].at, PAGE);
	guarded_unmap(self->sink, PAGE);
}

#define ROUNDS	150

/* Map, post, wait, unmap: the way of a guest whose IOMMU is strict. */
TEST_F(own, map_for_each_packet)
{
	__u32 want = self->seq, got, len;
	struct guest *g = &self->g;
	unsigned int n, i, round;
	struct own *o;

	for (round = 0; round < ROUNDS; round++) {
		n = 1 + rnd(&self->seed) % 24;
		ASSERT_EQ(0, post_some(self, n, variant->reuse,
				       variant->protect));
		if (self->index == VQ_RX)
			ASSERT_EQ(0, inject(self, n));
		for (i = 0; i < n; i++) {
			o = used_page(self, &len);
			ASSERT_NE(NULL, o);
			ASSERT_EQ(0, take_back(self, o, variant->protect));
			if (self->index == VQ_RX) {
				ASSERT_EQ(FRAME + g->hdr_len, len);
				ASSERT_TRUE(frame_intact(o->at + g->hdr_len,
							 FRAME, &got));
				ASSERT_EQ(want++, got);
			}
			poison(o);
			o->posted = false;
		}
		for (i = 0; i < n && self->index == VQ_TX; i++) {
			ASSERT_EQ(FRAME, wire_recv(&g->wire, self->in,
						   FRAME_MAX, NULL, STALL_MS));
			ASSERT_TRUE(frame_intact(self->in, FRAME, &got));
			ASSERT_EQ(want++, got);
		}
	}
	EXPECT_EQ(0, self->spoilt);
	EXPECT_EQ(0, count(g, self->index, "bad-data"));
	EXPECT_EQ(0, eventfd_drain(g->vq[self->index].err));
	EXPECT_EQ(0, g->io.error);
}

/* Takes pages away while the device has them. */
static void *unmap_storm(void *arg)
{
	own_data *self = arg;
	struct own *o;
	__u64 seed = 99;

	while (!__atomic_load_n(&self->stop, __ATOMIC_RELAXED)) {
		pthread_mutex_lock(&self->lock);
		o = &self->page[rnd(&seed) % PAGES];
		if (o->posted && !o->dead) {
			o->dead = true;
			self->dead++;
			if (take_back(self, o, false))
				self->spoilt += 1000;
			poison(o);
		}
		pthread_mutex_unlock(&self->lock);
		usleep(rnd(&seed) % 300);
	}
	return NULL;
}

static bool has_poison(const char *p, size_t len)
{
	size_t i, n = 0;

	for (i = 0; i < len; i++) {
		n = (__u8)p[i] == POISON ? n + 1 : 0;
		if (n == 8)
			return true;
	}
	return false;
}

/* What came back: if it was unmapped in between, its poison is still there. */
static void look_at(own_data *self, struct own *o, __u32 len)
{
	unsigned int hdr = self->g.hdr_len;
	__u32 seq;

	pthread_mutex_lock(&self->lock);
	if (o->dead && !poisoned(o))
		self->spoilt++;
	if (!o->dead && self->index == VQ_RX && len &&
	    !frame_intact(o->at + hdr, len - hdr, &seq))
		self->spoilt++;
	/* The address may lead to the sink by now. */
	if (take_back(self, o, false))
		self->spoilt += 1000;
	poison(o);
	o->posted = false;
	o->dead = false;
	self->out--;
	pthread_mutex_unlock(&self->lock);
}

static void look_at_wire(own_data *self)
{
	int len;

	while ((len = wire_recv(&self->g.wire, self->in, FRAME_MAX, NULL,
				0)) > 0)
		if (has_poison(self->in, len))
			self->spoilt++;
}

/*
 * The guest takes away what the device is about to use: lost packets are its
 * own fault, but the device keeps off.
 */
TEST_F(own, storm)
{
	struct guest *g = &self->g;
	unsigned int round, n;
	pthread_t thread;
	struct own *o;
	__u32 len;

	if (variant->protect)
		SKIP(return, "the poison is what counts here");
	/* Whatever is not mapped any more leads there. */
	g->io.sink = self->sink;
	ASSERT_EQ(0, pthread_create(&thread, NULL, unmap_storm, self));
	for (round = 0; round < 4 * ROUNDS; round++) {
		n = 1 + rnd(&self->seed) % 24;
		pthread_mutex_lock(&self->lock);
		ASSERT_EQ(0, post_some(self, n, false, false));
		pthread_mutex_unlock(&self->lock);
		if (self->index == VQ_RX)
			ASSERT_EQ(0, inject(self, n));
		while (self->out > PAGES / 2) {
			o = used_page(self, &len);
			ASSERT_NE(NULL, o);
			look_at(self, o, len);
		}
		look_at_wire(self);
	}
	__atomic_store_n(&self->stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	look_at_wire(self);
	EXPECT_EQ(0, self->spoilt);
	EXPECT_LT(20, self->dead);
	EXPECT_EQ(0, count(g, self->index, "bad-data"));
	EXPECT_FALSE(g->vq[self->index].fault);
}

TEST_HARNESS_MAIN
