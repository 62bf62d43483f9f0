// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of the dirty log, and logs that can't be written to. A call that
 * is refused changes nothing: what was logged still is, where it was.
 */
#include "fixture.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "logged.h"
#include "pump.h"
#include "traffic.h"

#define FLOW		200
/* No bitmap for a guest of this harness fits behind it. */
#define BAD_BASE	((void *)(0x7ffffffff000UL - 8 * PAGE))
/* No bitmap reaches as far as the bit of this address. */
#define FAR_AWAY	BIT(62)

FIXTURE(ctl)
{
	struct logged l;
};

FIXTURE_SETUP(ctl)
{
	struct guest_cfg cfg = { .features = F_V1 | F_MRG | F_EVENT };
	struct logged *l = &self->l;

	RUN_IF_SELECTED();
	ASSERT_EQ(0, log_setup(l, &cfg));
	if (!dirty_log_offered(l->g.fd))
		SKIP_ALL("no dirty log");
	ASSERT_EQ(0, bitmap_init(&l->log, dirty_top(&l->g), 0));
}

FIXTURE_TEARDOWN(ctl)
{
	log_teardown(&self->l);
}

static int set_log_fd(int fd, int event)
{
	return dev_ioctl(fd, VHOST_SET_LOG_FD, &event);
}

/* Attached, with a log that works. */
static int start(struct logged *l)
{
	int r = dirty_log_on(&l->g, &l->log);

	return r ? r : guest_attach(&l->g, l->g.backend.fd);
}

/* Does the log, and do both rings, work as if nothing had happened? */
static bool still_logs(struct logged *l)
{
	struct traffic t = { .count = 30, .len = len_mixed, .burst = 2 };

	if (guest_attach(&l->g, -1))
		return false;
	log_watch(l);
	return !guest_attach(&l->g, l->g.backend.fd) &&
		!traffic_rx(&l->g, &t) && !traffic_tx(&l->g, &t) &&
		log_exact_at_end(l);
}

/* What clients do before there is anything to log (rust-vmm). */
TEST(before_the_rings)
{
	__u64 offered = 0, base = 0x4000;
	int fd = dev_open();

	RUN_IF_SELECTED();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, dev_get_features(fd, &offered));
	EXPECT_EQ(0, dev_set_features(fd, offered));
	if (!(offered & F_LOG))
		SKIP_ALL("no dirty log");
	EXPECT_EQ(-EPERM, dev_ioctl(fd, VHOST_SET_LOG_BASE, &base));
	ASSERT_EQ(0, dev_set_owner(fd));
	EXPECT_EQ(0, dev_ioctl(fd, VHOST_SET_LOG_BASE, &base));
	base = ~0ULL;
	EXPECT_EQ(0, dev_ioctl(fd, VHOST_SET_LOG_BASE, &base));
	EXPECT_EQ(0, dev_set_features(fd, offered));
	EXPECT_EQ(-EFAULT, dev_ioctl(fd, VHOST_SET_LOG_BASE, (void *)8));
	close(fd);
}

TEST_F(ctl, base_refused)
{
	struct logged *l = &self->l;
	struct pump p;
	int i;

	ASSERT_EQ(0, start(l));
	l->g.on_rx = NULL;
	ASSERT_EQ(0, pump_start(&p, &l->g));
	dirty_begin(&l->d);
	for (i = 0; i < 30; i++) {
		EXPECT_EQ(-EFAULT, dirty_set_base(l->g.fd, BAD_BASE));
		EXPECT_EQ(-EFAULT, dirty_set_base(l->g.fd, (void *)~0UL));
		EXPECT_TRUE(pump_flows(&p, 16));
	}
	EXPECT_TRUE(pump_halt(&p));
	ASSERT_EQ(0, guest_attach(&l->g, -1));
	EXPECT_LT(0, dirty_sync(&l->d, &l->log));
	EXPECT_TRUE(dirty_same(&l->d));
}

