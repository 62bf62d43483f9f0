// SPDX-License-Identifier: GPL-2.0
/*
 * What a monitor does while packets flow: none of it may lose one, or be heard
 * of by the guest.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "op.h"
#include "passage.h"

static int op_get(struct world *w, const struct op *op)
{
	__u64 *words = (void *)(w->scratch[op->thread]);
	struct vhost_vring_state s = { .index = op->arg[1] };

	switch (op->arg[0] % 7) {
	case 0:
		return dev_get_features(w->g.fd, words);
	case 1:
		words[0] = op->arg[2] % (SCRATCH / 8 + 1);
		return dev_ioctl(w->g.fd, VHOST_GET_FEATURES_ARRAY, words);
	case 2:
		return dev_ioctl(w->g.fd, VHOST_GET_BACKEND_FEATURES, words);
	case 3:
		return dev_ioctl(w->g.fd, VHOST_GET_VRING_BASE, &s);
	case 4:
		return dev_ioctl(w->g.fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &s);
	case 5:
		return dev_get_worker(w->g.fd, op->arg[1]);
	default:
		return dev_ioctl(w->g.fd, VHOST_GET_FEATURES, NULL);
	}
}

static int op_swap(struct world *w, const struct op *op)
{
	return world_attach_ring(w, op->arg[0] % VQ_MAX,
				 world_fitting(w, op->arg[1]));
}

static int op_detach(struct world *w, const struct op *op)
{
	return dev_set_backend(w->g.fd, op->arg[0], -1);
}

/* As QEMU does when the guest is paused: it goes on from the same place. */
static int op_restart(struct world *w, const struct op *op)
{
	unsigned int q = op->arg[0] % VQ_MAX;
	long long base;
	int r;

	dev_set_backend(w->g.fd, q, -1);
	base = dev_get_base(w->g.fd, q);
	if (base < 0)
		return base;
	r = dev_vring_state(w->g.fd, VHOST_SET_VRING_BASE, q, base);
	return r ? r : world_attach_ring(w, q, world_fitting(w, op->arg[1]));
}

static int renew(struct world *w, const struct op *op,
		 int (*end)(struct world *w))
{
	int r;

	world_detach(w);
	r = passage_take(w);
	if (!r)
		r = end(w);
	if (!r)
		r = world_setup(w);
	return r ? r : world_attach(w, world_fitting(w, op->arg[0]));
}

static int reset(struct world *w)
{
	return dev_reset_owner(w->g.fd);
}

/* All from the beginning, with what was not used so far. */
static int op_renew(struct world *w, const struct op *op)
{
	return renew(w, op, reset);
}

static int op_new_device(struct world *w, const struct op *op)
{
	return renew(w, op, world_reopen);
}

/* Another eventfd for a moment, or for longer. */
static int swap_file(struct world *w, const struct op *op, unsigned long cmd,
		     int back)
{
	unsigned int q = op->arg[0] % VQ_MAX;
	int r = dev_vring_file(w->g.fd, cmd, q, w->fd[op->arg[1] % 4]);

	return r || op->arg[1] & 4 ? r : dev_vring_file(w->g.fd, cmd, q, back);
}

/* Masked and unmasked. */
static int op_swap_call(struct world *w, const struct op *op)
{
	return swap_file(w, op, VHOST_SET_VRING_CALL,
			 vq_sel(w, op->arg[0])->call);
}

static int op_swap_kick(struct world *w, const struct op *op)
{
	return swap_file(w, op, VHOST_SET_VRING_KICK,
			 vq_sel(w, op->arg[0])->kick);
}

static int op_swap_err(struct world *w, const struct op *op)
{
	return dev_vring_file(w->g.fd, VHOST_SET_VRING_ERR, op->arg[0] % VQ_MAX,
			      w->fd[op->arg[1] % 4]);
}

static int op_new_worker(struct world *w, const struct op *op)
{
	int id = dev_new_worker(w->g.fd);

	if (id < 0)
		return id;
	return dev_attach_worker(w->g.fd, op->arg[0], id);
}

static int op_attach_worker(struct world *w, const struct op *op)
{
	return dev_attach_worker(w->g.fd, op->arg[0], op->arg[1]);
}

