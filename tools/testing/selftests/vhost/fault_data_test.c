// SPDX-License-Identifier: GPL-2.0
/*
 * Packets while the worker fails in what it does: each thing in turn, and many
 * of them at random. That may cost a packet. But buffers come back, no frame
 * comes twice or damaged, and the next one gets through.
 */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "counters.h"
#include "fault.h"
#include "guest.h"
#include "netif.h"
#include "pump.h"
#include "traffic.h"

/* No two frames have more than that. */
#define MOST		500
/* Two that may be lost, and one that may not. */
#define PROBES		3
/* The number of a frame that nothing else has. */
#define LAST		0x7fffffff
/* How long to look for what may be lost: longer than a broken ring takes. */
#define IDLE_MS		20
#define IDLE_TRIES	40

/* The thread that serves a ring. */
static pid_t thread_of(struct guest *g, unsigned int index)
{
	return count(g, index, "thread");
}

/* One frame, told apart from all others by its number. */
struct probe {
	__u32 seq;
	int came;
};

static int note_frame(const void *frame, size_t len, struct probe *probes,
		      size_t num)
{
	__u32 seq;
	size_t i;

	if (!frame_intact(frame, len, &seq)) {
		fprintf(stderr, "# a frame that is not whole\n");
		return -EILSEQ;
	}
	for (i = 0; i < num; i++)
		probes[i].came += probes[i].seq == seq;
	return 0;
}

static char frame[FRAME_MAX];

/* Send frames; the last one is not to be lost any more. */
static int send_probes(struct guest *g, const struct probe *probes, size_t num)
{
	size_t i;
	int err = 0;

	for (i = 0; i < num && !err; i++) {
		frame_build(frame, 200, FRAME_TO_HOST, probes[i].seq);
		err = guest_send(g, frame, 200, NULL);
	}
	return err ? err : guest_drain(g);
}

/* Until the last one has come: they keep their order. */
static int catch_probes(struct guest *g, struct probe *probes, size_t num)
{
	int err = 0;

	while (!err && !probes[num - 1].came) {
		err = wire_recv(&g->wire, frame, sizeof(frame), NULL,
				STALL_MS);
		if (!err)
			err = -ETIME;
		else if (err > 0)
			err = note_frame(frame, err, probes, num);
	}
	return err;
}

static int tx_turn(struct guest *g, const struct fault *f, unsigned int n,
		   struct probe *probes, bool *hit)
{
	int err;

	fault_arm(f, n);
	err = send_probes(g, probes, 2);
	*hit = fault_disarm(f);
	if (!err)
		err = send_probes(g, probes + 2, 1);
	return err ? err : catch_probes(g, probes, PROBES);
}

static int inject_probes(struct guest *g, const struct probe *probes,
			 size_t num)
{
	size_t i;
	int err = 0;

	for (i = 0; i < num && !err; i++) {
		frame_build(frame, 200, FRAME_TO_GUEST, probes[i].seq);
		err = wire_send_wait(&g->wire, frame, 200, NULL);
	}
	return err;
}

static int receive_probe(struct guest *g, struct probe *probes, size_t num,
			 int ms)
{
	struct rx_packet p;
	int got = guest_recv(g, frame, &p, ms), err;

	if (got <= 0)
		return got;
	err = note_frame(frame, p.len, probes, num);
	return err ? err : 1;
}

/* The same the other way. */
static int receive_probes(struct guest *g, struct probe *probes, size_t num)
{
	int err = 0;

	while (err >= 0 && !probes[num - 1].came) {
		err = receive_probe(g, probes, num, STALL_MS);
		if (!err)
			err = -ETIME;
	}
	return err < 0 ? err : 0;
}

/* What has not come after a while, and a ring that broke goes on by then. */
static int receive_two(struct guest *g, struct probe *probes)
{
	int err = 0, idle = 0;

	while (err >= 0 && probes[0].came + probes[1].came < 2 &&
	       idle < IDLE_TRIES) {
		err = receive_probe(g, probes, PROBES, IDLE_MS);
		idle = err ? 0 : idle + 1;
	}
	return err;
}

static int rx_turn(struct guest *g, const struct fault *f, unsigned int n,
		   struct probe *probes, bool *hit)
{
	int err;

	fault_arm(f, n);
	err = inject_probes(g, probes, 2);
	if (!err)
		err = receive_two(g, probes);
	*hit = fault_disarm(f);
	if (err >= 0)
		err = inject_probes(g, probes + 2, 1);
	return err < 0 ? err : receive_probes(g, probes, PROBES);
}

typedef int (*turn_fn)(struct guest *g, const struct fault *f, unsigned int n,
		       struct probe *probes, bool *hit);

/*
 * Each thing that can fail while two frames go one way. A single failure costs
 * one of them at most, none comes twice, and the next one gets through. How
 * many failures there were, or -1.
 */
