// SPDX-License-Identifier: GPL-2.0
/*
 * Where two things meet that seldom do: a packet and a ring of its size,
 * errors and kicks, rings that stop with something left to be said.
 */
#include "fixture.h"

#include <sys/eventfd.h>
#include <sys/mman.h>

#include "counters.h"
#include "dirty.h"
#include "guest.h"
#include "netif.h"
#include "traffic.h"

static char frame[FRAME_MAX], got[FRAME_MAX];

static void kick(struct vq *vq)
{
	__u64 one = 1;

	if (write(vq->kick, &one, sizeof(one)) < 0)
		perror("kick");
}

static bool quiet(void)
{
	long before;

	pause_ms(100);
	before = worker_cpu_ms(getpid());
	pause_ms(400);
	return worker_cpu_ms(getpid()) - before < 200;
}

static int wire_in(struct guest *g, size_t len, __u32 seq)
{
	frame_build(frame, len, FRAME_TO_GUEST, seq);
	return wire_send_wait(&g->wire, frame, len, NULL);
}

/* Frame number @seq, and nothing else, comes in? */
static bool receives(struct guest *g, size_t len, __u32 seq)
{
	struct rx_packet p;
	__u32 n;

	return guest_recv(g, got, &p, STALL_MS) == 1 && p.len == len &&
		frame_intact(got, len, &n) && n == seq;
}

/*
 * A buffer may take several entries of the ring. A packet that needs more of
 * them than there are is not waited for; one that needs all of them fits.
 */
FIXTURE(slots)
{
	struct guest g;
};

FIXTURE_VARIANT(slots)
{
	struct shape shape;
	unsigned int fit;	/* buffers that the ring can hold */
	__u64 features;
};

#define SLOTS		16
#define SLOT_BUF	1024

FIXTURE_VARIANT_ADD(slots, one) { { 0, 1, false }, 16, 0 };
FIXTURE_VARIANT_ADD(slots, two) { { 0, 2, false }, 8, 0 };
FIXTURE_VARIANT_ADD(slots, two_event) { { 1, 1, false }, 8, F_EVENT };
FIXTURE_VARIANT_ADD(slots, four) { { 1, 3, false }, 4, 0 };
FIXTURE_VARIANT_ADD(slots, sixteen) { { 3, 13, false }, 1, F_EVENT };
FIXTURE_VARIANT_ADD(slots, table) { { 1, 3, true }, 16, F_INDIRECT };

FIXTURE_SETUP(slots)
{
	struct guest_cfg cfg = {
		.features = F_V1 | F_MRG | variant->features,
		.num = { SLOTS, SLOTS },
		.buf = { SLOT_BUF, 2048 },
		.shape = { variant->shape },
		.start = 65530,
	};

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("waits for ever");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(slots)
{
	guest_stop(&self->g);
}

TEST_F(slots, packet_and_ring)
{
	const size_t most = variant->fit * SLOT_BUF - 12;
	struct guest *g = &self->g;
	int i;

	ASSERT_EQ((int)variant->fit, guest_post(g, SLOTS));
	for (i = 1; i <= 5; i++) {
		ASSERT_EQ(0, wire_in(g, most + 1, 0));
		ASSERT_EQ(0, wire_in(g, 60, i));
		EXPECT_TRUE(receives(g, 60, i));
		EXPECT_EQ(i, count(g, VQ_RX, "drop-big"));
		ASSERT_EQ(0, wire_in(g, most, 10 + i));
		EXPECT_TRUE(receives(g, most, 10 + i));
	}
	EXPECT_EQ(0, eventfd_drain(g->vq[VQ_RX].err));
	EXPECT_TRUE(quiet());
	EXPECT_EQ(0, traffic_alive(g));
}

/* Each buffer has few enough pieces for a packet; all together have not. */
TEST(pieces_of_many)
{
	struct guest_cfg cfg = {
		.features = F_V1 | F_MRG | F_INDIRECT,
		.num = { SLOTS, SLOTS },
		.buf = { 1600, 2048 },
		.shape = { { 0, 79, true } },
	};
	struct guest g;
	int i;

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("waits for ever");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&g, &cfg));
	ASSERT_EQ(SLOTS, guest_post(&g, SLOTS));
	for (i = 1; i <= 5; i++) {
		ASSERT_EQ(0, wire_in(&g, 14 * 1600 - 100, 0));
		ASSERT_EQ(0, wire_in(&g, 12 * 1600 - 100, i));
		EXPECT_TRUE(receives(&g, 12 * 1600 - 100, i));
		EXPECT_EQ(i, count(&g, VQ_RX, "drop-big"));
	}
	EXPECT_EQ(0, eventfd_drain(g.vq[VQ_RX].err));
	EXPECT_EQ(0, traffic_alive(&g));
	guest_stop(&g);
}

