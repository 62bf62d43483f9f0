// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that fail halfway: each thing that a call of the device does and that
 * can fail is made to fail in turn, until a call gets through without. It says
 * so with a sensible error, has changed nothing, and can be repeated. For what
 * happens while packets flow see fault_data_test.c.
 *
 * Whoever runs this looks for lost memory and for complaints of the kernel.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "counters.h"
#include "fault.h"
#include "guest.h"
#include "iommu.h"
#include "netif.h"
#include "traffic.h"
#include "v3.h"

/* No call has more than that. */
#define MOST		500
#define TEXT		2048

/* One guest, and what is needed to make its device fail. */
struct room {
	struct guest g;
	struct fault me;
	struct vhost_memory *mem;
	int spare;		/* an eventfd */
	unsigned int vq;	/* the ring that is called upon */
	int worker;		/* the one that was made */
	char before[TEXT], after[TEXT];
};

/* Something to be made to fail, and what takes it back when it has not. */
struct call {
	const char *name;
	int (*fn)(struct room *r);
	int (*undo)(struct room *r);
	bool vq;		/* each ring has one of its own */
	int also;		/* another error that it may have */
};

/* Does a line of fdinfo tell how the device is set up? Others count. */
static bool is_setup(const char *line)
{
	static const char * const keys[] = {
		"features:", "-state:", "-broken:", "-format:", "-size:",
		"-next-avail:", "-next-used:", "-worker:", "-thread:",
		"-interface:", "iotlb-entries:", "regions:", "vhost-owner:",
		"vhost-log:",
	};
	size_t len = strcspn(line, "\n");
	unsigned int i;
	const char *at;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		at = strstr(line, keys[i]);
		if (at && at < line + len)
			return true;
	}
	return false;
}

static void add_ring(struct room *r, char *text, unsigned int index)
{
	struct vhost_vring_state s = { .index = index };
	size_t len = strlen(text);

	dev_ioctl(r->g.fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &s);
	snprintf(text + len, TEXT - len, "busy %u base %lld\n", s.num,
		 dev_get_base(r->g.fd, index));
}

/* How the device is set up, as far as it can be seen from outside. */
static void look(struct room *r, char *text)
{
	char all[TEXT], *line;
	int i;

	*text = 0;
	if (!device_text(r->g.fd, all, sizeof(all)))
		return;
	for (line = all; *line; line += strcspn(line, "\n") + 1) {
		if (is_setup(line))
			strncat(text, line, strcspn(line, "\n") + 1);
		if (!line[strcspn(line, "\n")])
			break;
	}
	for (i = 0; i < VQ_MAX; i++)
		add_ring(r, text, i);
	snprintf(text + strlen(text), TEXT - strlen(text), "workers %d\n",
		 worker_count(getpid()));
}

static bool sensible(int err)
{
	return err == -ENOMEM || err == -EFAULT;
}

/* Was that as it should be? Says what was not. */
static bool clean_failure(struct room *r, const struct call *c, unsigned int n,
			  int err)
{
	look(r, r->after);
	if ((sensible(err) || (c->also && err == c->also)) &&
	    !strcmp(r->before, r->after))
		return true;
	fprintf(stderr, "# %s, failure %u: %s\n", c->name, n, strerror(-err));
	if (strcmp(r->before, r->after))
		fprintf(stderr, "# was:\n%s# is:\n%s", r->before, r->after);
	return false;
}

/* How many failures there were until the call had none, or -1. */
static int sweep(struct room *r, const struct call *c)
{
	unsigned int n;
	bool hit;
	int err;

	for (n = 1; n < MOST; n++) {
		look(r, r->before);
		fault_arm(&r->me, n);
		err = c->fn(r);
		hit = fault_disarm(&r->me);
		if (err < 0 && (!hit || !clean_failure(r, c, n, err)))
			break;
		/* It can be repeated; nothing fails now. */
		if (err < 0)
			err = c->fn(r);
		if (err >= 0 && c->undo)
			err = c->undo(r);
		if (err < 0)
			break;
		if (!hit)
			return n - 1;
	}
	fprintf(stderr, "# %s, failure %u: %s\n", c->name, n, strerror(-err));
	return -1;
}

/* The whole table. What has nothing that can fail is not worth a look. */
static int sweep_all(struct room *r, const struct call *calls, size_t num)
{
	int total = 0, failures;
	size_t i;

	for (i = 0; i < num; i++) {
		for (r->vq = 0; r->vq < (calls[i].vq ? VQ_MAX : 1); r->vq++) {
			failures = sweep(r, &calls[i]);
			if (failures < 0)
				return -1;
			total += failures;
			fprintf(stderr, "# %s: %d\n", calls[i].name, failures);
		}
	}
	return total;
}

