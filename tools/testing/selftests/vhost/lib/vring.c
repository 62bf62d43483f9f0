// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vring.h"

static const struct vq_ops * const layouts[VQ_LAYOUTS] = {
	[VQ_SPLIT] = &vq_split_ops,
	[VQ_PACKED] = &vq_packed_ops,
};

int vq_fault(struct vq *vq, const char *what, unsigned int value)
{
	if (!vq->cfg.quiet)
		fprintf(stderr, "# ring %u: %s %u\n", vq->index, what, value);
	vq->fault = true;
	return -EPROTO;
}

/*
 * Free slots are chained in a scattered order, so that no host gets away with
 * expecting ids in a row: with a full-period generator, where there are a power
 * of two of them, otherwise the even ones first.
 */
static void chain_free_slots(struct vq *vq)
{
	unsigned int i, next;

	for (i = 0; i < vq->num; i++) {
		if (vq->num & (vq->num - 1))
			next = i + 2 < vq->num ? i + 2 : !(i & 1);
		else
			next = (i * 5 + 3) & (vq->num - 1);
		vq->next_free[i] = next;
	}
	vq->free_head = 0;
	vq->nfree = vq->num;
}

/* The part ends where the guard page begins, so an overrun faults. */
void *vq_map_part(size_t size, size_t align)
{
	char *p = guarded_map(size);
	size_t slack = -size & (PAGE - 1);

	return p ? p + (slack & ~(align - 1)) : NULL;
}

void vq_unmap_part(void *p, size_t size)
{
	if (p)
		guarded_unmap((void *)((uintptr_t)p & ~(PAGE - 1)), size);
}

unsigned int vq_take_slot(struct vq *vq)
{
	unsigned int id = vq->free_head;

	vq->free_head = vq->next_free[id];
	vq->nfree--;
	return id;
}

void vq_give_slot(struct vq *vq, unsigned int id)
{
	vq->next_free[id] = vq->free_head;
	vq->free_head = id;
	vq->nfree++;
}

void vq_fill_slot(struct vq *vq, unsigned int id, const struct vq_seg *seg,
		  unsigned int n, unsigned int ndesc, void *cookie)
{
	struct vq_slot *s = &vq->slot[id];
	unsigned int i;

	s->cookie = cookie;
	s->ndesc = ndesc;
	s->room = 0;
	for (i = 0; i < n; i++)
		if (seg[i].flags & VRING_DESC_F_WRITE)
			s->room += seg[i].len;
}

void *vq_table(struct vq *vq, struct vq_slot *s, unsigned int n)
{
	if (s->table_len < n) {
		s->table = arena_alloc(vq->cfg.arena, vq->cfg.region,
				       n * sizeof(struct vring_desc), 16);
		s->table_len = s->table ? n : 0;
	}
	return s->table;
}

/* The oldest chain that the host has, or -1. */
int vq_oldest(const struct vq *vq)
{
	return vq->out ? vq->order[vq->first % vq->num] : -1;
}

void vq_note_out(struct vq *vq, unsigned int id)
{
	vq->order[(vq->first + vq->out++) % vq->num] = id;
	vq->slot[id].out = true;
}

/*
 * A chain has come back. With VIRTIO_F_IN_ORDER it is the oldest one; without,
 * it is looked for, near the front mostly.
 */
void vq_note_back(struct vq *vq, unsigned int id)
{
	unsigned int i = vq->first;

	while (vq->order[i % vq->num] != id)
		i++;
	for (; i != vq->first; i--)
		vq->order[i % vq->num] = vq->order[(i - 1) % vq->num];
	vq->first++;
	vq->out--;
	vq->slot[id].out = false;
}

/*
 * The host says that chain @id is used. With VIRTIO_F_IN_ORDER it may mean all
 * up to that one, of which it can't tell the lengths then. Return: which chain
 * comes back now, or -EPROTO.
 */
int vq_in_turn(struct vq *vq, unsigned int id, __u32 *len)
{
	int oldest = vq_oldest(vq);

	if (id >= vq->num || !vq->slot[id].out)
		return vq_fault(vq, "used, but not out: id", id);
	if (*len > vq->slot[id].room)
		return vq_fault(vq, "used beyond its room: length", *len);
	if (!(vq->cfg.features & F_IN_ORDER) || (unsigned int)oldest == id) {
		vq->batch = -1;
		return id;
	}
	if (vq->slot[oldest].room)
		return vq_fault(vq, "used without a length: id", oldest);
	vq->batch = id;
	*len = 0;
	return oldest;
}

static void set_start(struct vq *vq, const struct vq_cfg *cfg)
{
	vq->cfg = *cfg;
	vq->index = cfg->index;
	vq->num = cfg->num;
	vq->avail_idx = cfg->start;
	vq->kicked_idx = cfg->start;
	vq->used_idx = cfg->start;
	vq->batch = -1;
}

