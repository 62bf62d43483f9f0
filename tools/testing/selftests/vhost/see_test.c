// SPDX-License-Identifier: GPL-2.0
/*
 * What a device tells of itself: every number is what really happened, and
 * whoever looks at it neither disturbs it nor is misled while it changes.
 */
#include "fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"
#include "pump.h"
#include "traffic.h"

#define READERS		2
#define SWAPS		60
#define FRAME		60
/* As old as an error may look to be: a tick, and rounding. */
#define TICK_MS		12

/* Looks at the device again and again. */
struct reader {
	pthread_t thread;
	int fd;
	bool stop;
	bool (*right)(struct reader *r, const char *text);
	unsigned long reads;
	unsigned long wrong;
	long long packets[VQ_MAX];
};

/* The number of a line, -1 if there is none. */
static long long number_in(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? atoll(at + strlen(key)) : -1;
}

/* All of it is there, and no counter ever goes back. */
static bool goes_up(struct reader *r, const char *text)
{
	long long rx = number_in(text, "vq0-packets:");
	long long tx = number_in(text, "vq1-packets:");
	bool right = rx >= r->packets[VQ_RX] && tx >= r->packets[VQ_TX];

	r->packets[VQ_RX] = rx;
	r->packets[VQ_TX] = tx;
	return right && strstr(text, "vhost-owner:") &&
		strstr(text, "worker0-thread:") && strstr(text, "vq1-backend:");
}