/* One ring runs, the other doesn't: both keep the log they had (S41). */
TEST_F(ctl, base_refused_for_both)
{
	struct logged *l = &self->l;
	struct guest *g = &l->g;
	unsigned int i;

	NOT_FOR_STOCK("gives it to the ring that is stopped");
	for (i = 0; i < VQ_MAX; i++) {
		ASSERT_EQ(0, start(l));
		ASSERT_EQ(0, dev_set_backend(g->fd, i, -1));
		EXPECT_EQ(-EFAULT, dirty_set_base(g->fd, BAD_BASE));
		EXPECT_EQ(0, dev_set_backend(g->fd, i, -1));
		EXPECT_EQ(0, dev_set_backend(g->fd, i, g->backend.fd));
		EXPECT_TRUE(still_logs(l));
	}
}

/* What is not looked at while rings are stopped is when they start. */
TEST_F(ctl, attach_refused)
{
	struct logged *l = &self->l;
	struct guest *g = &l->g;

	ASSERT_EQ(0, dirty_log_on(g, &l->log));
	EXPECT_EQ(0, dirty_set_base(g->fd, BAD_BASE));
	EXPECT_EQ(-EFAULT, dev_set_backend(g->fd, VQ_RX, g->backend.fd));
	EXPECT_EQ(-EFAULT, dev_set_backend(g->fd, VQ_TX, g->backend.fd));
	if (!stock_driver())
		EXPECT_EQ(0, guest_attach(g, -1));
	EXPECT_EQ(0, dirty_set_base(g->fd, l->log.base));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_TRUE(still_logs(l));
}

TEST_F(ctl, features_refused)
{
	struct logged *l = &self->l;
	struct guest *g = &l->g;

	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	/* Without the feature nobody cares about the log. */
	EXPECT_EQ(0, dirty_set_base(g->fd, BAD_BASE));
	EXPECT_EQ(-EFAULT, dev_set_features(g->fd, g->cfg.features | F_LOG));
	EXPECT_EQ(0, traffic_alive(g));
	EXPECT_EQ(0, dirty_log_on(g, &l->log));
	EXPECT_TRUE(still_logs(l));
}

TEST_F(ctl, ring_refused)
{
	struct logged *l = &self->l;
	struct guest *g = &l->g;
	unsigned int i;

	ASSERT_EQ(0, start(l));
	for (i = 0; i < VQ_MAX; i++) {
		EXPECT_EQ(-EINVAL, dev_set_addr_log(g->fd, &g->vq[i],
						    FAR_AWAY));
		EXPECT_EQ(-EINVAL, dev_set_addr_log(g->fd, &g->vq[i], -4));
		EXPECT_EQ(-EINVAL, dev_set_addr_log(g->fd, &g->vq[i], 2));
	}
	EXPECT_TRUE(still_logs(l));
}

TEST_F(ctl, table_refused)
{
	struct logged *l = &self->l;
	struct arena *a = &l->g.arena;

	ASSERT_EQ(0, start(l));
	a->region[a->n++] = (struct arena_region) {
		.gpa = FAR_AWAY, .hva = a->region[0].hva, .size = PAGE,
	};
	EXPECT_EQ(-EFAULT, dev_set_mem(l->g.fd, a));
	a->n--;
	EXPECT_TRUE(still_logs(l));
}

/* The log can't be written to for a while; packets don't care. */
static int without_log(struct logged *l, int prot, __u64 *complaints)
{
	struct guest *g = &l->g;
	struct pump p;
	int r;

	eventfd_drain(g->vq[VQ_RX].err);
	eventfd_drain(g->vq[VQ_TX].err);
	r = pump_start(&p, g);
	if (r)
		return r;
	/* Bits that are set need not be set: there shall be none. */
	if (!pump_flows(&p, FLOW) || bitmap_protect(&l->log, prot) ||
	    bitmap_wipe(&l->log) || !pump_flows(&p, FLOW))
		r = -ETIME;
	/* One ring or the other must have met with it by now. */
	*complaints = eventfd_drain(g->vq[VQ_RX].err) +
		eventfd_drain(g->vq[VQ_TX].err);
	bitmap_protect(&l->log, PROT_READ | PROT_WRITE);
	if (!pump_flows(&p, FLOW))
		r = -ETIME;
	return r ? r : pump_stop_lossless(&p);
}

