// SPDX-License-Identifier: GPL-2.0
/*
 * All that is known, for programs: JSON, and the text format of Prometheus.
 */
#include <string.h>

#include "top.h"

/* Counters that are not known are left out. */
static void json_text(FILE *f, const char *key, const char *value)
{
	if (!*value)
		return;
	fprintf(f, ",\"%s\":", key);
	top_json_string(f, value);
}

static void json_counters(FILE *f, const struct top_ring *r)
{
	unsigned int i;

	for (i = 0; i < TOP_COUNTERS; i++)
		if (r->have & 1U << i)
			fprintf(f, ",\"%s\":%llu", top_counters[i].key,
				r->count[i]);
	fputs(",\"reasons\":{", f);
	for (i = 0; i < r->n_reasons; i++) {
		if (i)
			putc(',', f);
		top_json_string(f, r->reasons[i].name);
		fprintf(f, ":%llu", r->reasons[i].count);
	}
	putc('}', f);
}

/* What is not known, as the counters went back, is null. */
static void json_rates(FILE *f, const struct top_row *row)
{
	const struct top_delta *d = &row->delta;
	double cpu;
	int i;

	if (!d->valid) {
		fputs(",\"rates\":null", f);
		return;
	}
	fprintf(f, ",\"rates\":{\"seconds\":%.9f", d->seconds);
	for (i = 0; i < TOP_COUNTERS; i++)
		if (d->have & 1U << i)
			fprintf(f, ",\"%s\":%.6f", top_counters[i].key,
				top_per_second(d, d->count[i]));
	fprintf(f, ",\"errors\":%.6f", top_per_second(d, d->errors));
	if (d->reason)
		json_text(f, "reason", d->reason);
	if (top_percent(d, &cpu))
		fprintf(f, ",\"cpu_percent\":%.3f", cpu);
	putc('}', f);
}

static void json_ring(FILE *f, const struct top_row *row, bool rates)
{
	const struct top_ring *r = row->ring;

	fprintf(f, "{\"ring\":%u", r->index);
	json_text(f, "state", r->state);
	json_text(f, "broken", r->broken);
	json_text(f, "format", r->format);
	json_text(f, "backend", r->backend);
	json_text(f, "interface", r->iface);
	if (r->size)
		fprintf(f, ",\"size\":%llu", r->size);
	if (r->thread)
		fprintf(f, ",\"worker\":%u,\"thread\":%d", r->worker,
			r->thread);
	json_counters(f, r);
	json_text(f, "last_error", r->last_error);
	if (*r->last_error)
		fprintf(f, ",\"last_error_ms\":%llu", r->last_error_ms);
	if (rates)
		json_rates(f, row);
	putc('}', f);
}

static void json_workers(FILE *f, const struct top_device *dev)
{
	const struct top_worker *w;
	unsigned int i;

	fputs("],\"workers\":[", f);
	for (i = 0; i < dev->n_workers; i++) {
		w = &dev->workers[i];
		fprintf(f, "%s{\"worker\":%u,\"thread\":%d", i ? "," : "",
			w->id, w->thread);
		if (w->has_cpu)
			fprintf(f, ",\"cpu_ns\":%llu", w->cpu_ns);
		if (w->has_wakeups)
			fprintf(f, ",\"wakeups\":%llu", w->wakeups);
		putc('}', f);
	}
}

static void json_device(FILE *f, const struct top_device *dev)
{
	fputs("{\"vm\":", f);
	top_json_string(f, dev->vm);
	fprintf(f, ",\"pid\":%d,\"fd\":%d,\"files\":%u", dev->pid, dev->fd,
		dev->files);
	json_text(f, "comm", dev->comm);
	if (dev->has_id)
		fprintf(f, ",\"id\":%llu", dev->id);
	if (dev->owner)
		fprintf(f, ",\"owner\":%d", dev->owner);
	if (dev->regions >= 0)
		fprintf(f, ",\"regions\":%ld", dev->regions);
	json_text(f, "log", dev->log);
	json_text(f, "features", dev->features);
	fprintf(f, ",\"statistics\":%s,\"denied\":%s,\"rings\":[",
		dev->has_stats ? "true" : "false",
		dev->denied ? "true" : "false");
}

/**
 * top_print_json() - print one JSON object, on a line of its own
 * @f: where to
 * @before: an earlier snapshot; NULL: without rates
 * @now: what is to be printed
 */
void top_print_json(FILE *f, const struct top_snapshot *before,
		    const struct top_snapshot *now)
{
	const struct top_row *row;
	struct top_rows rows;
	unsigned int k;
	size_t i;

	if (top_rows(&rows, before, now, false))
		return;
	row = rows.row;
	fprintf(f, "{\"all_processes\":%s,\"devices\":[",
		now->denied ? "false" : "true");
	for (i = 0; i < now->n; i++) {
		if (i)
			putc(',', f);
		json_device(f, &now->dev[i]);
		for (k = 0; k < now->dev[i].n_rings; k++) {
			if (k)
				putc(',', f);
			json_ring(f, row++, before);
		}
		json_workers(f, &now->dev[i]);
		putc(']', f);
		/* A device without rings has a line, too. */
		if (!now->dev[i].n_rings && before)
			json_rates(f, row);
		if (!now->dev[i].n_rings)
			row++;
		putc('}', f);
	}
	fputs("]}\n", f);
	top_rows_free(&rows);
}

