// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that does nothing but move packets through /dev/vhost-net as fast
 * as the driver takes or gives them. It polls its rings, on the first CPU;
 * the driver's worker has the others.
 *
 *	bench_guest KIND SIZE (tap|xdp|packet|macvtap|tap-log)[-watched] SECONDS
 *	bench_guest (blast|drain) SIZE SOCKET[-qemu] SECONDS
 *	bench_guest iotlb static|fresh tx|rx[-multi] SECONDS
 *	bench_guest xdp-drop INTERFACE
 *
 * tx	frames to a backend that throws them away; with "xdp" a tap does so
 *	before it makes them packets of the network stack
 * blast	the same from a guest that takes no time: see bench_blast.c
 * rx	frames that were waiting in the backend, in batches; only the time
 *	it takes to empty it counts
 * drain	the same, to a guest that takes no time
 * duplex	"blast" and "drain" at the same time
 * rr	one frame in, one frame out, with interrupts: a round trip
 *
 * Frames longer than Ethernet's are TCP segments which are still to be cut, one
 * in a buffer, in a short ring. A tap gives them to the network stack.
 *
 * SOCKET is tcp, udp, unix-stream or unix-dgram: frames go to and come from the
 * other end. With "-qemu" behind it an unmodified QEMU serves the ring instead
 * of the driver, see bench_qemu.c: all of its CPU time counts.
 *
 * With "tap-log" the device logs the pages it writes to, as in a migration, and
 * somebody clears the log a hundred times per second.
 *
 * With "watched" behind it, two threads read the device's fdinfo all the time.
 * They take processor time from the guest: what WORKER says counts.
 *
 * With "iotlb" the device translates addresses, which either stay the same, or
 * belong to one packet only, see bench_iotlb.c. "multi" says that messages go
 * through many at a time, if the driver can do that. Packets are the shortest.
 *
 * Prints "PER_SECOND PEAK KICKS CALLS WORKER P50 P99 WAKES". The peak is what
 * nine short windows out of ten do not reach: other users of the machine slow
 * down the whole, but hardly every window. Kicks, calls, and WAKES, how often
 * the driver's worker was woken, are per thousand packets. WORKER is how many
 * nanoseconds of CPU time that worker spent on each, 0 if the clock is too
 * coarse to tell. Half of the round trips took P50 ns at most, 99 of 100 took
 * P99; both are 0 where there are none.
 *
 * "xdp-drop" drops what the interface receives until standard input ends.
 *
 * BENCH_RING in the environment is the length of the rings (1024: in a short
 * one, host and guest wait for each other as soon as others use the machine),
 * BENCH_WAITING the number of frames in the backend before a batch (4096: fewer
 * are in the processor's caches still, if the clock is fine enough for them).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "netif.h"
#include "xdp.h"

#define FEATURES	(F_V1 | F_MRG | F_EVENT | F_INDIRECT)
#define RING		1024	/* unless BENCH_RING says other */
#define WAITING		4096	/* unless BENCH_WAITING says other */
#define WARM_UP_NS	300000000LL
#define NO_MORE_NS	2000000000LL
#define BULK_RING	256	/* of the longest frames there are */
/* No longer one is QEMU's to send from; and what most sockets have. */
#define SOCKET_RING	256
#define SOCKET_BUF	(256 << 10)
#define GSO_SIZE	1448	/* pieces these are to be cut into */
#define LIMIT		90	/* seconds for everything but measuring */

int bench_fail(const char *what, int err)
{
	fprintf(stderr, "bench_guest: %s: %s\n", what, strerror(-err));
	return err;
}

static bool is_bulk(const struct bench *b)
{
	return b->size > ETH_FRAME_LEN;
}

static void build_frame(struct bench *b, enum frame_to to, __u32 seq)
{
	if (is_bulk(b))
		frame_build_tcp(b->frame, b->size, to, seq, &b->hdr, GSO_SIZE);
	else
		frame_build(b->frame, b->size, to, seq);
}

static int start(struct bench *b)
{
	static const struct iommu_cfg iommu;
	struct guest_cfg cfg = {
		.features = FEATURES,
		.num = { b->ring, b->ring },
		.iommu = b->iotlb ? &iommu : NULL,
	};
	int r;

	if (b->tight)
		cfg.features = F_V1;
	if (is_bulk(b)) {
		cfg.buf[VQ_RX] = b->size + LONG_HDR;
		cfg.buf[VQ_TX] = b->size + LONG_HDR;
		cfg.backend.offload = TUN_F_CSUM | TUN_F_TSO4;
	}
	if (!strcmp(b->how, "macvtap"))
		cfg.backend.kind = BACKEND_MACVTAP;
	if (!strcmp(b->how, "packet")) {
		/* A packet socket's own header is too short for this guest. */
		cfg.features |= F_HOST_HDR;
		cfg.backend.kind = BACKEND_PACKET;
		cfg.plain_wire = true;
	}
	if (b->socket) {
		cfg.backend.kind = bench_socket_kind(b->how);
		/* What waits for a drain has to fit. */
		cfg.backend.sndbuf = b->served == VQ_TX ? SOCKET_BUF : 0;
		cfg.bare = b->qemu;
	}
	r = netif_new_namespace();
	if (!r)
		r = guest_start(&b->g, &cfg);
	if (!r && !b->socket)
		r = netif_set_mtu(b->g.backend.ifname, ETH_DATA_LEN);
	if (!r && b->qemu)
		r = bench_start_qemu(b, b->served);
	if (r)
		return bench_fail("start", r);
	bench_place_threads();
	if (b->fresh)
		bench_iotlb_fresh(b);
	if (!strcmp(b->how, "tap-log"))
		r = bench_start_log(&b->g);
	if (!r && b->watched)
		r = bench_start_watchers(&b->g);
	return r ? bench_fail("threads", r) : 0;
}

static int add(struct bench *b, unsigned int index, struct buf *buf)
{
	b->credit--;
	return vq_add(&b->g.vq[index], buf->seg, buf->nseg, buf);
}

static int fill_ring(struct bench *b, unsigned int index)
{
	size_t room = b->g.hdr_len +
		      (index || is_bulk(b) ? b->size : ETH_FRAME_LEN);
	struct virtio_net_hdr_mrg_rxbuf hdr = { .hdr = b->hdr };
	struct guest *g = &b->g;
	struct buf *buf;
	int r = 0;

	while (!r && b->credit && (buf = pool_get(&g->pool[index]))) {
		r = buf_cut(g, buf, &g->cfg.shape[index], room,
			    index == VQ_RX);
		if (r)
			break;
		if (index == VQ_TX) {
			buf_scatter(buf, 0, &hdr, g->hdr_len);
			buf_scatter(buf, g->hdr_len, b->frame, b->size);
		}
		r = add(b, index, buf);
	}
	return r;
}

/*
 * Hand out all used buffers again. The driver sees them at once, but is only
 * kicked in the end: a kick takes long in a VM, and a driver that is woken
 * for each few packets falls asleep before there are more.
 */
static int turn_over(struct bench *b, unsigned int index)
{
	size_t len = index == VQ_RX ? b->g.hdr_len + b->size : 0;
	struct vq *vq = &b->g.vq[index];
	struct vq_used u;
	int n, r;

	for (n = 0; n < b->ring; n++) {
		if (n % BENCH_BURST == BENCH_BURST - 1)
			vq_publish(vq);
		r = vq_get_used(vq, &u);
		if (r < 0)
			return r;
		if (!r)
			break;
		if (u.len != len)
			return bench_fail("length of a frame", -EPROTO);
		if (!b->credit)
			pool_put(&b->g.pool[index], u.cookie);
		else if (add(b, index, u.cookie))
			return -ENOSPC;
	}
	if (n)
		vq_kick(vq);
	return n;
}

static int tx_window(struct bench *b)
{
	__s64 begin = bench_now_ns(), took;
	__u64 packets = 0;
	int i, n;

	do {
		for (i = 0; i < BENCH_BURST; i++) {
			n = b->turn(b, VQ_TX);
			if (n < 0)
				return n;
			packets += n;
		}
		took = bench_now_ns() - begin;
	} while (took < b->window_ns);
	bench_add_part(b, packets, took);
	return 0;
}

static int tx_for(struct bench *b, __s64 ns)
{
	int r = 0;

	bench_no_results(b);
	while (!r && b->took < ns)
		r = tx_window(b);
	return r;
}

static __u64 if_counter(const char *ifname, const char *name)
{
	unsigned long long n = 0;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s", ifname,
		 name);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%llu", &n) != 1)
		fprintf(stderr, "bench_guest: no %s\n", path);
	if (f)
		fclose(f);
	return n;
}

