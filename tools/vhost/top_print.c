// SPDX-License-Identifier: GPL-2.0
/*
 * The table on paper: text for people, CSV for spreadsheets.
 */
#include <string.h>

#include "top.h"

static const char *heading_of(const struct top_column *col, bool rates)
{
	return rates && col->rate ? col->rate : col->total;
}

static int widest(const struct top_rows *rows, const struct top_column *col)
{
	int n = strlen(heading_of(col, rows->rates)), len;
	char cell[TOP_CELL];
	size_t i;

	for (i = 0; i < rows->n; i++) {
		col->cell(&rows->row[i], cell, sizeof(cell));
		len = strlen(cell);
		if (len > n)
			n = len;
	}
	return n;
}

/* No blanks at the end of a line. */
static void put_cell(FILE *f, const struct top_column *col, const char *cell,
		     int width, bool last)
{
	if (last && col->left)
		fprintf(f, "%s\n", cell);
	else
		fprintf(f, "%*s%s", col->left ? -width : width, cell,
			last ? "\n" : " ");
}

static void put_table(FILE *f, const struct top_rows *rows)
{
	int width[top_n_columns];
	char cell[TOP_CELL];
	unsigned int c;
	size_t i;

	for (c = 0; c < top_n_columns; c++) {
		width[c] = widest(rows, &top_columns[c]);
		put_cell(f, &top_columns[c],
			 heading_of(&top_columns[c], rows->rates), width[c],
			 c == top_n_columns - 1);
	}
	for (i = 0; i < rows->n; i++) {
		for (c = 0; c < top_n_columns; c++) {
			top_columns[c].cell(&rows->row[i], cell, sizeof(cell));
			put_cell(f, &top_columns[c], cell, width[c],
				 c == top_n_columns - 1);
		}
	}
}

static void put_remarks(FILE *f, const struct top_snapshot *now)
{
	bool untold = false, denied = now->denied;
	size_t i;

	for (i = 0; i < now->n; i++) {
		untold |= !now->dev[i].has_stats && !now->dev[i].denied;
		denied |= now->dev[i].denied;
	}
	if (!now->n)
		fputs("No process has a vhost-net device open.\n", f);
	if (untold)
		fputs("untold: this module has no statistics.\n", f);
	if (denied)
		fputs("Others' processes are not shown: that takes root.\n", f);
}

/**
 * top_print_text() - print a table for people
 * @f: where to
 * @before: an earlier snapshot, or NULL
 * @now: what is to be printed
 */
void top_print_text(FILE *f, const struct top_snapshot *before,
		    const struct top_snapshot *now)
{
	struct top_rows rows;

	if (top_rows(&rows, before, now, false))
		return;
	if (rows.n)
		put_table(f, &rows);
	put_remarks(f, now);
	top_rows_free(&rows);
}

static void csv_heading(FILE *f, bool rates)
{
	const char *each = rates ? "_per_s" : "";
	int i;

	fputs("vm,pid,comm,fd,id,ring,state,broken,format,size", f);
	fputs(",backend,interface", f);
	for (i = 0; i < TOP_COUNTERS; i++)
		fprintf(f, ",%s%s", top_counters[i].key, each);
	fprintf(f, ",errors%s,reason,last_error,last_error_ms,thread,%s\n",
		each, rates ? "cpu_percent" : "cpu_s");
}

/* A number per second if that was asked for. */
static void csv_number(FILE *f, const struct top_delta *d, __u64 n)
{
	if (d->seconds > 0)
		fprintf(f, ",%.3f", top_per_second(d, n));
	else
		fprintf(f, ",%llu", n);
}

static void csv_texts(FILE *f, const struct top_ring *r)
{
	fprintf(f, ",%u,", r->index);
	top_csv_string(f, r->state);
	putc(',', f);
	top_csv_string(f, r->broken);
	putc(',', f);
	top_csv_string(f, r->format);
	fprintf(f, ",%llu,", r->size);
	top_csv_string(f, r->backend);
	putc(',', f);
	top_csv_string(f, r->iface);
}

static void csv_device(FILE *f, const struct top_device *dev)
{
	top_csv_string(f, dev->vm);
	fprintf(f, ",%d,", dev->pid);
	top_csv_string(f, dev->comm);
	fprintf(f, ",%d,", dev->fd);
	if (dev->has_id)
		fprintf(f, "%llu", dev->id);
}

static void csv_row(FILE *f, const struct top_row *row)
{
	const struct top_ring *r = row->ring;
	const struct top_delta *d = &row->delta;
	double cpu;
	int i;

	csv_device(f, row->dev);
	if (r)
		csv_texts(f, r);
	else
		fputs(",,,,,,,", f);
	for (i = 0; i < TOP_COUNTERS; i++)
		if (d->valid && d->have & 1U << i)
			csv_number(f, d, d->count[i]);
		else
			putc(',', f);
	if (r && d->valid)
		csv_number(f, d, d->errors);
	else
		putc(',', f);
	fprintf(f, ",%s,%s,", d->reason ? d->reason : "",
		r ? r->last_error : "");
	if (r && *r->last_error)
		fprintf(f, "%llu", r->last_error_ms);
	putc(',', f);
	if (r && r->thread)
		fprintf(f, "%d", r->thread);
	putc(',', f);
	if (top_percent(d, &cpu))
		fprintf(f, "%.3f", cpu);
	putc('\n', f);
}

/**
 * top_print_csv() - print a table for spreadsheets
 * @f: where to
 * @before: an earlier snapshot, or NULL
 * @now: what is to be printed
 * @heading: begin with names of the columns
 */
void top_print_csv(FILE *f, const struct top_snapshot *before,
		   const struct top_snapshot *now, bool heading)
{
	struct top_rows rows;
	size_t i;

	if (top_rows(&rows, before, now, false))
		return;
	if (heading)
		csv_heading(f, before);
	for (i = 0; i < rows.n; i++)
		csv_row(f, &rows.row[i]);
	top_rows_free(&rows);
}
