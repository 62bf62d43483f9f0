// SPDX-License-Identifier: GPL-2.0
/*
 * Calls with any arguments. What belongs to a program that packets come through
 * is in op_setup.c.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "op.h"

/* Numbers of calls, some with other directions or sizes than they have. */
static unsigned int cmd_sel(__u64 v)
{
	static const unsigned int known[] = {
		VHOST_GET_FEATURES, VHOST_SET_FEATURES, VHOST_SET_OWNER,
		VHOST_RESET_OWNER, VHOST_SET_MEM_TABLE, VHOST_SET_LOG_BASE,
		VHOST_SET_LOG_FD, VHOST_NEW_WORKER, VHOST_FREE_WORKER,
		VHOST_SET_VRING_NUM, VHOST_SET_VRING_ADDR,
		VHOST_SET_VRING_BASE, VHOST_GET_VRING_BASE,
		VHOST_SET_VRING_ENDIAN, VHOST_GET_VRING_ENDIAN,
		VHOST_ATTACH_VRING_WORKER, VHOST_GET_VRING_WORKER,
		VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_ERR, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
		VHOST_GET_VRING_BUSYLOOP_TIMEOUT, VHOST_SET_BACKEND_FEATURES,
		VHOST_GET_BACKEND_FEATURES, VHOST_GET_FEATURES_ARRAY,
		VHOST_SET_FEATURES_ARRAY, VHOST_SET_FORK_FROM_OWNER,
		VHOST_GET_FORK_FROM_OWNER, VHOST_NET_SET_BACKEND,
		VHOST_V3_GET_FEATURES, VHOST_V3_ACK_FEATURES,
		VHOST_V3_SET_VRING_DESC, VHOST_V3_SET_VRING_USED,
		VHOST_V3_SET_VRING_AVAIL, VHOST_V3_SET_VRING_BASE,
		VHOST_V3_GET_VRING_BASE, VHOST_V3_NET_SET_SOCKET,
	};
	unsigned int cmd = known[(v & 0xff) % ARRAY_SIZE(known)];

	switch (v >> 8 & 0xf) {
	case 1:
		return cmd ^ BIT(v >> 16 & 31);
	case 2:
		return _IO(VHOST_VIRTIO, v >> 16 & 0xff);
	case 3:
		return _IOW(VHOST_VIRTIO, v >> 16 & 0xff, struct vhost_memory);
	case 4:
		return v >> 16;
	default:
		return cmd;
	}
}

/* Where an argument is: readable, at a page's end, or nowhere. */
static void *place(struct world *w, const struct op *op, __u64 kind,
		   const void *what, size_t size)
{
	char *at = w->scratch[op->thread] + SCRATCH - 128;

	switch (kind & 0xf) {
	case 8:
		return NULL;
	case 9:
		/* Cut off by the page's end. */
		at = w->scratch[op->thread] + SCRATCH - (kind >> 4 & 31);
		memcpy(at, what, w->scratch[op->thread] + SCRATCH - at <
		       (long)size ? (size_t)(w->scratch[op->thread] + SCRATCH -
		       at) : size);
		return at;
	case 10:
		return user_sel(w, kind << 32);
	default:
		at += kind >> 4 & 7;
		memcpy(at, what, size);
		return at;
	}
}

/* Anything at all: number, pointer, and up to three words behind it. */
static int op_ioctl(struct world *w, const struct op *op)
{
	unsigned int cmd = cmd_sel(op->arg[0]);
	__u64 words[8] = { op->arg[2], op->arg[3], op->arg[4], 0 };

	if (cmd == VHOST_GET_FEATURES_ARRAY || cmd == VHOST_SET_FEATURES_ARRAY)
		words[0] &= 0xffff;
	w->estranged = true;
	return dev_ioctl(w->g.fd, cmd, place(w, op, op->arg[1], words,
					     sizeof(words)));
}

