// SPDX-License-Identifier: GPL-2.0
/*
 * A client of the interface of August 2009: traffic, errors, and what only that
 * interface does.
 */
#include "fixture.h"

#include <fcntl.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "counters.h"
#include "netif.h"
#include "pump.h"
#include "stall.h"
#include "traffic.h"
#include "v3.h"

/* Guest addresses are those of the process from now on. */
static void own_addresses(struct guest *g)
{
	struct arena_region *r;
	unsigned int i;

	for (i = 0; i < g->arena.n; i++) {
		r = &g->arena.region[i];
		r->gpa = (uintptr_t)r->hva;
		r->bus = r->gpa;
	}
}

static int alive(struct guest *g)
{
	struct traffic t = { .count = 200, .len = len_mixed };
	int r = traffic_tx(g, &t);

	return r ? r : traffic_rx(g, &t);
}

/* A device that nobody has set up, for whatever order of calls. */
FIXTURE(bare)
{
	struct guest g;
};

/*
 * For the guest it makes no difference that its monitor has never said so:
 * the header is the host's business.
 */
static const struct guest_cfg bare_cfg = {
	.features = F_HOST_HDR,
	.backend = { .kind = BACKEND_PACKET },
	.bare = true,
};

FIXTURE_SETUP(bare)
{
	RUN_IF_SELECTED();
	NOT_FOR_STOCK("knows today's interface only");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &bare_cfg));
}

FIXTURE_TEARDOWN(bare)
{
	guest_stop(&self->g);
}

TEST_F(bare, features_are_none)
{
	__u32 word[2] = { ~0u, ~0u };
	__u64 late = F_V1;
	int fd = self->g.fd;

	EXPECT_EQ(0, dev_ioctl(fd, V3_GET_FEATURES, word));
	EXPECT_EQ(0, word[0]);
	EXPECT_EQ(~0u, word[1]);
	EXPECT_EQ(0, dev_ioctl(fd, V3_ACK_FEATURES, word));
	word[0] = 1;
	EXPECT_EQ(-EOPNOTSUPP, dev_ioctl(fd, V3_ACK_FEATURES, word));
	word[0] = 1u << 27;
	EXPECT_EQ(-EOPNOTSUPP, dev_ioctl(fd, V3_ACK_FEATURES, word));
	EXPECT_EQ(-EFAULT, dev_ioctl(fd, V3_GET_FEATURES, (void *)8));
	EXPECT_EQ(-EFAULT, dev_ioctl(fd, V3_ACK_FEATURES, (void *)8));
	/* Today's call has its own number, and none of that harmed it. */
	EXPECT_EQ(0, dev_ioctl(fd, VHOST_SET_FEATURES, &late));
}

static const unsigned int ring_calls[] = {
	V3_SET_VRING_DESC, V3_SET_VRING_USED, V3_SET_VRING_AVAIL,
	V3_SET_VRING_BASE, V3_GET_VRING_BASE,
};

TEST_F(bare, owner_comes_first)
{
	struct v3_vring_addr a = {};
	int fd = self->g.fd, none = -1;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ring_calls); i++)
		EXPECT_EQ(-EPERM, dev_ioctl(fd, ring_calls[i], &a))
			TH_LOG("call %#x", ring_calls[i]);
	EXPECT_EQ(-EPERM, v3_socket(fd, none));
	EXPECT_EQ(-EFAULT, dev_ioctl(fd, V3_NET_SET_SOCKET, (void *)8));
	EXPECT_EQ(-EPERM, v3_socket(fd, self->g.backend.fd));
	EXPECT_EQ(0, dev_ioctl(fd, V3_SET_OWNER, NULL));
	EXPECT_EQ(-EBUSY, dev_ioctl(fd, V3_SET_OWNER, NULL));
}

