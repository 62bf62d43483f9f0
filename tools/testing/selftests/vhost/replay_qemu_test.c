// SPDX-License-Identifier: GPL-2.0
/*
 * What QEMU does with the device, from the start to the end of its life, and
 * libvirt before it.
 */
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "dirty.h"
#include "netif.h"
#include "replay.h"
#include "traffic.h"

static char frame[FRAME_MAX], got[FRAME_MAX];

/*
 * The file was opened by whoever manages QEMU; bases of rings are those of the
 * guest, which may come from another machine.
 */
FIXTURE(qemu)
{
	struct guest g;
	int masked;		/* an eventfd in place of an interrupt */
	__u64 offered;
	unsigned int base[VQ_MAX];
};

FIXTURE_VARIANT(qemu)
{
	bool v10;		/* 10.2 has features in arrays */
};

FIXTURE_VARIANT_ADD(qemu, v7) { false };
FIXTURE_VARIANT_ADD(qemu, v10) { true };

#define GUEST_BASE	60000

static int qemu_features(struct guest *g, __u64 more, bool array)
{
	__u64 words[3] = { 2, g->cfg.features | more }, backend;
	int r;

	if (!array || dev_ioctl(g->fd, VHOST_SET_FEATURES_ARRAY, words)) {
		r = dev_set_features(g->fd, g->cfg.features | more);
		if (r)
			return r;
	}
	r = dev_ioctl(g->fd, VHOST_GET_BACKEND_FEATURES, &backend);
	return r ? r : dev_ioctl(g->fd, VHOST_SET_BACKEND_FEATURES, &backend);
}

static int qemu_realize(struct guest *g, int masked, bool array, __u64 *offered)
{
	__u64 words[3] = { 2 };
	unsigned int i;
	int r;

	r = fcntl(g->fd, F_SETFL, O_NONBLOCK) ? -errno : dev_set_owner(g->fd);
	if (!r && array && dev_ioctl(g->fd, VHOST_GET_FEATURES_ARRAY, words))
		/* Any error will do. */
		words[1] = 0;
	if (!r)
		r = dev_get_features(g->fd, offered);
	if (!r && words[1] && words[1] != *offered)
		r = -EPROTO;
	if (!r && !dev_max_regions())
		r = -ENOSPC;
	for (i = 0; i < VQ_MAX && !r; i++) {
		r = set_fd(g, VHOST_SET_VRING_CALL, i, masked);
		if (!r)
			r = set_err(g, i);
	}
	return r;
}

/* One ring, except for what makes it run. */
static int qemu_ring(struct guest *g, unsigned int i, unsigned int base)
{
	int r = set_num(g, i);

	if (!r)
		r = set_base(g, i, base);
	if (!r)
		r = dev_set_addr(g->fd, &g->vq[i]);
	if (!r)
		r = set_kick(g, i);
	return r ? r : set_call(g, i);
}

static int qemu_driver_ok(struct guest *g, const unsigned int *base, bool array)
{
	unsigned int i;
	int r;

	r = qemu_features(g, 0, array);
	if (!r)
		r = dev_set_mem(g->fd, &g->arena);
	for (i = 0; i < VQ_MAX && !r; i++)
		r = qemu_ring(g, i, base[i]);
	for (i = 0; i < VQ_MAX && !r; i++)
		r = dev_set_backend(g->fd, i, g->backend.fd);
	return r;
}

static bool qemu_stop(struct guest *g, unsigned int *base)
{
	unsigned int i;
	int r;

	/* QEMU would abort if this failed. */
	if (!backends_off(g))
		return false;
	for (i = 0; i < VQ_MAX; i++) {
		r = dev_get_base(g->fd, i);
		if (r != g->vq[i].used->idx)
			return false;
		base[i] = r;
	}
	return true;
}

FIXTURE_SETUP(qemu)
{
	struct guest_cfg cfg = { .start = GUEST_BASE };

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, start_bare(&self->g, cfg));
	self->masked = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	self->base[VQ_RX] = GUEST_BASE;
	self->base[VQ_TX] = GUEST_BASE;
	ASSERT_EQ(0, qemu_realize(&self->g, self->masked, variant->v10,
				  &self->offered));
	ASSERT_EQ(0, qemu_driver_ok(&self->g, self->base, variant->v10));
	EXPECT_EQ(0, traffic_alive(&self->g));
}

FIXTURE_TEARDOWN(qemu)
{
	guest_stop(&self->g);
	close(self->masked);
}

