// SPDX-License-Identifier: GPL-2.0
/*
 * The two kinds of threads that workers may have: the kernel's, and the owner's
 * own, which live and die with it.
 */
#include "fixture.h"

#include <linux/version.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "counters.h"
#include "device.h"
#include "netif.h"
#include "pump.h"
#include "stall.h"
#include "traffic.h"

#define ROUNDS		5
#define FOR_EVER	0xffffffffu	/* microseconds: more than an hour */
#define STALL_GPA	0x7000000000ULL

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

/* Has the kernel threads for the owner? Then the driver has to use them. */
static bool kernel_has_such(void)
{
	unsigned int major, minor;
	struct utsname u;
	char line[256];
	bool has = false;
	FILE *f;

	uname(&u);
	if (sscanf(u.release, "%u.%u", &major, &minor) != 2 ||
	    KERNEL_VERSION(major, minor, 0) < KERNEL_VERSION(6, 10, 0))
		return false;
	f = fopen("/proc/kallsyms", "re");
	while (f && !has && fgets(line, sizeof(line), f))
		has = strstr(line, " vhost_task_create\n");
	if (f)
		fclose(f);
	return has;
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
	if (r == -EOPNOTSUPP && !kernel_has_such())
		SKIP_ALL("kernel has no such threads");
	ASSERT_EQ(0, r);
	ASSERT_EQ(0, netif_new_namespace());
	/* Not all tests have a guest here. */
	self->g.fd = -1;
	self->g.backend.fd = -1;
	self->g.wire.fd = -1;
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

/* Is this thread one of ours? It is known when there is a worker. */
static bool is_ours(int fd, const char *thread)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%lld",
		 device_count(fd, thread));
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
	EXPECT_EQ(owners, is_ours(g->fd, "worker0-thread"));
	EXPECT_EQ(0, device_count(g->fd, "worker0-killed"));
	id = dev_new_worker(g->fd);
	ASSERT_LT(0, id);
	EXPECT_EQ(owners, is_ours(g->fd, "worker1-thread"));
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

/* What an owner is to own, and with which kind of threads. */
static int shared_fd;
static __u8 shared_kind;

static void exec_now(int sig)
{
	(void)sig;
	execl("/bin/sleep", "sleep", "1000", NULL);
	_exit(1);
}

/* Its rings are looked at without an end. */
static bool own_it(void)
{
	static struct guest g;
	static struct pump p;

	signal(SIGUSR1, exec_now);
	return !netif_new_namespace() && !start(&g, shared_fd, shared_kind) &&
		!dev_vring_state(g.fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, VQ_RX,
				 FOR_EVER) &&
		!dev_vring_state(g.fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, VQ_TX,
				 FOR_EVER) &&
		!pump_start(&p, &g) && pump_flows(&p, 10);
}

/* An owner of shared_fd, which it has from us, or -1. */
static pid_t new_owner(__u8 kind, bool (*set_up)(void))
{
	shared_kind = kind;
	shared_fd = dev_open();
	return shared_fd < 0 ? -1 : child_ready(set_up);
}

/*
 * Whoever is left with the device finds it readable and can close it. A thread
 * of the kernel goes on; one of the owner's is dead, and says so.
 */
static void close_what_is_left(struct __test_metadata *_metadata, bool owners,
			       pid_t pid)
{
	char value[64];

	EXPECT_EQ(owners, device_count(shared_fd, "worker0-killed"));
	ASSERT_TRUE(device_tells(shared_fd, "worker0-thread", value));
	EXPECT_EQ(owners, !strcmp(value, "0"));
	EXPECT_EQ(-EPERM, dev_reset_owner(shared_fd));
	EXPECT_EQ(0, close(shared_fd));
	EXPECT_TRUE(workers_become(pid, 0));
}

TEST_F(kind, owner_dies)
{
	pid_t pid;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		pid = new_owner(variant->kind, own_it);
		ASSERT_LT(0, pid);
		EXPECT_EQ(0, device_count(shared_fd, "worker0-killed"));
		EXPECT_TRUE(child_killed(pid));
		close_what_is_left(_metadata, variant->kind ==
				   VHOST_FORK_OWNER_TASK, pid);
	}
}

