// SPDX-License-Identifier: GPL-2.0
/*
 * What only packet sockets do to a backend: the stack takes VLAN tags out
 * and leaves checksums undone, others may look at the very same packet, a
 * filter cuts it short, a ring of the socket's own makes it readable without
 * anything for us to read.
 */
#include "fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "stall.h"
#include "traffic.h"

#define TAG_AT		(2 * ETH_ALEN)
#define TAG_LEN		4
#define TCP_AT		34	/* where TCP begins in an untagged frame */
#define CSUM_AT		(TCP_AT + 16)

static char sent[FRAME_MAX + 2 * TAG_LEN], got[FRAME_MAX];

FIXTURE(packet)
{
	struct guest g;
};

FIXTURE_VARIANT(packet)
{
	__u64 features;
	bool header;	/* the guest hears of offloads */
};

FIXTURE_VARIANT_ADD(packet, header)
{
	.features = F_V1 | F_MRG,
	.header = true,
};

FIXTURE_VARIANT_ADD(packet, header_event)
{
	.features = F_V1 | F_MRG | F_EVENT,
	.header = true,
};

FIXTURE_VARIANT_ADD(packet, host_hdr)
{
	.features = F_HOST_HDR | F_V1 | F_MRG,
};

FIXTURE_SETUP(packet)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.backend.kind = BACKEND_PACKET,
		.num = { 64, 64 },
		.buf = { FRAME_MAX + 12, FRAME_MAX + 12 },
	};

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("leaves packet sockets to themselves");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	ASSERT_LT(0, guest_post(&self->g, 64));
}

FIXTURE_TEARDOWN(packet)
{
	EXPECT_EQ(0, traffic_alive(&self->g));
	EXPECT_EQ(0, self->g.vq[VQ_RX].lost_calls);
	guest_stop(&self->g);
}

/* Put a tag behind the addresses of the frame in sent[]. */
static size_t tag_sent(size_t len, __u16 proto, __u16 tci)
{
	__be16 tag[2] = { htons(proto), htons(tci) };

	memmove(sent + TAG_AT + TAG_LEN, sent + TAG_AT, len - TAG_AT);
	memcpy(sent + TAG_AT, tag, sizeof(tag));
	return len + TAG_LEN;
}

