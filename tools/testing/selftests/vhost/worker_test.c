// SPDX-License-Identifier: GPL-2.0
/*
 * Workers: made, ended, given to rings, and what their threads cost the owner.
 */
#include "fixture.h"

#include <grp.h>
#include <sys/resource.h>

#include "cgroup.h"
#include "device.h"

#define MAX_WORKERS	8	/* VHOST_MAX_WORKERS of the driver */
#define BAD_PTR		((void *)8)

static const unsigned long worker_calls[] = {
	VHOST_NEW_WORKER, VHOST_FREE_WORKER, VHOST_ATTACH_VRING_WORKER,
	VHOST_GET_VRING_WORKER,
};

/* A device without an owner. */
FIXTURE(fresh)
{
	int fd;
};

FIXTURE_SETUP(fresh)
{
	RUN_IF_SELECTED();
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(fresh)
{
	close(self->fd);
}

TEST_F(fresh, calls_need_an_owner)
{
	__u32 arg[2] = {};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(worker_calls); i++) {
		EXPECT_EQ(-EPERM, dev_ioctl(self->fd, worker_calls[i], arg));
		EXPECT_EQ(-EPERM, dev_ioctl(self->fd, worker_calls[i],
					    BAD_PTR));
	}
	EXPECT_EQ(0, worker_count(getpid()));
	EXPECT_EQ(0, dev_set_owner(self->fd));
	EXPECT_EQ(1, worker_count(getpid()));
}

static int get_fork(int fd)
{
	__u8 kind = 77;
	int r = dev_ioctl(fd, VHOST_GET_FORK_FROM_OWNER, &kind);

	return r < 0 ? r : kind;
}

static int set_fork(int fd, __u8 kind)
{
	return dev_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, &kind);
}

TEST_F(fresh, kind_of_thread)
{
	int kind = get_fork(self->fd), r;

	if (kind == -EPERM)
		SKIP(return, "not in this driver");
	EXPECT_TRUE(kind == VHOST_FORK_OWNER_KTHREAD ||
		    kind == VHOST_FORK_OWNER_TASK);
	EXPECT_EQ(-EINVAL, set_fork(self->fd, 2));
	EXPECT_EQ(-EINVAL, set_fork(self->fd, 255));
	EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, VHOST_SET_FORK_FROM_OWNER,
				     BAD_PTR));
	EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, VHOST_GET_FORK_FROM_OWNER,
				     BAD_PTR));
	EXPECT_EQ(kind, get_fork(self->fd));
	/* A thread of the owner takes a kernel that can make one. */
	r = set_fork(self->fd, VHOST_FORK_OWNER_TASK);
	EXPECT_TRUE(!r || r == -EOPNOTSUPP);
	EXPECT_EQ(r ? kind : VHOST_FORK_OWNER_TASK, get_fork(self->fd));
	EXPECT_EQ(0, set_fork(self->fd, VHOST_FORK_OWNER_KTHREAD));
	EXPECT_EQ(VHOST_FORK_OWNER_KTHREAD, get_fork(self->fd));

	ASSERT_EQ(0, dev_set_owner(self->fd));
	EXPECT_EQ(-EBUSY, set_fork(self->fd, VHOST_FORK_OWNER_KTHREAD));
	EXPECT_EQ(-EBUSY, set_fork(self->fd, 2));
	EXPECT_EQ(-EBUSY, dev_ioctl(self->fd, VHOST_SET_FORK_FROM_OWNER,
				    BAD_PTR));
	EXPECT_EQ(VHOST_FORK_OWNER_KTHREAD, get_fork(self->fd));
	EXPECT_EQ(0, dev_reset_owner(self->fd));
	EXPECT_EQ(kind, get_fork(self->fd));
	EXPECT_EQ(0, set_fork(self->fd, VHOST_FORK_OWNER_KTHREAD));
}

/* A thread that has ended may be in its group for a moment longer. */
static bool threads_become(const struct cgroup *c, int n)
{
	__s64 end = now_ms() + STALL_MS;

	while (cgroup_threads(c) != n && now_ms() < end)
		pause_ms(10);
	return cgroup_threads(c) == n;
}

/* What workers burn is to be accounted to their owner. */
TEST_F(fresh, in_the_owners_cgroup)
{
	struct cgroup c;
	int r = cgroup_enter(&c, NULL);

	if (r)
		SKIP(return, "no control groups: %s", strerror(-r));
	EXPECT_EQ(1, cgroup_threads(&c));
	EXPECT_EQ(0, dev_set_owner(self->fd));
	EXPECT_EQ(2, cgroup_threads(&c));
	if (!stock_driver()) {
		EXPECT_EQ(1, dev_new_worker(self->fd));
		EXPECT_EQ(3, cgroup_threads(&c));
		EXPECT_EQ(0, dev_free_worker(self->fd, 1));
		EXPECT_TRUE(threads_become(&c, 2));
		EXPECT_EQ(1, dev_new_worker(self->fd));
	}
	EXPECT_EQ(0, dev_reset_owner(self->fd));
	EXPECT_TRUE(threads_become(&c, 1));
	EXPECT_EQ(0, cgroup_leave(&c));
}

