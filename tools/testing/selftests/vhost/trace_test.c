// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints: each tells what has happened, of the right ring and device, and
 * as often as it did. And every reason for which something can't be used is
 * provoked once, and is seen by name in the trace and in fdinfo.
 */
#include "fixture.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "counters.h"
#include "evil.h"
#include "guest.h"
#include "logged.h"
#include "netif.h"
#include "stream.h"
#include "trace.h"
#include "traffic.h"

#define FRAMES		50
#define BIG_GPA		0x8000000000ULL
#define BIG		0x100000
#define IOVA		0x1122334400000ULL
#define PLUG_FRAMES	5

#define NEEDS_TRACE(t) do {						\
	int _r = trace_start(t);					\
	if (_r)								\
		SKIP_ALL("kernel has no tracefs: %s", strerror(-_r));	\
} while (0)

FIXTURE(traced)
{
	struct trace t;
	struct guest g;
	long long id;
	char frame[FRAME_MAX];
};

FIXTURE_VARIANT(traced)
{
	__u64 features;
};

FIXTURE_VARIANT_ADD(traced, split) { F_V1 | F_MRG };
FIXTURE_VARIANT_ADD(traced, packed) { F_V1 | F_MRG | F_PACKED };

FIXTURE_SETUP(traced)
{
	struct guest_cfg cfg = { .features = variant->features };

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("has none of these");
	NOT_FOR_PACKED("has variants of its own");
	NEEDS_TRACE(&self->t);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	self->id = device_count(self->g.fd, "vhost-id");
	ASSERT_LT(0, self->id);
}

FIXTURE_TEARDOWN(traced)
{
	guest_stop(&self->g);
	trace_stop(&self->t);
}

TEST_F(traced, life)
{
	struct guest *g = &self->g;
	struct trace *t = &self->t;
	char fields[96];
	int other, i;

	EXPECT_TRUE(trace_shows(t, "vhost_open", self->id, NULL));
	snprintf(fields, sizeof(fields), "owner=%d", getpid());
	EXPECT_TRUE(trace_shows(t, "vhost_owner", self->id, fields));
	for (i = 0; i < VQ_MAX; i++) {
		snprintf(fields, sizeof(fields),
			 "ring=%d kind=tap interface=%s", i,
			 g->backend.ifname);
		EXPECT_TRUE(trace_shows(t, "vhost_backend", self->id, fields));
	}
	EXPECT_EQ(2, trace_sum(t, "vhost_backend", self->id, NULL, NULL));
	EXPECT_EQ(0, trace_sum(t, "vhost_owner", self->id, "owner=0", NULL));
	ASSERT_EQ(0, dev_reset_owner(g->fd));
	EXPECT_TRUE(trace_shows(t, "vhost_owner", self->id, "owner=0"));
	EXPECT_TRUE(trace_shows(t, "vhost_backend", self->id,
				"ring=1 kind=none"));
	/* Another one is not taken for it. */
	other = dev_open();
	ASSERT_LE(0, other);
	EXPECT_NE(self->id, device_count(other, "vhost-id"));
	close(other);
	EXPECT_EQ(1, trace_sum(t, "vhost_open", self->id, NULL, NULL));
	EXPECT_EQ(0, trace_sum(t, "vhost_release", self->id, NULL, NULL));
	close(g->fd);
	g->fd = -1;
	EXPECT_TRUE(trace_shows(t, "vhost_release", self->id, NULL));
}

/* What the trace adds up to is what fdinfo counts. */
static bool same(struct guest *g, const struct trace *t, long long id,
		 unsigned int index)
{
	static const struct {
		const char *event, *fields, *field, *counter;
	} sums[] = {
		{ "vhost_kick", "", NULL, "kicks" },
		{ "vhost_complete", "", NULL, "batches" },
		{ "vhost_complete", "", "batch=", "packets" },
		{ "vhost_fetch", "", NULL, "packets" },
		{ "vhost_call", " sent", NULL, "calls" },
		{ "vhost_call", " suppressed", NULL, "suppressed" },
		{ "vhost_send", "", "packets=", "packets" },
		{ "vhost_send", "", "bytes=", "bytes" },
		{ "vhost_recv", "", NULL, "packets" },
		{ "vhost_recv", "", "bytes=", "bytes" },
	};
	bool right = true;
	char fields[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sums); i++) {
		const char *event = sums[i].event;
		long long seen, counted;

		if (!strcmp(event, index == VQ_TX ? "vhost_recv" :
						    "vhost_send"))
			continue;
		snprintf(fields, sizeof(fields), "ring=%u%s", index,
			 sums[i].fields);
		seen = trace_sum(t, event, id, fields, sums[i].field);
		counted = count(g, index, sums[i].counter);
		if (seen == counted)
			continue;
		fprintf(stderr, "# %s %s: %lld, but %s %lld\n", event, fields,
			seen, sums[i].counter, counted);
		right = false;
	}
	return right;
}

