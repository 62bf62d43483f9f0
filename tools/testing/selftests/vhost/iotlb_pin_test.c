// SPDX-License-Identifier: GPL-2.0
/*
 * Unmapping what the device is just about to use. The device is stopped in
 * the middle of a copy: whoever unmaps that very memory has to wait, whoever
 * unmaps something else has not. And rings whose pages are exchanged for
 * others, under traffic.
 */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "guest.h"
#include "netif.h"
#include "pump.h"
#include "stall.h"
#include "traffic.h"

#define IOVA		0x1122334400000ULL
#define FAR		0x5566778800000ULL
#define FRAME		700
#define SEQ		9

/* What the device is stopped at. */
enum target { DATA, TABLE, DESC, AVAIL, USED };

FIXTURE(pin)
{
	struct guest g;
	struct stall s;
	struct vq *vq;
	__u64 iova;		/* of the target */
	unsigned int size;
	char *view;		/* where the device finds it */
	char *page;		/* for packet and table */
	struct vq_seg seg;
	__u16 id[2];		/* descriptors for tables */
	unsigned int turn;
	char frame[FRAME_MAX];
};

FIXTURE_VARIANT(pin)
{
	unsigned int index;
	enum target target;
};

FIXTURE_VARIANT_ADD(pin, rx_data)
{
	.index = VQ_RX, .target = DATA,
};

FIXTURE_VARIANT_ADD(pin, rx_avail)
{
	.index = VQ_RX, .target = AVAIL,
};

FIXTURE_VARIANT_ADD(pin, rx_used)
{
	.index = VQ_RX, .target = USED,
};

FIXTURE_VARIANT_ADD(pin, tx_data)
{
	.index = VQ_TX, .target = DATA,
};

FIXTURE_VARIANT_ADD(pin, tx_table)
{
	.index = VQ_TX, .target = TABLE,
};

FIXTURE_VARIANT_ADD(pin, tx_desc)
{
	.index = VQ_TX, .target = DESC,
};

FIXTURE_VARIANT_ADD(pin, tx_avail)
{
	.index = VQ_TX, .target = AVAIL,
};

FIXTURE_VARIANT_ADD(pin, tx_used)
{
	.index = VQ_TX, .target = USED,
};

#define pin_data FIXTURE_DATA(pin)

/* Give the device a view of its own of a part of the ring. */
static int view_part(pin_data *self, enum vq_part part, __u8 perm)
{
	size_t size;
	void *at = vq_part(self->vq, part, &size);

	self->iova = self->vq->bus[part];
	self->size = size;
	self->view = iommu_alias(&self->g.io, at, size);
	if (!self->view)
		return -ENOMEM;
	iommu_unmap(&self->g.io, self->iova, size);
	return iommu_map(&self->g.io, self->iova, self->view, size, perm);
}

/* A page with a packet and, in its second half, a table with the packet. */
static int view_page(pin_data *self, enum target target)
{
	struct vring_desc *table = (void *)(self->page + PAGE / 2);
	struct iommu *io = &self->g.io;
	__u64 data = IOVA;
	int r = 0;

	self->view = iommu_alias(io, self->page, PAGE);
	if (!self->view)
		return -ENOMEM;
	self->iova = IOVA;
	self->size = PAGE;
	if (target == TABLE) {
		/* The packet's map is another one, and never goes away. */
		data = IOVA + BIT(30);
		r = iommu_map(io, data, self->page, PAGE, VHOST_ACCESS_RW);
	}
	self->seg.gpa = data;
	self->seg.len = self->g.hdr_len + FRAME;
	if (self->vq->index == VQ_RX)
		self->seg.flags = VRING_DESC_F_WRITE;
	*table = (struct vring_desc) { data, self->seg.len, 0, 0 };
	frame_build(self->page + self->g.hdr_len, FRAME, FRAME_TO_HOST, SEQ);
	if (!r)
		r = iommu_map(io, IOVA, self->view, PAGE, VHOST_ACCESS_RW);
	return r;
}

static int add_view(pin_data *self, enum target target)
{
	switch (target) {
	case DESC:
		return view_part(self, VQ_DESC, VHOST_ACCESS_RO);
	case AVAIL:
		return view_part(self, VQ_AVAIL, VHOST_ACCESS_RO);
	case USED:
		return view_part(self, VQ_USED, VHOST_ACCESS_RW);
	default:
		return view_page(self, target);
	}
}

static int inject(pin_data *self)
{
	frame_build(self->frame, FRAME, FRAME_TO_GUEST, SEQ);
	return wire_send_wait(&self->g.wire, self->frame, FRAME, NULL);
}

