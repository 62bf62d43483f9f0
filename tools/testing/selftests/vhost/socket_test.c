// SPDX-License-Identifier: GPL-2.0
/*
 * Which sockets can be backends, for today's interface and for that of 2009;
 * and what is left of a call that was refused.
 */
#include "fixture.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "stream.h"
#include "traffic.h"
#include "v3.h"

#define BUF	4096

static char bytes[8192], frame[FRAME_MAX];

FIXTURE(sock)
{
	struct guest g;
};

FIXTURE_VARIANT(sock)
{
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(sock, udp) { BACKEND_UDP };
FIXTURE_VARIANT_ADD(sock, udp6) { BACKEND_UDP6 };
FIXTURE_VARIANT_ADD(sock, mcast) { BACKEND_MCAST };
FIXTURE_VARIANT_ADD(sock, unix_dgram) { BACKEND_UNIX_DGRAM };
FIXTURE_VARIANT_ADD(sock, tcp) { BACKEND_TCP };
FIXTURE_VARIANT_ADD(sock, unix_stream) { BACKEND_UNIX_STREAM };

FIXTURE_SETUP(sock)
{
	RUN_IF_SELECTED();
	NOT_FOR_PACKED("the interface of 2009 has none");
	NEEDS_KIND(variant->kind);
	ASSERT_EQ(0, netif_new_namespace());
}

FIXTURE_TEARDOWN(sock)
{
	guest_stop(&self->g);
}

static int start(struct guest *g, enum backend_kind kind, bool bare)
{
	struct guest_cfg cfg = {
		.features = bare ? 0 : F_V1 | F_MRG,
		.backend.kind = kind,
		.buf = { BUF, BUF },
		.bare = bare,
	};

	return guest_start(g, &cfg);
}

/* What is no backend, with the answer of the interface of 2009. */
static const struct {
	int family, type, protocol;
	int v3;
} refused[] = {
	/* Connected to nobody. */
	{ AF_INET, SOCK_DGRAM, 0, -EPFNOSUPPORT },
	{ AF_INET, SOCK_STREAM, 0, -EPFNOSUPPORT },
	{ AF_INET6, SOCK_DGRAM, 0, -EPFNOSUPPORT },
	{ AF_INET6, SOCK_STREAM, 0, -EPFNOSUPPORT },
	{ AF_UNIX, SOCK_DGRAM, 0, -EPFNOSUPPORT },
	{ AF_UNIX, SOCK_STREAM, 0, -EPFNOSUPPORT },
	/* Of other kinds. */
	{ AF_UNIX, SOCK_SEQPACKET, 0, -ESOCKTNOSUPPORT },
	{ AF_INET, SOCK_RAW, IPPROTO_ICMP, -EPFNOSUPPORT },
	{ AF_INET, SOCK_DGRAM, IPPROTO_ICMP, -EPFNOSUPPORT },
	{ AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE, -EPFNOSUPPORT },
	{ AF_PACKET, SOCK_DGRAM, 0, -EPFNOSUPPORT },
	{ AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, -EPFNOSUPPORT },
	{ AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE, -EPFNOSUPPORT },
	{ AF_INET, SOCK_STREAM, IPPROTO_MPTCP, -EPFNOSUPPORT },
	{ AF_INET, SOCK_STREAM, IPPROTO_SCTP, -EPFNOSUPPORT },
};

/* Connected, if that is possible for such a socket. */
static void connect_it(int fd, int family, int type)
{
	struct sockaddr_in at = {
		.sin_family = family,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	if (family == AF_INET && type != SOCK_STREAM)
		connect(fd, (struct sockaddr *)&at, sizeof(at));
}

TEST_F(sock, refused)
{
	struct guest *g = &self->g;
	unsigned int i;
	int fd;

	ASSERT_EQ(0, start(g, variant->kind, false));
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		fd = socket(refused[i].family, refused[i].type,
			    refused[i].protocol);
		if (fd < 0)
			continue;
		if (refused[i].protocol)
			connect_it(fd, refused[i].family, refused[i].type);
		EXPECT_EQ(-ENOTSOCK, dev_set_backend(g->fd, VQ_TX, fd))
			TH_LOG("socket %u", i);
		EXPECT_EQ(-ENOTSOCK, dev_set_backend(g->fd, VQ_RX, fd))
			TH_LOG("socket %u", i);
		close(fd);
	}
	/* What there was is there. */
	EXPECT_EQ(0, traffic_alive(g));
}

static int listener(int family, int type)
{
	struct sockaddr_in at = { .sin_family = family };
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	/* A Unix socket takes a name of its own. */
	if (bind(fd, (struct sockaddr *)&at, family == AF_UNIX ?
		 sizeof(sa_family_t) : sizeof(at)) || listen(fd, 1))
		return -errno;
	return fd;
}

TEST_F(sock, listeners_are_refused)
{
	struct guest *g = &self->g;
	int fd, pair[2];

	ASSERT_EQ(0, start(g, variant->kind, false));
	fd = listener(AF_INET, SOCK_STREAM);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENOTSOCK, dev_set_backend(g->fd, VQ_TX, fd));
	close(fd);
	fd = listener(AF_UNIX, SOCK_STREAM);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENOTSOCK, dev_set_backend(g->fd, VQ_TX, fd));
	close(fd);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	EXPECT_EQ(-ENOTSOCK, dev_set_backend(g->fd, VQ_RX, pair[0]));
	close(pair[0]);
	close(pair[1]);
	EXPECT_EQ(0, traffic_alive(g));
}

