// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "counters.h"
#include "evil.h"

/* Behind the regions of the guest itself, and below what is unmapped. */
#define SEAM_GPA	0x5000000000ULL
#define PAGE_GPA	0x6000000770ULL
#define TABLE_GPA	0x7000000330ULL
#define NOWHERE		0x9900000000ULL

static int add_regions(struct evil *e, struct arena *a)
{
	size_t size = TABLE_ENTRIES * sizeof(struct vring_desc);
	int l, r, p, t;

	l = arena_add(a, SEAM_GPA - PAGE, PAGE);
	r = arena_add(a, SEAM_GPA, PAGE);
	p = arena_add(a, PAGE_GPA, PAGE);
	t = arena_add(a, TABLE_GPA, size);
	if (l < 0 || r < 0 || p < 0 || t < 0)
		return -ENOMEM;
	e->left = a->region[l].hva + PAGE;
	e->right = a->region[r].hva;
	e->seam = SEAM_GPA;
	e->page = a->region[p].hva;
	e->page_gpa = PAGE_GPA;
	e->table = (void *)a->region[t].hva;
	e->table_gpa = TABLE_GPA;
	return 0;
}

int evil_init(struct evil *e, struct guest *g, unsigned int index)
{
	struct buf *b = pool_get(&g->pool[index]);
	int r;

	memset(e, 0, sizeof(*e));
	e->g = g;
	e->vq = &g->vq[index];
	e->dir = index == VQ_RX ? VRING_DESC_F_WRITE : 0;
	e->data = b->base;
	e->gpa = arena_gpa(&g->arena, b->base);
	memset(e->data, 0, g->hdr_len);
	frame_build(e->data + g->hdr_len, EVIL_LEN - g->hdr_len, FRAME_TO_HOST,
		    EVIL_SEQ);
	r = add_regions(e, &g->arena);
	if (!r)
		r = dev_set_mem(g->fd, &g->arena);
	return r ? r : vq_reserve(e->vq, EVIL_DESCS, e->id);
}

void evil_desc(struct evil *e, unsigned int n, __u64 gpa, __u32 len,
	       __u16 flags, unsigned int next)
{
	struct vring_desc *d;

	if (evil_is_packed(e)) {
		e->entry[n].addr = gpa;
		e->entry[n].len = len;
		e->entry[n].flags = flags;
		/* The last one counts. */
		e->entry[n].id = flags & VRING_DESC_F_NEXT ? ~n : e->id[0];
		if (e->entries <= n)
			e->entries = n + 1;
		return;
	}
	d = &e->vq->desc[e->id[n]];
	d->addr = gpa;
	d->len = len;
	d->flags = flags;
	d->next = e->id[next];
}

void evil_offer(struct evil *e)
{
	unsigned int i;

	for (i = 0; i < e->entries; i++)
		vq_put_entry(e->vq, &e->entry[i], !i);
	e->entries = 0;
	vq_add_raw(e->vq, e->id[0], e->dir ? 1 << 20 : 0);
}

void evil_kick(struct evil *e)
{
	__u64 one = 1;

	if (!e->hands_off)
		vq_publish(e->vq);
	if (write(e->vq->kick, &one, sizeof(one)) < 0)
		perror("kick");
}

bool evil_received(struct evil *e, __u32 len, __u32 seq)
{
	unsigned int hdr = e->g->hdr_len;
	__u32 got;

	if (e->seam_used) {
		memcpy(e->data, e->left - 100, 100);
		memcpy(e->data + 100, e->right, EVIL_LEN - 100);
	}
	if (len != EVIL_LEN || !frame_intact(e->data + hdr, len - hdr, &got))
		return false;
	return got == seq;
}

/* The good packet in one descriptor, then what the caller wants. */
static void one_desc(struct evil *e, __u64 gpa, __u32 len)
{
	evil_desc(e, 0, gpa, len, e->dir, 0);
	evil_offer(e);
}

