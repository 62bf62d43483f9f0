// SPDX-License-Identifier: GPL-2.0
/*
 * What changed between two snapshots, or since a device was opened.
 */
#include <stdlib.h>
#include <string.h>

#include "top.h"

static pid_t first_thread(const struct top_device *dev)
{
	return dev->n_workers ? dev->workers[0].thread : 0;
}

/* Another device may be under the descriptor of one that was closed. */
static bool same_later(const struct top_device *old,
		       const struct top_device *new)
{
	if (old->has_id || new->has_id)
		return old->has_id && new->has_id && old->id == new->id;
	return old->pid == new->pid && old->fd == new->fd &&
	       old->has_stats == new->has_stats &&
	       (!first_thread(old) || first_thread(old) == first_thread(new));
}

/**
 * top_same_device() - find a device in an earlier snapshot
 * @snap: the snapshot, or NULL
 * @dev: the device
 *
 * Return: the same device then, or NULL if it wasn't there.
 */
const struct top_device *top_same_device(const struct top_snapshot *snap,
					 const struct top_device *dev)
{
	size_t i;

	for (i = 0; snap && i < snap->n; i++)
		if (same_later(&snap->dev[i], dev))
			return &snap->dev[i];
	return NULL;
}

static const struct top_ring *ring_before(const struct top_device *dev,
					  unsigned int index)
{
	unsigned int i;

	for (i = 0; i < dev->n_rings; i++)
		if (dev->rings[i].index == index)
			return &dev->rings[i];
	return NULL;
}

static __u64 reason_before(const struct top_ring *r, const char *name)
{
	unsigned int i;

	for (i = 0; r && i < r->n_reasons; i++)
		if (!strcmp(r->reasons[i].name, name))
			return r->reasons[i].count;
	return 0;
}

/* No reason that was there may be gone, or less than it was. */
static bool reasons_grow(const struct top_ring *old, const struct top_ring *new)
{
	unsigned int i;

	for (i = 0; i < old->n_reasons; i++)
		if (reason_before(new, old->reasons[i].name) <
		    old->reasons[i].count)
			return false;
	return true;
}

static bool grows(const struct top_ring *old, const struct top_ring *new)
{
	int i;

	for (i = 0; i < TOP_COUNTERS; i++)
		if (old->have & new->have & 1U << i &&
		    new->count[i] < old->count[i])
			return false;
	return reasons_grow(old, new);
}

static void add_reasons(struct top_delta *d, const struct top_ring *old,
			const struct top_ring *new)
{
	__u64 n;
	unsigned int i;

	for (i = 0; i < new->n_reasons; i++) {
		n = new->reasons[i].count -
		    reason_before(old, new->reasons[i].name);
		d->errors += n;
		if (n > d->reason_count) {
			d->reason = new->reasons[i].name;
			d->reason_count = n;
		}
	}
}

/* What a ring adds to @d; an empty one knows all counters. */
static bool add_ring(struct top_delta *d, const struct top_ring *old,
		     const struct top_ring *new)
{
	int i;

	if (old && !grows(old, new))
		return false;
	d->have &= new->have & (old ? old->have : ~0U);
	for (i = 0; i < TOP_COUNTERS; i++)
		d->count[i] += new->count[i] - (old ? old->count[i] : 0);
	add_reasons(d, old, new);
	return true;
}

static const struct top_worker *worker_before(const struct top_device *dev,
					      const struct top_worker *w)
{
	unsigned int i;

	for (i = 0; dev && i < dev->n_workers; i++)
		if (dev->workers[i].id == w->id &&
		    dev->workers[i].thread == w->thread)
			return &dev->workers[i];
	return NULL;
}

/* A worker that was not there before has had all of its time since. */
static void add_worker(struct top_delta *d, const struct top_device *old,
		       const struct top_worker *w)
{
	const struct top_worker *before = worker_before(old, w);
	__u64 ns = before && before->has_cpu ? before->cpu_ns : 0;

	if (!w->has_cpu || w->cpu_ns < ns)
		return;
	d->has_cpu = true;
	d->cpu_ns += w->cpu_ns - ns;
}