/* Bound, but not to a group: who would be sent to? */
TEST_F(sock, bound_only)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct guest *g = &self->g;
	int fd;

	ASSERT_EQ(0, start(g, variant->kind, false));
	ASSERT_EQ(0, netif_up("lo", true));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ASSERT_EQ(0, bind(fd, (struct sockaddr *)&at, sizeof(at)));
	EXPECT_EQ(-ENOTSOCK, dev_set_backend(g->fd, VQ_TX, fd));
	close(fd);
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_F(sock, refused_by_v3)
{
	struct guest *g = &self->g;
	unsigned int i;
	int fd;

	ASSERT_EQ(0, start(g, variant->kind, true));
	ASSERT_EQ(0, v3_setup(g));
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		fd = socket(refused[i].family, refused[i].type,
			    refused[i].protocol);
		if (fd < 0)
			continue;
		if (refused[i].protocol)
			connect_it(fd, refused[i].family, refused[i].type);
		EXPECT_EQ(refused[i].v3, v3_socket(g->fd, fd))
			TH_LOG("socket %u", i);
		close(fd);
		EXPECT_TRUE(says(g, VQ_RX, "state", "stopped"));
		EXPECT_TRUE(says(g, VQ_TX, "state", "stopped"));
	}
	EXPECT_EQ(0, v3_socket(g->fd, g->backend.fd));
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_F(sock, taken_by_v3)
{
	struct traffic t = { .count = 300, .len = len_mixed };
	struct guest *g = &self->g;

	ASSERT_EQ(0, start(g, variant->kind, true));
	ASSERT_EQ(0, v3_setup(g));
	ASSERT_EQ(0, v3_socket(g->fd, g->backend.fd));
	EXPECT_EQ(0, traffic_tx(g, &t));
	EXPECT_EQ(0, traffic_rx(g, &t));
	ASSERT_EQ(0, v3_socket(g->fd, -1));
	ASSERT_EQ(0, v3_socket(g->fd, g->backend.fd));
	EXPECT_EQ(0, traffic_alive(g));
}

/*
 * What waits in the receive ring, or has come in part, while SET_SOCKET tries
 * another socket, and fails for the transmit ring.
 */
static int try_another(struct guest *g, int fd)
{
	void *page = (void *)((uintptr_t)g->vq[VQ_TX].used & -PAGE);
	int r, was;

	r = dev_set_backend(g->fd, VQ_TX, -1);
	if (r)
		return r;
	mprotect(page, PAGE, PROT_NONE);
	was = v3_socket(g->fd, fd);
	mprotect(page, PAGE, PROT_READ | PROT_WRITE);
	return was == -EFAULT ? 0 : -EPROTO;
}

TEST_F(sock, waiting_frames_survive_v3)
{
	struct guest *g = &self->g;
	struct backend other;
	__u32 i;

	ASSERT_EQ(0, start(g, variant->kind, true));
	ASSERT_EQ(0, v3_setup(g));
	ASSERT_EQ(0, v3_socket(g->fd, g->backend.fd));
	ASSERT_EQ(0, backend_open(&other, &g->cfg.backend, 3));
	for (i = 0; i < 10; i++) {
		frame_build(frame, 100, FRAME_TO_GUEST, i);
		ASSERT_EQ(0, wire_send_wait(&g->wire, frame, 100, NULL));
	}
	ASSERT_TRUE(workers_quiet());
	ASSERT_EQ(0, try_another(g, other.fd));
	ASSERT_LT(0, guest_post(g, 100));
	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, traffic_next(g, i, 100));
	EXPECT_EQ(0, count(g, VQ_RX, "bad-frame"));
	ASSERT_EQ(0, v3_socket(g->fd, g->backend.fd));
	EXPECT_EQ(0, traffic_alive(g));
	backend_close(&other);
}

TEST_F(sock, part_of_a_frame_survives_v3)
{
	size_t n = stream_build(bytes, 500, FRAME_TO_GUEST, 1), cut;
	struct guest *g = &self->g;
	struct backend other;
	int r, round = 0;

	if (!sockets_stream(variant->kind))
		SKIP(return, "has no parts");
	ASSERT_EQ(0, start(g, variant->kind, true));
	ASSERT_EQ(0, v3_setup(g));
	ASSERT_EQ(0, v3_socket(g->fd, g->backend.fd));
	ASSERT_EQ(0, backend_open(&other, &g->cfg.backend, 3));
	ASSERT_LT(0, guest_post(g, 100));
	for (cut = 2; cut < n; cut += 250) {
		ASSERT_EQ(0, stream_put(g->wire.fd, bytes, cut));
		ASSERT_TRUE(counts_to(g, VQ_RX, "unfinished", cut));
		ASSERT_EQ(0, try_another(g, other.fd));
		/* The same socket goes on, attached in either way. */
		r = round++ % 2 ? v3_socket(g->fd, g->backend.fd) :
		    dev_set_backend(g->fd, VQ_RX, g->backend.fd);
		ASSERT_EQ(0, r);
		ASSERT_EQ(0, stream_put(g->wire.fd, bytes + cut, n - cut));
		ASSERT_EQ(0, traffic_next(g, 1, 500));
	}
	ASSERT_EQ(0, v3_socket(g->fd, g->backend.fd));
	EXPECT_EQ(0, traffic_alive(g));
	backend_close(&other);
}

TEST_HARNESS_MAIN
