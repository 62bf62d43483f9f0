// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log of receive buffers that are made by hand, and put where it is
 * easy to log a page too many or too few.
 */
#include "fixture.h"

#include <sys/mman.h>

#include "logged.h"

#define SEAM_GPA	0x0800000000ULL
#define FAR_GPA		0x0900000000ULL
#define SEQ		77

static char frame[FRAME_MAX], got[FRAME_MAX];

/* A receive ring with one buffer at a time. */
FIXTURE(hand)
{
	struct logged l;
	struct buf b;		/* what the host is to write to, and where */
	struct vq_seg seg[MAX_SEGS];
	char *at[MAX_SEGS];
	unsigned int regions;
};

FIXTURE_VARIANT(hand)
{
	__u64 features;
	bool indirect;
};

FIXTURE_VARIANT_ADD(hand, v1) { F_V1 };
FIXTURE_VARIANT_ADD(hand, legacy) { 0 };
FIXTURE_VARIANT_ADD(hand, merge_event) { F_V1 | F_MRG | F_EVENT };
FIXTURE_VARIANT_ADD(hand, host_hdr) { F_V1 | F_HOST_HDR };
FIXTURE_VARIANT_ADD(hand, indirect) { F_V1 | F_INDIRECT, true };

FIXTURE_SETUP(hand)
{
	struct guest_cfg cfg = { .features = variant->features };

	RUN_IF_SELECTED();
	ASSERT_EQ(0, log_setup(&self->l, &cfg));
	if (!dirty_log_offered(self->l.g.fd))
		SKIP_ALL("no dirty log");
	self->b.seg = self->seg;
	self->b.at = self->at;
	self->regions = self->l.g.arena.n;
}

FIXTURE_TEARDOWN(hand)
{
	log_teardown(&self->l);
}

static void add_seg(struct buf *b, __u64 gpa, char *at, __u32 len)
{
	b->seg[b->nseg] = (struct vq_seg) {
		.gpa = gpa, .len = len, .flags = VRING_DESC_F_WRITE,
	};
	b->at[b->nseg++] = at;
}

/* Offer @n descriptors, which make up buffer @b, and send it a frame. */
static int one_frame(struct logged *l, struct buf *b, const struct vq_seg *seg,
		     unsigned int n, bool indirect, size_t len)
{
	struct guest *g = &l->g;
	struct vq *vq = &g->vq[VQ_RX];
	struct vq_used u;
	__u32 seq;
	int r;

	r = indirect ? vq_add_indirect(vq, seg, n, b) : vq_add(vq, seg, n, b);
	if (r)
		return r;
	vq_kick(vq);
	frame_build(frame, len, FRAME_TO_GUEST, SEQ);
	r = wire_send_wait(&g->wire, frame, len, NULL);
	if (r || !vq_wait(vq, STALL_MS))
		return r ? r : -ETIME;
	r = vq_get_used(vq, &u);
	if (r != 1 || u.len != g->hdr_len + len)
		return -EPROTO;
	dirty_mark_buf(&l->d, b, u.len);
	buf_gather(b, g->hdr_len, got, len);
	return frame_intact(got, len, &seq) && seq == SEQ ? 0 : -EILSEQ;
}

/* One frame under watch; the device is detached before and after. */
static int watched_frame(struct logged *l, struct buf *b,
			 const struct vq_seg *seg, unsigned int n,
			 bool indirect, size_t len)
{
	int r;

	log_watch(l);
	r = guest_attach(&l->g, l->g.backend.fd);
	if (!r)
		r = one_frame(l, b, seg, n, indirect, len);
	if (!r)
		r = guest_attach(&l->g, -1);
	return r;
}

/* The last byte falls on the last byte of a page, or one further. */
TEST_F(hand, last_byte)
{
	const size_t len = 100;
	struct logged *l = &self->l;
	char *hva = log_add_memory(l, SEAM_GPA, 4 * PAGE);
	size_t from;
	int i;

	ASSERT_NE(NULL, hva);
	ASSERT_EQ(0, log_ready(l, 0));
	for (i = -3; i <= 3; i++) {
		from = 2 * PAGE + i - l->g.hdr_len - len;
		self->b.nseg = 0;
		add_seg(&self->b, SEAM_GPA + from, hva + from, 2000);
		ASSERT_EQ(0, watched_frame(l, &self->b, self->seg, 1,
					   variant->indirect, len));
		EXPECT_TRUE(log_exact(l));
		EXPECT_EQ(i > 0, bitmap_test(&l->log, SEAM_GPA + 2 * PAGE));
	}
}