static void prom_head(FILE *f, const char *name, const char *type,
		      const char *help)
{
	fprintf(f, "# HELP vhost_net_%s %s\n# TYPE vhost_net_%s %s\n", name,
		help, name, type);
}

/* Up to the closing bracket, which is the caller's. */
static void prom_labels(FILE *f, const char *name,
			const struct top_device *dev)
{
	fprintf(f, "vhost_net_%s{vm=", name);
	top_label(f, dev->vm);
	fprintf(f, ",pid=\"%d\",fd=\"%d\"", dev->pid, dev->fd);
	if (dev->has_id)
		fprintf(f, ",id=\"%llu\"", dev->id);
}

static void prom_ring(FILE *f, const char *name, const struct top_device *dev,
		      const struct top_ring *r)
{
	prom_labels(f, name, dev);
	fprintf(f, ",ring=\"%u\"", r->index);
	if (*r->iface) {
		fputs(",interface=", f);
		top_label(f, r->iface);
	}
}

static void prom_counter(FILE *f, const struct top_snapshot *now, int which)
{
	const struct top_device *dev;
	char name[64];
	unsigned int k;
	size_t i;

	snprintf(name, sizeof(name), "ring_%s_total", top_counters[which].key);
	prom_head(f, name, "counter", top_counters[which].help);
	for (i = 0; i < now->n; i++) {
		dev = &now->dev[i];
		for (k = 0; k < dev->n_rings; k++) {
			if (!(dev->rings[k].have & 1U << which))
				continue;
			prom_ring(f, name, dev, &dev->rings[k]);
			fprintf(f, "} %llu\n",
				dev->rings[k].count[which]);
		}
	}
}

static void prom_errors(FILE *f, const struct top_device *dev,
			const struct top_ring *r)
{
	unsigned int i;

	for (i = 0; i < r->n_reasons; i++) {
		prom_ring(f, "ring_errors_total", dev, r);
		fputs(",reason=", f);
		top_label(f, r->reasons[i].name);
		fprintf(f, "} %llu\n", r->reasons[i].count);
	}
}

static void prom_running(FILE *f, const struct top_device *dev,
			 const struct top_ring *r)
{
	if (!*r->state)
		return;
	prom_ring(f, "ring_running", dev, r);
	fprintf(f, "} %d\n", !strcmp(r->state, "running"));
}

static void prom_broken(FILE *f, const struct top_device *dev,
			const struct top_ring *r)
{
	prom_ring(f, "ring_broken", dev, r);
	if (*r->broken) {
		fputs(",reason=", f);
		top_label(f, r->broken);
	}
	fprintf(f, "} %d\n", !!*r->broken);
}

static void prom_rings(FILE *f, const struct top_snapshot *now,
		       void (*put)(FILE *f, const struct top_device *dev,
				   const struct top_ring *r))
{
	unsigned int k;
	size_t i;

	for (i = 0; i < now->n; i++)
		for (k = 0; k < now->dev[i].n_rings; k++)
			put(f, &now->dev[i], &now->dev[i].rings[k]);
}

static void prom_workers(FILE *f, const struct top_snapshot *now,
			 const char *name, bool cpu)
{
	const struct top_worker *w;
	unsigned int k;
	size_t i;

	for (i = 0; i < now->n; i++) {
		for (k = 0; k < now->dev[i].n_workers; k++) {
			w = &now->dev[i].workers[k];
			if (cpu ? !w->has_cpu : !w->has_wakeups)
				continue;
			prom_labels(f, name, &now->dev[i]);
			fprintf(f, ",worker=\"%u\"} ", w->id);
			if (cpu)
				fprintf(f, "%.9f\n", w->cpu_ns / 1e9);
			else
				fprintf(f, "%llu\n", w->wakeups);
		}
	}
}

/**
 * top_print_prom() - print counters for Prometheus, which makes its own rates
 * @f: where to
 * @now: what is to be printed
 */
void top_print_prom(FILE *f, const struct top_snapshot *now)
{
	int i;

	for (i = 0; i < TOP_COUNTERS; i++)
		prom_counter(f, now, i);
	prom_head(f, "ring_errors_total", "counter",
		  "Buffers and packets that could not be used, by reason.");
	prom_rings(f, now, prom_errors);
	prom_head(f, "ring_running", "gauge", "Whether the ring runs.");
	prom_rings(f, now, prom_running);
	prom_head(f, "ring_broken", "gauge", "Whether the ring is broken.");
	prom_rings(f, now, prom_broken);
	prom_head(f, "worker_cpu_seconds_total", "counter",
		  "Processor time that the worker used.");
	prom_workers(f, now, "worker_cpu_seconds_total", true);
	prom_head(f, "worker_wakeups_total", "counter",
		  "Times the worker woke up.");
	prom_workers(f, now, "worker_wakeups_total", false);
	prom_head(f, "all_processes", "gauge",
		  "Whether every process could be looked into.");
	fprintf(f, "vhost_net_all_processes %d\n", !now->denied);
}