/* Ones' complement sum of everything that TCP's checksum covers. */
static bool tcp_sum_right(const char *frame, size_t len)
{
	const __u8 *b = (const __u8 *)frame;
	__u32 sum = IPPROTO_TCP + len - TCP_AT;
	size_t i;

	/* The addresses come right before TCP. */
	for (i = TCP_AT - 8; i < len; i++)
		sum += i % 2 ? b[i] : b[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* Equal but for the checksum, which is right? */
static bool completed(const char *frame, size_t len, size_t tags)
{
	size_t at = CSUM_AT + tags;
	static char flat[FRAME_MAX];

	memcpy(flat, frame, TAG_AT);
	memcpy(flat + TAG_AT, frame + TAG_AT + tags, len - tags - TAG_AT);
	return !memcmp(frame, sent, at) &&
		!memcmp(frame + at + 2, sent + at + 2, len - at - 2) &&
		tcp_sum_right(flat, len - tags);
}

static int receive(struct guest *g, struct rx_packet *p)
{
	return guest_recv(g, got, p, STALL_MS);
}

static const struct {
	size_t len;
	__u16 proto[2], tci[2];
} vlan[] = {
	{ 60, { ETH_P_8021Q, 0 }, { 0x0001, 0 } },
	{ 60, { ETH_P_8021AD, 0 }, { 0x0ffe, 0 } },
	{ 16, { ETH_P_8021Q, 0 }, { 0x0123, 0 } },
	{ 1514, { ETH_P_8021Q, 0 }, { 0xefff, 0 } },
	/* A tag that carries nothing but a priority, and one with nothing. */
	{ 100, { ETH_P_8021Q, 0 }, { 0xe000, 0 } },
	{ 100, { ETH_P_8021Q, 0 }, { 0, 0 } },
	/* Of two only the outer one is taken out. */
	{ 200, { ETH_P_8021AD, ETH_P_8021Q }, { 0x0234, 0x0567 } },
	{ 9000, { ETH_P_8021Q, ETH_P_8021Q }, { 0x3111, 0x0222 } },
};

/* The guest used to see such frames without their tag. */
TEST_F(packet, vlan)
{
	struct guest *g = &self->g;
	struct rx_packet p;
	unsigned int i;
	size_t len;

	for (i = 0; i < ARRAY_SIZE(vlan); i++) {
		len = vlan[i].len;
		frame_build(sent, len, FRAME_TO_GUEST, i);
		if (vlan[i].proto[1])
			len = tag_sent(len, vlan[i].proto[1], vlan[i].tci[1]);
		len = tag_sent(len, vlan[i].proto[0], vlan[i].tci[0]);
		ASSERT_EQ(0, wire_send_wait(&g->wire, sent, len, NULL));
		ASSERT_EQ(1, receive(g, &p));
		ASSERT_EQ(len, p.len) TH_LOG("frame %u", i);
		EXPECT_EQ(0, memcmp(sent, got, len)) TH_LOG("frame %u", i);
		EXPECT_EQ(0, p.hdr.hdr.flags);
	}
}

/* The tag moves what the header says of the checksum's place. */
TEST_F(packet, vlan_and_checksum)
{
	struct guest *g = &self->g;
	struct virtio_net_hdr h;
	struct rx_packet p;
	size_t len;

	frame_build_tcp(sent, 700, FRAME_TO_GUEST, 1, &h, 0);
	len = tag_sent(700, ETH_P_8021Q, 0x0042);
	h.csum_start += TAG_LEN;
	h.hdr_len += TAG_LEN;
	ASSERT_EQ(0, wire_send_wait(&g->wire, sent, len, &h));
	ASSERT_EQ(1, receive(g, &p));
	ASSERT_EQ(len, p.len);
	if (!variant->header) {
		EXPECT_TRUE(completed(got, len, TAG_LEN));
		return;
	}
	EXPECT_EQ(0, memcmp(sent, got, len));
	EXPECT_EQ(VIRTIO_NET_HDR_F_NEEDS_CSUM, p.hdr.hdr.flags);
	EXPECT_EQ(TCP_AT + TAG_LEN, p.hdr.hdr.csum_start);
	EXPECT_EQ(16, p.hdr.hdr.csum_offset);
}

/*
 * Without a header there is no way to leave the checksum to the guest: it
 * used to get the packet with a wrong one.
 */
TEST_F(packet, checksum_completed)
{
	static const size_t size[] = { 54, 55, 60, 201, 1514, 9000, 65000 };
	struct guest *g = &self->g;
	struct virtio_net_hdr h;
	struct rx_packet p;
	unsigned int i;

	if (variant->header)
		SKIP(return, "the header tells of checksums");
	for (i = 0; i < ARRAY_SIZE(size); i++) {
		frame_build_tcp(sent, size[i], FRAME_TO_GUEST, i, &h, 0);
		ASSERT_FALSE(tcp_sum_right(sent, size[i]));
		ASSERT_EQ(0, wire_send_wait(&g->wire, sent, size[i], &h));
		ASSERT_EQ(1, receive(g, &p));
		ASSERT_EQ(size[i], p.len);
		EXPECT_TRUE(completed(got, p.len, 0))
			TH_LOG("%zu bytes", size[i]);
	}
}

struct peeker {
	pthread_t thread;
	int fd;
	char *to;
	bool stop;
	int peeked;
};

#define PEEK_SIZE	(32 * PAGE)
#define PEEK_ROUNDS	60
#define PEEK_MOST	2000

static int peeks(const struct peeker *p)
{
	return __atomic_load_n(&p->peeked, __ATOMIC_RELAXED);
}

static void *peek_once(void *arg)
{
	struct peeker *p = arg;

	if (recv(p->fd, p->to, PEEK_SIZE, MSG_PEEK | MSG_DONTWAIT) > 0)
		__atomic_add_fetch(&p->peeked, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *peek_on(void *arg)
{
	struct peeker *p = arg;

	while (!__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE))
		peek_once(p);
	return NULL;
}

/* Start a look at the next packet that gets stuck before its first byte. */
static const char *peek_starts(struct peeker *p, struct stall *s, int fd)
{
	memset(p, 0, sizeof(*p));
	p->fd = fd;
	p->to = mmap(NULL, PEEK_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->to == MAP_FAILED || stall_init(s, p->to, PAGE))
		return "no userfaultfd";
	if (pthread_create(&p->thread, NULL, peek_once, p))
		return "no thread";
	return stall_wait(s, STALL_MS) ? NULL : "nobody touched it";
}

static void peek_ends(struct peeker *p, struct stall *s)
{
	static const char page[PAGE];

	stall_release(s, s->mem, page);
	pthread_join(p->thread, NULL);
	stall_end(s);
}

/*
 * While someone else is looking at a packet it belongs to two, and its bytes
 * may belong to a third who listens on the same interface. To complete its
 * checksum used to end in a BUG of pskb_expand_head(), or for one that is yet
 * to be cut (GSO) in a WARN of skb_checksum_help().
 */
TEST_F(packet, taken_while_peeked)
{
	static const __u16 gso_size[] = { 0, 1448 };
	struct guest *g = &self->g;
	size_t i, len, hdr = packet_hdr(g->backend.fd);
	struct virtio_net_hdr h;
	struct rx_packet p;
	struct peeker peek;
	struct wire third;
	struct stall s;

	ASSERT_EQ(0, wire_open(&third, g->backend.ifname, false));
	for (i = 0; i < ARRAY_SIZE(gso_size); i++) {
		len = gso_size[i] ? 65535 : 9000;
		frame_build_tcp(sent, len, FRAME_TO_GUEST, i, &h, gso_size[i]);
		ASSERT_EQ(0, guest_attach(g, -1));
		ASSERT_EQ(0, wire_send_wait(&g->wire, sent, len, &h));
		/* It may still be on its way. */
		ASSERT_TRUE(eventfd_wait(g->backend.fd, STALL_MS));
		ASSERT_EQ(NULL, peek_starts(&peek, &s, g->backend.fd));
		ASSERT_EQ(0, guest_attach(g, g->backend.fd));
		ASSERT_EQ(1, receive(g, &p));
		EXPECT_EQ(len, p.len);
		EXPECT_TRUE(variant->header || gso_size[i] ?
			    !memcmp(sent, got, len) : completed(got, len, 0));
		peek_ends(&peek, &s);
		EXPECT_EQ(1, peek.peeked);
		/* The other one found the packet as it was. */
		EXPECT_EQ(0, memcmp(peek.to + hdr, sent, len));
		munmap(peek.to, PEEK_SIZE);
	}
	wire_close(&third);
}

/* The same without any order, for what nobody thought of. */
TEST_F(packet, peeked_all_the_time)
{
	struct peeker peek = { .fd = self->g.backend.fd };
	static char to[PEEK_SIZE];
	struct guest *g = &self->g;
	struct virtio_net_hdr h;
	struct rx_packet p;
	unsigned int i, n;
	size_t len;

	peek.to = to;
	ASSERT_EQ(0, pthread_create(&peek.thread, NULL, peek_on, &peek));
	/* On one processor the other thread hardly ever comes in between. */
	for (i = 0; i < PEEK_ROUNDS || (i < PEEK_MOST && !peeks(&peek)); i++) {
		for (n = 0; n < 8; n++) {
			len = n % 4 == 3 ? 65535 : 100 + n * 200;
			frame_build_tcp(sent, len, FRAME_TO_GUEST, n, &h,
					len == 65535 ? 1448 : 0);
			ASSERT_EQ(0, wire_send_wait(&g->wire, sent, len, &h));
		}
		for (n = 0; n < 8; n++) {
			ASSERT_EQ(1, receive(g, &p));
			len = n % 4 == 3 ? 65535 : 100 + n * 200;
			ASSERT_EQ(len, p.len);
			if (!variant->header && len != 65535)
				EXPECT_TRUE(tcp_sum_right(got, len));
		}
	}
	__atomic_store_n(&peek.stop, true, __ATOMIC_RELEASE);
	pthread_join(peek.thread, NULL);
	EXPECT_LT(0, peeks(&peek));
}

static int set_filter(int fd, __u32 accept)
{
	struct sock_filter code[] = {
		{ .code = BPF_RET | BPF_K, .k = accept },
	};
	struct sock_fprog prog = { .len = 1, .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
			  sizeof(prog));
}

/*
 * A filter may cut packets, so that where the checksum belongs is outside of
 * what is left: skb_checksum_help() used to WARN.
 */
TEST_F(packet, snaplen)
{
	static const __u32 keep[] = { 1, 5, 13, 14, 33, 34, 35, 40, 50, 51,
				      52, 53, 200 };
	struct guest *g = &self->g;
	struct virtio_net_hdr h;
	struct rx_packet p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(keep); i++) {
		ASSERT_EQ(0, set_filter(g->backend.fd, keep[i]));
		frame_build_tcp(sent, 1000, FRAME_TO_GUEST, i, &h, 0);
		ASSERT_EQ(0, wire_send_wait(&g->wire, sent, 1000, &h));
		ASSERT_EQ(1, receive(g, &p));
		EXPECT_EQ(keep[i], p.len);
		EXPECT_EQ(0, memcmp(sent, got, min_size(p.len, CSUM_AT)));
	}
	/* And with a tag that has nowhere to go, and packets yet to be cut. */
	ASSERT_EQ(0, set_filter(g->backend.fd, 5));
	frame_build(sent, 60, FRAME_TO_GUEST, 77);
	tag_sent(60, ETH_P_8021Q, 7);
	ASSERT_EQ(0, wire_send_wait(&g->wire, sent, 64, NULL));
	frame_build_tcp(sent, 65535, FRAME_TO_GUEST, 78, &h, 1448);
	ASSERT_EQ(0, wire_send_wait(&g->wire, sent, 65535, &h));
	ASSERT_EQ(0, set_filter(g->backend.fd, -1));
	while (guest_recv(g, got, &p, 300) > 0)
		;
}

/*
 * A ring of the socket's own takes all packets. The socket is readable then,
 * and stays so, which the worker used to follow round and round.
 */
TEST_F(packet, rx_ring)
{
	struct tpacket_req none = {}, req = {
		.tp_block_size = PAGE,
		.tp_block_nr = 4,
		.tp_frame_size = PAGE / 2,
		.tp_frame_nr = 8,
	};
	struct guest *g = &self->g;
	int fd = g->backend.fd, i;
	struct rx_packet p;

	ASSERT_EQ(0, setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req,
				sizeof(req)));
	for (i = 0; i < 20; i++) {
		frame_build(sent, 60, FRAME_TO_GUEST, i);
		ASSERT_EQ(0, wire_send_wait(&g->wire, sent, 60, NULL));
	}
	EXPECT_TRUE(workers_quiet());
	EXPECT_EQ(0, guest_recv(g, got, &p, 0));
	/* Transmission does not mind. */
	frame_build(sent, 60, FRAME_TO_HOST, 21);
	ASSERT_EQ(0, guest_send(g, sent, 60, NULL));
	EXPECT_EQ(0, guest_drain(g));
	EXPECT_EQ(60, wire_recv(&g->wire, got, sizeof(got), NULL, STALL_MS));
	EXPECT_TRUE(workers_quiet());
	EXPECT_EQ(0, setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &none,
				sizeof(none)));
}

