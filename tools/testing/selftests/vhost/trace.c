// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace.h"

static void unmount(struct trace *t)
{
	umount(t->mount);
	rmdir(t->mount);
	*t->mount = 0;
}

/* The namespace of the test may have a /sys without. */
static int mount_private(struct trace *t)
{
	int err;

	strcpy(t->mount, "/tmp/vht-trace-XXXXXX");
	if (!mkdtemp(t->mount)) {
		*t->mount = 0;
		return -errno;
	}
	if (!mount("tracefs", t->mount, "tracefs", 0, NULL))
		return 0;
	err = -errno;
	unmount(t);
	return err;
}

int trace_start(struct trace *t)
{
	char path[192];
	int err = mount_private(t);

	if (err)
		return err;
	snprintf(t->dir, sizeof(t->dir), "%s/instances/vht-%d", t->mount,
		 getpid());
	if (mkdir(t->dir, 0700)) {
		err = -errno;
		unmount(t);
		return err;
	}
	snprintf(path, sizeof(path), "%s/events/vhost_net/enable", t->dir);
	err = write_file(path, "1");
	if (err)
		trace_stop(t);
	return err;
}

void trace_stop(struct trace *t)
{
	if (!*t->mount)
		return;
	if (rmdir(t->dir))
		perror(t->dir);
	unmount(t);
}

/* Where the fields behind the device begin, if it is such an event. */
static const char *fields_of(const char *line, const char *event,
			     long long device, const char *fields)
{
	size_t len = fields ? strlen(fields) : 0;
	char wanted[96];
	const char *at;

	snprintf(wanted, sizeof(wanted), ": %s: device=%lld", event, device);
	at = strstr(line, wanted);
	if (!at)
		return NULL;
	at += strlen(wanted);
	if (!len)
		return *at == ' ' || *at == '\n' ? at : NULL;
	if (*at++ != ' ' || strncmp(at, fields, len))
		return NULL;
	return at[len] == ' ' || at[len] == '\n' ? at : NULL;
}

static long long number_of(const char *fields, const char *field)
{
	const char *at = strstr(fields, field);

	return at ? atoll(at + strlen(field)) : 0;
}

long long trace_sum(const struct trace *t, const char *event, long long device,
		    const char *fields, const char *field)
{
	char path[192], line[512];
	long long sum = 0;
	const char *at;
	FILE *f;

	snprintf(path, sizeof(path), "%s/trace", t->dir);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		at = fields_of(line, event, device, fields);
		if (at)
			sum += field ? number_of(at, field) : 1;
	}
	if (f)
		fclose(f);
	return sum;
}

bool trace_shows(const struct trace *t, const char *event, long long device,
		 const char *fields)
{
	__s64 end = now_ms() + STALL_MS;

	while (now_ms() < end) {
		if (trace_sum(t, event, device, fields, NULL))
			return true;
		pause_ms(10);
	}
	fprintf(stderr, "# no %s: device=%lld %s\n", event, device,
		fields ? fields : "");
	return false;
}
