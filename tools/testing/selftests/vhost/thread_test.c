// SPDX-License-Identifier: GPL-2.0
/*
 * The two kinds of threads that workers may have: the kernel's, and the owner's
 * own, which live and die with it.
 */
#include "fixture.h"

#include "counters.h"
#include "device.h"
#include "netif.h"
#include "pump.h"
#include "traffic.h"

#define ROUNDS		5
#define FOR_EVER	0xffffffffu	/* microseconds: more than an hour */

FIXTURE(kind)
{
	struct guest g;
};

FIXTURE_VARIANT(kind)
{
	__u8 kind;
};

FIXTURE_VARIANT_ADD(kind, kernels) { .kind = VHOST_FORK_OWNER_KTHREAD };
FIXTURE_VARIANT_ADD(kind, owners) { .kind = VHOST_FORK_OWNER_TASK };

static int set_kind(int fd, __u8 kind)
{
	return dev_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, &kind);
}

FIXTURE_SETUP(kind)
{
	int fd, r;

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("shows other things");
	fd = dev_open();
	ASSERT_LE(0, fd);
	r = set_kind(fd, variant->kind);
	close(fd);
	if (r == -EOPNOTSUPP)
		SKIP_ALL("kernel has no such threads");
	ASSERT_EQ(0, r);
	ASSERT_EQ(0, netif_new_namespace());
}

FIXTURE_TEARDOWN(kind)
{
	guest_stop(&self->g);
}

static int start(struct guest *g, int fd, __u8 kind)
{
	struct guest_cfg cfg = { .features = F_V1 | F_MRG | F_EVENT,
				 .bare = true };

	if (guest_start(g, &cfg))
		return -1;
	if (fd >= 0) {
		close(g->fd);
		g->fd = fd;
	}
	if (set_kind(g->fd, kind) || guest_setup(g) ||
	    guest_attach(g, g->backend.fd))
		return -2;
	return 0;
}

/* Is this thread one of ours? */
static bool is_ours(long long tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%lld", tid);
	return !access(path, F_OK);
}

TEST_F(kind, carries_traffic)
{
	struct guest *g = &self->g;
	bool owners = variant->kind == VHOST_FORK_OWNER_TASK;
	int id;

	ASSERT_EQ(0, start(g, -1, variant->kind));
	EXPECT_EQ(0, traffic_alive(g));
	EXPECT_LT(0, device_count(g->fd, "worker0-thread"));
	EXPECT_EQ(owners, is_ours(device_count(g->fd, "worker0-thread")));
	EXPECT_EQ(0, device_count(g->fd, "worker0-killed"));
	id = dev_new_worker(g->fd);
	ASSERT_LT(0, id);
	EXPECT_EQ(owners, is_ours(device_count(g->fd, "worker1-thread")));
	ASSERT_EQ(0, dev_attach_worker(g->fd, VQ_TX, id));
	EXPECT_EQ(0, traffic_alive(g));
	EXPECT_EQ(2, worker_count(getpid()));
	EXPECT_EQ(0, dev_reset_owner(g->fd));
	EXPECT_TRUE(workers_become(getpid(), 0));
}

/* What is queued is done before the thread ends, whatever its kind. */
TEST_F(kind, ends_with_work_in_its_queue)
{
	struct guest *g = &self->g;
	struct pump p;
	int i, id;

	ASSERT_EQ(0, start(g, -1, variant->kind));
	ASSERT_EQ(0, pump_start(&p, g));
	for (i = 0; i < 100; i++) {
		id = dev_new_worker(g->fd);
		ASSERT_LT(0, id);
		ASSERT_EQ(0, dev_attach_worker(g->fd, VQ_TX, id));
		ASSERT_EQ(0, dev_attach_worker(g->fd, VQ_RX, id));
		ASSERT_EQ(0, dev_attach_worker(g->fd, VQ_TX, 0));
		ASSERT_EQ(0, dev_attach_worker(g->fd, VQ_RX, 0));
		ASSERT_EQ(0, dev_free_worker(g->fd, id));
	}
	EXPECT_TRUE(pump_flows(&p, 100));
	EXPECT_EQ(0, pump_stop(&p));
}

static int shared_fd;
static __u8 shared_kind;

/* Its rings are looked at without an end. */
static bool own_it(void)
{
	static struct guest g;
	static struct pump p;

	return !netif_new_namespace() && !start(&g, shared_fd, shared_kind) &&
		!dev_vring_state(g.fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, VQ_RX,
				 FOR_EVER) &&
		!dev_vring_state(g.fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, VQ_TX,
				 FOR_EVER) &&
		!pump_start(&p, &g) && pump_flows(&p, 10);
}

/*
 * Whoever is left with the device finds it readable and can close it. A thread
 * of the kernel goes on; one of the owner's is dead, and says so.
 */
TEST_F(kind, owner_dies)
{
	bool owners = variant->kind == VHOST_FORK_OWNER_TASK;
	char value[64];
	pid_t pid;
	int i;

	shared_kind = variant->kind;
	for (i = 0; i < ROUNDS; i++) {
		shared_fd = dev_open();
		ASSERT_LE(0, shared_fd);
		pid = child_ready(own_it);
		ASSERT_LT(0, pid);
		EXPECT_EQ(0, device_count(shared_fd, "worker0-killed"));
		EXPECT_TRUE(child_killed(pid));
		EXPECT_EQ(owners, device_count(shared_fd, "worker0-killed"));
		ASSERT_TRUE(device_tells(shared_fd, "worker0-thread", value));
		EXPECT_EQ(owners, !strcmp(value, "0"));
		EXPECT_EQ(-EPERM, dev_reset_owner(shared_fd));
		EXPECT_EQ(0, close(shared_fd));
		EXPECT_TRUE(workers_become(pid, 0));
	}
}

TEST_HARNESS_MAIN