TEST_F(bare, ring_arguments)
{
	struct v3_vring_addr a;
	int fd = self->g.fd;
	size_t i;

	ASSERT_EQ(0, dev_ioctl(fd, V3_SET_OWNER, NULL));
	for (i = 0; i < ARRAY_SIZE(ring_calls); i++) {
		memset(&a, 0, sizeof(a));
		a.index = 2;
		EXPECT_EQ(-ENOBUFS, dev_ioctl(fd, ring_calls[i], &a));
		a.index = ~0u;
		EXPECT_EQ(-ENOBUFS, dev_ioctl(fd, ring_calls[i], &a));
		EXPECT_EQ(-EFAULT, dev_ioctl(fd, ring_calls[i], (void *)8));
	}
	for (i = 0; i < 3; i++) {
		memset(&a, 0, sizeof(a));
		a.user_addr = (uintptr_t)self->g.vq[VQ_TX].used;
		a.padding = 1;
		EXPECT_EQ(-EOPNOTSUPP, dev_ioctl(fd, ring_calls[i], &a));
		a.padding = 0;
		EXPECT_EQ(0, dev_ioctl(fd, ring_calls[i], &a));
	}
	a.user_addr++;
	EXPECT_EQ(0, dev_ioctl(fd, V3_SET_VRING_DESC, &a));
	EXPECT_EQ(-EINVAL, dev_ioctl(fd, V3_SET_VRING_AVAIL, &a));
	EXPECT_EQ(-EINVAL, dev_ioctl(fd, V3_SET_VRING_USED, &a));
	a.user_addr++;
	EXPECT_EQ(0, dev_ioctl(fd, V3_SET_VRING_AVAIL, &a));
	EXPECT_EQ(-EINVAL, dev_ioctl(fd, V3_SET_VRING_USED, &a));
}

