// SPDX-License-Identifier: GPL-2.0
/*
 * Runs of short packets. A driver may copy many of them at a time: one that
 * can't be copied must not change what becomes of the others, and none may be
 * seen beyond its own bytes.
 */
#include "fixture.h"

#include <sys/mman.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"

#define NUM		96	/* more than are copied at a time */
#define BUF		(3 * PAGE)
#define ROOM		512
#define POISON		0xa5
#define BESIDE		64	/* bytes looked at on both sides */
#define SPLIT		20	/* of those before the end of a page */

static char want[NUM][ROOM], got[FRAME_MAX];

FIXTURE(shorts)
{
	struct guest g;
	long long bad, packets;	/* in all rounds so far */
};

FIXTURE_VARIANT(shorts)
{
	__u64 features;
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(shorts, tap) { F_V1 | F_MRG, BACKEND_TAP };
FIXTURE_VARIANT_ADD(shorts, tap_legacy) { 0, BACKEND_TAP };
FIXTURE_VARIANT_ADD(shorts, tap_host_hdr)
{ F_V1 | F_HOST_HDR, BACKEND_TAP };
FIXTURE_VARIANT_ADD(shorts, tap_in_order)
{ F_V1 | F_EVENT | F_IN_ORDER, BACKEND_TAP };
FIXTURE_VARIANT_ADD(shorts, tap_packed) { F_V1 | F_PACKED, BACKEND_TAP };
FIXTURE_VARIANT_ADD(shorts, tap_packed_in_order)
{ F_V1 | F_MRG | F_EVENT | F_PACKED | F_IN_ORDER, BACKEND_TAP };
FIXTURE_VARIANT_ADD(shorts, macvtap) { F_V1 | F_MRG, BACKEND_MACVTAP };
FIXTURE_VARIANT_ADD(shorts, packet)
{ F_V1 | F_HOST_HDR, BACKEND_PACKET };
FIXTURE_VARIANT_ADD(shorts, packet_packed)
{ F_V1 | F_HOST_HDR | F_PACKED, BACKEND_PACKET };
FIXTURE_VARIANT_ADD(shorts, udp) { F_V1 | F_MRG, BACKEND_UDP };
FIXTURE_VARIANT_ADD(shorts, unix_dgram) { 0, BACKEND_UNIX_DGRAM };
FIXTURE_VARIANT_ADD(shorts, tcp) { F_V1, BACKEND_TCP };
FIXTURE_VARIANT_ADD(shorts, unix_stream) { 0, BACKEND_UNIX_STREAM };
FIXTURE_VARIANT_ADD(shorts, unix_stream_packed)
{ F_V1 | F_MRG | F_EVENT | F_PACKED | F_IN_ORDER, BACKEND_UNIX_STREAM };

FIXTURE_SETUP(shorts)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.num = { 128, 128 },
		.buf = { BUF, BUF },
		.backend.kind = variant->kind,
	};

	RUN_IF_SELECTED();
	NEEDS_KIND(variant->kind);
	NOT_FOR_STOCK("ends a turn at what it can't read");
	NEEDS(variant->features & (F_PACKED | F_IN_ORDER));
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	/* Wherever they come in, but for sockets of Unix. */
	netif_keep_order("lo");
	netif_keep_order(self->g.backend.ifname);
	netif_keep_order(self->g.backend.peer);
}

FIXTURE_TEARDOWN(shorts)
{
	guest_stop(&self->g);
}

/* With and without the header, on both sides of what is copied late. */
static size_t len_of(int i)
{
	static const size_t len[] = {
		60, 61, 67, 64, 243, 244, 245, 246, 247, 255, 256, 257, 400,
		128, 65, 63, 62,
	};

	return len[i % ARRAY_SIZE(len)];
}

/* Which of the buffers can't be reached. */
static bool none(int i)
{
	return i < 0;
}

static bool all(int i)
{
	return i >= 0;
}

static bool third(int i)
{
	return i % 3 == 1;
}

static bool pairs(int i)
{
	return i % 7 == 2 || i % 7 == 3;
}

static bool at_start(int i)
{
	return i == 0;
}

static bool at_end(int i)
{
	return i == NUM - 1;
}

static bool (* const lost[])(int i) = {
	none, at_start, at_end, all, third, pairs,
};

/* Some lie on two pages. */
static bool is_split(int i)
{
	return i % 4 == 3;
}

