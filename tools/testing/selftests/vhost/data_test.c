// SPDX-License-Identifier: GPL-2.0
/*
 * Packets through every kind of backend and every shape of ring and buffer,
 * byte for byte and in order.
 */
#include "kselftest_harness.h"

#include <linux/if_tun.h>

#include "guest.h"
#include "netif.h"
#include "traffic.h"

FIXTURE(net)
{
	struct guest g;
};

FIXTURE_VARIANT(net)
{
	enum backend_kind kind;
	__u64 features;
	int sndbuf;
};

FIXTURE_VARIANT_ADD(net, tap)
{
	.kind = BACKEND_TAP,
};

FIXTURE_SETUP(net)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.backend.kind = variant->kind,
		.backend.sndbuf = variant->sndbuf,
		.num = { 64, 64 },
		.buf = { FRAME_MAX + 12, FRAME_MAX + 12 },
	};

	if (!test_selected(_metadata->name))
		SKIP(return, "not selected");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(net)
{
	guest_stop(&self->g);
}

/* Every size up to 2000 bytes, then a few large ones. */
static size_t len_every(__u32 seq)
{
	static const size_t large[] = { 4096, 9014, 16384, 32768, 65535 };

	if (FRAME_MIN + seq <= 2000)
		return FRAME_MIN + seq;
	return large[(seq - (2001 - FRAME_MIN)) % ARRAY_SIZE(large)];
}

TEST_F_TIMEOUT(net, tx_every_size, 120)
{
	struct traffic t = { .count = 2001 - 14 + 5, .len = len_every };

	ASSERT_EQ(0, traffic_tx(&self->g, &t));
	EXPECT_EQ(0, self->g.vq[VQ_TX].lost_calls);
}

TEST_F_TIMEOUT(net, rx_every_size, 120)
{
	struct traffic t = { .count = 2001 - 14 + 5, .len = len_every };

	ASSERT_EQ(0, traffic_rx(&self->g, &t));
	EXPECT_EQ(0, self->g.vq[VQ_RX].lost_calls);
}

TEST_HARNESS_MAIN