/*
 * At a limit, a worker is made or is not (S20, S21): whatever the answer, it is
 * true, and nothing is left over. Threads of the kernel are not stopped by
 * limits of the owner, as the kernel takes the group's for a limit of fork().
 */
static void make_workers(struct __test_metadata *_metadata, int fd)
{
	int i, r, n = 0;

	for (i = 0; i < 20; i++) {
		r = dev_set_owner(fd);
		if (!i)
			TH_LOG("SET_OWNER: %s", strerror(-r));
		EXPECT_EQ(!r, worker_count(getpid()));
		for (n = !r; n && n < 4; n++) {
			r = dev_new_worker(fd);
			if (r < 0)
				break;
			EXPECT_EQ(n, r);
		}
		EXPECT_EQ(n, worker_count(getpid()));
		if (n)
			EXPECT_EQ(0, dev_reset_owner(fd));
		EXPECT_TRUE(workers_become(getpid(), 0));
	}
	TH_LOG("%d workers", n);
}

TEST_F(fresh, pids_limit_of_the_cgroup)
{
	struct cgroup c;
	pid_t pid;
	int r;

	NOT_FOR_STOCK("has one worker");
	r = cgroup_enter(&c, "+pids");
	if (r)
		SKIP(return, "no pids controller: %s", strerror(-r));
	ASSERT_EQ(0, cgroup_write(&c, "pids.max", "1"));
	pid = fork();
	if (!pid)
		_exit(0);
	EXPECT_EQ(-1, pid);
	make_workers(_metadata, self->fd);
	EXPECT_TRUE(threads_become(&c, 1));
	EXPECT_EQ(0, cgroup_leave(&c));
}

TEST_F(fresh, process_limit_of_the_owner)
{
	struct rlimit none = { 0, 0 };
	pid_t pid;

	NOT_FOR_STOCK("has one worker");
	/* Root has no limit: be somebody else. */
	ASSERT_EQ(0, setgroups(0, NULL));
	ASSERT_EQ(0, setresgid(54321, 54321, 54321));
	ASSERT_EQ(0, setresuid(54321, 54321, 54321));
	ASSERT_EQ(0, setrlimit(RLIMIT_NPROC, &none));
	pid = fork();
	if (!pid)
		_exit(0);
	EXPECT_EQ(-1, pid);
	EXPECT_EQ(EAGAIN, errno);
	make_workers(_metadata, self->fd);
}

/* A device with an owner and the worker that comes with it. */
FIXTURE(owned)
{
	int fd;
};

FIXTURE_SETUP(owned)
{
	RUN_IF_SELECTED();
	NOT_FOR_STOCK("has one worker");
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, dev_set_owner(self->fd));
}

FIXTURE_TEARDOWN(owned)
{
	close(self->fd);
}

static int child_tries(int fd)
{
	__u32 arg[2] = {};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(worker_calls); i++)
		if (dev_ioctl(fd, worker_calls[i], arg) != -EPERM)
			return 1 + i;
	return 0;
}

TEST_F(owned, other_process_is_refused)
{
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(child_tries(self->fd));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(1, worker_count(getpid()));
}

TEST_F(owned, both_rings_have_the_first)
{
	EXPECT_EQ(0, dev_get_worker(self->fd, VQ_RX));
	EXPECT_EQ(0, dev_get_worker(self->fd, VQ_TX));
	EXPECT_EQ(-EBUSY, dev_free_worker(self->fd, 0));
}

TEST_F(owned, bad_arguments)
{
	static const unsigned int bad_id[] = {
		1, MAX_WORKERS - 1, MAX_WORKERS, 1000, 1u << 31, ~0u,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(worker_calls); i++)
		EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, worker_calls[i],
					     BAD_PTR))
			TH_LOG("call %#lx", worker_calls[i]);
	EXPECT_TRUE(workers_become(getpid(), 1));
	for (i = 0; i < ARRAY_SIZE(bad_id); i++) {
		EXPECT_EQ(-ENODEV, dev_free_worker(self->fd, bad_id[i]));
		EXPECT_EQ(-ENODEV, dev_attach_worker(self->fd, VQ_TX,
						     bad_id[i]));
		EXPECT_EQ(-ENOBUFS, dev_attach_worker(self->fd, VQ_MAX,
						      bad_id[i]));
	}
	EXPECT_EQ(-ENOBUFS, dev_attach_worker(self->fd, VQ_MAX, 0));
	EXPECT_EQ(-ENOBUFS, dev_attach_worker(self->fd, ~0u, 0));
	EXPECT_EQ(-ENOBUFS, dev_get_worker(self->fd, VQ_MAX));
	EXPECT_EQ(-ENOBUFS, dev_get_worker(self->fd, ~0u));
	EXPECT_EQ(0, dev_get_worker(self->fd, VQ_TX));
}

