// SPDX-License-Identifier: GPL-2.0
/*
 * The columns of the table, for paper and screen, and the order of its lines.
 */
#include <stdlib.h>
#include <string.h>

#include "top.h"

static bool knows(const struct top_row *row, enum top_counter which)
{
	return row->delta.valid && row->delta.have & 1U << which;
}

/* Rates in a few characters; counts to the last digit. */
static void put_number(const struct top_delta *d, __u64 n, char *buf,
		       size_t size)
{
	if (d->seconds > 0)
		top_human(n / d->seconds, buf, size);
	else
		snprintf(buf, size, "%llu", n);
}

static void put_counter(const struct top_row *row, enum top_counter which,
			char *buf, size_t size)
{
	if (knows(row, which))
		put_number(&row->delta, row->delta.count[which], buf, size);
	else
		top_copy(buf, "-", size);
}

static double counter_value(const struct top_row *row, enum top_counter which)
{
	if (!knows(row, which))
		return -1;
	return top_per_second(&row->delta, row->delta.count[which]);
}

static void vm_cell(const struct top_row *row, char *buf, size_t size)
{
	top_copy(buf, row->dev->vm, size);
	top_ascii(buf);
}

static void pid_cell(const struct top_row *row, char *buf, size_t size)
{
	snprintf(buf, size, "%d", row->dev->pid);
}

static double pid_value(const struct top_row *row)
{
	return row->dev->pid;
}

static void dev_cell(const struct top_row *row, char *buf, size_t size)
{
	if (row->dev->has_id)
		snprintf(buf, size, "#%llu", row->dev->id);
	else
		snprintf(buf, size, "fd%d", row->dev->fd);
}

static double dev_value(const struct top_row *row)
{
	return row->dev->has_id ? (double)row->dev->id : row->dev->fd;
}

static void ring_cell(const struct top_row *row, char *buf, size_t size)
{
	static const char * const names[] = { "rx", "tx" };

	if (!row->ring)
		snprintf(buf, size, row->dev->has_stats ? "all" : "-");
	else if (row->ring->index < 2)
		top_copy(buf, names[row->ring->index], size);
	else
		snprintf(buf, size, "%u", row->ring->index);
}

static double ring_value(const struct top_row *row)
{
	return row->ring ? (double)row->ring->index : -1;
}

static void ring_state(const struct top_ring *ring, char *buf, size_t size)
{
	if (*ring->broken)
		snprintf(buf, size, "broken:%s", ring->broken);
	else
		top_copy(buf, *ring->state ? ring->state : "-", size);
}

/* A device is as its worst ring is. */
static const struct top_ring *worst_ring(const struct top_device *dev)
{
	const struct top_ring *worst = dev->rings;
	unsigned int i;

	for (i = 0; i < dev->n_rings; i++) {
		if (*dev->rings[i].broken)
			return &dev->rings[i];
		if (!strcmp(dev->rings[i].state, "running"))
			worst = &dev->rings[i];
	}
	return worst;
}

static void state_cell(const struct top_row *row, char *buf, size_t size)
{
	const struct top_ring *ring = row->ring;

	if (!ring)
		ring = worst_ring(row->dev);
	if (row->dev->denied)
		top_copy(buf, "denied", size);
	else if (!ring)
		top_copy(buf, row->dev->has_stats ? "-" : "untold", size);
	else
		ring_state(ring, buf, size);
}

static void backend_cell(const struct top_row *row, char *buf, size_t size)
{
	const struct top_ring *ring = row->ring ? row->ring : row->dev->rings;

	top_copy(buf, "-", size);
	if (ring && *ring->backend)
		snprintf(buf, size, *ring->iface ? "%s:%s" : "%s",
			 ring->backend, ring->iface);
	top_ascii(buf);
}

static void format_cell(const struct top_row *row, char *buf, size_t size)
{
	const struct top_ring *ring = row->ring ? row->ring : row->dev->rings;

	top_copy(buf, ring && *ring->format ? ring->format : "-", size);
}

static void packets_cell(const struct top_row *row, char *buf, size_t size)
{
	put_counter(row, TOP_PACKETS, buf, size);
}

static double packets_value(const struct top_row *row)
{
	return counter_value(row, TOP_PACKETS);
}

static void bytes_cell(const struct top_row *row, char *buf, size_t size)
{
	const struct top_delta *d = &row->delta;

	if (knows(row, TOP_BYTES) && d->seconds > 0)
		top_human(d->count[TOP_BYTES] * 8.0 / d->seconds, buf, size);
	else
		put_counter(row, TOP_BYTES, buf, size);
}

static double bytes_value(const struct top_row *row)
{
	return counter_value(row, TOP_BYTES);
}

