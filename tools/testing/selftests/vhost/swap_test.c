// SPDX-License-Identifier: GPL-2.0
/*
 * Rings that get other workers, and workers that end, while packets flow.
 */
#include "fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "player.h"
#include "pump.h"
#include "stall.h"
#include "traffic.h"

#define FLOW		500
#define SWAPS		4000
#define WORKERS		4
#define ROUNDS		1200
#define STALL_GPA	0x5000000000ULL

FIXTURE(flow)
{
	struct guest g;
	struct pump p;
};

FIXTURE_VARIANT(flow)
{
	enum backend_kind kind;
	__u64 features;
};

FIXTURE_VARIANT_ADD(flow, tap)
{
	.kind = BACKEND_TAP,
	.features = F_V1 | F_MRG | F_EVENT,
};

FIXTURE_VARIANT_ADD(flow, packet)
{
	.kind = BACKEND_PACKET,
	.features = F_V1,
};

FIXTURE_VARIANT_ADD(flow, udp)
{
	.kind = BACKEND_UDP,
	.features = F_V1,
};

FIXTURE_VARIANT_ADD(flow, tcp)
{
	.kind = BACKEND_TCP,
	.features = F_V1 | F_MRG | F_EVENT,
};

FIXTURE_VARIANT_ADD(flow, unix_stream)
{
	.kind = BACKEND_UNIX_STREAM,
	.features = F_V1,
};

FIXTURE_SETUP(flow)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.backend.kind = variant->kind,
	};
	int i;

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("has one worker");
	NEEDS_KIND(variant->kind);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	for (i = 1; i < WORKERS; i++)
		ASSERT_EQ(i, dev_new_worker(self->g.fd));
}

FIXTURE_TEARDOWN(flow)
{
	guest_stop(&self->g);
}

/* From now on packets flow both ways. */
static bool flows(struct guest *g, struct pump *p)
{
	return !pump_start(p, g) && pump_flows(p, FLOW);
}

TEST_F(flow, two_workers)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, dev_attach_worker(g->fd, VQ_TX, 2));
	EXPECT_TRUE(says(g, VQ_RX, "worker", "0"));
	EXPECT_TRUE(says(g, VQ_TX, "worker", "2"));
	EXPECT_LT(0, count(g, VQ_RX, "thread"));
	EXPECT_LT(0, count(g, VQ_TX, "thread"));
	EXPECT_NE(count(g, VQ_RX, "thread"), count(g, VQ_TX, "thread"));
	EXPECT_EQ(0, traffic_alive(g));
	ASSERT_TRUE(flows(g, &self->p));
	EXPECT_EQ(0, pump_stop(&self->p));
	EXPECT_EQ(self->p.sent, self->p.seen);
}

TEST_F_TIMEOUT(flow, swapped_all_the_time, 150)
{
	struct guest *g = &self->g;
	__u64 seed = 7;
	int i, id;

	ASSERT_TRUE(flows(g, &self->p));
	for (i = 0; i < SWAPS; i++) {
		id = rnd(&seed) % WORKERS;
		ASSERT_EQ(0, dev_attach_worker(g->fd, rnd(&seed) % VQ_MAX, id));
		if (i % 64 == 0)
			ASSERT_TRUE(pump_flows(&self->p, 1));
	}
	EXPECT_TRUE(pump_flows(&self->p, FLOW));
	EXPECT_EQ(0, pump_stop(&self->p));
	EXPECT_EQ(self->p.sent, self->p.seen);
	EXPECT_LT(0, self->p.received);
	EXPECT_EQ(0, traffic_alive(g));
}

/* A worker ends as soon as its ring has gone, with the ring's work queued. */
TEST_F(flow, freed_when_left)
{
	struct guest *g = &self->g;
	int i, id, vq;

	ASSERT_TRUE(flows(g, &self->p));
	for (i = 0; i < 200; i++) {
		vq = i % VQ_MAX;
		id = dev_new_worker(g->fd);
		ASSERT_LT(0, id);
		ASSERT_EQ(0, dev_attach_worker(g->fd, vq, id));
		ASSERT_TRUE(pump_flows(&self->p, 1));
		EXPECT_EQ(-EBUSY, dev_free_worker(g->fd, id));
		ASSERT_EQ(0, dev_attach_worker(g->fd, vq, i % WORKERS));
		ASSERT_EQ(0, dev_free_worker(g->fd, id));
		EXPECT_EQ(-ENODEV, dev_attach_worker(g->fd, vq, id));
	}
	EXPECT_TRUE(workers_become(getpid(), WORKERS));
	EXPECT_TRUE(pump_flows(&self->p, FLOW));
	EXPECT_EQ(0, pump_stop(&self->p));
	EXPECT_EQ(self->p.sent, self->p.seen);
}

