// SPDX-License-Identifier: GPL-2.0
/*
 * Busy polling: a ring without work is looked at for a while before it sleeps.
 * Everything must go on as without, and at once: nobody may have to wait for
 * the end of that while.
 */
#include "fixture.h"

#include <pthread.h>
#include <sys/mman.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "player.h"
#include "pump.h"
#include "traffic.h"

#define FLOW		500
#define FOR_EVER	0xffffffffu	/* microseconds: more than an hour */
#define SHORT		50
#define ROUNDS		1000

static int set_timeouts(struct guest *g, unsigned int us)
{
	int r = dev_vring_state(g->fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, VQ_RX,
				us);

	return r ? r : dev_vring_state(g->fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
				       VQ_TX, us);
}

static int get_timeout(struct guest *g, unsigned int index)
{
	struct vhost_vring_state s = { .index = index, .num = 77 };
	int r = dev_ioctl(g->fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &s);

	return r ? r : s.index == index ? (int)s.num : -EPROTO;
}

/* Rings may find their own time, up to a limit for the whole module. */
static bool has_limit(void)
{
	return dev_parameter("poll_us", ~0u) != ~0u;
}

static bool set_limit(unsigned int us)
{
	FILE *f = fopen("/sys/module/vhost_net/parameters/poll_us", "w");
	bool done = f && fprintf(f, "%u", us) > 0;

	return f && !fclose(f) && done;
}

/* The limit counts for rings that are attached: nobody else is to have it. */
static int start_with_limit(struct guest *g, const struct guest_cfg *cfg,
			    unsigned int us)
{
	unsigned int was = dev_parameter("poll_us", 0);
	int r;

	if (!set_limit(us))
		return -errno;
	r = guest_start(g, cfg);
	return set_limit(was) ? r : -errno;
}

FIXTURE(busy)
{
	struct guest g;
	struct pump p;
	char frame[FRAME_MAX];
};

FIXTURE_VARIANT(busy)
{
	enum backend_kind kind;
	__u64 features;
	bool iommu;
	unsigned int limit;	/* rings find their own time */
};

FIXTURE_VARIANT_ADD(busy, tap)
{
	.kind = BACKEND_TAP,
	.features = F_V1 | F_MRG | F_EVENT,
};

FIXTURE_VARIANT_ADD(busy, tap_flags)
{
	.kind = BACKEND_TAP,
	.features = F_V1,
};

FIXTURE_VARIANT_ADD(busy, packet)
{
	.kind = BACKEND_PACKET,
	.features = F_V1,
};

FIXTURE_VARIANT_ADD(busy, udp)
{
	.kind = BACKEND_UDP,
	.features = F_V1 | F_MRG | F_EVENT,
};

FIXTURE_VARIANT_ADD(busy, unix_stream)
{
	.kind = BACKEND_UNIX_STREAM,
	.features = F_V1,
};

FIXTURE_VARIANT_ADD(busy, tap_iommu)
{
	.kind = BACKEND_TAP,
	.features = F_V1 | F_EVENT,
	.iommu = true,
};

FIXTURE_VARIANT_ADD(busy, own_time)
{
	.kind = BACKEND_TAP,
	.features = F_V1 | F_EVENT,
	.limit = 1000000,
};

static const struct iommu_cfg pages = { .piece = PAGE, .scatter = true };

FIXTURE_SETUP(busy)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.backend.kind = variant->kind,
		.iommu = variant->iommu ? &pages : NULL,
	};

	RUN_IF_SELECTED();
	NEEDS_KIND(variant->kind);
	if (variant->iommu)
		NEEDS(F_PLATFORM);
	if (variant->limit && !has_limit())
		SKIP_ALL("driver has no such limit");
	ASSERT_EQ(0, netif_new_namespace());
	if (variant->limit) {
		ASSERT_EQ(0, start_with_limit(&self->g, &cfg, variant->limit));
		return;
	}
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	ASSERT_EQ(0, set_timeouts(&self->g, FOR_EVER));
}

