// SPDX-License-Identifier: GPL-2.0
/*
 * Everything that changes a device, against everything else that does: two
 * threads make calls of one kind each, a third one keeps packets coming. No
 * call has to work; what has to hold is the device afterwards.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "caller.h"
#include "flood.h"
#include "netif.h"

/* Calls of either thread; more with VHOST_TEST_ROUNDS. */
#define ROUNDS		50
#define LIMIT_MS	(3 * STALL_MS)
#define LOG_SIZE	65536

struct race {
	struct guest g;
	struct flood flood;
	struct arena cut;	/* the same memory in other regions */
	__u16 base[VQ_MAX];	/* where the rings began last */
	int event;		/* one more eventfd */
	char *log;
};

static void cut_memory(struct arena *cut, const struct arena *a)
{
	struct arena_region *r;
	unsigned int i;
	size_t half;

	memset(cut, 0, sizeof(*cut));
	for (i = 0; i < a->n; i++) {
		half = a->region[i].size / 2;
		r = &cut->region[cut->n++];
		*r = a->region[i];
		r->size = half;
		r = &cut->region[cut->n++];
		*r = a->region[i];
		r->gpa += half;
		r->hva += half;
		r->size -= half;
	}
}

/* All that a device needs, on rings that the flood goes on filling. */
static int set_up(struct race *r)
{
	struct guest *g = &r->g;
	int err = guest_setup(g);
	unsigned int i;

	for (i = 0; i < VQ_MAX && !err; i++) {
		r->base[i] = flood_restart(g, i);
		err = dev_vring_state(g->fd, VHOST_SET_VRING_BASE, i,
				      r->base[i]);
	}
	return err ? err : guest_attach(g, g->backend.fd);
}

/* Packets want a moment now and then; all racers have things set up then. */
static void give_way(unsigned int i)
{
	if (i % 16 == 3)
		pause_ms(1);
}

static void call_backend(struct caller *c, unsigned int i)
{
	struct race *r = c->arg;

	c->failed += !!dev_set_backend(r->g.fd, i % 2,
				       i / 2 % 2 ? r->g.backend.fd : -1);
	give_way(i);
}

static void call_reset(struct caller *c, unsigned int i)
{
	struct race *r = c->arg;

	/* Some die half-way, too. */
	c->failed += !!dev_reset_owner(r->g.fd);
	if (i % 8)
		c->failed += !!set_up(r);
	give_way(i);
}

static void call_memory(struct caller *c, unsigned int i)
{
	struct race *r = c->arg;

	c->failed += !!dev_set_mem(r->g.fd, i % 2 ? &r->g.arena : &r->cut);
	give_way(i);
}

static void set_event(struct caller *c, unsigned int i, unsigned long call,
		      int usual)
{
	struct race *r = c->arg;
	int file = i / 2 % 3 ? usual : r->event;

	if (i / 2 % 3 == 2)
		file = -1;
	c->failed += !!dev_vring_file(r->g.fd, call, i % 2, file);
	give_way(i);
}

static void call_call(struct caller *c, unsigned int i)
{
	struct race *r = c->arg;

	set_event(c, i, VHOST_SET_VRING_CALL, r->g.vq[i % 2].call);
}

static void call_kick(struct caller *c, unsigned int i)
{
	struct race *r = c->arg;

	set_event(c, i, VHOST_SET_VRING_KICK, r->g.vq[i % 2].kick);
}

static void call_err(struct caller *c, unsigned int i)
{
	struct race *r = c->arg;

	set_event(c, i, VHOST_SET_VRING_ERR, r->g.vq[i % 2].err);
}

static void call_worker(struct caller *c, unsigned int i)
{
	struct race *r = c->arg;
	int fd = r->g.fd, id = dev_new_worker(fd);

	c->failed += id < 0;
	c->failed += !!dev_attach_worker(fd, i % 2, id);
	dev_get_worker(fd, i % 2);
	c->failed += !!dev_attach_worker(fd, i % 2, 0);
	c->failed += !!dev_free_worker(fd, id);
	give_way(i);
}

/* As a monitor that stops its guest and lets it go on. */
static void call_base(struct caller *c, unsigned int i)
{
	struct race *r = c->arg;
	struct guest *g = &r->g;

	dev_set_backend(g->fd, i % 2, -1);
	c->failed += dev_get_base(g->fd, i % 2) < 0;
	c->failed += !!dev_set_addr(g->fd, &g->vq[i % 2]);
	dev_vring_state(g->fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, i % 2,
			i / 2 % 3);
	dev_set_backend(g->fd, i % 2, g->backend.fd);
	give_way(i);
}

static void call_log(struct caller *c, unsigned int i)
{
	struct race *r = c->arg;
	__u64 log = (uintptr_t)r->log;
	int file = i / 2 % 2 ? r->event : -1;

	c->failed += !!dev_ioctl(r->g.fd, VHOST_SET_LOG_BASE, &log);
	c->failed += !!dev_ioctl(r->g.fd, VHOST_SET_LOG_FD, &file);
	c->failed += !!dev_set_features(r->g.fd, r->g.cfg.features |
					(i % 2 ? BIT(VHOST_F_LOG_ALL) : 0));
	give_way(i);
}

/* Under one number the next device, at once. */
static void call_release(struct caller *c, unsigned int i)
{
	struct race *r = c->arg;
	int fd = dev_open_flags(i % 2 ? O_NONBLOCK : 0);

	c->failed += dup3(fd, r->g.fd, O_CLOEXEC) < 0;
	close(fd);
	c->failed += !!set_up(r);
	give_way(i);
}

