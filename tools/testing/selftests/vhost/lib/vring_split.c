// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vring.h"

/* In used entries that the host has not written since they were taken. */
#define NOBODY	0xdeadbeef

static size_t desc_bytes(const struct vq *vq)
{
	return vq->num * sizeof(struct vring_desc);
}

/* flags, idx, ring[num], used_event */
static size_t avail_bytes(const struct vq *vq)
{
	return sizeof(__u16) * (3 + vq->num);
}

/* flags, idx, ring[num], avail_event */
static size_t used_bytes(const struct vq *vq)
{
	return sizeof(__u16) * 3 + sizeof(struct vring_used_elem) * vq->num;
}

static __u16 *used_event(const struct vq *vq)
{
	return &vq->avail->ring[vq->num];
}

static __u16 *avail_event(const struct vq *vq)
{
	return (__u16 *)&vq->used->ring[vq->num];
}

static void spoil(struct vring_used_elem *e)
{
	e->id = NOBODY;
	e->len = NOBODY;
}

static bool is_spoilt(const struct vring_used_elem *e)
{
	return e->id == NOBODY && e->len == NOBODY;
}

static void split_begin(struct vq *vq)
{
	unsigned int i;

	memset(vq->desc, 0, desc_bytes(vq));
	memset(vq->avail, 0, avail_bytes(vq));
	memset(vq->used, 0, used_bytes(vq));
	vq->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	vq->avail->idx = vq->cfg.start;
	vq->used->idx = vq->cfg.start;
	for (i = 0; i < vq->num && vq->cfg.spoil; i++)
		spoil(&vq->used->ring[i]);
}

static int split_alloc(struct vq *vq)
{
	vq->desc = vq_map_part(desc_bytes(vq), VRING_DESC_ALIGN_SIZE);
	vq->avail = vq_map_part(avail_bytes(vq), VRING_AVAIL_ALIGN_SIZE);
	vq->used = vq_map_part(used_bytes(vq), VRING_USED_ALIGN_SIZE);
	if (!vq->desc || !vq->avail || !vq->used)
		return -ENOMEM;
	split_begin(vq);
	return 0;
}

static void split_free(struct vq *vq)
{
	vq_unmap_part(vq->desc, desc_bytes(vq));
	vq_unmap_part(vq->avail, avail_bytes(vq));
	vq_unmap_part(vq->used, used_bytes(vq));
}

static void *split_part(const struct vq *vq, enum vq_part part, size_t *size)
{
	switch (part) {
	case VQ_DESC:
		*size = desc_bytes(vq);
		return vq->desc;
	case VQ_AVAIL:
		*size = avail_bytes(vq);
		return vq->avail;
	default:
		*size = used_bytes(vq);
		return vq->used;
	}
}

static void fill_desc(struct vring_desc *d, const struct vq_seg *seg)
{
	d->addr = seg->gpa;
	d->len = seg->len;
	d->flags = seg->flags;
	d->next = 0;
}

static int fill_indirect(struct vq *vq, unsigned int id,
			 const struct vq_seg *seg, unsigned int n)
{
	struct vring_desc *t = vq_table(vq, &vq->slot[id], n);
	unsigned int i;

	if (!t)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		fill_desc(&t[i], &seg[i]);
		if (i + 1 < n) {
			t[i].flags |= VRING_DESC_F_NEXT;
			t[i].next = i + 1;
		}
	}
	vq->desc[id].addr = arena_bus(vq->cfg.arena, t);
	vq->desc[id].len = n * sizeof(*t);
	vq->desc[id].flags = VRING_DESC_F_INDIRECT;
	vq->desc[id].next = 0;
	return 0;
}

static void fill_direct(struct vq *vq, unsigned int head,
			const struct vq_seg *seg, unsigned int n)
{
	unsigned int i, id = head;

	for (i = 0; i < n; i++) {
		fill_desc(&vq->desc[id], &seg[i]);
		if (i + 1 < n) {
			vq->desc[id].flags |= VRING_DESC_F_NEXT;
			vq->desc[id].next = vq_take_slot(vq);
			id = vq->desc[id].next;
		}
	}
}

static void make_available(struct vq *vq, unsigned int head)
{
	vq->avail->ring[vq->avail_idx & (vq->num - 1)] = head;
	vq->avail_idx++;
	vq_note_out(vq, head);
}

static int split_add(struct vq *vq, const struct vq_seg *seg, unsigned int n,
		     bool indirect, void *cookie)
{
	unsigned int head, need = indirect ? 1 : n;
	int r;

	if (!n || need > vq->num)
		return -EINVAL;
	if (vq->nfree < need)
		return -ENOSPC;
	head = vq_take_slot(vq);
	if (indirect) {
		r = fill_indirect(vq, head, seg, n);
		if (r) {
			vq_give_slot(vq, head);
			return r;
		}
	} else {
		fill_direct(vq, head, seg, n);
	}
	vq_fill_slot(vq, head, seg, n, need, cookie);
	make_available(vq, head);
	return 0;
}

static void split_add_raw(struct vq *vq, unsigned int head, __u32 room)
{
	struct vq_slot *s = &vq->slot[head];

	s->cookie = NULL;
	s->room = room;
	/* Reserved descriptors never go back to the free ones. */
	s->ndesc = 0;
	make_available(vq, head);
}