static void *read_on(void *arg)
{
	struct reader *r = arg;
	char text[4096];

	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		if (!device_text(r->fd, text, sizeof(text)) ||
		    !r->right(r, text))
			r->wrong++;
		__atomic_add_fetch(&r->reads, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static bool readers_start(struct reader *r, int fd,
			  bool (*right)(struct reader *r, const char *text))
{
	int i;

	memset(r, 0, READERS * sizeof(*r));
	for (i = 0; i < READERS; i++) {
		r[i].fd = fd;
		r[i].right = right;
		if (pthread_create(&r[i].thread, NULL, read_on, &r[i]))
			return false;
	}
	return true;
}

/* True if each has read, and read nothing wrong. */
static bool readers_stop(struct reader *r)
{
	bool right = true;
	int i;

	for (i = 0; i < READERS; i++) {
		__atomic_store_n(&r[i].stop, true, __ATOMIC_RELEASE);
		pthread_join(r[i].thread, NULL);
		if (r[i].wrong)
			fprintf(stderr, "# %lu of %lu reads were wrong\n",
				r[i].wrong, r[i].reads);
		right &= r[i].reads && !r[i].wrong;
	}
	return right;
}

FIXTURE(sums)
{
	struct guest g;
	struct reader readers[READERS];
};

FIXTURE_VARIANT(sums)
{
	enum backend_kind kind;
	__u64 features;
	unsigned int tx_hdr;	/* bytes of header that the backend takes */
	const char *backend;
};

FIXTURE_VARIANT_ADD(sums, tap)
{ BACKEND_TAP, 0, 10, "tap" };
FIXTURE_VARIANT_ADD(sums, tap_mrg)
{ BACKEND_TAP, F_V1 | F_MRG | F_EVENT, 12, "tap" };
FIXTURE_VARIANT_ADD(sums, tap_packed)
{ BACKEND_TAP, F_V1 | F_MRG | F_PACKED, 12, "tap" };
FIXTURE_VARIANT_ADD(sums, tap_packed_event)
{ BACKEND_TAP, F_V1 | F_EVENT | F_PACKED, 12, "tap" };
FIXTURE_VARIANT_ADD(sums, tap_host_hdr)
{ BACKEND_TAP, F_V1 | F_HOST_HDR, 0, "tap" };
FIXTURE_VARIANT_ADD(sums, packet)
{ BACKEND_PACKET, 0, 10, "packet" };
FIXTURE_VARIANT_ADD(sums, packet_packed)
{ BACKEND_PACKET, F_V1 | F_PACKED | F_HOST_HDR, 0, "packet" };
FIXTURE_VARIANT_ADD(sums, macvtap)
{ BACKEND_MACVTAP, F_V1 | F_MRG, 12, "tap" };

FIXTURE_VARIANT_ADD(sums, udp)
{ BACKEND_UDP, F_V1, 0, "udp" };
FIXTURE_VARIANT_ADD(sums, unix_dgram)
{ BACKEND_UNIX_DGRAM, 0, 0, "unix-dgram" };
FIXTURE_VARIANT_ADD(sums, tcp)
{ BACKEND_TCP, F_V1 | F_MRG, 0, "tcp" };
FIXTURE_VARIANT_ADD(sums, unix_stream)
{ BACKEND_UNIX_STREAM, F_V1 | F_MRG | F_PACKED, 0, "unix-stream" };

FIXTURE_SETUP(sums)
{
	struct guest_cfg cfg = {
		.features = variant->features,
		.backend.kind = variant->kind,
	};
	int r;

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("tells nothing of itself");
	NOT_FOR_PACKED("has variants of its own");
	NEEDS_KIND(variant->kind);
	ASSERT_EQ(0, netif_new_namespace());
	r = guest_start(&self->g, &cfg);
	if (r == -EOPNOTSUPP && variant->kind == BACKEND_MACVTAP)
		SKIP_ALL("kernel has no macvtap");
	ASSERT_EQ(0, r);
}

FIXTURE_TEARDOWN(sums)
{
	guest_stop(&self->g);
}

static long long bytes_of(const struct traffic *t)
{
	long long sum = 0;
	__u32 i;

	for (i = 0; i < t->count; i++)
		sum += t->len(t->first + i);
	return sum;
}

static bool ring_adds_up(struct guest *g, unsigned int index,
			 const struct traffic *t, unsigned int hdr)
{
	long long bytes = bytes_of(t);
	long long batches = count(g, index, "batches");

	return counts_to(g, index, "packets", t->count) &&
		counts_to(g, index, "bytes", bytes) &&
		counts_to(g, index, "copied",
			  bytes + (long long)hdr * t->count) &&
		batches > 0 && batches <= t->count &&
		count(g, index, "runs") > 0 &&
		count(g, index, "calls") + count(g, index, "suppressed") ==
		batches;
}

static void moves(struct __test_metadata *_metadata, struct guest *g,
		  struct reader *readers, const struct traffic *t,
		  unsigned int tx_hdr)
{
	ASSERT_TRUE(readers_start(readers, g->fd, goes_up));
	EXPECT_EQ(0, traffic_tx(g, t));
	EXPECT_EQ(0, traffic_rx(g, t));
	EXPECT_TRUE(ring_adds_up(g, VQ_TX, t, tx_hdr));
	EXPECT_TRUE(ring_adds_up(g, VQ_RX, t, g->hdr_len));
	EXPECT_TRUE(readers_stop(readers));
	EXPECT_EQ(0, count(g, VQ_TX, "last-error-ms"));
	EXPECT_FALSE(says(g, VQ_TX, "last-error", "ok"));
}

TEST_F(sums, adds_up)
{
	struct traffic t = { .count = 500, .len = len_mixed };

	moves(_metadata, &self->g, self->readers, &t, variant->tx_hdr);
	EXPECT_LT(0, count(&self->g, VQ_TX, "kicks"));
}

TEST_F(sums, backend)
{
	struct guest *g = &self->g;
	const char *name = variant->kind == BACKEND_MACVTAP ?
			   g->backend.upper : g->backend.ifname;
	int i;

	for (i = 0; i < VQ_MAX; i++) {
		EXPECT_TRUE(says(g, i, "backend", variant->backend));
		EXPECT_TRUE(names(g, i, name));
		EXPECT_TRUE(says(g, i, "unfinished", "0"));
	}
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, -1));
	EXPECT_TRUE(says(g, VQ_TX, "backend", "none"));
	EXPECT_TRUE(names(g, VQ_TX, ""));
	EXPECT_TRUE(names(g, VQ_RX, name));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, g->backend.fd));
	EXPECT_TRUE(names(g, VQ_TX, name));
	ASSERT_EQ(0, dev_reset_owner(g->fd));
	EXPECT_TRUE(says(g, VQ_RX, "backend", "none"));
}

/* One device, set up as most guests have it. */
FIXTURE(seen)
{
	struct guest g;
	struct reader readers[READERS];
};

FIXTURE_VARIANT(seen)
{
	__u64 features;
};

FIXTURE_VARIANT_ADD(seen, split) { F_V1 | F_MRG };
FIXTURE_VARIANT_ADD(seen, packed) { F_V1 | F_MRG | F_PACKED };