FIXTURE_TEARDOWN(busy)
{
	guest_stop(&self->g);
}

TEST_F(busy, frames_pass)
{
	static const struct traffic mixed = {
		.count = 2000, .len = len_mixed,
	};
	struct guest *g = &self->g;
	__s64 end = now_ms() + STALL_MS;

	EXPECT_EQ(0, traffic_tx(g, &mixed));
	EXPECT_EQ(0, traffic_rx(g, &mixed));
	EXPECT_EQ(0, traffic_alive(g));
	if (stock_driver())
		return;
	/* Both rings find something that way, sooner or later. */
	while ((!count(g, VQ_RX, "polled") || !count(g, VQ_TX, "polled")) &&
	       now_ms() < end)
		ASSERT_EQ(0, traffic_alive(g));
	EXPECT_LT(0, count(g, VQ_RX, "polled"));
	EXPECT_LT(0, count(g, VQ_TX, "polled"));
}

/* Nothing is found where nothing is. */
TEST_F(busy, finds_only_what_is_there)
{
	struct guest *g = &self->g;
	long long found[VQ_MAX];
	int i;

	NOT_FOR_STOCK("tells nothing");
	EXPECT_EQ(0, traffic_alive(g));
	pause_ms(100);
	for (i = 0; i < VQ_MAX; i++)
		found[i] = count(g, i, "polled");
	pause_ms(300);
	for (i = 0; i < VQ_MAX; i++)
		EXPECT_EQ(found[i], count(g, i, "polled"));
	/* Wake whoever sleeps: it looks again. */
	EXPECT_EQ(0, traffic_alive(g));
	/* A packet that waits for buffers is found once. */
	while (wire_recv(&g->wire, self->frame, FRAME_MAX, NULL, 0) > 0)
		;
	frame_build(self->frame, 60, FRAME_TO_GUEST, 1);
	for (i = 0; i < 400; i++)
		ASSERT_EQ(0, wire_send_wait(&g->wire, self->frame, 60, NULL));
	pause_ms(100);
	found[VQ_RX] = count(g, VQ_RX, "polled");
	pause_ms(300);
	EXPECT_EQ(found[VQ_RX], count(g, VQ_RX, "polled"));
}

/* Frames one by one, each sent when the one before has gone. */
static int kicks_for(struct guest *g, char *frame, int n)
{
	int r = 0, kicks = g->vq[VQ_TX].kicks;

	frame_build(frame, 60, FRAME_TO_HOST, 1);
	while (n-- && !r) {
		r = guest_send(g, frame, 60, NULL);
		if (!r)
			r = guest_drain(g);
	}
	while (wire_recv(&g->wire, frame, FRAME_MAX, NULL, 0) > 0)
		;
	return r ? r : g->vq[VQ_TX].kicks - kicks;
}

#define SINGLE	300

/*
 * Who is looked at needs no kicks. The machine may have other plans now and
 * then, and end it: hence several tries.
 */
TEST_F(busy, kicks_are_saved)
{
	struct guest *g = &self->g;
	int try, with = 0, without, most;

	NOT_FOR_STOCK("has other rules for when to sleep");
	ASSERT_EQ(0, set_timeouts(g, 0));
	without = kicks_for(g, self->frame, SINGLE);
	EXPECT_LT(0, without);
	/* A guest that is fast need not kick twice without it, either. */
	most = without > 3 ? without / 2 : 1;
	for (try = 0; try < 5; try++) {
		ASSERT_EQ(0, set_timeouts(g, FOR_EVER));
		with = kicks_for(g, self->frame, SINGLE);
		ASSERT_LE(0, with);
		if (with <= most)
			break;
	}
	EXPECT_GE(most, with)
		TH_LOG("%d kicks with, %d without", with, without);
}