/* Another table that means the same. */
static int op_mem_again(struct world *w, const struct op *op)
{
	return world_set_mem(w, (op->arg[0] & 0xff) | op->arg[1] << 16);
}

static int op_features_again(struct world *w, const struct op *op)
{
	__u64 log = op->arg[0] & 1 ? BIT(VHOST_F_LOG_ALL) : 0;
	__u64 base = (uintptr_t)w->log;
	int r;

	r = dev_ioctl(w->g.fd, VHOST_SET_LOG_BASE, &base);
	return r ? r : dev_set_features(w->g.fd, w->prog->features | log);
}

static int op_addr_again(struct world *w, const struct op *op)
{
	struct vq *vq = vq_sel(w, op->arg[0]);

	if (op->arg[1] & 1)
		return dev_set_addr_log(w->g.fd, vq, LENT_GPA & ~15ULL);
	return dev_set_addr(w->g.fd, vq);
}

/* Calls that a running device refuses, or that no one answers. */
static int op_refused(struct world *w, const struct op *op)
{
	static const unsigned long cmd[] = {
		VHOST_SET_VRING_NUM, VHOST_SET_VRING_KICK,
		VHOST_SET_VRING_ADDR, VHOST_NET_SET_BACKEND,
		VHOST_SET_VRING_CALL, VHOST_ATTACH_VRING_WORKER,
	};
	unsigned long bad = cmd[op->arg[0] % ARRAY_SIZE(cmd)];
	unsigned int words[10] = { VQ_MAX + op->arg[1] % 100 };

	switch (op->arg[0] / 8 % 4) {
	case 0:
		return dev_ioctl(w->g.fd, bad, words);
	case 1:
		return dev_ioctl(w->g.fd, bad, (void *)(uintptr_t)op->arg[1]);
	case 2:
		return dev_vring_file(w->g.fd, VHOST_SET_VRING_KICK,
				      op->arg[1] % VQ_MAX, w->fd[FD_NULL]);
	default:
		return dev_vring_file(w->g.fd, VHOST_NET_SET_BACKEND,
				      op->arg[1] % VQ_MAX,
				      w->fd[FD_SPARE + op->arg[1] % 8]);
	}
}

static int op_yield(struct world *w, const struct op *op)
{
	unsigned int n = op->arg[0] % 64;

	(void)w;
	while (n--)
		sched_yield();
	return 0;
}

static int op_sleep(struct world *w, const struct op *op)
{
	(void)w;
	return usleep(op->arg[0] % 1000) ? -EINTR : 0;
}

#define CALM_ALONE	(OP_GENTLE | OP_ALTERS | OP_ALONE | OP_FIRST)

const struct op_kind ops_setup[] = {
	{ "get", "kqx", 6, OP_GENTLE, op_get },
	{ "swap", "qb", 8, OP_GENTLE | OP_ALTERS, op_swap },
	{ "detach", "q", 5, OP_GENTLE | OP_ALTERS, op_detach },
	{ "restart", "qb", 8, CALM_ALONE, op_restart },
	{ "renew", "b", 1, CALM_ALONE, op_renew },
	{ "new_device", "b", 1, CALM_ALONE, op_new_device },
	{ "swap_call", "qk", 6, OP_GENTLE, op_swap_call },
	{ "swap_kick", "qk", 6, OP_GENTLE | OP_ALTERS, op_swap_kick },
	{ "swap_err", "qk", 3, OP_GENTLE, op_swap_err },
	{ "new_worker", "q", 1, OP_GENTLE, op_new_worker },
	{ "attach_worker", "qw", 5, OP_GENTLE, op_attach_worker },
	{ "mem_again", "kx", 6, OP_GENTLE, op_mem_again },
	{ "features_again", "k", 6, OP_GENTLE, op_features_again },
	{ "addr_again", "qk", 5, OP_GENTLE, op_addr_again },
	{ "refused", "kx", 5, OP_GENTLE, op_refused },
	{ "yield", "s", 8, OP_GENTLE, op_yield },
	{ "sleep", "t", 1, OP_GENTLE, op_sleep },
	{}
};
