// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vring.h"

#define AVAIL	((__u16)BIT(VRING_PACKED_DESC_F_AVAIL))
#define USED	((__u16)BIT(VRING_PACKED_DESC_F_USED))
#define WRAP	((__u16)BIT(VRING_PACKED_EVENT_F_WRAP_CTR))

static size_t desc_bytes(const struct vq *vq)
{
	return vq->num * sizeof(struct vring_packed_desc);
}

/* Flags of an entry that is available in this lap, or used in it. */
static __u16 avail_flags(bool wrap)
{
	return wrap ? AVAIL : USED;
}

static __u16 used_flags(bool wrap)
{
	return wrap ? AVAIL | USED : 0;
}

static void step(const struct vq *vq, unsigned int *at, bool *wrap,
		 unsigned int n)
{
	*at += n;
	if (*at >= vq->num) {
		*at -= vq->num;
		*wrap = !*wrap;
	}
}

/* As if @cfg.start entries had passed: what is behind was used in this lap. */
static void begin_at(struct vq *vq)
{
	struct vq_packed *p = &vq->packed;
	unsigned int i;

	p->avail = vq->cfg.start % vq->num;
	p->avail_wrap = !(vq->cfg.start / vq->num & 1);
	p->used = p->avail;
	p->used_wrap = p->avail_wrap;
	for (i = 0; i < vq->num; i++)
		p->desc[i].flags = used_flags(i < p->avail ? p->avail_wrap :
							     !p->avail_wrap);
	memcpy(p->shadow, p->desc, desc_bytes(vq));
}

static void packed_begin(struct vq *vq)
{
	struct vq_packed *p = &vq->packed;

	memset(p->desc, 0, desc_bytes(vq));
	memset(p->device, 0, sizeof(*p->device));
	p->driver->off_wrap = 0;
	p->driver->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	p->room = vq->num;
	p->hidden = 0;
	p->raw = 0;
	begin_at(vq);
}

static int packed_alloc(struct vq *vq)
{
	struct vq_packed *p = &vq->packed;

	p->desc = vq_map_part(desc_bytes(vq), sizeof(*p->desc));
	p->driver = vq_map_part(sizeof(*p->driver), sizeof(*p->driver));
	p->device = vq_map_part(sizeof(*p->device), sizeof(*p->device));
	p->shadow = calloc(vq->num, sizeof(*p->shadow));
	p->hidden_slot = calloc(vq->num, sizeof(*p->hidden_slot));
	p->hidden_flags = calloc(vq->num, sizeof(*p->hidden_flags));
	if (!p->desc || !p->driver || !p->device || !p->shadow ||
	    !p->hidden_slot || !p->hidden_flags)
		return -ENOMEM;
	packed_begin(vq);
	return 0;
}

static void packed_free(struct vq *vq)
{
	struct vq_packed *p = &vq->packed;

	vq_unmap_part(p->desc, desc_bytes(vq));
	vq_unmap_part(p->driver, sizeof(*p->driver));
	vq_unmap_part(p->device, sizeof(*p->device));
	free(p->shadow);
	free(p->hidden_slot);
	free(p->hidden_flags);
}

static void *packed_part(const struct vq *vq, enum vq_part part, size_t *size)
{
	switch (part) {
	case VQ_DESC:
		*size = desc_bytes(vq);
		return vq->packed.desc;
	case VQ_AVAIL:
		*size = sizeof(*vq->packed.driver);
		return vq->packed.driver;
	default:
		*size = sizeof(*vq->packed.device);
		return vq->packed.device;
	}
}

/* Write an entry, but for the flags of a chain's first one: they wait. */
static void put_entry(struct vq *vq, const struct vring_packed_desc *d,
		      __u16 flags, bool first)
{
	struct vq_packed *p = &vq->packed;
	struct vring_packed_desc *to = &p->desc[p->avail];

	to->addr = d->addr;
	to->len = d->len;
	to->id = d->id;
	p->shadow[p->avail] = *d;
	p->shadow[p->avail].flags = flags | avail_flags(p->avail_wrap);
	flags = p->shadow[p->avail].flags;
	if (first) {
		p->hidden_slot[p->hidden] = p->avail;
		p->hidden_flags[p->hidden++] = flags;
	} else {
		__atomic_store_n(&to->flags, flags, __ATOMIC_RELAXED);
	}
	step(vq, &p->avail, &p->avail_wrap, 1);
}

void vq_put_entry(struct vq *vq, const struct vring_packed_desc *d, bool first)
{
	put_entry(vq, d, d->flags, first);
	vq->packed.raw++;
}

static void packed_add_raw(struct vq *vq, unsigned int head, __u32 room)
{
	struct vq_packed *p = &vq->packed;
	struct vq_slot *s = &vq->slot[head];

	s->cookie = NULL;
	s->room = room;
	s->ndesc = p->raw;
	p->room -= p->raw;
	vq->avail_idx += p->raw;
	p->raw = 0;
	vq_note_out(vq, head);
}