/* It was the only part that was tried when it was set. */
TEST_F(bare, used_ring_is_tried)
{
	char *page = guarded_map(PAGE);
	struct vring_used *used = (void *)page;
	int fd = self->g.fd;

	ASSERT_NE(NULL, page);
	ASSERT_EQ(0, dev_ioctl(fd, V3_SET_OWNER, NULL));
	used->flags = VRING_USED_F_NO_NOTIFY;
	EXPECT_EQ(0, v3_addr(fd, V3_SET_VRING_USED, 0, used));
	EXPECT_EQ(0, used->flags);
	EXPECT_EQ(-EFAULT, v3_addr(fd, V3_SET_VRING_USED, 0, page + PAGE));
	EXPECT_EQ(-EFAULT, v3_addr(fd, V3_SET_VRING_USED, 0, (void *)8));
	EXPECT_EQ(-EFAULT, v3_addr(fd, V3_SET_VRING_USED, 0, (void *)-PAGE));
	ASSERT_EQ(0, mprotect(page, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, v3_addr(fd, V3_SET_VRING_USED, 0, used));
	EXPECT_EQ(0, v3_addr(fd, V3_SET_VRING_DESC, 0, page + PAGE));
	EXPECT_EQ(0, v3_addr(fd, V3_SET_VRING_AVAIL, 0, page + PAGE));
	guarded_unmap(page, PAGE);
}

TEST_F(bare, base)
{
	int fd = self->g.fd;

	ASSERT_EQ(0, dev_ioctl(fd, V3_SET_OWNER, NULL));
	/* Before anything else shows which interface this is. */
	EXPECT_EQ(0, v3_state(fd, V3_SET_VRING_BASE, VQ_TX, 77));
	EXPECT_EQ(77, v3_get_base(fd, VQ_TX));
	EXPECT_EQ(0, v3_get_base(fd, VQ_RX));
	EXPECT_EQ(0, v3_state(fd, V3_SET_VRING_BASE, VQ_RX, 65535));
	EXPECT_EQ(65535, v3_get_base(fd, VQ_RX));
	EXPECT_EQ(-EINVAL, v3_state(fd, V3_SET_VRING_BASE, VQ_RX, 65536));
	EXPECT_EQ(65535, v3_get_base(fd, VQ_RX));
	EXPECT_EQ(77, v3_get_base(fd, VQ_TX));
}

/* Its number is used for something else today: see what a client speaks. */
TEST_F(bare, base_number_is_todays_for_todays_client)
{
	int fd = self->g.fd;
	__u64 offered;

	ASSERT_EQ(0, dev_get_features(fd, &offered));
	ASSERT_EQ(0, dev_ioctl(fd, V3_SET_OWNER, NULL));
	EXPECT_EQ(-ENOTTY, v3_state(fd, V3_SET_VRING_BASE, VQ_TX, 77));
	EXPECT_EQ(0, dev_get_base(fd, VQ_TX));
	/* Not for good: what it may change to is its own affair. */
	EXPECT_EQ(0, dev_ioctl(fd, V3_RESET_OWNER, NULL));
	EXPECT_EQ(0, dev_ioctl(fd, V3_SET_OWNER, NULL));
	EXPECT_EQ(-ENOTTY, v3_state(fd, V3_SET_VRING_BASE, VQ_TX, 77));
}

static int try_socket(int fd, int sock)
{
	int r = v3_socket(fd, sock);

	close(sock);
	return r;
}

TEST_F(bare, socket_must_be_a_backend)
{
	struct guest *g = &self->g;
	struct backend_cfg tap = { .kind = BACKEND_TAP };
	int fd = g->fd;

	ASSERT_EQ(0, v3_setup(g));
	EXPECT_EQ(-ENOTSOCK, v3_socket(fd, 9999));
	EXPECT_EQ(-ENOTSOCK, v3_socket(fd, -2));
	EXPECT_EQ(-ENOTSOCK, try_socket(fd, open("/dev/null", O_RDWR)));
	EXPECT_EQ(-ENOTSOCK, try_socket(fd, eventfd(0, 0)));
	EXPECT_EQ(-ENOTSOCK, try_socket(fd, tap_open_queue("v3tap", &tap)));
	EXPECT_EQ(-ESOCKTNOSUPPORT,
		  try_socket(fd, socket(AF_UNIX, SOCK_SEQPACKET, 0)));
	EXPECT_EQ(-EPFNOSUPPORT,
		  try_socket(fd, socket(AF_PACKET, SOCK_DGRAM, 0)));
	EXPECT_EQ(-EPFNOSUPPORT, try_socket(fd, socket(AF_INET, SOCK_RAW, 1)));
	EXPECT_TRUE(says(g, VQ_RX, "state", "stopped"));
	EXPECT_TRUE(says(g, VQ_TX, "state", "stopped"));
	EXPECT_EQ(0, v3_socket(fd, g->backend.fd));
	EXPECT_EQ(0, alive(g));
	/* A refused one leaves what is there. */
	EXPECT_EQ(-ENOTSOCK, v3_socket(fd, 9999));
	EXPECT_EQ(-EPFNOSUPPORT,
		  try_socket(fd, socket(AF_INET, SOCK_DGRAM, 0)));
	EXPECT_EQ(0, alive(g));
}

/* Every part has to be set, of both rings, and the memory table. */
TEST_F(bare, socket_needs_both_rings)
{
	struct guest *g = &self->g;
	struct vq *tx = &g->vq[VQ_TX];
	int fd = g->fd, sock = g->backend.fd;

	ASSERT_EQ(0, dev_ioctl(fd, V3_SET_OWNER, NULL));
	EXPECT_EQ(-EFAULT, v3_socket(fd, sock));
	ASSERT_EQ(0, v3_ring(fd, &g->vq[VQ_RX]));
	EXPECT_EQ(-EFAULT, v3_socket(fd, sock));
	ASSERT_EQ(0, v3_state(fd, V3_SET_VRING_NUM, VQ_TX, tx->num));
	ASSERT_EQ(0, v3_addr(fd, V3_SET_VRING_USED, VQ_TX, tx->used));
	EXPECT_EQ(-EFAULT, v3_socket(fd, sock));
	ASSERT_EQ(0, v3_addr(fd, V3_SET_VRING_AVAIL, VQ_TX, tx->avail));
	EXPECT_EQ(-EFAULT, v3_socket(fd, sock));
	ASSERT_EQ(0, v3_addr(fd, V3_SET_VRING_DESC, VQ_TX, tx->desc));
	/* No table was set, and nobody reset the device to the default. */
	EXPECT_EQ(-EFAULT, v3_socket(fd, sock));
	ASSERT_EQ(0, dev_set_mem(fd, &g->arena));
	ASSERT_EQ(0, v3_ring(fd, tx));
	EXPECT_EQ(0, v3_socket(fd, -1));
	EXPECT_EQ(0, v3_socket(fd, sock));
	EXPECT_EQ(0, alive(g));
}

/* One ring that can't be reached: neither is started. */
static void half_a_device(struct __test_metadata *_metadata, struct guest *g,
			  int bad)
{
	void *used = g->vq[bad].used;
	int fd = g->fd, i;

	/* The ring ends at a page's end; its first bytes are in that page. */
	used = (void *)((uintptr_t)used & -PAGE);
	ASSERT_EQ(0, mprotect(used, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, v3_socket(fd, g->backend.fd));
	for (i = 0; i < VQ_MAX; i++) {
		EXPECT_TRUE(says(g, i, "state", "stopped"));
		EXPECT_EQ(0, v3_state(fd, V3_SET_VRING_NUM, i, g->vq[i].num));
	}
	ASSERT_EQ(0, mprotect(used, PAGE, PROT_READ | PROT_WRITE));
}

TEST_F(bare, socket_is_for_both_rings_or_none)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, v3_setup(g));
	half_a_device(_metadata, g, VQ_TX);
	half_a_device(_metadata, g, VQ_RX);
	EXPECT_EQ(0, v3_socket(g->fd, g->backend.fd));
	EXPECT_EQ(0, alive(g));
}