/* Let the device do something that ends at the target. */
static int trigger(pin_data *self, enum target target)
{
	struct vq *vq = self->vq;
	__u16 id;
	int r;

	if (target == TABLE) {
		/* The one before may still be under way. */
		id = self->id[self->turn++ % 2];
		vq->desc[id] = (struct vring_desc) {
			self->iova + PAGE / 2, sizeof(struct vring_desc),
			VRING_DESC_F_INDIRECT, 0
		};
		vq_add_raw(vq, id, 0);
		r = 0;
	} else {
		r = vq_add(vq, &self->seg, 1, self);
	}
	vq_kick_always(vq);
	if (!r && vq->index == VQ_RX)
		r = inject(self);
	return r;
}

/* The packet has passed, whole. */
static bool passed(pin_data *self)
{
	struct guest *g = &self->g;
	struct vq_used u;
	__u32 seq;
	int len;

	if (!vq_wait(self->vq, STALL_MS) || vq_get_used(self->vq, &u) != 1)
		return false;
	if (self->vq->index == VQ_RX)
		return u.len == self->seg.len &&
			frame_intact(self->page + g->hdr_len, FRAME, &seq);
	len = wire_recv(&g->wire, self->frame, FRAME_MAX, NULL, STALL_MS);
	return len == FRAME && frame_intact(self->frame, FRAME, &seq);
}

FIXTURE_SETUP(pin)
{
	const struct iommu_cfg iommu = {};
	struct guest_cfg cfg = {
		.features = F_V1 | F_INDIRECT,
		.pool = { 1, 1 },
		.iommu = &iommu,
		.stopped = true,
	};
	struct guest *g = &self->g;
	int r;

	RUN_IF_SELECTED();
	NEEDS(F_PLATFORM);
	self->s.fd = -1;
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(g, &cfg));
	g->cfg.iommu = &g->io.cfg;
	self->vq = &g->vq[variant->index];
	self->page = guarded_map(PAGE);
	/* For ring parts, the packet is in a page that stays. */
	ASSERT_EQ(0, view_page(self, DATA));
	if (variant->target == TABLE) {
		ASSERT_EQ(0, iommu_unmap(&g->io, IOVA, PAGE));
		ASSERT_EQ(0, view_page(self, TABLE));
		ASSERT_EQ(0, vq_reserve(self->vq, 2, self->id));
	} else if (variant->target != DATA) {
		ASSERT_EQ(0, add_view(self, variant->target));
	}
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	/* Twice, so that all is known and the receive ring is empty. */
	for (r = 0; r < 2; r++) {
		ASSERT_EQ(0, trigger(self, variant->target));
		ASSERT_TRUE(passed(self));
	}
	r = stall_init_shared(&self->s, (char *)((uintptr_t)self->view &
						 ~(PAGE - 1)), PAGE);
	if (r)
		SKIP_ALL("no userfaultfd for shared pages");
}

FIXTURE_TEARDOWN(pin)
{
	stall_end(&self->s);
	guest_stop(&self->g);
	guarded_unmap(self->page, PAGE);
}

/* A message on its way, which may take its time. */
struct message {
	pthread_t thread;
	int fd;
	union iommu_msg m;
	int result;
	bool done;
};