/* Something that receives what @fd is given, without an Ethernet header. */
static int open_tun(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	strcpy(ifr.ifr_name, name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) || netif_up(name, true))
		return -1;
	return fd;
}

static int open_socket(const char *ifname)
{
	struct sockaddr_ll sll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = if_nametoindex(ifname),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	/* The kernel drops empty packets unless a filter takes them. */
	if (fd < 0 || set_filter(fd, -1) ||
	    bind(fd, (struct sockaddr *)&sll, sizeof(sll)))
		return -1;
	return fd;
}

/*
 * A device without headers can have a packet without any byte. Its length of
 * 0 used to be taken for "no packet", by which it blocked all that followed.
 */
TEST_F(packet, empty_frame)
{
	struct guest *g = &self->g;
	struct rx_packet p;
	struct {
		struct tun_pi pi;
		char data[28];
	} out = { .pi.proto = htons(ETH_P_IP), .data = { 0x45 } };
	int tun, fd;

	tun = open_tun("vhtun");
	ASSERT_LE(0, tun);
	fd = open_socket("vhtun");
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_RX, fd));
	ASSERT_EQ((int)sizeof(out.pi), write(tun, &out, sizeof(out.pi)));
	ASSERT_EQ((int)sizeof(out), write(tun, &out, sizeof(out)));
	ASSERT_EQ(1, receive(g, &p));
	EXPECT_EQ(0, p.len);
	ASSERT_EQ(1, receive(g, &p));
	EXPECT_EQ(sizeof(out.data), p.len);
	EXPECT_EQ(0, memcmp(out.data, got, sizeof(out.data)));
	EXPECT_TRUE(workers_quiet());
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_RX, g->backend.fd));
	close(fd);
	close(tun);
}