int vq_init(struct vq *vq, const struct vq_cfg *cfg)
{
	memset(vq, 0, sizeof(*vq));
	vq->ops = layouts[cfg->layout];
	set_start(vq, cfg);
	vq->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	vq->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	vq->err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	vq->slot = calloc(vq->num, sizeof(*vq->slot));
	vq->next_free = calloc(vq->num, sizeof(*vq->next_free));
	vq->order = calloc(vq->num, sizeof(*vq->order));
	vq->wrote = calloc(vq->num, sizeof(*vq->wrote));
	if (vq->kick < 0 || vq->call < 0 || vq->err < 0)
		return -EMFILE;
	if (!vq->slot || !vq->next_free || !vq->order || !vq->wrote)
		return -ENOMEM;
	chain_free_slots(vq);
	return vq->ops->alloc(vq);
}

void vq_renew(struct vq *vq, const struct vq_cfg *cfg)
{
	set_start(vq, cfg);
	vq->out = 0;
	vq->first = 0;
	vq->fault = false;
	memset(vq->slot, 0, vq->num * sizeof(*vq->slot));
	memset(vq->wrote, 0, vq->num * sizeof(*vq->wrote));
	chain_free_slots(vq);
	vq->ops->begin(vq);
}

void vq_free(struct vq *vq)
{
	if (!vq->ops)
		return;
	vq->ops->free(vq);
	close(vq->kick);
	close(vq->call);
	close(vq->err);
	free(vq->slot);
	free(vq->next_free);
	free(vq->order);
	free(vq->wrote);
	vq->ops = NULL;
}

void *vq_part(const struct vq *vq, enum vq_part part, size_t *size)
{
	size_t unused;

	return vq->ops->part(vq, part, size ? size : &unused);
}

__u64 vq_part_bus(const struct vq *vq, enum vq_part part)
{
	if (vq->bus[part])
		return vq->bus[part];
	return (uintptr_t)vq_part(vq, part, NULL);
}

unsigned int vq_base(const struct vq *vq)
{
	return vq->ops->base(vq);
}

void vq_place(struct vq *vq, void *desc, void *avail, void *used)
{
	vq->ops->place(vq, desc, avail, used);
}

int vq_add(struct vq *vq, const struct vq_seg *seg, unsigned int n,
	   void *cookie)
{
	return vq->ops->add(vq, seg, n, false, cookie);
}

int vq_add_indirect(struct vq *vq, const struct vq_seg *seg, unsigned int n,
		    void *cookie)
{
	return vq->ops->add(vq, seg, n, true, cookie);
}

void vq_publish(struct vq *vq)
{
	vq->ops->publish(vq);
}

void vq_kick_always(struct vq *vq)
{
	__u64 one = 1;

	vq->ops->publish(vq);
	vq->kicked_idx = vq->avail_idx;
	vq->kicks++;
	/* A full counter is a pending kick too: EAGAIN is fine. */
	if (write(vq->kick, &one, sizeof(one)) < 0 && errno != EAGAIN)
		vq_fault(vq, "kick failed, errno", errno);
}

void vq_kick(struct vq *vq)
{
	vq->ops->publish(vq);
	/* The new index must be out before the host's wish is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vq->ops->need_kick(vq))
		vq_kick_always(vq);
	vq->kicked_idx = vq->avail_idx;
}

bool vq_more_used(const struct vq *vq)
{
	return vq->ops->more_used(vq, 0);
}

int vq_get_used(struct vq *vq, struct vq_used *u)
{
	if (vq->fault)
		return -EPROTO;
	return vq->ops->get_used(vq, u);
}

unsigned int vq_in_flight(const struct vq *vq)
{
	return vq->out;
}

int vq_at_rest(struct vq *vq)
{
	if (vq->fault)
		return -EPROTO;
	/* Where entries are half written, nothing can be told. */
	vq->ops->publish(vq);
	if (vq->batch >= 0)
		return vq_fault(vq, "batch without an end: id", vq->batch);
	if (vq->ops->more_used(vq, 0))
		return vq_fault(vq, "used while at rest: place", vq->used_idx);
	return vq->ops->at_rest(vq);
}

int vq_reserve(struct vq *vq, unsigned int n, __u16 *ids)
{
	if (vq->nfree < n)
		return -ENOSPC;
	for (vq->nfree -= n; n; n--) {
		*ids++ = vq->free_head;
		vq->free_head = vq->next_free[vq->free_head];
	}
	return 0;
}

void vq_add_raw(struct vq *vq, unsigned int head, __u32 room)
{
	vq->ops->add_raw(vq, head, room);
}

static bool wait_once(struct vq *vq, unsigned int after, int ms)
{
	vq->ops->call_on(vq, after);
	/* Ask for the call first, then look: the host does the reverse. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!vq->ops->more_used(vq, after)) {
		if (eventfd_wait(vq->call, ms))
			vq->wakeups++;
		else if (vq->ops->more_used(vq, after))
			vq->lost_calls++;
	}
	eventfd_drain(vq->call);
	vq->ops->call_off(vq);
	return vq->ops->more_used(vq, after);
}

bool vq_wait_after(struct vq *vq, unsigned int after, int ms)
{
	__s64 end = now_ms() + ms;

	if (vq->ops->more_used(vq, after))
		return true;
	/* An eventfd may still carry an old call: sleep again if so. */
	while (!wait_once(vq, after, ms)) {
		ms = end - now_ms();
		if (ms <= 0)
			return false;
	}
	return true;
}

bool vq_wait(struct vq *vq, int ms)
{
	return vq_wait_after(vq, 0, ms);
}
