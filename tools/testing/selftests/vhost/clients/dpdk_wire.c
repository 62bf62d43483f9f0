// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel's side of a tap does while DPDK is on the other: puts
 * frames in front of it, looks at those that come out.
 *
 *	dpdk_wire inject IF COUNT	numbered frames of mixed sizes
 *	dpdk_wire flows IF COUNT	64-byte UDP datagrams of many flows
 *	dpdk_wire forward IN OUT COUNT	frames go in, and come out whole
 *	dpdk_wire capture IF COUNT LEN	frames as testpmd generates them
 *
 * The first two print "PACKETS BYTES".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "frame.h"
#include "util.h"
#include "wire.h"

#define LEN_MIN		60
#define LEN_MAX		1514
#define FLOW_LEN	64
#define BURST		64
#define UDP_DISCARD	9

static char frame[FRAME_MAX];

static size_t len_of(__u32 seq)
{
	return LEN_MIN + seq * 2654435761U % (LEN_MAX - LEN_MIN + 1);
}

static int report(const char *what, int err)
{
	if (err < 0)
		fprintf(stderr, "# %s: %s\n", what, strerror(-err));
	return err;
}

static int send_numbered(struct wire *w, __u32 seq)
{
	frame_build(frame, len_of(seq), FRAME_TO_GUEST, seq);
	return report("send", wire_send_wait(w, frame, len_of(seq), NULL));
}

static int inject(struct wire *w, __u32 count)
{
	__u64 bytes = 0;
	__u32 seq;

	for (seq = 0; seq < count; seq++) {
		if (send_numbered(w, seq))
			return 1;
		bytes += len_of(seq);
	}
	printf("%u %llu\n", count, (unsigned long long)bytes);
	return 0;
}

static __u16 ip_sum(const void *header)
{
	const __u8 *p = header;
	__u32 sum = 0;
	size_t i;

	for (i = 0; i < sizeof(struct iphdr); i += 2)
		sum += p[i] << 8 | p[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

static void build_flow(__u32 seq)
{
	struct iphdr *ip = (void *)(frame + ETH_HLEN);
	struct udphdr *udp = (void *)(ip + 1);
	struct ethhdr *eth = (void *)frame;

	frame_build(frame, FLOW_LEN, FRAME_TO_GUEST, seq);
	eth->h_proto = htons(ETH_P_IP);
	*ip = (struct iphdr) {
		.version = 4,
		.ihl = sizeof(*ip) / 4,
		.tot_len = htons(FLOW_LEN - ETH_HLEN),
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.saddr = htonl(0xc6120001),
		.daddr = htonl(0xc6120002),
	};
	ip->check = htons(ip_sum(ip));
	*udp = (struct udphdr) {
		.source = htons(1024 + seq % 97),
		.dest = htons(UDP_DISCARD),
		.len = htons(FLOW_LEN - ETH_HLEN - sizeof(*ip)),
	};
}

static int flows(struct wire *w, __u32 count)
{
	__u32 seq;

	for (seq = 0; seq < count; seq++) {
		build_flow(seq);
		if (report("send", wire_send_wait(w, frame, FLOW_LEN, NULL)))
			return 1;
	}
	printf("%u %u\n", count, count * FLOW_LEN);
	return 0;
}

static int check_numbered(struct wire *w, __u32 seq)
{
	__u32 got;
	int len;

	len = wire_recv(w, frame, sizeof(frame), NULL, STALL_MS);
	if (len <= 0) {
		fprintf(stderr, "# frame %u: %s\n", seq,
			len ? strerror(-len) : "never came out");
		return 1;
	}
	if ((size_t)len != len_of(seq) || !frame_intact(frame, len, &got) ||
	    got != seq) {
		fprintf(stderr, "# frame %u: wrong number, size or content\n",
			seq);
		return 1;
	}
	return 0;
}

static int forward(struct wire *in, struct wire *out, __u32 count)
{
	__u32 seq, back = 0;

	for (seq = 0; seq < count; seq++) {
		if (send_numbered(in, seq))
			return 1;
		if (seq - back + 1 < BURST && seq + 1 < count)
			continue;
		for (; back <= seq; back++)
			if (check_numbered(out, back))
				return 1;
	}
	return 0;
}

static bool like_testpmd(size_t len)
{
	const struct ethhdr *eth = (void *)frame;
	const struct iphdr *ip = (void *)(eth + 1);
	const struct udphdr *udp = (void *)(ip + 1);
	size_t ip_len = len - sizeof(*eth);

	return eth->h_proto == htons(ETH_P_IP) && ip->version == 4 &&
		ip->ihl * 4 == sizeof(*ip) && ntohs(ip->tot_len) == ip_len &&
		!ip_sum(ip) && ip->protocol == IPPROTO_UDP &&
		ntohs(udp->dest) == UDP_DISCARD &&
		ntohs(udp->len) == ip_len - sizeof(*ip);
}

static int capture(struct wire *w, __u32 count, size_t len)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };
	__u32 i;
	ssize_t n;

	for (i = 0; i < count; i++) {
		if (poll(&p, 1, STALL_MS) <= 0) {
			fprintf(stderr, "# %u of %u frames came\n", i, count);
			return 1;
		}
		n = recv(w->fd, frame, sizeof(frame), MSG_DONTWAIT);
		if (n < 0)
			return report("recv", -errno) < 0;
		if ((size_t)n != len || !like_testpmd(n)) {
			fprintf(stderr, "# a frame of %zd bytes is wrong\n", n);
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct wire a, b;
	int count;

	setvbuf(stderr, NULL, _IOLBF, 0);
	if (argc < 4 || report(argv[2], wire_open(&a, argv[2], false)))
		return 2;
	count = atoi(argv[3]);
	if (!strcmp(argv[1], "inject"))
		return inject(&a, count);
	if (!strcmp(argv[1], "flows"))
		return flows(&a, count);
	if (argc < 5)
		return 2;
	if (!strcmp(argv[1], "capture"))
		return capture(&a, count, atoi(argv[4]));
	if (strcmp(argv[1], "forward") ||
	    report(argv[3], wire_open(&b, argv[3], false)))
		return 2;
	return forward(&a, &b, atoi(argv[4]));
}
