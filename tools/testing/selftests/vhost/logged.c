// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "logged.h"
#include "netif.h"

static void note_rx(void *arg, const struct buf *b, __u32 len)
{
	struct logged *l = arg;

	if (l->g.cfg.iommu)
		dirty_mark_host(&l->d, &l->g.arena, b, len);
	else
		dirty_mark_buf(&l->d, b, len);
}

int log_setup(struct logged *l, const struct guest_cfg *cfg)
{
	struct guest_cfg c = *cfg;
	struct arena_region *r;
	unsigned int i;
	int err;

	c.stopped = true;
	err = netif_new_namespace();
	if (!err)
		err = guest_start(&l->g, &c);
	if (err)
		return err;
	r = &l->g.arena.region[REGION_RX];
	memset(r->hva, BLANK, r->size);
	/* What the guest writes between parts of buffers, it writes now. */
	for (i = 0; i < l->g.pool[VQ_RX].n && !err; i++)
		err = buf_cut(&l->g, &l->g.pool[VQ_RX].buf[i],
			      &l->g.cfg.shape[VQ_RX], l->g.cfg.buf[VQ_RX],
			      true);
	if (err)
		return err;
	l->g.on_rx = note_rx;
	l->g.on_rx_arg = l;
	return dirty_add_guest(&l->d, &l->g);
}

char *log_add_memory(struct logged *l, __u64 gpa, size_t size)
{
	struct arena_region *r;
	int n = arena_add(&l->g.arena, gpa, size);

	if (n < 0)
		return NULL;
	r = &l->g.arena.region[n];
	memset(r->hva, BLANK, r->size);
	return dirty_add(&l->d, gpa, r->hva, r->size) ? NULL : r->hva;
}

/*
 * With an IOTLB all that is logged is looked for in the memory table, and so
 * the used rings have to be there.
 */
static int set_mem(struct guest *g)
{
	struct arena table = g->arena;
	struct arena_region *r;
	unsigned int i;

	for (i = 0; i < VQ_MAX && g->cfg.iommu; i++) {
		r = &table.region[table.n++];
		r->gpa = dirty_used_gpa(g, i);
		r->hva = vq_part(&g->vq[i], VQ_USED, &r->size);
	}
	return dev_set_mem(g->fd, &table);
}

int log_ready(struct logged *l, size_t shift)
{
	int err = set_mem(&l->g);

	if (!err)
		err = bitmap_init(&l->log, dirty_top(&l->g), shift);
	return err ? err : dirty_log_on(&l->g, &l->log);
}

void log_teardown(struct logged *l)
{
	guest_stop(&l->g);
	dirty_free(&l->d);
	bitmap_free(&l->log);
}

void log_watch(struct logged *l)
{
	unsigned int i;

	bitmap_clear(&l->log);
	dirty_begin(&l->d);
	for (i = 0; i < VQ_MAX; i++)
		dirty_forget_used(&l->g, i);
}

void log_mark_rings(struct logged *l)
{
	unsigned int i;

	for (i = 0; i < VQ_MAX; i++)
		dirty_mark_used(&l->d, &l->g, i);
}

bool log_exact(struct logged *l)
{
	log_mark_rings(l);
	return dirty_exact(&l->d, &l->log);
}

bool log_exact_at_end(struct logged *l)
{
	return !guest_attach(&l->g, -1) && log_exact(l);
}