/* What has reached the interface behind the backend. */
static __u64 arrived(const struct bench *b)
{
	const char *peer = b->g.backend.peer;

	if (b->socket)
		return bench_sunk(b);
	return if_counter(peer, "rx_packets") + if_counter(peer, "rx_dropped");
}

static int bench_tx(struct bench *b)
{
	__u64 before, got;
	int r = 0, link = 0;

	/* Nobody shall look at the frames. */
	if (b->socket)
		r = bench_start_sink(b);
	else
		wire_close(&b->g.wire);
	if (r)
		return bench_fail("sink", r);
	if (!strcmp(b->how, "xdp")) {
		link = xdp_drop(b->g.backend.ifname);
		if (link < 0)
			return bench_fail("XDP", link);
	}
	build_frame(b, FRAME_TO_HOST, 1);
	r = b->fill(b, VQ_TX);
	if (r)
		return bench_fail("fill", r);
	bench_kick(&b->g.vq[VQ_TX]);
	r = tx_for(b, WARM_UP_NS);
	before = arrived(b);
	if (!r)
		r = tx_for(b, b->ns);
	got = arrived(b) - before;
	/*
	 * A driver that loses frames is no faster for it. What is sent by UDP
	 * may get lost at the other end.
	 */
	if (!r && strcmp(b->how, "udp") && got + b->ring < b->packets) {
		fprintf(stderr, "bench_guest: %llu of %llu frames arrived\n",
			(unsigned long long)got,
			(unsigned long long)b->packets);
		r = -EPROTO;
	}
	return r;
}

