// SPDX-License-Identifier: GPL-2.0
/*
 * What was measured: packets in windows of time, round trips, the workers' CPU
 * time; and the line that says it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

#define WINDOW_NS	10000000LL
#define WINDOW_TICKS	25	/* of the clock, at least */

__s64 bench_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Some virtual machines have a clock that only moves with the timer tick. */
__s64 bench_window_length(void)
{
	struct timespec ts;
	__s64 ticks;

	clock_getres(CLOCK_MONOTONIC, &ts);
	ticks = (ts.tv_sec * 1000000000LL + ts.tv_nsec) * WINDOW_TICKS;
	return ticks > WINDOW_NS ? ticks : WINDOW_NS;
}

void bench_no_results(struct bench *b)
{
	unsigned int i;

	b->packets = 0;
	b->took = 0;
	b->windows = 0;
	b->trips = 0;
	b->worker_ns = bench_workers_ns();
	b->worker_slept = bench_workers_slept();
	b->part_packets = 0;
	b->part_ns = 0;
	for (i = 0; i < VQ_MAX; i++) {
		b->g.vq[i].kicks = 0;
		eventfd_drain(b->g.vq[i].call);
	}
}

void bench_add_part(struct bench *b, __u64 packets, __s64 ns)
{
	b->packets += packets;
	b->took += ns;
	b->part_packets += packets;
	b->part_ns += ns;
	if (b->part_ns < b->window_ns || b->windows == WINDOWS)
		return;
	b->rate[b->windows++] = b->part_packets * 1e9 / b->part_ns;
	b->part_packets = 0;
	b->part_ns = 0;
}

void bench_note_trip(struct bench *b, __s64 ns)
{
	if (b->trips < TRIPS)
		b->trip_ns[b->trips++] = ns;
}

static int less(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* What @percent of the round trips did not exceed, 0 if there were none. */
static double trip(const struct bench *b, unsigned int percent)
{
	return b->trips ? b->trip_ns[(b->trips - 1) * percent / 100] : 0;
}

static double per_thousand(const struct bench *b, __u64 n)
{
	return n * 1000.0 / b->packets;
}

void bench_report(struct bench *b)
{
	__u64 kicks = 0, calls = 0;
	double worker_ns = bench_workers_ns() - b->worker_ns;
	__u64 slept = bench_workers_slept() - b->worker_slept;
	double mean = b->packets * 1e9 / b->took;
	unsigned int i;

	/* Runs between two ticks would not be seen. */
	if (b->window_ns > WINDOW_NS)
		worker_ns = 0;
	if (!b->windows)
		b->rate[b->windows++] = mean;
	for (i = 0; i < VQ_MAX; i++) {
		kicks += b->g.vq[i].kicks;
		calls += b->g.vq[i].wakeups + eventfd_drain(b->g.vq[i].call);
	}
	qsort(b->rate, b->windows, sizeof(*b->rate), less);
	qsort(b->trip_ns, b->trips, sizeof(*b->trip_ns), less);
	printf("%.0f %.0f %.1f %.1f %.0f %.0f %.0f %.1f\n", mean,
	       b->rate[b->windows * 9 / 10], per_thousand(b, kicks),
	       per_thousand(b, calls), worker_ns / b->packets, trip(b, 50),
	       trip(b, 99), per_thousand(b, slept));
}