/*
 * The socket keeps a link that went down in mind as an error, until somebody
 * asks for it: the first packet after the link's return used to be refused.
 */
TEST_F(packet, link_down_up)
{
	struct guest *g = &self->g;
	struct rx_packet p;
	const char *link;
	unsigned int i;
	__u32 seq = 0;
	int kicks;

	for (i = 0; i < 4; i++) {
		link = i % 2 ? g->backend.peer : g->backend.ifname;
		ASSERT_EQ(0, netif_up(link, false));
		/* Buffers come back though nothing can be sent. */
		frame_build(sent, 60, FRAME_TO_HOST, 1000 + i);
		ASSERT_EQ(0, guest_send(g, sent, 60, NULL));
		EXPECT_EQ(0, guest_drain(g));
		EXPECT_TRUE(workers_quiet());
		ASSERT_EQ(0, netif_up(link, true));
		kicks = g->vq[VQ_RX].kicks + g->vq[VQ_TX].kicks;
		frame_build(sent, 60, FRAME_TO_GUEST, ++seq);
		/* The wire too had its news of the link. */
		while (wire_send_wait(&g->wire, sent, 60, NULL) == -ENETDOWN)
			;
		ASSERT_TRUE(vq_wait(&g->vq[VQ_RX], STALL_MS));
		EXPECT_EQ(kicks, g->vq[VQ_RX].kicks + g->vq[VQ_TX].kicks);
		ASSERT_EQ(1, receive(g, &p));
		EXPECT_TRUE(frame_intact(got, p.len, &seq));
		while (wire_recv(&g->wire, got, sizeof(got), NULL, 50))
			;
		EXPECT_EQ(0, traffic_alive(g));
	}
}