struct binder {
	struct guest *g;
	int result;
};

static void *bind_socket(void *arg)
{
	struct binder *b = arg;

	b->result = v3_socket(b->g->fd, b->g->backend.fd);
	return NULL;
}

/* The one that is attached first has all it needs, also if it runs at once. */
TEST_F(bare, first_ring_runs_at_once)
{
	struct guest *g = &self->g;
	struct vq *rx = &g->vq[VQ_RX];
	struct binder b = { .g = g };
	struct rx_packet p;
	char frame[100], got[2000];
	pthread_t thread;
	struct stall s;
	void *page;

	ASSERT_EQ(0, v3_setup(g));
	page = (void *)((uintptr_t)g->vq[VQ_TX].used & -PAGE);
	if (stall_init_shared(&s, page, PAGE))
		SKIP(return, "no userfaultfd for shared pages");
	ASSERT_EQ(1, guest_post(g, 1));
	rx->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	ASSERT_EQ(0, pthread_create(&thread, NULL, bind_socket, &b));
	ASSERT_EQ(page, stall_wait(&s, STALL_MS));
	/* Its only buffer is used: it has to say so. */
	frame_build(frame, sizeof(frame), FRAME_TO_GUEST, 1);
	ASSERT_EQ(0, wire_send_wait(&g->wire, frame, sizeof(frame), NULL));
	vq_kick_always(rx);
	EXPECT_TRUE(eventfd_wait(rx->call, STALL_MS));
	ASSERT_EQ(0, stall_continue(&s, page));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, b.result);
	EXPECT_EQ(1, guest_recv(g, got, &p, STALL_MS));
	EXPECT_EQ(0, alive(g));
	stall_end(&s);
}

/* What RESET_OWNER leaves behind maps every address to itself. */
TEST_F(bare, own_addresses_after_reset)
{
	struct guest *g = &self->g;
	int i;

	own_addresses(g);
	ASSERT_EQ(0, dev_ioctl(g->fd, V3_SET_OWNER, NULL));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, dev_ioctl(g->fd, V3_RESET_OWNER, NULL));
		ASSERT_EQ(0, dev_ioctl(g->fd, V3_SET_OWNER, NULL));
		ASSERT_EQ(0, v3_rings(g));
		/* A failure must not use up the default. */
		half_a_device(_metadata, g, VQ_TX);
		ASSERT_EQ(0, v3_socket(g->fd, g->backend.fd));
		EXPECT_EQ(0, alive(g));
		/* Nor is it gone when the socket is. */
		ASSERT_EQ(0, v3_socket(g->fd, -1));
		ASSERT_EQ(0, v3_socket(g->fd, g->backend.fd));
		EXPECT_EQ(0, alive(g));
	}
}

TEST_F(bare, table_after_reset_counts)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, dev_ioctl(g->fd, V3_SET_OWNER, NULL));
	ASSERT_EQ(0, dev_ioctl(g->fd, V3_RESET_OWNER, NULL));
	ASSERT_EQ(0, v3_setup(g));
	ASSERT_EQ(0, v3_socket(g->fd, g->backend.fd));
	EXPECT_EQ(0, alive(g));
}