/* Ring memory that goes away, and what is said and left of it. */
FIXTURE(gone)
{
	struct guest g;
	struct vq *vq;
};

FIXTURE_VARIANT(gone)
{
	unsigned int index;
	__u64 features;
};

FIXTURE_VARIANT_ADD(gone, tx) { VQ_TX, F_V1 };
FIXTURE_VARIANT_ADD(gone, tx_event) { VQ_TX, F_V1 | F_EVENT };
FIXTURE_VARIANT_ADD(gone, rx) { VQ_RX, F_V1 };
FIXTURE_VARIANT_ADD(gone, rx_event) { VQ_RX, F_V1 | F_EVENT };

#define LEFT	3		/* packets sent at a time */
#define RETRIES	5

FIXTURE_SETUP(gone)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.start = 65534,
	};

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("leaves a broken ring broken");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	/* From here on it needs its memory only when something comes. */
	ASSERT_TRUE(has_run(&self->g, variant->index, 0));
	self->vq = &self->g.vq[variant->index];
}

FIXTURE_TEARDOWN(gone)
{
	guest_stop(&self->g);
}

/* Where the device looks for buffers. */
static enum vq_part looked_at(const struct guest *g)
{
	return g->cfg.features & F_PACKED ? VQ_DESC : VQ_AVAIL;
}

static void protect(struct vq *vq, enum vq_part part, int prot)
{
	uintptr_t at = (uintptr_t)vq_part(vq, part, NULL);

	mprotect((void *)(at & ~(PAGE - 1)), PAGE, prot);
}

/*
 * How many are used at a time for sure. Packets come one by one, and the device
 * may be through with the first one before the next is there.
 */
static int at_once(const struct vq *vq)
{
	return vq->index == VQ_RX ? 1 : LEFT;
}

/* Packets for the device, of which it is not told yet. */
static int prepare(struct guest *g, struct vq *vq)
{
	int i, r = 0;

	for (i = 0; i < at_once(vq) && vq->index == VQ_TX && !r; i++) {
		frame_build(frame, 60, FRAME_TO_HOST, i);
		r = guest_send(g, frame, 60, NULL);
	}
	for (i = 0; i < at_once(vq) && vq->index == VQ_RX && !r; i++)
		r = wire_in(g, 60, i);
	vq_publish(vq);
	return r;
}

static bool tried_again(struct guest *g, struct vq *vq, int times)
{
	long long tries = count(g, vq->index, "bad-ring");
	__s64 end = now_ms() + STALL_MS;

	while (count(g, vq->index, "bad-ring") < tries + times) {
		if (now_ms() > end)
			return false;
		pause_ms(10);
		kick(vq);
	}
	return true;
}