/* Stopped and continued, and reset by the guest, again and again. */
TEST_F(qemu, stop_and_start)
{
	struct guest *g = &self->g;
	int i;

	for (i = 0; i < 5; i++) {
		ASSERT_TRUE(qemu_stop(g, self->base));
		ASSERT_EQ(0, qemu_driver_ok(g, self->base, variant->v10));
		EXPECT_EQ(0, traffic_alive(g));
	}
	for (i = 0; i < 5; i++) {
		ASSERT_TRUE(qemu_stop(g, self->base));
		memset(self->base, 0, sizeof(self->base));
		ASSERT_EQ(0, reset_rings(g));
		ASSERT_EQ(0, qemu_driver_ok(g, self->base, variant->v10));
		EXPECT_EQ(0, traffic_alive(g));
	}
	EXPECT_TRUE(qemu_stop(g, self->base));
}

/* Interrupts are masked by way of another eventfd, looked at later. */
TEST_F(qemu, mask_and_unmask)
{
	struct guest *g = &self->g;
	int i;

	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, set_fd(g, VHOST_SET_VRING_CALL, VQ_TX,
				    self->masked));
		eventfd_drain(self->masked);
		frame_build(frame, 60, FRAME_TO_HOST, i);
		ASSERT_EQ(0, guest_send(g, frame, 60, NULL));
		g->vq[VQ_TX].ops->call_on(&g->vq[VQ_TX], 0);
		vq_kick(&g->vq[VQ_TX]);
		EXPECT_TRUE(eventfd_wait(self->masked, STALL_MS));
		ASSERT_EQ(0, set_call(g, VQ_TX));
		EXPECT_EQ(0, guest_drain(g));
		EXPECT_EQ(60, wire_recv(&g->wire, got, sizeof(got), NULL,
					STALL_MS));
	}
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_F(qemu, memory_hotplug)
{
	struct arena *a = &self->g.arena;
	char *more = guarded_map(PAGE);
	int i;

	for (i = 0; i < 5; i++) {
		a->region[a->n++] = (struct arena_region) {
			.gpa = 16 * i * PAGE, .hva = more, .size = PAGE,
		};
		EXPECT_EQ(0, dev_set_mem(self->g.fd, a));
		EXPECT_EQ(0, traffic_alive(&self->g));
		a->n--;
		EXPECT_EQ(0, dev_set_mem(self->g.fd, a));
		EXPECT_EQ(0, traffic_alive(&self->g));
	}
	guarded_unmap(more, PAGE);
}

/* Here a migration begins and is cancelled, and the next one succeeds. */
TEST_F(qemu, migration)
{
	struct guest *g = &self->g;
	struct bitmap log;
	int i;

	if (!(self->offered & F_LOG))
		SKIP(return, "no dirty log");
	ASSERT_EQ(0, bitmap_init(&log, dirty_top(g), 0));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, dirty_set_base(g->fd, log.base));
		ASSERT_EQ(0, qemu_features(g, F_LOG, variant->v10));
		ASSERT_EQ(0, dirty_set_rings(g, true));
		EXPECT_EQ(0, traffic_alive(g));
		EXPECT_FALSE(bitmap_empty(&log));
		if (i == 2)
			break;
		ASSERT_EQ(0, qemu_features(g, 0, variant->v10));
		ASSERT_EQ(0, dirty_set_rings(g, false));
		EXPECT_EQ(0, traffic_alive(g));
	}
	EXPECT_TRUE(qemu_stop(g, self->base));
	/* The other side, and here the same machine, goes on. */
	ASSERT_EQ(0, qemu_driver_ok(g, self->base, variant->v10));
	bitmap_clear(&log);
	EXPECT_EQ(0, traffic_alive(g));
	EXPECT_TRUE(bitmap_empty(&log));
	bitmap_free(&log);
}

/* A migration's log is on before the rings are started (on a reset, e.g.). */
TEST_F(qemu, started_while_migrating)
{
	struct guest *g = &self->g;
	struct bitmap log;
	unsigned int i;

	if (!(self->offered & F_LOG))
		SKIP(return, "no dirty log");
	ASSERT_EQ(0, bitmap_init(&log, dirty_top(g), 0));
	ASSERT_TRUE(qemu_stop(g, self->base));
	ASSERT_EQ(0, qemu_features(g, F_LOG, variant->v10));
	ASSERT_EQ(0, dev_set_mem(g->fd, &g->arena));
	for (i = 0; i < VQ_MAX; i++) {
		ASSERT_EQ(0, qemu_ring(g, i, self->base[i]));
		ASSERT_EQ(0, dev_set_addr_log(g->fd, &g->vq[i],
					      dirty_used_gpa(g, i)));
	}
	ASSERT_EQ(0, dirty_set_base(g->fd, log.base));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, traffic_alive(g));
	EXPECT_FALSE(bitmap_empty(&log));
	EXPECT_TRUE(qemu_stop(g, self->base));
	bitmap_free(&log);
}