/* The same with the ring's number in its place, and two words. */
static int op_vring(struct world *w, const struct op *op)
{
	unsigned int cmd = cmd_sel(op->arg[0] & 0xff);
	unsigned int words[10] = { op->arg[2], op->arg[3] };
	__u64 more[4] = {};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(more); i++)
		more[i] = (uintptr_t)user_sel(w, op->arg[4] + i * 0x1000);
	memcpy(words + 2, more, sizeof(more));
	if (cmd == VHOST_GET_FEATURES_ARRAY || cmd == VHOST_SET_FEATURES_ARRAY)
		words[1] = 0;
	w->estranged = true;
	return dev_ioctl(w->g.fd, cmd, place(w, op, op->arg[1], words,
					     sizeof(words)));
}

static int op_set_features(struct world *w, const struct op *op)
{
	return dev_set_features(w->g.fd, op->arg[0]);
}

static int op_set_features_array(struct world *w, const struct op *op)
{
	__u64 *array = (void *)w->scratch[op->thread];

	memset(array, 0, SCRATCH);
	/* One word more than there is room for runs into the end. */
	array[0] = op->arg[0] % (SCRATCH / 8 + 1);
	array[1] = op->arg[1];
	array[2] = op->arg[2];
	array[3 + op->arg[3] % 4] |= op->arg[4] & 1;
	return dev_ioctl(w->g.fd, VHOST_SET_FEATURES_ARRAY, array);
}

static int op_mem_table(struct world *w, const struct op *op)
{
	return world_set_mem(w, op->arg[0] << 8 | (op->arg[1] & 0xff));
}

static int op_log_base(struct world *w, const struct op *op)
{
	__u64 base = (uintptr_t)user_sel(w, op->arg[0]);

	return dev_ioctl(w->g.fd, VHOST_SET_LOG_BASE, &base);
}

static int op_log_fd(struct world *w, const struct op *op)
{
	int fd = fd_sel(w, op->arg[0]);

	return dev_ioctl(w->g.fd, VHOST_SET_LOG_FD, &fd);
}

static int op_num(struct world *w, const struct op *op)
{
	return dev_vring_state(w->g.fd, VHOST_SET_VRING_NUM, op->arg[0],
			       op->arg[1]);
}

static int op_base(struct world *w, const struct op *op)
{
	return dev_vring_state(w->g.fd, VHOST_SET_VRING_BASE, op->arg[0],
			       op->arg[1]);
}

static int op_addr(struct world *w, const struct op *op)
{
	struct vhost_vring_addr a = {
		.index = op->arg[0],
		.flags = op->arg[4] & 3,
		.desc_user_addr = (uintptr_t)user_sel(w, op->arg[1]),
		.used_user_addr = (uintptr_t)user_sel(w, op->arg[2]),
		.avail_user_addr = (uintptr_t)user_sel(w, op->arg[3]),
		.log_guest_addr = addr_sel(w, op->arg[4] >> 2 << 4),
	};

	/* Rather what is let through. */
	if (op->arg[4] & 4) {
		a.desc_user_addr &= ~15ULL;
		a.used_user_addr &= ~15ULL;
		a.avail_user_addr &= ~15ULL;
		a.log_guest_addr &= ~15ULL;
	}
	return dev_ioctl(w->g.fd, VHOST_SET_VRING_ADDR, &a);
}

static int op_file(struct world *w, const struct op *op)
{
	static const unsigned long cmd[] = {
		VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_ERR, VHOST_NET_SET_BACKEND,
	};

	return dev_vring_file(w->g.fd, cmd[op->arg[0] % ARRAY_SIZE(cmd)],
			      op->arg[1], fd_sel(w, op->arg[2]));
}

static int op_busyloop(struct world *w, const struct op *op)
{
	return dev_vring_state(w->g.fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
			       op->arg[0], op->arg[1]);
}

static int op_endian(struct world *w, const struct op *op)
{
	return dev_vring_state(w->g.fd, op->arg[2] & 1 ?
			       VHOST_SET_VRING_ENDIAN : VHOST_GET_VRING_ENDIAN,
			       op->arg[0], op->arg[1]);
}

static int op_fork_mode(struct world *w, const struct op *op)
{
	__u8 kind = op->arg[1];

	return dev_ioctl(w->g.fd, op->arg[0] & 1 ? VHOST_SET_FORK_FROM_OWNER :
			 VHOST_GET_FORK_FROM_OWNER, &kind);
}