TEST_F(traced, traffic)
{
	struct traffic f = { .count = FRAMES, .len = len_mixed };
	struct guest *g = &self->g;

	ASSERT_EQ(0, traffic_tx(g, &f));
	ASSERT_TRUE(counts_to(g, VQ_TX, "packets", FRAMES));
	EXPECT_TRUE(same(g, &self->t, self->id, VQ_TX));
	EXPECT_LT(0, trace_sum(&self->t, "vhost_kick", self->id, "ring=1",
			       NULL));
	/* All that are posted, and used, are fetched once. */
	g->cfg.lazy = true;
	ASSERT_EQ(0, traffic_rx(g, &f));
	ASSERT_TRUE(counts_to(g, VQ_RX, "packets", FRAMES));
	EXPECT_TRUE(same(g, &self->t, self->id, VQ_RX));
	EXPECT_EQ(0, trace_sum(&self->t, "vhost_error", self->id, NULL, NULL));
}

/* One packet, step by step. */
TEST_F(traced, one_packet)
{
	struct vq *vq = &self->g.vq[VQ_TX];
	struct trace *t = &self->t;
	struct guest *g = &self->g;
	long long sent;

	vq->ops->call_on(vq, 0);
	frame_build(self->frame, 100, FRAME_TO_HOST, 1);
	ASSERT_EQ(0, guest_send(g, self->frame, 100, NULL));
	vq_kick(vq);
	EXPECT_TRUE(trace_shows(t, "vhost_kick", self->id, "ring=1"));
	EXPECT_TRUE(trace_shows(t, "vhost_fetch", self->id,
				"ring=1 head=0 descs=1 out=112 in=0"));
	EXPECT_TRUE(trace_shows(t, "vhost_send", self->id,
				"ring=1 packets=1 bytes=100 refused=0"));
	EXPECT_TRUE(trace_shows(t, "vhost_complete", self->id,
				"ring=1 batch=1"));
	EXPECT_TRUE(trace_shows(t, "vhost_call", self->id, "ring=1 sent"));
	ASSERT_EQ(0, guest_drain(g));

	/* Into two buffers. */
	ASSERT_LT(1, guest_post(g, 2));
	frame_build(self->frame, 3000, FRAME_TO_GUEST, 2);
	sent = wire_send_wait(&g->wire, self->frame, 3000, NULL);
	ASSERT_EQ(0, sent);
	EXPECT_TRUE(trace_shows(t, "vhost_recv", self->id,
				"ring=0 bytes=3000 buffers=2"));
	EXPECT_TRUE(trace_shows(t, "vhost_complete", self->id,
				"ring=0 batch=2"));
}

/* Off is off: what is not asked for leaves no trace. */
TEST_F(traced, off)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/events/vhost_net/enable",
		 self->t.dir);
	ASSERT_EQ(0, write_file(path, "0"));
	ASSERT_EQ(0, traffic_alive(&self->g));
	EXPECT_EQ(0, trace_sum(&self->t, "vhost_fetch", self->id, NULL, NULL));
	snprintf(path, sizeof(path),
		 "%s/events/vhost_net/vhost_complete/enable", self->t.dir);
	ASSERT_EQ(0, write_file(path, "1"));
	ASSERT_EQ(0, traffic_alive(&self->g));
	EXPECT_TRUE(trace_shows(&self->t, "vhost_complete", self->id, NULL));
	EXPECT_EQ(0, trace_sum(&self->t, "vhost_fetch", self->id, NULL, NULL));
}

