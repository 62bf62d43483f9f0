// SPDX-License-Identifier: GPL-2.0
/*
 * vhost-top: all vhost-net devices of this host, and what they do.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "top.h"

#define INTERVAL_MIN	0.05
#define INTERVAL_MAX	86400

enum format { SCREEN, TEXT, CSV, JSON, PROM };

struct options {
	enum format format;
	double interval;	/* 0: not given */
	unsigned long count;
	pid_t pid;
};

static const char usage_text[] =
"usage: vhost-top [OPTION...]\n"
"\n"
"Shows the vhost-net devices of all processes that it may look into, on the\n"
"whole screen (\"h\" says which keys there are), or:\n"
"\n"
"  --once          a table: what was counted since the devices were opened\n"
"  --csv           the same as comma separated values\n"
"  --json          all that is known, one JSON object to a line\n"
"  --prom          counters for Prometheus\n"
"  --interval S    with these: rates, over S seconds; else the time between\n"
"                  two screens (1)\n"
"  --count N       so many times, an interval apart\n"
"  --pid PID       only devices of this process\n"
"  --help          this text\n"
"  --version       which one this is\n";

static void bad_usage(const char *why)
{
	fprintf(stderr, "vhost-top: %s; see vhost-top --help\n", why);
	exit(2);
}

static double seconds_of(const char *s)
{
	char *end;
	double n;

	n = strtod(s, &end);
	if (end == s || *end || !(n >= INTERVAL_MIN && n <= INTERVAL_MAX))
		bad_usage("an interval is 0.05 to 86400 seconds");
	return n;
}

static __u64 positive(const char *s, __u64 most, const char *what)
{
	__u64 n;

	if (!top_number(s, &n) || !n || n > most)
		bad_usage(what);
	return n;
}

static void one_format(struct options *o, enum format format)
{
	if (o->format != SCREEN && o->format != TEXT && format != TEXT)
		bad_usage("one format at a time");
	if (o->format == SCREEN || format != TEXT)
		o->format = format;
}

static void read_option(struct options *o, int c)
{
	switch (c) {
	case 'o':
		one_format(o, TEXT);
		break;
	case 'c':
		one_format(o, CSV);
		break;
	case 'j':
		one_format(o, JSON);
		break;
	case 'm':
		one_format(o, PROM);
		break;
	case 'i':
		o->interval = seconds_of(optarg);
		break;
	case 'n':
		o->count = positive(optarg, 1UL << 30, "a count is above 0");
		break;
	case 'p':
		o->pid = positive(optarg, 1 << 30, "no such process id");
		break;
	case 'P':
		top_root = optarg;
		break;
	case 'h':
		fputs(usage_text, stdout);
		exit(0);
	case 'v':
		puts("vhost-top " VHOST_VERSION);
		exit(0);
	default:
		exit(2);
	}
}

static void read_options(struct options *o, int argc, char **argv)
{
	static const struct option list[] = {
		{ "once", no_argument, NULL, 'o' },
		{ "csv", no_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "prom", no_argument, NULL, 'm' },
		{ "interval", required_argument, NULL, 'i' },
		{ "count", required_argument, NULL, 'n' },
		{ "pid", required_argument, NULL, 'p' },
		/* For tests: a tree that looks like /proc. */
		{ "proc", required_argument, NULL, 'P' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", list, NULL)) != -1)
		read_option(o, c);
	if (optind < argc)
		bad_usage("what is that at the end");
	if (o->format == SCREEN && o->count)
		bad_usage("--count is for --once, --csv, --json");
	if (o->format == PROM && (o->count || o->interval > 0))
		bad_usage("--prom prints counters, once");
	if (o->count && !(o->interval > 0))
		o->interval = 1;
	if (!o->count)
		o->count = 1;
}

static int scan(const struct options *o, struct top_snapshot *snap)
{
	int r = top_scan(snap, o->pid);

	if (r)
		fprintf(stderr, "vhost-top: %s: %s\n", top_root, strerror(-r));
	return r;
}

static void print(const struct options *o, const struct top_snapshot *before,
		  const struct top_snapshot *now, bool first)
{
	if (o->format == TEXT) {
		if (!first)
			putchar('\n');
		top_print_text(stdout, before, now);
	} else if (o->format == CSV) {
		top_print_csv(stdout, before, now, first);
	} else if (o->format == JSON) {
		top_print_json(stdout, before, now);
	} else {
		top_print_prom(stdout, now);
	}
	fflush(stdout);
}

static void wait_until(__s64 ns)
{
	struct timespec ts = {
		.tv_sec = ns / 1000000000,
		.tv_nsec = ns % 1000000000,
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) ==
	       EINTR)
		;
}

/* Nobody reads any more: not worth going on. */
static bool output_failed(void)
{
	if (!ferror(stdout))
		return false;
	fprintf(stderr, "vhost-top: cannot write\n");
	return true;
}

static int print_all(const struct options *o)
{
	struct top_snapshot before = {}, now;
	bool rates = o->interval > 0;
	unsigned long i;
	__s64 next;
	int r = 0;

	next = top_now_ns();
	if (rates)
		r = scan(o, &before);
	for (i = 0; !r && i < o->count; i++) {
		if (rates) {
			next += llround(o->interval * 1e9);
			wait_until(next);
		}
		r = scan(o, &now);
		if (!r)
			print(o, rates ? &before : NULL, &now, !i);
		top_snapshot_free(&before);
		before = now;
		if (!r && output_failed())
			r = -EIO;
	}
	top_snapshot_free(&before);
	return r;
}

int main(int argc, char **argv)
{
	struct options o = { .format = SCREEN };

	read_options(&o, argc, argv);
	if (o.format == SCREEN)
		return !!top_screen(o.interval > 0 ? o.interval : 1, o.pid);
	return !!print_all(&o);
}