static int op_free_worker(struct world *w, const struct op *op)
{
	return dev_free_worker(w->g.fd, op->arg[0]);
}

static int op_backend_features(struct world *w, const struct op *op)
{
	__u64 features = op->arg[0];

	return dev_ioctl(w->g.fd, VHOST_SET_BACKEND_FEATURES, &features);
}

static int op_owner(struct world *w, const struct op *op)
{
	(void)op;
	return dev_set_owner(w->g.fd);
}

static int op_reset(struct world *w, const struct op *op)
{
	(void)op;
	return dev_reset_owner(w->g.fd);
}

/* The whole set-up, or what is possible of it at the moment. */
static int op_setup(struct world *w, const struct op *op)
{
	int r = world_setup(w);

	return r || !(op->arg[0] & 1) ? r :
		world_attach(w, world_fitting(w, op->arg[1]));
}

/* The interface of 2009, with good arguments mostly. */
static int op_v3(struct world *w, const struct op *op)
{
	static const unsigned long part[] = {
		VHOST_V3_SET_VRING_DESC, VHOST_V3_SET_VRING_USED,
		VHOST_V3_SET_VRING_AVAIL,
	};
	struct vhost_v3_vring_addr a = {
		.index = op->arg[1],
		.user_addr = (uintptr_t)user_sel(w, op->arg[2]),
	};
	int fd = fd_sel(w, op->arg[2]);
	__u32 word = op->arg[3];

	w->estranged = true;
	switch (op->arg[0] % 8) {
	case 0:
		return dev_ioctl(w->g.fd, VHOST_V3_GET_FEATURES, &word);
	case 1:
		return dev_ioctl(w->g.fd, VHOST_V3_ACK_FEATURES, &word);
	case 2:
		return dev_vring_state(w->g.fd, VHOST_V3_SET_VRING_BASE,
				       op->arg[1], word);
	case 3:
		return dev_vring_state(w->g.fd, VHOST_V3_GET_VRING_BASE,
				       op->arg[1], word);
	case 4:
		return dev_ioctl(w->g.fd, VHOST_V3_NET_SET_SOCKET, &fd);
	default:
		return dev_ioctl(w->g.fd, part[op->arg[0] % 8 - 5], &a);
	}
}

const struct op_kind ops_ioctl[] = {
	{ "ioctl", "cpuuu", 12, OP_LOSSY | OP_MOVES, op_ioctl },
	{ "vring", "cpqvo", 10, OP_LOSSY | OP_MOVES, op_vring },
	{ "set_features", "F", 6, OP_LOSSY, op_set_features },
	{ "set_features_array", "sFuxk", 3, OP_LOSSY, op_set_features_array },
	{ "mem_table", "kx", 6, OP_LOSSY, op_mem_table },
	{ "log_base", "o", 3, OP_LOSSY, op_log_base },
	{ "log_fd", "d", 3, OP_GENTLE, op_log_fd },
	{ "set_num", "qn", 6, OP_LOSSY | OP_MOVES, op_num },
	{ "set_base", "qv", 6, OP_LOSSY, op_base },
	{ "set_addr", "qooox", 8, OP_LOSSY | OP_MOVES, op_addr },
	{ "set_file", "kqd", 10, OP_LOSSY, op_file },
	{ "busyloop", "qt", 4, OP_GENTLE | OP_ALTERS, op_busyloop },
	{ "endian", "qkk", 2, OP_GENTLE, op_endian },
	{ "fork_mode", "kk", 2, OP_GENTLE, op_fork_mode },
	{ "free_worker", "w", 2, OP_GENTLE, op_free_worker },
	{ "backend_features", "u", 2, OP_LOSSY, op_backend_features },
	{ "set_owner", "", 3, OP_GENTLE, op_owner },
	{ "reset_owner", "", 2, OP_LOSSY, op_reset },
	{ "setup", "kb", 6, OP_LOSSY, op_setup },
	{ "v3", "kqox", 4, OP_LOSSY | OP_MOVES, op_v3 },
	{}
};
