// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"

static FILE *open_text(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return fopen(path, "re");
}

bool device_text(int fd, char *buf, size_t size)
{
	FILE *f = open_text(fd);
	size_t got = 0;

	if (f) {
		got = fread(buf, 1, size - 1, f);
		fclose(f);
	}
	buf[got] = 0;
	return got;
}

bool device_tells(int fd, const char *key, char *value)
{
	char line[128], name[64];
	FILE *f = open_text(fd);
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%63[^:]: %63s", name, value) == 2 &&
			!strcmp(name, key);
	if (f)
		fclose(f);
	return found;
}

long long device_count(int fd, const char *what)
{
	char value[64];

	return device_tells(fd, what, value) ? atoll(value) : 0;
}

long long count(struct guest *g, unsigned int index, const char *what)
{
	char key[64], value[64];

	snprintf(key, sizeof(key), "vq%u-%s", index, what);
	return device_tells(g->fd, key, value) ? atoll(value) : 0;
}

bool says(struct guest *g, unsigned int index, const char *what,
	  const char *wanted)
{
	char key[64], value[64];

	snprintf(key, sizeof(key), "vq%u-%s", index, what);
	return device_tells(g->fd, key, value) && !strcmp(value, wanted);
}

bool names(struct guest *g, unsigned int index, const char *interface)
{
	char key[64], value[64];

	snprintf(key, sizeof(key), "vq%u-interface", index);
	return *interface ? says(g, index, "interface", interface) :
		!device_tells(g->fd, key, value);
}

bool comes_to_say(struct guest *g, unsigned int index, const char *what,
		  const char *wanted)
{
	__s64 end = now_ms() + STALL_MS;

	while (!says(g, index, what, wanted) && now_ms() < end)
		pause_ms(5);
	return says(g, index, what, wanted);
}

bool has_run(struct guest *g, unsigned int index, long long before)
{
	__s64 end = now_ms() + STALL_MS;

	while (count(g, index, "runs") == before && now_ms() < end)
		pause_ms(10);
	return count(g, index, "runs") != before;
}

bool counts_to(struct guest *g, unsigned int index, const char *what,
	       long long n)
{
	__s64 end = now_ms() + STALL_MS;

	while (count(g, index, what) != n && now_ms() < end)
		pause_ms(10);
	if (count(g, index, what) == n)
		return true;
	fprintf(stderr, "# vq%u-%s: %lld, not %lld\n", index, what,
		count(g, index, what), n);
	return false;
}

bool comes_to_exceed(int fd, const char *what, long long n)
{
	__s64 end = now_ms() + STALL_MS;

	while (device_count(fd, what) <= n && now_ms() < end)
		pause_ms(10);
	return device_count(fd, what) > n;
}