static void split_publish(struct vq *vq)
{
	/* Entries before index: the host reads them in the other order. */
	__atomic_store_n(&vq->avail->idx, vq->avail_idx, __ATOMIC_RELEASE);
}

static bool split_need_kick(struct vq *vq)
{
	__u16 event, flags;

	if (vq->cfg.features & F_EVENT) {
		event = __atomic_load_n(avail_event(vq), __ATOMIC_RELAXED);
		return vring_need_event(event, vq->avail_idx, vq->kicked_idx);
	}
	if (vq->avail_idx == vq->kicked_idx)
		return false;
	flags = __atomic_load_n(&vq->used->flags, __ATOMIC_RELAXED);
	if (flags & ~VRING_USED_F_NO_NOTIFY)
		vq_fault(vq, "flags that nobody knows:", flags);
	return !(flags & VRING_USED_F_NO_NOTIFY);
}

static bool split_more_used(const struct vq *vq, unsigned int after)
{
	__u16 idx = __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE);

	return (__u16)(idx - vq->used_idx) > after;
}

static void free_chain(struct vq *vq, unsigned int head)
{
	unsigned int n = vq->slot[head].ndesc, id = head, next;

	while (n--) {
		next = vq->desc[id].next;
		vq_give_slot(vq, id);
		id = next;
	}
}

/* How many chains come back if those up to @id do. */
static unsigned int batch_size(const struct vq *vq, unsigned int id)
{
	unsigned int n = 1;

	while (n < vq->out && vq->order[(vq->first + n - 1) % vq->num] != id)
		n++;
	return n;
}

/*
 * The next chain is used, as are the @ahead - 1 after it. What says so is an
 * entry in the place of the chain, or of the first one of a batch: the others'
 * places are left out, and the index has moved past all of them.
 */
static int read_entry(struct vq *vq, __u16 ahead)
{
	struct vring_used_elem *e;
	unsigned int n;

	e = &vq->used->ring[vq->used_idx & (vq->num - 1)];
	if (vq->batch >= 0) {
		if (vq->cfg.spoil && !is_spoilt(e))
			return vq_fault(vq, "written in a batch: id", e->id);
		return 0;
	}
	vq->said = (struct vq_used) { .id = e->id, .len = e->len };
	vq->wrote[vq->used_idx & (vq->num - 1)] = true;
	if (vq->cfg.spoil)
		spoil(e);
	/* If it isn't out at all, vq_in_turn() says so. */
	if (!(vq->cfg.features & F_IN_ORDER) || vq->said.id >= vq->num ||
	    !vq->slot[vq->said.id].out)
		return 0;
	n = batch_size(vq, vq->said.id);
	if (n > ahead)
		return vq_fault(vq, "batch goes past the index by", n - ahead);
	return 0;
}

static int split_get_used(struct vq *vq, struct vq_used *u)
{
	__u16 idx = __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE);
	__u16 ahead = idx - vq->used_idx;
	int id;

	if (!ahead)
		return 0;
	if (ahead > (__u16)(vq->avail_idx - vq->used_idx))
		return vq_fault(vq, "more used than available by", ahead);
	if (read_entry(vq, ahead))
		return -EPROTO;
	u->len = vq->said.len;
	id = vq_in_turn(vq, vq->said.id, &u->len);
	if (id < 0)
		return id;
	u->id = id;
	u->cookie = vq->slot[id].cookie;
	vq_note_back(vq, id);
	free_chain(vq, id);
	vq->used_idx++;
	return 1;
}

static void split_call_on(struct vq *vq, unsigned int after)
{
	if (vq->cfg.features & F_EVENT)
		__atomic_store_n(used_event(vq), (__u16)(vq->used_idx + after),
				 __ATOMIC_RELAXED);
	else
		__atomic_store_n(&vq->avail->flags, 0, __ATOMIC_RELAXED);
}

static void split_call_off(struct vq *vq)
{
	/* With event indices, not moving the event is enough. */
	if (!(vq->cfg.features & F_EVENT))
		__atomic_store_n(&vq->avail->flags, VRING_AVAIL_F_NO_INTERRUPT,
				 __ATOMIC_RELAXED);
}

static unsigned int split_base(const struct vq *vq)
{
	return vq->used_idx;
}

static void split_place(struct vq *vq, void *desc, void *avail, void *used)
{
	vq->desc = desc;
	vq->avail = avail;
	vq->used = used;
}

static int split_at_rest(struct vq *vq)
{
	unsigned int i;

	for (i = 0; i < vq->num && vq->cfg.spoil; i++)
		if (!is_spoilt(&vq->used->ring[i]))
			return vq_fault(vq, "written, and not used: place", i);
	return 0;
}

const struct vq_ops vq_split_ops = {
	.place = split_place,
	.alloc = split_alloc,
	.begin = split_begin,
	.free = split_free,
	.part = split_part,
	.add = split_add,
	.add_raw = split_add_raw,
	.publish = split_publish,
	.need_kick = split_need_kick,
	.more_used = split_more_used,
	.get_used = split_get_used,
	.call_on = split_call_on,
	.call_off = split_call_off,
	.base = split_base,
	.at_rest = split_at_rest,
};