FIXTURE_SETUP(seen)
{
	struct guest_cfg cfg = { .features = variant->features };

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("tells nothing of itself");
	NOT_FOR_PACKED("has variants of its own");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(seen)
{
	guest_stop(&self->g);
}

TEST_F_TIMEOUT(seen, many_packets, 600)
{
	struct traffic t = {
		.count = number_from("VHOST_TEST_PACKETS", 20000),
		.burst = 128,
		.len = len_mixed,
	};

	TH_LOG("%u packets each way", t.count);
	moves(_metadata, &self->g, self->readers, &t, self->g.hdr_len);
}

static bool send_one(struct guest *g, long long sum)
{
	char frame[FRAME];

	frame_build(frame, sizeof(frame), FRAME_TO_HOST, 1);
	if (guest_send(g, frame, sizeof(frame), NULL))
		return false;
	vq_kick_always(&g->vq[VQ_TX]);
	return counts_to(g, VQ_TX, "packets", sum);
}

/* Each batch is an interrupt or a suppressed one, as the guest has asked. */
TEST_F(seen, calls)
{
	struct guest *g = &self->g;
	struct vq *vq = &g->vq[VQ_TX];

	vq->ops->call_off(vq);
	ASSERT_TRUE(send_one(g, 1));
	EXPECT_TRUE(counts_to(g, VQ_TX, "suppressed", 1));
	EXPECT_EQ(0, count(g, VQ_TX, "calls"));
	EXPECT_EQ(0, eventfd_drain(vq->call));
	vq->ops->call_on(vq, 1);
	ASSERT_TRUE(send_one(g, 2));
	EXPECT_TRUE(counts_to(g, VQ_TX, "calls", 1));
	EXPECT_EQ(1, eventfd_drain(vq->call));
	EXPECT_EQ(1, count(g, VQ_TX, "suppressed"));
	EXPECT_EQ(2, count(g, VQ_TX, "batches"));
	/* Nobody is there to be interrupted: that is neither. */
	ASSERT_EQ(0, dev_vring_file(g->fd, VHOST_SET_VRING_CALL, VQ_TX, -1));
	ASSERT_TRUE(send_one(g, 3));
	EXPECT_TRUE(counts_to(g, VQ_TX, "batches", 3));
	EXPECT_EQ(1, count(g, VQ_TX, "calls"));
	EXPECT_EQ(1, count(g, VQ_TX, "suppressed"));
}

static bool tells_number(struct guest *g, const char *key, long long number)
{
	char value[64];

	return device_tells(g->fd, key, value) && atoll(value) == number;
}

TEST_F(seen, device)
{
	struct guest *g = &self->g;
	char value[64];

	EXPECT_TRUE(tells_number(g, "vhost-owner", getpid()));
	EXPECT_TRUE(tells_number(g, "vhost-regions", g->arena.n));
	ASSERT_TRUE(device_tells(g->fd, "vhost-log", value));
	EXPECT_STREQ("off", value);
	ASSERT_EQ(0, dev_reset_owner(g->fd));
	EXPECT_FALSE(device_tells(g->fd, "vhost-owner", value));
	EXPECT_FALSE(device_tells(g->fd, "worker0-thread", value));
	EXPECT_TRUE(tells_number(g, "vhost-regions", 0));
	ASSERT_EQ(0, dev_set_features(g->fd, F_V1 | BIT(VHOST_F_LOG_ALL)));
	ASSERT_TRUE(device_tells(g->fd, "vhost-log", value));
	EXPECT_STREQ("on", value);
}

/* Reads as a process that has its own idea of processes. */
static int child_looks(int fd)
{
	char value[64];

	if (!device_tells(fd, "vhost-owner", value) || strcmp(value, "0"))
		return 1;
	return device_tells(fd, "worker0-thread", value) &&
		!strcmp(value, "0") ? 0 : 2;
}

TEST_F(seen, owner_out_of_sight)
{
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWPID))
		SKIP(return, "kernel has no namespaces of processes");
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(child_looks(self->g.fd));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* Whose number may be another process's by now. */
TEST_F(seen, owner_is_gone)
{
	int status, fd = dev_open();
	char value[64];
	pid_t pid;

	ASSERT_LE(0, fd);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(dev_set_owner(fd) ? 1 : 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_TRUE(device_tells(fd, "vhost-owner", value));
	EXPECT_STREQ("0", value);
	close(fd);
}

/* The same socket is attached once more, at another interface. */
TEST_F(seen, bound_elsewhere)
{
	struct backend_cfg cfg = { .kind = BACKEND_PACKET, .vnet_hdr = true,
				   .hdr_len = 10 };
	struct guest *g = &self->g;
	struct backend other;

	ASSERT_EQ(0, backend_open(&other, &cfg, 7));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, other.fd));
	EXPECT_TRUE(says(g, VQ_TX, "interface", other.ifname));
	ASSERT_EQ(0, packet_bind(other.fd, other.peer));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, other.fd));
	EXPECT_TRUE(says(g, VQ_TX, "interface", other.peer));
	backend_close(&other);
}

