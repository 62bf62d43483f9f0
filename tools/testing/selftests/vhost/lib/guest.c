// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

/* Above 4 GiB, in no order, and off the host's page boundaries. */
static const __u64 region_gpa[] = {
	[REGION_RING] = 0x3200007ed0ULL,
	[REGION_RX] = 0x0100001230ULL,
	[REGION_TX] = 0x1700000450ULL,
};

/* And these for the device if it translates, some beyond 2^63. */
static const __u64 region_bus[] = {
	[REGION_RING] = 0xfe00123000000a10ULL,
	[REGION_RX] = 0x0000000000123450ULL,
	[REGION_TX] = 0x7ff0000000000331ULL,
};

#define PACKED_GPA	0x2b00000fe0ULL
#define PACKED_STEP	0x400000ULL

static const __u8 region_perm[] = {
	[REGION_RING] = VHOST_ACCESS_RO,
	[REGION_RX] = VHOST_ACCESS_WO,
	[REGION_TX] = VHOST_ACCESS_RO,
};

static const __u8 part_perm[VQ_PARTS] = {
	[VQ_DESC] = VHOST_ACCESS_RO,
	[VQ_AVAIL] = VHOST_ACCESS_RO,
	[VQ_USED] = VHOST_ACCESS_RW,
};

static int pool_init(struct pool *p, struct arena *a, unsigned int region,
		     unsigned int n, size_t size)
{
	unsigned int i;
	struct buf *b;

	p->buf = calloc(n, sizeof(*p->buf));
	p->segs = calloc((size_t)n * MAX_SEGS, sizeof(*p->segs));
	p->ats = calloc((size_t)n * MAX_SEGS, sizeof(*p->ats));
	if (!p->buf || !p->segs || !p->ats)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		b = &p->buf[i];
		b->size = size;
		b->base = arena_alloc(a, region, size, 1);
		b->seg = p->segs + (size_t)i * MAX_SEGS;
		b->at = p->ats + (size_t)i * MAX_SEGS;
		if (!b->base)
			return -ENOMEM;
		pool_put(p, b);
	}
	p->n = n;
	return 0;
}

struct buf *pool_get(struct pool *p)
{
	struct buf *b = p->free;

	if (b)
		p->free = b->next;
	return b;
}

void pool_put(struct pool *p, struct buf *b)
{
	b->next = p->free;
	p->free = b;
}

static unsigned int hdr_len_of(const struct guest_cfg *cfg)
{
	return cfg->long_hdr ? LONG_HDR : net_hdr_len(cfg->features);
}

static void cfg_defaults(struct guest_cfg *cfg)
{
	unsigned int i;

	for (i = 0; i < VQ_MAX; i++) {
		if (!cfg->num[i])
			cfg->num[i] = 256;
		if (!cfg->buf[i])
			cfg->buf[i] = 2048;
		if (!cfg->pool[i])
			cfg->pool[i] = cfg->num[i];
		if (!cfg->shape[i].data_parts)
			cfg->shape[i].data_parts = 1;
	}
	cfg->backend.hdr_len = hdr_len_of(cfg);
	cfg->backend.vnet_hdr = !(cfg->features & F_HOST_HDR);
}

static int add_region(struct guest *g, unsigned int region, size_t size)
{
	struct arena *a = &g->arena;
	int r;

	r = arena_add(a, region_gpa[region] + g->cfg.gpa, size);
	if (r >= 0 && g->cfg.identity) {
		a->region[r].gpa = (uintptr_t)a->region[r].hva;
		a->region[r].bus = a->region[r].gpa;
	}
	return r;
}

