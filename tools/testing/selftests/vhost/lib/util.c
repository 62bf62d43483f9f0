// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

__s64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

void pause_ms(int ms)
{
	struct timespec ts = { ms / 1000, (ms % 1000) * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

__u64 rnd(__u64 *state)
{
	__u64 x = *state ? *state : 0x9e3779b97f4a7c15ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*state = x;
	return x >> 11;
}

__u64 eventfd_drain(int fd)
{
	__u64 n;

	if (read(fd, &n, sizeof(n)) != sizeof(n))
		return 0;
	return n;
}

bool eventfd_wait(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	__s64 end = now_ms() + ms;
	int left = ms;

	while (left >= 0) {
		if (poll(&p, 1, left) > 0)
			return true;
		left = end - now_ms();
	}
	return false;
}

bool eventfd_comes(int fd)
{
	return eventfd_wait(fd, STALL_MS) && eventfd_drain(fd);
}

int pass_fd(int sock, int fd)
{
	char space[CMSG_SPACE(sizeof(int))] = {}, c = 0;
	struct iovec iov = { &c, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -errno;
}

int take_fd(int sock)
{
	char space[CMSG_SPACE(sizeof(int))], c;
	struct iovec iov = { &c, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space),
	};
	int fd;

	if (recvmsg(sock, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

bool pipe_hangs_up(int reader)
{
	struct pollfd p = { .fd = reader };

	return poll(&p, 1, STALL_MS) == 1 && p.revents & POLLHUP;
}

pid_t child_ready(bool (*set_up)(void))
{
	int ready[2];
	pid_t pid;
	char c;

	if (pipe(ready))
		return -errno;
	pid = fork();
	if (!pid) {
		/* A test that is killed takes its children along. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!set_up() || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (pid > 0 && read(ready[0], &c, 1) != 1)
		pid = -ECHILD;
	close(ready[0]);
	return pid;
}

bool child_dies_of(pid_t pid, int sig)
{
	int status;

	return !kill(pid, sig) && waitpid(pid, &status, 0) == pid &&
		WIFSIGNALED(status) && WTERMSIG(status) == sig;
}

bool child_killed(pid_t pid)
{
	return child_dies_of(pid, SIGKILL);
}

bool stock_driver(void)
{
	const char *e = getenv("VHOST_TEST_STOCK");

	return e && *e && *e != '0';
}

__u64 more_features(void)
{
	return number_from("VHOST_TEST_FEATURES", 0);
}

__u64 number_from(const char *name, __u64 otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);
	int r;

	if (fd < 0)
		return -errno;
	r = write(fd, text, len) == (ssize_t)len ? 0 : -errno;
	close(fd);
	return r;
}

bool test_selected(const char *name)
{
	const char *only = getenv("VHOST_TEST_ONLY");

	return !only || strstr(name, only);
}

/* utime + stime of one task directory, -1 if it isn't the wanted worker. */
static long task_cpu_ms(const char *dir, const char *comm, bool *asleep)
{
	unsigned long utime, stime;
	char path[384], line[1024], *p;
	FILE *f;
	int i;

	snprintf(path, sizeof(path), "%s/stat", dir);
	f = fopen(path, "r");
	if (!f)
		return -1;
	p = fgets(line, sizeof(line), f);
	fclose(f);
	if (!p)
		return -1;
	p = strchr(line, '(');
	if (!p || strncmp(p + 1, comm, strlen(comm)))
		return -1;
	/* "vhost-12" must not match the worker of thread 123. */
	if (isdigit((unsigned char)p[1 + strlen(comm)]))
		return -1;
	/* Behind the name: state, ten numbers, then the two times. */
	p = strrchr(line, ')');
	*asleep = p && p[1] && p[2] == 'S';
	for (i = 0; p && i < 12; i++)
		p = strchr(p + 1, ' ');
	if (!p || sscanf(p, "%lu %lu", &utime, &stime) != 2)
		return -1;
	return (utime + stime) * 1000 / sysconf(_SC_CLK_TCK);
}

struct scan {
	long ms;
	int count;
	int awake;
};

static void scan_tasks(const char *base, const char *comm, struct scan *scan)
{
	struct dirent *e;
	char dir[300];
	bool asleep;
	long ms;
	DIR *d;

	d = opendir(base);
	if (!d)
		return;
	while ((e = readdir(d))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(dir, sizeof(dir), "%s/%s", base, e->d_name);
		ms = task_cpu_ms(dir, comm, &asleep);
		if (ms < 0)
			continue;
		scan->ms += ms;
		scan->count++;
		scan->awake += !asleep;
	}
	closedir(d);
}

/*
 * A worker is a kernel thread of its own on older kernels and a thread of
 * the owner on newer ones. Both carry the owner's thread id in the name.
 */
static struct scan scan_workers(pid_t tid)
{
	char comm[32], threads[64];
	struct scan scan = {};

	snprintf(threads, sizeof(threads), "/proc/%d/task", tid);
	snprintf(comm, sizeof(comm), "vhost-%d", tid);
	scan_tasks("/proc", comm, &scan);
	scan_tasks(threads, comm, &scan);
	return scan;
}

long worker_cpu_ms(pid_t tid)
{
	return scan_workers(tid).ms;
}

int worker_count(pid_t tid)
{
	return scan_workers(tid).count;
}

bool workers_become(pid_t tid, int n)
{
	__s64 end = now_ms() + STALL_MS;

	while (worker_count(tid) != n) {
		if (now_ms() > end)
			return false;
		pause_ms(10);
	}
	return true;
}

bool workers_asleep(void)
{
	__s64 end = now_ms() + STALL_MS;

	while (scan_workers(getpid()).awake) {
		if (now_ms() > end)
			return false;
		pause_ms(1);
	}
	return true;
}

#define WATCH_MS	400

bool workers_quiet(void)
{
	long before;

	pause_ms(WATCH_MS / 4);
	before = worker_cpu_ms(getpid());
	pause_ms(WATCH_MS);
	return worker_cpu_ms(getpid()) - before < WATCH_MS / 2;
}