/* Is there a thread of that number, named after its owner? */
static bool is_worker(long long tid)
{
	char path[64], comm[32] = "", wanted[32];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%lld/comm", tid);
	snprintf(wanted, sizeof(wanted), "vhost-%d\n", getpid());
	f = fopen(path, "re");
	if (!f || !fgets(comm, sizeof(comm), f))
		*comm = 0;
	if (f)
		fclose(f);
	return !strcmp(comm, wanted);
}

TEST_F(seen, workers)
{
	long long first, second, cpu, wakeups, sleeps;
	struct guest *g = &self->g;
	struct pump p;
	char value[64];

	first = device_count(g->fd, "worker0-thread");
	EXPECT_TRUE(is_worker(first));
	EXPECT_FALSE(device_tells(g->fd, "worker1-thread", value));
	ASSERT_EQ(1, dev_new_worker(g->fd));
	second = device_count(g->fd, "worker1-thread");
	EXPECT_NE(first, second);
	EXPECT_TRUE(is_worker(second));
	ASSERT_EQ(0, dev_attach_worker(g->fd, VQ_TX, 1));
	EXPECT_EQ(second, count(g, VQ_TX, "thread"));
	EXPECT_EQ(first, count(g, VQ_RX, "thread"));

	/* What finds its work before it has ever slept is not woken by it. */
	ASSERT_TRUE(workers_quiet());
	wakeups = device_count(g->fd, "worker1-wakeups");
	sleeps = device_count(g->fd, "worker0-wakeups");
	ASSERT_TRUE(send_one(g, 1));
	EXPECT_LT(wakeups, device_count(g->fd, "worker1-wakeups"));
	EXPECT_GE(sleeps + 1, device_count(g->fd, "worker0-wakeups"));
	cpu = device_count(g->fd, "worker1-cpu-ns");
	ASSERT_EQ(0, pump_start(&p, g));
	EXPECT_TRUE(comes_to_exceed(g->fd, "worker1-cpu-ns", cpu));
	EXPECT_EQ(0, pump_stop(&p));
	ASSERT_EQ(0, dev_attach_worker(g->fd, VQ_TX, 0));
	ASSERT_EQ(0, dev_free_worker(g->fd, 1));
	EXPECT_FALSE(device_tells(g->fd, "worker1-thread", value));
}

/* It is told once per sleep, not once per work. */
TEST_F(seen, wakeups_of_idle_worker)
{
	struct guest *g = &self->g;
	long long before;

	ASSERT_TRUE(send_one(g, 1));
	ASSERT_TRUE(workers_quiet());
	before = device_count(g->fd, "worker0-wakeups");
	pause_ms(300);
	EXPECT_EQ(before, device_count(g->fd, "worker0-wakeups"));
	ASSERT_TRUE(send_one(g, 2));
	EXPECT_LT(before, device_count(g->fd, "worker0-wakeups"));
}

/* One error after another: the last one is told, and how long ago it was. */
TEST_F(seen, last_error)
{
	struct guest *g = &self->g;
	struct vq_seg seg = { .gpa = 0x123456789000, .len = 100 };
	long long age;
	char value[64];
	__s64 start;

	EXPECT_FALSE(device_tells(g->fd, "vq1-last-error", value));
	EXPECT_FALSE(device_tells(g->fd, "vq1-last-error-ms", value));
	ASSERT_EQ(0, vq_add(&g->vq[VQ_TX], &seg, 1, NULL));
	vq_kick(&g->vq[VQ_TX]);
	EXPECT_TRUE(comes_to_say(g, VQ_TX, "last-error", "bad-addr"));
	EXPECT_FALSE(device_tells(g->fd, "vq0-last-error", value));
	/* By a clock that may lose ticks: how fast it ages is not judged. */
	age = count(g, VQ_TX, "last-error-ms");
	EXPECT_TRUE(comes_to_exceed(g->fd, "vq1-last-error-ms", age + 500));

	start = now_ms();
	seg.gpa = g->arena.region[REGION_TX].gpa;
	seg.len = 3;
	ASSERT_EQ(0, vq_add(&g->vq[VQ_TX], &seg, 1, NULL));
	vq_kick(&g->vq[VQ_TX]);
	EXPECT_TRUE(comes_to_say(g, VQ_TX, "last-error", "bad-hdr"));
	age = count(g, VQ_TX, "last-error-ms");
	EXPECT_GE(now_ms() - start + TICK_MS, age);
	EXPECT_TRUE(counts_to(g, VQ_TX, "bad-addr", 1));
	EXPECT_TRUE(counts_to(g, VQ_TX, "bad-hdr", 1));
}