TEST_F(ctl, log_not_writable)
{
	static const int prot[] = { PROT_NONE, PROT_READ };
	struct logged *l = &self->l;
	__u64 complaints;
	unsigned int i;

	l->g.on_rx = NULL;
	ASSERT_EQ(0, start(l));
	for (i = 0; i < ARRAY_SIZE(prot); i++) {
		complaints = 0;
		EXPECT_EQ(0, without_log(l, prot[i], &complaints));
		TH_LOG("%llu complaints", complaints);
		if (!stock_driver())
			EXPECT_LT(0, complaints);
	}
	dirty_begin(&l->d);
	EXPECT_EQ(0, traffic_alive(&l->g));
	ASSERT_EQ(0, guest_attach(&l->g, -1));
	EXPECT_TRUE(dirty_covered(&l->d, &l->log));
}

/* Nor does a device whose log is gone for good. */
TEST_F(ctl, log_unmapped)
{
	struct logged *l = &self->l;
	struct bitmap other;
	struct pump p;

	ASSERT_EQ(0, start(l));
	l->g.on_rx = NULL;
	ASSERT_EQ(0, pump_start(&p, &l->g));
	EXPECT_TRUE(pump_flows(&p, FLOW));
	ASSERT_EQ(0, munmap(l->log.map, l->log.map_size));
	EXPECT_TRUE(pump_flows(&p, FLOW));
	/* Not even then must it fail to stop, to go on, or to be helped. */
	EXPECT_EQ(0, guest_attach(&l->g, -1));
	EXPECT_EQ(0, guest_attach(&l->g, l->g.backend.fd));
	EXPECT_TRUE(pump_flows(&p, FLOW));
	ASSERT_EQ(0, bitmap_init(&other, dirty_top(&l->g), 0));
	EXPECT_EQ(0, dirty_set_base(l->g.fd, other.base));
	dirty_begin(&l->d);
	EXPECT_TRUE(pump_flows(&p, FLOW));
	EXPECT_TRUE(pump_halt(&p));
	ASSERT_EQ(0, guest_attach(&l->g, -1));
	EXPECT_TRUE(dirty_covered(&l->d, &other));
	bitmap_free(&other);
}

/*
 * What could not be shown to the guest while the ring ran is shown when it
 * stops: the monitor has yet to copy it.
 */
TEST_F(ctl, shown_at_the_end)
{
	bool packed = more_features() & F_PACKED;
	static char frame[60];
	struct logged *l = &self->l;
	struct guest *g = &l->g;
	struct vq *vq = &g->vq[VQ_TX];
	void *ring, *page;
	size_t size;
	__u64 gpa;
	int i;

	NOT_FOR_STOCK("shows it never");
	ring = vq_part(vq, packed ? VQ_DESC : VQ_USED, &size);
	gpa = packed ? arena_gpa(&g->arena, ring) : dirty_used_gpa(g, VQ_TX);
	page = (void *)((uintptr_t)ring & -PAGE);
	ASSERT_EQ(0, start(l));
	EXPECT_EQ(0, traffic_alive(g));
	/* A turn that is not over would find them before the ring goes. */
	ASSERT_TRUE(workers_asleep());
	log_watch(l);
	for (i = 0; i < 3; i++) {
		frame_build(frame, sizeof(frame), FRAME_TO_HOST, i);
		ASSERT_EQ(0, guest_send(g, frame, sizeof(frame), NULL));
	}
	vq_publish(vq);
	ASSERT_EQ(0, mprotect(page, PAGE, PROT_READ));
	vq_kick_always(vq);
	ASSERT_TRUE(eventfd_wait(vq->err, STALL_MS));
	/* It is tried again a while later; until then nothing is written. */
	bitmap_reset(&l->log, gpa);
	bitmap_reset(&l->log, gpa + size - 1);
	ASSERT_EQ(0, mprotect(page, PAGE, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, guest_attach(g, -1));
	EXPECT_EQ(3, guest_reap(g));
	EXPECT_TRUE(log_exact(l));
}

/*
 * The first entry of a run can't be written, and so the guest sees none, but
 * those behind it are there.
 */
TEST(torn_packed_ring)
{
	struct guest_cfg cfg = {
		.features = F_V1 | F_PACKED,
		.num = { 512, 512 },
		.start = 255,		/* the last in the first page */
	};
	static char frame[60];
	static struct logged l;
	struct guest *g = &l.g;
	struct vq *vq = &g->vq[VQ_TX];
	int i;

	RUN_IF_SELECTED();
	NEEDS(F_PACKED | F_LOG);
	if (more_features() & F_IN_ORDER)
		SKIP_ALL("one entry for all");
	ASSERT_EQ(0, log_setup(&l, &cfg));
	ASSERT_EQ(0, log_ready(&l, 0));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	for (i = 0; i < 12; i++) {
		frame_build(frame, sizeof(frame), FRAME_TO_HOST, i);
		ASSERT_EQ(0, guest_send(g, frame, sizeof(frame), NULL));
	}
	/* As above: of the turn that begins with a backend. */
	ASSERT_TRUE(workers_asleep());
	vq_publish(vq);
	ASSERT_EQ(0, mprotect(vq->packed.desc, PAGE, PROT_READ));
	vq_kick(vq);
	ASSERT_TRUE(eventfd_wait(vq->err, STALL_MS));
	ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, -1));
	EXPECT_TRUE(bitmap_test(&l.log, arena_gpa(&g->arena,
						  &vq->packed.desc[256])));
	log_teardown(&l);
}