/* Everything else that an owner may do meanwhile. */
TEST_F(flow, with_other_calls)
{
	struct guest *g = &self->g;
	__u64 seed = 3;
	int i;

	ASSERT_TRUE(flows(g, &self->p));
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, dev_attach_worker(g->fd, i % VQ_MAX,
					       rnd(&seed) % WORKERS));
		if (i % 4 == 0)
			ASSERT_EQ(0, guest_attach(g, -1));
		ASSERT_EQ(0, dev_attach_worker(g->fd, rnd(&seed) % VQ_MAX,
					       rnd(&seed) % WORKERS));
		ASSERT_EQ(0, dev_set_mem(g->fd, &g->arena));
		if (i % 4 == 0)
			ASSERT_EQ(0, guest_attach(g, g->backend.fd));
		ASSERT_TRUE(pump_flows(&self->p, 1));
	}
	EXPECT_EQ(0, pump_stop(&self->p));
	EXPECT_EQ(self->p.sent, self->p.seen);
}

TEST_F(flow, closed)
{
	int fd = self->g.fd;

	ASSERT_EQ(0, dev_attach_worker(fd, VQ_RX, 1));
	ASSERT_EQ(0, dev_attach_worker(fd, VQ_TX, 3));
	ASSERT_TRUE(flows(&self->g, &self->p));
	self->g.fd = -1;
	EXPECT_EQ(0, close(fd));
	EXPECT_TRUE(workers_become(getpid(), 0));
	__atomic_store_n(&self->p.stop, true, __ATOMIC_RELEASE);
	pthread_join(self->p.thread, NULL);
	EXPECT_FALSE(self->p.broken);
}

TEST_F(flow, reset_owner)
{
	struct guest *g = &self->g;
	int i;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, dev_attach_worker(g->fd, i % VQ_MAX, 1 + i % 3));
		ASSERT_TRUE(flows(g, &self->p));
		ASSERT_EQ(0, dev_reset_owner(g->fd));
		EXPECT_TRUE(workers_become(getpid(), 0));
		/* The pump must not touch the ring while we read its index. */
		__atomic_store_n(&self->p.stop, true, __ATOMIC_RELEASE);
		pthread_join(self->p.thread, NULL);
		EXPECT_FALSE(self->p.broken);
		guest_reap(g);
		ASSERT_EQ(0, guest_setup(g));
		while (dev_new_worker(g->fd) != WORKERS - 1)
			;
		ASSERT_EQ(0, guest_attach(g, g->backend.fd));
		ASSERT_EQ(0, guest_drain(g));
	}
}

/* A lazy guest notices each wake-up that was lost on the way. */
struct swapper {
	struct guest *g;
	bool stop;
	int swaps;
	int err;
};

static void *swap_all_the_time(void *arg)
{
	struct swapper *s = arg;
	__u64 seed = 99;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED) && !s->err) {
		s->err = dev_attach_worker(s->g->fd, rnd(&seed) % VQ_MAX,
					   rnd(&seed) % WORKERS);
		s->swaps++;
		player_jitter(&seed);
	}
	return NULL;
}

TEST_F_TIMEOUT(flow, no_wakeup_lost, 150)
{
	struct swapper s = { .g = &self->g };
	static struct player p;
	pthread_t thread;

	ASSERT_EQ(4, guest_post(&self->g, 4));
	ASSERT_EQ(0, pthread_create(&thread, NULL, swap_all_the_time, &s));
	p.g = &self->g;
	player_run(&p, ROUNDS);
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_EQ(NULL, p.stuck)
		TH_LOG("%s", p.stuck);
	EXPECT_EQ(0, s.err);
	EXPECT_LT(1000, s.swaps);
}

/*
 * One worker is held where it touches a transmit buffer: what the other does
 * must not depend on it.
 */
FIXTURE(held)
{
	struct guest g;
	struct stall s;
	char content[PAGE];
	char frame[FRAME_MAX];
};

FIXTURE_SETUP(held)
{
	struct guest_cfg cfg = { .features = F_V1 };
	struct guest *g = &self->g;
	int r;

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("has one worker");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(g, &cfg));
	r = arena_add(&g->arena, STALL_GPA, PAGE);
	ASSERT_LT(0, r);
	ASSERT_EQ(0, dev_set_mem(g->fd, &g->arena));
	r = stall_init(&self->s, g->arena.region[r].hva, PAGE);
	if (r)
		SKIP_ALL("no userfaultfd");
	ASSERT_EQ(1, dev_new_worker(g->fd));
	ASSERT_LT(0, guest_post(g, 64));
	EXPECT_EQ(0, traffic_alive(g));
	frame_build(self->content + 12, 60, FRAME_TO_HOST, 4711);
}

FIXTURE_TEARDOWN(held)
{
	stall_end(&self->s);
	guest_stop(&self->g);
}

/* The page at which the worker of the transmit ring is held now. */
static void *hold(struct guest *g, struct stall *s)
{
	const struct vq_seg seg = { STALL_GPA, 72, 0 };

	if (vq_add(&g->vq[VQ_TX], &seg, 1, NULL))
		return NULL;
	vq_kick(&g->vq[VQ_TX]);
	return stall_wait(s, STALL_MS);
}