static char other_name[IFNAMSIZ], first_name[IFNAMSIZ];

/* A name is one of the two, whole, and there is none without a backend. */
static bool one_of_two(struct reader *r, const char *text)
{
	char name[64], kind[64];
	const char *at = strstr(text, "vq1-backend:");

	r->packets[VQ_TX] = number_in(text, "vq1-packets:");
	if (!at || sscanf(at, "vq1-backend: %63s", kind) != 1)
		return false;
	at = strstr(text, "vq1-interface:");
	if (!strcmp(kind, "none"))
		return !at;
	return !strcmp(kind, "tap") && at &&
		sscanf(at, "vq1-interface: %63s", name) == 1 &&
		(!strcmp(name, first_name) || !strcmp(name, other_name));
}

/* The one that is not attached is closed each time, and its interface gone. */
TEST_F(seen, swapped_while_looked_at)
{
	struct guest *g = &self->g;
	struct backend other;
	int i;

	strcpy(first_name, g->backend.ifname);
	ASSERT_TRUE(readers_start(self->readers, g->fd, one_of_two));
	for (i = 0; i < SWAPS; i++) {
		ASSERT_EQ(0, backend_open(&other, &g->cfg.backend, 7));
		if (!i)
			strcpy(other_name, other.ifname);
		ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, other.fd));
		EXPECT_TRUE(says(g, VQ_TX, "interface", other_name));
		if (i % 2)
			ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, -1));
		ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, g->backend.fd));
		EXPECT_TRUE(says(g, VQ_TX, "interface", first_name));
		backend_close(&other);
	}
	EXPECT_TRUE(readers_stop(self->readers));
	EXPECT_EQ(0, traffic_alive(g));
}

/* Workers come and go, and are looked at all the while. */
TEST_F(seen, workers_end_while_looked_at)
{
	struct guest *g = &self->g;
	struct pump p;
	int i;

	ASSERT_TRUE(readers_start(self->readers, g->fd, goes_up));
	ASSERT_EQ(0, pump_start(&p, g));
	for (i = 0; i < SWAPS; i++) {
		ASSERT_EQ(1, dev_new_worker(g->fd));
		ASSERT_EQ(0, dev_attach_worker(g->fd, VQ_TX, 1));
		ASSERT_EQ(0, dev_attach_worker(g->fd, VQ_TX, 0));
		ASSERT_EQ(0, dev_free_worker(g->fd, 1));
	}
	EXPECT_EQ(0, pump_stop(&p));
	EXPECT_TRUE(readers_stop(self->readers));
}

/* A socket's address is longer than most where the interface's is. */
TEST_F(seen, long_address)
{
	const __u8 remote[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	int r = netif_add_ip6tnl("vhtun6", remote), fd;
	struct guest *g = &self->g;
	char value[64];

	if (r)
		SKIP(return, "no such tunnel: %s", strerror(-r));
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, fd));
	EXPECT_TRUE(says(g, VQ_TX, "backend", "packet"));
	EXPECT_FALSE(device_tells(g->fd, "vq1-interface", value));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, -1));

	ASSERT_EQ(0, netif_up("vhtun6", true));
	ASSERT_EQ(0, packet_bind(fd, "vhtun6"));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, fd));
	EXPECT_TRUE(says(g, VQ_TX, "interface", "vhtun6"));
	close(fd);
}

/*
 * Symptoms of the manual's chapter on trouble, as its readers would see them.
 */
static bool offer_one(struct guest *g)
{
	char frame[FRAME];

	frame_build(frame, sizeof(frame), FRAME_TO_HOST, 1);
	if (guest_send(g, frame, sizeof(frame), NULL))
		return false;
	vq_kick_always(&g->vq[VQ_TX]);
	return true;
}

/* A tap whose interface is down takes packets, and drops them: not our loss. */
TEST_F(seen, trouble_link_down)
{
	struct guest *g = &self->g;
	char frame[FRAME];

	ASSERT_EQ(0, netif_up(g->backend.ifname, false));
	ASSERT_TRUE(send_one(g, 1));
	EXPECT_EQ(0, count(g, VQ_TX, "drop-backend"));
	/* None comes, or the news that the interface is down. */
	EXPECT_GE(0, wire_recv(&g->wire, frame, sizeof(frame), NULL, 100));
}