static void add_workers(struct top_delta *d, const struct top_device *old,
			const struct top_device *dev,
			const struct top_ring *ring)
{
	unsigned int i;

	for (i = 0; i < dev->n_workers; i++)
		if (!ring || (dev->workers[i].id == ring->worker &&
			      dev->workers[i].thread == ring->thread))
			add_worker(d, old, &dev->workers[i]);
}

static void ring_row(struct top_row *row, const struct top_device *old,
		     bool rates)
{
	const struct top_ring *before;
	struct top_delta *d = &row->delta;

	before = old ? ring_before(old, row->ring->index) : NULL;
	d->have = ~0U;
	if (!rates || before)
		d->valid = add_ring(d, before, row->ring);
}

static void device_row(struct top_row *row, const struct top_device *old,
		       bool rates)
{
	struct top_delta *d = &row->delta;
	const struct top_ring *before;
	unsigned int i;

	d->have = row->dev->n_rings ? ~0U : 0;
	d->valid = !rates || old;
	for (i = 0; d->valid && i < row->dev->n_rings; i++) {
		before = old ? ring_before(old, row->dev->rings[i].index) :
			       NULL;
		d->valid = add_ring(d, before, &row->dev->rings[i]);
	}
}

static void add_row(struct top_rows *rows, const struct top_device *old,
		    const struct top_device *dev, const struct top_ring *ring)
{
	struct top_row *row = &rows->row[rows->n++];

	memset(row, 0, sizeof(*row));
	row->dev = dev;
	row->ring = ring;
	if (ring)
		ring_row(row, old, rows->rates);
	else
		device_row(row, old, rows->rates);
	if (!row->delta.valid) {
		memset(&row->delta, 0, sizeof(row->delta));
		return;
	}
	if (old)
		row->delta.seconds = (dev->when_ns - old->when_ns) / 1e9;
	add_workers(&row->delta, old, dev, ring);
}

/**
 * top_rows() - make the lines of a table
 * @rows: the lines, to be freed
 * @before: an earlier snapshot; NULL: count from when devices were opened
 * @now: the snapshot
 * @per_device: a line for each device, and not for each ring
 *
 * Return: 0, or -1 without memory.
 */
int top_rows(struct top_rows *rows, const struct top_snapshot *before,
	     const struct top_snapshot *now, bool per_device)
{
	const struct top_device *dev, *old;
	size_t i, n = 1;
	unsigned int k;

	for (i = 0; i < now->n; i++)
		n += now->dev[i].n_rings + 1;
	rows->n = 0;
	rows->rates = before;
	rows->row = calloc(n, sizeof(*rows->row));
	if (!rows->row)
		return -1;
	for (i = 0; i < now->n; i++) {
		dev = &now->dev[i];
		old = top_same_device(before, dev);
		if (per_device || !dev->n_rings)
			add_row(rows, old, dev, NULL);
		for (k = 0; !per_device && k < dev->n_rings; k++)
			add_row(rows, old, dev, &dev->rings[k]);
	}
	return 0;
}

/**
 * top_rows_free() - give back the lines of a table
 * @rows: the lines; empty afterwards
 */
void top_rows_free(struct top_rows *rows)
{
	free(rows->row);
	memset(rows, 0, sizeof(*rows));
}

/**
 * top_per_second() - a rate
 * @d: what happened
 * @n: growth of a counter
 *
 * Return: growth in one second; @n itself if no time has passed.
 */
double top_per_second(const struct top_delta *d, __u64 n)
{
	return d->seconds > 0 ? n / d->seconds : n;
}

/**
 * top_percent() - the part of a processor that a worker uses
 * @d: what happened
 * @percent: in percent, or in seconds if counted since the device was opened
 *
 * Return: whether that is known.
 */
bool top_percent(const struct top_delta *d, double *percent)
{
	*percent = d->cpu_ns / 1e9;
	if (d->seconds > 0)
		*percent = *percent / d->seconds * 100;
	return d->has_cpu;
}