#define FULL_FRAMES	50
#define FULL_LEN	1400
#define REFUSED		5

/* A socket with room for a few packets, before a link that can be held up. */
FIXTURE(full)
{
	struct guest g;
};

static int set_plug(const struct guest *g, const char *verb, const char *what)
{
	char line[128];

	snprintf(line, sizeof(line), "tc qdisc %s dev %s root plug %s", verb,
		 g->backend.ifname, what);
	return system(line);
}

FIXTURE_SETUP(full)
{
	struct guest_cfg cfg = {
		.features = F_V1 | F_MRG,
		.backend = { .kind = BACKEND_PACKET, .sndbuf = 10000 },
	};

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("gives packets up");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	if (set_plug(&self->g, "add", "limit 10000000"))
		SKIP_ALL("no queue that can be plugged");
	ASSERT_EQ(0, set_plug(&self->g, "change", "release_indefinite"));
	ASSERT_EQ(0, traffic_alive(&self->g));
	ASSERT_EQ(0, set_plug(&self->g, "change", "block"));
}

FIXTURE_TEARDOWN(full)
{
	EXPECT_EQ(0, traffic_alive(&self->g));
	guest_stop(&self->g);
}

static void send_too_many(struct __test_metadata *_metadata, struct guest *g)
{
	unsigned int i;

	for (i = 0; i < FULL_FRAMES; i++) {
		frame_build(sent, FULL_LEN, FRAME_TO_HOST, i);
		ASSERT_EQ(0, guest_send(g, sent, FULL_LEN, NULL));
	}
	vq_kick(&g->vq[VQ_TX]);
	EXPECT_TRUE(workers_quiet());
	EXPECT_LE(0, guest_reap(g));
	/* Some are on their way, the others wait in the ring. */
	EXPECT_LT(0, vq_in_flight(&g->vq[VQ_TX]));
	EXPECT_GT(FULL_FRAMES, vq_in_flight(&g->vq[VQ_TX]));
	EXPECT_EQ(0, wire_recv(&g->wire, got, sizeof(got), NULL, 0));
}

