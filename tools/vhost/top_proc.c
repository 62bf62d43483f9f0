// SPDX-License-Identifier: GPL-2.0
/*
 * Processes and threads: their names, and the time that workers use.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "top.h"

/* A command line may be megabytes; its owner is not to fill our memory. */
#define SLURP_MAX	(1024 * 1024)
#define SLURP_STEP	4096
/* What stands behind a thread's name, as far as the times it has used. */
#define STAT_TIMES	") %*c %*d %*d %*d %*d %*d" \
			" %*u %*u %*u %*u %*u %llu %llu"

const char *top_root = "/proc";

/**
 * top_root_is_real() - is this about the machine's own processes?
 *
 * Return: false for a tree that somebody has made up.
 */
bool top_root_is_real(void)
{
	return !strcmp(top_root, "/proc");
}

/**
 * top_now_ns() - the time
 *
 * Return: nanoseconds of a clock that nobody sets.
 */
__s64 top_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static char *read_all(int fd, size_t *len)
{
	char *buf = NULL, *more;
	size_t have = 0;
	ssize_t got;

	do {
		more = realloc(buf, have + SLURP_STEP + 1);
		if (!more)
			break;
		buf = more;
		got = read(fd, buf + have, SLURP_STEP);
		if (got > 0)
			have += got;
	} while (got > 0 && have < SLURP_MAX);
	if (!more || got < 0) {
		free(buf);
		return NULL;
	}
	buf[have] = 0;
	*len = have;
	return buf;
}

/**
 * top_slurp() - read a file
 * @path: which one
 * @len: how long it is
 *
 * Return: its contents and a NUL behind them, to be freed; NULL, and errno, if
 * that is not possible. Nothing beyond SLURP_MAX is read.
 */
char *top_slurp(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *buf;

	if (fd < 0)
		return NULL;
	buf = read_all(fd, len);
	close(fd);
	return buf;
}

/**
 * top_proc_file() - read a file of a process or thread
 * @pid: which one
 * @name: of the file
 * @len: how long it is
 *
 * Return: as for top_slurp().
 */
char *top_proc_file(pid_t pid, const char *name, size_t *len)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%d/%s", top_root, pid, name);
	return top_slurp(path, len);
}

/* Up to the first comma that isn't doubled. */
static void until_comma(const char *from, char *to, size_t size)
{
	size_t n = 0;

	for (; *from && n + 1 < size; from++) {
		if (*from == ',' && *++from != ',')
			break;
		to[n++] = *from;
	}
	to[n] = 0;
}

/* QEMU's "-name NAME,...", where NAME may be called guest=, anywhere. */
static void name_option(const char *arg, char *to, size_t size)
{
	const char *at = arg;

	while (at && strncmp(at, "guest=", 6)) {
		at = strchr(at, ',');
		/* Two of them are one that belongs to a value. */
		while (at && at[1] == ',')
			at = strchr(at + 2, ',');
		at = at ? at + 1 : NULL;
	}
	if (at)
		until_comma(at + 6, to, size);
	else if (!strchr(arg, '=') || strcspn(arg, ",") < strcspn(arg, "="))
		until_comma(arg, to, size);
}

static void name_in_arguments(const char *args, size_t len, char *to,
			      size_t size)
{
	const char *end = args + len, *arg, *next;

	for (arg = args; arg < end; arg = next) {
		next = arg + strlen(arg) + 1;
		if (next < end &&
		    (!strcmp(arg, "-name") || !strcmp(arg, "--name")))
			name_option(next, to, size);
	}
}

/**
 * top_name_process() - find out which process and which VM a device is of
 * @dev: the device, with its process
 */
void top_name_process(struct top_device *dev)
{
	char name[4 * TOP_NAME] = "";
	char *text;
	size_t len;

	text = top_proc_file(dev->pid, "comm", &len);
	if (text) {
		text[strcspn(text, "\n")] = 0;
		top_clean(text);
		top_copy(dev->comm, text, sizeof(dev->comm));
		free(text);
	}
	text = top_proc_file(dev->pid, "cmdline", &len);
	if (text) {
		name_in_arguments(text, len, name, sizeof(name));
		top_clean(name);
		free(text);
	}
	top_copy(dev->vm, *name ? name : dev->comm, sizeof(dev->vm));
}

/**
 * top_worker_owner() - the process that a worker works for, by its name
 * @thread: the worker
 *
 * Return: the thread that had it made, or 0 if this isn't a worker.
 */
