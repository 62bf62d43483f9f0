// SPDX-License-Identifier: GPL-2.0
/*
 * Chains, and spoilt rings, that only the packed format knows.
 */
#include <string.h>
#include <sys/mman.h>

#include "evil.h"

/* The good packet in @n entries, of which the last has @last_flags, too. */
static void cut_packet(struct evil *e, unsigned int n, __u16 last_flags)
{
	unsigned int i, step = EVIL_LEN / n;
	struct vring_packed_desc d;

	for (i = 0; i < n; i++) {
		d.addr = e->gpa + i * step;
		d.len = i + 1 < n ? step : EVIL_LEN - i * step;
		d.id = i + 1 < n ? 0xffff : e->id[0];
		d.flags = e->dir | (i + 1 < n ? VRING_DESC_F_NEXT : last_flags);
		vq_put_entry(e->vq, &d, !i);
	}
	vq_add_raw(e->vq, e->id[0], e->dir ? EVIL_LEN : 0);
}

/* The ring begins near its end, see hostile_packed_test.c. */
void evil_packed_wraps(struct evil *e)
{
	cut_packet(e, 12, 0);
}

void evil_packed_whole_ring(struct evil *e)
{
	cut_packet(e, e->vq->num, 0);
}

/* All entries are the buffer, and the next one, which is the first, too. */
void evil_packed_endless(struct evil *e)
{
	cut_packet(e, e->vq->num, VRING_DESC_F_NEXT);
}

void evil_packed_mend_end(struct evil *e)
{
	struct vq_packed *p = &e->vq->packed;
	unsigned int last = (p->avail ? p->avail : e->vq->num) - 1;

	p->shadow[last].flags &= ~VRING_DESC_F_NEXT;
	p->desc[last].flags &= ~VRING_DESC_F_NEXT;
}

/* One buffer, of one entry, without a byte. */
void evil_packed_length_0(struct evil *e)
{
	evil_desc(e, 0, e->gpa, 0, e->dir, 0);
	evil_offer(e);
}

static void good_table(struct evil *e, __u16 flags)
{
	evil_fill_table(e, 4);
	evil_table(e, e->table_gpa, 4 * sizeof(*e->table), flags);
}

/* What follows a table must be skipped with it. */
void evil_packed_table_goes_on(struct evil *e)
{
	good_table(e, VRING_DESC_F_NEXT);
	evil_desc(e, 1, e->gpa, EVIL_LEN, e->dir | VRING_DESC_F_NEXT, 2);
	evil_desc(e, 2, e->gpa, EVIL_LEN, e->dir, 0);
	evil_offer(e);
}

/* Not what a guest may do, but it is clear what it means. */
void evil_packed_table_last(struct evil *e)
{
	evil_table_entry(e, 0, e->gpa + 100, EVIL_LEN - 100, e->dir);
	evil_desc(e, 0, e->gpa, 100, e->dir | VRING_DESC_F_NEXT, 1);
	evil_desc(e, 1, e->table_gpa, sizeof(*e->table), VRING_DESC_F_INDIRECT,
		  0);
	evil_offer(e);
}

/* Of a table, the flag means nothing. */
void evil_packed_table_write(struct evil *e)
{
	good_table(e, VRING_DESC_F_WRITE);
	evil_offer(e);
}

/* In a table, most flags mean nothing. */
void evil_packed_table_flags(struct evil *e)
{
	struct vring_packed_desc *t = (void *)e->table;
	unsigned int i;

	good_table(e, 0);
	for (i = 0; i < 4; i++)
		t[i].flags |= (__u16)~(VRING_DESC_F_WRITE |
				       VRING_DESC_F_INDIRECT);
	evil_offer(e);
}

/* As long as a table can be: of it, only so much is looked at. */
void evil_packed_table_4g(struct evil *e)
{
	evil_fill_table(e, 4);
	evil_table(e, e->table_gpa, ~15u, 0);
	evil_offer(e);
}

void evil_packed_table_wraps(struct evil *e)
{
	evil_table(e, -(__u64)32, 64, 0);
	evil_offer(e);
}

/* Used entries are written to it, too. */
void evil_packed_ring_readonly(struct evil *e)
{
	evil_take_part(e, VQ_DESC, PROT_READ);
}
