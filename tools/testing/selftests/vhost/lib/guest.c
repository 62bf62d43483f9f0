// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
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
	cfg->backend.hdr_len = net_hdr_len(cfg->features);
	cfg->backend.vnet_hdr = !(cfg->features & F_HOST_HDR);
}

static int start_memory(struct guest *g)
{
	const struct guest_cfg *cfg = &g->cfg;
	size_t tables, size;
	unsigned int i;
	int r;

	tables = (size_t)(cfg->pool[VQ_RX] + cfg->pool[VQ_TX]) *
		MAX_SEGS * sizeof(struct vring_desc);
	r = arena_add(&g->arena, region_gpa[REGION_RING], tables + PAGE);
	for (i = 0; i < VQ_MAX && r >= 0; i++) {
		size = cfg->buf[i] + MAX_SEGS * PART_GAP;
		r = arena_add(&g->arena, region_gpa[REGION_RX + i],
			      size * cfg->pool[i]);
		if (r >= 0)
			r = pool_init(&g->pool[i], &g->arena, REGION_RX + i,
				      cfg->pool[i], size);
	}
	return r < 0 ? r : 0;
}

static int start_rings(struct guest *g)
{
	struct vq_cfg c = {
		.layout = VQ_SPLIT,
		.start = g->cfg.start,
		.features = g->cfg.features,
		.arena = &g->arena,
		.region = REGION_RING,
	};
	int r = 0;

	for (c.index = 0; c.index < VQ_MAX && !r; c.index++) {
		c.num = g->cfg.num[c.index];
		r = vq_init(&g->vq[c.index], &c);
	}
	return r;
}

int guest_setup(struct guest *g)
{
	unsigned int i;
	int r;

	r = dev_set_owner(g->fd);
	if (!r)
		r = dev_set_features(g->fd, g->cfg.features);
	if (!r)
		r = dev_set_mem(g->fd, &g->arena);
	for (i = 0; i < VQ_MAX && !r; i++)
		r = dev_setup_vq(g->fd, &g->vq[i]);
	return r;
}

int guest_attach(struct guest *g, int backend)
{
	int r = dev_set_backend(g->fd, VQ_RX, backend);

	return r ? r : dev_set_backend(g->fd, VQ_TX, backend);
}

static void make_empty(struct guest *g)
{
	memset(g, 0, sizeof(*g));
	g->fd = -1;
	g->backend.fd = -1;
	g->wire.fd = -1;
}

int guest_start(struct guest *g, const struct guest_cfg *cfg)
{
	const char *step = "memory";
	int r;

	make_empty(g);
	g->cfg = *cfg;
	cfg_defaults(&g->cfg);
	g->hdr_len = net_hdr_len(cfg->features);
	r = start_memory(g);
	if (!r) {
		step = "backend";
		r = backend_open(&g->backend, &g->cfg.backend, cfg->id);
	}
	if (!r) {
		step = "wire";
		r = wire_open(&g->wire, g->backend.peer, !cfg->plain_wire);
	}
	if (!r) {
		step = "rings";
		r = start_rings(g);
	}
	if (!r) {
		step = "device";
		g->fd = dev_open();
		r = g->fd < 0 ? g->fd : guest_setup(g);
	}
	if (!r && !cfg->stopped) {
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
	arena_free(&g->arena);
	/* Stopping it once more does nothing. */
	make_empty(g);
}