/* Buffers are looked for where a packet lacks them. */
TEST_F(busy, late_buffers_are_found)
{
	struct guest *g = &self->g;
	struct rx_packet p;
	__u32 seq;
	int i;

	ASSERT_EQ(1, guest_post(g, 1));
	/* One frame uses the only buffer up, the other has to wait for it. */
	for (i = 0; i < 50; i++) {
		frame_build(self->frame, 60, FRAME_TO_GUEST, i);
		ASSERT_EQ(0, wire_send_wait(&g->wire, self->frame, 60, NULL));
		ASSERT_EQ(0, wire_send_wait(&g->wire, self->frame, 60, NULL));
		ASSERT_TRUE(vq_wait(&g->vq[VQ_RX], STALL_MS));
		if (i % 3)
			pause_ms(1);
		ASSERT_EQ(1, guest_recv(g, self->frame, &p, STALL_MS));
		ASSERT_EQ(1, guest_recv(g, self->frame, &p, STALL_MS));
		EXPECT_TRUE(frame_intact(self->frame, p.len, &seq));
		EXPECT_EQ((__u32)i, seq);
	}
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_F(busy, timeout_changed_live)
{
	static const unsigned int us[] = { 0, 1, SHORT, 1000, FOR_EVER };
	struct guest *g = &self->g;
	__u64 seed = 11;
	unsigned int n;
	int i;

	ASSERT_EQ(0, pump_start(&self->p, g));
	for (i = 0; i < 300; i++) {
		n = us[rnd(&seed) % ARRAY_SIZE(us)];
		ASSERT_EQ(0, set_timeouts(g, n));
		ASSERT_EQ((int)n, get_timeout(g, VQ_RX));
		ASSERT_EQ((int)n, get_timeout(g, VQ_TX));
		ASSERT_TRUE(pump_flows(&self->p, 16));
	}
	EXPECT_EQ(0, pump_stop(&self->p));
	EXPECT_EQ(self->p.sent, self->p.seen);
	EXPECT_LT(0, self->p.received);
}

/* Set to something short, the thread sleeps soon, whatever it was before. */
TEST_F(busy, sleeps_when_time_is_over)
{
	struct guest *g = &self->g;

	EXPECT_EQ(0, traffic_alive(g));
	ASSERT_EQ(0, set_timeouts(g, SHORT));
	EXPECT_TRUE(workers_quiet());
	EXPECT_EQ(0, traffic_alive(g));
	EXPECT_TRUE(workers_quiet());
	ASSERT_EQ(0, set_timeouts(g, FOR_EVER));
	EXPECT_EQ(0, traffic_alive(g));
	ASSERT_EQ(0, set_timeouts(g, 0));
	EXPECT_TRUE(workers_quiet());
	EXPECT_EQ(0, traffic_alive(g));
	EXPECT_TRUE(workers_quiet());
}

/* Whatever an owner does to a ring that is looked at is done at once. */
TEST_F(busy, other_calls)
{
	struct guest *g = &self->g;
	int i;

	for (i = 0; i < 30; i++) {
		ASSERT_EQ(0, traffic_alive(g));
		ASSERT_EQ(0, dev_set_mem(g->fd, &g->arena));
		ASSERT_EQ(0, traffic_alive(g));
		ASSERT_EQ(0, guest_attach(g, -1));
		EXPECT_LE(0, dev_get_base(g->fd, VQ_TX));
		ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	}
	ASSERT_EQ(0, traffic_alive(g));
	ASSERT_EQ(0, guest_attach(g, -1));
	/* Nothing is looked at that has no backend. */
	EXPECT_TRUE(workers_quiet());
}

TEST_F(busy, reset_owner)
{
	struct guest *g = &self->g;

	if (variant->iommu)
		SKIP(return, "its monitor would have to be reset as well");
	ASSERT_EQ(0, traffic_alive(g));
	ASSERT_EQ(0, dev_reset_owner(g->fd));
	EXPECT_TRUE(workers_become(getpid(), 0));
	ASSERT_EQ(0, dev_set_owner(g->fd));
	EXPECT_EQ(0, get_timeout(g, VQ_RX));
	EXPECT_EQ(0, get_timeout(g, VQ_TX));
}

TEST_F(busy, closed)
{
	struct guest *g = &self->g;
	int fd = g->fd;

	ASSERT_EQ(0, traffic_alive(g));
	if (variant->iommu)
		iommu_stop(&g->io);
	g->fd = -1;
	EXPECT_EQ(0, close(fd));
	EXPECT_TRUE(workers_become(getpid(), 0));
}

/* A ring that makes no sense is not looked at. */
TEST_F(busy, broken_ring)
{
	struct vq *tx = &self->g.vq[VQ_TX];
	struct guest *g = &self->g;
	__u64 one = 1;

	NOT_FOR_STOCK("gives the ring up");
	ASSERT_EQ(0, traffic_alive(g));
	__atomic_store_n(&tx->avail->idx, tx->avail_idx + 2 * tx->num,
			 __ATOMIC_RELEASE);
	ASSERT_EQ((ssize_t)sizeof(one), write(tx->kick, &one, sizeof(one)));
	EXPECT_TRUE(eventfd_wait(tx->err, STALL_MS));
	EXPECT_TRUE(counts_to(g, VQ_TX, "bad-index", 1) ||
		    count(g, VQ_TX, "bad-index"));
	/* Let only the broken one be left. */
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_RX, -1));
	EXPECT_TRUE(workers_quiet());
	__atomic_store_n(&tx->avail->idx, tx->avail_idx, __ATOMIC_RELEASE);
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_RX, g->backend.fd));
	ASSERT_EQ((ssize_t)sizeof(one), write(tx->kick, &one, sizeof(one)));
	EXPECT_EQ(0, traffic_alive(g));
}

