// SPDX-License-Identifier: GPL-2.0
/*
 * What only a driver does that was built with an option, or for a kernel with
 * longer headers: see options_module in scripts/lib.sh. With any other driver
 * all tests are skipped.
 */
#include "fixture.h"

#include <endian.h>
#include <string.h>

#include "netif.h"
#include "traffic.h"
#include "v3.h"

static int set_endian(int fd, unsigned int index, unsigned int num)
{
	return dev_vring_state(fd, VHOST_SET_VRING_ENDIAN, index, num);
}

static int get_endian(int fd, unsigned int index)
{
	struct vhost_vring_state s = { .index = index, .num = ~0u };
	int r = dev_ioctl(fd, VHOST_GET_VRING_ENDIAN, &s);

	if (r || s.index != index)
		return r ? r : -EPROTO;
	return s.num;
}

/* Whoever called for the features speaks today's language: see v3.h. */
static int endian_open(void)
{
	int fd = dev_open();
	__u64 offered;

	if (fd >= 0)
		dev_get_features(fd, &offered);
	return fd;
}

static bool has_endian(void)
{
	int fd = endian_open(), r;

	if (fd < 0)
		return false;
	r = dev_set_owner(fd);
	if (!r)
		r = get_endian(fd, 0);
	close(fd);
	return r >= 0;
}

FIXTURE(endian)
{
	int fd;
};

FIXTURE_SETUP(endian)
{
	RUN_IF_SELECTED();
	if (!has_endian())
		SKIP_ALL("guests are of the host's byte order");
	self->fd = endian_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(endian)
{
	close(self->fd);
}

TEST_F(endian, arguments)
{
	int fd = self->fd;

	EXPECT_EQ(-EPERM, set_endian(fd, 0, VHOST_VRING_BIG_ENDIAN));
	EXPECT_EQ(-EPERM, get_endian(fd, 0));
	ASSERT_EQ(0, dev_set_owner(fd));
	EXPECT_EQ(VHOST_VRING_LITTLE_ENDIAN, get_endian(fd, 0));
	EXPECT_EQ(0, set_endian(fd, 0, VHOST_VRING_BIG_ENDIAN));
	EXPECT_EQ(VHOST_VRING_BIG_ENDIAN, get_endian(fd, 0));
	EXPECT_EQ(VHOST_VRING_LITTLE_ENDIAN, get_endian(fd, 1));
	EXPECT_EQ(-EINVAL, set_endian(fd, 0, 2));
	EXPECT_EQ(-EINVAL, set_endian(fd, 0, ~0u));
	EXPECT_EQ(VHOST_VRING_BIG_ENDIAN, get_endian(fd, 0));
	EXPECT_EQ(-ENOBUFS, set_endian(fd, 2, 0));
	EXPECT_EQ(-ENOBUFS, get_endian(fd, 2));
	EXPECT_EQ(-EFAULT, dev_ioctl(fd, VHOST_SET_VRING_ENDIAN, (void *)8));
	EXPECT_EQ(-EFAULT, dev_ioctl(fd, VHOST_GET_VRING_ENDIAN, (void *)8));
	EXPECT_EQ(0, set_endian(fd, 0, VHOST_VRING_LITTLE_ENDIAN));
	EXPECT_EQ(VHOST_VRING_LITTLE_ENDIAN, get_endian(fd, 0));
}

TEST_F(endian, reset_forgets)
{
	ASSERT_EQ(0, dev_set_owner(self->fd));
	ASSERT_EQ(0, set_endian(self->fd, 1, VHOST_VRING_BIG_ENDIAN));
	ASSERT_EQ(0, dev_reset_owner(self->fd));
	ASSERT_EQ(0, dev_set_owner(self->fd));
	EXPECT_EQ(VHOST_VRING_LITTLE_ENDIAN, get_endian(self->fd, 1));
}

/* Nobody has shown yet which interface this is: the number is today's. */
TEST_F(endian, number_is_v3s_once_that_shows)
{
	__u32 features;
	int fd = dev_open();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, dev_set_owner(fd));
	EXPECT_EQ(VHOST_VRING_LITTLE_ENDIAN, get_endian(fd, 0));
	EXPECT_EQ(0, v3_get_base(fd, 0));
	EXPECT_EQ(0, v3_state(fd, V3_SET_VRING_BASE, 0, 12));
	EXPECT_EQ(12, v3_get_base(fd, 0));
	close(fd);
	fd = dev_open();
	ASSERT_EQ(0, dev_ioctl(fd, V3_GET_FEATURES, &features));
	ASSERT_EQ(0, dev_set_owner(fd));
	EXPECT_EQ(0, v3_state(fd, V3_SET_VRING_BASE, 1, 13));
	EXPECT_EQ(13, v3_get_base(fd, 1));
	close(fd);
}

