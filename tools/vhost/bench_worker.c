// SPDX-License-Identifier: GPL-2.0
/*
 * The driver's workers: where they run, and how much.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define WORKERS		16

static bool is_worker(const char *pid, const char *name)
{
	char path[300], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (!fgets(comm, sizeof(comm), f))
		comm[0] = 0;
	fclose(f);
	comm[strcspn(comm, "\n")] = 0;
	return !strcmp(comm, name);
}

/* Numbers of our workers' threads: the kernel's, on newer kernels our own. */
static unsigned int find_workers(const char *dir, pid_t *tid, unsigned int max)
{
	struct dirent *e;
	DIR *d = opendir(dir);
	unsigned int n = 0;
	char name[32];

	snprintf(name, sizeof(name), "vhost-%d", getpid());
	while (d && n < max && (e = readdir(d)))
		if (is_worker(e->d_name, name))
			tid[n++] = atoi(e->d_name);
	if (d)
		closedir(d);
	return n;
}

static void keep_off(const char *dir, const cpu_set_t *cpus)
{
	pid_t tid[WORKERS];
	unsigned int n = find_workers(dir, tid, WORKERS);

	while (n--)
		sched_setaffinity(tid[n], sizeof(*cpus), cpus);
}

/* CPU time of all workers in @dir: by the clock of a process or a thread. */
static __s64 cpu_ns(const char *dir, bool thread)
{
	pid_t tid[WORKERS];
	unsigned int n = find_workers(dir, tid, WORKERS);
	struct timespec ts;
	__s64 sum = 0;

	while (n--) {
		clockid_t clock = (clockid_t)(~(unsigned int)tid[n] << 3) |
				  (thread ? 4 : 0) | 2;

		if (!clock_gettime(clock, &ts))
			sum += ts.tv_sec * 1000000000LL + ts.tv_nsec;
	}
	return sum;
}

__s64 bench_workers_ns(void)
{
	return cpu_ns("/proc", false) + cpu_ns("/proc/self/task", true) +
		bench_qemu_ns();
}

static __u64 switches_of(const char *dir, pid_t tid)
{
	static const char name[] = "voluntary_ctxt_switches:";
	char path[64], line[128];
	__u64 n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%d/status", dir, tid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, sizeof(name) - 1))
			n = strtoull(line + sizeof(name) - 1, NULL, 10);
	if (f)
		fclose(f);
	return n;
}

static __u64 switches(const char *dir)
{
	pid_t tid[WORKERS];
	unsigned int n = find_workers(dir, tid, WORKERS);
	__u64 sum = 0;

	while (n--)
		sum += switches_of(dir, tid[n]);
	return sum;
}

__u64 bench_workers_slept(void)
{
	pid_t qemu = bench_qemu_pid();

	return switches("/proc") + switches("/proc/self/task") +
		(qemu ? switches_of("/proc", qemu) : 0);
}

/* All but the first; false if there are no others. */
static bool other_cpus(cpu_set_t *rest)
{
	int i, n = sysconf(_SC_NPROCESSORS_ONLN);

	CPU_ZERO(rest);
	for (i = 1; i < n; i++)
		CPU_SET(i, rest);
	return n > 1;
}

void bench_leave_first_cpu(void)
{
	cpu_set_t rest;

	if (other_cpus(&rest))
		sched_setaffinity(0, sizeof(rest), &rest);
}

void bench_place_threads(void)
{
	cpu_set_t first, rest;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	if (!other_cpus(&rest))
		return;
	keep_off("/proc", &rest);
	keep_off("/proc/self/task", &rest);
	sched_setaffinity(0, sizeof(first), &first);
}