static double batch_value(const struct top_row *row)
{
	const __u64 *count = row->delta.count;

	if (!knows(row, TOP_PACKETS) || !knows(row, TOP_BATCHES) ||
	    !count[TOP_BATCHES])
		return -1;
	return (double)count[TOP_PACKETS] / count[TOP_BATCHES];
}

static void batch_cell(const struct top_row *row, char *buf, size_t size)
{
	double n = batch_value(row);

	if (n < 0)
		top_copy(buf, "-", size);
	else
		top_human(n, buf, size);
}

static void kicks_cell(const struct top_row *row, char *buf, size_t size)
{
	put_counter(row, TOP_KICKS, buf, size);
}

static double kicks_value(const struct top_row *row)
{
	return counter_value(row, TOP_KICKS);
}

static void calls_cell(const struct top_row *row, char *buf, size_t size)
{
	put_counter(row, TOP_CALLS, buf, size);
}

static double calls_value(const struct top_row *row)
{
	return counter_value(row, TOP_CALLS);
}

static void errors_cell(const struct top_row *row, char *buf, size_t size)
{
	if (row->delta.valid && row->dev->has_stats)
		put_number(&row->delta, row->delta.errors, buf, size);
	else
		top_copy(buf, "-", size);
}

static double errors_value(const struct top_row *row)
{
	return top_per_second(&row->delta, row->delta.errors);
}

static void reason_cell(const struct top_row *row, char *buf, size_t size)
{
	top_copy(buf, row->delta.reason ? row->delta.reason : "-", size);
}

static double cpu_value(const struct top_row *row)
{
	double percent;

	return top_percent(&row->delta, &percent) ? percent : -1;
}

static void cpu_cell(const struct top_row *row, char *buf, size_t size)
{
	double n = cpu_value(row);

	if (n < 0)
		top_copy(buf, "-", size);
	else
		snprintf(buf, size, row->delta.seconds > 0 ? "%.1f" : "%.2f",
			 n);
}

const struct top_column top_columns[] = {
	{ "VM", NULL, 10, 0, true, vm_cell, NULL },
	{ "PID", NULL, 7, 1, false, pid_cell, pid_value },
	{ "DEV", NULL, 5, 4, true, dev_cell, dev_value },
	{ "RING", NULL, 4, 0, true, ring_cell, ring_value },
	{ "STATE", NULL, 9, 0, true, state_cell, NULL },
	{ "BACKEND", NULL, 16, 7, true, backend_cell, NULL },
	{ "FORMAT", NULL, 6, 9, true, format_cell, NULL },
	{ "PACKETS", "PKT/S", 6, 0, false, packets_cell, packets_value },
	{ "BYTES", "BIT/S", 6, 0, false, bytes_cell, bytes_value },
	{ "PKT/BATCH", "PKT/B", 5, 6, false, batch_cell, batch_value },
	{ "KICKS", "KICK/S", 6, 3, false, kicks_cell, kicks_value },
	{ "CALLS", "CALL/S", 6, 3, false, calls_cell, calls_value },
	{ "ERRORS", "ERR/S", 6, 1, false, errors_cell, errors_value },
	{ "REASON", NULL, 13, 8, true, reason_cell, NULL },
	{ "CPU_S", "CPU%", 5, 2, false, cpu_cell, cpu_value },
};

const unsigned int top_n_columns = sizeof(top_columns) / sizeof(*top_columns);

static unsigned int sort_column;
static int sort_sign;

static int compare_cells(const struct top_row *x, const struct top_row *y)
{
	const struct top_column *col = &top_columns[sort_column];
	char a[TOP_CELL], b[TOP_CELL];
	double p, q;

	if (col->value) {
		p = col->value(x);
		q = col->value(y);
		/* The largest comes first. */
		return p < q ? 1 : p > q ? -1 : 0;
	}
	col->cell(x, a, sizeof(a));
	col->cell(y, b, sizeof(b));
	return strcmp(a, b);
}

static int compare_rows(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;
	int r = compare_cells(x, y) * sort_sign;

	/* Those that are equal stay where they are. */
	if (!r)
		r = x->dev->pid < y->dev->pid ? -1 : x->dev->pid > y->dev->pid;
	if (!r)
		r = x->dev->fd < y->dev->fd ? -1 : x->dev->fd > y->dev->fd;
	if (!r && x->ring && y->ring)
		r = x->ring->index < y->ring->index ? -1 : 1;
	return r;
}

/**
 * top_sort() - put the lines of a table in order
 * @rows: the lines
 * @column: to sort by: texts from the first, numbers from the largest on
 * @reverse: the other way round
 */
void top_sort(struct top_rows *rows, unsigned int column, bool reverse)
{
	sort_column = column;
	sort_sign = reverse ? -1 : 1;
	qsort(rows->row, rows->n, sizeof(*rows->row), compare_rows);
}