/* VIRTIO 1 is little endian, whatever was said. */
TEST_F(endian, not_for_version_1)
{
	struct guest_cfg cfg = { .features = F_V1, .stopped = true };
	struct guest g;

	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&g, &cfg));
	ASSERT_EQ(0, dev_get_features(g.fd, &cfg.features));
	ASSERT_EQ(0, set_endian(g.fd, VQ_RX, VHOST_VRING_BIG_ENDIAN));
	ASSERT_EQ(0, set_endian(g.fd, VQ_TX, VHOST_VRING_BIG_ENDIAN));
	ASSERT_EQ(0, guest_attach(&g, g.backend.fd));
	EXPECT_EQ(0, traffic_alive(&g));
	EXPECT_EQ(-EBUSY, set_endian(g.fd, VQ_TX, VHOST_VRING_LITTLE_ENDIAN));
	guest_stop(&g);
}

/*
 * A guest that writes its rings in the other byte order, by hand: the ring
 * model of the library knows one order only.
 */
FIXTURE(big)
{
	struct guest g;
	char *data;	/* in guest memory, for the packet at hand */
	__u16 avail[VQ_MAX];
};

FIXTURE_VARIANT(big)
{
	__u64 features;
	enum backend_kind kind;
};

FIXTURE_VARIANT_ADD(big, plain) { .kind = BACKEND_TAP };
FIXTURE_VARIANT_ADD(big, merge) { .features = F_MRG, .kind = BACKEND_TAP };
FIXTURE_VARIANT_ADD(big, event) { .features = F_EVENT, .kind = BACKEND_TAP };

FIXTURE_VARIANT_ADD(big, indirect)
{
	.features = F_INDIRECT,
	.kind = BACKEND_TAP,
};

FIXTURE_VARIANT_ADD(big, packet) { .kind = BACKEND_PACKET };

FIXTURE_SETUP(big)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.backend.kind = variant->kind,
		.stopped = true,
	};
	__u64 offered;
	int i;

	RUN_IF_SELECTED();
	if (!has_endian())
		SKIP_ALL("guests are of the host's byte order");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	ASSERT_EQ(0, dev_get_features(self->g.fd, &offered));
	for (i = 0; i < VQ_MAX; i++) {
		ASSERT_EQ(0, set_endian(self->g.fd, i,
					VHOST_VRING_BIG_ENDIAN));
		self->g.vq[i].avail->flags = 0;
	}
	self->data = self->g.arena.region[REGION_TX].hva;
	ASSERT_EQ(0, guest_attach(&self->g, self->g.backend.fd));
}

FIXTURE_TEARDOWN(big)
{
	guest_stop(&self->g);
}

static void put_desc(struct vring_desc *d, __u64 gpa, __u32 len, __u16 flags,
		     __u16 next)
{
	d->addr = htobe64(gpa);
	d->len = htobe32(len);
	d->flags = htobe16(flags);
	d->next = htobe16(next);
}

static __u16 used_idx(const struct vq *vq)
{
	return be16toh(__atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE));
}

