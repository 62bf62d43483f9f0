// SPDX-License-Identifier: GPL-2.0
/*
 * The two kinds of threads that workers have.
 *
 * A thread of the owner (vhost_task) has its memory, is where the owner's
 * cgroups, limits and processors are, and is seen and killed with it. Where the
 * kernel has none, or the owner wants it so, a thread of the kernel uses the
 * owner's memory, is put into its cgroups and lives for as long as the device
 * has an owner.
 */
#include <linux/cgroup.h>
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/sched/vhost_task.h>
#include <linux/task_work.h>
#include <linux/wait_bit.h>

#include "vhost.h"

static bool fork_from_owner_default = VHOST_HAVE_TASKS;
module_param(fork_from_owner_default, bool, 0444);
MODULE_PARM_DESC(fork_from_owner_default,
		 "Workers are threads of the owner, unless it says otherwise (default: if the kernel has such threads)");

/**
 * vhost_thread_of_owner() - are workers threads of the owner by default?
 *
 * Return: true if so, and the kernel has such threads.
 */
bool vhost_thread_of_owner(void)
{
	return VHOST_HAVE_TASKS && fork_from_owner_default;
}

/* What a thread of the kernel begins with; its creator waits for it. */
struct beginning {
	struct vhost_worker *worker;
	struct task_struct *owner;
	const struct cred *cred;
	struct completion done;
	int err;
};

static int kthread_main(void *data)
{
	struct beginning *begin = data;
	struct vhost_worker *worker = begin->worker;
	const struct cred *cred = get_cred(begin->cred), *own;

	/* Only a thread that runs can be moved. */
	begin->err = cgroup_attach_task_all(begin->owner, current);
	complete(&begin->done);

	/* Sockets say who sends: that is the owner, not the kernel. */
	own = override_creds(cred);
	kthread_use_mm(worker->device->mm);
	for (;;) {
		/* Before both looks: a waker undoes it. */
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		if (!vhost_worker_turn(worker))
			schedule();
	}
	__set_current_state(TASK_RUNNING);
	kthread_unuse_mm(worker->device->mm);
	revert_creds(own);
	put_cred(cred);
	return 0;
}

static int kthread_start(struct vhost_worker *worker)
{
	struct beginning begin = {
		.worker = worker,
		.owner = current,
		.cred = current_cred(),
	};
	struct task_struct *task;

	init_completion(&begin.done);
	task = kthread_create(kthread_main, &begin, "vhost-%d", current->pid);
	if (IS_ERR(task))
		return PTR_ERR(task);
	worker->task = get_task_struct(task);
	wake_up_process(task);
	wait_for_completion(&begin.done);
	if (begin.err)
		kthread_stop(task);
	return begin.err;
}

static int task_start(struct vhost_worker *worker)
{
	char name[TASK_COMM_LEN];
	struct vhost_task *task;

	snprintf(name, sizeof(name), "vhost-%d", current->pid);
	task = vhost_task_create(vhost_worker_turn, vhost_worker_killed, worker,
				 name);
	/* Some kernels do not say why. */
	if (IS_ERR_OR_NULL(task))
		return task ? PTR_ERR(task) : -ENOMEM;
	worker->owners = task;
	vhost_task_start(task);
	/*
	 * For those who place threads: that it runs is all that tells which one
	 * it is. If the owner is being stopped or killed it may not come to it;
	 * then it is known later.
	 */
	wait_var_event_interruptible(&worker->task, READ_ONCE(worker->task));
	return 0;
}

/**
 * vhost_thread_start() - start a worker's thread
 * @worker: the worker
 * @of_owner: one of the current process, which is the owner
 *
 * Context: may sleep.
 * Return: 0 or what kept it from starting.
 */
int vhost_thread_start(struct vhost_worker *worker, bool of_owner)
{
	return of_owner ? task_start(worker) : kthread_start(worker);
}

/**
 * vhost_thread_wake() - wake a worker's thread
 * @worker: the worker, whose thread may be dead
 *
 * Context: any.
 */
void vhost_thread_wake(struct vhost_worker *worker)
{
	if (worker->owners)
		vhost_task_wake(worker->owners);
	else
		wake_up_process(worker->task);
}

/**
 * vhost_thread_stop() - end a worker's thread, whether it lives or not
 * @worker: the worker, with an empty queue
 *
 * Context: may sleep.
 */
void vhost_thread_stop(struct vhost_worker *worker)
{
	if (worker->owners)
		vhost_task_stop(worker->owners);
	else
		kthread_stop(worker->task);
}

/**
 * vhost_thread_is_owners() - is this thread a worker, and one of the owner's
 *
 * Return: true if the current thread is, of whichever device.
 */
bool vhost_thread_is_owners(void)
{
	return current->flags & VHOST_TASK_FLAGS;
}

/**
 * vhost_thread_close_files() - have files closed that the thread let go of
 *
 * Files that came with a message end as others do: when the thread returns to
 * user space. A thread of the owner's never does; but to look for signals has
 * them closed, too, and this is one that is none. It asks between turns.
 */
void vhost_thread_close_files(void)
{
	if (unlikely(task_work_pending(current)))
		set_thread_flag(TIF_NOTIFY_SIGNAL);
}