/* With the arguments at hand, so that all that fails is the device's. */

static int do_get_features(struct room *r)
{
	__u64 features;

	return dev_get_features(r->g.fd, &features);
}

static int do_set_features(struct room *r)
{
	return dev_set_features(r->g.fd, r->g.cfg.features);
}

static int set_no_features(struct room *r)
{
	return dev_set_features(r->g.fd, 0);
}

static int do_get_array(struct room *r)
{
	__u64 array[20] = { 19 };

	return dev_ioctl(r->g.fd, VHOST_GET_FEATURES_ARRAY, array);
}

static int do_set_array(struct room *r)
{
	__u64 array[20] = { 19, r->g.cfg.features };

	return dev_ioctl(r->g.fd, VHOST_SET_FEATURES_ARRAY, array);
}

static int do_get_backend_features(struct room *r)
{
	__u64 features;

	return dev_ioctl(r->g.fd, VHOST_GET_BACKEND_FEATURES, &features);
}

static int do_set_backend_features(struct room *r)
{
	return dev_set_msg_form(r->g.fd, false);
}

static int do_set_owner(struct room *r)
{
	return dev_set_owner(r->g.fd);
}

static int do_reset_owner(struct room *r)
{
	return dev_reset_owner(r->g.fd);
}

static int do_set_mem(struct room *r)
{
	return dev_ioctl(r->g.fd, VHOST_SET_MEM_TABLE, r->mem);
}

static int do_set_log_base(struct room *r)
{
	__u64 base = 0x1000;

	return dev_ioctl(r->g.fd, VHOST_SET_LOG_BASE, &base);
}

static int do_set_log_fd(struct room *r)
{
	return dev_ioctl(r->g.fd, VHOST_SET_LOG_FD, &r->spare);
}

static int no_log_fd(struct room *r)
{
	int none = -1;

	return dev_ioctl(r->g.fd, VHOST_SET_LOG_FD, &none);
}

static int do_new_worker(struct room *r)
{
	r->worker = dev_new_worker(r->g.fd);
	return r->worker;
}

static int do_free_worker(struct room *r)
{
	return dev_free_worker(r->g.fd, r->worker);
}

static int do_attach_worker(struct room *r)
{
	return dev_attach_worker(r->g.fd, r->vq, r->worker);
}

static int attach_first_worker(struct room *r)
{
	return dev_attach_worker(r->g.fd, r->vq, 0);
}

static int do_get_worker(struct room *r)
{
	return dev_get_worker(r->g.fd, r->vq);
}

static int do_get_fork(struct room *r)
{
	__u8 kind;

	return dev_ioctl(r->g.fd, VHOST_GET_FORK_FROM_OWNER, &kind);
}

static int do_set_fork(struct room *r)
{
	__u8 kind = VHOST_FORK_OWNER_KTHREAD;

	return dev_ioctl(r->g.fd, VHOST_SET_FORK_FROM_OWNER, &kind);
}

static int do_set_num(struct room *r)
{
	return dev_vring_state(r->g.fd, VHOST_SET_VRING_NUM, r->vq,
			       r->g.vq[r->vq].num / 2);
}

static int undo_num(struct room *r)
{
	return dev_vring_state(r->g.fd, VHOST_SET_VRING_NUM, r->vq,
			       r->g.vq[r->vq].num);
}

static int do_set_base(struct room *r)
{
	return dev_vring_state(r->g.fd, VHOST_SET_VRING_BASE, r->vq, 77);
}

static int undo_base(struct room *r)
{
	return dev_vring_state(r->g.fd, VHOST_SET_VRING_BASE, r->vq,
			       vq_base(&r->g.vq[r->vq]));
}

static int do_get_base(struct room *r)
{
	return dev_get_base(r->g.fd, r->vq) < 0 ? -EFAULT : 0;
}

static int do_set_addr(struct room *r)
{
	return dev_set_addr(r->g.fd, &r->g.vq[r->vq]);
}

static int do_set_busy(struct room *r)
{
	return dev_vring_state(r->g.fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
			       r->vq, 50);
}

static int undo_busy(struct room *r)
{
	return dev_vring_state(r->g.fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
			       r->vq, 0);
}

static int do_get_busy(struct room *r)
{
	return dev_vring_state(r->g.fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT,
			       r->vq, 0);
}

static int do_set_kick(struct room *r)
{
	return dev_vring_file(r->g.fd, VHOST_SET_VRING_KICK, r->vq, r->spare);
}

