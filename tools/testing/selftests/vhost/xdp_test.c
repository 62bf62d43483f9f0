// SPDX-License-Identifier: GPL-2.0
/*
 * Frames that a program redirects to a tap before there is a packet of the
 * stack's: the tap's queue holds them beside packets, and the device has to
 * tell one from the other.
 */
#include "fixture.h"

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "traffic.h"
#include "xdp.h"

#define NEAR	"near0"
#define FAR	"far0"

static char frame[FRAME_MAX], got[FRAME_MAX];

FIXTURE(redirect)
{
	struct guest g;
	struct wire far;
	int link;
};

FIXTURE_VARIANT(redirect)
{
	__u64 features;
	size_t buf;
	unsigned int pieces;
};

FIXTURE_VARIANT_ADD(redirect, plain) { F_V1, 2048, 1 };
FIXTURE_VARIANT_ADD(redirect, merge) { F_V1 | F_MRG, 400, 1 };
FIXTURE_VARIANT_ADD(redirect, pieces) { F_V1 | F_MRG | F_EVENT, 2048, 7 };
FIXTURE_VARIANT_ADD(redirect, packed) { F_V1 | F_MRG | F_PACKED, 2048, 1 };
FIXTURE_VARIANT_ADD(redirect, host_hdr) { F_V1 | F_HOST_HDR, 2048, 1 };

FIXTURE_SETUP(redirect)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.buf = { variant->buf },
		.shape = { { .data_parts = variant->pieces } },
	};

	RUN_IF_SELECTED();
	if (!xdp_possible())
		SKIP_ALL("kernel without BPF");
	self->far.fd = -1;
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	ASSERT_EQ(0, netif_add_veth(NEAR, FAR));
	ASSERT_EQ(0, netif_up(NEAR, true));
	ASSERT_EQ(0, netif_up(FAR, true));
	self->link = xdp_redirect(NEAR, self->g.backend.ifname);
	ASSERT_LE(0, self->link);
	ASSERT_EQ(0, wire_open(&self->far, FAR, false));
	ASSERT_LT(0, guest_post(&self->g, 64));
}

FIXTURE_TEARDOWN(redirect)
{
	if (self->far.fd >= 0)
		wire_close(&self->far);
	guest_stop(&self->g);
}

/* Does frame number @seq come in as it is, with nothing in its header? */
static bool comes(struct guest *g, size_t len, __u32 seq)
{
	static const struct virtio_net_hdr none;
	struct rx_packet p;
	__u32 n;

	return guest_recv(g, got, &p, STALL_MS) == 1 && p.len == len &&
		!memcmp(&p.hdr.hdr, &none, sizeof(none)) &&
		!memcmp(got, frame, len) && frame_intact(got, len, &n) &&
		n == seq;
}

TEST_F(redirect, frames_and_packets)
{
	static const size_t size[] = { 60, 61, 100, 387, 388, 389, 1000, 1514 };
	struct guest *g = &self->g;
	size_t i, len;
	__u32 seq;

	for (seq = 0; seq < 400; seq++) {
		i = seq % ARRAY_SIZE(size);
		len = size[i];
		frame_build(frame, len, FRAME_TO_GUEST, seq);
		/* One in three is a packet of the stack. */
		ASSERT_EQ(0, wire_send_wait(seq % 3 ? &self->far : &g->wire,
					    frame, len, NULL));
		ASSERT_TRUE(comes(g, len, seq))
			TH_LOG("number %u, %zu bytes", seq, len);
	}
	EXPECT_EQ(0, traffic_alive(g));
}

/* One that does not fit is dropped, and those behind it are not. */
TEST_F(redirect, too_big)
{
	struct guest *g = &self->g;
	__u32 seq;

	if (variant->features & F_MRG)
		SKIP(return, "there is a buffer for any size");
	NOT_FOR_STOCK("cuts it short");
	ASSERT_EQ(0, guest_attach(g, -1));
	ASSERT_EQ(0, netif_set_mtu(NEAR, 3000));
	ASSERT_EQ(0, netif_set_mtu(FAR, 3000));
	ASSERT_EQ(0, netif_set_mtu(g->backend.ifname, 3000));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	for (seq = 0; seq < 5; seq++) {
		frame_build(frame, 2500, FRAME_TO_GUEST, seq);
		ASSERT_EQ(0, wire_send_wait(&self->far, frame, 2500, NULL));
		frame_build(frame, 60, FRAME_TO_GUEST, seq);
		ASSERT_EQ(0, wire_send_wait(&self->far, frame, 60, NULL));
		EXPECT_TRUE(comes(g, 60, seq));
		EXPECT_EQ(seq + 1, count(g, VQ_RX, "drop-big"));
	}
}

TEST_HARNESS_MAIN