/* A page for each segment, most of one byte: the header is in many, too. */
TEST_F(hand, page_for_each_byte)
{
	struct logged *l = &self->l;
	char *hva = log_add_memory(l, SEAM_GPA, MAX_SEGS * PAGE);
	unsigned int i;
	size_t at;

	ASSERT_NE(NULL, hva);
	ASSERT_EQ(0, log_ready(l, 0));
	for (i = 0; i < MAX_SEGS - 10; i++) {
		at = i * PAGE + i * 53 % PAGE;
		add_seg(&self->b, SEAM_GPA + at, hva + at, 1);
	}
	at = i * PAGE;
	add_seg(&self->b, SEAM_GPA + at, hva + at, 200);
	ASSERT_EQ(0, watched_frame(l, &self->b, self->seg, self->b.nseg,
				   variant->indirect, 100));
	EXPECT_TRUE(log_exact(l));
}

/* Segments without bytes, in pages where nothing else is (S1). */
TEST_F(hand, empty_segments)
{
	struct logged *l = &self->l;
	char *hva = log_add_memory(l, SEAM_GPA, 16 * PAGE);
	unsigned int i;

	ASSERT_NE(NULL, hva);
	ASSERT_EQ(0, log_ready(l, 0));
	for (i = 0; i < 16; i++)
		add_seg(&self->b, SEAM_GPA + i * PAGE, hva + i * PAGE,
			i % 4 ? 0 : 70);
	ASSERT_EQ(0, watched_frame(l, &self->b, self->seg, self->b.nseg,
				   variant->indirect, 150));
	EXPECT_TRUE(log_exact(l));
}

/* As many segments as a chain may have: the log has room for all (S2). */
TEST_F(hand, longest_chain)
{
	struct vq_seg *seg;
	struct logged *l = &self->l;
	const unsigned int n = variant->indirect ? 1000 : 250;
	struct buf b = { .nseg = n };
	unsigned int i;
	char *hva;

	hva = log_add_memory(l, SEAM_GPA, n * PAGE);
	seg = calloc(n, sizeof(*seg));
	b.at = calloc(n, sizeof(*b.at));
	ASSERT_TRUE(hva && seg && b.at);
	ASSERT_EQ(0, log_ready(l, 0));
	b.seg = seg;
	for (i = 0; i < n; i++) {
		seg[i].gpa = SEAM_GPA + i * PAGE + i;
		seg[i].len = 10;
		seg[i].flags = VRING_DESC_F_WRITE;
		b.at[i] = hva + i * PAGE + i;
	}
	ASSERT_EQ(0, watched_frame(l, &b, seg, n, variant->indirect,
				   10 * n - l->g.hdr_len));
	EXPECT_TRUE(log_exact(l));
	free(seg);
	free(b.at);
}

/* One descriptor, two regions that are far apart for the host (S8). */
static int across_seam(struct logged *l, struct buf *b, __u64 gpa,
		       bool indirect)
{
	char *left = log_add_memory(l, gpa, PAGE), *right;
	__u64 seam = gpa + PAGE;
	struct vq_seg seg;
	size_t before;
	int r = 0;

	right = log_add_memory(l, seam, 2 * PAGE);
	if (!left || !right)
		return -ENOMEM;
	r = log_ready(l, 0);
	for (before = 50; before < 300 && !r; before += 48) {
		b->nseg = 0;
		add_seg(b, seam - before, left + PAGE - before, before);
		add_seg(b, seam, right, 1000);
		seg = b->seg[0];
		seg.len += 1000;
		r = watched_frame(l, b, &seg, 1, indirect, 150);
		if (!r && !log_exact(l))
			r = -EPROTO;
	}
	return r;
}

TEST_F(hand, seam_between_pages)
{
	EXPECT_EQ(0, across_seam(&self->l, &self->b, SEAM_GPA,
				 variant->indirect));
}

TEST_F(hand, seam_within_page)
{
	EXPECT_EQ(0, across_seam(&self->l, &self->b, SEAM_GPA + 0x7d0,
				 variant->indirect));
}

/*
 * The guest has the same memory at two addresses. What changes at one has
 * changed at the other, and whoever copies pages has to know of both.
 */
