// SPDX-License-Identifier: GPL-2.0
/*
 * What real clients other than QEMU do with the device, call by call and in
 * their order, and traffic wherever they expect some.
 */
#include "fixture.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "dirty.h"
#include "netif.h"
#include "replay.h"
#include "traffic.h"

static char frame[FRAME_MAX], got[FRAME_MAX];

/*
 * DPDK's virtio-user: one file for each pair of rings, of which only the first
 * is asked for features; guest addresses are its own.
 */
#define PAIRS	2

static int dpdk_pair(struct guest *g, bool again)
{
	unsigned int i;
	int r;

	/* Older ones call it at each start, and don't look at the answer. */
	r = dev_set_owner(g->fd);
	if (r != (again ? -EBUSY : 0))
		return r ? r : -EPROTO;
	for (i = 0, r = 0; i < VQ_MAX && !r; i++)
		r = set_call(g, i);
	if (!r)
		r = dev_set_features(g->fd, g->cfg.features);
	if (!r)
		r = dev_set_mem(g->fd, &g->arena);
	for (i = 0; i < VQ_MAX && !r; i++) {
		r = set_num(g, i);
		if (!r)
			r = set_base(g, i, 0);
		if (!r)
			r = dev_set_addr(g->fd, &g->vq[i]);
		if (!r)
			r = set_kick(g, i);
	}
	return r ? r : guest_attach(g, g->backend.fd);
}

/* The pairs share a tap: which of them a frame comes to is the tap's choice. */
static int dpdk_receive(struct guest *g, unsigned int n)
{
	struct rx_packet p;
	unsigned int i, in = 0;
	__s64 end = now_ms() + STALL_MS;
	int r = 0;

	for (i = 0; i < PAIRS && r >= 0; i++)
		r = guest_post(&g[i], 64);
	for (i = 0; i < n && r >= 0; i++) {
		frame_build(frame, 100, FRAME_TO_GUEST, i);
		r = wire_send_wait(&g[0].wire, frame, 100, NULL);
	}
	while (in < n && r >= 0) {
		for (i = 0; i < PAIRS && r >= 0; i++) {
			r = guest_recv(&g[i], got, &p, 1);
			in += r == 1;
		}
		if (now_ms() > end)
			return -ETIME;
	}
	return r < 0 ? r : 0;
}

static int dpdk_traffic(struct guest *g)
{
	struct traffic t = { .count = 50, .len = len_mixed };
	struct wire wire;
	unsigned int i;
	int r = 0;

	for (i = 0; i < PAIRS && !r; i++) {
		/* The wire is where the tap is, at the first one's. */
		wire = g[i].wire;
		g[i].wire = g[0].wire;
		r = traffic_tx(&g[i], &t);
		g[i].wire = wire;
	}
	return r ? r : dpdk_receive(g, 40);
}

TEST(dpdk)
{
	struct guest_cfg cfg = {
		.identity = true,
		.backend.multi_queue = true,
	};
	static struct guest g[PAIRS];
	unsigned int i, j, base;

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	for (i = 0; i < PAIRS; i++) {
		cfg.id = i;
		ASSERT_EQ(0, start_bare(&g[i], cfg));
	}
	for (i = 1; i < PAIRS; i++) {
		close(g[i].backend.fd);
		g[i].backend.fd = tap_open_queue(g[0].backend.ifname,
						 &g[0].backend.cfg);
		ASSERT_LE(0, g[i].backend.fd);
	}
	for (i = 0; i < PAIRS; i++)
		ASSERT_EQ(0, dpdk_pair(&g[i], false));
	EXPECT_EQ(0, dpdk_traffic(g));

	/* Memory was added: rings are told nothing, forget nothing (S45). */
	for (j = 0; j < 10; j++) {
		for (i = 0; i < PAIRS; i++)
			ASSERT_TRUE(backends_off(&g[i]));
		for (i = 0; i < PAIRS; i++)
			ASSERT_EQ(0, dev_set_mem(g[i].fd, &g[i].arena));
		for (i = 0; i < PAIRS; i++)
			ASSERT_EQ(0, guest_attach(&g[i], g[i].backend.fd));
		EXPECT_EQ(0, dpdk_traffic(g));
	}
	/* Stopped, and started anew. */
	for (i = 0; i < PAIRS; i++) {
		ASSERT_TRUE(backends_off(&g[i]));
		base = g[i].vq[VQ_TX].used_idx;
		EXPECT_EQ(base, dev_get_base(g[i].fd, VQ_TX));
		ASSERT_EQ(0, reset_rings(&g[i]));
		ASSERT_EQ(0, dpdk_pair(&g[i], true));
	}
	EXPECT_EQ(0, dpdk_traffic(g));
	for (i = PAIRS; i--;)
		guest_stop(&g[i]);
}