/* Today's clients get an empty table from RESET_OWNER, as they always did. */
TEST_F(bare, own_addresses_are_not_for_todays_client)
{
	struct guest *g = &self->g;
	char frame[100];
	int i;

	own_addresses(g);
	ASSERT_EQ(0, dev_set_owner(g->fd));
	ASSERT_EQ(0, dev_reset_owner(g->fd));
	ASSERT_EQ(0, dev_set_owner(g->fd));
	ASSERT_EQ(0, dev_set_features(g->fd, F_HOST_HDR));
	for (i = 0; i < VQ_MAX; i++)
		ASSERT_EQ(0, dev_setup_vq(g->fd, &g->vq[i]));
	/* A call of the other interface that fails changes nothing. */
	half_a_device(_metadata, g, VQ_TX);
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	frame_build(frame, sizeof(frame), FRAME_TO_HOST, 1);
	ASSERT_EQ(0, guest_send(g, frame, sizeof(frame), NULL));
	EXPECT_EQ(0, guest_drain(g));
	EXPECT_TRUE(counts_to(g, VQ_TX, "bad-addr", 1));
	EXPECT_EQ(0, count(g, VQ_TX, "packets"));
}

/* Packets in every cut, the header in a descriptor of its own or not. */
FIXTURE(flow)
{
	struct guest g;
};

FIXTURE_VARIANT(flow)
{
	struct shape shape;
};

FIXTURE_VARIANT_ADD(flow, then)
{
	/* What the driver of that time insisted on. */
	.shape = { .hdr_parts = 1, .data_parts = 1 },
};

FIXTURE_VARIANT_ADD(flow, together)
{
	.shape = { .data_parts = 1 },
};

FIXTURE_VARIANT_ADD(flow, pieces)
{
	.shape = { .hdr_parts = 3, .data_parts = 4 },
};

FIXTURE_SETUP(flow)
{
	struct guest_cfg cfg = bare_cfg;

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("knows today's interface only");
	ASSERT_EQ(0, netif_new_namespace());
	cfg.shape[VQ_RX] = variant->shape;
	cfg.shape[VQ_TX] = variant->shape;
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	ASSERT_EQ(0, v3_setup(&self->g));
	ASSERT_EQ(0, v3_socket(self->g.fd, self->g.backend.fd));
}

FIXTURE_TEARDOWN(flow)
{
	guest_stop(&self->g);
}

TEST_F(flow, frames_pass)
{
	struct traffic t = { .count = 1000, .len = len_mixed };

	EXPECT_EQ(0, traffic_tx(&self->g, &t));
	EXPECT_EQ(0, traffic_rx(&self->g, &t));
	EXPECT_EQ(1000, count(&self->g, VQ_TX, "packets"));
}

/* The header is zero for the guest, and its own is nobody's business. */
TEST_F(flow, header_is_the_hosts)
{
	struct guest *g = &self->g;
	struct virtio_net_hdr junk, zero = {};
	char frame[200], got[2000];
	struct rx_packet p;
	__u32 seq;

	memset(&junk, 0xff, sizeof(junk));
	frame_build(frame, sizeof(frame), FRAME_TO_HOST, 7);
	ASSERT_EQ(0, guest_send(g, frame, sizeof(frame), &junk));
	ASSERT_EQ(0, guest_drain(g));
	ASSERT_EQ((int)sizeof(frame),
		  wire_recv(&g->wire, got, sizeof(got), NULL, STALL_MS));
	EXPECT_TRUE(frame_intact(got, sizeof(frame), &seq));

	memset(g->arena.region[REGION_RX].hva, 0x55,
	       g->arena.region[REGION_RX].size);
	ASSERT_EQ(1, guest_post(g, 1));
	vq_kick(&g->vq[VQ_RX]);
	frame_build(frame, sizeof(frame), FRAME_TO_GUEST, 8);
	ASSERT_EQ(0, wire_send(&g->wire, frame, sizeof(frame), NULL));
	ASSERT_EQ(1, guest_recv(g, got, &p, STALL_MS));
	EXPECT_EQ(0, memcmp(&zero, &p.hdr.hdr, sizeof(zero)));
	EXPECT_EQ(sizeof(frame), p.len);
}

TEST_F(flow, base_follows)
{
	struct traffic t = { .count = 100, .len = len_mixed };
	struct guest *g = &self->g;
	int fd = g->fd, i;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, traffic_tx(g, &t));
		EXPECT_EQ(-EBUSY, v3_state(fd, V3_SET_VRING_BASE, VQ_TX, 0));
		EXPECT_EQ(-EBUSY, v3_state(fd, V3_SET_VRING_NUM, VQ_TX, 256));
		t.first += t.count;
		EXPECT_EQ((int)t.first, v3_get_base(fd, VQ_TX));
		ASSERT_EQ(0, v3_socket(fd, -1));
		EXPECT_EQ((int)t.first, v3_get_base(fd, VQ_TX));
		/* Every other time as if the device had been a new one. */
		if (i & 1) {
			ASSERT_EQ(0, dev_ioctl(fd, V3_RESET_OWNER, NULL));
			ASSERT_EQ(0, v3_setup(g));
			EXPECT_EQ((int)t.first, v3_get_base(fd, VQ_TX));
		}
		ASSERT_EQ(0, v3_socket(fd, g->backend.fd));
	}
	EXPECT_EQ(0, alive(g));
}

