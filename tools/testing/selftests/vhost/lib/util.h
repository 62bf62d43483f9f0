/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VHT_UTIL_H
#define VHT_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <asm/types.h>
#include <sys/types.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

static inline size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * The only time limit that is ever judged. It is far above any delay that
 * a loaded, emulated machine shows, so crossing it means a lost wakeup.
 */
#define STALL_MS	20000

__s64 now_ms(void);
void pause_ms(int ms);

/* xorshift: the same seed gives the same run everywhere. */
__u64 rnd(__u64 *state);

/* How often an eventfd was signalled since the last call. */
__u64 eventfd_drain(int fd);
bool eventfd_wait(int fd, int ms);
/* Does a signal come? Those that have come are taken. */
bool eventfd_comes(int fd);

/* A file descriptor through a socket; 0 or -errno, and the descriptor or -1. */
int pass_fd(int sock, int fd);
int take_fd(int sock);
/* Does it come to pass that nobody can write to this pipe any more? */
bool pipe_hangs_up(int reader);

/*
 * A child that has done @set_up, and then waits to be killed. Return: its
 * process, or -errno.
 */
pid_t child_ready(bool (*set_up)(void));
/* Kill it, or send it that signal. True if that is what it has died of. */
bool child_killed(pid_t pid);
bool child_dies_of(pid_t pid, int sig);

/* Set when the distribution's own driver is under test. */
bool stock_driver(void);
/* Features that guests of VIRTIO 1 are to have, too: VHOST_TEST_FEATURES. */
__u64 more_features(void);
bool test_selected(const char *name);
/* A number from the environment, @otherwise if it isn't there. */
__u64 number_from(const char *name, __u64 otherwise);

/* To a file that is there, all of @text in one call; 0 or -errno. */
int write_file(const char *path, const char *text);

/* CPU milliseconds used so far by the workers of owner thread @tid. */
long worker_cpu_ms(pid_t tid);
int worker_count(pid_t tid);
/* Does it become @n? Threads that end need a moment. */
bool workers_become(pid_t tid, int n);
/*
 * Wait until those of this thread sleep: a thread that has been woken does not,
 * whether it runs or waits for a processor. So there is no turn to come.
 */
bool workers_asleep(void);
/* Do the workers of this thread sleep, by and large? */
bool workers_quiet(void);

#endif
