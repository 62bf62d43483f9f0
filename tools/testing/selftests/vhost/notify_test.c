// SPDX-License-Identifier: GPL-2.0
/*
 * Kicks and calls: none may be lost, none may come that nobody asked for,
 * and a device without work must not use the processor.
 *
 * The guest here is lazy on purpose: see lib/player.h.
 */
#include "fixture.h"

#include <pthread.h>
#include <sys/eventfd.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "player.h"
#include "stall.h"
#include "traffic.h"

#define PLAYERS		4
#define ROUNDS		1500

struct seat {
	pthread_t thread;
	struct guest g;
	__u64 features;
	struct player p;
};

static struct seat seat[PLAYERS];

static void *play(void *arg)
{
	struct seat *s = arg;
	struct guest_cfg cfg = {
		.features = s->features,
		.num = { 64, 64 },
		/* So few that the device often has to wait for one. */
		.pool = { 3, 64 },
	};

	s->p.g = &s->g;
	s->p.stuck = "set-up";
	if (netif_new_namespace() || guest_start(&s->g, &cfg) ||
	    guest_post(&s->g, 3) != 3)
		return NULL;
	s->p.stuck = NULL;
	player_run(&s->p, ROUNDS);
	guest_stop(&s->g);
	return NULL;
}

FIXTURE(storm)
{
	int unused;
};

FIXTURE_VARIANT(storm)
{
	__u64 features;
};

FIXTURE_VARIANT_ADD(storm, flags)
{
	.features = 0,
};

FIXTURE_VARIANT_ADD(storm, event)
{
	.features = F_EVENT | F_V1,
};

FIXTURE_VARIANT_ADD(storm, empty)
{
	.features = F_EMPTY | F_V1,
};

FIXTURE_VARIANT_ADD(storm, event_empty)
{
	.features = F_EVENT | F_EMPTY | F_MRG,
};

FIXTURE_SETUP(storm)
{
	RUN_IF_SELECTED();
}

FIXTURE_TEARDOWN(storm)
{
}

TEST_F_TIMEOUT(storm, nothing_lost, 200)
{
	int i;

	for (i = 0; i < PLAYERS; i++) {
		seat[i].features = variant->features;
		seat[i].p.seed = 1000 + i;
		ASSERT_EQ(0, pthread_create(&seat[i].thread, NULL, play,
					    &seat[i]));
	}
	for (i = 0; i < PLAYERS; i++) {
		pthread_join(seat[i].thread, NULL);
		EXPECT_EQ(NULL, seat[i].p.stuck)
			TH_LOG("player %d: %s", i, seat[i].p.stuck);
	}
}

/* One guest, and what it is told. */
FIXTURE(one)
{
	struct guest g;
	char frame[FRAME_MAX];
};

FIXTURE_VARIANT(one)
{
	__u64 features;
};

FIXTURE_VARIANT_ADD(one, flags)
{
	.features = F_V1,
};

FIXTURE_VARIANT_ADD(one, event)
{
	.features = F_V1 | F_EVENT,
};

FIXTURE_SETUP(one)
{
	struct guest_cfg cfg = { .features = variant->features };

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(one)
{
	guest_stop(&self->g);
}

static int queue_frames(struct guest *g, unsigned int n)
{
	char frame[60];
	int r = 0;

	frame_build(frame, sizeof(frame), FRAME_TO_HOST, 1);
	while (n-- && !r)
		r = guest_send(g, frame, sizeof(frame), NULL);
	return r;
}

/* Without the help of a call: poll the ring itself. */
static bool spin_until_used(struct vq *vq, unsigned int n)
{
	__s64 end = now_ms() + STALL_MS;

	while (!vq->ops->more_used(vq, n - 1) && now_ms() < end)
		pause_ms(1);
	return vq->ops->more_used(vq, n - 1);
}

TEST_F(one, no_call_unless_asked)
{
	struct vq *tx = &self->g.vq[VQ_TX];
	int i;

	/* An event index already behind us comes round only much later. */
	ASSERT_EQ(0, traffic_alive(&self->g));
	eventfd_drain(tx->call);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, queue_frames(&self->g, 10));
		vq_kick(tx);
		ASSERT_TRUE(spin_until_used(tx, 10));
		ASSERT_EQ(10, guest_reap(&self->g));
	}
	pause_ms(50);
	EXPECT_EQ(0, eventfd_drain(tx->call));
}

