// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>

#include "frame.h"

#define TAG0	0x02	/* locally administered */
#define TAG1	0xb5

static __u64 next_word(__u64 *state)
{
	*state += 0x9e3779b97f4a7c15ULL;
	return *state ^ (*state >> 29);
}

static __u64 frame_seed(size_t len, __u32 seq)
{
	return seq * 0xbf58476d1ce4e5b9ULL ^ len * 0x94d049bb133111ebULL;
}

static void fill(char *p, size_t n, __u64 seed)
{
	__u64 w;

	for (; n >= sizeof(w); n -= sizeof(w), p += sizeof(w)) {
		w = next_word(&seed);
		memcpy(p, &w, sizeof(w));
	}
	w = next_word(&seed);
	memcpy(p, &w, n);
}

static bool filled(const char *p, size_t n, __u64 seed)
{
	__u64 w;

	for (; n >= sizeof(w); n -= sizeof(w), p += sizeof(w)) {
		w = next_word(&seed);
		if (memcmp(p, &w, sizeof(w)))
			return false;
	}
	w = next_word(&seed);
	return !memcmp(p, &w, n);
}

void frame_mac(__u8 mac[ETH_ALEN], enum frame_to to)
{
	const __u8 m[ETH_ALEN] = { TAG0, TAG1, 0, 0, 0, to };

	memcpy(mac, m, ETH_ALEN);
}

static void eth_header(struct ethhdr *eth, enum frame_to to, __u32 seq,
		       __u16 type)
{
	frame_mac(eth->h_dest, to);
	eth->h_source[0] = TAG0;
	eth->h_source[1] = TAG1;
	memcpy(eth->h_source + 2, &seq, sizeof(seq));
	eth->h_proto = htons(type);
}

void frame_build(void *buf, size_t len, enum frame_to to, __u32 seq)
{
	eth_header(buf, to, seq, FRAME_TYPE);
	fill((char *)buf + ETH_HLEN, len - ETH_HLEN, frame_seed(len, seq));
}

bool frame_ours(const void *buf, size_t len, __u32 *seq)
{
	const struct ethhdr *eth = buf;

	if (len < ETH_HLEN || eth->h_source[0] != TAG0 ||
	    eth->h_source[1] != TAG1)
		return false;
	memcpy(seq, eth->h_source + 2, sizeof(*seq));
	return true;
}

bool frame_intact(const void *buf, size_t len, __u32 *seq)
{
	const struct ethhdr *eth = buf;

	return frame_ours(buf, len, seq) && eth->h_proto == htons(FRAME_TYPE) &&
		filled((const char *)buf + ETH_HLEN, len - ETH_HLEN,
		       frame_seed(len, *seq));
}

/* Sum of 16-bit words, folded, not inverted. */
static __u16 sum16(const void *p, size_t n, __u32 sum)
{
	const __u8 *b = p;
	size_t i;

	for (i = 0; i + 1 < n; i += 2)
		sum += b[i] << 8 | b[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

void frame_build_tcp(void *buf, size_t len, enum frame_to to, __u32 seq,
		     struct virtio_net_hdr *h, __u16 gso_size)
{
	struct iphdr *ip = (void *)((char *)buf + ETH_HLEN);
	struct tcphdr *tcp = (void *)(ip + 1);
	size_t l4 = len - ETH_HLEN - sizeof(*ip);

	memset(buf, 0, FRAME_TCP_HDR);
	eth_header(buf, to, seq, ETH_P_IP);
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tot_len = htons(len - ETH_HLEN);
	ip->ttl = 64;
	ip->protocol = IPPROTO_TCP;
	ip->saddr = htonl(0xc0000201);
	ip->daddr = htonl(0xc0000202);
	ip->check = htons(~sum16(ip, sizeof(*ip), 0));
	tcp->source = htons(1);
	tcp->dest = htons(2);
	tcp->doff = sizeof(*tcp) / 4;
	tcp->ack = 1;
	tcp->window = htons(1024);
	/* The pseudo header only: the rest is the offload's work. */
	tcp->check = htons(sum16(&ip->saddr, 8, IPPROTO_TCP + l4));
	fill((char *)buf + FRAME_TCP_HDR, len - FRAME_TCP_HDR,
	     frame_seed(len, seq));

	memset(h, 0, sizeof(*h));
	h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	h->csum_start = ETH_HLEN + sizeof(*ip);
	h->csum_offset = offsetof(struct tcphdr, check);
	h->hdr_len = FRAME_TCP_HDR;
	h->gso_size = gso_size;
	h->gso_type = gso_size ? VIRTIO_NET_HDR_GSO_TCPV4 :
		VIRTIO_NET_HDR_GSO_NONE;
}
