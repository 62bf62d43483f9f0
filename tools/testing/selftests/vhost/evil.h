/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Chains that a broken or malicious guest could offer. A builder writes one
 * by hand into reserved descriptors and makes it available; what follows
 * from it is the business of hostile_test.c.
 */
#ifndef VHT_EVIL_H
#define VHT_EVIL_H

#include "guest.h"

/* Descriptors that builders may use, and memory to point them at. */
#define EVIL_DESCS	8
#define EVIL_LEN	1100

struct evil {
	struct guest *g;
	struct vq *vq;
	__u16 id[EVIL_DESCS];	/* reserved; id[0] is the head, or the name */
	/* Packed: the entries to be offered. */
	struct vring_packed_desc entry[EVIL_DESCS];
	unsigned int entries;
	char *data;		/* EVIL_LEN bytes: header and good frame */
	__u64 gpa;		/* where that is for the guest */
	__u16 dir;		/* VRING_DESC_F_WRITE in the receive ring */
	/* Two regions: adjacent for the guest, far apart for the host. */
	char *left, *right;	/* last byte + 1 of one, first of the other */
	__u64 seam;
	char *page;		/* a page of guest memory to play with */
	__u64 page_gpa;
	struct vring_desc *table;	/* room for a large indirect table */
	__u64 table_gpa;
	__u16 was;		/* ring entry or index before it was spoilt */
	bool hands_off;		/* the ring can't be touched any more */
	bool seam_used;
};

#define EVIL_SEQ	4711
#define TABLE_ENTRIES	(65537 + 16)

static inline bool evil_is_packed(const struct evil *e)
{
	return e->vq->cfg.layout == VQ_PACKED;
}

int evil_init(struct evil *e, struct guest *g, unsigned int index);

/* Descriptor number @n of the reserved ones; @next is such a number too. */
/* In a packed ring descriptors follow each other, whatever @next is. */
void evil_desc(struct evil *e, unsigned int n, __u64 gpa, __u32 len,
	       __u16 flags, unsigned int next);
void evil_offer(struct evil *e);
/* Reserved descriptor number 0 is a table. */
void evil_table(struct evil *e, __u64 gpa, __u32 bytes, __u16 flags);
/* A table of @n entries over the good packet, which the last one ends. */
void evil_fill_table(struct evil *e, unsigned int n);
void evil_table_entry(struct evil *e, unsigned int n, __u64 gpa, __u32 len,
		      __u16 flags);
/* Offer the good packet, and take a part of the ring away. */
void evil_take_part(struct evil *e, enum vq_part part, int prot);
/* The same with a packed ring's events, before the packet can be seen. */
void evil_take_events(struct evil *e, int prot);
void evil_kick(struct evil *e);
/* True if the good frame number @seq arrived in the offered chain. */
bool evil_received(struct evil *e, __u32 len, __u32 seq);

/* Builders, see evil.c */
typedef void (*evil_fn)(struct evil *e);

void evil_loop_self(struct evil *e);
void evil_loop_two(struct evil *e);
void evil_next_outside(struct evil *e);
void evil_next_far_outside(struct evil *e);
void evil_order(struct evil *e);
void evil_direction(struct evil *e);
void evil_direction_part(struct evil *e);
void evil_all_empty(struct evil *e);
void evil_one_empty(struct evil *e);
void evil_short_header(struct evil *e);
void evil_header_only(struct evil *e);

void evil_address_outside(struct evil *e);
void evil_address_zero(struct evil *e);
void evil_address_wraps(struct evil *e);
void evil_length_4g(struct evil *e);
void evil_into_hole(struct evil *e);
void evil_across_seam(struct evil *e);
void evil_page_gone(struct evil *e);
void evil_page_readonly(struct evil *e);

void evil_indirect_empty(struct evil *e);
void evil_indirect_odd(struct evil *e);
void evil_indirect_one(struct evil *e);
void evil_indirect_1024(struct evil *e);
void evil_indirect_1025(struct evil *e);
void evil_indirect_65537(struct evil *e);
void evil_indirect_nested(struct evil *e);
void evil_indirect_loop(struct evil *e);
void evil_indirect_next(struct evil *e);
void evil_indirect_outside(struct evil *e);
void evil_indirect_unmapped(struct evil *e);

void evil_csum_outside(struct evil *e);
void evil_gso_unknown(struct evil *e);
void evil_gso_zero(struct evil *e);
void evil_hdr_len_huge(struct evil *e);
void evil_header_all_ones(struct evil *e);
void evil_frame_1(struct evil *e);
void evil_frame_13(struct evil *e);

void evil_head_outside(struct evil *e);
void evil_head_65535(struct evil *e);
void evil_index_jump(struct evil *e);
void evil_index_back(struct evil *e);
void evil_avail_gone(struct evil *e);
void evil_desc_gone(struct evil *e);
void evil_used_gone(struct evil *e);
void evil_used_readonly(struct evil *e);

/* Builders for packed rings alone, see evil_packed.c */
void evil_packed_wraps(struct evil *e);
void evil_packed_whole_ring(struct evil *e);
void evil_packed_endless(struct evil *e);
void evil_packed_length_0(struct evil *e);
void evil_packed_table_goes_on(struct evil *e);
void evil_packed_table_last(struct evil *e);
void evil_packed_table_write(struct evil *e);
void evil_packed_table_flags(struct evil *e);
void evil_packed_table_4g(struct evil *e);
void evil_packed_table_wraps(struct evil *e);
void evil_packed_ring_readonly(struct evil *e);

/* What undoes what breaks a ring. */
void evil_mend_head(struct evil *e);
void evil_mend_index(struct evil *e);
void evil_mend_pages(struct evil *e);
void evil_packed_mend_end(struct evil *e);

#endif
