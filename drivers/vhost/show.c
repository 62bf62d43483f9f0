// SPDX-License-Identifier: GPL-2.0
/*
 * What fdinfo says of a device and its virtqueues.
 */
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/vhost.h>

#include "vhost.h"

/* As the reader sees the process: 0 if it does not, or if it is no more. */
static void show_owner(struct seq_file *m, struct vhost_device *device)
{
	struct pid *owner;
	pid_t nr;

	spin_lock(&device->owner_lock);
	owner = get_pid(device->owner);
	spin_unlock(&device->owner_lock);
	if (!owner)
		return;
	rcu_read_lock();
	nr = pid_task(owner, PIDTYPE_TGID) ? pid_vnr(owner) : 0;
	rcu_read_unlock();
	seq_printf(m, "vhost-owner:\t%d\n", nr);
	put_pid(owner);
}

/* The worker has a reference to its thread, and is there for a grace period. */
static void show_thread(struct seq_file *m, const struct vhost_worker *worker)
{
	struct task_struct *task = worker->task;
	u32 i = worker->id;

	seq_printf(m, "worker%u-thread:\t%d\n", i, task_pid_vnr(task));
	seq_printf(m, "worker%u-cpu-ns:\t%llu\n", i,
		   READ_ONCE(task->se.sum_exec_runtime));
	seq_printf(m, "worker%u-wakeups:\t%lu\n", i,
		   READ_ONCE(worker->wakeups));
	if (READ_ONCE(worker->killed))
		seq_printf(m, "worker%u-killed:\t1\n", i);
}

/**
 * vhost_device_show() - print the device for people, without its rings
 * @m: where to
 * @device: the device; its mutex is not taken, as its holder may have to wait
 */
void vhost_device_show(struct seq_file *m, struct vhost_device *device)
{
	u64 features = READ_ONCE(device->vqs[0]->features[0]);
	const struct vhost_worker *worker;
	int i;

	seq_printf(m, "vhost-id:\t%llu\n", device->id);
	show_owner(m, device);
	seq_printf(m, "vhost-regions:\t%u\n", READ_ONCE(device->regions));
	seq_printf(m, "vhost-log:\t%s\n",
		   features & BIT_ULL(VHOST_F_LOG_ALL) ? "on" : "off");
	rcu_read_lock();
	for (i = 0; i < VHOST_MAX_WORKERS; i++) {
		worker = rcu_dereference(device->workers[i]);
		if (worker)
			show_thread(m, worker);
	}
	rcu_read_unlock();
}

/* For people who want to place threads, or to see what one of them burns. */
static void show_worker(struct seq_file *m, struct vhost_vq *vq)
{
	struct vhost_worker *worker;

	rcu_read_lock();
	worker = rcu_dereference(vq->worker);
	if (worker) {
		seq_printf(m, "vq%u-worker:\t%u\n", vq->index, worker->id);
		seq_printf(m, "vq%u-thread:\t%d\n", vq->index,
			   task_pid_vnr(worker->task));
	}
	rcu_read_unlock();
}

static const char *state_name(const struct vhost_vq *vq)
{
	switch (READ_ONCE(vq->state)) {
	case VHOST_VQ_RUNNING:
		return "running";
	case VHOST_VQ_BROKEN:
		return "broken";
	case VHOST_VQ_STOPPED:
		break;
	}
	return "stopped";
}

/**
 * vhost_vq_show() - print the queue for people
 * @m: where to
 * @vq: the queue; its mutex is not taken, a reader must not stall it
 */
void vhost_vq_show(struct seq_file *m, struct vhost_vq *vq)
{
	const struct vhost_ring *ring = &vq->ring;
	enum vhost_reason broken = READ_ONCE(vq->broken);
	bool packed = READ_ONCE(ring->is_packed);
	unsigned int i = vq->index;

	seq_printf(m, "vq%u-state:\t%s\n", i, state_name(vq));
	if (broken)
		seq_printf(m, "vq%u-broken:\t%s\n", i,
			   vhost_reason_name(broken));
	seq_printf(m, "vq%u-format:\t%s\n", i, packed ? "packed" : "split");
	seq_printf(m, "vq%u-size:\t%u\n", i, READ_ONCE(ring->num));
	seq_printf(m, "vq%u-next-avail:\t%u\n", i,
		   packed ? READ_ONCE(ring->packed.avail.slot) :
			    READ_ONCE(ring->next_avail));
	if (READ_ONCE(vq->poll_max_ns))
		seq_printf(m, "vq%u-poll-ns:\t%u\n", i,
			   READ_ONCE(vq->poll_ns));
	seq_printf(m, "vq%u-misses:\t%lu\n", i, READ_ONCE(vq->misses.total));
	seq_printf(m, "vq%u-next-used:\t%u\n", i,
		   packed ? READ_ONCE(ring->packed.used.slot) :
			    READ_ONCE(ring->next_used));
	show_worker(m, vq);
	vhost_stats_show(m, i, &vq->stats);
}