static int undo_kick(struct room *r)
{
	return dev_vring_file(r->g.fd, VHOST_SET_VRING_KICK, r->vq,
			      r->g.vq[r->vq].kick);
}

static int do_set_call(struct room *r)
{
	return dev_vring_file(r->g.fd, VHOST_SET_VRING_CALL, r->vq, r->spare);
}

static int undo_call(struct room *r)
{
	return dev_vring_file(r->g.fd, VHOST_SET_VRING_CALL, r->vq,
			      r->g.vq[r->vq].call);
}

static int do_set_err(struct room *r)
{
	return dev_vring_file(r->g.fd, VHOST_SET_VRING_ERR, r->vq, r->spare);
}

static int undo_err(struct room *r)
{
	return dev_vring_file(r->g.fd, VHOST_SET_VRING_ERR, r->vq,
			      r->g.vq[r->vq].err);
}

static int do_attach(struct room *r)
{
	return dev_set_backend(r->g.fd, r->vq, r->g.backend.fd);
}

static int do_detach(struct room *r)
{
	return dev_set_backend(r->g.fd, r->vq, -1);
}

static int do_update(struct room *r)
{
	return iommu_update(r->g.fd, 0x1000, 0x3000, r->before,
			    VHOST_ACCESS_RW);
}

/* Out of the middle of the above, so that two are left of it. */
static int do_split(struct room *r)
{
	return iommu_update(r->g.fd, 0x2000, 0x1000, r->after,
			    VHOST_ACCESS_RO);
}

static int make_whole(struct room *r)
{
	return do_update(r);
}

static int do_invalidate(struct room *r)
{
	return iommu_invalidate(r->g.fd, 0x1000, 0x3000);
}

static int do_old_features(struct room *r)
{
	__u32 words[2];

	return dev_ioctl(r->g.fd, V3_GET_FEATURES, words);
}

static int do_old_desc(struct room *r)
{
	return v3_addr(r->g.fd, V3_SET_VRING_DESC, r->vq,
		       r->g.vq[r->vq].desc);
}

static int do_old_set_base(struct room *r)
{
	return v3_state(r->g.fd, V3_SET_VRING_BASE, r->vq,
			vq_base(&r->g.vq[r->vq]));
}

static int do_old_get_base(struct room *r)
{
	int base = v3_get_base(r->g.fd, r->vq);

	return base < 0 ? base : 0;
}

static int do_old_socket(struct room *r)
{
	return v3_socket(r->g.fd, r->g.backend.fd);
}

static int do_no_old_socket(struct room *r)
{
	return v3_socket(r->g.fd, -1);
}

/* As new: addresses are the owner's own. */
static int do_old_reset(struct room *r)
{
	int err = dev_ioctl(r->g.fd, V3_RESET_OWNER, NULL);

	if (!err)
		err = dev_ioctl(r->g.fd, V3_SET_OWNER, NULL);
	return err ? err : v3_rings(&r->g);
}

static const struct call calls_any[] = {
	{ .name = "GET_FEATURES", .fn = do_get_features },
	{ .name = "SET_FEATURES", .fn = do_set_features },
	{ .name = "GET_FEATURES_ARRAY", .fn = do_get_array },
	{ .name = "SET_FEATURES_ARRAY", .fn = do_set_array },
	{ .name = "GET_BACKEND_FEATURES", .fn = do_get_backend_features },
	{ .name = "SET_BACKEND_FEATURES", .fn = do_set_backend_features },
	{ .name = "SET_MEM_TABLE", .fn = do_set_mem },
	{ .name = "SET_LOG_BASE", .fn = do_set_log_base },
	{ .name = "SET_LOG_FD", .fn = do_set_log_fd, .undo = no_log_fd },
	{ .name = "NEW_WORKER", .fn = do_new_worker, .undo = do_free_worker },
	{ .name = "GET_VRING_WORKER", .fn = do_get_worker, .vq = true },
	{ .name = "GET_FORK_FROM_OWNER", .fn = do_get_fork },
	{ .name = "GET_VRING_BASE", .fn = do_get_base, .vq = true },
	{ .name = "SET_VRING_ADDR", .fn = do_set_addr, .vq = true },
	{ .name = "SET_VRING_BUSYLOOP_TIMEOUT", .fn = do_set_busy,
	  .undo = undo_busy, .vq = true },
	{ .name = "GET_VRING_BUSYLOOP_TIMEOUT", .fn = do_get_busy, .vq = true },
	{ .name = "SET_VRING_KICK", .fn = do_set_kick, .undo = undo_kick,
	  .vq = true },
	{ .name = "SET_VRING_CALL", .fn = do_set_call, .undo = undo_call,
	  .vq = true },
	{ .name = "SET_VRING_ERR", .fn = do_set_err, .undo = undo_err,
	  .vq = true },
};