static bool frame_comes(struct guest *g, void *frame)
{
	struct rx_packet p;
	__u32 seq;

	frame_build(frame, 60, FRAME_TO_GUEST, 12);
	return !wire_send_wait(&g->wire, frame, 60, NULL) &&
		guest_recv(g, frame, &p, STALL_MS) == 1 &&
		frame_intact(frame, p.len, &seq) && seq == 12;
}

TEST_F(held, other_ring_goes_on)
{
	struct guest *g = &self->g;
	struct vq_used u;
	void *page;
	int i;

	ASSERT_EQ(0, dev_attach_worker(g->fd, VQ_RX, 1));
	page = hold(g, &self->s);
	ASSERT_NE(NULL, page);
	for (i = 0; i < 100; i++)
		ASSERT_TRUE(frame_comes(g, self->frame));
	EXPECT_FALSE(vq_more_used(&g->vq[VQ_TX]));
	ASSERT_EQ(0, stall_release(&self->s, page, self->content));
	ASSERT_TRUE(vq_wait(&g->vq[VQ_TX], STALL_MS));
	EXPECT_EQ(1, vq_get_used(&g->vq[VQ_TX], &u));
	EXPECT_EQ(60, wire_recv(&g->wire, self->frame, sizeof(self->frame),
				NULL, STALL_MS));
}

/* What waits behind the held ring comes along, or is done when it goes on. */
TEST_F(held, work_left_behind)
{
	struct guest *g = &self->g;
	struct vq_used u;
	void *page;

	page = hold(g, &self->s);
	ASSERT_NE(NULL, page);
	frame_build(self->frame, 60, FRAME_TO_GUEST, 11);
	ASSERT_EQ(0, wire_send_wait(&g->wire, self->frame, 60, NULL));
	pause_ms(20);
	ASSERT_EQ(0, dev_attach_worker(g->fd, VQ_RX, 1));
	ASSERT_EQ(-EBUSY, dev_free_worker(g->fd, 0));
	frame_build(self->frame, 60, FRAME_TO_GUEST, 12);
	ASSERT_EQ(0, wire_send_wait(&g->wire, self->frame, 60, NULL));
	ASSERT_EQ(0, stall_release(&self->s, page, self->content));
	ASSERT_EQ(0, dev_attach_worker(g->fd, VQ_TX, 1));
	ASSERT_EQ(0, dev_free_worker(g->fd, 0));
	EXPECT_TRUE(vq_wait_after(&g->vq[VQ_RX], 1, STALL_MS));
	ASSERT_TRUE(vq_wait(&g->vq[VQ_TX], STALL_MS));
	EXPECT_EQ(1, vq_get_used(&g->vq[VQ_TX], &u));
}

/* An owner with several workers, and threads that keep it in calls. */
static void *call_on_and_on(void *arg)
{
	struct guest *g = arg;
	__u64 seed = (uintptr_t)&seed;

	for (;;) {
		dev_new_worker(g->fd);
		dev_attach_worker(g->fd, rnd(&seed) % VQ_MAX, rnd(&seed) % 8);
		dev_free_worker(g->fd, rnd(&seed) % 8);
		guest_attach(g, rnd(&seed) & 1 ? -1 : g->backend.fd);
		dev_set_mem(g->fd, &g->arena);
	}
	return NULL;
}

static void child(int ready, bool calls)
{
	struct guest_cfg cfg = { .features = F_V1 | F_MRG | F_EVENT };
	static struct guest g;
	static struct pump p;
	pthread_t thread;
	int i;

	/* A test that is killed takes its children along. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (netif_new_namespace() || guest_start(&g, &cfg))
		_exit(1);
	for (i = 1; i < WORKERS; i++)
		dev_new_worker(g.fd);
	dev_attach_worker(g.fd, VQ_RX, 2);
	if (!flows(&g, &p))
		_exit(2);
	for (i = 0; calls && i < 2; i++)
		pthread_create(&thread, NULL, call_on_and_on, &g);
	if (write(ready, "", 1) != 1)
		_exit(3);
	for (;;)
		pause();
}

static void kill_owners(struct __test_metadata *_metadata, bool calls)
{
	int i, status, ready[2];
	__u64 seed = 5;
	pid_t pid;
	char c;

	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, pipe(ready));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			child(ready[1], calls);
		close(ready[1]);
		ASSERT_EQ(1, read(ready[0], &c, 1));
		if (calls)
			pause_ms(rnd(&seed) % 50);
		else
			EXPECT_EQ(WORKERS, worker_count(pid));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
		EXPECT_TRUE(workers_become(pid, 0));
		close(ready[0]);
	}
}

TEST(owner_killed)
{
	RUN_IF_SELECTED();
	NOT_FOR_STOCK("has one worker");
	kill_owners(_metadata, false);
}

TEST(owner_killed_in_a_call)
{
	RUN_IF_SELECTED();
	NOT_FOR_STOCK("has one worker");
	kill_owners(_metadata, true);
}

TEST_HARNESS_MAIN
