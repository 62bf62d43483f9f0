// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../counters.h"
#include "cover.h"

/* Of linux/kcov.h. */
#define KCOV_INIT_TRACE	_IOR('c', 1, unsigned long)
#define KCOV_ENABLE	_IO('c', 100)
#define KCOV_TRACE_PC	0
#define KCOV_WORDS	BIT(18)

#define MAP_BITS	18
#define RESULTS		140

static struct cover now;
static unsigned int news;
static bool pair[OP_KINDS_MAX][RESULTS];
static __u64 states[BIT(MAP_BITS) / 64], pcs[BIT(MAP_BITS) / 64];
static unsigned long *trace;
static __thread unsigned int before;

static bool enter(__u64 *map, __u64 what)
{
	unsigned int i;

	what *= 0x9e3779b97f4a7c15ULL;
	i = what >> (64 - MAP_BITS);
	/* Threads may race for a bit: one is counted twice, maybe. */
	if (map[i / 64] & BIT(i % 64))
		return false;
	__atomic_or_fetch(&map[i / 64], BIT(i % 64), __ATOMIC_RELAXED);
	return true;
}

static void tell(void)
{
	__atomic_add_fetch(&news, 1, __ATOMIC_RELAXED);
}

static bool enter_state(__u64 what)
{
	if (!enter(states, what))
		return false;
	__atomic_add_fetch(&now.states, 1, __ATOMIC_RELAXED);
	return true;
}

void cover_init(void)
{
	void *map;
	int fd;

	fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	map = ioctl(fd, KCOV_INIT_TRACE, KCOV_WORDS) ? MAP_FAILED :
		mmap(NULL, KCOV_WORDS * sizeof(*trace), PROT_READ | PROT_WRITE,
		     MAP_SHARED, fd, 0);
	/* The file stays open, as long as the thread is watched. */
	if (map == MAP_FAILED || ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC)) {
		close(fd);
		return;
	}
	trace = map;
}

bool cover_has_kcov(void)
{
	return trace;
}

void cover_begin(void)
{
	before = 0;
	if (trace)
		__atomic_store_n(trace, 0, __ATOMIC_RELAXED);
}

void cover_note(const struct op *op, int result)
{
	unsigned int r = result > 0 ? RESULTS - 1 : -result;

	if (r >= RESULTS)
		r = RESULTS - 2;
	if (!pair[op->code][r]) {
		pair[op->code][r] = true;
		__atomic_add_fetch(&now.pairs, 1, __ATOMIC_RELAXED);
		tell();
	}
	/* Which follows which is only counted: there are too many of these. */
	enter_state((__u64)before << 32 | op->code << 8 | r);
	before = op->code + 1;
}

static void look_at_trace(void)
{
	unsigned long i, n;

	n = min_size(__atomic_load_n(trace, __ATOMIC_RELAXED), KCOV_WORDS - 1);
	for (i = 1; i <= n; i++)
		if (enter(pcs, trace[i])) {
			now.pcs++;
			tell();
		}
}

/* Powers of two stand for how often. */
static unsigned int magnitude(const char *number)
{
	unsigned long n = strtoul(number, NULL, 10);
	unsigned int log = 0;

	for (; n; n >>= 2)
		log++;
	return log;
}

static void look_at_line(const struct world *w, const char *line)
{
	const char *value = strchr(line, ':');
	__u64 h = prog_is_packed(w->prog) + 2 * world_translates(w);

	if (!value || !strstr(line, "vq"))
		return;
	for (; *line != ':'; line++)
		h = h * 131 + *line;
	for (value++; isspace(*value); value++)
		;
	if (isdigit(*value))
		h = h * 131 + magnitude(value);
	else
		while (*value)
			h = h * 131 + *value++;
	if (enter_state(h | BIT(63)))
		tell();
}

static void look_at_counters(const struct world *w)
{
	char buf[4096], *line, *save = NULL;

	if (!device_text(w->g.fd, buf, sizeof(buf)))
		return;
	for (line = strtok_r(buf, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (!strstr(line, "thread") && !strstr(line, "next-") &&
		    !strstr(line, "-ms:"))
			look_at_line(w, line);
}

void cover_print(const struct world *w)
{
	char buf[4096], *line, *save = NULL;

	if (!device_text(w->g.fd, buf, sizeof(buf)))
		return;
	for (line = strtok_r(buf, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		printf("# %s\n", line);
}

void cover_end(struct world *w, bool deep)
{
	if (trace)
		look_at_trace();
	if (deep)
		look_at_counters(w);
}

unsigned int cover_news(void)
{
	return __atomic_exchange_n(&news, 0, __ATOMIC_RELAXED);
}

const struct cover *cover_now(void)
{
	return &now;
}