static int start_memory(struct guest *g)
{
	const struct guest_cfg *cfg = &g->cfg;
	size_t tables, size;
	unsigned int i;
	int r;

	tables = (size_t)(cfg->pool[VQ_RX] + cfg->pool[VQ_TX]) *
		MAX_SEGS * sizeof(struct vring_desc);
	r = add_region(g, REGION_RING, tables + PAGE);
	for (i = 0; i < VQ_MAX && r >= 0; i++) {
		size = cfg->buf[i] + MAX_SEGS * PART_GAP;
		r = add_region(g, REGION_RX + i, size * cfg->pool[i]);
		if (r >= 0)
			r = pool_init(&g->pool[i], &g->arena, REGION_RX + i,
				      cfg->pool[i], size);
	}
	return r < 0 ? r : 0;
}

static int start_rings(struct guest *g)
{
	struct vq_cfg c = {
		.layout = g->cfg.features & F_PACKED ? VQ_PACKED : VQ_SPLIT,
		.start = g->cfg.start,
		.features = g->cfg.features,
		.arena = &g->arena,
		.region = REGION_RING,
		.spoil = g->cfg.spoil,
	};
	int r = 0;

	for (c.index = 0; c.index < VQ_MAX && !r; c.index++) {
		c.num = g->cfg.num[c.index];
		r = vq_init(&g->vq[c.index], &c);
	}
	return r;
}

/* The page offset differs from the host's, the alignment doesn't. */
static __u64 part_bus(const struct vq *vq, enum vq_part part)
{
	__u64 at = (uintptr_t)vq_part(vq, part, NULL);

	return 0xab0000001230ULL + (vq->index * VQ_PARTS + part) * BIT(32) +
		at % VRING_DESC_ALIGN_SIZE;
}

static int map_ring(struct guest *g, struct vq *vq)
{
	bool packed = vq->cfg.layout == VQ_PACKED;
	enum vq_part part;
	size_t size;
	void *at;
	int r = 0;

	for (part = 0; part < VQ_PARTS && !r; part++) {
		at = vq_part(vq, part, &size);
		vq->bus[part] = part_bus(vq, part);
		r = iommu_map_pieces(&g->io, vq->bus[part], at, size,
				     packed && part == VQ_DESC ?
				     VHOST_ACCESS_RW : part_perm[part]);
	}
	return r;
}

static int start_iommu(struct guest *g)
{
	struct arena_region *region;
	unsigned int i;
	int r;

	r = iommu_init(&g->io, g->cfg.iommu);
	for (i = 0; i < g->arena.n && !r; i++) {
		region = &g->arena.region[i];
		region->bus = region_bus[i];
		r = iommu_map_pieces(&g->io, region->bus, region->hva,
				     region->size, region_perm[i]);
	}
	for (i = 0; i < VQ_MAX && !r; i++)
		r = map_ring(g, &g->vq[i]);
	return r;
}

int guest_setup(struct guest *g)
{
	unsigned int i;
	int r;

	r = dev_set_owner(g->fd);
	if (!r)
		r = dev_set_two_words(g->fd, g->cfg.features,
				      g->cfg.long_hdr ? F1_TUNNEL : 0);
	if (!r && g->cfg.iommu)
		r = dev_set_msg_form(g->fd, g->cfg.iommu->v1);
	if (!r)
		r = dev_set_mem(g->fd, &g->arena);
	for (i = 0; i < VQ_MAX && !r; i++)
		r = dev_setup_vq(g->fd, &g->vq[i]);
	return r;
}

int guest_push_used(struct guest *g)
{
	unsigned int i;
	size_t size;
	int r = 0;

	for (i = 0; i < VQ_MAX && !r; i++) {
		vq_part(&g->vq[i], VQ_USED, &size);
		r = iommu_push(&g->io, g->vq[i].bus[VQ_USED], size);
	}
	return r;
}

int guest_attach(struct guest *g, int backend)
{
	int r = 0;

	if (g->cfg.iommu && backend >= 0)
		r = guest_push_used(g);
	if (!r)
		r = dev_set_backend(g->fd, VQ_RX, backend);
	return r ? r : dev_set_backend(g->fd, VQ_TX, backend);
}