/* A trace and a test that begins without a guest. */
FIXTURE(bare)
{
	struct trace t;
	struct guest g;
	struct logged l;
	long long id;
	char frame[FRAME_MAX];
};

FIXTURE_SETUP(bare)
{
	RUN_IF_SELECTED();
	NOT_FOR_STOCK("has none of these");
	NOT_FOR_PACKED("has variants of its own");
	NEEDS_TRACE(&self->t);
	ASSERT_EQ(0, netif_new_namespace());
}

FIXTURE_TEARDOWN(bare)
{
	trace_stop(&self->t);
}

/* By vhost-top, if VHOST_TEST_TOP says where that is. */
static bool viewer_shows(const char *reason)
{
	const char *top = getenv("VHOST_TEST_TOP");
	char text[512], want[64];
	bool found = false;
	FILE *f;

	if (!top)
		return true;
	snprintf(text, sizeof(text), "%s --once --prom --pid %d", top,
		 getpid());
	snprintf(want, sizeof(want), "reason=\"%s\"", reason);
	f = popen(text, "r");
	while (f && fgets(text, sizeof(text), f))
		found |= !!strstr(text, want);
	return f && !pclose(f) && found;
}

/* The reason is told of in all ways there are. */
static bool told(const struct trace *t, struct guest *g, unsigned int index,
		 const char *reason)
{
	long long id = device_count(g->fd, "vhost-id");
	char fields[64];

	snprintf(fields, sizeof(fields), "ring=%u reason=%s", index, reason);
	return comes_to_say(g, index, "last-error", reason) &&
		count(g, index, reason) > 0 && viewer_shows(reason) &&
		trace_shows(t, "vhost_error", id, fields) &&
		!trace_sum(t, "vhost_error", id,
			   index == VQ_RX ? "ring=1" : "ring=0", NULL);
}

TEST_F(bare, iotlb)
{
	const struct iommu_cfg iommu = {};
	struct guest_cfg cfg = { .features = F_V1, .iommu = &iommu };
	struct guest *g = &self->g;
	char fields[96];
	long long id;

	NEEDS(F_PLATFORM);
	ASSERT_EQ(0, guest_start(g, &cfg));
	id = device_count(g->fd, "vhost-id");
	ASSERT_EQ(0, traffic_alive(g));
	EXPECT_EQ(count(g, VQ_RX, "misses"),
		  trace_sum(&self->t, "vhost_iotlb_miss", id, "ring=0", NULL));
	EXPECT_EQ(count(g, VQ_TX, "misses"),
		  trace_sum(&self->t, "vhost_iotlb_miss", id, "ring=1", NULL));
	EXPECT_LT(0, count(g, VQ_TX, "misses"));
	ASSERT_EQ(IOMMU_MSG, iommu_update(g->fd, IOVA, PAGE, self->frame,
					  VHOST_ACCESS_RO));
	snprintf(fields, sizeof(fields), "iova=%#llx size=%#x perm=1", IOVA,
		 (unsigned int)PAGE);
	EXPECT_TRUE(trace_shows(&self->t, "vhost_iotlb_update", id, fields));
	EXPECT_EQ(device_count(g->fd, "iotlb-updates"),
		  trace_sum(&self->t, "vhost_iotlb_update", id, NULL, NULL));
	guest_stop(g);
}

TEST_F(bare, log_and_bad_log)
{
	struct guest_cfg cfg = { .features = F_V1 };
	struct traffic f = { .count = 3, .len = len_fixed_60 };
	struct logged *l = &self->l;
	long long id;

	ASSERT_EQ(0, log_setup(l, &cfg));
	ASSERT_EQ(0, log_ready(l, 0));
	ASSERT_EQ(0, guest_attach(&l->g, l->g.backend.fd));
	id = device_count(l->g.fd, "vhost-id");
	ASSERT_EQ(0, traffic_rx(&l->g, &f));
	EXPECT_TRUE(trace_shows(&self->t, "vhost_log", id, "ring=0"));
	EXPECT_EQ(0, count(&l->g, VQ_RX, "bad-log"));
	bitmap_protect(&l->log, PROT_NONE);
	ASSERT_EQ(0, traffic_rx(&l->g, &f));
	EXPECT_TRUE(counts_to(&l->g, VQ_RX, "packets", 6));
	EXPECT_TRUE(comes_to_say(&l->g, VQ_RX, "last-error", "bad-log"));
	EXPECT_TRUE(viewer_shows("bad-log"));
	EXPECT_TRUE(trace_shows(&self->t, "vhost_error", id,
				"ring=0 reason=bad-log"));
	bitmap_protect(&l->log, PROT_READ | PROT_WRITE);
	log_teardown(l);
}