static int put_indirect(struct vq *vq, unsigned int id,
			const struct vq_seg *seg, unsigned int n)
{
	struct vring_packed_desc *t = vq_table(vq, &vq->slot[id], n), d;
	unsigned int i;

	if (!t)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		t[i].addr = seg[i].gpa;
		t[i].len = seg[i].len;
		t[i].flags = seg[i].flags;
		/* Means nothing there. */
		t[i].id = 0x5555;
	}
	d.addr = arena_bus(vq->cfg.arena, t);
	d.len = n * sizeof(*t);
	d.id = id;
	put_entry(vq, &d, VRING_DESC_F_INDIRECT, true);
	return 0;
}

static void put_direct(struct vq *vq, unsigned int id,
		       const struct vq_seg *seg, unsigned int n)
{
	struct vring_packed_desc d;
	unsigned int i;

	for (i = 0; i < n; i++) {
		d.addr = seg[i].gpa;
		d.len = seg[i].len;
		/* The last one counts. */
		d.id = i + 1 < n ? 0xaaaa : id;
		put_entry(vq, &d, seg[i].flags |
			  (i + 1 < n ? VRING_DESC_F_NEXT : 0), !i);
	}
}

static int packed_add(struct vq *vq, const struct vq_seg *seg, unsigned int n,
		      bool indirect, void *cookie)
{
	unsigned int id, need = indirect ? 1 : n;
	int r;

	if (!n || need > vq->num)
		return -EINVAL;
	if (vq->packed.room < need || !vq->nfree)
		return -ENOSPC;
	id = vq_take_slot(vq);
	if (indirect) {
		r = put_indirect(vq, id, seg, n);
		if (r) {
			vq_give_slot(vq, id);
			return r;
		}
	} else {
		put_direct(vq, id, seg, n);
	}
	vq_fill_slot(vq, id, seg, n, need, cookie);
	vq->packed.room -= need;
	vq->avail_idx += need;
	vq_note_out(vq, id);
	return 0;
}

static void packed_publish(struct vq *vq)
{
	struct vq_packed *p = &vq->packed;
	unsigned int i;

	/* All that belongs to a chain is there before its first flags. */
	for (i = 0; i < p->hidden; i++)
		__atomic_store_n(&p->desc[p->hidden_slot[i]].flags,
				 p->hidden_flags[i], __ATOMIC_RELEASE);
	p->hidden = 0;
}