TEST_F(one, call_at_the_event)
{
	struct vq *tx = &self->g.vq[VQ_TX];
	unsigned int i, at;

	if (!(variant->features & F_EVENT))
		SKIP(return, "flags have no event index");
	/* The very first call may come unasked. */
	ASSERT_EQ(0, traffic_alive(&self->g));
	eventfd_drain(tx->call);
	for (i = 0; i < 33; i++) {
		/* The first to the last of ten, and then one too far. */
		at = i % 11;
		tx->ops->call_on(tx, at);
		ASSERT_EQ(0, queue_frames(&self->g, 10));
		vq_kick(tx);
		ASSERT_TRUE(spin_until_used(tx, 10));
		EXPECT_EQ(at < 10, eventfd_wait(tx->call, at < 10 ?
						STALL_MS : 50));
		EXPECT_EQ(at < 10, eventfd_drain(tx->call));
		ASSERT_EQ(10, guest_reap(&self->g));
	}
}

/* A kick eventfd that is signalled when it is handed over is a kick. */
TEST_F(one, kick_before_the_fd_is_set)
{
	struct vq *tx = &self->g.vq[VQ_TX];
	int fd = eventfd(3, EFD_NONBLOCK);

	ASSERT_EQ(0, dev_vring_file(self->g.fd, VHOST_SET_VRING_KICK, VQ_TX,
				    -1));
	ASSERT_EQ(0, queue_frames(&self->g, 3));
	vq_publish(tx);
	ASSERT_EQ(0, dev_vring_file(self->g.fd, VHOST_SET_VRING_KICK, VQ_TX,
				    fd));
	EXPECT_TRUE(spin_until_used(tx, 3));
	close(fd);
}

/* No kick reaches a device whose kick eventfd was taken away. */
TEST_F(one, old_kick_fd_is_dead)
{
	struct vq *tx = &self->g.vq[VQ_TX];

	ASSERT_EQ(0, traffic_alive(&self->g));
	ASSERT_EQ(0, dev_vring_file(self->g.fd, VHOST_SET_VRING_KICK, VQ_TX,
				    -1));
	ASSERT_EQ(0, queue_frames(&self->g, 3));
	/* A turn that is not over would find them. */
	ASSERT_TRUE(workers_asleep());
	vq_kick_always(tx);
	pause_ms(200);
	EXPECT_FALSE(vq_more_used(tx));
	ASSERT_EQ(0, dev_vring_file(self->g.fd, VHOST_SET_VRING_KICK, VQ_TX,
				    tx->kick));
	EXPECT_EQ(0, guest_drain(&self->g));
}

/* Buffers that were there before the backend was need no kick. */
TEST_F(one, attach_finds_what_is_there)
{
	struct guest *g = &self->g;
	struct rx_packet p;

	ASSERT_EQ(0, guest_attach(g, -1));
	ASSERT_EQ(0, queue_frames(g, 3));
	vq_publish(&g->vq[VQ_TX]);
	ASSERT_LT(0, guest_post(g, 8));
	frame_build(self->frame, 60, FRAME_TO_GUEST, 5);
	ASSERT_EQ(0, wire_send_wait(&g->wire, self->frame, 60, NULL));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(1, guest_recv(g, self->frame, &p, STALL_MS));
	/* A tap is writable at once, which stands for the first kick. */
	EXPECT_TRUE(spin_until_used(&g->vq[VQ_TX], 3));
}

#define WATCH_MS	1000

static long cpu_while_watching(void)
{
	long before;

	pause_ms(200);
	before = worker_cpu_ms(getpid());
	pause_ms(WATCH_MS);
	return worker_cpu_ms(getpid()) - before;
}