/* Returns how many frames now wait. */
static int stock_up(struct bench *b)
{
	int i, r;

	for (i = 0; i < b->waiting; i++) {
		build_frame(b, FRAME_TO_GUEST, i);
		r = wire_send(&b->g.wire, b->frame, b->size, &b->hdr);
		if (r == -ENOBUFS || r == -EAGAIN)
			break;
		if (r)
			return bench_fail("inject", r);
	}
	return i;
}

static int ran_dry(int n)
{
	fprintf(stderr, "bench_guest: %d of the waiting frames got lost\n", n);
	return -ETIME;
}

/*
 * Adds what was received, and how long that took, to the results. There are
 * as many buffers as frames: afterwards the driver has none left, and the
 * next frames can pile up in the backend.
 */
static int empty(struct bench *b, int waiting)
{
	int n, r, left = waiting;
	__s64 begin, last;

	b->credit = waiting;
	r = b->fill(b, VQ_RX);
	if (r)
		return bench_fail("fill", r);
	begin = bench_now_ns();
	last = begin;
	vq_kick(&b->g.vq[VQ_RX]);
	while (left > 0) {
		n = b->turn(b, VQ_RX);
		if (n < 0)
			return n;
		left -= n;
		if (n)
			last = bench_now_ns();
		else if (bench_now_ns() - last > NO_MORE_NS)
			return ran_dry(left);
	}
	bench_add_part(b, waiting, last - begin);
	return 0;
}

