// SPDX-License-Identifier: GPL-2.0
/*
 * Backends and owners that go away, or change, while packets flow.
 */
#include "fixture.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "guest.h"
#include "netif.h"
#include "pump.h"
#include "traffic.h"

#define FLOW	500

FIXTURE(backend)
{
	struct guest g;
	struct pump p;
};

FIXTURE_VARIANT(backend)
{
	enum backend_kind kind;
	int sndbuf;
	__u64 features;
};

FIXTURE_VARIANT_ADD(backend, tap)
{
	.kind = BACKEND_TAP,
	.features = F_V1 | F_MRG | F_EVENT,
};

FIXTURE_VARIANT_ADD(backend, tap_small_sndbuf)
{
	.kind = BACKEND_TAP,
	.sndbuf = 100000,
};

FIXTURE_VARIANT_ADD(backend, packet)
{
	.kind = BACKEND_PACKET,
};

FIXTURE_VARIANT_ADD(backend, macvtap)
{
	.kind = BACKEND_MACVTAP,
	.features = F_V1 | F_MRG,
};

FIXTURE_VARIANT_ADD(backend, udp)
{
	.kind = BACKEND_UDP,
	.features = F_V1 | F_MRG | F_EVENT,
};

FIXTURE_VARIANT_ADD(backend, unix_dgram)
{
	.kind = BACKEND_UNIX_DGRAM,
};

FIXTURE_VARIANT_ADD(backend, tcp)
{
	.kind = BACKEND_TCP,
	.features = F_V1 | F_EVENT,
};

FIXTURE_VARIANT_ADD(backend, unix_stream)
{
	.kind = BACKEND_UNIX_STREAM,
	.features = F_V1 | F_MRG,
};

FIXTURE_SETUP(backend)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.backend.kind = variant->kind,
		.backend.sndbuf = variant->sndbuf,
		.backend.multi_queue = variant->kind == BACKEND_TAP,
	};

	RUN_IF_SELECTED();
	NEEDS_KIND(variant->kind);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	ASSERT_EQ(0, pump_start(&self->p, &self->g));
	ASSERT_TRUE(pump_flows(&self->p, FLOW));
}

FIXTURE_TEARDOWN(backend)
{
	guest_stop(&self->g);
}

/* After a death: buffers come back, nobody spins, another backend works. */
static int replace_backend(struct guest *g)
{
	int r = guest_renew_backend(g, 7);

	return r ? r : traffic_alive(g);
}

/* A backend with a link, which can be cut. */
#define NEEDS_LINK() do {					\
	if (sockets_have(variant->kind))			\
		SKIP_ALL("has no interface");			\
} while (0)

TEST_F(backend, link_deleted)
{
	NEEDS_LINK();
	NOT_FOR_STOCK("keeps the buffers of a failed batch");
	ASSERT_EQ(0, netif_del(self->g.backend.ifname));
	/* Transmit buffers come back even though nothing can be sent. */
	EXPECT_TRUE(pump_flows(&self->p, FLOW));
	EXPECT_EQ(0, pump_stop(&self->p));
	EXPECT_TRUE(workers_quiet());
	EXPECT_EQ(0, replace_backend(&self->g));
}

TEST_F(backend, link_down_and_up)
{
	int i;

	NEEDS_LINK();
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, netif_up(self->g.backend.ifname, false));
		pause_ms(50);
		ASSERT_EQ(0, netif_up(self->g.backend.ifname, true));
		EXPECT_TRUE(pump_flows(&self->p, FLOW));
	}
	ASSERT_EQ(0, netif_up(self->g.backend.ifname, false));
	ASSERT_EQ(0, netif_up(self->g.backend.ifname, true));
	EXPECT_EQ(0, pump_stop(&self->p));
	EXPECT_LT(0, self->p.received);
	EXPECT_TRUE(workers_quiet());
}

TEST_F(backend, link_stays_down)
{
	NEEDS_LINK();
	ASSERT_EQ(0, netif_up(self->g.backend.ifname, false));
	pause_ms(200);
	EXPECT_TRUE(workers_quiet());
	ASSERT_EQ(0, netif_up(self->g.backend.ifname, true));
	EXPECT_TRUE(pump_flows(&self->p, FLOW));
	EXPECT_EQ(0, pump_stop(&self->p));
}