TEST_F(one, idle_is_idle)
{
	EXPECT_LT(0, worker_count(getpid()));
	ASSERT_EQ(0, traffic_alive(&self->g));
	EXPECT_GT(WATCH_MS / 4, cpu_while_watching());
}

/* Frames wait at the tap, but the guest gives no buffers. */
TEST_F(one, idle_without_buffers)
{
	int i;

	frame_build(self->frame, 60, FRAME_TO_GUEST, 1);
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, wire_send_wait(&self->g.wire, self->frame, 60,
					    NULL));
	EXPECT_GT(WATCH_MS / 4, cpu_while_watching());
	/* And then it does. */
	ASSERT_LT(0, guest_post(&self->g, 256));
	EXPECT_TRUE(spin_until_used(&self->g.vq[VQ_RX], 100));
}

/* Buffers lie in both rings of a device that was detached. */
TEST_F(one, idle_when_detached)
{
	ASSERT_LT(0, guest_post(&self->g, 64));
	ASSERT_EQ(0, guest_attach(&self->g, -1));
	ASSERT_EQ(0, queue_frames(&self->g, 10));
	vq_kick_always(&self->g.vq[VQ_TX]);
	EXPECT_GT(WATCH_MS / 4, cpu_while_watching());
}

/* Called when the last buffer is used, even if calls are turned off. */
TEST(call_on_empty)
{
	struct guest_cfg cfg = { .features = F_EMPTY };
	struct guest g;
	int i;

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&g, &cfg));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, queue_frames(&g, 5));
		vq_kick(&g.vq[VQ_TX]);
		EXPECT_TRUE(eventfd_wait(g.vq[VQ_TX].call, STALL_MS));
		ASSERT_TRUE(spin_until_used(&g.vq[VQ_TX], 5));
		eventfd_drain(g.vq[VQ_TX].call);
		ASSERT_EQ(5, guest_reap(&g));
	}
	guest_stop(&g);
}

/*
 * A monitor that masks and unmasks the guest's interrupt all the time (S44):
 * it points the device at a spare eventfd, and passes on what came there.
 */
struct masker {
	struct guest *g;
	int spare[VQ_MAX];
	bool stop;
	int swaps;
};

static void *mask_and_unmask(void *arg)
{
	struct masker *m = arg;
	__u64 seed = 77, one = 1;
	int i;

	while (!__atomic_load_n(&m->stop, __ATOMIC_RELAXED)) {
		i = rnd(&seed) % VQ_MAX;
		if (dev_vring_file(m->g->fd, VHOST_SET_VRING_CALL, i,
				   m->spare[i]))
			break;
		player_jitter(&seed);
		if (dev_vring_file(m->g->fd, VHOST_SET_VRING_CALL, i,
				   m->g->vq[i].call))
			break;
		if (eventfd_drain(m->spare[i]) &&
		    write(m->g->vq[i].call, &one, sizeof(one)) < 0)
			break;
		player_jitter(&seed);
		m->swaps++;
	}
	return NULL;
}