/* Make descriptor @head available, and kick if that is wanted. */
static void offer(struct vq *vq, __u16 *avail, __u16 head)
{
	const __u16 *event = (void *)&vq->used->ring[vq->num];
	__u16 at = *avail;
	__u64 one = 1;
	bool kick;

	vq->avail->ring[at & (vq->num - 1)] = htobe16(head);
	__atomic_store_n(&vq->avail->idx, htobe16(++*avail), __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vq->cfg.features & F_EVENT)
		kick = vring_need_event(be16toh(*event), *avail, at);
	else
		kick = !(be16toh(vq->used->flags) & VRING_USED_F_NO_NOTIFY);
	if (kick && write(vq->kick, &one, sizeof(one)) != sizeof(one))
		perror("kick");
}

/* Ask for a call with the next used buffer, and sleep until it is there. */
static bool used_within(struct vq *vq, __u16 idx, int ms)
{
	__s64 end = now_ms() + ms;

	while (used_idx(vq) != idx && now_ms() < end) {
		vq->avail->ring[vq->num] = htobe16(used_idx(vq));
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (used_idx(vq) != idx && !eventfd_wait(vq->call, ms))
			return false;
		eventfd_drain(vq->call);
	}
	return used_idx(vq) == idx;
}

static __u32 used_len(const struct vq *vq, __u16 idx)
{
	return be32toh(vq->used->ring[idx & (vq->num - 1)].len);
}

static __u32 used_id(const struct vq *vq, __u16 idx)
{
	return be32toh(vq->used->ring[idx & (vq->num - 1)].id);
}

/* Header and frame as a chain of two, in the ring or in a table of its own. */
static void describe(struct guest *g, int ring, char *data, size_t len,
		     __u16 head)
{
	__u16 write = ring == VQ_RX ? VRING_DESC_F_WRITE : 0;
	__u64 gpa = arena_gpa(&g->arena, data);
	struct vring_desc *d = g->vq[ring].desc;
	bool table = g->cfg.features & F_INDIRECT;
	__u16 first = table ? 0 : head, second = first + 1;

	if (table) {
		/* Behind what any packet here takes. */
		put_desc(&d[head], gpa + 4096, 2 * sizeof(*d),
			 VRING_DESC_F_INDIRECT, 0);
		d = (void *)(data + 4096);
	}
	put_desc(&d[first], gpa, g->hdr_len, write | VRING_DESC_F_NEXT, second);
	put_desc(&d[second], gpa + g->hdr_len, len - g->hdr_len, write, 0);
}

TEST_F(big, transmit)
{
	struct guest *g = &self->g;
	struct vq *tx = &g->vq[VQ_TX];
	char *frame = self->data + g->hdr_len, got[2000];
	__u16 head;
	size_t len;
	__u32 seq, n;

	for (n = 0; n < 600; n++) {
		head = n * 2 % 254;
		len = 60 + n;
		memset(self->data, 0, g->hdr_len);
		frame_build(frame, len, FRAME_TO_HOST, n);
		describe(g, VQ_TX, self->data, g->hdr_len + len, head);
		offer(tx, &self->avail[VQ_TX], head);
		ASSERT_TRUE(used_within(tx, n + 1, STALL_MS));
		EXPECT_EQ(head, used_id(tx, n));
		ASSERT_EQ((int)len, wire_recv(&g->wire, got, sizeof(got), NULL,
					      STALL_MS));
		ASSERT_TRUE(frame_intact(got, len, &seq));
		ASSERT_EQ(n, seq);
	}
	EXPECT_EQ(600, dev_get_base(g->fd, VQ_TX));
}

/* One packet over several buffers: their number is in the guest's order. */
static void merged(struct __test_metadata *_metadata, struct guest *g,
		   char *data, __u16 *avail)
{
	struct vq *rx = &g->vq[VQ_RX];
	struct virtio_net_hdr_mrg_rxbuf *h = (void *)data;
	__u16 from = *avail;
	char frame[300];
	int i;

	frame_build(frame, sizeof(frame), FRAME_TO_GUEST, 1);
	for (i = 0; i < 8; i++) {
		put_desc(&rx->desc[i],
			 arena_gpa(&g->arena, data + 100 * i), 100,
			 VRING_DESC_F_WRITE, 0);
		offer(rx, avail, i);
	}
	ASSERT_EQ(0, wire_send_wait(&g->wire, frame, sizeof(frame), NULL));
	ASSERT_TRUE(used_within(rx, from + 4, STALL_MS));
	EXPECT_EQ(4, be16toh(h->num_buffers));
	EXPECT_EQ(0, memcmp(data + g->hdr_len, frame, sizeof(frame)));
}