/* VPP: its whole address space is one region; bases are never set. */
static int vpp_device(struct guest *g, unsigned int first, unsigned int last)
{
	struct {
		struct vhost_memory m;
		struct vhost_memory_region r;
	} table = {
		.m.nregions = 1,
		.r.memory_size = arena_limit(),
	};
	const __u64 wanted = F_MRG | F_INDIRECT | F_V1;
	__u64 offered;
	unsigned int i;
	int r;

	r = dev_set_owner(g->fd);
	if (!r)
		r = dev_get_features(g->fd, &offered);
	if (!r && (offered & wanted) != wanted)
		r = -EOPNOTSUPP;
	if (!r)
		r = dev_set_features(g->fd, g->cfg.features);
	if (!r)
		r = dev_ioctl(g->fd, VHOST_SET_MEM_TABLE, &table);
	for (i = first; i <= last && !r; i++) {
		r = set_num(g, i);
		if (!r)
			r = dev_set_addr(g->fd, &g->vq[i]);
		if (!r)
			r = set_call(g, i);
		if (!r)
			r = set_kick(g, i);
		if (!r)
			r = dev_set_backend(g->fd, i, g->backend.fd);
	}
	return r;
}

TEST(vpp)
{
	struct guest_cfg cfg = { .features = F_V1 | F_MRG | F_INDIRECT,
				 .identity = true };
	static struct guest g;

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, start_bare(&g, cfg));
	ASSERT_EQ(0, vpp_device(&g, VQ_RX, VQ_TX));
	EXPECT_EQ(0, traffic_alive(&g));
	guest_stop(&g);
}

/* One receives, and three transmit, each with a file of its own (S46). */
TEST(vpp_shares_a_tap)
{
	struct guest_cfg cfg = { .features = F_V1 | F_MRG | F_INDIRECT,
				 .identity = true };
	struct traffic t = { .count = 100, .len = len_mixed };
	static struct guest g[4];
	struct wire wire;
	unsigned int i;
	int tap;

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	for (i = 0; i < ARRAY_SIZE(g); i++) {
		cfg.id = i;
		ASSERT_EQ(0, start_bare(&g[i], cfg));
		tap = g[i].backend.fd;
		g[i].backend.fd = g[0].backend.fd;
		ASSERT_EQ(0, vpp_device(&g[i], i ? VQ_TX : VQ_RX,
					i ? VQ_TX : VQ_RX));
		g[i].backend.fd = tap;
	}
	EXPECT_EQ(0, traffic_rx(&g[0], &t));
	for (i = 1; i < ARRAY_SIZE(g); i++) {
		wire = g[i].wire;
		g[i].wire = g[0].wire;
		EXPECT_EQ(0, traffic_tx(&g[i], &t));
		g[i].wire = wire;
	}
	EXPECT_EQ(0, traffic_rx(&g[0], &t));
	for (i = ARRAY_SIZE(g); i--;)
		guest_stop(&g[i]);
}