/* The device has its own hold on what it was given. */
TEST_F(backend, fd_closed_by_monitor)
{
	close(self->g.backend.fd);
	self->g.backend.fd = -1;
	EXPECT_TRUE(pump_flows(&self->p, FLOW));
	EXPECT_EQ(0, pump_stop(&self->p));
	EXPECT_EQ(self->p.sent, self->p.seen);
}

TEST_F(backend, detach_and_attach)
{
	int i;

	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, guest_attach(&self->g, -1));
		if (i % 4 == 0)
			pause_ms(1);
		/* No base, no addresses: both must have been kept (S45). */
		ASSERT_EQ(0, dev_set_mem(self->g.fd, &self->g.arena));
		ASSERT_EQ(0, guest_attach(&self->g, self->g.backend.fd));
		ASSERT_TRUE(pump_flows(&self->p, 32));
	}
	EXPECT_EQ(0, pump_stop(&self->p));
	EXPECT_EQ(self->p.sent, self->p.seen);
}

TEST_F(backend, close_under_traffic)
{
	int fd = self->g.fd;

	/* The pump goes on writing to rings that nobody serves. */
	self->g.fd = -1;
	EXPECT_EQ(0, close(fd));
	__atomic_store_n(&self->p.stop, true, __ATOMIC_RELEASE);
	pthread_join(self->p.thread, NULL);
	EXPECT_FALSE(self->p.broken);
	EXPECT_TRUE(workers_become(getpid(), 0));
}

TEST_F(backend, rings_unmapped)
{
	struct guest *g = &self->g;
	__u64 one = 1;
	unsigned int i;

	ASSERT_EQ(0, pump_stop(&self->p));
	for (i = 0; i < g->arena.n; i++)
		munmap(g->arena.region[i].hva, g->arena.region[i].size);
	for (i = 0; i < VQ_MAX; i++)
		munmap((void *)((uintptr_t)g->vq[i].used & ~(PAGE - 1)), PAGE);
	for (i = 0; i < VQ_MAX; i++)
		ASSERT_EQ((ssize_t)sizeof(one),
			  write(g->vq[i].kick, &one, sizeof(one)));
	EXPECT_TRUE(workers_quiet());
	EXPECT_EQ(0, close(g->fd));
	g->fd = -1;
}

TEST_F(backend, reset_owner)
{
	struct guest *g = &self->g;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, dev_reset_owner(g->fd));
		/* The pump must not touch the ring while we read its index. */
		__atomic_store_n(&self->p.stop, true, __ATOMIC_RELEASE);
		pthread_join(self->p.thread, NULL);
		EXPECT_FALSE(self->p.broken);
		guest_reap(g);
		ASSERT_EQ(0, guest_setup(g));
		ASSERT_EQ(0, guest_attach(g, g->backend.fd));
		ASSERT_EQ(0, guest_drain(g));
		ASSERT_EQ(0, pump_start(&self->p, g));
		ASSERT_TRUE(pump_flows(&self->p, FLOW));
	}
	EXPECT_EQ(0, pump_stop(&self->p));
}

/* Things that only a tap has. */
FIXTURE(tap)
{
	struct guest g;
	struct pump p;
};

FIXTURE_VARIANT(tap)
{
	int sndbuf;
};

FIXTURE_VARIANT_ADD(tap, batched)
{
};

FIXTURE_VARIANT_ADD(tap, one_by_one)
{
	.sndbuf = 100000,
};

FIXTURE_SETUP(tap)
{
	struct guest_cfg cfg = {
		.features = F_V1 | F_MRG | F_EVENT,
		.backend.sndbuf = variant->sndbuf,
		.backend.multi_queue = true,
	};

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	ASSERT_EQ(0, pump_start(&self->p, &self->g));
	ASSERT_TRUE(pump_flows(&self->p, FLOW));
}

FIXTURE_TEARDOWN(tap)
{
	guest_stop(&self->g);
}

TEST_F(tap, queue_detached)
{
	NOT_FOR_STOCK("keeps the buffers of a failed batch");
	ASSERT_EQ(0, tap_attach_queue(self->g.backend.fd, false));
	EXPECT_TRUE(pump_flows(&self->p, FLOW));
	ASSERT_EQ(0, tap_attach_queue(self->g.backend.fd, true));
	EXPECT_TRUE(pump_flows(&self->p, FLOW));
	EXPECT_EQ(0, pump_stop(&self->p));
	EXPECT_TRUE(workers_quiet());
	EXPECT_EQ(0, traffic_alive(&self->g));
}

