// SPDX-License-Identifier: GPL-2.0
/*
 * What the numbers in operations stand for.
 */
#include <string.h>

#include "op.h"

#define MAX_REGIONS	600

int fd_sel(const struct world *w, __u64 v)
{
	return w->fd[v % FDS];
}

struct vq *vq_sel(struct world *w, __u64 v)
{
	return &w->g.vq[v % VQ_MAX];
}

struct area *area_sel(struct world *w, __u64 v)
{
	world_touch(w, v % AREAS);
	return &w->area[v % AREAS];
}

/*
 * An address as the guest writes it: the top byte says in relation to what, the
 * lower half where. Most are in the fence's page, or at its edges.
 */
__u64 addr_sel(const struct world *w, __u64 v)
{
	const struct arena *a = &w->g.arena;
	__u64 off = v & 0xffffffff;

	switch (v >> 56 & 0xf) {
	case 0:
	case 1:
		return FENCE_GPA + FENCE_MARGIN + off % FENCE_ROOM;
	case 2:
		return FENCE_GPA + FENCE_MARGIN + FENCE_ROOM - off % 64;
	case 3:
		return FENCE_GPA + FENCE_MARGIN - off % 64;
	case 4:
		return a->region[REGION_RX].gpa +
			off % a->region[REGION_RX].size;
	case 5:
		return a->region[REGION_TX].gpa +
			off % a->region[REGION_TX].size;
	case 6:
		return a->region[REGION_RING].gpa + (off & ~15ULL) %
			a->region[REGION_RING].size;
	case 7:
		return READONLY_IOVA + off % PAGE;
	case 8:
		return off;
	case 9:
		return -off;
	case 10:
		/* Rings, where they are in the table. */
		return LENT_GPA + off % (VQ_MAX * LENT_STEP);
	case 11:
		/* Of a host, and of its kernel. */
		return (uintptr_t)w->fence + off % PAGE;
	case 12:
		return 0xffff888000000000ULL + off;
	default:
		return v * 0x9e3779b97f4a7c15ULL;
	}
}

/* An address of the process, for pointers and rings. */
void *user_sel(const struct world *w, __u64 v)
{
	const struct vq *vq = w->g.vq;
	__u64 off = v & 0xffffff;
	uintptr_t at;

	switch (v >> 56 & 0xf) {
	case 0:
	case 1:
		at = (uintptr_t)w->spare + off % SCRATCH;
		break;
	case 2:
		at = (uintptr_t)w->spare + SCRATCH - off % 64;
		break;
	case 3:
		at = (uintptr_t)vq_part(&vq[off % 2], off / 2 % 3, NULL);
		break;
	case 4:
		at = (uintptr_t)w->spare + off % 16 * PAGE;
		break;
	case 5:
		at = off;
		break;
	case 6:
		at = 0x7ffffffff000UL - off % PAGE;
		break;
	case 7:
		at = -(uintptr_t)off;
		break;
	case 8:
		at = 0xffff888000000000UL + off;
		break;
	case 9:
		at = (uintptr_t)w->log + off % (LOG_BYTES / 2);
		break;
	default:
		at = v * 0x9e3779b97f4a7c15ULL;
	}
	return (void *)at;
}

static void add_region(struct vhost_memory *m, __u64 gpa, __u64 size,
		       const void *at)
{
	struct vhost_memory_region *r = &m->regions[m->nregions++];

	r->guest_phys_addr = gpa;
	r->memory_size = size;
	r->userspace_addr = (uintptr_t)at;
	r->flags_padding = 0;
}

/* All of the guest's memory, but only the middle of the fence. */
static void good_table(const struct world *w, struct vhost_memory *m)
{
	const struct arena_region *r;
	unsigned int i;

	for (i = 0; i < w->g.arena.n; i++) {
		r = &w->g.arena.region[i];
		if (i == w->fence_region)
			add_region(m, r->gpa + FENCE_MARGIN, FENCE_ROOM,
				   r->hva + FENCE_MARGIN);
		else
			add_region(m, r->gpa, r->size, r->hva);
	}
}

/* Cut a region in two; it means the same. */
static void split_region(struct vhost_memory *m, unsigned int i, __u64 at)
{
	struct vhost_memory_region *r = &m->regions[i];

	at = at % (r->memory_size - 1) + 1;
	add_region(m, r->guest_phys_addr + at, r->memory_size - at,
		   (void *)(uintptr_t)(r->userspace_addr + at));
	m->regions[i].memory_size = at;
}

static void bad_table(const struct world *w, struct vhost_memory *m,
		      __u64 kind)
{
	struct vhost_memory_region *r = &m->regions[kind % m->nregions];
	__u64 x = kind * 0x9e3779b97f4a7c15ULL;

	/* What is around the fence is nobody's. */
	if (kind % m->nregions == w->fence_region)
		r = m->regions;
	switch (kind >> 8 & 0xf) {
	case 1:
		m->nregions = 0;
		break;
	case 2:
		r->userspace_addr = (uintptr_t)user_sel(w, x);
		r->memory_size = x >> 40;
		break;
	case 3:
		r->memory_size = x;
		break;
	case 4:
		r->guest_phys_addr = x;
		break;
	case 5:
		/* They overlap. */
		*r = m->regions[(kind + 1) % m->nregions];
		break;
	case 6:
		m->nregions = x % (2 * MAX_REGIONS);
		break;
	case 7:
		m->padding = x;
		break;
	case 8:
		r->flags_padding = x;
		break;
	case 9:
		*r = m->regions[--m->nregions];
		break;
	case 10:
		r->memory_size = 0;
		break;
	case 11:
		r->memory_size = -r->guest_phys_addr + (x & 1);
		break;
	default:
		/* Into a guard page, or far away. */
		r->userspace_addr ^= BIT(x % 24 < 12 ? x % 12 : 40 + x % 24);
	}
}

int world_set_mem(struct world *w, __u64 kind)
{
	static __thread union {
		struct vhost_memory m;
		char room[sizeof(struct vhost_memory) + MAX_REGIONS *
			  sizeof(struct vhost_memory_region)];
	} u;

	memset(&u.m, 0, sizeof(u.m));
	good_table(w, &u.m);
	/* The good ones, in several forms. */
	if (kind & 0xff && !(kind >> 8 & 0xf))
		split_region(&u.m, kind % u.m.nregions, kind >> 16);
	else if (kind >> 8 & 0xf)
		bad_table(w, &u.m, kind);
	if (u.m.nregions > MAX_REGIONS)
		u.m.nregions %= MAX_REGIONS;
	return dev_ioctl(w->g.fd, VHOST_SET_MEM_TABLE, &u.m);
}
