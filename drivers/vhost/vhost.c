// SPDX-License-Identifier: GPL-2.0
/*
 * A device's life: opened, owned, given memory, reset, closed.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>

#include "vhost.h"

/* What may be agreed on or not while rings run: the ring stays as it is. */
static const u64 live_features[VHOST_FEATURE_WORDS] = {
	BIT_ULL(VHOST_F_LOG_ALL),
};

/**
 * vhost_device_init() - make a zeroed structure a device
 * @device: the structure
 * @ops: what kind of device
 * @vqs: its rings, each initialised by vhost_vq_init()
 * @num_vqs: how many
 */
void vhost_device_init(struct vhost_device *device,
		       const struct vhost_device_ops *ops,
		       struct vhost_vq **vqs, unsigned int num_vqs)
{
	static atomic64_t devices = ATOMIC64_INIT(0);

	mutex_init(&device->mutex);
	device->id = atomic64_inc_return(&devices);
	spin_lock_init(&device->owner_lock);
	vhost_iotlb_setup(device);
	device->ops = ops;
	device->vqs = vqs;
	device->num_vqs = num_vqs;
	device->fork_owner = vhost_thread_of_owner();
	trace_vhost_open(device);
}

/**
 * vhost_device_check_owner() - does the device belong to the caller?
 * @device: the device
 *
 * Return: 0, or -EPERM for other processes and without an owner.
 */
int vhost_device_check_owner(struct vhost_device *device)
{
	lockdep_assert_held(&device->mutex);
	return device->mm && device->mm == current->mm ? 0 : -EPERM;
}

/* Whom people are told of as the owner. Takes over the hold on the process. */
static void name_owner(struct vhost_device *device, struct pid *owner)
{
	if (device->owner || owner)
		trace_vhost_owner(device, pid_nr(owner));
	spin_lock(&device->owner_lock);
	swap(device->owner, owner);
	spin_unlock(&device->owner_lock);
	put_pid(owner);
}

static void free_vqs(struct vhost_device *device, unsigned int num)
{
	while (num--)
		vhost_vq_free(device->vqs[num]);
}

static int alloc_vqs(struct vhost_device *device)
{
	unsigned int i;
	int err;

	for (i = 0; i < device->num_vqs; i++) {
		err = vhost_vq_alloc(device->vqs[i]);
		if (err) {
			free_vqs(device, i);
			return err;
		}
	}
	return 0;
}

/**
 * vhost_device_set_owner() - tie the device to the current process
 * @device: the device
 *
 * Return: 0; -EBUSY if it is tied already; -ENOMEM or what else kept the
 * worker from starting, and nothing has changed.
 */
int vhost_device_set_owner(struct vhost_device *device)
{
	struct vhost_worker *worker;
	unsigned int i;
	int err, id;

	lockdep_assert_held(&device->mutex);
	if (device->mm)
		return -EBUSY;
	device->mm = get_task_mm(current);
	if (!device->mm)
		return -ESRCH;

	err = alloc_vqs(device);
	if (err)
		goto put_mm;

	id = vhost_device_new_worker(device);
	if (id < 0) {
		err = id;
		goto free_vqs;
	}
	worker = rcu_dereference_protected(device->workers[id],
					   lockdep_is_held(&device->mutex));
	for (i = 0; i < device->num_vqs; i++)
		rcu_assign_pointer(device->vqs[i]->worker, worker);
	name_owner(device, get_pid(task_tgid(current)));
	return 0;

free_vqs:
	free_vqs(device, device->num_vqs);
put_mm:
	mmput(device->mm);
	device->mm = NULL;
	return err;
}

/*
 * The order matters: backends go first, so that works find nothing to do;
 * then what queues works; then the works themselves; then what they used.
 */
static void drop_owner(struct vhost_device *device)
{
	unsigned int i;

	device->ops->stop(device);
	for (i = 0; i < device->num_vqs; i++) {
		struct vhost_vq *vq = device->vqs[i];

		mutex_lock(&vq->mutex);
		vhost_vq_drop_eventfds(vq);
		RCU_INIT_POINTER(vq->worker, NULL);
		mutex_unlock(&vq->mutex);
	}
	for (i = 0; i < device->num_vqs; i++)
		cancel_delayed_work_sync(&device->vqs[i]->later);
	/* All that could still queue works have been waited for. */
	vhost_workers_destroy(device);

	for (i = 0; i < device->num_vqs; i++) {
		struct vhost_vq *vq = device->vqs[i];

		mutex_lock(&vq->mutex);
		vhost_vq_reset(vq);
		device->ops->set_features(vq);
		mutex_unlock(&vq->mutex);
		vhost_vq_free(vq);
	}
	vhost_iotlb_clear(device);
	vhost_iotlb_switch(device, false);
	vhost_mem_free(device->mem);
	device->mem = NULL;
	WRITE_ONCE(device->regions, 0);
	if (device->log)
		eventfd_ctx_put(device->log);
	device->log = NULL;
	device->backend_features = 0;
	device->fork_owner = vhost_thread_of_owner();
	name_owner(device, NULL);
	if (device->mm)
		mmput(device->mm);
	device->mm = NULL;
}

