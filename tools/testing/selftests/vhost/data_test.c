// SPDX-License-Identifier: GPL-2.0
/*
 * Packets through every kind of backend, byte for byte and in order, with
 * all the offloads that a header can ask for.
 */
#include "fixture.h"

#include <linux/if_tun.h>

#include "guest.h"
#include "netif.h"
#include "traffic.h"

#define OFFLOADS	(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)

static char sent[FRAME_MAX], got[FRAME_MAX];

FIXTURE(net)
{
	struct guest g;
};

FIXTURE_VARIANT(net)
{
	enum backend_kind kind;
	__u64 features;
	int sndbuf;
	bool ours;	/* the distribution's driver can't do it */
};

FIXTURE_VARIANT_ADD(net, tap)
{
	.kind = BACKEND_TAP,
};

FIXTURE_VARIANT_ADD(net, tap_v1)
{
	.kind = BACKEND_TAP,
	.features = F_V1 | F_EVENT,
};

FIXTURE_VARIANT_ADD(net, tap_mrg)
{
	.kind = BACKEND_TAP,
	.features = F_V1 | F_MRG | F_EVENT | F_INDIRECT,
};

FIXTURE_VARIANT_ADD(net, tap_mrg_legacy)
{
	.kind = BACKEND_TAP,
	.features = F_MRG,
};

FIXTURE_VARIANT_ADD(net, tap_host_hdr)
{
	.kind = BACKEND_TAP,
	.features = F_HOST_HDR,
};

FIXTURE_VARIANT_ADD(net, tap_host_hdr_mrg)
{
	.kind = BACKEND_TAP,
	.features = F_HOST_HDR | F_V1 | F_MRG,
};

FIXTURE_VARIANT_ADD(net, tap_small_sndbuf)
{
	.kind = BACKEND_TAP,
	.features = F_V1 | F_MRG,
	.sndbuf = 100000,
};

FIXTURE_VARIANT_ADD(net, packet)
{
	.kind = BACKEND_PACKET,
};

FIXTURE_VARIANT_ADD(net, packet_host_hdr)
{
	.kind = BACKEND_PACKET,
	.features = F_HOST_HDR,
};

FIXTURE_VARIANT_ADD(net, packet_host_hdr_mrg)
{
	.kind = BACKEND_PACKET,
	.features = F_HOST_HDR | F_V1 | F_MRG | F_EVENT,
};

/* The socket's header has 10 bytes while the guest's has 12. */
FIXTURE_VARIANT_ADD(net, packet_mrg)
{
	.kind = BACKEND_PACKET,
	.features = F_V1 | F_MRG | F_EVENT,
	.ours = true,
};

FIXTURE_VARIANT_ADD(net, macvtap)
{
	.kind = BACKEND_MACVTAP,
};

FIXTURE_VARIANT_ADD(net, macvtap_mrg)
{
	.kind = BACKEND_MACVTAP,
	.features = F_V1 | F_MRG | F_EVENT,
};

/* Sockets have no header: the guest's is the driver's, whatever it is. */
FIXTURE_VARIANT_ADD(net, udp_mrg)
{
	.kind = BACKEND_UDP,
	.features = F_V1 | F_MRG | F_EVENT,
};

FIXTURE_VARIANT_ADD(net, udp6_mrg)
{
	.kind = BACKEND_UDP6,
	.features = F_V1 | F_MRG | F_EVENT,
};

FIXTURE_VARIANT_ADD(net, mcast_mrg)
{
	.kind = BACKEND_MCAST,
	.features = F_V1 | F_MRG | F_EVENT,
};

FIXTURE_VARIANT_ADD(net, unix_dgram_mrg)
{
	.kind = BACKEND_UNIX_DGRAM,
	.features = F_V1 | F_MRG | F_EVENT,
};

FIXTURE_VARIANT_ADD(net, tcp_mrg)
{
	.kind = BACKEND_TCP,
	.features = F_V1 | F_MRG | F_EVENT,
};

FIXTURE_VARIANT_ADD(net, unix_stream_mrg)
{
	.kind = BACKEND_UNIX_STREAM,
	.features = F_V1 | F_MRG | F_EVENT,
};