/* The owner is told when a ring breaks, and not each time it is tried. */
TEST_F(gone, told_once)
{
	struct guest *g = &self->g;
	struct vq *vq = self->vq;
	/* Of receive buffers it knows some in advance. */
	enum vq_part part = vq->index == VQ_RX ? VQ_USED : VQ_AVAIL;
	int i;

	for (i = 0; i < 3; i++) {
		protect(vq, part, PROT_NONE);
		if (vq->index == VQ_RX)
			ASSERT_EQ(0, wire_in(g, 60, i));
		kick(vq);
		ASSERT_TRUE(comes_to_say(g, vq->index, "state", "broken"));
		EXPECT_TRUE(eventfd_wait(vq->err, STALL_MS));
		EXPECT_EQ(1, eventfd_drain(vq->err));
		EXPECT_TRUE(tried_again(g, vq, RETRIES));
		EXPECT_EQ(0, eventfd_drain(vq->err));
		protect(vq, part, PROT_READ | PROT_WRITE);
		kick(vq);
		ASSERT_TRUE(comes_to_say(g, vq->index, "state", "running"));
		if (vq->index == VQ_RX) {
			ASSERT_LE(0, guest_post(g, LEFT));
			EXPECT_TRUE(receives(g, 60, i));
		}
		EXPECT_EQ(0, traffic_alive(g));
		EXPECT_EQ(0, eventfd_drain(vq->err));
	}
}

/* Packets have passed, but the guest can't be told of its buffers. */
static bool pass_unseen(struct guest *g, struct vq *vq)
{
	int i;

	if (vq->index == VQ_RX && guest_post(g, LEFT) < 0)
		return false;
	protect(vq, VQ_USED, PROT_NONE);
	if (prepare(g, vq))
		return false;
	kick(vq);
	for (i = 0; i < at_once(vq) && vq->index == VQ_TX; i++)
		if (wire_recv(&g->wire, got, sizeof(got), NULL, STALL_MS) != 60)
			return false;
	return comes_to_say(g, vq->index, "state", "broken");
}

/* Stopped for good as it is: no buffer is lost to the guest. */
TEST_F(gone, stopped_with_used_buffers)
{
	struct guest *g = &self->g;
	struct vq *vq = self->vq;
	__u16 base = vq->used_idx;
	int i;

	ASSERT_TRUE(pass_unseen(g, vq));
	/* It can't be asked for what it can't reach. */
	ASSERT_EQ(0, dev_set_backend(g->fd, vq->index, -1));
	EXPECT_EQ(base, dev_get_base(g->fd, vq->index));
	protect(vq, VQ_USED, PROT_READ | PROT_WRITE);
	EXPECT_EQ(base, vq->used->idx);
	/* A monitor may say the same, or say nothing. */
	if (vq->cfg.features & F_EVENT)
		ASSERT_EQ(0, dev_vring_state(g->fd, VHOST_SET_VRING_BASE,
					     vq->index, base));
	ASSERT_EQ(0, dev_set_backend(g->fd, vq->index, g->backend.fd));
	for (i = 0; i < at_once(vq); i++) {
		if (vq->index == VQ_RX) {
			/* Those that came before are lost. */
			ASSERT_EQ(0, wire_in(g, 70, 10 + i));
			EXPECT_TRUE(receives(g, 70, 10 + i));
		} else {
			/* Better twice than never. */
			EXPECT_EQ(60, wire_recv(&g->wire, got, sizeof(got),
						NULL, STALL_MS));
		}
	}
	EXPECT_EQ(0, guest_drain(g));
	EXPECT_EQ(0, traffic_alive(g));
}

/* Memory is back, and the guest is told at the last moment. */
TEST_F(gone, told_at_the_end)
{
	struct guest *g = &self->g;
	struct vq *vq = self->vq;
	__u16 base = vq->used_idx + at_once(vq);
	int i;

	ASSERT_TRUE(pass_unseen(g, vq));
	protect(vq, VQ_USED, PROT_READ | PROT_WRITE);
	ASSERT_EQ(0, dev_set_backend(g->fd, vq->index, -1));
	EXPECT_EQ(base, dev_get_base(g->fd, vq->index));
	EXPECT_EQ(base, vq->used->idx);
	for (i = 0; i < at_once(vq) && vq->index == VQ_RX; i++)
		EXPECT_TRUE(receives(g, 60, i));
	EXPECT_EQ(0, guest_drain(g));
	ASSERT_EQ(0, dev_set_backend(g->fd, vq->index, g->backend.fd));
	/* None of them passes twice. */
	EXPECT_EQ(0, wire_recv(&g->wire, got, sizeof(got), NULL, 100));
	EXPECT_EQ(0, traffic_alive(g));
}

