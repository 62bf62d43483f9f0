// SPDX-License-Identifier: GPL-2.0
/*
 * All that a device tells, with the rates of what only grows.
 */
#include <stdlib.h>
#include <string.h>

#include "top.h"

/* Finds "key:" at the beginning of a line. */
static bool old_number(const char *text, const char *key, __u64 *n)
{
	size_t len = strlen(key);
	char value[TOP_WORD];

	while (text && (strncmp(text, key, len) || text[len] != ':')) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	if (!text)
		return false;
	text += len + 1;
	text += strspn(text, "\t ");
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(text, "\n"), text);
	return top_number(value, n);
}

static bool only_grows(const char *key)
{
	static const char * const more[] = {
		"wakeups", "cpu-ns", "updates", "invalidates", "evicted",
	};
	const char *what = strchr(key, '-');
	size_t i;

	if (!what)
		return false;
	what++;
	for (i = 0; i < TOP_COUNTERS; i++)
		if (!strcmp(what, top_counters[i].key))
			return true;
	for (i = 0; i < sizeof(more) / sizeof(*more); i++)
		if (!strcmp(what, more[i]))
			return true;
	return !strncmp(what, "bad-", 4) || !strncmp(what, "drop-", 5);
}

static void print_rate(FILE *f, const struct top_device *before,
		       double seconds, const char *key, const char *value)
{
	__u64 old = 0, new;
	char rate[16];

	if (!before || !before->text || seconds <= 0 || !only_grows(key) ||
	    !top_number(value, &new))
		return;
	/* A reason is only told of once there was one. */
	if (!old_number(before->text, key, &old) && !strstr(key, "bad-") &&
	    !strstr(key, "drop-"))
		return;
	if (new < old)
		return;
	top_human((new - old) / seconds, rate, sizeof(rate));
	fprintf(f, " %8s/s", rate);
}

static void print_line(FILE *f, const struct top_device *before,
		       double seconds, char *line)
{
	char *value = strchr(line, ':');

	if (!value)
		return;
	*value++ = 0;
	value += strspn(value, "\t ");
	top_clean(line);
	top_clean(value);
	top_ascii(line);
	top_ascii(value);
	fprintf(f, "%-20s %20s", line, value);
	print_rate(f, before, seconds, line, value);
	putc('\n', f);
}

static void print_worker(FILE *f, const struct top_device *before,
			 double seconds, const struct top_worker *w)
{
	const struct top_worker *old = NULL;
	unsigned int i;

	for (i = 0; before && i < before->n_workers; i++)
		if (before->workers[i].thread == w->thread)
			old = &before->workers[i];
	fprintf(f, "worker %u, thread %d", w->id, w->thread);
	if (w->has_cpu)
		fprintf(f, ", %.2f s of CPU", w->cpu_ns / 1e9);
	if (w->has_cpu && old && old->has_cpu && seconds > 0 &&
	    w->cpu_ns >= old->cpu_ns)
		fprintf(f, ", %.1f%%",
			(w->cpu_ns - old->cpu_ns) / seconds / 1e7);
	putc('\n', f);
}

/**
 * top_print_detail() - print all of a device, for people
 * @f: where to
 * @before: the same device earlier, or NULL
 * @dev: the device
 */
void top_print_detail(FILE *f, const struct top_device *before,
		      const struct top_device *dev)
{
	char vm[TOP_NAME], comm[TOP_NAME], *text, *line, *rest;
	double seconds = 0;
	unsigned int i;

	if (before)
		seconds = (dev->when_ns - before->when_ns) / 1e9;
	top_copy(vm, dev->vm, sizeof(vm));
	top_copy(comm, dev->comm, sizeof(comm));
	top_ascii(vm);
	top_ascii(comm);
	fprintf(f, "%s: process %d (%s), descriptor %d", vm, dev->pid, comm,
		dev->fd);
	fprintf(f, dev->files > 1 ? ", %u descriptors in all\n" : "\n",
		dev->files);
	for (i = 0; i < dev->n_workers; i++)
		print_worker(f, before, seconds, &dev->workers[i]);
	putc('\n', f);
	if (!dev->has_stats)
		fputs(dev->denied ? "Only root may see more.\n" :
		      "This module has no statistics.\n", f);
	text = dev->text ? strdup(dev->text) : NULL;
	for (rest = text; (line = strsep(&rest, "\n"));)
		print_line(f, before, seconds, line);
	free(text);
}