static void *transmit_on(void *arg)
{
	struct traffic t = { .count = 50, .len = len_mixed };
	struct guest *g = arg;
	long bad = 0;
	int i;

	for (i = 0; i < 10 && !bad; i++) {
		bad = traffic_tx(g, &t);
		t.first += t.count;
	}
	return (void *)bad;
}

/* The guest resets its receive ring while it transmits (S47). */
TEST_F(qemu, ring_reset)
{
	struct traffic t = { .count = 30, .len = len_mixed };
	struct guest *g = &self->g;
	struct pool *pool = &g->pool[VQ_RX];
	struct vq_cfg cfg = g->vq[VQ_RX].cfg;
	pthread_t thread;
	unsigned int j;
	void *bad;
	int i;

	cfg.start = 0;
	ASSERT_EQ(0, pthread_create(&thread, NULL, transmit_on, g));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, dev_set_backend(g->fd, VQ_RX, -1));
		EXPECT_EQ(g->vq[VQ_RX].used_idx, dev_get_base(g->fd, VQ_RX));
		vq_free(&g->vq[VQ_RX]);
		cfg.num = i & 1 ? 256 : 128;
		ASSERT_EQ(0, vq_init(&g->vq[VQ_RX], &cfg));
		pool->free = NULL;
		for (j = 0; j < pool->n; j++)
			pool_put(pool, &pool->buf[j]);
		ASSERT_EQ(0, qemu_ring(g, VQ_RX, 0));
		ASSERT_EQ(0, dev_set_backend(g->fd, VQ_RX, g->backend.fd));
		EXPECT_EQ(0, traffic_rx(g, &t));
		t.first += t.count;
	}
	ASSERT_EQ(0, pthread_join(thread, &bad));
	EXPECT_EQ(NULL, bad);
}

/* A guest that gave no address for a ring: nothing at all is done for it. */
TEST_F(qemu, ring_skipped)
{
	struct traffic t = { .count = 100, .len = len_mixed };
	struct guest *g = &self->g;

	close(g->fd);
	g->fd = dev_open();
	ASSERT_LE(0, g->fd);
	ASSERT_EQ(0, qemu_realize(g, self->masked, variant->v10,
				  &self->offered));
	ASSERT_EQ(0, qemu_features(g, 0, variant->v10));
	ASSERT_EQ(0, dev_set_mem(g->fd, &g->arena));
	ASSERT_EQ(0, qemu_ring(g, VQ_RX, g->vq[VQ_RX].used_idx));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_RX, g->backend.fd));
	EXPECT_EQ(0, traffic_rx(g, &t));
	EXPECT_TRUE(backends_off(g));
	EXPECT_EQ(g->vq[VQ_RX].used_idx, dev_get_base(g->fd, VQ_RX));
	EXPECT_EQ(0, dev_get_base(g->fd, VQ_TX));
}

/* libvirt opens device and tap, and QEMU gets both from it (S50). */
static void libvirts_qemu(int sock)
{
	unsigned int base[VQ_MAX] = {};
	struct guest_cfg cfg = {};
	static struct guest g;
	int own, masked = eventfd(0, 0);
	__u64 offered;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (start_bare(&g, cfg))
		_exit(1);
	close(g.fd);
	g.fd = take_fd(sock);
	own = g.backend.fd;
	g.backend.fd = take_fd(sock);
	wire_close(&g.wire);
	if (wire_open(&g.wire, "vht5", true))
		_exit(2);
	if (qemu_realize(&g, masked, false, &offered) ||
	    qemu_driver_ok(&g, base, false) || traffic_alive(&g))
		_exit(3);
	/* The other end closes both, and that must not matter. */
	if (write(sock, "", 1) != 1 || read(sock, &cfg, 1) != 1)
		_exit(4);
	if (traffic_alive(&g) || !qemu_stop(&g, base))
		_exit(5);
	close(own);
	_exit(0);
}

TEST(libvirt)
{
	struct backend_cfg cfg = { .vnet_hdr = true, .hdr_len = 12 };
	int fd, status, sock[2];
	struct backend tap;
	char c = 0;
	pid_t pid;

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	fd = dev_open();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, backend_open(&tap, &cfg, 5));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(fd);
		backend_close(&tap);
		close(sock[0]);
		libvirts_qemu(sock[1]);
	}
	close(sock[1]);
	ASSERT_EQ(0, pass_fd(sock[0], fd));
	ASSERT_EQ(0, pass_fd(sock[0], tap.fd));
	ASSERT_EQ(1, read(sock[0], &c, 1));
	close(fd);
	backend_close(&tap);
	ASSERT_EQ(1, write(sock[0], &c, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

TEST_HARNESS_MAIN