static void call_iotlb(struct caller *c, unsigned int i)
{
	struct race *r = c->arg;
	struct arena_region *region = &r->g.arena.region[i % 3];
	__u64 at = region->bus, size = region->size;

	if (i % 4 == 3) {
		at = vq_part_bus(&r->g.vq[i / 4 % 2], i / 8 % VQ_PARTS);
		size = 1;
	}
	c->failed += iommu_invalidate(r->g.fd, at, size) < 0;
	if (i % 2)
		c->failed += !!iommu_push(&r->g.io, at, size);
	give_way(i);
}

static const struct {
	const char *name;
	void (*call)(struct caller *c, unsigned int i);
	bool with, without;	/* with and without address translation */
} racers[] = {
	{ "backend", call_backend, true, true },
	{ "reset", call_reset, true, true },
	{ "memory", call_memory, true, true },
	{ "call", call_call, true, true },
	{ "kick", call_kick, true, true },
	{ "err", call_err, true, true },
	{ "worker", call_worker, true, true },
	{ "base", call_base, true, true },
	{ "log", call_log, true, true },
	/* Who reads misses from a device keeps it open. */
	{ "release", call_release, false, true },
	{ "iotlb", call_iotlb, true, false },
};

static int race_start(struct race *r, enum backend_kind kind, bool iommu)
{
	/* What a device has after a reset, too. */
	static const struct iommu_cfg translate = { .v1 = true };
	struct guest_cfg cfg = {
		.features = F_V1 | F_MRG,
		.backend.kind = kind,
		.iommu = iommu ? &translate : NULL,
	};
	int err = guest_start(&r->g, &cfg);

	if (err)
		return err;
	cut_memory(&r->cut, &r->g.arena);
	return flood_start(&r->flood, &r->g);
}

FIXTURE(pair)
{
	struct race r;
};

FIXTURE_VARIANT(pair)
{
	enum backend_kind kind;
	bool iommu;
};

FIXTURE_VARIANT_ADD(pair, tap) { .kind = BACKEND_TAP };
FIXTURE_VARIANT_ADD(pair, packet) { .kind = BACKEND_PACKET };
FIXTURE_VARIANT_ADD(pair, udp) { .kind = BACKEND_UDP };
/* What is sent to it arrives whole: no device leaves it amid a frame. */
FIXTURE_VARIANT_ADD(pair, unix_stream) { .kind = BACKEND_UNIX_STREAM };
FIXTURE_VARIANT_ADD(pair, iommu) { .kind = BACKEND_TAP, .iommu = true };

FIXTURE_SETUP(pair)
{
	RUN_IF_SELECTED();
	NEEDS_KIND(variant->kind);
	NOT_FOR_PACKED("the flood knows of split rings only");
	NOT_FOR_STOCK("has one worker, and loses its way");
	ASSERT_EQ(0, netif_new_namespace());
	self->r.event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ASSERT_LE(0, self->r.event);
	self->r.log = calloc(1, LOG_SIZE);
	ASSERT_NE(NULL, self->r.log);
	ASSERT_EQ(0, race_start(&self->r, variant->kind, variant->iommu));
}

FIXTURE_TEARDOWN(pair)
{
	flood_end(&self->r.flood);
	guest_stop(&self->r.g);
	EXPECT_TRUE(workers_become(getpid(), 0));
	close(self->r.event);
	free(self->r.log);
}

static __u16 used(const struct vq *vq)
{
	return __atomic_load_n((const __u16 *)&vq->used->idx, __ATOMIC_RELAXED);
}

/* Whatever has become of the device: set up anew, both of its rings move. */
static const char *renew(struct race *r)
{
	struct guest *g = &r->g;
	__s64 end = now_ms() + STALL_MS;
	unsigned int i;

	dev_set_owner(g->fd);
	if (dev_reset_owner(g->fd))
		return "no reset";
	if (set_up(r))
		return "no set-up";
	for (i = 0; i < VQ_MAX; i++)
		while (used(&g->vq[i]) == r->base[i]) {
			if (now_ms() > end)
				return i ? "nothing sent" : "nothing received";
			pause_ms(1);
		}
	return NULL;
}

static bool takes_part(size_t i, bool iommu)
{
	return iommu ? racers[i].with : racers[i].without;
}

/* Both call as often as they have to, with packets under way. */
static const char *run_pair(struct race *r, size_t i, size_t j)
{
	unsigned int n = number_from("VHOST_TEST_ROUNDS", ROUNDS);
	unsigned int seen = flood_seen(&r->flood);
	__s64 end = now_ms() + LIMIT_MS;
	struct caller a, b;
	bool raced;

	if (caller_start(&a, r, racers[i].call))
		return "no thread";
	if (caller_start(&b, r, racers[j].call)) {
		caller_end(&a);
		return "no second thread";
	}
	do {
		pause_ms(2);
		raced = caller_calls(&a) > n && caller_calls(&b) > n &&
			flood_seen(&r->flood) != seen;
	} while (!raced && now_ms() < end);
	caller_end(&a);
	caller_end(&b);
	fprintf(stderr, "# %s (%u of %u failed), %s (%u of %u), %u frames\n",
		racers[i].name, a.failed, a.calls, racers[j].name, b.failed,
		b.calls, flood_seen(&r->flood) - seen);
	return raced ? renew(r) : "calls or packets don't come through";
}

TEST_F_TIMEOUT(pair, of_calls, 900)
{
	const char *wrong = NULL;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(racers) && !wrong; i++)
		for (j = i; j < ARRAY_SIZE(racers) && !wrong; j++) {
			if (!takes_part(i, variant->iommu) ||
			    !takes_part(j, variant->iommu))
				continue;
			wrong = run_pair(&self->r, i, j);
			EXPECT_EQ(NULL, wrong)
				TH_LOG("%s and %s: %s", racers[i].name,
				       racers[j].name, wrong);
		}
}

TEST_HARNESS_MAIN