/* Nor is one whose memory has gone: the look itself finds out. */
TEST_F(busy, ring_unmapped)
{
	struct guest *g = &self->g;

	NOT_FOR_STOCK("gives the ring up");
	if (variant->iommu)
		SKIP(return, "the ring is elsewhere");
	ASSERT_EQ(0, traffic_alive(g));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_RX, -1));
	munmap((void *)((uintptr_t)g->vq[VQ_TX].avail & ~(PAGE - 1)), PAGE);
	EXPECT_TRUE(workers_quiet());
	EXPECT_EQ(0, close(g->fd));
	g->fd = -1;
}

/* Or only that of its used entries. */
TEST_F(busy, used_ring_unmapped)
{
	struct guest *g = &self->g;
	struct vq *tx = &g->vq[VQ_TX];

	NOT_FOR_STOCK("does not notice");
	if (variant->iommu)
		SKIP(return, "the ring is elsewhere");
	ASSERT_EQ(0, traffic_alive(g));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_RX, -1));
	munmap((void *)((uintptr_t)tx->used & ~(PAGE - 1)), PAGE);
	frame_build(self->frame, 60, FRAME_TO_HOST, 1);
	ASSERT_EQ(0, guest_send(g, self->frame, 60, NULL));
	vq_publish(tx);
	EXPECT_EQ(8, write(tx->kick, &(__u64){ 1 }, 8));
	EXPECT_TRUE(eventfd_wait(tx->err, STALL_MS));
	EXPECT_TRUE(workers_quiet());
	EXPECT_EQ(0, close(g->fd));
	g->fd = -1;
}