/* Each once. Where two processors send, either may be the first. */
static void all_come(struct __test_metadata *_metadata, struct guest *g)
{
	bool came[FULL_FRAMES] = {};
	__u32 i, seq;
	int len;

	for (i = 0; i < FULL_FRAMES; i++) {
		len = wire_recv(&g->wire, got, sizeof(got), NULL, STALL_MS);
		ASSERT_EQ(FULL_LEN, len);
		ASSERT_TRUE(frame_intact(got, len, &seq));
		ASSERT_GT(FULL_FRAMES, seq);
		ASSERT_FALSE(came[seq]);
		came[seq] = true;
	}
	EXPECT_EQ(0, guest_drain(g));
}

/* Without another kick. */
TEST_F(full, goes_on_when_there_is_room)
{
	send_too_many(_metadata, &self->g);
	ASSERT_EQ(0, set_plug(&self->g, "change", "release_indefinite"));
	all_come(_metadata, &self->g);
}

TEST_F(full, can_be_detached)
{
	struct guest *g = &self->g;

	send_too_many(_metadata, g);
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, -1));
	ASSERT_EQ(0, set_plug(g, "change", "release_indefinite"));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, g->backend.fd));
	all_come(_metadata, g);
}

/* A link that refuses packets is tried a few times, and then goes without. */
TEST_F(full, refused_for_good)
{
	struct guest *g = &self->g;
	__u32 i;

	ASSERT_EQ(0, set_plug(g, "change", "release_indefinite"));
	ASSERT_EQ(0, set_plug(g, "change", "limit 1"));
	ASSERT_EQ(0, set_plug(g, "change", "block"));
	for (i = 0; i < REFUSED; i++) {
		frame_build(sent, FULL_LEN, FRAME_TO_HOST, i);
		ASSERT_EQ(0, guest_send(g, sent, FULL_LEN, NULL));
	}
	EXPECT_EQ(0, guest_drain(g));
	EXPECT_LE(REFUSED - 1, count(g, VQ_TX, "drop-busy"));
	EXPECT_EQ(0, eventfd_drain(g->vq[VQ_TX].err));
	ASSERT_EQ(0, set_plug(g, "change", "limit 10000000"));
	ASSERT_EQ(0, set_plug(g, "change", "release_indefinite"));
	while (wire_recv(&g->wire, got, sizeof(got), NULL, 50) > 0)
		;
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_HARNESS_MAIN