/* Packets without an Ethernet header: a tunnel instead of a tap (S46). */
static int open_tun(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	int fd, hdr_len = sizeof(struct virtio_net_hdr_mrg_rxbuf);
	int sndbuf = 1 << 20;

	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	strcpy(ifr.ifr_name, name);
	if (ioctl(fd, TUNSETIFF, &ifr) ||
	    ioctl(fd, TUNSETVNETHDRSZ, &hdr_len) ||
	    ioctl(fd, TUNSETSNDBUF, &sndbuf) || netif_up(name, true)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* An IPv4 header is all that a tunnel looks at. */
static size_t ip_packet(char *p, int seq)
{
	size_t len = 40 + seq * 97 % 1400;

	frame_build(p, len, FRAME_TO_HOST, seq);
	p[0] = 0x45;
	p[2] = len >> 8;
	p[3] = len;
	return len;
}

static ssize_t tunnel_recv(int fd, char *p, size_t size)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	ssize_t n;

	do {
		if (poll(&poll_fd, 1, STALL_MS) != 1)
			return -ETIME;
		n = recv(fd, p, size, 0);
	} while (n > 0 && p[sizeof(struct virtio_net_hdr)] != 0x45);
	return n - (ssize_t)sizeof(struct virtio_net_hdr);
}

TEST(vpp_tunnel)
{
	struct guest_cfg cfg = { .features = F_V1 | F_MRG | F_INDIRECT,
				 .identity = true };
	static struct guest g;
	struct rx_packet p;
	struct wire wire;
	ssize_t len;
	int i, tap;

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, start_bare(&g, cfg));
	tap = g.backend.fd;
	g.backend.fd = open_tun("vht9");
	ASSERT_LE(0, g.backend.fd);
	ASSERT_EQ(0, wire_open(&wire, "vht9", true));
	ASSERT_EQ(0, vpp_device(&g, VQ_RX, VQ_TX));
	ASSERT_LT(0, guest_post(&g, 64));
	for (i = 0; i < 20; i++) {
		len = ip_packet(frame, i);
		ASSERT_EQ(0, guest_send(&g, frame, len, NULL));
		ASSERT_EQ(0, guest_drain(&g));
		ASSERT_EQ(len, tunnel_recv(wire.fd, got, sizeof(got)));
		EXPECT_EQ(0, memcmp(got + sizeof(struct virtio_net_hdr), frame,
				    len));
		len = ip_packet(frame, 100 + i);
		ASSERT_EQ(0, wire_send_wait(&wire, frame, len, NULL));
		ASSERT_EQ(1, guest_recv(&g, got, &p, STALL_MS));
		EXPECT_EQ(len, p.len);
		EXPECT_EQ(0, memcmp(got, frame, len));
	}
	wire_close(&wire);
	close(g.backend.fd);
	g.backend.fd = tap;
	guest_stop(&g);
}

static int crosvm_start(struct guest *g)
{
	__u64 offered;
	unsigned int i;
	int r;

	r = dev_get_features(g->fd, &offered);
	if (!r)
		r = dev_set_features(g->fd, g->cfg.features & offered);
	if (!r)
		r = dev_set_mem(g->fd, &g->arena);
	for (i = 0; i < VQ_MAX && !r; i++) {
		r = set_num(g, i);
		if (!r)
			r = set_err(g, i);
		if (!r)
			r = dev_set_addr(g->fd, &g->vq[i]);
		if (!r)
			r = set_base(g, i, 0);
		if (!r)
			r = set_call(g, i);
		if (!r)
			r = set_kick(g, i);
	}
	return r ? r : guest_attach(g, g->backend.fd);
}

