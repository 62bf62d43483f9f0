// SPDX-License-Identifier: GPL-2.0
/*
 * One socket for both rings, the way of the interface of 2009.
 *
 * What the driver does with such a socket is what it does today for a guest
 * whose monitor wants no header on the backend, and for one that wants an
 * interrupt whenever the ring ran empty.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/net.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <net/sock.h>

#include "net.h"

static int check_socket(struct file *file)
{
	struct socket *sock = file ? sock_from_file(file) : NULL;

	if (!sock)
		return -ENOTSOCK;
	switch (sock->sk->sk_type) {
	case SOCK_RAW:
	case SOCK_DGRAM:
	case SOCK_STREAM:
		return vhost_backend_accepts(sock) ? 0 : -EPFNOSUPPORT;
	default:
		return -ESOCKTNOSUPPORT;
	}
}

/**
 * struct v3_end - what a ring is, was or is to be attached to
 * @backend: the backend, or NULL
 * @v3: attached by this interface
 */
struct v3_end {
	struct vhost_backend *backend;
	bool v3;
};

static int open_ends(struct file *file, struct v3_end *ends)
{
	int i;

	for (i = 0; i < VHOST_NET_VQS; i++) {
		struct vhost_backend *backend =
			vhost_backend_create(file, i == VHOST_NET_TX);

		if (IS_ERR(backend))
			return PTR_ERR(backend);
		ends[i].backend = backend;
		ends[i].v3 = true;
	}
	return 0;
}

/* Addresses that are the owner's own can't be translated or logged. */
static int check_ring(const struct vhost_vq *vq)
{
	if (vhost_has(vq, VHOST_F_LOG_ALL) ||
	    vhost_has(vq, VIRTIO_F_ACCESS_PLATFORM))
		return -EOPNOTSUPP;
	return vhost_vq_check(vq);
}

static int check_rings(struct vhost_net *net)
{
	int i, err = 0;

	for (i = 0; i < VHOST_NET_VQS && !err; i++) {
		struct vhost_vq *vq = net->vqs[i];

		mutex_lock(&vq->mutex);
		err = check_ring(vq);
		mutex_unlock(&vq->mutex);
	}
	return err;
}

/*
 * The memory table to run with. Whoever reset the device and has set none
 * since has guest addresses that are its own: one region for all that a
 * process can have.
 */
static struct vhost_mem *choose_mem(struct vhost_device *device)
{
	const struct vhost_memory_region all = { .memory_size = TASK_SIZE };

	return device->mem->blank ? vhost_mem_create(&all, 1) : device->mem;
}

/*
 * Attach a ring to @end, unless that is what it is attached to; whichever
 * it is not attached to is left in @end.
 */
static int attach(struct vhost_net_vq *nvq, struct v3_end *end)
{
	struct vhost_backend *old, *new = end->backend;
	struct vhost_vq *vq = &nvq->vq;
	bool v3 = end->v3;
	int err = 0;

	mutex_lock(&vq->mutex);
	old = vq->backend;
	if (old && old->sock == new->sock && nvq->v3 == v3)
		goto unlock_vq;
	if (v3)
		vhost_backend_set_header(new, 0, vq->ring.little_endian);
	err = vhost_vq_start(vq, new);
	if (err)
		goto unlock_vq;
	end->backend = old;
	end->v3 = nvq->v3;
	vhost_net_attached(nvq, old, v3);

unlock_vq:
	mutex_unlock(&vq->mutex);
	return err;
}

/* As if attach() had not been. */
static void take_back(struct vhost_net_vq *nvq, struct v3_end *end)
{
	/* The one that ran before can't fail: its ring is in use. */
	if (end->backend)
		attach(nvq, end);
	else
		end->backend = vhost_net_detach(nvq);
}

static int attach_both(struct vhost_net *net, struct v3_end *ends)
{
	int i, err;

	for (i = 0; i < VHOST_NET_VQS; i++) {
		err = attach(&net->net_vqs[i], &ends[i]);
		if (!err)
			continue;
		while (i--)
			take_back(&net->net_vqs[i], &ends[i]);
		return err;
	}
	return 0;
}

/* Packets or buffers may have been waiting for a backend. */
static void run_both(struct vhost_net *net)
{
	int i;

	for (i = 0; i < VHOST_NET_VQS; i++)
		vhost_vq_queue(net->vqs[i]);
}

/* Both rings or none; what is not attached is left in @ends. */
static int exchange(struct vhost_net *net, struct v3_end *ends)
{
	struct vhost_device *device = &net->device;
	struct vhost_mem *old = device->mem, *mem;
	int err;

	mem = choose_mem(device);
	if (IS_ERR(mem))
		return PTR_ERR(mem);

	if (mem != old)
		vhost_device_swap_mem(device, mem);
	err = attach_both(net, ends);
	if (mem != old)
		vhost_mem_free(err ? vhost_device_swap_mem(device, old) : old);
	/* One that got its old socket back waits for nothing any more. */
	run_both(net);
	return err;
}

static int attach_socket(struct vhost_net *net, int fd)
{
	struct v3_end ends[VHOST_NET_VQS] = {};
	struct file *file = fget(fd);
	int i, err;

	err = check_socket(file);
	if (!err)
		err = check_rings(net);
	if (!err)
		err = open_ends(file, ends);
	if (!err)
		err = exchange(net, ends);

	for (i = 0; i < VHOST_NET_VQS; i++)
		vhost_net_let_go(&net->net_vqs[i], ends[i].backend);
	if (file)
		fput(file);
	return err;
}

/**
 * vhost_net_set_socket() - attach a socket to both rings, or detach it
 * @net: the device
 * @fd: a socket that vhost_backend_accepts(), or VHOST_FILE_UNBIND
 *
 * Context: a thread of the owner; under device->mutex.
 * Return: 0; -EPERM for others than the owner; -ENOTSOCK, -ESOCKTNOSUPPORT or
 * -EPFNOSUPPORT for what is no socket, of no such type, or no backend; -EFAULT
 * if a ring can't be reached; -EOPNOTSUPP with features that need a memory
 * table; -ENOMEM. Then nothing has changed. Detaching does not fail for the
 * owner.
 */
int vhost_net_set_socket(struct vhost_net *net, int fd)
{
	lockdep_assert_held(&net->device.mutex);
	if (vhost_device_check_owner(&net->device))
		return -EPERM;
	if (fd != VHOST_FILE_UNBIND)
		return attach_socket(net, fd);
	net->device.ops->stop(&net->device);
	return 0;
}