/* The header that the driver makes for a packet socket's packets. */
static void made_header(struct __test_metadata *_metadata, struct guest *g,
			char *data, __u16 *avail)
{
	struct vq *rx = &g->vq[VQ_RX];
	struct virtio_net_hdr h, *got = (void *)data;
	char frame[2000];

	frame_build_tcp(frame, sizeof(frame), FRAME_TO_GUEST, 1, &h, 700);
	describe(g, VQ_RX, data, 2048, 0);
	offer(rx, avail, 0);
	ASSERT_EQ(0, wire_send_wait(&g->wire, frame, sizeof(frame), &h));
	ASSERT_TRUE(used_within(rx, *avail, STALL_MS));
	EXPECT_EQ(VIRTIO_NET_HDR_F_NEEDS_CSUM, got->flags);
	EXPECT_EQ(h.gso_type, got->gso_type);
	EXPECT_EQ(700, be16toh(got->gso_size));
	EXPECT_EQ(h.csum_start, be16toh(got->csum_start));
	EXPECT_EQ(h.csum_offset, be16toh(got->csum_offset));
	/* As much as is in one piece; the headers are. */
	EXPECT_LE(h.hdr_len, be16toh(got->hdr_len));
	EXPECT_GE(sizeof(frame), be16toh(got->hdr_len));
}

TEST_F(big, receive)
{
	struct guest *g = &self->g;
	struct vq *rx = &g->vq[VQ_RX];
	struct virtio_net_hdr_mrg_rxbuf *h = (void *)self->data;
	char frame[2000];
	__u16 head;
	size_t len;
	__u32 seq, n;

	for (n = 0; n < 600; n++) {
		head = n * 2 % 254;
		len = 60 + n;
		frame_build(frame, len, FRAME_TO_GUEST, n);
		memset(self->data, 0x5a, g->hdr_len);
		describe(g, VQ_RX, self->data, 2048, head);
		offer(rx, &self->avail[VQ_RX], head);
		ASSERT_EQ(0, wire_send_wait(&g->wire, frame, len, NULL));
		ASSERT_TRUE(used_within(rx, n + 1, STALL_MS));
		EXPECT_EQ(head, used_id(rx, n));
		EXPECT_EQ(g->hdr_len + len, used_len(rx, n));
		ASSERT_TRUE(frame_intact(self->data + g->hdr_len, len, &seq));
		ASSERT_EQ(n, seq);
		EXPECT_EQ(0, h->hdr.gso_type);
		if (g->cfg.features & F_MRG)
			EXPECT_EQ(1, be16toh(h->num_buffers));
	}
	if (g->cfg.backend.kind == BACKEND_PACKET)
		made_header(_metadata, g, self->data, &self->avail[VQ_RX]);
	if (g->cfg.features & F_MRG)
		merged(_metadata, g, self->data, &self->avail[VQ_RX]);
}

/* Headers of 24 bytes, on taps of 6.1 that pass over what they don't know. */
FIXTURE(longer)
{
	struct guest g;
};

FIXTURE_VARIANT(longer)
{
	__u64 features;
	struct backend_cfg backend;
	struct shape shape;
};

FIXTURE_VARIANT_ADD(longer, tap)
{
	.features = F_V1 | F_MRG | F_EVENT,
	.backend = { .kind = BACKEND_TAP },
};

FIXTURE_VARIANT_ADD(longer, tap_legacy)
{
	.backend = { .kind = BACKEND_TAP },
	.shape = { .hdr_parts = 5, .data_parts = 3 },
};

