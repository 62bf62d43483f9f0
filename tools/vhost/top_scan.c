// SPDX-License-Identifier: GPL-2.0
/*
 * The devices that processes have open. One open file may have descriptors in
 * several processes, which got it from each other, and is shown once.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "top.h"

#define MISC_MAJOR	10
#define PATH_SIZE	4096

/* Is it the device, and not a file that somebody has called so? */
static bool is_char_device(const char *path)
{
	struct stat st;

	if (!top_root_is_real())
		return true;
	return !stat(path, &st) && S_ISCHR(st.st_mode) &&
	       major(st.st_rdev) == MISC_MAJOR;
}

/*
 * Other files are not touched: one that lies on a server that is gone would
 * hold us up.
 */
static bool is_vhost_net(pid_t pid, const char *fd)
{
	char path[PATH_SIZE], to[PATH_SIZE];
	const char *name;
	ssize_t len;

	snprintf(path, sizeof(path), "%s/%d/fd/%s", top_root, pid, fd);
	len = readlink(path, to, sizeof(to) - 1);
	if (len < 0)
		return false;
	to[len] = 0;
	name = strrchr(to, '/');
	return name && !strncmp(name, "/vhost-net", 10) &&
	       (!name[10] || name[10] == ' ') && is_char_device(path);
}

static bool read_device(struct top_device *dev, pid_t pid, int fd)
{
	char name[32], *text;
	size_t len;

	memset(dev, 0, sizeof(*dev));
	dev->pid = pid;
	dev->fd = fd;
	dev->files = 1;
	dev->regions = -1;
	dev->when_ns = top_now_ns();
	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	text = top_proc_file(pid, name, &len);
	if (!text) {
		dev->denied = errno == EACCES || errno == EPERM;
		return dev->denied;
	}
	/* The parser cuts it to pieces. */
	dev->text = strdup(text);
	top_fdinfo(dev, text);
	free(text);
	return true;
}

/* A thread works for one device only. */
static pid_t any_thread(const struct top_device *dev)
{
	return dev->n_workers ? dev->workers[0].thread : 0;
}

/* What the kernel itself says of two descriptors. */
static bool same_file(const struct top_device *a, const struct top_device *b)
{
	return top_root_is_real() &&
	       !syscall(SYS_kcmp, a->pid, b->pid, KCMP_FILE, a->fd, b->fd);
}

static bool same_device(const struct top_device *a, const struct top_device *b)
{
	if (a->has_stats != b->has_stats)
		return false;
	if (a->has_id || b->has_id)
		return a->has_id == b->has_id && a->id == b->id;
	/* Workers of a module that tells nothing are known by the process. */
	if (!a->has_stats && a->pid == b->pid)
		return true;
	if (any_thread(a) || any_thread(b))
		return any_thread(a) == any_thread(b);
	return same_file(a, b);
}

/* Who has it set up is shown, rather than who has passed it on. */
static pid_t owner_of(const struct top_device *dev)
{
	if (dev->owner || !any_thread(dev))
		return dev->owner;
	return top_worker_owner(any_thread(dev));
}

static int by_process(const void *a, const void *b)
{
	const struct top_device *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->fd < y->fd ? -1 : x->fd > y->fd;
}

static void merge(struct top_device *to, struct top_device *from)
{
	struct top_device old = *to;
	pid_t owner = owner_of(from);
	bool theirs = to->pid == owner, better = from->pid == owner;

	/* The lowest descriptor that its owner has, or that anybody has. */
	if (better == theirs)
		better = by_process(from, to) < 0;
	if (better) {
		*to = *from;
		to->files = old.files;
		*from = old;
	}
	to->files++;
	top_device_free(from);
}

static int add_device(struct top_snapshot *snap, struct top_device *dev)
{
	struct top_device *more;
	size_t i;

	for (i = 0; i < snap->n; i++) {
		if (!same_device(&snap->dev[i], dev))
			continue;
		merge(&snap->dev[i], dev);
		return 0;
	}
	more = reallocarray(snap->dev, snap->n + 1, sizeof(*more));
	if (!more) {
		top_device_free(dev);
		return -ENOMEM;
	}
	snap->dev = more;
	snap->dev[snap->n++] = *dev;
	return 0;
}

/* Processes that end meanwhile are passed over. */
static int scan_process(struct top_snapshot *snap, pid_t pid, bool alone)
{
	struct top_device dev;
	struct dirent *ent;
	char path[PATH_SIZE];
	__u64 fd;
	int r = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%d/fd", top_root, pid);
	dir = opendir(path);
	if (!dir) {
		if (errno == EACCES || errno == EPERM)
			snap->denied = true;
		else if (alone)
			return -ESRCH;
		return 0;
	}
	while (!r && (ent = readdir(dir)))
		if (top_number(ent->d_name, &fd) &&
		    is_vhost_net(pid, ent->d_name) &&
		    read_device(&dev, pid, fd))
			r = add_device(snap, &dev);
	closedir(dir);
	return r;
}

/* Mounted so that others' processes are not even there? */
static bool hides_processes(void)
{
	return top_root_is_real() && geteuid() && access("/proc/1", F_OK);
}

static int scan_all(struct top_snapshot *snap)
{
	struct dirent *ent;
	__u64 pid;
	int r = 0;
	DIR *dir;

	dir = opendir(top_root);
	if (!dir)
		return -errno;
	snap->denied = hides_processes();
	while (!r && (ent = readdir(dir)))
		if (top_number(ent->d_name, &pid))
			r = scan_process(snap, pid, false);
	closedir(dir);
	return r;
}

/**
 * top_scan() - look at all devices
 * @snap: what was found; to be freed, also after an error
 * @only: process to look at, 0: all
 *
 * Return: 0 or -errno.
 */
int top_scan(struct top_snapshot *snap, pid_t only)
{
	size_t i;
	int r;

	memset(snap, 0, sizeof(*snap));
	r = only ? scan_process(snap, only, true) : scan_all(snap);
	if (snap->n)
		qsort(snap->dev, snap->n, sizeof(*snap->dev), by_process);
	top_find_workers(snap);
	for (i = 0; i < snap->n; i++) {
		top_name_process(&snap->dev[i]);
		top_time_workers(&snap->dev[i]);
		if (snap->dev[i].has_stats && !snap->dev[i].owner)
			snap->dev[i].owner = owner_of(&snap->dev[i]);
	}
	return r;
}

/**
 * top_snapshot_free() - give back a snapshot
 * @snap: which one; empty afterwards
 */
void top_snapshot_free(struct top_snapshot *snap)
{
	size_t i;

	for (i = 0; i < snap->n; i++)
		top_device_free(&snap->dev[i]);
	free(snap->dev);
	memset(snap, 0, sizeof(*snap));
}