TEST_F(ctl, log_fd)
{
	struct traffic t = { .count = 1, .len = len_mixed };
	int event = eventfd(0, EFD_NONBLOCK), null = open("/dev/null", O_RDWR);
	struct guest *g = &self->l.g;

	EXPECT_EQ(-EBADF, set_log_fd(g->fd, 9999));
	EXPECT_EQ(-EBADF, set_log_fd(g->fd, -2));
	EXPECT_EQ(-EINVAL, set_log_fd(g->fd, null));
	EXPECT_EQ(-EINVAL, set_log_fd(g->fd, g->fd));
	EXPECT_EQ(0, set_log_fd(g->fd, event));
	ASSERT_EQ(0, start(&self->l));
	EXPECT_EQ(0, traffic_rx(g, &t));
	EXPECT_TRUE(eventfd_wait(event, STALL_MS));
	/* What the device may still write, as it goes to sleep. */
	pause_ms(100);
	EXPECT_LT(0, eventfd_drain(event));
	EXPECT_EQ(0, traffic_tx(g, &t));
	EXPECT_TRUE(eventfd_wait(event, STALL_MS));

	/* A bad one leaves the one before. */
	EXPECT_EQ(-EINVAL, set_log_fd(g->fd, null));
	pause_ms(100);
	eventfd_drain(event);
	EXPECT_EQ(0, traffic_rx(g, &t));
	EXPECT_TRUE(eventfd_wait(event, STALL_MS));

	/* Nothing is logged, nobody is told. */
	ASSERT_EQ(0, dirty_log_off(g));
	eventfd_drain(event);
	EXPECT_EQ(0, traffic_rx(g, &t));
	EXPECT_EQ(0, traffic_tx(g, &t));
	ASSERT_EQ(0, guest_attach(g, -1));
	EXPECT_EQ(0, eventfd_drain(event));

	ASSERT_EQ(0, start(&self->l));
	EXPECT_EQ(0, set_log_fd(g->fd, -1));
	EXPECT_EQ(0, set_log_fd(g->fd, -1));
	eventfd_drain(event);
	EXPECT_EQ(0, traffic_rx(g, &t));
	ASSERT_EQ(0, guest_attach(g, -1));
	EXPECT_EQ(0, eventfd_drain(event));
	EXPECT_EQ(0, close(event));
	close(null);
}

/* After a reset nothing of the log is left. */
TEST_F(ctl, forgotten_by_reset)
{
	int event = eventfd(0, EFD_NONBLOCK);
	struct guest *g = &self->l.g;

	EXPECT_EQ(0, set_log_fd(g->fd, event));
	ASSERT_EQ(0, start(&self->l));
	EXPECT_EQ(0, traffic_alive(g));
	ASSERT_EQ(0, dev_reset_owner(g->fd));
	bitmap_clear(&self->l.log);
	eventfd_drain(event);
	ASSERT_EQ(0, guest_setup(g));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, traffic_alive(g));
	ASSERT_EQ(0, guest_attach(g, -1));
	EXPECT_TRUE(bitmap_empty(&self->l.log));
	EXPECT_EQ(0, eventfd_drain(event));
	close(event);
}

TEST_HARNESS_MAIN