static int sweep_data(struct guest *g, unsigned int index, turn_fn turn)
{
	static __u32 seq = 1000;
	unsigned int n, missed = 0, hits = 0, lost = 0;
	struct fault worker;
	bool hit;
	int err;

	if (fault_open(&worker, thread_of(g, index)))
		return -1;
	/* It does not always do the same: three times nothing is the end. */
	for (n = 1; n < MOST && missed < 3; n++) {
		struct probe probes[PROBES] = {};
		int i;

		for (i = 0; i < PROBES; i++)
			probes[i].seq = seq++;
		err = turn(g, &worker, n, probes, &hit);
		missed = hit ? 0 : missed + 1;
		hits += hit;
		lost += 2 - probes[0].came - probes[1].came;
		if (!err && probes[0].came <= 1 && probes[1].came <= 1 &&
		    probes[0].came + probes[1].came >= 2 - hit)
			continue;
		fprintf(stderr, "# failure %u%s: %s, came: %d %d %d\n", n,
			hit ? "" : " was none", strerror(-err), probes[0].came,
			probes[1].came, probes[2].came);
		fault_close(&worker);
		return -1;
	}
	fprintf(stderr, "# %u failures, %u frames lost\n", hits, lost);
	fault_close(&worker);
	return hits;
}

/* Frames either way, and each thing that the worker does fails once. */
static bool data_survives(struct guest *g, const struct guest_cfg *cfg)
{
	if (guest_start(g, cfg) || traffic_alive(g))
		return false;
	return sweep_data(g, VQ_TX, tx_turn) > 0 &&
	       sweep_data(g, VQ_RX, rx_turn) > 0 && !traffic_alive(g);
}

FIXTURE(fault_data)
{
	struct guest g;
};

FIXTURE_VARIANT(fault_data)
{
	enum backend_kind kind;
	__u64 features;
};

FIXTURE_VARIANT_ADD(fault_data, tap)
{ BACKEND_TAP, F_V1 | F_MRG };
FIXTURE_VARIANT_ADD(fault_data, packet)
{ BACKEND_PACKET, F_V1 | F_MRG | F_EVENT | F_HOST_HDR };
FIXTURE_VARIANT_ADD(fault_data, udp)
{ BACKEND_UDP, F_V1 | F_MRG };
FIXTURE_VARIANT_ADD(fault_data, unix_dgram)
{ BACKEND_UNIX_DGRAM, F_V1 | F_EVENT };
FIXTURE_VARIANT_ADD(fault_data, tcp)
{ BACKEND_TCP, F_V1 | F_MRG };
FIXTURE_VARIANT_ADD(fault_data, unix_stream)
{ BACKEND_UNIX_STREAM, F_V1 | F_MRG | F_EVENT };

static struct guest_cfg cfg_of(enum backend_kind kind, __u64 features)
{
	return (struct guest_cfg) {
		.features = features,
		.backend.kind = kind,
		.plain_wire = kind == BACKEND_PACKET,
		.losses = true,
	};
}

FIXTURE_SETUP(fault_data)
{
	RUN_IF_SELECTED();
	NOT_FOR_STOCK("is not looked at");
	NEEDS_KIND(variant->kind);
	if (!fault_possible())
		SKIP_ALL("kernel without fault injection");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, fault_prepare());
}

FIXTURE_TEARDOWN(fault_data)
{
	guest_stop(&self->g);
	EXPECT_TRUE(workers_become(getpid(), 0));
}

TEST_F_TIMEOUT(fault_data, one, 240)
{
	struct guest_cfg cfg = cfg_of(variant->kind, variant->features);

	EXPECT_TRUE(data_survives(&self->g, &cfg));
}

/* All that was under way before comes before these two. */
static int wait_for_rest(struct guest *g)
{
	struct probe out = { .seq = LAST }, in = { .seq = LAST };
	int err = send_probes(g, &out, 1);

	if (!err)
		err = catch_probes(g, &out, 1);
	if (!err)
		err = inject_probes(g, &in, 1);
	return err ? err : receive_probes(g, &in, 1);
}

/* Packets may be lost, but buffers come back, and no frame is damaged. */
static bool survives_rain(struct guest *g, unsigned int percent, int packets)
{
	pid_t thread = thread_of(g, VQ_TX);
	struct pump p;
	bool ok;

	if (pump_start(&p, g) || fault_rain(thread, percent))
		return false;
	ok = pump_flows(&p, packets);
	fault_rain(thread, 0);
	ok &= pump_flows(&p, packets / 4);
	ok &= !pump_stop(&p) && !p.damaged && p.seen <= p.sent &&
	      p.received <= p.fed;
	fprintf(stderr, "# %u in 100: %d of %d out, %d of %d in, %d damaged\n",
		percent, p.seen, p.sent, p.received, p.fed, p.damaged);
	return ok && !wait_for_rest(g) && !traffic_alive(g);
}

TEST_F_TIMEOUT(fault_data, rain, 240)
{
	struct guest_cfg cfg = cfg_of(variant->kind, variant->features);

	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	EXPECT_TRUE(survives_rain(&self->g, 1, 1000));
	EXPECT_TRUE(survives_rain(&self->g, 10, 200));
}

/* The same where each address has to be asked for, and answers come. */
TEST_F_TIMEOUT(fault_data, rain_iotlb, 240)
{
	struct guest_cfg cfg = cfg_of(variant->kind, variant->features);
	const struct iommu_cfg io = { .grain = PAGE };

	if (variant->kind != BACKEND_TAP && variant->kind != BACKEND_TCP)
		SKIP(return, "is the same for all but the reading of streams");
	NEEDS(F_PLATFORM);
	cfg.iommu = &io;
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	EXPECT_TRUE(survives_rain(&self->g, 1, 1000));
}

TEST_HARNESS_MAIN