TEST_F(flow, unbound_under_traffic)
{
	struct guest *g = &self->g;
	struct pump p;
	int i;

	ASSERT_EQ(0, pump_start(&p, g));
	for (i = 0; i < 30; i++) {
		EXPECT_TRUE(pump_flows(&p, 50));
		EXPECT_EQ(0, v3_socket(g->fd, -1));
		EXPECT_TRUE(says(g, VQ_RX, "state", "stopped"));
		EXPECT_TRUE(says(g, VQ_TX, "state", "stopped"));
		EXPECT_EQ(0, v3_socket(g->fd, -1));
		EXPECT_EQ(0, v3_socket(g->fd, g->backend.fd));
		EXPECT_EQ(0, v3_socket(g->fd, g->backend.fd));
	}
	EXPECT_TRUE(pump_flows(&p, 50));
	EXPECT_EQ(0, pump_stop(&p));
	EXPECT_EQ(0, alive(g));
}

/* Unbinding does not fail, whatever has become of the rings. */
TEST_F(flow, unbind_never_fails)
{
	struct guest *g = &self->g;
	int none = -1;
	pid_t pid;

	/* Only the owner may. */
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(dev_ioctl(g->fd, V3_NET_SET_SOCKET, &none) != -EPERM);
	ASSERT_EQ(pid, waitpid(pid, &none, 0));
	EXPECT_EQ(0, WEXITSTATUS(none));
	ASSERT_EQ(0, alive(g));
	munmap((void *)((uintptr_t)g->vq[VQ_TX].used & -PAGE), PAGE);
	vq_kick_always(&g->vq[VQ_TX]);
	EXPECT_EQ(0, v3_socket(g->fd, -1));
	EXPECT_EQ(-EFAULT, v3_socket(g->fd, g->backend.fd));
	EXPECT_EQ(0, v3_socket(g->fd, -1));
}

/* A new socket takes the place of the old one, with both rings. */
TEST_F(flow, another_socket)
{
	struct guest_cfg cfg = bare_cfg;
	struct guest *g = &self->g;
	struct guest other;
	struct wire wire;
	int i;

	cfg.id = 1;
	ASSERT_EQ(0, guest_start(&other, &cfg));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, v3_socket(g->fd, other.backend.fd));
		wire = g->wire;
		g->wire = other.wire;
		EXPECT_EQ(0, alive(g));
		g->wire = wire;
		ASSERT_EQ(0, v3_socket(g->fd, g->backend.fd));
		EXPECT_EQ(0, alive(g));
	}
	guest_stop(&other);
}

/* One ring runs, the other can't: it goes on with the socket that it had. */
TEST_F(flow, another_socket_for_both_or_none)
{
	struct traffic t = { .count = 50, .len = len_mixed };
	struct guest_cfg cfg = bare_cfg;
	struct guest *g = &self->g;
	void *page = (void *)((uintptr_t)g->vq[VQ_TX].used & -PAGE);
	struct guest other;
	int i;

	cfg.id = 1;
	ASSERT_EQ(0, guest_start(&other, &cfg));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, -1));
		mprotect(page, PAGE, PROT_NONE);
		EXPECT_EQ(-EFAULT, v3_socket(g->fd, other.backend.fd));
		mprotect(page, PAGE, PROT_READ | PROT_WRITE);
		EXPECT_EQ(0, traffic_rx(g, &t));
		EXPECT_EQ(0, v3_socket(g->fd, g->backend.fd));
		ASSERT_EQ(0, alive(g));
	}
	guest_stop(&other);
}