TEST_F(bare, bad_perm)
{
	const struct iommu_cfg iommu = {};
	struct guest_cfg cfg = { .features = F_V1, .iommu = &iommu };
	struct vq_seg seg = { .gpa = IOVA, .len = 100 };
	struct guest *g = &self->g;

	NEEDS(F_PLATFORM);
	ASSERT_EQ(0, guest_start(g, &cfg));
	ASSERT_EQ(0, traffic_alive(g));
	ASSERT_EQ(IOMMU_MSG, iommu_update(g->fd, IOVA, PAGE, self->frame,
					  VHOST_ACCESS_WO));
	ASSERT_EQ(0, vq_add(&g->vq[VQ_TX], &seg, 1, NULL));
	vq_kick(&g->vq[VQ_TX]);
	EXPECT_TRUE(told(&self->t, g, VQ_TX, "bad-perm"));
	guest_stop(g);
}

TEST_F(bare, drop_big)
{
	struct guest_cfg cfg = { .features = F_V1 };
	struct vq_seg seg = { .gpa = BIG_GPA, .len = BIG };
	struct guest *g = &self->g;

	ASSERT_EQ(0, guest_start(g, &cfg));
	ASSERT_LE(0, arena_add(&g->arena, BIG_GPA, BIG));
	ASSERT_EQ(0, dev_set_mem(g->fd, &g->arena));
	ASSERT_EQ(0, vq_add(&g->vq[VQ_TX], &seg, 1, NULL));
	vq_kick(&g->vq[VQ_TX]);
	EXPECT_TRUE(told(&self->t, g, VQ_TX, "drop-big"));
	guest_stop(g);
}

/* The other way: more than its buffer, and buffers can't be merged. */
TEST_F(bare, drop_big_received)
{
	struct guest_cfg cfg = { .features = F_V1, .buf = { 512, 2048 } };
	struct guest *g = &self->g;

	ASSERT_EQ(0, guest_start(g, &cfg));
	ASSERT_LT(0, guest_post(g, 4));
	frame_build(self->frame, 1000, FRAME_TO_GUEST, 1);
	ASSERT_EQ(0, wire_send_wait(&g->wire, self->frame, 1000, NULL));
	EXPECT_TRUE(told(&self->t, g, VQ_RX, "drop-big"));
	guest_stop(g);
}

TEST_F(bare, drop_backend)
{
	struct guest_cfg cfg = { .features = F_V1 };
	struct guest *g = &self->g;
	long long id;

	ASSERT_EQ(0, guest_start(g, &cfg));
	id = device_count(g->fd, "vhost-id");
	ASSERT_EQ(0, netif_del(g->backend.ifname));
	frame_build(self->frame, 100, FRAME_TO_HOST, 1);
	ASSERT_EQ(0, guest_send(g, self->frame, 100, NULL));
	vq_kick(&g->vq[VQ_TX]);
	EXPECT_TRUE(told(&self->t, g, VQ_TX, "drop-backend"));
	EXPECT_TRUE(trace_shows(&self->t, "vhost_send", id,
				"ring=1 packets=0 bytes=0 refused=1"));
	guest_stop(g);
}

static int set_plug(const struct guest *g, const char *verb, const char *what)
{
	char line[128];

	snprintf(line, sizeof(line), "tc qdisc %s dev %s root plug %s", verb,
		 g->backend.ifname, what);
	return system(line);
}