/* The tap's queue is looked at while it is replaced by one of another size. */
TEST_F(busy, queue_length_changes)
{
	int i;

	if (variant->kind != BACKEND_TAP)
		SKIP(return, "only a tap has one");
	ASSERT_EQ(0, pump_start(&self->p, &self->g));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, netif_set_txqlen(self->g.backend.ifname,
					      100 + i * 37 % 2000));
		ASSERT_TRUE(pump_flows(&self->p, 16));
	}
	EXPECT_EQ(0, pump_stop(&self->p));
	EXPECT_EQ(self->p.sent, self->p.seen);
	/* And while nothing else happens. */
	for (i = 0; i < 300; i++)
		ASSERT_EQ(0, netif_set_txqlen(self->g.backend.ifname,
					      100 + i * 37 % 2000));
	EXPECT_EQ(0, traffic_alive(&self->g));
}

TEST_F(busy, link_deleted)
{
	struct guest *g = &self->g;

	if (sockets_have(variant->kind))
		SKIP(return, "has no interface");
	NOT_FOR_STOCK("keeps the buffers of a failed batch");
	ASSERT_EQ(0, traffic_alive(g));
	ASSERT_EQ(0, netif_del(g->backend.ifname));
	pause_ms(50);
	frame_build(self->frame, 60, FRAME_TO_HOST, 1);
	ASSERT_EQ(0, guest_send(g, self->frame, 60, NULL));
	EXPECT_EQ(0, guest_drain(g));
	ASSERT_EQ(0, set_timeouts(g, SHORT));
	EXPECT_TRUE(workers_quiet());
	EXPECT_EQ(0, guest_attach(g, -1));
}

/* Other timeouts and workers at random, for a guest that lies in wait. */
struct meddler {
	struct guest *g;
	int workers;
	bool stop;
	int err;
	int turns;
};

static void *meddle(void *arg)
{
	struct meddler *m = arg;
	__u64 seed = 123;
	unsigned int us;

	while (!__atomic_load_n(&m->stop, __ATOMIC_RELAXED) && !m->err) {
		us = rnd(&seed) % 8 ? rnd(&seed) % 200 : FOR_EVER;
		m->err = set_timeouts(m->g, us);
		if (m->workers > 1 && !m->err)
			m->err = dev_attach_worker(m->g->fd,
						   rnd(&seed) % VQ_MAX,
						   rnd(&seed) % m->workers);
		m->turns++;
		player_jitter(&seed);
		if (m->turns % 16 == 0)
			pause_ms(1);
	}
	return NULL;
}