TEST_F(tap, queue_length_changes)
{
	int i;

	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, netif_set_txqlen(self->g.backend.ifname,
					      100 + i * 37 % 2000));
		ASSERT_TRUE(pump_flows(&self->p, 32));
	}
	EXPECT_EQ(0, pump_stop(&self->p));
	EXPECT_EQ(self->p.sent, self->p.seen);
	EXPECT_LT(FLOW, self->p.received);
}

/* From one tap to the other and back: no frame twice, none lost. */
TEST_F(tap, two_taps_in_turn)
{
	struct guest *g = &self->g;
	struct backend other;
	struct wire wire;
	int i, seen = 0;
	char frame[2048];

	ASSERT_EQ(0, backend_open(&other, &g->backend.cfg, 5));
	ASSERT_EQ(0, wire_open(&wire, other.peer, true));
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, guest_attach(g, i % 2 ? g->backend.fd : other.fd));
		ASSERT_TRUE(pump_flows(&self->p, 32));
	}
	EXPECT_EQ(0, pump_stop(&self->p));
	while (wire_recv(&wire, frame, sizeof(frame), NULL, 50) > 0)
		seen++;
	EXPECT_LT(0, seen);
	EXPECT_EQ(self->p.sent, self->p.seen + seen);
	wire_close(&wire);
	backend_close(&other);
}

/* The last hold on a tap, and on its namespace, is the device's. */
TEST_F(tap, namespace_dies_at_detach)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, pump_stop(&self->p));
	ASSERT_EQ(0, netif_new_namespace());
	wire_close(&g->wire);
	backend_close(&g->backend);
	ASSERT_EQ(0, guest_attach(g, -1));
	pause_ms(200);
	EXPECT_EQ(0, replace_backend(g));
}

static bool let_traffic_flow(void)
{
	struct guest_cfg cfg = { .features = F_V1 | F_MRG | F_EVENT };
	static struct guest g;
	static struct pump p;

	return !netif_new_namespace() && !guest_start(&g, &cfg) &&
		!pump_start(&p, &g) && pump_flows(&p, FLOW);
}

TEST(owner_killed)
{
	pid_t pid;
	int i;

	RUN_IF_SELECTED();
	for (i = 0; i < 5; i++) {
		pid = child_ready(let_traffic_flow);
		ASSERT_LT(0, pid);
		EXPECT_TRUE(child_killed(pid));
		EXPECT_TRUE(workers_become(pid, 0));
	}
}

/* Opened by one process, owned by another that got it by message (S50). */
static void child_becomes_owner(int sock)
{
	struct guest_cfg cfg = { .features = F_V1, .stopped = true };
	static struct guest g;
	int fd = take_fd(sock);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd < 0 || netif_new_namespace() || guest_start(&g, &cfg))
		_exit(1);
	close(g.fd);
	g.fd = fd;
	if (guest_setup(&g) || guest_attach(&g, g.backend.fd) ||
	    traffic_alive(&g))
		_exit(2);
	if (write(sock, "", 1) != 1 || read(sock, &fd, 1) != 1)
		_exit(3);
	_exit(traffic_alive(&g) ? 4 : 0);
}

TEST(fd_passed_before_owner)
{
	int fd, status, sock[2];
	pid_t pid;
	char c = 0;

	RUN_IF_SELECTED();
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(sock[0]);
		child_becomes_owner(sock[1]);
	}
	close(sock[1]);
	fd = dev_open();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pass_fd(sock[0], fd));
	ASSERT_EQ(1, read(sock[0], &c, 1));
	EXPECT_EQ(-EPERM, dev_get_base(fd, 0));
	EXPECT_EQ(-EBUSY, dev_set_owner(fd));
	ASSERT_EQ(1, write(sock[0], &c, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	/* The owner is dead, and we still hold its device open. */
	EXPECT_EQ(-EPERM, dev_get_base(fd, 0));
	EXPECT_EQ(-EPERM, dev_set_backend(fd, 0, -1));
	EXPECT_EQ(0, close(fd));
	EXPECT_TRUE(workers_become(pid, 0));
}

TEST_HARNESS_MAIN