static void *deliver(void *arg)
{
	struct message *m = arg;

	m->result = iommu_write(m->fd, &m->m, 1);
	__atomic_store_n(&m->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static int send_message(struct message *m, int fd, __u8 type, __u64 iova,
			__u64 size, void *at)
{
	m->fd = fd;
	m->done = false;
	iommu_msg(&m->m, false, type, iova, size, at, VHOST_ACCESS_RW);
	return pthread_create(&m->thread, NULL, deliver, m);
}

/* What came of it, or -ETIME. */
static int delivered(struct message *m, int ms)
{
	__s64 end = now_ms() + ms;

	while (!__atomic_load_n(&m->done, __ATOMIC_ACQUIRE)) {
		if (now_ms() > end)
			return -ETIME;
		pause_ms(1);
	}
	pthread_join(m->thread, NULL);
	return m->result;
}

static void be_silent(struct iommu *io, bool silent)
{
	pthread_mutex_lock(&io->lock);
	io->silent = silent;
	pthread_mutex_unlock(&io->lock);
}

TEST_F(pin, unmap_waits_for_use)
{
	static char page[PAGE];
	struct guest *g = &self->g;
	struct message m;
	char *at;

	ASSERT_EQ(0, trigger(self, variant->target));
	at = stall_wait(&self->s, STALL_MS);
	ASSERT_NE(NULL, at);
	if (!stock_driver()) {
		send_message(&m, g->fd, VHOST_IOTLB_UPDATE, FAR, PAGE, page);
		ASSERT_EQ(IOMMU_MSG, delivered(&m, STALL_MS));
		send_message(&m, g->fd, VHOST_IOTLB_INVALIDATE, FAR, PAGE,
			     NULL);
		ASSERT_EQ(IOMMU_MSG, delivered(&m, STALL_MS));
	}
	be_silent(&g->io, true);
	send_message(&m, g->fd, VHOST_IOTLB_INVALIDATE, self->iova, self->size,
		     NULL);
	EXPECT_EQ(-ETIME, delivered(&m, 300));
	ASSERT_EQ(0, stall_continue(&self->s, at));
	/* It may be stopped at more than one place of the page. */
	EXPECT_EQ(IOMMU_MSG, delivered(&m, STALL_MS));
	stall_again(&self->s);

	/* From now on the device keeps away from it. */
	ASSERT_EQ(0, trigger(self, variant->target));
	EXPECT_EQ(NULL, stall_wait(&self->s, 300));
	be_silent(&g->io, false);
	ASSERT_EQ(0, iommu_push(&g->io, self->iova, self->size));
	at = stall_wait(&self->s, STALL_MS);
	ASSERT_NE(NULL, at);
	ASSERT_EQ(0, stall_continue(&self->s, at));
	EXPECT_TRUE(passed(self));
	EXPECT_TRUE(passed(self));
	EXPECT_EQ(0, eventfd_drain(self->vq->err));
}

/* A map that takes the place of one in use: the use ends first, too. */
TEST_F(pin, update_waits_for_use)
{
	struct guest *g = &self->g;
	struct message m;
	char *at, *other;

	NOT_FOR_STOCK("keeps both");
	other = iommu_alias(&g->io, self->view, self->size);
	ASSERT_NE(NULL, other);
	ASSERT_EQ(0, trigger(self, variant->target));
	at = stall_wait(&self->s, STALL_MS);
	ASSERT_NE(NULL, at);
	send_message(&m, g->fd, VHOST_IOTLB_UPDATE, self->iova, self->size,
		     other);
	EXPECT_EQ(-ETIME, delivered(&m, 300));
	ASSERT_EQ(0, stall_continue(&self->s, at));
	EXPECT_EQ(IOMMU_MSG, delivered(&m, STALL_MS));
	stall_again(&self->s);
	/* The old place is not looked at any more. */
	ASSERT_EQ(0, trigger(self, variant->target));
	EXPECT_TRUE(passed(self));
	EXPECT_TRUE(passed(self));
	EXPECT_EQ(NULL, stall_wait(&self->s, 0));
}

/* Rings of several pages, each mapped for itself, as a guest would. */
#define RING_PAGES	8
#define MOVES		60
#define GAPS		12	/* each takes a second */

struct ring_page {
	struct vq *vq;
	char *at;		/* for the guest: this never changes */
	char *view;		/* for the device, also what poison is put to */
	__u64 iova;
	char *old;		/* what it was before, poisoned */
	__u8 perm;
};

FIXTURE(moving)
{
	struct guest g;
	struct ring_page page[VQ_MAX * VQ_PARTS * RING_PAGES];
	unsigned int n;
	char poison[PAGE];
};

/* A monitor that is asked in between either waits or says nothing. */
FIXTURE_VARIANT(moving)
{
	bool at_once;
};

FIXTURE_VARIANT_ADD(moving, at_once)
{
	.at_once = true,
};

FIXTURE_VARIANT_ADD(moving, with_a_gap)
{
	.at_once = false,
};

#define moving_data FIXTURE_DATA(moving)

static int map_pages(moving_data *self, struct vq *vq, enum vq_part part)
{
	struct guest *g = &self->g;
	struct ring_page *p;
	size_t size, off;
	char *at = vq_part(vq, part, &size), *page;
	int r;

	r = iommu_unmap(&g->io, vq->bus[part], size);
	off = (uintptr_t)at % PAGE;
	vq->bus[part] &= ~(PAGE - 1);
	for (page = at - off; page < at + size && !r; page += PAGE) {
		p = &self->page[self->n++];
		p->vq = vq;
		p->at = page;
		p->view = iommu_alias(&g->io, page, PAGE);
		p->iova = vq->bus[part] + (page - (at - off));
		p->perm = part == VQ_USED ? VHOST_ACCESS_RW : VHOST_ACCESS_RO;
		r = iommu_map(&g->io, p->iova, p->view, PAGE, p->perm);
	}
	vq->bus[part] += off;
	return r;
}

FIXTURE_SETUP(moving)
{
	const struct iommu_cfg iommu = {};
	struct guest_cfg cfg = {
		.features = F_V1 | F_EVENT,
		.num = { 1024, 1024 },
		.pool = { 64, 200 },
		.iommu = &iommu,
		.stopped = true,
	};
	struct guest *g = &self->g;
	unsigned int i;
	enum vq_part part;

	RUN_IF_SELECTED();
	NEEDS(F_PLATFORM);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(g, &cfg));
	g->cfg.iommu = &g->io.cfg;
	for (i = 0; i < VQ_MAX; i++) {
		for (part = 0; part < VQ_PARTS; part++)
			ASSERT_EQ(0, map_pages(self, &g->vq[i], part));
		ASSERT_EQ(0, dev_set_addr(g->fd, &g->vq[i]));
	}
	memset(self->poison, 0xdb, PAGE);
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	ASSERT_EQ(0, traffic_alive(g));
}

FIXTURE_TEARDOWN(moving)
{
	guest_stop(&self->g);
}

/*
 * Another page in the place of one of the ring's. Once it is unmapped its
 * content cannot change any more, so what the guest copies is all of it.
 */
static int move_page(moving_data *self, struct ring_page *p)
{
	struct iommu *io = &self->g.io;
	char *new = guarded_map(PAGE), *view;
	int r;

	view = new ? iommu_alias(io, new, PAGE) : NULL;
	if (!view)
		return -ENOMEM;
	r = iommu_unmap(io, p->iova, PAGE);
	if (r)
		return r;
	memcpy(new, p->at, PAGE);
	if (mremap(new, 0, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p->at) !=
	    p->at)
		return -errno;
	guarded_unmap(new, PAGE);
	/* The old one is only reached by the device's way now. */
	memcpy(p->view, self->poison, PAGE);
	p->old = p->view;
	p->view = view;
	return iommu_map(io, p->iova, p->view, PAGE, p->perm);
}

static int send_some(struct guest *g, __u32 *seq, unsigned int n)
{
	char frame[60];
	int r = 0;

	while (n-- && !r) {
		frame_build(frame, sizeof(frame), FRAME_TO_HOST, (*seq)++);
		r = guest_send(g, frame, sizeof(frame), NULL);
		vq_kick(&g->vq[VQ_TX]);
	}
	return r;
}

static int feed_some(struct guest *g, __u32 seq, unsigned int n)
{
	char frame[60];
	int r = 0;

	while (n-- && !r) {
		frame_build(frame, sizeof(frame), FRAME_TO_GUEST, seq++);
		r = wire_send_wait(&g->wire, frame, sizeof(frame), NULL);
	}
	return r;
}

/* Every page of both rings in turn, while the device is at work. */
TEST_F_TIMEOUT(moving, page_by_page, 150)
{
	struct traffic t = { .len = len_fixed_60 };
	struct guest *g = &self->g;
	struct ring_page *p;
	struct rx_packet packet;
	static char frame[FRAME_MAX];
	__u32 out = 0, in = 0, wire = 0;
	int i, j, len;

	if (!variant->at_once)
		NOT_FOR_STOCK("does not ask again");
	for (i = 0; i < (variant->at_once ? MOVES : GAPS); i++) {
		p = &self->page[i % self->n];
		ASSERT_EQ(0, send_some(g, &out, 50));
		ASSERT_EQ(0, feed_some(g, in, 30));
		if (variant->at_once)
			pthread_mutex_lock(&g->io.lock);
		len = move_page(self, p);
		if (variant->at_once)
			pthread_mutex_unlock(&g->io.lock);
		ASSERT_EQ(0, len);
		ASSERT_EQ(0, send_some(g, &out, 50));
		for (j = 0; j < 30; j++, in++) {
			ASSERT_EQ(1, guest_recv(g, frame, &packet, STALL_MS));
			ASSERT_EQ(0, traffic_expect(frame, packet.len, &t,
						    in));
		}
		for (j = 0; j < 100; j++, wire++) {
			len = wire_recv(&g->wire, frame, FRAME_MAX, NULL,
					STALL_MS);
			ASSERT_LT(0, len);
			ASSERT_EQ(0, traffic_expect(frame, len, &t, wire));
		}
		ASSERT_LE(0, guest_reap(g));
		EXPECT_EQ(0, memcmp(p->old, self->poison, PAGE));
	}
	EXPECT_EQ(0, guest_drain(g));
	for (p = self->page; p < self->page + self->n; p++)
		if (p->old)
			EXPECT_EQ(0, memcmp(p->old, self->poison, PAGE));
	EXPECT_EQ(0, eventfd_drain(g->vq[VQ_RX].err));
	EXPECT_EQ(0, eventfd_drain(g->vq[VQ_TX].err));
}

/* Everything is unmapped again and again; the monitor maps what is missed. */
TEST_F(moving, all_unmapped)
{
	struct guest *g = &self->g;
	struct pump p;
	int i;

	if (!variant->at_once)
		SKIP(return, "no page moves");
	ASSERT_EQ(0, pump_start(&p, g));
	for (i = 0; i < MOVES; i++) {
		ASSERT_TRUE(pump_flows(&p, 5));
		ASSERT_EQ(IOMMU_MSG, iommu_invalidate(g->fd, 0, -1ULL));
	}
	EXPECT_EQ(0, pump_stop(&p));
	EXPECT_EQ(0, g->io.unknown);
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_HARNESS_MAIN
