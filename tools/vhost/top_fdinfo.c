// SPDX-License-Identifier: GPL-2.0
/*
 * What a device tells of itself, section 11 of Documentation/vhost.txt: lines
 * of "name:<TAB>value". Which of them are there depends on the module's age,
 * so none is needed, and those that nobody here knows are passed over.
 */
#include <stdlib.h>
#include <string.h>

#include "top.h"

const struct top_counter_name top_counters[TOP_COUNTERS] = {
	[TOP_PACKETS]	= { "packets", "Packets that passed." },
	[TOP_BYTES]	= { "bytes", "Bytes in the packets that passed." },
	[TOP_RUNS]	= { "runs", "Turns of the worker." },
	[TOP_POLLED]	= { "polled", "Times busy polling found work." },
	[TOP_KICKS]	= { "kicks", "Notifications by the guest." },
	[TOP_CALLS]	= { "calls", "Interrupts sent to the guest." },
	[TOP_SUPPRESSED] = { "suppressed",
			     "Interrupts that the guest did not want." },
	[TOP_BATCHES]	= { "batches", "Times used buffers were published." },
	[TOP_COPIED]	= { "copied", "Bytes copied, with headers." },
	[TOP_MISSES]	= { "misses", "Translations that were asked for." },
};

/**
 * top_ring() - a ring of a device, made if it isn't there
 * @dev: the device; pointers to its rings become invalid
 * @index: number of the ring
 *
 * Return: the ring, or NULL if there is no memory or no sense in it.
 */
struct top_ring *top_ring(struct top_device *dev, unsigned int index)
{
	struct top_ring *r;
	unsigned int at = 0;

	while (at < dev->n_rings && dev->rings[at].index < index)
		at++;
	if (at < dev->n_rings && dev->rings[at].index == index)
		return &dev->rings[at];
	if (dev->n_rings == TOP_RINGS)
		return NULL;
	r = reallocarray(dev->rings, dev->n_rings + 1, sizeof(*r));
	if (!r)
		return NULL;
	dev->rings = r;
	memmove(r + at + 1, r + at, (dev->n_rings++ - at) * sizeof(*r));
	memset(r + at, 0, sizeof(*r));
	r[at].index = index;
	return r + at;
}

/**
 * top_worker() - a worker of a device, made if it isn't there
 * @dev: the device; pointers to its workers become invalid
 * @id: number of the worker
 *
 * Return: the worker, or NULL if there is no memory or no sense in it.
 */
struct top_worker *top_worker(struct top_device *dev, unsigned int id)
{
	struct top_worker *w;
	unsigned int i;

	for (i = 0; i < dev->n_workers; i++)
		if (dev->workers[i].id == id)
			return &dev->workers[i];
	if (dev->n_workers == TOP_RINGS)
		return NULL;
	w = reallocarray(dev->workers, dev->n_workers + 1, sizeof(*w));
	if (!w)
		return NULL;
	dev->workers = w;
	w += dev->n_workers++;
	memset(w, 0, sizeof(*w));
	w->id = id;
	return w;
}

/**
 * top_device_free() - give back what belongs to a device
 * @dev: the device
 */
void top_device_free(struct top_device *dev)
{
	free(dev->rings);
	free(dev->workers);
	free(dev->text);
}

static void add_reason(struct top_ring *r, const char *name, __u64 count)
{
	unsigned int i;

	for (i = 0; i < r->n_reasons; i++)
		if (!strcmp(r->reasons[i].name, name))
			return;
	if (i == TOP_REASONS || strlen(name) >= TOP_WORD)
		return;
	top_copy(r->reasons[i].name, name, TOP_WORD);
	r->reasons[i].count = count;
	r->n_reasons++;
}

static bool ring_text(struct top_ring *r, const char *key, const char *value)
{
	struct {
		const char *key;
		char *to;
		size_t size;
	} texts[] = {
		{ "state", r->state, sizeof(r->state) },
		{ "broken", r->broken, sizeof(r->broken) },
		{ "format", r->format, sizeof(r->format) },
		{ "backend", r->backend, sizeof(r->backend) },
		{ "interface", r->iface, sizeof(r->iface) },
		{ "peer", r->iface, sizeof(r->iface) },
		{ "last-error", r->last_error, sizeof(r->last_error) },
	};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (strcmp(key, texts[i].key))
			continue;
		top_copy(texts[i].to, value, texts[i].size);
		return true;
	}
	return false;
}