static int bench_rx(struct bench *b)
{
	__s64 end = bench_now_ns() + WARM_UP_NS + b->ns;
	int r, n;

	r = netif_set_txqlen(b->g.backend.ifname, b->waiting);
	if (r)
		return bench_fail("queue length", r);
	/* The first batch is the warm-up. */
	for (n = 0; !r && (bench_now_ns() < end || !b->took || n < 2); n++) {
		if (n == 1)
			bench_no_results(b);
		r = stock_up(b);
		if (r > 0)
			r = empty(b, r);
	}
	return r;
}

/*
 * As bench_rx(), by a guest that takes no time; and what it sends meanwhile, if
 * it sends.
 */
static int drain(struct bench *b, bool sends)
{
	__s64 end = bench_now_ns() + WARM_UP_NS + b->ns, took;
	__u64 sent;
	int r, n;

	if (b->g.vq[VQ_RX].cfg.layout != VQ_SPLIT)
		return bench_fail("packed ring", -EOPNOTSUPP);
	/* Each needs a buffer that is there already. */
	if (b->waiting > b->ring)
		b->waiting = b->ring;
	r = b->socket ? 0 :
		netif_set_txqlen(b->g.backend.ifname, b->waiting);
	if (r)
		return bench_fail("queue length", r);
	r = b->fill(b, VQ_RX);
	for (n = 0; !r && (bench_now_ns() < end || !b->took || n < 2); n++) {
		if (n == 1)
			bench_no_results(b);
		r = stock_up(b);
		if (r <= 0)
			break;
		sent = 0;
		took = bench_now_ns();
		if (bench_take(b, r, sends ? &sent : NULL))
			return ran_dry(r);
		bench_add_part(b, r + sent, bench_now_ns() - took);
		r = 0;
	}
	return r;
}

static int bench_drain(struct bench *b)
{
	return drain(b, false);
}

static int bench_duplex(struct bench *b)
{
	int r = xdp_drop(b->g.backend.ifname);

	if (r < 0)
		return bench_fail("XDP", r);
	build_frame(b, FRAME_TO_HOST, 1);
	r = b->fill(b, VQ_TX);
	if (r)
		return bench_fail("fill", r);
	vq_kick(&b->g.vq[VQ_TX]);
	return drain(b, true);
}

static int round_trip(struct bench *b, __u32 seq)
{
	struct guest *g = &b->g;
	struct rx_packet p;
	int r;

	frame_build(b->frame, b->size, FRAME_TO_GUEST, seq);
	r = wire_send_wait(&g->wire, b->frame, b->size, NULL);
	if (!r)
		r = guest_recv(g, b->frame, &p, STALL_MS);
	if (r != 1)
		return bench_fail("to the guest", r ? r : -ETIME);
	r = guest_send(g, b->frame, p.len, NULL);
	if (r)
		return bench_fail("send", r);
	vq_kick(&g->vq[VQ_TX]);
	r = wire_recv(&g->wire, b->frame, FRAME_MAX, NULL, STALL_MS);
	if (r <= 0)
		return bench_fail("from the guest", r ? r : -ETIME);
	return guest_reap(g);
}

static int bench_rr(struct bench *b)
{
	__s64 begin, last, now;
	__u32 seq, n;
	int r;

	r = guest_post(&b->g, b->ring);
	bench_no_results(b);
	for (seq = 0; r >= 0 && b->took < b->ns; seq += n) {
		begin = bench_now_ns();
		last = begin;
		for (n = 0; n < BENCH_BURST && r >= 0; n++) {
			r = round_trip(b, seq + n);
			now = bench_now_ns();
			bench_note_trip(b, now - last);
			last = now;
		}
		if (r >= 0)
			bench_add_part(b, n, last - begin);
	}
	return r < 0 ? r : 0;
}