static const struct call calls_attach[] = {
	{ .name = "ATTACH_VRING_WORKER", .fn = do_attach_worker,
	  .undo = attach_first_worker, .vq = true },
};

static const struct call calls_free[] = {
	{ .name = "FREE_WORKER", .fn = do_free_worker, .undo = do_new_worker },
};

static const struct call calls_stopped[] = {
	{ .name = "SET_VRING_NUM", .fn = do_set_num, .undo = undo_num,
	  .vq = true },
	{ .name = "SET_VRING_BASE", .fn = do_set_base, .undo = undo_base,
	  .vq = true },
	{ .name = "NET_SET_BACKEND", .fn = do_attach, .undo = do_detach,
	  .vq = true },
};

static const struct call calls_running[] = {
	{ .name = "NET_SET_BACKEND, the same", .fn = do_attach, .vq = true },
	{ .name = "NET_SET_BACKEND, none", .fn = do_detach, .undo = do_attach,
	  .vq = true },
};

static const struct call calls_fresh[] = {
	{ .name = "SET_FORK_FROM_OWNER", .fn = do_set_fork },
	{ .name = "SET_OWNER", .fn = do_set_owner, .undo = do_reset_owner },
};

static const struct call calls_owned[] = {
	{ .name = "RESET_OWNER", .fn = do_reset_owner, .undo = do_set_owner },
};

/* What the rings need for it is let go of with the feature. */
static const struct call calls_platform[] = {
	{ .name = "SET_FEATURES for an IOTLB", .fn = do_set_features,
	  .undo = set_no_features },
};

static const struct call calls_iotlb[] = {
	/* What can't be read is no message. */
	{ .name = "IOTLB update", .fn = do_update, .undo = do_invalidate,
	  .also = -EINVAL },
	{ .name = "IOTLB invalidate", .fn = do_invalidate, .also = -EINVAL },
};

static const struct call calls_split[] = {
	{ .name = "IOTLB update in the middle", .fn = do_split,
	  .undo = make_whole, .also = -EINVAL },
	{ .name = "IOTLB invalidate of all", .fn = do_invalidate,
	  .undo = do_update, .also = -EINVAL },
};

/* Those of August 2009, as far as they are others than today's. */
static const struct call calls_old[] = {
	{ .name = "V3_GET_FEATURES", .fn = do_old_features },
	{ .name = "V3_SET_VRING_DESC", .fn = do_old_desc, .vq = true },
	{ .name = "V3_SET_VRING_BASE", .fn = do_old_set_base, .vq = true },
	{ .name = "V3_GET_VRING_BASE", .fn = do_old_get_base, .vq = true },
	{ .name = "V3_NET_SET_SOCKET", .fn = do_old_socket,
	  .undo = do_no_old_socket },
};

static const struct call calls_blank[] = {
	{ .name = "V3_NET_SET_SOCKET, no table", .fn = do_old_socket,
	  .undo = do_old_reset },
};

FIXTURE(fault)
{
	struct room r;
};

static int room_start(struct room *r, const struct guest_cfg *cfg)
{
	int err = guest_start(&r->g, cfg);

	if (err)
		return err;
	r->mem = dev_mem_table(&r->g.arena);
	/* What the program itself lacks is not the device's business. */
	return r->mem && !mlockall(MCL_CURRENT) ? 0 : -errno;
}

FIXTURE_SETUP(fault)
{
	RUN_IF_SELECTED();
	NOT_FOR_STOCK("does not clean up everywhere");
	if (!fault_possible())
		SKIP_ALL("kernel without fault injection");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, fault_prepare());
	ASSERT_EQ(0, fault_open(&self->r.me, 0));
	self->r.spare = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->r.spare);
}

FIXTURE_TEARDOWN(fault)
{
	fault_disarm(&self->r.me);
	guest_stop(&self->r.g);
	free(self->r.mem);
	close(self->r.spare);
	fault_close(&self->r.me);
	EXPECT_TRUE(workers_become(getpid(), 0));
}