FIXTURE_VARIANT_ADD(net, udp)
{
	.kind = BACKEND_UDP,
};

FIXTURE_VARIANT_ADD(net, mcast_v1)
{
	.kind = BACKEND_MCAST,
	.features = F_V1 | F_INDIRECT,
};

FIXTURE_VARIANT_ADD(net, unix_dgram_host_hdr)
{
	.kind = BACKEND_UNIX_DGRAM,
	.features = F_HOST_HDR,
};

FIXTURE_VARIANT_ADD(net, tcp_v1)
{
	.kind = BACKEND_TCP,
	.features = F_V1 | F_EVENT,
};

FIXTURE_VARIANT_ADD(net, unix_stream)
{
	.kind = BACKEND_UNIX_STREAM,
};

FIXTURE_VARIANT_ADD(net, unix_stream_host_hdr_mrg)
{
	.kind = BACKEND_UNIX_STREAM,
	.features = F_HOST_HDR | F_V1 | F_MRG,
};

/* Much less than a long frame: all of them go piece by piece. */
FIXTURE_VARIANT_ADD(net, tcp_small_sndbuf)
{
	.kind = BACKEND_TCP,
	.features = F_V1 | F_MRG,
	.sndbuf = 10000,
};

FIXTURE_VARIANT_ADD(net, unix_stream_small_sndbuf)
{
	.kind = BACKEND_UNIX_STREAM,
	.features = F_V1,
	.sndbuf = 10000,
};

static size_t longest;

FIXTURE_SETUP(net)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.backend.kind = variant->kind,
		.backend.sndbuf = variant->sndbuf,
		.backend.offload = OFFLOADS,
		.num = { 64, 64 },
		.buf = { FRAME_MAX + 12, FRAME_MAX + 12 },
	};

	RUN_IF_SELECTED();
	NEEDS_KIND(variant->kind);
	if (variant->ours)
		NOT_FOR_STOCK("takes the socket's header for 12 bytes");
	longest = backend_longest(variant->kind);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(net)
{
	/* A full turn more, for what an earlier packet may have upset. */
	EXPECT_EQ(0, traffic_alive(&self->g));
	EXPECT_EQ(0, self->g.vq[VQ_RX].lost_calls);
	EXPECT_EQ(0, self->g.vq[VQ_TX].lost_calls);
	guest_stop(&self->g);
}

#define SIZES	(2001 - FRAME_MIN)

/* Every size up to 2000 bytes, then a few large ones. */
static size_t len_every(__u32 seq)
{
	static const size_t large[] = { 4096, 9014, 16384, 32768, 65535 };

	return seq < SIZES ? FRAME_MIN + seq :
		min_size(large[(seq - SIZES) % ARRAY_SIZE(large)], longest);
}

TEST_F(net, tx_every_size)
{
	struct traffic t = { .count = SIZES + 5, .len = len_every };

	ASSERT_EQ(0, traffic_tx(&self->g, &t));
}

TEST_F(net, rx_every_size)
{
	struct traffic t = { .count = SIZES + 5, .len = len_every };

	ASSERT_EQ(0, traffic_rx(&self->g, &t));
}

static const struct {
	size_t len;
	__u16 gso_size;
} offload[] = {
	{ 54, 0 }, { 55, 0 }, { 1514, 0 }, { 4000, 0 },
	{ 150, 40 }, { 1515, 1448 }, { 3000, 1448 }, { 16384, 1448 },
	/* A veth cuts anything larger. */
	{ 65535, 1448 }, { 65535, 8948 },
};

/* Only what the header says of the packet; lengths may be filled in. */
static bool same_offload(const struct virtio_net_hdr *a,
			 const struct virtio_net_hdr *b)
{
	return a->flags == b->flags && a->gso_type == b->gso_type &&
		a->gso_size == b->gso_size && a->csum_start == b->csum_start &&
		a->csum_offset == b->csum_offset;
}

