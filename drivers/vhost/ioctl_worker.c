// SPDX-License-Identifier: GPL-2.0
/*
 * ioctls about workers: made, ended, given a ring.
 */
#include <linux/sched/vhost_task.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "vhost.h"

/**
 * vhost_ioctl_new_worker() - VHOST_NEW_WORKER
 * @device: the device
 * @argp: struct vhost_worker_state, out
 *
 * Return: 0; -EFAULT, and there is no new worker; see
 * vhost_device_new_worker().
 */
long vhost_ioctl_new_worker(struct vhost_device *device, void __user *argp)
{
	struct vhost_worker_state state;
	int id = vhost_device_new_worker(device);

	if (id < 0)
		return id;
	state.worker_id = id;
	if (!copy_to_user(argp, &state, sizeof(state)))
		return 0;
	vhost_device_free_worker(device, id);
	return -EFAULT;
}

/**
 * vhost_ioctl_free_worker() - VHOST_FREE_WORKER
 * @device: the device
 * @argp: struct vhost_worker_state, in
 *
 * Return: 0; -EFAULT; see vhost_device_free_worker().
 */
long vhost_ioctl_free_worker(struct vhost_device *device, void __user *argp)
{
	struct vhost_worker_state state;

	if (copy_from_user(&state, argp, sizeof(state)))
		return -EFAULT;
	return vhost_device_free_worker(device, state.worker_id);
}

/**
 * vhost_ioctl_attach_worker() - VHOST_ATTACH_VRING_WORKER
 * @vq: the queue
 * @argp: struct vhost_vring_worker, in
 *
 * Return: 0; -EFAULT; see vhost_vq_attach_worker().
 */
long vhost_ioctl_attach_worker(struct vhost_vq *vq, void __user *argp)
{
	struct vhost_vring_worker w;

	if (copy_from_user(&w, argp, sizeof(w)))
		return -EFAULT;
	return vhost_vq_attach_worker(vq, w.worker_id);
}

/**
 * vhost_ioctl_get_worker() - VHOST_GET_VRING_WORKER
 * @vq: the queue
 * @argp: struct vhost_vring_worker, out
 *
 * Return: 0 or -EFAULT.
 */
long vhost_ioctl_get_worker(struct vhost_vq *vq, void __user *argp)
{
	struct vhost_vring_worker w = {
		.index = vq->index,
		.worker_id = vhost_vq_worker_id(vq),
	};

	return copy_to_user(argp, &w, sizeof(w)) ? -EFAULT : 0;
}

/**
 * vhost_ioctl_set_fork() - VHOST_SET_FORK_FROM_OWNER
 * @device: the device
 * @argp: u8, in: what kind of threads workers will be; see worker_thread.c
 *
 * Return: 0; -EBUSY if there is an owner; -EFAULT; -EINVAL for what is neither
 * kind of thread; -EOPNOTSUPP for one that the kernel does not have.
 */
long vhost_ioctl_set_fork(struct vhost_device *device, void __user *argp)
{
	u8 kind;

	if (device->mm)
		return -EBUSY;
	if (get_user(kind, (u8 __user *)argp))
		return -EFAULT;
	if (kind != VHOST_FORK_OWNER_KTHREAD && kind != VHOST_FORK_OWNER_TASK)
		return -EINVAL;
	if (kind == VHOST_FORK_OWNER_TASK && !VHOST_HAVE_TASKS)
		return -EOPNOTSUPP;
	device->fork_owner = kind == VHOST_FORK_OWNER_TASK;
	return 0;
}

/**
 * vhost_ioctl_get_fork() - VHOST_GET_FORK_FROM_OWNER
 * @device: the device
 * @argp: u8, out
 *
 * Return: 0 or -EFAULT.
 */
long vhost_ioctl_get_fork(struct vhost_device *device, void __user *argp)
{
	return put_user(device->fork_owner ? VHOST_FORK_OWNER_TASK :
					     VHOST_FORK_OWNER_KTHREAD,
			(u8 __user *)argp);
}