/* Header and half of the frame, then a second descriptor. */
static void two_desc(struct evil *e, __u64 gpa, __u32 len, __u16 flags)
{
	evil_desc(e, 0, e->gpa, EVIL_LEN / 2, e->dir | VRING_DESC_F_NEXT, 1);
	evil_desc(e, 1, gpa, len, flags, 0);
	evil_offer(e);
}

void evil_loop_self(struct evil *e)
{
	evil_desc(e, 0, e->gpa, EVIL_LEN, e->dir | VRING_DESC_F_NEXT, 0);
	evil_offer(e);
}

void evil_loop_two(struct evil *e)
{
	two_desc(e, e->gpa, EVIL_LEN, e->dir | VRING_DESC_F_NEXT);
}

void evil_next_outside(struct evil *e)
{
	evil_desc(e, 0, e->gpa, EVIL_LEN, e->dir | VRING_DESC_F_NEXT, 0);
	e->vq->desc[e->id[0]].next = e->vq->num;
	evil_offer(e);
}

void evil_next_far_outside(struct evil *e)
{
	evil_next_outside(e);
	e->vq->desc[e->id[0]].next = 65535;
}

/* A part to be read after one to be written. */
void evil_order(struct evil *e)
{
	evil_desc(e, 0, e->gpa, EVIL_LEN / 2,
		  VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	evil_desc(e, 1, e->gpa, EVIL_LEN / 2, 0, 0);
	evil_offer(e);
}

void evil_direction(struct evil *e)
{
	evil_desc(e, 0, e->gpa, EVIL_LEN, e->dir ^ VRING_DESC_F_WRITE, 0);
	evil_offer(e);
}

/* Right but for one part of the other kind, in the allowed order. */
void evil_direction_part(struct evil *e)
{
	evil_desc(e, 0, e->gpa, EVIL_LEN / 2, VRING_DESC_F_NEXT, 1);
	evil_desc(e, 1, e->gpa, EVIL_LEN / 2, VRING_DESC_F_WRITE, 0);
	evil_offer(e);
}

void evil_all_empty(struct evil *e)
{
	evil_desc(e, 0, e->gpa, 0, e->dir | VRING_DESC_F_NEXT, 1);
	evil_desc(e, 1, e->gpa, 0, e->dir, 0);
	evil_offer(e);
}

void evil_one_empty(struct evil *e)
{
	evil_desc(e, 0, e->gpa, EVIL_LEN / 2, e->dir | VRING_DESC_F_NEXT, 1);
	evil_desc(e, 1, e->gpa, 0, e->dir | VRING_DESC_F_NEXT, 2);
	evil_desc(e, 2, e->gpa + EVIL_LEN / 2, EVIL_LEN / 2, e->dir, 0);
	evil_offer(e);
}

void evil_short_header(struct evil *e)
{
	one_desc(e, e->gpa, 5);
}

void evil_header_only(struct evil *e)
{
	one_desc(e, e->gpa, e->g->hdr_len);
}

void evil_address_outside(struct evil *e)
{
	one_desc(e, NOWHERE, EVIL_LEN);
}

void evil_address_zero(struct evil *e)
{
	two_desc(e, 0, 64, e->dir);
}

void evil_address_wraps(struct evil *e)
{
	two_desc(e, -8ULL, 64, e->dir);
}

void evil_length_4g(struct evil *e)
{
	two_desc(e, e->gpa, ~0u, e->dir);
}

/* The last bytes of a region, and some that are in none. */
void evil_into_hole(struct evil *e)
{
	two_desc(e, e->page_gpa + PAGE - 10, 64, e->dir);
}

/* No evil at all: regions that meet are one to the guest. */
void evil_across_seam(struct evil *e)
{
	memcpy(e->left - 100, e->data, 100);
	memcpy(e->right, e->data + 100, EVIL_LEN - 100);
	e->seam_used = true;
	one_desc(e, e->seam - 100, EVIL_LEN);
}

void evil_page_gone(struct evil *e)
{
	mprotect(e->page, PAGE, PROT_NONE);
	two_desc(e, e->page_gpa, EVIL_LEN, e->dir);
}

void evil_page_readonly(struct evil *e)
{
	memcpy(e->page, e->data, EVIL_LEN);
	mprotect(e->page, PAGE, PROT_READ);
	one_desc(e, e->page_gpa, EVIL_LEN);
}

void evil_table(struct evil *e, __u64 gpa, __u32 bytes, __u16 flags)
{
	evil_desc(e, 0, gpa, bytes, VRING_DESC_F_INDIRECT | flags, 0);
}

static void offer_table(struct evil *e, __u64 gpa, __u32 bytes)
{
	evil_table(e, gpa, bytes, 0);
	evil_offer(e);
}

void evil_table_entry(struct evil *e, unsigned int n, __u64 gpa, __u32 len,
		      __u16 flags)
{
	struct vring_packed_desc *p = (void *)&e->table[n];

	e->table[n].addr = gpa;
	e->table[n].len = len;
	if (evil_is_packed(e)) {
		/* Means nothing there. */
		p->id = 0x5555;
		p->flags = flags;
	} else {
		e->table[n].flags = flags;
		e->table[n].next = n + 1;
	}
}

void evil_fill_table(struct evil *e, unsigned int n)
{
	__u16 next = evil_is_packed(e) ? 0 : VRING_DESC_F_NEXT;
	unsigned int i;

	for (i = 0; i < n - 1; i++)
		evil_table_entry(e, i, e->gpa + i, 1, e->dir | next);
	evil_table_entry(e, i, e->gpa + i, EVIL_LEN - i, e->dir);
}

static void whole_table(struct evil *e, unsigned int n)
{
	evil_fill_table(e, n);
	offer_table(e, e->table_gpa, n * sizeof(*e->table));
}

void evil_indirect_empty(struct evil *e)
{
	evil_fill_table(e, 1);
	offer_table(e, e->table_gpa, 0);
}

void evil_indirect_odd(struct evil *e)
{
	evil_fill_table(e, 2);
	offer_table(e, e->table_gpa, 2 * sizeof(*e->table) - 1);
}

void evil_indirect_one(struct evil *e)
{
	whole_table(e, 1);
}

/* As many parts as a packet may have. */
void evil_indirect_1024(struct evil *e)
{
	whole_table(e, 1024);
}

void evil_indirect_1025(struct evil *e)
{
	whole_table(e, 1025);
}

void evil_indirect_65537(struct evil *e)
{
	evil_fill_table(e, 2);
	offer_table(e, e->table_gpa, 65537 * sizeof(*e->table));
}

void evil_indirect_nested(struct evil *e)
{
	evil_fill_table(e, 3);
	evil_table_entry(e, 1, e->table_gpa + 2 * sizeof(*e->table),
			 sizeof(*e->table), VRING_DESC_F_INDIRECT);
	offer_table(e, e->table_gpa, 3 * sizeof(*e->table));
}

void evil_indirect_loop(struct evil *e)
{
	evil_fill_table(e, 4);
	e->table[3].flags |= VRING_DESC_F_NEXT;
	e->table[3].next = 1;
	offer_table(e, e->table_gpa, 4 * sizeof(*e->table));
}

void evil_indirect_next(struct evil *e)
{
	evil_fill_table(e, 4);
	e->table[1].next = 4;
	offer_table(e, e->table_gpa, 4 * sizeof(*e->table));
}

void evil_indirect_outside(struct evil *e)
{
	offer_table(e, NOWHERE, 4 * sizeof(*e->table));
}

void evil_indirect_unmapped(struct evil *e)
{
	mprotect(e->page, PAGE, PROT_NONE);
	offer_table(e, e->page_gpa, 4 * sizeof(*e->table));
}

static struct virtio_net_hdr *header(struct evil *e)
{
	return (void *)e->data;
}

void evil_csum_outside(struct evil *e)
{
	header(e)->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header(e)->csum_start = 60000;
	header(e)->csum_offset = 16;
	one_desc(e, e->gpa, EVIL_LEN);
}

void evil_gso_unknown(struct evil *e)
{
	header(e)->gso_type = 0x77;
	header(e)->gso_size = 100;
	one_desc(e, e->gpa, EVIL_LEN);
}

void evil_gso_zero(struct evil *e)
{
	header(e)->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header(e)->csum_start = 34;
	header(e)->csum_offset = 16;
	header(e)->gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	one_desc(e, e->gpa, EVIL_LEN);
}

void evil_hdr_len_huge(struct evil *e)
{
	header(e)->hdr_len = 65535;
	one_desc(e, e->gpa, EVIL_LEN);
}

void evil_header_all_ones(struct evil *e)
{
	memset(e->data, 0xff, e->g->hdr_len);
	one_desc(e, e->gpa, EVIL_LEN);
}

void evil_frame_1(struct evil *e)
{
	one_desc(e, e->gpa, e->g->hdr_len + 1);
}

void evil_frame_13(struct evil *e)
{
	one_desc(e, e->gpa, e->g->hdr_len + 13);
}

/* The rest spoils the ring itself, around one good chain. */
static void spoil_head(struct evil *e, __u16 head)
{
	one_desc(e, e->gpa, EVIL_LEN);
	e->was = e->id[0];
	e->vq->avail->ring[(__u16)(e->vq->avail_idx - 1) % e->vq->num] = head;
}

void evil_head_outside(struct evil *e)
{
	spoil_head(e, e->vq->num);
}

void evil_head_65535(struct evil *e)
{
	spoil_head(e, 65535);
}

void evil_mend_head(struct evil *e)
{
	e->vq->avail->ring[(__u16)(e->vq->avail_idx - 1) % e->vq->num] = e->was;
}

static void spoil_index(struct evil *e, int by)
{
	one_desc(e, e->gpa, EVIL_LEN);
	e->was = e->vq->avail_idx;
	e->vq->avail_idx += by;
}

void evil_index_jump(struct evil *e)
{
	spoil_index(e, e->vq->num);
}

void evil_index_back(struct evil *e)
{
	spoil_index(e, -2);
}

void evil_mend_index(struct evil *e)
{
	e->vq->avail_idx = e->was;
}

static void protect_part(struct evil *e, enum vq_part part, int prot)
{
	uintptr_t at = (uintptr_t)vq_part(e->vq, part, NULL);

	mprotect((void *)(at & ~(PAGE - 1)), PAGE, prot);
}

void evil_take_part(struct evil *e, enum vq_part part, int prot)
{
	/* Its first turn, if that is late, would use the buffer beforehand. */
	if (!stock_driver() && !has_run(e->g, e->vq->index, 0))
		fprintf(stderr, "# the device never had a turn\n");
	one_desc(e, e->gpa, EVIL_LEN);
	vq_publish(e->vq);
	e->hands_off = true;
	protect_part(e, part, prot);
}

void evil_take_events(struct evil *e, int prot)
{
	one_desc(e, e->gpa, EVIL_LEN);
	protect_part(e, VQ_AVAIL, prot);
	vq_publish(e->vq);
	e->hands_off = true;
}

void evil_avail_gone(struct evil *e)
{
	evil_take_part(e, VQ_AVAIL, PROT_NONE);
}

void evil_desc_gone(struct evil *e)
{
	evil_take_part(e, VQ_DESC, PROT_NONE);
}

void evil_used_gone(struct evil *e)
{
	evil_take_part(e, VQ_USED, PROT_NONE);
}

void evil_used_readonly(struct evil *e)
{
	evil_take_part(e, VQ_USED, PROT_READ);
}

void evil_mend_pages(struct evil *e)
{
	enum vq_part part;

	for (part = 0; part < VQ_PARTS; part++)
		protect_part(e, part, PROT_READ | PROT_WRITE);
	e->hands_off = false;
}