/* One eventfd for several purposes: what the device says it hears itself. */
FIXTURE(shared)
{
	struct guest g;
};

FIXTURE_VARIANT(shared)
{
	__u64 features;
};

FIXTURE_VARIANT_ADD(shared, flags) { F_V1 | F_MRG };
FIXTURE_VARIANT_ADD(shared, event) { F_V1 | F_MRG | F_EVENT };
FIXTURE_VARIANT_ADD(shared, packed) { F_V1 | F_MRG | F_PACKED };
FIXTURE_VARIANT_ADD(shared, packed_event) {
	F_V1 | F_MRG | F_PACKED | F_EVENT
};

FIXTURE_SETUP(shared)
{
	struct guest_cfg cfg = { .features = variant->features };

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(shared)
{
	guest_stop(&self->g);
}

static int set_fd(struct guest *g, unsigned long req, unsigned int index,
		  int fd)
{
	return dev_vring_file(g->fd, req, index, fd);
}

/* A buffer that is too short for the header. */
static bool complains(struct guest *g, int times)
{
	struct vq_seg bad = {
		.gpa = g->arena.region[REGION_TX].gpa,
		.len = 5,
	};
	struct vq *vq = &g->vq[VQ_TX];
	struct vq_used u;
	int i;

	for (i = 0; i < times; i++) {
		if (vq_add(vq, &bad, 1, NULL))
			return false;
		vq_kick(vq);
		while (vq_in_flight(vq))
			if (vq_get_used(vq, &u) < 0)
				return false;
	}
	return true;
}

TEST_F(shared, error_is_kick)
{
	struct guest *g = &self->g;
	struct vq *tx = &g->vq[VQ_TX];
	unsigned int i;

	NOT_FOR_STOCK("gives up on a bad chain");
	for (i = 0; i < VQ_MAX; i++)
		ASSERT_EQ(0, set_fd(g, VHOST_SET_VRING_ERR, i,
				    g->vq[i].kick));
	EXPECT_EQ(0, traffic_alive(g));
	EXPECT_TRUE(complains(g, 50));
	EXPECT_TRUE(quiet());
	EXPECT_EQ(0, traffic_alive(g));
	/* Not even a ring that stays broken makes a circle of it. */
	protect(tx, looked_at(g), PROT_NONE);
	kick(tx);
	EXPECT_TRUE(comes_to_say(g, VQ_TX, "state", "broken"));
	EXPECT_TRUE(quiet());
	protect(tx, looked_at(g), PROT_READ | PROT_WRITE);
	EXPECT_TRUE(comes_to_say(g, VQ_TX, "state", "running"));
	EXPECT_EQ(0, traffic_alive(g));
}

/* The error of one ring kicks the other, and the other way round. */
TEST_F(shared, error_kicks_the_other)
{
	struct guest *g = &self->g;
	struct vq *rx = &g->vq[VQ_RX], *tx = &g->vq[VQ_TX];

	NOT_FOR_STOCK("gives up on a bad chain");
	ASSERT_EQ(0, set_fd(g, VHOST_SET_VRING_ERR, VQ_RX, tx->kick));
	ASSERT_EQ(0, set_fd(g, VHOST_SET_VRING_ERR, VQ_TX, rx->kick));
	EXPECT_TRUE(complains(g, 50));
	protect(tx, looked_at(g), PROT_NONE);
	protect(rx, looked_at(g), PROT_NONE);
	ASSERT_EQ(0, wire_in(g, 60, 1));
	kick(tx);
	kick(rx);
	EXPECT_TRUE(comes_to_say(g, VQ_TX, "state", "broken"));
	EXPECT_TRUE(comes_to_say(g, VQ_RX, "state", "broken"));
	EXPECT_TRUE(quiet());
	protect(tx, looked_at(g), PROT_READ | PROT_WRITE);
	protect(rx, looked_at(g), PROT_READ | PROT_WRITE);
	EXPECT_TRUE(comes_to_say(g, VQ_TX, "state", "running"));
	EXPECT_TRUE(comes_to_say(g, VQ_RX, "state", "running"));
	ASSERT_LT(0, guest_post(g, 64));
	EXPECT_TRUE(receives(g, 60, 1));
	EXPECT_EQ(0, traffic_alive(g));
}

/* An interrupt is a kick: each buffer used makes the device look again. */
TEST_F(shared, call_is_kick)
{
	struct traffic t = { .count = 200, .len = len_mixed };
	struct guest *g = &self->g;
	struct vq *rx = &g->vq[VQ_RX], *tx = &g->vq[VQ_TX];
	int i;

	for (i = 0; i < 2; i++) {
		/* Nobody sleeps on these: poll memory as traffic does not. */
		ASSERT_EQ(0, set_fd(g, VHOST_SET_VRING_CALL, VQ_TX,
				    i ? rx->kick : tx->kick));
		ASSERT_EQ(0, set_fd(g, VHOST_SET_VRING_CALL, VQ_RX,
				    i ? tx->kick : rx->kick));
		tx->ops->call_on(tx, 0);
		rx->ops->call_on(rx, 0);
		EXPECT_TRUE(quiet());
		close(tx->call);
		close(rx->call);
		tx->call = dup(i ? rx->kick : tx->kick);
		rx->call = dup(i ? tx->kick : rx->kick);
		EXPECT_EQ(0, traffic_tx(g, &t));
		EXPECT_EQ(0, traffic_rx(g, &t));
		EXPECT_TRUE(quiet());
	}
}

/* Attached, with a log whose eventfd is what the ring is kicked by. */
static int log_that_kicks(struct guest *g, struct bitmap *log,
			  const struct vq *vq)
{
	int fd = vq->kick;
	int r = bitmap_init(log, dirty_top(g), 0);

	if (!r)
		r = guest_attach(g, -1);
	if (!r)
		r = dirty_log_on(g, log);
	if (!r)
		r = dev_ioctl(g->fd, VHOST_SET_LOG_FD, &fd);
	return r ? r : guest_attach(g, g->backend.fd);
}

/*
 * What is logged is a kick. The device that looks, finds nothing of use, and
 * says so has changed nothing: else it would look for ever.
 */
TEST_F(shared, log_is_kick)
{
	struct guest *g = &self->g;
	bool packed = g->cfg.features & F_PACKED;
	struct bitmap log;
	int i;

	NOT_FOR_STOCK("logs what it writes anew in each turn");
	if (!dirty_log_offered(g->fd))
		SKIP_ALL("no dirty log");
	for (i = 0; i < VQ_MAX; i++) {
		struct vq *vq = &g->vq[i];
		/* Packed, only what was sent has nowhere to be told of. */
		bool uses = !packed || i == VQ_TX;

		ASSERT_EQ(0, log_that_kicks(g, &log, vq));
		EXPECT_EQ(0, traffic_alive(g));
		EXPECT_TRUE(quiet());
		/* A packet, and no memory to tell that it is through. */
		if (!packed)
			protect(vq, VQ_USED, PROT_READ);
		if (uses)
			ASSERT_EQ(0, prepare(g, vq));
		if (packed)
			protect(vq, VQ_DESC, PROT_READ);
		kick(vq);
		if (uses)
			EXPECT_TRUE(comes_to_say(g, i, "state", "broken"));
		EXPECT_TRUE(quiet());
		/* Nothing can be read of the ring either. */
		protect(vq, VQ_AVAIL, PROT_NONE);
		protect(vq, VQ_DESC, PROT_NONE);
		kick(vq);
		EXPECT_TRUE(quiet());
		protect(vq, VQ_USED, PROT_READ | PROT_WRITE);
		protect(vq, VQ_AVAIL, PROT_READ | PROT_WRITE);
		protect(vq, VQ_DESC, PROT_READ | PROT_WRITE);
		kick(vq);
		EXPECT_TRUE(comes_to_say(g, i, "state", "running"));
		if (uses)
			EXPECT_TRUE(i == VQ_TX ? !guest_drain(g) :
				    receives(g, 60, 0));
		while (wire_recv(&g->wire, got, sizeof(got), NULL, 50) > 0)
			;
		EXPECT_EQ(0, traffic_alive(g));
		EXPECT_TRUE(quiet());
		ASSERT_EQ(0, guest_attach(g, -1));
		bitmap_free(&log);
	}
}

/* A packet that waits for more buffers than there are, and a log that kicks. */
TEST_F(shared, log_is_kick_for_more)
{
	struct guest *g = &self->g;
	struct bitmap log;

	NOT_FOR_STOCK("logs what it writes anew in each turn");
	if (!dirty_log_offered(g->fd))
		SKIP_ALL("no dirty log");
	ASSERT_EQ(0, log_that_kicks(g, &log, &g->vq[VQ_RX]));
	ASSERT_EQ(2, guest_post(g, 2));
	ASSERT_EQ(0, wire_in(g, 9000, 1));
	EXPECT_TRUE(quiet());
	ASSERT_LT(0, guest_post(g, 64));
	EXPECT_TRUE(receives(g, 9000, 1));
	EXPECT_EQ(0, traffic_alive(g));
	ASSERT_EQ(0, guest_attach(g, -1));
	bitmap_free(&log);
}

/* What has been counted as far as it goes can't kick; what did before, does. */
TEST_F(shared, full_is_no_kick)
{
	struct guest *g = &self->g;
	__u64 most = -2ULL;
	int full, i;

	NOT_FOR_STOCK("gives up on a bad chain");
	full = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, full);
	ASSERT_EQ((ssize_t)sizeof(most), write(full, &most, sizeof(most)));
	ASSERT_EQ(0, set_fd(g, VHOST_SET_VRING_ERR, VQ_TX, full));
	EXPECT_TRUE(complains(g, 1));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(-EINVAL, set_fd(g, VHOST_SET_VRING_KICK, i % VQ_MAX,
					  full));
	EXPECT_EQ(0, traffic_alive(g));
	EXPECT_EQ(~0ULL, eventfd_drain(full));
	EXPECT_EQ(0, set_fd(g, VHOST_SET_VRING_KICK, VQ_TX, full));
	EXPECT_EQ(0, set_fd(g, VHOST_SET_VRING_KICK, VQ_TX,
			    g->vq[VQ_TX].kick));
	EXPECT_EQ(0, traffic_alive(g));
	close(full);
}