/* All threads have to be still before there can be a core. */
TEST_F(kind, owner_dumps_core)
{
	struct rlimit some = { 1 << 20, 1 << 20 };
	pid_t pid;

	ASSERT_EQ(0, chdir("/tmp"));
	ASSERT_EQ(0, setrlimit(RLIMIT_CORE, &some));
	pid = new_owner(variant->kind, own_it);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(child_dies_of(pid, SIGABRT));
	close_what_is_left(_metadata, variant->kind == VHOST_FORK_OWNER_TASK,
			   pid);
}

static bool runs(pid_t pid, const char *program)
{
	char path[64], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (f && fgets(comm, sizeof(comm), f))
		comm[strcspn(comm, "\n")] = 0;
	if (f)
		fclose(f);
	return !strcmp(comm, program);
}

/* The other program has not got the device, and none of its threads. */
TEST_F(kind, owner_runs_another_program)
{
	__s64 end = now_ms() + STALL_MS;
	pid_t pid;

	pid = new_owner(variant->kind, own_it);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, kill(pid, SIGUSR1));
	while (!runs(pid, "sleep") && now_ms() < end)
		pause_ms(10);
	EXPECT_TRUE(runs(pid, "sleep"));
	close_what_is_left(_metadata, variant->kind == VHOST_FORK_OWNER_TASK,
			   pid);
	EXPECT_TRUE(child_killed(pid));
}

/* A debugger, or job control. */
TEST_F(kind, owner_stops_and_goes_on)
{
	long long packets;
	int i, status;
	pid_t pid;

	pid = new_owner(variant->kind, own_it);
	ASSERT_LT(0, pid);
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, kill(pid, SIGSTOP));
		ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
		EXPECT_TRUE(WIFSTOPPED(status));
		packets = device_count(shared_fd, "vq1-packets");
		EXPECT_EQ(0, device_count(shared_fd, "worker0-killed"));
		ASSERT_EQ(0, kill(pid, SIGCONT));
		EXPECT_TRUE(comes_to_exceed(shared_fd, "vq1-packets",
					    packets + 100));
	}
	ASSERT_EQ(0, kill(pid, SIGSTOP));
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	EXPECT_TRUE(child_killed(pid));
	close_what_is_left(_metadata, variant->kind == VHOST_FORK_OWNER_TASK,
			   pid);
}

static int sock[2];

/* One ring's turn has to wait for a page, the other's is still to come. */
static bool be_held(void)
{
	struct vq_seg seg = { STALL_GPA, 72, 0 };
	static struct guest g;
	static struct stall s;
	static char frame[64];
	int r;

	if (netif_new_namespace() || start(&g, shared_fd, shared_kind))
		return false;
	r = arena_add(&g.arena, STALL_GPA, 2 * PAGE);
	if (r < 0 || dev_set_mem(g.fd, &g.arena) ||
	    stall_init(&s, g.arena.region[r].hva, 2 * PAGE) ||
	    pass_fd(sock[1], s.fd))
		return false;
	if (vq_add(&g.vq[VQ_TX], &seg, 1, NULL))
		return false;
	vq_kick(&g.vq[VQ_TX]);
	if (!stall_wait(&s, STALL_MS))
		return false;
	seg = (struct vq_seg){ STALL_GPA + PAGE, PAGE, VRING_DESC_F_WRITE };
	if (vq_add(&g.vq[VQ_RX], &seg, 1, NULL))
		return false;
	vq_kick(&g.vq[VQ_RX]);
	frame_build(frame, 60, FRAME_TO_GUEST, 1);
	return !wire_send_wait(&g.wire, frame, 60, NULL);
}

/*
 * Who dies does not wait for pages that somebody else would have to bring
 * (userfaultfd): neither in the turn that is under way nor in one to come.
 */
TEST_F(kind, owner_dies_waiting_for_a_page)
{
	static const int signals[] = { SIGKILL, SIGABRT };
	struct stall s;
	pid_t pid;
	size_t i;
	int uffd;

	if (variant->kind != VHOST_FORK_OWNER_TASK)
		SKIP_ALL("threads of the kernel are not killed");
	if (stall_init(&s, mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), PAGE))
		SKIP_ALL("no userfaultfd");
	stall_end(&s);
	ASSERT_EQ(0, chdir("/tmp"));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		pid = new_owner(variant->kind, be_held);
		ASSERT_LT(0, pid);
		uffd = take_fd(sock[0]);
		ASSERT_LE(0, uffd);
		EXPECT_TRUE(child_dies_of(pid, signals[i]));
		close_what_is_left(_metadata, true, pid);
		close(uffd);
	}
}

TEST_HARNESS_MAIN