TEST_F(bare, drop_busy)
{
	struct guest_cfg cfg = {
		.features = F_V1,
		.backend.kind = BACKEND_PACKET,
	};
	struct guest *g = &self->g;
	int i;

	ASSERT_EQ(0, guest_start(g, &cfg));
	if (set_plug(g, "add", "limit 1")) {
		guest_stop(g);
		SKIP(return, "no queue that can be plugged");
	}
	for (i = 0; i < PLUG_FRAMES; i++) {
		frame_build(self->frame, 1000, FRAME_TO_HOST, i);
		ASSERT_EQ(0, guest_send(g, self->frame, 1000, NULL));
	}
	EXPECT_EQ(0, guest_drain(g));
	EXPECT_TRUE(told(&self->t, g, VQ_TX, "drop-busy"));
	guest_stop(g);
}

/* What comes is no frame, and then nothing more comes. */
TEST_F(bare, bad_frame_and_bad_peer)
{
	struct guest_cfg cfg = {
		.features = F_V1,
		.backend.kind = BACKEND_UNIX_STREAM,
	};
	struct guest *g = &self->g;
	char fields[64];
	long long id;

	ASSERT_EQ(0, guest_start(g, &cfg));
	id = device_count(g->fd, "vhost-id");
	snprintf(fields, sizeof(fields), "ring=%d kind=unix-stream", VQ_RX);
	EXPECT_TRUE(trace_shows(&self->t, "vhost_backend", id, fields));
	stream_length(self->frame, 5);
	ASSERT_EQ(0, stream_put(g->wire.fd, self->frame, STREAM_HDR + 5));
	EXPECT_TRUE(told(&self->t, g, VQ_RX, "bad-frame"));
	wire_close(&g->wire);
	EXPECT_TRUE(told(&self->t, g, VQ_RX, "bad-peer"));
	guest_stop(g);
}

/* Chains and rings that break the rules. */
FIXTURE(broken)
{
	struct trace t;
	struct guest g;
	struct evil e;
};

FIXTURE_VARIANT(broken)
{
	evil_fn build;
	const char *reason;
	evil_fn mend;
};

FIXTURE_VARIANT_ADD(broken, index)
{ evil_index_jump, "bad-index", evil_mend_index };
FIXTURE_VARIANT_ADD(broken, head)
{ evil_head_outside, "bad-head", evil_mend_head };
FIXTURE_VARIANT_ADD(broken, ring)
{ evil_used_gone, "bad-ring", evil_mend_pages };
FIXTURE_VARIANT_ADD(broken, next)
{ evil_next_outside, "bad-next", NULL };
FIXTURE_VARIANT_ADD(broken, loop)
{ evil_loop_two, "bad-loop", NULL };
FIXTURE_VARIANT_ADD(broken, order)
{ evil_order, "bad-order", NULL };
FIXTURE_VARIANT_ADD(broken, long)
{ evil_indirect_1025, "bad-long", NULL };
FIXTURE_VARIANT_ADD(broken, indirect)
{ evil_indirect_nested, "bad-indirect", NULL };
FIXTURE_VARIANT_ADD(broken, addr)
{ evil_address_zero, "bad-addr", NULL };
FIXTURE_VARIANT_ADD(broken, direction)
{ evil_direction, "bad-direction", NULL };
FIXTURE_VARIANT_ADD(broken, hdr)
{ evil_short_header, "bad-hdr", NULL };
FIXTURE_VARIANT_ADD(broken, memory)
{ evil_page_gone, "bad-data", NULL };

FIXTURE_SETUP(broken)
{
	struct guest_cfg cfg = { .features = F_V1 | F_INDIRECT };

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("has none of these");
	NOT_FOR_PACKED("are of split rings");
	NEEDS_TRACE(&self->t);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	ASSERT_EQ(0, evil_init(&self->e, &self->g, VQ_TX));
}

FIXTURE_TEARDOWN(broken)
{
	guest_stop(&self->g);
	trace_stop(&self->t);
}

TEST_F(broken, told_of)
{
	variant->build(&self->e);
	evil_kick(&self->e);
	EXPECT_TRUE(told(&self->t, &self->g, VQ_TX, variant->reason));
	if (variant->mend) {
		EXPECT_TRUE(says(&self->g, VQ_TX, "broken", variant->reason));
		variant->mend(&self->e);
		evil_kick(&self->e);
		EXPECT_TRUE(comes_to_say(&self->g, VQ_TX, "state", "running"));
	}
}

TEST_HARNESS_MAIN