TEST_F(seen, trouble_link_gone)
{
	struct guest *g = &self->g;

	ASSERT_EQ(0, netif_del(g->backend.ifname));
	ASSERT_TRUE(offer_one(g));
	EXPECT_TRUE(counts_to(g, VQ_TX, "drop-backend", 1));
	EXPECT_TRUE(says(g, VQ_TX, "last-error", "drop-backend"));
	EXPECT_TRUE(says(g, VQ_TX, "state", "running"));
	EXPECT_TRUE(says(g, VQ_TX, "interface", g->backend.ifname));
	EXPECT_EQ(0, count(g, VQ_TX, "packets"));
}

TEST_F(seen, trouble_detached)
{
	struct guest *g = &self->g;
	long long runs;

	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, -1));
	runs = count(g, VQ_TX, "runs");
	ASSERT_TRUE(offer_one(g));
	EXPECT_TRUE(counts_to(g, VQ_TX, "kicks", 1));
	ASSERT_TRUE(workers_quiet());
	EXPECT_EQ(runs, count(g, VQ_TX, "runs"));
	EXPECT_TRUE(says(g, VQ_TX, "state", "stopped"));
	EXPECT_TRUE(says(g, VQ_TX, "backend", "none"));
}

TEST_F(seen, trouble_no_kicks)
{
	struct guest *g = &self->g;

	/* Its first turn is one that nobody has kicked for. */
	ASSERT_TRUE(has_run(g, VQ_TX, 0));
	ASSERT_TRUE(workers_quiet());
	ASSERT_EQ(0, dev_vring_file(g->fd, VHOST_SET_VRING_KICK, VQ_TX, -1));
	ASSERT_TRUE(offer_one(g));
	ASSERT_TRUE(workers_quiet());
	EXPECT_EQ(0, count(g, VQ_TX, "kicks"));
	EXPECT_EQ(0, count(g, VQ_TX, "packets"));
	EXPECT_TRUE(says(g, VQ_TX, "state", "running"));
	ASSERT_EQ(0, dev_vring_file(g->fd, VHOST_SET_VRING_KICK, VQ_TX,
				    g->vq[VQ_TX].kick));
	EXPECT_TRUE(counts_to(g, VQ_TX, "packets", 1));
}

TEST_F(seen, trouble_no_buffers)
{
	struct guest *g = &self->g;
	long long runs = count(g, VQ_RX, "runs");
	char frame[FRAME], value[64];

	frame_build(frame, sizeof(frame), FRAME_TO_GUEST, 1);
	ASSERT_EQ(0, wire_send_wait(&g->wire, frame, sizeof(frame), NULL));
	EXPECT_TRUE(has_run(g, VQ_RX, runs));
	EXPECT_EQ(0, count(g, VQ_RX, "packets"));
	EXPECT_FALSE(device_tells(g->fd, "vq0-last-error", value));
	ASSERT_LT(0, guest_post(g, 1));
	EXPECT_TRUE(counts_to(g, VQ_RX, "packets", 1));
}

/* The monitor reads what is missing, and does not answer. */
TEST_F(seen, trouble_silent_monitor)
{
	const struct iommu_cfg iommu = {};
	struct guest_cfg cfg = {
		.features = variant->features,
		.iommu = &iommu,
		.id = 3,
	};
	struct guest *g = &self->g;
	long long updates, misses;

	NEEDS(F_PLATFORM);
	guest_stop(g);
	memset(g, 0, sizeof(*g));
	ASSERT_EQ(0, guest_start(g, &cfg));
	ASSERT_EQ(0, traffic_alive(g));
	g->io.silent = true;
	updates = device_count(g->fd, "iotlb-updates");
	misses = count(g, VQ_TX, "misses");
	ASSERT_EQ(0, vq_add(&g->vq[VQ_TX], &(struct vq_seg){
			.gpa = 0x1122334400000, .len = 100 }, 1, NULL));
	vq_kick(&g->vq[VQ_TX]);
	EXPECT_TRUE(counts_to(g, VQ_TX, "misses", misses + 1));
	EXPECT_EQ(5, count(g, VQ_TX, "packets"));
	EXPECT_EQ(updates, device_count(g->fd, "iotlb-updates"));
}

TEST_HARNESS_MAIN