/* The ring number can be read, what follows it is on a missing page. */
TEST_F(owned, half_bad_pointer)
{
	char *page = guarded_map(PAGE);
	unsigned int *arg = (void *)(page + PAGE - 4);

	ASSERT_NE(NULL, page);
	*arg = 0;
	EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, VHOST_ATTACH_VRING_WORKER, arg));
	EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, VHOST_GET_VRING_WORKER, arg));
	guarded_unmap(page, PAGE);
}

TEST_F(owned, new_and_free)
{
	int a, b;

	a = dev_new_worker(self->fd);
	b = dev_new_worker(self->fd);
	EXPECT_LT(0, a);
	EXPECT_LT(0, b);
	EXPECT_NE(a, b);
	EXPECT_EQ(3, worker_count(getpid()));
	EXPECT_EQ(0, dev_free_worker(self->fd, a));
	EXPECT_TRUE(workers_become(getpid(), 2));
	EXPECT_EQ(-ENODEV, dev_free_worker(self->fd, a));
	EXPECT_EQ(-ENODEV, dev_attach_worker(self->fd, VQ_RX, a));
	EXPECT_EQ(0, dev_get_worker(self->fd, VQ_RX));
	EXPECT_EQ(0, dev_attach_worker(self->fd, VQ_RX, b));
	EXPECT_EQ(b, dev_get_worker(self->fd, VQ_RX));
	EXPECT_EQ(0, dev_get_worker(self->fd, VQ_TX));
}

TEST_F(owned, one_with_a_ring_is_not_freed)
{
	int id = dev_new_worker(self->fd);

	ASSERT_LT(0, id);
	ASSERT_EQ(0, dev_attach_worker(self->fd, VQ_TX, id));
	EXPECT_EQ(-EBUSY, dev_free_worker(self->fd, id));
	EXPECT_EQ(-EBUSY, dev_free_worker(self->fd, 0));
	/* Twice the same changes nothing. */
	ASSERT_EQ(0, dev_attach_worker(self->fd, VQ_TX, id));
	ASSERT_EQ(0, dev_attach_worker(self->fd, VQ_RX, id));
	/* The first one is like any other. */
	EXPECT_EQ(0, dev_free_worker(self->fd, 0));
	EXPECT_TRUE(workers_become(getpid(), 1));
	EXPECT_EQ(-ENODEV, dev_attach_worker(self->fd, VQ_RX, 0));
	EXPECT_EQ(-EBUSY, dev_free_worker(self->fd, id));
	EXPECT_EQ(id, dev_get_worker(self->fd, VQ_RX));
}

TEST_F(owned, limit)
{
	int i;

	for (i = 1; i < MAX_WORKERS; i++)
		ASSERT_LT(0, dev_new_worker(self->fd));
	EXPECT_EQ(-ENOMEM, dev_new_worker(self->fd));
	EXPECT_EQ(MAX_WORKERS, worker_count(getpid()));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, dev_free_worker(self->fd, 5));
		ASSERT_EQ(5, dev_new_worker(self->fd));
		EXPECT_EQ(-ENOMEM, dev_new_worker(self->fd));
	}
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_TRUE(workers_become(getpid(), 0));
}

TEST_F(owned, reset_owner_frees_all)
{
	int i;

	for (i = 0; i < 10; i++) {
		ASSERT_EQ(1, dev_new_worker(self->fd));
		ASSERT_EQ(2, dev_new_worker(self->fd));
		ASSERT_EQ(0, dev_attach_worker(self->fd, VQ_TX, 2));
		ASSERT_EQ(0, dev_reset_owner(self->fd));
		EXPECT_TRUE(workers_become(getpid(), 0));
		EXPECT_EQ(-EPERM, dev_free_worker(self->fd, 1));
		ASSERT_EQ(0, dev_set_owner(self->fd));
		EXPECT_EQ(0, dev_get_worker(self->fd, VQ_TX));
		EXPECT_EQ(-ENODEV, dev_free_worker(self->fd, 1));
	}
}

TEST_HARNESS_MAIN