static char *page_of(struct guest *g, unsigned int index, int i)
{
	uintptr_t at = (uintptr_t)g->pool[index].buf[i].base;

	return (char *)((at + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
}

static char *packet_at(struct guest *g, unsigned int index, int i)
{
	return page_of(g, index, i) + (is_split(i) ? PAGE - SPLIT : BESIDE);
}

/* The whole of it, or all but what is on the first page. */
static void reach(struct guest *g, unsigned int index, int i, int prot)
{
	mprotect(page_of(g, index, i) + (is_split(i) ? PAGE : 0), PAGE, prot);
}

static int offer(struct guest *g, unsigned int index, int i, size_t len)
{
	struct vq_seg seg = {
		.gpa = arena_gpa(&g->arena, packet_at(g, index, i)),
		.len = len,
		.flags = index == VQ_RX ? VRING_DESC_F_WRITE : 0,
	};

	return vq_add(&g->vq[index], &seg, 1, want[i]);
}

/* All of them come back, in their order; @len gets what was said of each. */
static int take_back(struct guest *g, unsigned int index, __u32 *len)
{
	struct vq *vq = &g->vq[index];
	struct vq_used u;
	int i, r;

	for (i = 0; i < NUM; i++) {
		if (!vq_wait(vq, STALL_MS))
			return -ETIME;
		r = vq_get_used(vq, &u);
		if (r != 1 || u.cookie != want[i])
			return r < 0 ? r : -EPROTO;
		len[i] = u.len;
	}
	return 0;
}

static int count_lost(bool (*is_lost)(int i))
{
	int i, n = 0;

	for (i = 0; i < NUM; i++)
		n += is_lost(i);
	return n;
}

/* Does the device count what was lost in one more round, and what wasn't? */
static bool adds_up(struct _test_data_shorts *self, unsigned int index,
		    bool (*is_lost)(int i))
{
	int n = count_lost(is_lost);

	self->bad += n;
	self->packets += NUM - n;
	return counts_to(&self->g, index, "bad-data", self->bad) &&
	       counts_to(&self->g, index, "packets", self->packets);
}

static int send_all(struct guest *g, bool (*is_lost)(int i))
{
	int i, r = 0;

	for (i = 0; i < NUM && !r; i++) {
		char *at = packet_at(g, VQ_TX, i);

		frame_build(want[i], len_of(i), FRAME_TO_HOST, i);
		memset(at, 0, g->hdr_len);
		memcpy(at + g->hdr_len, want[i], len_of(i));
		r = offer(g, VQ_TX, i, g->hdr_len + len_of(i));
		if (is_lost(i))
			reach(g, VQ_TX, i, PROT_NONE);
	}
	vq_kick(&g->vq[VQ_TX]);
	return r;
}

TEST_F(shorts, sent)
{
	struct guest *g = &self->g;
	__u32 len[NUM], seq;
	int i, got_len;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(lost); n++) {
		ASSERT_EQ(0, send_all(g, lost[n]));
		ASSERT_EQ(0, take_back(g, VQ_TX, len));
		for (i = 0; i < NUM; i++) {
			reach(g, VQ_TX, i, PROT_READ | PROT_WRITE);
			EXPECT_EQ(0, len[i]);
			if (lost[n](i))
				continue;
			got_len = wire_recv(&g->wire, got, sizeof(got), NULL,
					    STALL_MS);
			ASSERT_LT(0, got_len);
			ASSERT_TRUE(frame_ours(got, got_len, &seq));
			ASSERT_EQ(i, seq);
			ASSERT_EQ(len_of(i), got_len);
			ASSERT_EQ(0, memcmp(got, want[i], len_of(i)));
		}
		EXPECT_EQ(0, wire_recv(&g->wire, got, sizeof(got), NULL, 0));
		EXPECT_TRUE(adds_up(self, VQ_TX, lost[n]));
	}
}

/* They wait in the backend before there is a buffer. */
static int receive_all(struct guest *g, bool (*is_lost)(int i))
{
	int i, r = 0;

	for (i = 0; i < NUM && !r; i++) {
		frame_build(want[i], len_of(i), FRAME_TO_GUEST, i);
		r = wire_send_wait(&g->wire, want[i], len_of(i), NULL);
	}
	for (i = 0; i < NUM && !r; i++) {
		memset(page_of(g, VQ_RX, i), POISON, 2 * PAGE);
		r = offer(g, VQ_RX, i, ROOM);
		if (is_lost(i))
			reach(g, VQ_RX, i, PROT_READ);
	}
	vq_kick(&g->vq[VQ_RX]);
	return r;
}

static bool is_poison(const char *at, size_t n)
{
	while (n--)
		if ((unsigned char)at[n] != POISON)
			return false;
	return true;
}

/* Is packet @i all there, and nothing beside it? */
static bool received(struct guest *g, int i, __u32 len)
{
	struct virtio_net_hdr_mrg_rxbuf hdr = {};
	const char *at = packet_at(g, VQ_RX, i);
	size_t all = g->hdr_len + len_of(i);

	memcpy(&hdr, at, g->hdr_len);
	return len == all && !hdr.hdr.flags && !hdr.hdr.gso_type &&
	       hdr.num_buffers == (g->hdr_len == sizeof(hdr)) &&
	       !memcmp(at + g->hdr_len, want[i], len_of(i)) &&
	       is_poison(at - BESIDE, BESIDE) && is_poison(at + all, BESIDE);
}

TEST_F(shorts, received)
{
	struct guest *g = &self->g;
	__u32 len[NUM];
	unsigned int n;
	int i;

	for (n = 0; n < ARRAY_SIZE(lost); n++) {
		ASSERT_EQ(0, receive_all(g, lost[n]));
		ASSERT_EQ(0, take_back(g, VQ_RX, len));
		for (i = 0; i < NUM; i++) {
			reach(g, VQ_RX, i, PROT_READ | PROT_WRITE);
			EXPECT_TRUE(lost[n](i) ? !len[i] :
				    received(g, i, len[i]));
		}
		EXPECT_TRUE(adds_up(self, VQ_RX, lost[n]));
	}
}

TEST_HARNESS_MAIN