/**
 * vhost_device_reset_owner() - back to the state after open()
 * @device: the device, of the current process
 *
 * What is left is an empty memory table, so that rings can be set up again
 * in any order.
 *
 * Return: 0 or -ENOMEM, and nothing has changed.
 */
int vhost_device_reset_owner(struct vhost_device *device)
{
	struct vhost_mem *mem;

	lockdep_assert_held(&device->mutex);
	mem = vhost_mem_create(NULL, 0);
	if (IS_ERR(mem))
		return PTR_ERR(mem);
	mem->blank = true;
	drop_owner(device);
	vhost_device_swap_mem(device, mem);
	return 0;
}

/**
 * vhost_device_destroy() - end a device that nobody can reach any more
 * @device: the device
 */
void vhost_device_destroy(struct vhost_device *device)
{
	mutex_lock(&device->mutex);
	drop_owner(device);
	mutex_unlock(&device->mutex);
	trace_vhost_release(device);
}

/*
 * Can all that running rings write be logged at @base? Rings that do not run
 * are asked when they start.
 */
static bool covered(struct vhost_device *device, const unsigned long *base,
		    const struct vhost_mem *mem, bool data)
{
	unsigned int i;
	bool ok = true;

	for (i = 0; i < device->num_vqs && ok; i++) {
		struct vhost_vq *vq = device->vqs[i];

		mutex_lock(&vq->mutex);
		if (vq->backend)
			ok = vhost_vq_covered(vq, base ? *base : vq->log.base,
					      mem, data || vq->log.data);
		mutex_unlock(&vq->mutex);
	}
	return ok;
}

/**
 * vhost_device_swap_mem() - exchange the memory table for one that will do
 * @device: the device
 * @mem: the new table
 *
 * Return: the old one, now the caller's, or NULL.
 */
struct vhost_mem *vhost_device_swap_mem(struct vhost_device *device,
					struct vhost_mem *mem)
{
	unsigned int i;

	lockdep_assert_held(&device->mutex);
	for (i = 0; i < device->num_vqs; i++) {
		struct vhost_vq *vq = device->vqs[i];

		mutex_lock(&vq->mutex);
		vq->mem = mem;
		vq->last_region = NULL;
		if (vq->backend)
			vhost_vq_queue(vq);
		mutex_unlock(&vq->mutex);
	}
	WRITE_ONCE(device->regions, mem->num);
	swap(device->mem, mem);
	return mem;
}

/**
 * vhost_device_set_mem() - replace the memory table
 * @device: the device
 * @mem: the new table
 *
 * Rings may run: each goes on with the new table at its next buffer. One that
 * was broken may be mended by it.
 *
 * Return: 0, or -EFAULT if the dirty log can't cover it.
 */
int vhost_device_set_mem(struct vhost_device *device, struct vhost_mem *mem)
{
	if (!covered(device, NULL, mem, false))
		return -EFAULT;
	vhost_mem_free(vhost_device_swap_mem(device, mem));
	return 0;
}

/**
 * vhost_device_set_log_base() - set where the dirty log is
 * @device: the device
 * @base: the owner's address of the bitmap
 *
 * Rings may run. All of them go to the new bitmap, or none.
 *
 * Return: 0, or -EFAULT if the bitmap can't cover what they write.
 */
int vhost_device_set_log_base(struct vhost_device *device, unsigned long base)
{
	unsigned int i;

	lockdep_assert_held(&device->mutex);
	if (!covered(device, &base, device->mem, false))
		return -EFAULT;
	for (i = 0; i < device->num_vqs; i++) {
		struct vhost_vq *vq = device->vqs[i];

		mutex_lock(&vq->mutex);
		vq->log.base = base;
		mutex_unlock(&vq->mutex);
	}
	return 0;
}