/* crosvm: the same file for the guest's next life, after a reset. */
TEST(crosvm)
{
	struct guest_cfg cfg = {};
	static struct guest g;
	int i;

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, start_bare(&g, cfg));
	close(g.fd);
	g.fd = dev_open_flags(O_CLOEXEC | O_NONBLOCK);
	ASSERT_LE(0, g.fd);
	ASSERT_EQ(0, dev_set_owner(g.fd));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, crosvm_start(&g));
		EXPECT_EQ(0, traffic_alive(&g));
		ASSERT_TRUE(backends_off(&g));
		ASSERT_EQ(0, reset_rings(&g));
	}
	guest_stop(&g);
}

static int kvmtool_start(struct guest *g)
{
	unsigned int i;
	int r = dev_set_owner(g->fd);

	if (!r)
		r = dev_set_mem(g->fd, &g->arena);
	if (!r)
		r = dev_set_features(g->fd, g->cfg.features);
	for (i = 0; i < VQ_MAX && !r; i++) {
		r = set_num(g, i);
		if (!r)
			r = set_base(g, i, 0);
		if (!r)
			r = dev_set_addr(g->fd, &g->vq[i]);
		/* It runs, and can be kicked only later. */
		if (!r)
			r = dev_set_backend(g->fd, i, g->backend.fd);
	}
	for (i = 0; i < VQ_MAX && !r; i++) {
		r = set_call(g, i);
		if (!r)
			r = set_kick(g, i);
	}
	return r;
}

TEST(kvmtool)
{
	struct guest_cfg cfg = { .features = F_V1 | F_MRG | F_EVENT };
	static struct guest g;
	int i;

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, start_bare(&g, cfg));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, kvmtool_start(&g));
		EXPECT_EQ(0, traffic_alive(&g));
		ASSERT_EQ(0, dev_reset_owner(g.fd));
		ASSERT_EQ(0, reset_rings(&g));
	}
	guest_stop(&g);
}

/* rust-vmm's own tests, as a library that is told nothing of a guest. */
TEST(rust_vmm)
{
	struct guest_cfg cfg = { .features = F_V1 };
	int null = open("/dev/null", O_RDWR);
	__u64 offered, base = 0x4000;
	static struct guest g;

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, start_bare(&g, cfg));
	ASSERT_EQ(0, dev_get_features(g.fd, &offered));
	/* The distribution's driver then goes on translating for ever. */
	if (stock_driver())
		offered &= ~F_PLATFORM;
	EXPECT_EQ(0, dev_set_features(g.fd, offered));
	EXPECT_EQ(0, dev_set_owner(g.fd));
	EXPECT_EQ(0, dev_set_mem(g.fd, &g.arena));
	if (offered & F_LOG)
		EXPECT_EQ(0, dev_ioctl(g.fd, VHOST_SET_LOG_BASE, &base));
	EXPECT_EQ(0, set_num(&g, VQ_RX));
	EXPECT_EQ(0, dev_set_addr(g.fd, &g.vq[VQ_RX]));
	EXPECT_EQ(0, set_base(&g, VQ_RX, 1));
	EXPECT_EQ(0, set_call(&g, VQ_RX));
	EXPECT_EQ(0, set_kick(&g, VQ_RX));
	EXPECT_EQ(0, set_err(&g, VQ_RX));
	EXPECT_EQ(1, dev_get_base(g.fd, VQ_RX));
	EXPECT_NE(0, dev_set_backend(g.fd, VQ_RX, null));
	EXPECT_EQ(0, dev_set_backend(g.fd, VQ_RX, -1));
	/* And then a user of it, in the order of its documentation. */
	EXPECT_EQ(0, dev_set_features(g.fd, g.cfg.features));
	EXPECT_EQ(0, dev_setup_vq(g.fd, &g.vq[VQ_RX]));
	EXPECT_EQ(0, dev_setup_vq(g.fd, &g.vq[VQ_TX]));
	ASSERT_EQ(0, guest_attach(&g, g.backend.fd));
	EXPECT_EQ(0, traffic_alive(&g));
	close(null);
	guest_stop(&g);
}

TEST_HARNESS_MAIN