/* Between the end of one ring and that of the other. */
TEST_F(shared, features_between_detaching)
{
	struct traffic t = { .count = 50, .len = len_mixed };
	struct guest *g = &self->g;
	__u64 was = g->cfg.features;
	__u64 other = F_V1 | F_INDIRECT | (was & F_PACKED);
	unsigned int i;

	NOT_FOR_STOCK("lets the header change under a running ring");
	for (i = 0; i < VQ_MAX; i++) {
		ASSERT_EQ(0, dev_set_backend(g->fd, i, -1));
		EXPECT_EQ(-EBUSY, dev_set_features(g->fd, other));
		EXPECT_EQ(-EBUSY, dev_set_features(g->fd, 0));
		EXPECT_EQ(0, dev_set_features(g->fd, was));
		/* The one that runs goes on as it was. */
		EXPECT_EQ(0, i == VQ_RX ? traffic_tx(g, &t) :
			  traffic_rx(g, &t));
		ASSERT_EQ(0, dev_set_backend(g->fd, i, g->backend.fd));
		EXPECT_EQ(0, traffic_alive(g));
	}
	ASSERT_EQ(0, guest_attach(g, -1));
	EXPECT_EQ(0, dev_set_features(g->fd, other));
	EXPECT_EQ(0, dev_set_features(g->fd, was));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_HARNESS_MAIN
