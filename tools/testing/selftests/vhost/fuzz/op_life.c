// SPDX-License-Identifier: GPL-2.0
/*
 * Devices, backends and processes that come and go.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_tun.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/netif.h"
#include "../lib/sockets.h"
#include "op.h"
#include "passage.h"

/* Another device under the same number; this one loses its last file. */
static int op_reopen(struct world *w, const struct op *op)
{
	(void)op;
	return world_reopen(w);
}

/* It lives on through another file descriptor for a moment. */
static int op_dup(struct world *w, const struct op *op)
{
	int fd = dup(w->g.fd), r;

	if (fd < 0)
		return -errno;
	r = dev_set_backend(fd, op->arg[0] % VQ_MAX, -1);
	close(fd);
	return r;
}

static int op_sndbuf(struct world *w, const struct op *op)
{
	unsigned int b = op->arg[0] % BACKENDS;
	int size = op->arg[1];

	w->tweaked[b] = true;
	if (sockets_have(w->backend[b].cfg.kind))
		return setsockopt(w->backend[b].fd, SOL_SOCKET, SO_SNDBUF,
				  &size, sizeof(size)) ? -errno : 0;
	return ioctl(w->backend[b].fd, TUNSETSNDBUF, &size) ? -errno : 0;
}

static int raw_bytes(int fd, __u64 seed, int flags)
{
	char bytes[256];
	size_t i;

	/* Lengths that make sense, at times. */
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = seed & 1 && i % 64 < 3 ? 0 : seed >> i % 40;
	return send(fd, bytes, 1 + seed % sizeof(bytes),
		    flags | MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* What the other end of a socket may do, or the monitor with its own. */
static int op_peer(struct world *w, const struct op *op)
{
	unsigned int b = op->arg[0] & 1 ? w->backend_now :
			 op->arg[0] / 2 % BACKENDS;
	int far = w->wire[b].fd, near = w->backend[b].fd;
	const int small = 2048;

	if (!sockets_have(w->backend[b].cfg.kind))
		return -ENOTSOCK;
	w->tweaked[b] = true;
	switch (op->arg[1] % 8) {
	case 0:
	case 1:
		return raw_bytes(far, op->arg[2], 0);
	case 2:
		return raw_bytes(far, op->arg[2], MSG_OOB);
	case 3:
		return shutdown(far, op->arg[2] % 3) ? -errno : 0;
	case 4:
		return shutdown(near, op->arg[2] % 3) ? -errno : 0;
	case 5:
		return setsockopt(far, SOL_SOCKET, SO_RCVBUF, &small,
				  sizeof(small)) ? -errno : 0;
	case 6:
		return setsockopt(near, SOL_SOCKET, SO_RCVBUF, &small,
				  sizeof(small)) ? -errno : 0;
	default:
		/* It is gone, and the number is not somebody else's. */
		return dup2(w->fd[FD_NULL], far) < 0 ? -errno : 0;
	}
}

static int op_link(struct world *w, const struct op *op)
{
	unsigned int b = op->arg[0] % BACKENDS;

	w->tweaked[b] = true;
	return netif_up(w->backend[b].ifname, op->arg[1] & 1);
}

static int op_carrier(struct world *w, const struct op *op)
{
	int on = op->arg[1] & 1;

	w->tweaked[0] = true;
	if (ioctl(w->backend[0].fd, TUNSETCARRIER, &on))
		return -errno;
	on = 1;
	return ioctl(w->backend[0].fd, TUNSETCARRIER, &on) ? -errno : 0;
}

/* Somebody else takes packets from before the device. */
static int op_steal(struct world *w, const struct op *op)
{
	unsigned int n = op->arg[1] % 16 + 1;
	ssize_t r = 0;

	while (n-- && r >= 0)
		r = world_take_packet(w, op->arg[0] % BACKENDS);
	return r < 0 ? r : 0;
}

static __thread char frame[2048];

/* More packets than there is room for. */
static int op_flood(struct world *w, const struct op *op)
{
	unsigned int n = op->arg[0] % 64 * 8;
	size_t len = FRAME_MIN + op->arg[1] % 2000;

	frame_build(frame, len, FRAME_TO_GUEST, 0);
	while (n--)
		if (wire_send(&w->wire[w->backend_now], frame, len, NULL))
			return -ENOBUFS;
	return 0;
}

static void wait_for_child(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

/* A child has the device, but is not its owner; it ends with it open. */
static int op_fork(struct world *w, const struct op *op)
{
	unsigned int i;
	pid_t pid;

	/* The child may make itself the owner of a device that has none. */
	w->estranged = true;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid) {
		wait_for_child(pid);
		return 0;
	}
	op_in_child();
	for (i = 0; i < 4; i++)
		dev_ioctl(w->g.fd, op->arg[i % 2] >> i * 8 & 1 ?
			  VHOST_SET_OWNER : VHOST_RESET_OWNER, NULL);
	dev_set_backend(w->g.fd, op->arg[0] % VQ_MAX, w->backend[0].fd);
	iommu_invalidate(w->g.fd, 0, PAGE);
	_exit(0);
}

/* A device of its own, on the same backend; killed while packets flow. */
static void victim(struct world *w, const struct op *op, int ready)
{
	struct vq *tx = &w->g.vq[VQ_TX];
	unsigned int i;

	op_in_child();
	w->g.fd = dev_open_flags(0);
	if (w->g.fd >= 0 && !world_setup(w))
		world_attach(w, world_fitting(w, op->arg[0]));
	for (i = 0; i < 8; i++)
		passage_send(w, 100 + 50 * i);
	vq_kick_always(tx);
	if (write(ready, "", 1) != 1 || op->arg[1] & 1)
		_exit(0);
	for (;;)
		vq_kick_always(tx);
}

static int op_victim(struct world *w, const struct op *op)
{
	int ready[2];
	pid_t pid;

	w->tweaked[world_fitting(w, op->arg[0])] = true;
	if (pipe(ready))
		return -errno;
	pid = fork();
	if (!pid)
		victim(w, op, ready[1]);
	close(ready[1]);
	/* It may be stuck, with a lock that was held when it was made. */
	if (pid > 0 && eventfd_wait(ready[0], 1000) && op->arg[1] & 2)
		usleep(op->arg[1] >> 2 & 255);
	close(ready[0]);
	if (pid < 0)
		return -EAGAIN;
	kill(pid, SIGKILL);
	wait_for_child(pid);
	return 0;
}

const struct op_kind ops_life[] = {
	{ "reopen", "", 1, OP_LOSSY, op_reopen },
	{ "dup", "q", 2, OP_LOSSY, op_dup },
	{ "sndbuf", "bl", 2, OP_LOSSY, op_sndbuf },
	{ "link", "bk", 1, OP_LOSSY, op_link },
	{ "carrier", "bk", 2, OP_LOSSY, op_carrier },
	{ "steal", "bs", 3, OP_LOSSY, op_steal },
	{ "flood", "sl", 2, OP_LOSSY | OP_FIRST, op_flood },
	{ "peer", "bkx", 3, OP_LOSSY, op_peer },
	{ "fork", "xx", 1, OP_LOSSY | OP_SLOW, op_fork },
	{ "victim", "bx", 1, OP_LOSSY | OP_SLOW | OP_FIRST, op_victim },
	{}
};