TEST_F(one, mask_storm)
{
	struct masker m = { .g = &self->g };
	static struct player p;
	pthread_t thread;
	int i;

	for (i = 0; i < VQ_MAX; i++)
		m.spare[i] = eventfd(0, EFD_NONBLOCK);
	ASSERT_LT(0, guest_post(&self->g, 4));
	ASSERT_EQ(0, pthread_create(&thread, NULL, mask_and_unmask, &m));
	p.g = &self->g;
	for (i = 0; i < ROUNDS && !p.stuck; i++) {
		p.stuck = player_tx(&p);
		if (!p.stuck)
			p.stuck = player_rx(&p);
	}
	__atomic_store_n(&m.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_EQ(NULL, p.stuck)
		TH_LOG("round %d: %s", i, p.stuck);
	EXPECT_LT(100, m.swaps);
}

/*
 * Something comes when the device has seen that there is nothing more to do,
 * but has not yet asked to be told: it is kept where it shows what it did. For
 * that, what it touches there is in a page of its own.
 */
#define LATE_RING	1024
#define LATE_AT		100

FIXTURE(late)
{
	struct guest g;
	struct vq *vq;
	struct stall s;
	void *page;
};

FIXTURE_VARIANT(late)
{
	unsigned int index;
	__u64 features;
	bool packet;		/* it is a packet, not a buffer */
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(late, tx) { VQ_TX };
FIXTURE_VARIANT_ADD(late, tx_event) { VQ_TX, F_EVENT };
FIXTURE_VARIANT_ADD(late, tx_packed) { VQ_TX, F_PACKED };
FIXTURE_VARIANT_ADD(late, tx_packed_event) { VQ_TX, F_PACKED | F_EVENT };
FIXTURE_VARIANT_ADD(late, rx) { VQ_RX };
FIXTURE_VARIANT_ADD(late, rx_event) { VQ_RX, F_EVENT };
FIXTURE_VARIANT_ADD(late, rx_packed) { VQ_RX, F_PACKED };
FIXTURE_VARIANT_ADD(late, rx_packed_event) { VQ_RX, F_PACKED | F_EVENT };
FIXTURE_VARIANT_ADD(late, tap) { VQ_RX, 0, true };
FIXTURE_VARIANT_ADD(late, packet) { VQ_RX, 0, true, BACKEND_PACKET };

FIXTURE_SETUP(late)
{
	struct guest_cfg cfg = {
		.features = F_V1 | variant->features,
		.num = { LATE_RING, LATE_RING },
		.pool = { 4, 4 },
		.start = LATE_AT,
		.backend.kind = variant->kind,
	};
	struct vq *vq = &self->g.vq[variant->index];
	const void *at;

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("does not say when it has begun");
	NEEDS(variant->features & F_PACKED);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	ASSERT_TRUE(has_run(&self->g, variant->index, 0));
	at = vq->cfg.layout == VQ_PACKED ? (void *)vq->packed.driver :
					   (void *)&vq->used->ring[LATE_AT];
	self->vq = vq;
	self->page = (void *)((uintptr_t)at & -PAGE);
	if (stall_init_shared(&self->s, self->page, PAGE))
		SKIP_ALL("no userfaultfd for shared pages");
}

FIXTURE_TEARDOWN(late)
{
	stall_end(&self->s);
	guest_stop(&self->g);
}

static int add_packet(struct guest *g, unsigned int index, __u32 seq)
{
	char frame[60];
	int r;

	frame_build(frame, sizeof(frame),
		    index == VQ_TX ? FRAME_TO_HOST : FRAME_TO_GUEST, seq);
	if (index == VQ_RX)
		return wire_send_wait(&g->wire, frame, sizeof(frame), NULL);
	r = guest_send(g, frame, sizeof(frame), NULL);
	vq_kick(&g->vq[VQ_TX]);
	return r;
}

/* The first of two, and what the second one is to lack only one thing for. */
static int begin(struct guest *g, unsigned int index, bool packet)
{
	long long runs = count(g, index, "runs");
	int r = add_packet(g, index, 0);

	if (!r && index == VQ_RX && !packet)
		r = add_packet(g, index, 1) || !has_run(g, index, runs);
	if (!r && index == VQ_RX)
		r = guest_post(g, packet ? 2 : 1) < 0;
	return r;
}

static int go_on(struct guest *g, unsigned int index, bool packet)
{
	if (index == VQ_TX || packet)
		return add_packet(g, index, 1);
	return guest_post(g, 1) != 1;
}

TEST_F(late, is_found)
{
	struct guest *g = &self->g;
	struct vq *vq = self->vq;

	ASSERT_EQ(0, begin(g, variant->index, variant->packet));
	ASSERT_EQ(self->page, stall_wait(&self->s, STALL_MS));
	/* Mostly without a kick: that was asked for one time. */
	ASSERT_EQ(0, go_on(g, variant->index, variant->packet));
	ASSERT_EQ(0, stall_continue(&self->s, self->page));
	EXPECT_TRUE(vq_wait_after(vq, 1, STALL_MS));
}

TEST_HARNESS_MAIN