/* Each packet goes by itself. */
FIXTURE_VARIANT_ADD(longer, tap_sndbuf)
{
	.features = F_V1,
	.backend = { .kind = BACKEND_TAP, .sndbuf = 1 << 20 },
	.shape = { .hdr_parts = 1, .data_parts = 1 },
};

FIXTURE_VARIANT_ADD(longer, packet)
{
	.features = F_V1 | F_MRG,
	.backend = { .kind = BACKEND_PACKET },
	.shape = { .hdr_parts = 2, .data_parts = 2 },
};

FIXTURE_VARIANT_ADD(longer, packet_own)
{
	.features = F_V1 | F_MRG | F_HOST_HDR,
	.backend = { .kind = BACKEND_PACKET },
};

FIXTURE_SETUP(longer)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.backend = variant->backend,
		.shape = { variant->shape, variant->shape },
		.long_hdr = true,
	};
	__u64 array[3] = { 2 };
	int fd;

	RUN_IF_SELECTED();
	fd = dev_open();
	ASSERT_LE(0, fd);
	if (dev_ioctl(fd, VHOST_GET_FEATURES_ARRAY, array) ||
	    (array[2] & F1_TUNNEL) != F1_TUNNEL)
		SKIP_ALL("no features that make the header longer");
	close(fd);
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(longer)
{
	guest_stop(&self->g);
}

TEST_F(longer, frames_pass)
{
	struct traffic t = { .count = 2000, .len = len_mixed };

	EXPECT_EQ(0, traffic_tx(&self->g, &t));
	EXPECT_EQ(0, traffic_rx(&self->g, &t));
}

/* All of it is written, and num_buffers is where it always was. */
TEST_F(longer, header)
{
	static const __u8 zero[LONG_HDR];
	struct guest *g = &self->g;
	char frame[200], got[2048];
	struct rx_packet p;
	bool taps = g->cfg.backend.kind == BACKEND_TAP;

	memset(g->arena.region[REGION_RX].hva, 0x55,
	       g->arena.region[REGION_RX].size);
	ASSERT_EQ(1, guest_post(g, 1));
	vq_kick(&g->vq[VQ_RX]);
	frame_build(frame, sizeof(frame), FRAME_TO_GUEST, 8);
	ASSERT_EQ(0, wire_send(&g->wire, frame, sizeof(frame), NULL));
	ASSERT_EQ(1, guest_recv(g, got, &p, STALL_MS));
	EXPECT_EQ(sizeof(frame), p.len);
	EXPECT_EQ(1, p.hdr.num_buffers);
	EXPECT_EQ(0, memcmp(&p.hdr.hdr, zero, sizeof(p.hdr.hdr)));
	/* A tap that knows of ten bytes leaves the rest alone. */
	if (!taps)
		EXPECT_EQ(0, memcmp(p.hdr_rest, zero, sizeof(p.hdr_rest)));
}

/* What the guest wants done to a segment is read from the right place. */
TEST_F(longer, checksum)
{
	struct virtio_net_hdr h, seen = {};
	struct guest *g = &self->g;
	char frame[1000], got[2000];

	frame_build_tcp(frame, sizeof(frame), FRAME_TO_HOST, 3, &h, 0);
	ASSERT_EQ(0, guest_send(g, frame, sizeof(frame), &h));
	ASSERT_EQ(0, guest_drain(g));
	ASSERT_EQ((int)sizeof(frame),
		  wire_recv(&g->wire, got, sizeof(got), &seen, STALL_MS));
	EXPECT_EQ(0, memcmp(frame, got, sizeof(frame)));
	/* Without a header on the backend, nothing is done about it. */
	if (g->cfg.features & F_HOST_HDR)
		memset(&h, 0, sizeof(h));
	EXPECT_EQ(h.flags, seen.flags);
	EXPECT_EQ(h.csum_start, seen.csum_start);
	EXPECT_EQ(h.csum_offset, seen.csum_offset);
}

TEST_HARNESS_MAIN