/* Parts can be set while rings run, each by itself. */
TEST_F(flow, parts_are_set_live)
{
	struct v3_vring_addr wrong = { .user_addr = LAST_PAGE };
	struct guest *g = &self->g;
	struct pump p;
	struct vq *vq;
	int i;

	ASSERT_EQ(0, pump_start(&p, g));
	for (i = 0; i < 20; i++) {
		vq = &g->vq[i & 1];
		EXPECT_EQ(0, v3_addr(g->fd, V3_SET_VRING_DESC, i & 1,
				     vq->desc));
		EXPECT_EQ(0, v3_addr(g->fd, V3_SET_VRING_USED, i & 1,
				     vq->used));
		EXPECT_EQ(0, v3_addr(g->fd, V3_SET_VRING_AVAIL, i & 1,
				     vq->avail));
		EXPECT_EQ(-EINVAL, dev_ioctl(g->fd, V3_SET_VRING_DESC, &wrong));
		EXPECT_TRUE(pump_flows(&p, 50));
	}
	EXPECT_EQ(0, pump_stop(&p));
}

/* An interrupt that is not wanted comes all the same when the ring is empty. */
TEST_F(flow, call_when_empty)
{
	struct guest *g = &self->g;
	struct vq *rx = &g->vq[VQ_RX], *tx = &g->vq[VQ_TX];
	char frame[100], got[2000];
	struct rx_packet p;
	int i;

	ASSERT_EQ(0, alive(g));
	EXPECT_EQ(VRING_AVAIL_F_NO_INTERRUPT, tx->avail->flags);
	eventfd_drain(tx->call);
	frame_build(frame, sizeof(frame), FRAME_TO_HOST, 1);
	ASSERT_EQ(0, guest_send(g, frame, sizeof(frame), NULL));
	vq_kick(tx);
	EXPECT_TRUE(eventfd_wait(tx->call, STALL_MS));
	EXPECT_TRUE(vq_more_used(tx));

	/* There are buffers left to receive into: no interrupt. */
	EXPECT_EQ(VRING_AVAIL_F_NO_INTERRUPT, rx->avail->flags);
	EXPECT_TRUE(counts_to(g, VQ_RX, "packets", 200));
	eventfd_drain(rx->call);
	frame_build(frame, sizeof(frame), FRAME_TO_GUEST, 2);
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, wire_send(&g->wire, frame, sizeof(frame), NULL));
	EXPECT_TRUE(counts_to(g, VQ_RX, "packets", 205));
	EXPECT_EQ(0, eventfd_drain(rx->call));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(1, guest_recv(g, got, &p, STALL_MS));
}

/* Does the guest hear that its only packet was sent, though it won't? */
static bool calls_when_empty(struct guest *g)
{
	long long sent = count(g, VQ_TX, "packets");
	struct vq *tx = &g->vq[VQ_TX];
	char frame[100];

	frame_build(frame, sizeof(frame), FRAME_TO_HOST, 1);
	tx->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	eventfd_drain(tx->call);
	return !guest_send(g, frame, sizeof(frame), NULL) &&
		(vq_kick(tx), counts_to(g, VQ_TX, "packets", sent + 1)) &&
		eventfd_drain(tx->call) && !guest_drain(g);
}

/* It is the socket that brings this, not what is agreed on afterwards. */
TEST_F(flow, call_when_empty_stays)
{
	struct guest *g = &self->g;
	__u32 none = 0;

	ASSERT_EQ(0, alive(g));
	EXPECT_TRUE(calls_when_empty(g));
	ASSERT_EQ(0, dev_ioctl(g->fd, V3_ACK_FEATURES, &none));
	EXPECT_TRUE(calls_when_empty(g));
	ASSERT_EQ(0, dev_set_features(g->fd, 0));
	EXPECT_TRUE(calls_when_empty(g));
	/* Refused, it takes nothing away. */
	EXPECT_GT(0, v3_socket(g->fd, g->fd));
	EXPECT_TRUE(calls_when_empty(g));
}

/* Attached the other way, to the same socket, the ring is one of today's. */
TEST_F(flow, call_when_empty_goes)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, alive(g));
	ASSERT_EQ(0, v3_socket(g->fd, -1));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_FALSE(calls_when_empty(g));
	EXPECT_EQ(0, guest_drain(g));
	ASSERT_EQ(0, v3_socket(g->fd, g->backend.fd));
	EXPECT_TRUE(calls_when_empty(g));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_FALSE(calls_when_empty(g));
	EXPECT_EQ(0, guest_drain(g));
}

TEST_HARNESS_MAIN