static bool packed_need_kick(struct vq *vq)
{
	struct vq_packed *p = &vq->packed;
	__u16 added = vq->avail_idx - vq->kicked_idx, flags, off;
	union {
		struct vring_packed_desc_event e;
		__u32 word;
	} now;
	int event;

	now.word = __atomic_load_n((__u32 *)p->device, __ATOMIC_RELAXED);
	flags = now.e.flags;
	if (flags > VRING_PACKED_EVENT_FLAG_DESC ||
	    (flags == VRING_PACKED_EVENT_FLAG_DESC &&
	     (!(vq->cfg.features & F_EVENT) ||
	      (now.e.off_wrap & (__u16)~WRAP) >= vq->num)))
		vq_fault(vq, "events that make no sense:", now.word);
	if (!added || flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return false;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return true;
	off = now.e.off_wrap;
	event = off & ~WRAP;
	if (!!(off & WRAP) != p->avail_wrap)
		event -= vq->num;
	return vring_need_event(event, p->avail, p->avail - added);
}

/* Is there a used entry at this place? */
static bool is_used(const struct vq *vq, unsigned int at, bool wrap)
{
	__u16 flags = __atomic_load_n(&vq->packed.desc[at].flags,
				      __ATOMIC_ACQUIRE);

	return (flags & (AVAIL | USED)) == used_flags(wrap);
}

/* Follow used entries as get_used() will. */
static bool packed_more_used(const struct vq *vq, unsigned int after)
{
	const struct vq_packed *p = &vq->packed;
	unsigned int at = p->used, seen = 0, i = vq->first, id, last;
	bool wrap = p->used_wrap, order = vq->cfg.features & F_IN_ORDER;
	int batch = vq->batch;

	while (seen < vq->out) {
		if (batch < 0 && !is_used(vq, at, wrap))
			return false;
		last = batch < 0 ? p->desc[at].id : batch;
		/* Anything wrong is found by get_used(). */
		if (last >= vq->num || !vq->slot[last].out)
			return true;
		id = order ? vq->order[i++ % vq->num] : last;
		batch = id == last ? -1 : (int)last;
		step(vq, &at, &wrap, vq->slot[id].ndesc);
		if (++seen > after)
			return true;
	}
	return false;
}

/* Nobody has written to these entries but whom read_entry() knows of. */
static bool as_it_was(const struct vq *vq, unsigned int at, unsigned int n)
{
	const struct vq_packed *p = &vq->packed;

	for (; n; n--) {
		if (memcmp(&p->desc[at], &p->shadow[at], sizeof(*p->desc)))
			return false;
		if (++at == vq->num)
			at = 0;
	}
	return true;
}

/* What a used entry says, and that it says nothing else. */
static int read_entry(struct vq *vq)
{
	struct vq_packed *p = &vq->packed;
	const struct vring_packed_desc *d = &p->desc[p->used];
	struct vring_packed_desc *s = &p->shadow[p->used];

	if (d->flags != (used_flags(p->used_wrap) |
			 (d->len ? VRING_DESC_F_WRITE : 0)))
		return vq_fault(vq, "flags of a used entry:", d->flags);
	vq->said = (struct vq_used) { .id = d->id, .len = d->len };
	vq->wrote[p->used] = true;
	/* From now on, it is to stay like this. */
	s->id = d->id;
	s->len = d->len;
	s->flags = d->flags;
	return 0;
}

int vq_take_entry(struct vq *vq, struct vring_packed_desc *d,
		  unsigned int ndesc)
{
	struct vq_packed *p = &vq->packed;

	if (!is_used(vq, p->used, p->used_wrap))
		return 0;
	if (read_entry(vq))
		return -EPROTO;
	*d = p->desc[p->used];
	if (!as_it_was(vq, p->used, ndesc))
		return vq_fault(vq, "other entries written to: id", d->id);
	step(vq, &p->used, &p->used_wrap, ndesc);
	p->raw -= ndesc;
	return 1;
}

static int packed_get_used(struct vq *vq, struct vq_used *u)
{
	struct vq_packed *p = &vq->packed;
	int id;

	if (!vq->out)
		return 0;
	if (vq->batch < 0) {
		if (!is_used(vq, p->used, p->used_wrap))
			return 0;
		if (read_entry(vq))
			return -EPROTO;
	}
	u->len = vq->said.len;
	id = vq_in_turn(vq, vq->said.id, &u->len);
	if (id < 0)
		return id;
	if (!as_it_was(vq, p->used, vq->slot[id].ndesc))
		return vq_fault(vq, "other entries written to: id", id);
	u->id = id;
	u->cookie = vq->slot[id].cookie;
	vq_note_back(vq, id);
	step(vq, &p->used, &p->used_wrap, vq->slot[id].ndesc);
	p->room += vq->slot[id].ndesc;
	vq->used_idx += vq->slot[id].ndesc;
	vq_give_slot(vq, id);
	return 1;
}

/*
 * The entry to be used after @after others. Chains that are yet to come are
 * taken for such of one descriptor.
 */
static __u16 event_after(const struct vq *vq, unsigned int after)
{
	unsigned int at = vq->packed.used, i, n;
	bool wrap = vq->packed.used_wrap;

	for (i = 0; i < after; i++) {
		n = vq->order[(vq->first + i) % vq->num];
		step(vq, &at, &wrap, i < vq->out ? vq->slot[n].ndesc : 1);
	}
	return at | (wrap ? WRAP : 0);
}

static void packed_call_on(struct vq *vq, unsigned int after)
{
	struct vring_packed_desc_event *e = vq->packed.driver;
	__u16 flags = VRING_PACKED_EVENT_FLAG_ENABLE;

	if (vq->cfg.features & F_EVENT) {
		__atomic_store_n(&e->off_wrap, event_after(vq, after),
				 __ATOMIC_RELAXED);
		flags = VRING_PACKED_EVENT_FLAG_DESC;
	}
	__atomic_store_n(&e->flags, flags, __ATOMIC_RELEASE);
}

static void packed_call_off(struct vq *vq)
{
	__atomic_store_n(&vq->packed.driver->flags,
			 VRING_PACKED_EVENT_FLAG_DISABLE, __ATOMIC_RELAXED);
}

static unsigned int packed_base(const struct vq *vq)
{
	const struct vq_packed *p = &vq->packed;
	unsigned int half = p->used | (p->used_wrap ? WRAP : 0);

	return half | half << 16;
}

static void packed_place(struct vq *vq, void *desc, void *avail, void *used)
{
	vq->packed.desc = desc;
	vq->packed.driver = avail;
	vq->packed.device = used;
}

static int packed_at_rest(struct vq *vq)
{
	unsigned int i;

	for (i = 0; i < vq->num; i++)
		if (!as_it_was(vq, i, 1))
			return vq_fault(vq, "written, and not used: place", i);
	return 0;
}

const struct vq_ops vq_packed_ops = {
	.place = packed_place,
	.alloc = packed_alloc,
	.begin = packed_begin,
	.free = packed_free,
	.part = packed_part,
	.add = packed_add,
	.add_raw = packed_add_raw,
	.publish = packed_publish,
	.need_kick = packed_need_kick,
	.more_used = packed_more_used,
	.get_used = packed_get_used,
	.call_on = packed_call_on,
	.call_off = packed_call_off,
	.base = packed_base,
	.at_rest = packed_at_rest,
};