TEST_F(net, tx_offload)
{
	struct virtio_net_hdr h, seen;
	struct guest *g = &self->g;
	unsigned int i;
	int len;

	if (variant->features & F_HOST_HDR || sockets_have(variant->kind))
		SKIP(return, "no header to ask for offloads");
	for (i = 0; i < ARRAY_SIZE(offload); i++) {
		frame_build_tcp(sent, offload[i].len, FRAME_TO_HOST, i, &h,
				offload[i].gso_size);
		ASSERT_EQ(0, guest_send(g, sent, offload[i].len, &h));
		vq_kick(&g->vq[VQ_TX]);
		len = wire_recv(&g->wire, got, sizeof(got), &seen, STALL_MS);
		ASSERT_EQ((int)offload[i].len, len);
		EXPECT_EQ(0, memcmp(sent, got, len));
		EXPECT_TRUE(same_offload(&h, &seen))
			TH_LOG("offload %u", i);
	}
	EXPECT_EQ(0, guest_drain(g));
}

TEST_F(net, rx_offload)
{
	struct guest *g = &self->g;
	struct virtio_net_hdr h;
	struct rx_packet p;
	unsigned int i;

	if (variant->features & F_HOST_HDR || sockets_have(variant->kind))
		SKIP(return, "no header to tell of offloads");
	ASSERT_LT(0, guest_post(g, 64));
	for (i = 0; i < ARRAY_SIZE(offload); i++) {
		frame_build_tcp(sent, offload[i].len, FRAME_TO_GUEST, i, &h,
				offload[i].gso_size);
		ASSERT_EQ(0, wire_send_wait(&g->wire, sent, offload[i].len,
					    &h));
		ASSERT_EQ(1, guest_recv(g, got, &p, STALL_MS));
		ASSERT_EQ(offload[i].len, p.len);
		EXPECT_EQ(0, memcmp(sent, got, p.len));
		EXPECT_TRUE(same_offload(&h, &p.hdr.hdr))
			TH_LOG("offload %u", i);
	}
}

/* The driver's own header is all zero but for the number of buffers. */
TEST_F(net, rx_header_is_clean)
{
	static const struct virtio_net_hdr zero;
	struct traffic t = { .len = len_fixed_60 };
	struct guest *g = &self->g;
	struct rx_packet p;
	bool counts;

	/* The distribution's driver leaves the number out without MRG. */
	counts = variant->features & (stock_driver() ? F_MRG : F_MRG | F_V1);
	ASSERT_LT(0, guest_post(g, 64));
	frame_build(sent, 60, FRAME_TO_GUEST, 9);
	ASSERT_EQ(0, wire_send_wait(&g->wire, sent, 60, NULL));
	ASSERT_EQ(1, guest_recv(g, got, &p, STALL_MS));
	EXPECT_EQ(0, traffic_expect(got, p.len, &t, 9));
	EXPECT_EQ(0, memcmp(&zero, &p.hdr.hdr, sizeof(zero)));
	if (counts)
		EXPECT_EQ(1, p.hdr.num_buffers);
}

/* The device may have taken frames in already: they are not lost. */
TEST_F(net, frames_survive_detach)
{
	struct traffic t = { .len = len_mixed };
	struct guest *g = &self->g;
	struct rx_packet p;
	size_t len;
	__u32 i;

	if (sockets_have(variant->kind) && variant->sndbuf)
		SKIP(return, "can't keep that many");
	for (i = 0; i < 40; i++) {
		len = len_mixed(i);
		frame_build(sent, len, FRAME_TO_GUEST, i);
		ASSERT_EQ(0, wire_send_wait(&g->wire, sent, len, NULL));
	}
	pause_ms(20);
	ASSERT_EQ(5, guest_post(g, 5));
	for (i = 0; i < 5; i++) {
		ASSERT_TRUE(vq_wait_after(&g->vq[VQ_RX], 4, STALL_MS));
		ASSERT_EQ(0, guest_attach(g, -1));
		ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	}
	ASSERT_LT(0, guest_post(g, 50));
	for (i = 0; i < 40; i++) {
		ASSERT_EQ(1, guest_recv(g, got, &p, STALL_MS));
		ASSERT_EQ(0, traffic_expect(got, p.len, &t, i));
	}
}

TEST_HARNESS_MAIN