int guest_renew_backend(struct guest *g, int id)
{
	struct backend fresh;
	int r;

	r = backend_open(&fresh, &g->backend.cfg, id);
	if (!r)
		r = guest_attach(g, fresh.fd);
	wire_close(&g->wire);
	backend_close(&g->backend);
	g->backend = fresh;
	return r ? r : wire_open_behind(&g->wire, &g->backend,
					!g->cfg.plain_wire);
}

/*
 * What is written to packed rings is logged by the memory table, so they have
 * to be in it. No two of them share a page, nor do they begin with one.
 */
static int lend_rings(struct guest *g)
{
	__u64 gpa = PACKED_GPA + g->cfg.gpa;
	unsigned int i;
	size_t size;
	void *hva;
	int r = 0;

	for (i = 0; i < VQ_MAX && r >= 0; i++) {
		hva = vq_part(&g->vq[i], VQ_DESC, &size);
		r = arena_add_lent(&g->arena, g->cfg.identity ? (uintptr_t)hva :
				   gpa + i * PACKED_STEP, hva, size);
	}
	return r < 0 ? r : 0;
}

void guest_lend_again(struct guest *g)
{
	struct arena_region *r;
	struct vq *vq = g->vq;

	for (r = g->arena.region; r < g->arena.region + g->arena.n; r++)
		if (r->lent)
			r->hva = vq_part(vq++, VQ_DESC, NULL);
}

static int start_device(struct guest *g)
{
	int r;

	g->fd = dev_open_flags(g->cfg.iommu ? O_NONBLOCK : 0);
	if (g->fd < 0)
		return g->fd;
	if (g->cfg.bare)
		return 0;
	r = guest_setup(g);
	if (r || !g->cfg.iommu)
		return r;
	g->io.fd = g->fd;
	return iommu_start(&g->io);
}

static void make_empty(struct guest *g)
{
	memset(g, 0, sizeof(*g));
	g->fd = -1;
	g->backend.fd = -1;
	g->backend.far = -1;
	g->wire.fd = -1;
}

/* Whole programs can be run with another ring format: see run_all. */
static __u64 features_to_add(const struct guest_cfg *cfg)
{
	return cfg->features & F_V1 ? more_features() : 0;
}

int guest_start(struct guest *g, const struct guest_cfg *cfg)
{
	const char *step = "memory";
	int r;

	make_empty(g);
	g->cfg = *cfg;
	if (cfg->iommu)
		g->cfg.features |= F_PLATFORM;
	g->cfg.features |= features_to_add(cfg);
	cfg_defaults(&g->cfg);
	g->hdr_len = hdr_len_of(cfg);
	r = start_memory(g);
	if (!r) {
		step = "backend";
		r = backend_open(&g->backend, &g->cfg.backend, cfg->id);
	}
	if (!r) {
		step = "wire";
		r = wire_open_behind(&g->wire, &g->backend, !cfg->plain_wire);
	}
	if (!r) {
		step = "rings";
		r = start_rings(g);
	}
	if (!r && cfg->iommu) {
		step = "iommu";
		r = start_iommu(g);
	}
	if (!r && g->cfg.features & F_PACKED) {
		step = "rings in memory";
		r = lend_rings(g);
	}
	if (!r) {
		step = "device";
		r = start_device(g);
	}
	if (!r && !cfg->stopped && !cfg->bare) {
		step = "attach";
		r = guest_attach(g, g->backend.fd);
	}
	if (r)
		fprintf(stderr, "# guest: %s: %s\n", step, strerror(-r));
	return r;
}

void guest_stop(struct guest *g)
{
	unsigned int i;

	iommu_stop(&g->io);
	/* The device first: it must survive its memory's end, but later. */
	if (g->fd >= 0)
		close(g->fd);
	for (i = 0; i < VQ_MAX; i++) {
		vq_free(&g->vq[i]);
		free(g->pool[i].buf);
		free(g->pool[i].segs);
		free(g->pool[i].ats);
	}
	wire_close(&g->wire);
	backend_close(&g->backend);
	iommu_free(&g->io);
	arena_free(&g->arena);
	/* Stopping it once more does nothing. */
	make_empty(g);
}