static void storm(struct __test_metadata *_metadata, struct meddler *m)
{
	static struct player p;
	pthread_t thread;

	ASSERT_EQ(4, guest_post(m->g, 4));
	ASSERT_EQ(0, pthread_create(&thread, NULL, meddle, m));
	p.g = m->g;
	player_run(&p, ROUNDS);
	__atomic_store_n(&m->stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_EQ(NULL, p.stuck)
		TH_LOG("%s", p.stuck);
	EXPECT_EQ(0, m->err);
	EXPECT_LT(100, m->turns);
}

TEST_F_TIMEOUT(busy, nothing_lost, 150)
{
	struct meddler m = { .g = &self->g, .workers = 1 };

	storm(_metadata, &m);
	EXPECT_TRUE(stock_driver() || count(&self->g, VQ_TX, "polled"));
}

TEST_F_TIMEOUT(busy, nothing_lost_by_workers, 150)
{
	struct meddler m = { .g = &self->g, .workers = 3 };

	NOT_FOR_STOCK("has one worker");
	ASSERT_EQ(1, dev_new_worker(self->g.fd));
	ASSERT_EQ(2, dev_new_worker(self->g.fd));
	storm(_metadata, &m);
}

/* A worker whose ring was taken away has nothing left to look at. */
TEST_F(busy, worker_freed)
{
	struct guest *g = &self->g;
	int i, id, vq;

	NOT_FOR_STOCK("has one worker");
	for (i = 0; i < 30; i++) {
		vq = i % VQ_MAX;
		id = dev_new_worker(g->fd);
		ASSERT_LT(0, id);
		ASSERT_EQ(0, dev_attach_worker(g->fd, vq, id));
		ASSERT_EQ(0, traffic_alive(g));
		ASSERT_EQ(0, dev_attach_worker(g->fd, vq, 0));
		ASSERT_EQ(0, dev_free_worker(g->fd, id));
		EXPECT_TRUE(workers_become(getpid(), 1));
	}
	ASSERT_EQ(0, traffic_alive(g));
}

static const struct guest_cfg plain = { .features = F_V1 | F_MRG | F_EVENT };

FIXTURE(own_time)
{
	struct guest g;
	char frame[FRAME_MAX];
};

FIXTURE_SETUP(own_time)
{
	RUN_IF_SELECTED();
	if (!has_limit())
		SKIP_ALL("driver has no such limit");
	ASSERT_EQ(0, netif_new_namespace());
}

FIXTURE_TEARDOWN(own_time)
{
	guest_stop(&self->g);
}

/* Work that comes soon is looked for. Return: whether both rings did. */
static bool comes_to_poll(struct guest *g)
{
	__s64 end = now_ms() + STALL_MS;

	while (now_ms() < end) {
		if (traffic_alive(g))
			return false;
		if (count(g, VQ_RX, "polled") && count(g, VQ_TX, "polled"))
			return true;
	}
	return false;
}

TEST_F(own_time, is_found)
{
	ASSERT_EQ(0, start_with_limit(&self->g, &plain, 1000000));
	EXPECT_TRUE(comes_to_poll(&self->g));
	EXPECT_EQ(0, traffic_alive(&self->g));
}

#define LIMIT_US	200000
#define LATE_MS		400
#define SOON_MS		30
#define LONG_NS		1000000
/* From the shortest time, by doubling, and some more. */
#define SOON_TRIES	40

/* Send one after a while. Return: for how long the ring looks now. */
static long long looks_after(struct guest *g, char *frame, int ms)
{
	pause_ms(ms);
	frame_build(frame, 60, FRAME_TO_HOST, 1);
	if (guest_send(g, frame, 60, NULL) || guest_drain(g))
		return -1;
	return count(g, VQ_TX, "poll-ns");
}

/* Work that comes soon makes it longer, and what comes late ends it. */
TEST_F(own_time, is_lost)
{
	struct guest *g = &self->g;
	long long ns = 0;
	int i, round;

	ASSERT_EQ(0, start_with_limit(g, &plain, LIMIT_US));
	for (round = 0; round < 3; round++) {
		for (i = 0; ns < LONG_NS && i < SOON_TRIES; i++)
			ns = looks_after(g, self->frame, SOON_MS);
		EXPECT_LE(LONG_NS, ns);
		EXPECT_GE(LIMIT_US * 1000LL, ns);
		ns = looks_after(g, self->frame, LATE_MS);
		EXPECT_EQ(0, ns);
	}
}

TEST_F(own_time, is_none_without_limit)
{
	int i;

	ASSERT_EQ(0, start_with_limit(&self->g, &plain, 0));
	for (i = 0; i < 20; i++)
		EXPECT_EQ(0, traffic_alive(&self->g));
	EXPECT_EQ(0, count(&self->g, VQ_RX, "polled"));
	EXPECT_EQ(0, count(&self->g, VQ_TX, "polled"));
}

static bool poll_for_ever(void)
{
	struct guest_cfg cfg = { .features = F_V1 | F_MRG | F_EVENT };
	static struct guest g;

	return !netif_new_namespace() && !guest_start(&g, &cfg) &&
		!set_timeouts(&g, FOR_EVER) && !traffic_alive(&g);
}

TEST(owner_killed)
{
	pid_t pid;
	int i;

	RUN_IF_SELECTED();
	for (i = 0; i < 5; i++) {
		pid = child_ready(poll_for_ever);
		ASSERT_LT(0, pid);
		EXPECT_TRUE(child_killed(pid));
		EXPECT_TRUE(workers_become(pid, 0));
	}
}

TEST_HARNESS_MAIN