/* A file that can't be opened is none, and one that is closed is gone. */
TEST_F(fault, open_close)
{
	struct guest_cfg cfg = { .features = F_V1 | F_MRG, .bare = true };
	struct room *r = &self->r;
	int fd, next, err = 0;
	bool opened = true, closed = true;
	unsigned int n;

	ASSERT_EQ(0, room_start(r, &cfg));
	next = dup(r->spare);
	close(next);
	for (n = 1; n < MOST && (opened || closed); n++) {
		fault_arm(&r->me, n);
		fd = dev_open();
		opened = fault_disarm(&r->me);
		if (fd < 0) {
			ASSERT_TRUE(opened);
			ASSERT_TRUE(sensible(fd)) TH_LOG("%u: %d", n, fd);
			continue;
		}
		ASSERT_EQ(next, fd);
		ASSERT_EQ(0, dev_set_owner(fd));
		fault_arm(&r->me, n);
		err = close(fd);
		closed = fault_disarm(&r->me);
		ASSERT_EQ(0, err);
		ASSERT_TRUE(workers_become(getpid(), 0));
	}
	EXPECT_GT(MOST, n);
	EXPECT_LT(2, n);
}

TEST_F(fault, owner)
{
	struct guest_cfg cfg = { .features = F_V1 | F_MRG, .bare = true };
	struct room *r = &self->r;

	ASSERT_EQ(0, room_start(r, &cfg));
	EXPECT_LT(0, sweep_all(r, calls_fresh, ARRAY_SIZE(calls_fresh)));
	ASSERT_EQ(0, dev_set_owner(r->g.fd));
	EXPECT_LT(0, sweep_all(r, calls_owned, ARRAY_SIZE(calls_owned)));
	ASSERT_EQ(0, dev_reset_owner(r->g.fd));
	ASSERT_EQ(0, guest_setup(&r->g));
	ASSERT_EQ(0, guest_attach(&r->g, r->g.backend.fd));
	EXPECT_EQ(0, traffic_alive(&r->g));
}

TEST_F(fault, stopped)
{
	struct guest_cfg cfg = { .features = F_V1 | F_MRG, .stopped = true };
	struct room *r = &self->r;

	ASSERT_EQ(0, room_start(r, &cfg));
	EXPECT_LT(0, sweep_all(r, calls_any, ARRAY_SIZE(calls_any)));
	EXPECT_LT(0, sweep_all(r, calls_stopped, ARRAY_SIZE(calls_stopped)));
	ASSERT_EQ(0, guest_attach(&r->g, r->g.backend.fd));
	EXPECT_EQ(0, traffic_alive(&r->g));
}

TEST_F(fault, running)
{
	struct guest_cfg cfg = { .features = F_V1 | F_MRG };
	struct room *r = &self->r;

	ASSERT_EQ(0, room_start(r, &cfg));
	ASSERT_EQ(0, traffic_alive(&r->g));
	EXPECT_LT(0, sweep_all(r, calls_any, ARRAY_SIZE(calls_any)));
	EXPECT_LT(0, sweep_all(r, calls_running, ARRAY_SIZE(calls_running)));
	ASSERT_LE(0, do_new_worker(r));
	EXPECT_LT(0, sweep_all(r, calls_attach, ARRAY_SIZE(calls_attach)));
	EXPECT_LT(0, sweep_all(r, calls_free, ARRAY_SIZE(calls_free)));
	EXPECT_EQ(0, traffic_alive(&r->g));
}

/* With a memory table, and without one where addresses are the owner's own. */
TEST_F(fault, old_interface)
{
	struct guest_cfg cfg = {
		.features = F_HOST_HDR,
		.backend = { .kind = BACKEND_PACKET },
		.bare = true,
	};
	struct room *r = &self->r;

	ASSERT_EQ(0, room_start(r, &cfg));
	ASSERT_EQ(0, v3_setup(&r->g));
	EXPECT_LT(0, sweep_all(r, calls_old, ARRAY_SIZE(calls_old)));
	ASSERT_EQ(0, do_old_reset(r));
	EXPECT_LT(0, sweep_all(r, calls_blank, ARRAY_SIZE(calls_blank)));
}

TEST_F(fault, iotlb_messages)
{
	struct guest_cfg cfg = {
		.features = F_V1 | F_MRG | F_PLATFORM, .bare = true,
	};
	struct room *r = &self->r;

	NEEDS(F_PLATFORM);
	ASSERT_EQ(0, room_start(r, &cfg));
	ASSERT_EQ(0, dev_set_owner(r->g.fd));
	ASSERT_EQ(0, dev_set_msg_form(r->g.fd, false));
	EXPECT_LT(VQ_MAX, sweep_all(r, calls_platform,
				    ARRAY_SIZE(calls_platform)));
	ASSERT_EQ(0, do_set_features(r));
	EXPECT_LT(0, sweep_all(r, calls_iotlb, ARRAY_SIZE(calls_iotlb)));
	ASSERT_LE(0, do_update(r));
	EXPECT_LT(0, sweep_all(r, calls_split, ARRAY_SIZE(calls_split)));
}

TEST_HARNESS_MAIN