static void ring_line(struct top_ring *r, const char *key, const char *value)
{
	__u64 n;
	int i;

	if (ring_text(r, key, value) || !top_number(value, &n))
		return;
	for (i = 0; i < TOP_COUNTERS; i++) {
		if (strcmp(key, top_counters[i].key))
			continue;
		r->count[i] = n;
		r->have |= 1U << i;
		return;
	}
	if (!strncmp(key, "bad-", 4) || !strncmp(key, "drop-", 5))
		add_reason(r, key, n);
	else if (!strcmp(key, "last-error-ms"))
		r->last_error_ms = n;
	else if (!strcmp(key, "size"))
		r->size = n;
	else if (!strcmp(key, "worker"))
		r->worker = n;
	else if (!strcmp(key, "thread"))
		r->thread = n;
}

static void worker_line(struct top_worker *w, const char *key,
			const char *value)
{
	__u64 n;

	if (!top_number(value, &n))
		return;
	if (!strcmp(key, "thread")) {
		w->thread = n;
	} else if (!strcmp(key, "cpu-ns")) {
		w->has_cpu = true;
		w->cpu_ns = n;
	} else if (!strcmp(key, "wakeups")) {
		w->has_wakeups = true;
		w->wakeups = n;
	}
}

static void device_line(struct top_device *dev, const char *key,
			const char *value)
{
	__u64 n;

	if (!strcmp(key, "features"))
		top_copy(dev->features, value, sizeof(dev->features));
	else if (!strcmp(key, "log"))
		top_copy(dev->log, value, sizeof(dev->log));
	else if (!top_number(value, &n))
		return;
	else if (!strcmp(key, "owner"))
		dev->owner = n;
	else if (!strcmp(key, "regions"))
		dev->regions = n;
	else if (!strcmp(key, "id"))
		dev->has_id = true;
	else
		return;
	if (!strcmp(key, "id"))
		dev->id = n;
}

/* The rest of "<what>N-<rest>", and N; NULL if @key isn't of that kind. */
static const char *numbered(const char *key, const char *what, unsigned int *n)
{
	size_t len = strlen(what);
	unsigned long val;
	char *end;

	if (strncmp(key, what, len) || key[len] < '0' || key[len] > '9')
		return NULL;
	val = strtoul(key + len, &end, 10);
	if (*end != '-' || val > 0xffff)
		return NULL;
	*n = val;
	return end + 1;
}

static void parse_line(struct top_device *dev, char *line)
{
	struct top_worker *w;
	struct top_ring *r;
	const char *rest;
	unsigned int n;
	char *value;

	value = strchr(line, ':');
	if (!value)
		return;
	*value++ = 0;
	value += strspn(value, "\t ");
	top_clean(line);
	top_clean(value);
	rest = numbered(line, "vq", &n);
	if (rest) {
		dev->has_stats = true;
		r = top_ring(dev, n);
		if (r)
			ring_line(r, rest, value);
		return;
	}
	rest = numbered(line, "worker", &n);
	if (rest) {
		w = top_worker(dev, n);
		if (w)
			worker_line(w, rest, value);
	} else if (!strncmp(line, "vhost-", 6)) {
		dev->has_stats = true;
		device_line(dev, line + 6, value);
	}
}

/* A module that has no lines of workers still names those of the rings. */
static void workers_of_rings(struct top_device *dev)
{
	struct top_worker *w;
	unsigned int i;

	for (i = 0; i < dev->n_rings; i++) {
		if (!dev->rings[i].thread)
			continue;
		w = top_worker(dev, dev->rings[i].worker);
		if (w && !w->thread)
			w->thread = dev->rings[i].thread;
	}
}

/**
 * top_fdinfo() - take in what a device tells
 * @dev: a device that nothing is known of yet
 * @text: all of its fdinfo; changed
 */
void top_fdinfo(struct top_device *dev, char *text)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")))
		parse_line(dev, line);
	workers_of_rings(dev);
}
