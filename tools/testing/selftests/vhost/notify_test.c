// SPDX-License-Identifier: GPL-2.0
/*
 * Kicks and calls: none may be lost, none may come that nobody asked for,
 * and a device without work must not use the processor.
 *
 * The guest here is lazy on purpose. It kicks only when the ring tells it
 * to, sleeps on the call eventfd, and adds buffers a few at a time with
 * random gaps, so that additions fall into the moment in which the driver
 * has found nothing more to do and turns notifications back on. A driver
 * that doesn't look again then leaves buffers lying, which shows as a stall.
 */
#include "fixture.h"

#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>

#include "guest.h"
#include "netif.h"
#include "traffic.h"

#define PLAYERS		4
#define ROUNDS		1500
#define MAX_BURST	8

struct player {
	pthread_t thread;
	struct guest g;
	__u64 features;
	__u64 seed;
	__u32 tx_seq, rx_seq;
	char out[128], in[FRAME_MAX];
	const char *stuck;	/* why it gave up */
};

static struct player player[PLAYERS];

/* Mostly nothing, often a moment of work, sometimes a rest. */
static void jitter(__u64 *seed)
{
	unsigned int what = rnd(seed) % 16, n = rnd(seed) % 400;

	if (what >= 15)
		usleep(n);
	else if (what >= 14)
		sched_yield();
	else if (what >= 7)
		while (n--)
			__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static size_t len_tiny(__u32 seq)
{
	return 60 + seq % 60;
}

static const struct traffic tiny = { .len = len_tiny };

/* Sleep until all is used, asking to be woken at random points. */
static const char *wait_all_sent(struct player *p)
{
	struct vq *vq = &p->g.vq[VQ_TX];
	unsigned int left;

	while ((left = vq_in_flight(vq))) {
		if (!vq_wait_after(vq, rnd(&p->seed) % left, STALL_MS))
			return vq->lost_calls ? "transmit: call lost" :
				"transmit: kick lost";
		if (guest_reap(&p->g) < 0)
			return "transmit: ring";
	}
	return NULL;
}

static const char *tx_round(struct player *p)
{
	unsigned int i, n = 1 + rnd(&p->seed) % MAX_BURST;
	__u32 seq = p->tx_seq;
	const char *why;
	size_t len;

	for (i = 0; i < n; i++) {
		len = len_tiny(p->tx_seq);
		frame_build(p->out, len, FRAME_TO_HOST, p->tx_seq++);
		if (guest_send(&p->g, p->out, len, NULL))
			return "transmit: no room";
		vq_kick(&p->g.vq[VQ_TX]);
		jitter(&p->seed);
	}
	why = wait_all_sent(p);
	for (; !why && n--; seq++) {
		int r = wire_recv(&p->g.wire, p->in, sizeof(p->in), NULL,
				  STALL_MS);

		if (r <= 0 || traffic_expect(p->in, r, &tiny, seq))
			why = "transmit: frame";
	}
	return why;
}

static const char *rx_round(struct player *p)
{
	unsigned int i, n = 1 + rnd(&p->seed) % MAX_BURST;
	__u32 seq = p->rx_seq;
	struct rx_packet packet;
	size_t len;
	int r;

	for (i = 0; i < n; i++) {
		len = len_tiny(p->rx_seq);
		frame_build(p->out, len, FRAME_TO_GUEST, p->rx_seq++);
		if (wire_send_wait(&p->g.wire, p->out, len, NULL))
			return "receive: wire";
		jitter(&p->seed);
	}
	while (n--) {
		r = guest_recv(&p->g, p->in, &packet, STALL_MS);
		if (!r)
			return p->g.vq[VQ_RX].lost_calls ?
				"receive: call lost" : "receive: kick lost";
		if (r < 0 || traffic_expect(p->in, packet.len, &tiny, seq++))
			return "receive: frame";
		jitter(&p->seed);
	}
	return NULL;
}

static void *play(void *arg)
{
	struct player *p = arg;
	struct guest_cfg cfg = {
		.features = p->features,
		.num = { 64, 64 },
		/* So few that the device often has to wait for one. */
		.pool = { 3, 64 },
	};
	unsigned int i;

	p->stuck = "set-up";
	if (netif_new_namespace() || guest_start(&p->g, &cfg) ||
	    guest_post(&p->g, 3) != 3)
		return NULL;
	p->stuck = NULL;
	for (i = 0; i < ROUNDS && !p->stuck; i++) {
		if (rnd(&p->seed) & 1)
			p->stuck = tx_round(p);
		if (!p->stuck && rnd(&p->seed) & 1)
			p->stuck = rx_round(p);
	}
	guest_stop(&p->g);
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
		player[i].features = variant->features;
		player[i].seed = 1000 + i;
		ASSERT_EQ(0, pthread_create(&player[i].thread, NULL, play,
					    &player[i]));
	}
	for (i = 0; i < PLAYERS; i++) {
		pthread_join(player[i].thread, NULL);
		EXPECT_EQ(NULL, player[i].stuck)
			TH_LOG("player %d: %s", i, player[i].stuck);
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
		jitter(&seed);
		if (dev_vring_file(m->g->fd, VHOST_SET_VRING_CALL, i,
				   m->g->vq[i].call))
			break;
		if (eventfd_drain(m->spare[i]) &&
		    write(m->g->vq[i].call, &one, sizeof(one)) < 0)
			break;
		jitter(&seed);
		m->swaps++;
	}
	return NULL;
}

TEST_F_TIMEOUT(one, mask_storm, 120)
{
	struct masker m = { .g = &self->g };
	static struct player p;
	pthread_t thread;
	int i;

	for (i = 0; i < VQ_MAX; i++)
		m.spare[i] = eventfd(0, EFD_NONBLOCK);
	ASSERT_LT(0, guest_post(&self->g, 4));
	ASSERT_EQ(0, pthread_create(&thread, NULL, mask_and_unmask, &m));
	p.g = self->g;
	for (i = 0; i < ROUNDS && !p.stuck; i++) {
		p.stuck = tx_round(&p);
		if (!p.stuck)
			p.stuck = rx_round(&p);
	}
	__atomic_store_n(&m.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_EQ(NULL, p.stuck)
		TH_LOG("round %d: %s", i, p.stuck);
	EXPECT_LT(100, m.swaps);
	self->g = p.g;
}

TEST_HARNESS_MAIN