/**
 * vhost_device_set_log_fd() - set the eventfd that tells of the dirty log
 * @device: the device
 * @fd: an eventfd or VHOST_FILE_UNBIND
 *
 * Return: 0, -EBADF or -EINVAL if it is no eventfd.
 */
int vhost_device_set_log_fd(struct vhost_device *device, int fd)
{
	struct eventfd_ctx *ctx = NULL;
	unsigned int i;

	lockdep_assert_held(&device->mutex);
	if (fd != VHOST_FILE_UNBIND) {
		ctx = eventfd_ctx_fdget(fd);
		if (IS_ERR(ctx))
			return PTR_ERR(ctx);
	}
	for (i = 0; i < device->num_vqs; i++) {
		struct vhost_vq *vq = device->vqs[i];

		mutex_lock(&vq->mutex);
		vq->log.ctx = ctx;
		mutex_unlock(&vq->mutex);
	}
	swap(device->log, ctx);
	if (ctx)
		eventfd_ctx_put(ctx);
	return 0;
}

/*
 * The layout of ring and header must not change under a running ring: the
 * guest would see half of its buffers in one form and half in the other.
 */
static bool running(const struct vhost_device *device)
{
	unsigned int i;

	/* Backends come and go under device->mutex only. */
	for (i = 0; i < device->num_vqs; i++)
		if (device->vqs[i]->backend)
			return true;
	return false;
}

static bool changes_layout(const struct vhost_device *device,
			   const u64 *features)
{
	const u64 *old = device->vqs[0]->features;
	unsigned int i;

	for (i = 0; i < VHOST_FEATURE_WORDS; i++)
		if ((features[i] ^ old[i]) & ~live_features[i])
			return true;
	return false;
}

static bool word_has(const u64 *features, unsigned int bit)
{
	return features[bit / 64] & BIT_ULL(bit % 64);
}

static int alloc_iotlb(struct vhost_device *device)
{
	unsigned int i;
	int err;

	for (i = 0; i < device->num_vqs; i++) {
		struct vhost_vq *vq = device->vqs[i];

		mutex_lock(&vq->mutex);
		err = vhost_iotlb_vq_alloc(vq);
		mutex_unlock(&vq->mutex);
		if (err)
			goto free_iotlb;
	}
	return 0;

free_iotlb:
	/* What is in use has been there before, and stays. */
	for (i = 0; i < device->num_vqs; i++)
		if (!device->vqs[i]->iotlb)
			vhost_iotlb_vq_free(device->vqs[i]);
	return err;
}

/**
 * vhost_device_set_features() - agree on features
 * @device: the device
 * @features: words of bits
 *
 * The IOTLB begins empty each time, as if it was new.
 *
 * Return: 0; -EOPNOTSUPP for bits that are not offered; -EBUSY for a change
 * while a ring runs, but for live_features; -EFAULT if the dirty log can't
 * cover what running rings write; -ENOMEM.
 */
int vhost_device_set_features(struct vhost_device *device, const u64 *features)
{
	bool iotlb = word_has(features, VIRTIO_F_ACCESS_PLATFORM);
	unsigned int i;

	lockdep_assert_held(&device->mutex);
	for (i = 0; i < VHOST_FEATURE_WORDS; i++)
		if (features[i] & ~device->ops->features[i])
			return -EOPNOTSUPP;
	if (running(device) && changes_layout(device, features))
		return -EBUSY;
	if (word_has(features, VHOST_F_LOG_ALL) &&
	    !covered(device, NULL, device->mem, true))
		return -EFAULT;
	if (iotlb && alloc_iotlb(device))
		return -ENOMEM;

	vhost_iotlb_clear(device);
	vhost_iotlb_switch(device, iotlb);
	for (i = 0; i < device->num_vqs; i++) {
		struct vhost_vq *vq = device->vqs[i];

		mutex_lock(&vq->mutex);
		vhost_vq_set_features(vq, features);
		device->ops->set_features(vq);
		mutex_unlock(&vq->mutex);
	}
	return 0;
}

/**
 * vhost_device_set_backend_features() - agree on parts of the interface
 * @device: the device
 * @features: bits
 *
 * Return: 0, or -EOPNOTSUPP for bits that are not offered.
 */
int vhost_device_set_backend_features(struct vhost_device *device,
				      u64 features)
{
	lockdep_assert_held(&device->mutex);
	if (features & ~device->ops->backend_features)
		return -EOPNOTSUPP;
	device->backend_features = features;
	return 0;
}