TEST_F(hand, same_memory_twice)
{
	struct logged *l = &self->l;
	char *hva = log_add_memory(l, SEAM_GPA, 8 * PAGE);
	struct arena *a = &l->g.arena;

	NOT_FOR_STOCK("logs only the address that the guest has used");
	ASSERT_NE(NULL, hva);
	/* At another place in its page, and only a part of it. */
	a->region[a->n] = (struct arena_region) {
		.gpa = FAR_GPA + 0x800, .hva = hva + PAGE, .size = 3 * PAGE,
	};
	ASSERT_EQ(0, dirty_add(&l->d, FAR_GPA + 0x800, hva + PAGE, 3 * PAGE));
	a->n++;
	ASSERT_EQ(0, log_ready(l, 0));
	add_seg(&self->b, SEAM_GPA + 2 * PAGE - 50, hva + 2 * PAGE - 50, 1000);
	ASSERT_EQ(0, watched_frame(l, &self->b, self->seg, 1,
				   variant->indirect, 120));
	dirty_mark(&l->d, FAR_GPA + 0x800 + PAGE - 50, l->g.hdr_len + 120,
		   DIRTY_MUST);
	EXPECT_TRUE(log_exact(l));

	/* And by its other name. */
	self->b.nseg = 0;
	add_seg(&self->b, FAR_GPA + 0x800 + 10, hva + PAGE + 10, 1000);
	ASSERT_EQ(0, watched_frame(l, &self->b, self->seg, 1,
				   variant->indirect, 130));
	dirty_mark(&l->d, SEAM_GPA + PAGE + 10, l->g.hdr_len + 130,
		   DIRTY_MUST);
	EXPECT_TRUE(log_exact(l));

	/* Behind the second range, where there is only the first. */
	self->b.nseg = 0;
	add_seg(&self->b, SEAM_GPA + 6 * PAGE, hva + 6 * PAGE, 1000);
	ASSERT_EQ(0, watched_frame(l, &self->b, self->seg, 1,
				   variant->indirect, 140));
	EXPECT_TRUE(log_exact(l));
	/* It is not to be unmapped twice. */
	a->n--;
}

/* Frames that don't fit are written nowhere, and those after them are. */
TEST_F(hand, too_large_frames)
{
	static const size_t len[] = { 1200, 5000, 65000 };
	struct logged *l = &self->l;
	char *hva = log_add_memory(l, SEAM_GPA, 4 * PAGE);
	unsigned int i;

	if (variant->features & F_MRG)
		SKIP(return, "waits for more buffers");
	ASSERT_NE(NULL, hva);
	ASSERT_EQ(0, log_ready(l, 0));
	add_seg(&self->b, SEAM_GPA + 100, hva + 100, 12);
	add_seg(&self->b, SEAM_GPA + PAGE, hva + PAGE, 500);
	add_seg(&self->b, SEAM_GPA + 3 * PAGE, hva + 3 * PAGE, 500);
	log_watch(l);
	for (i = 0; i < ARRAY_SIZE(len); i++) {
		frame_build(frame, len[i], FRAME_TO_GUEST, i);
		ASSERT_EQ(0, wire_send_wait(&l->g.wire, frame, len[i], NULL));
	}
	ASSERT_EQ(0, guest_attach(&l->g, l->g.backend.fd));
	ASSERT_EQ(0, one_frame(l, &self->b, self->seg, 3, variant->indirect,
			       60));
	ASSERT_EQ(0, guest_attach(&l->g, -1));
	EXPECT_TRUE(log_exact(l));
	EXPECT_FALSE(bitmap_test(&l->log, SEAM_GPA + 3 * PAGE));
}

/*
 * A part of a buffer has no memory behind it: it comes back as if nothing was
 * in it. What was written before is logged all the same; the part that could
 * not be written to may be.
 */
TEST_F(hand, page_gone)
{
	struct logged *l = &self->l;
	char *hva = log_add_memory(l, SEAM_GPA, 4 * PAGE);
	struct vq *vq = &l->g.vq[VQ_RX];
	struct vq_used u;
	char *gone;

	NOT_FOR_STOCK("takes the packet for received");
	ASSERT_NE(NULL, hva);
	gone = guarded_map(PAGE);
	l->g.arena.region[l->g.arena.n++] = (struct arena_region) {
		.gpa = FAR_GPA, .hva = gone, .size = PAGE,
	};
	ASSERT_EQ(0, log_ready(l, 0));
	mprotect(gone, PAGE, PROT_NONE);
	add_seg(&self->b, SEAM_GPA, hva, 50);
	add_seg(&self->b, FAR_GPA, gone, 1000);
	log_watch(l);
	ASSERT_EQ(0, guest_attach(&l->g, l->g.backend.fd));
	ASSERT_EQ(0, vq_add(vq, self->seg, 2, &self->b));
	vq_kick(vq);
	frame_build(frame, 500, FRAME_TO_GUEST, SEQ);
	ASSERT_EQ(0, wire_send_wait(&l->g.wire, frame, 500, NULL));
	ASSERT_TRUE(vq_wait(vq, STALL_MS));
	ASSERT_EQ(1, vq_get_used(vq, &u));
	EXPECT_EQ(0, u.len);
	dirty_mark(&l->d, SEAM_GPA, 50, DIRTY_MAY);
	self->b.nseg = 0;
	add_seg(&self->b, SEAM_GPA + 3 * PAGE, hva + 3 * PAGE, 1000);
	EXPECT_EQ(0, one_frame(l, &self->b, self->seg, 1, variant->indirect,
			       60));
	ASSERT_EQ(0, guest_attach(&l->g, -1));
	bitmap_reset(&l->log, FAR_GPA);
	EXPECT_TRUE(log_exact(l));
	l->g.arena.n--;
	guarded_unmap(gone, PAGE);
}

TEST_HARNESS_MAIN