static int drop_all(const char *ifname)
{
	int link = xdp_drop(ifname);
	char c;

	if (link < 0)
		return bench_fail("XDP", link);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}

static int say_usage(void)
{
	fputs("usage: bench_guest KIND SIZE HOW SECONDS\n"
	      "       KIND: tx|blast|rx|drain|duplex|rr\n"
	      "       HOW: (tap|tap-log|xdp|packet|macvtap)[-watched],\n"
	      "       with blast|drain (tcp|udp|unix-stream|unix-dgram)[-qemu]\n"
	      "       bench_guest iotlb static|fresh tx|rx[-multi] SECONDS\n"
	      "       bench_guest xdp-drop INTERFACE\n", stderr);
	return 2;
}

static const struct {
	const char *name;
	int (*run)(struct bench *b);
} kinds[] = {
	{ "tx", bench_tx }, { "blast", bench_tx }, { "rx", bench_rx },
	{ "drain", bench_drain }, { "duplex", bench_duplex },
	{ "rr", bench_rr },
};

/* What @argv asks for, -1 if that is nothing. */
static int parse(struct bench *b, char **argv)
{
	const char *kind = argv[1], *ring = getenv("BENCH_RING");
	const char *waiting = getenv("BENCH_WAITING");
	char *watched, *qemu;
	size_t i;

	b->size = atoi(argv[2]);
	b->how = argv[3];
	b->ns = atof(argv[4]) * 1e9;
	watched = strstr(argv[3], "-watched");
	b->watched = watched;
	if (watched)
		*watched = 0;
	qemu = strstr(argv[3], "-qemu");
	b->qemu = qemu;
	if (qemu)
		*qemu = 0;
	b->socket = bench_socket_kind(b->how) >= 0;
	b->served = !strcmp(kind, "drain") ? VQ_RX : VQ_TX;
	b->iotlb = !strcmp(kind, "iotlb");
	if (b->iotlb) {
		b->fresh = !strcmp(argv[2], "fresh");
		b->many = strstr(argv[3], "-multi");
		b->size = ETH_ZLEN + ETH_FCS_LEN;
		kind = !strncmp(argv[3], "tx", 2) ? "tx" : "rx";
		b->how = "tap";
		b->ring = IOTLB_RING;
	} else if (ring) {
		b->ring = atoi(ring);
	}
	if (waiting)
		b->waiting = atoi(waiting);
	b->tight = !strcmp(kind, "blast") || !strcmp(kind, "drain") ||
		   !strcmp(kind, "duplex");
	if (b->tight)
		b->turn = bench_blast;
	if (b->socket && b->served == VQ_TX)
		b->ring = min_size(b->ring, SOCKET_RING);
	if (b->size < ETH_ZLEN || b->size > FRAME_MAX ||
	    (b->qemu && !b->socket) || (b->socket && !b->tight))
		return -1;
	if (is_bulk(b)) {
		b->ring = min_size(b->ring, BULK_RING);
		b->waiting = min_size(b->waiting, BULK_RING);
	}
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kind, kinds[i].name))
			return i;
	return -1;
}

int main(int argc, char **argv)
{
	static struct bench b = {
		.credit = -1, .ring = RING, .waiting = WAITING,
		.fill = fill_ring, .turn = turn_over,
	};
	int kind;

	if (argc == 3 && !strcmp(argv[1], "xdp-drop"))
		return drop_all(argv[2]) != 0;
	kind = argc == 5 ? parse(&b, argv) : -1;
	if (kind < 0)
		return say_usage();
	b.window_ns = bench_window_length();
	/* A driver that has gone dead must not hold up the others. */
	alarm(LIMIT + atoi(argv[4]));
	if (start(&b) || kinds[kind].run(&b))
		return 1;
	bench_report(&b);
	guest_stop(&b.g);
	return 0;
}
