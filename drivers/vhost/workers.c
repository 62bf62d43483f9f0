// SPDX-License-Identifier: GPL-2.0
/*
 * The workers of a device, and which ring is served by which.
 *
 * Number 0 is there as long as there is an owner, unless the owner itself ends
 * it; more are made and ended as the owner likes. A ring may change its worker
 * at any time. The one before may still have the ring's work in its queue, and
 * then does it as well: both take vq->mutex. Only then has it nothing more to
 * do with the ring.
 */
#include <linux/err.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/vhost.h>

#include "vhost.h"

static struct vhost_worker *find_worker(struct vhost_device *device, u32 id)
{
	lockdep_assert_held(&device->mutex);
	if (id >= VHOST_MAX_WORKERS)
		return NULL;
	id = array_index_nospec(id, VHOST_MAX_WORKERS);
	return rcu_dereference_protected(device->workers[id],
					 lockdep_is_held(&device->mutex));
}

/**
 * vhost_device_new_worker() - start one more worker
 * @device: the device, of the current process
 *
 * Return: its number; -ENOMEM if there are VHOST_MAX_WORKERS already; or what
 * else kept it from starting.
 */
int vhost_device_new_worker(struct vhost_device *device)
{
	struct vhost_worker *worker;
	u32 id = 0;

	lockdep_assert_held(&device->mutex);
	while (rcu_access_pointer(device->workers[id]))
		if (++id == VHOST_MAX_WORKERS)
			return -ENOMEM;

	worker = vhost_worker_create(device, id);
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	rcu_assign_pointer(device->workers[id], worker);
	return id;
}

static bool has_ring(struct vhost_device *device, struct vhost_worker *worker)
{
	unsigned int i;

	/* Rings change their workers under device->mutex only. */
	for (i = 0; i < device->num_vqs; i++)
		if (rcu_access_pointer(device->vqs[i]->worker) == worker)
			return true;
	return false;
}

/**
 * vhost_device_free_worker() - end a worker
 * @device: the device
 * @id: the worker's number
 *
 * Return: 0; -ENODEV if there is none; -EBUSY if it serves a ring.
 */
int vhost_device_free_worker(struct vhost_device *device, u32 id)
{
	struct vhost_worker *worker = find_worker(device, id);

	if (!worker)
		return -ENODEV;
	if (has_ring(device, worker))
		return -EBUSY;

	RCU_INIT_POINTER(device->workers[worker->id], NULL);
	/* Who still saw it in a ring has queued its work when this is over. */
	synchronize_rcu();
	vhost_worker_destroy(worker);
	return 0;
}

/**
 * vhost_workers_destroy() - end all workers of a device
 * @device: the device, of which nobody may queue works any more
 */
void vhost_workers_destroy(struct vhost_device *device)
{
	u32 id;

	lockdep_assert_held(&device->mutex);
	for (id = 0; id < VHOST_MAX_WORKERS; id++) {
		struct vhost_worker *worker = find_worker(device, id);

		/* First: who still finds it may look at the thread. */
		RCU_INIT_POINTER(device->workers[id], NULL);
		vhost_worker_destroy(worker);
	}
}

/**
 * vhost_vq_attach_worker() - have a ring served by another worker
 * @vq: the queue; may be running
 * @id: the worker's number
 *
 * Return: 0 or -ENODEV if there is no such worker.
 */
int vhost_vq_attach_worker(struct vhost_vq *vq, u32 id)
{
	struct vhost_worker *worker = find_worker(vq->device, id);

	lockdep_assert_held(&vq->mutex);
	if (!worker)
		return -ENODEV;
	rcu_assign_pointer(vq->worker, worker);
	vhost_busyloop_leave(vq);
	return 0;
}

/**
 * vhost_vq_worker_id() - which worker serves the ring?
 * @vq: the queue, of a device with an owner
 *
 * Return: the worker's number.
 */
u32 vhost_vq_worker_id(const struct vhost_vq *vq)
{
	return rcu_dereference_protected(vq->worker,
					 lockdep_is_held(&vq->mutex))->id;
}
