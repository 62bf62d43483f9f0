// SPDX-License-Identifier: GPL-2.0
/*
 * ioctls that only network devices have.
 */
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "net.h"

static long set_backend(struct vhost_device *device, void __user *argp)
{
	struct vhost_net *net = container_of(device, struct vhost_net, device);
	struct vhost_vring_file backend;

	if (copy_from_user(&backend, argp, sizeof(backend)))
		return -EFAULT;
	return vhost_net_set_backend(net, backend.index, backend.fd);
}

static long set_socket(struct vhost_device *device, void __user *argp)
{
	struct vhost_net *net = container_of(device, struct vhost_net, device);
	int fd;

	if (get_user(fd, (int __user *)argp))
		return -EFAULT;
	return vhost_net_set_socket(net, fd);
}

/* The owner is checked after the argument: that order is part of the deal. */
static const struct vhost_ioctl net_ioctls[] = {
	{ VHOST_NET_SET_BACKEND, false, set_backend },
	{ VHOST_V3_NET_SET_SOCKET, false, set_socket },
};

/**
 * vhost_net_ioctl() - run an ioctl of a network device or of any
 * @net: the device
 * @cmd: the ioctl
 * @argp: its argument
 *
 * Context: under device->mutex.
 * Return: 0 or a negative error.
 */
long vhost_net_ioctl(struct vhost_net *net, unsigned int cmd,
		     void __user *argp)
{
	long r = vhost_ioctl_run(&net->device, net_ioctls,
				 ARRAY_SIZE(net_ioctls), cmd, argp);

	return r == -ENOIOCTLCMD ? vhost_ioctl(&net->device, cmd, argp) : r;
}