pid_t top_worker_owner(pid_t thread)
{
	__u64 owner = 0;
	size_t len;
	char *comm;

	comm = top_proc_file(thread, "comm", &len);
	if (!comm)
		return 0;
	comm[strcspn(comm, "\n")] = 0;
	if (strncmp(comm, "vhost-", 6) || !top_number(comm + 6, &owner))
		owner = 0;
	free(comm);
	return owner;
}

/* A worker bears the number of a thread, mostly the process' first. */
static bool is_thread_of(pid_t thread, pid_t pid)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%d/task/%d", top_root, pid, thread);
	return thread == pid || !access(path, F_OK);
}

static void add_worker(struct top_snapshot *snap, pid_t thread, pid_t owner)
{
	struct top_worker *w;
	size_t i;

	for (i = 0; i < snap->n; i++) {
		if (snap->dev[i].has_stats ||
		    !is_thread_of(owner, snap->dev[i].pid))
			continue;
		w = top_worker(&snap->dev[i], snap->dev[i].n_workers);
		if (w)
			w->thread = thread;
	}
}

static void look_for_workers(struct top_snapshot *snap, const char *path)
{
	struct dirent *ent;
	__u64 thread;
	pid_t owner;
	DIR *dir;

	dir = opendir(path);
	while (dir && (ent = readdir(dir))) {
		if (!top_number(ent->d_name, &thread))
			continue;
		owner = top_worker_owner(thread);
		if (owner)
			add_worker(snap, thread, owner);
	}
	if (dir)
		closedir(dir);
}

static int by_thread(const void *a, const void *b)
{
	const struct top_worker *x = a, *y = b;

	return x->thread < y->thread ? -1 : x->thread > y->thread;
}

/* Nobody has numbered them. */
static void number_workers(struct top_device *dev)
{
	unsigned int i;

	if (!dev->n_workers)
		return;
	qsort(dev->workers, dev->n_workers, sizeof(*dev->workers), by_thread);
	for (i = 0; i < dev->n_workers; i++)
		dev->workers[i].id = i;
}

/**
 * top_find_workers() - find the workers of processes whose module tells nothing
 * @snap: all devices; one that tells nothing stands for all of its process
 *
 * They are threads of the kernel, or of the process since Linux 6.4.
 */
void top_find_workers(struct top_snapshot *snap)
{
	bool any = false;
	char path[4096];
	size_t i;

	for (i = 0; i < snap->n; i++)
		any |= !snap->dev[i].has_stats;
	if (!any)
		return;
	look_for_workers(snap, top_root);
	for (i = 0; i < snap->n; i++) {
		if (snap->dev[i].has_stats || snap->dev[i].n_workers)
			continue;
		snprintf(path, sizeof(path), "%s/%d/task", top_root,
			 snap->dev[i].pid);
		look_for_workers(snap, path);
	}
	for (i = 0; i < snap->n; i++)
		if (!snap->dev[i].has_stats)
			number_workers(&snap->dev[i]);
}

/* Time in ticks, of a kernel that does not count nanoseconds. */
static bool time_in_ticks(pid_t thread, __u64 *ns)
{
	unsigned long long user, system;
	char *stat, *at;
	bool ok = false;
	size_t len;

	stat = top_proc_file(thread, "stat", &len);
	/* The name may have blanks and brackets in it. */
	at = stat ? strrchr(stat, ')') : NULL;
	if (at && sscanf(at, STAT_TIMES, &user, &system) == 2) {
		*ns = (user + system) * (1000000000 / sysconf(_SC_CLK_TCK));
		ok = true;
	}
	free(stat);
	return ok;
}

static bool time_in_ns(pid_t thread, __u64 *ns)
{
	bool ok = false;
	size_t len;
	char *text;

	text = top_proc_file(thread, "schedstat", &len);
	if (text) {
		text[strspn(text, "0123456789")] = 0;
		ok = top_number(text, ns);
	}
	free(text);
	return ok;
}

/**
 * top_time_workers() - find out what workers used, if the module did not tell
 * @dev: the device
 */
void top_time_workers(struct top_device *dev)
{
	struct top_worker *w;
	unsigned int i;

	for (i = 0; i < dev->n_workers; i++) {
		w = &dev->workers[i];
		if (!w->has_cpu && w->thread)
			w->has_cpu = time_in_ns(w->thread, &w->cpu_ns) ||
				     time_in_ticks(w->thread, &w->cpu_ns);
	}
}
