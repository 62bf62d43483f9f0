// SPDX-License-Identifier: GPL-2.0
/*
 * Workers: threads named after the owner, in the owner's cgroups. They are
 * threads of the kernel, which any kernel can make; what depends on that is in
 * the thread_...() functions, and in none of the others.
 *
 * A work is in the queue at most once. The bit that says so is cleared before
 * the work runs, so that whoever finds it set knows that the work will still
 * see what was done before.
 */
#include <linux/cgroup.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "vhost.h"

/* Moves the worker to the cgroups of @owner, who waits for it. */
struct attach_work {
	struct vhost_work work;
	struct completion done;
	struct task_struct *owner;
	int err;
};

static void run_queue(struct llist_node *works)
{
	struct vhost_work *work, *next;

	llist_for_each_entry_safe(work, next, llist_reverse_order(works),
				  node) {
		/* Done with the node: who queues the work again writes it. */
		smp_mb__before_atomic();
		clear_bit(VHOST_WORK_QUEUED, &work->flags);
		/* The work sees all that was done before it was queued. */
		smp_mb__after_atomic();
		work->fn(work);
		cond_resched();
	}
}

/* Woken for nothing, it goes on sleeping. */
static void note_wakeup(struct vhost_worker *worker)
{
	if (worker->asleep)
		WRITE_ONCE(worker->wakeups, worker->wakeups + 1);
	worker->asleep = false;
}

/* Called as if about to sleep. Return: false if there is no reason not to. */
static bool worker_run(struct vhost_worker *worker)
{
	struct llist_node *works = llist_del_all(&worker->queue);

	if (!works && !worker->busyloop)
		return false;
	__set_current_state(TASK_RUNNING);
	note_wakeup(worker);
	if (works)
		run_queue(works);
	if (worker->busyloop)
		vhost_busyloop_run(worker);
	return true;
}

/*
 * Is it to end? What was queued before somebody said so is seen in the queue
 * afterwards, and only an empty queue may be left: a work that stayed in it
 * could never be queued again. (A) pairs with (B).
 */
static bool told_to_stop(void)
{
	bool stop = kthread_should_stop();

	smp_rmb();	/* (A) */
	return stop;
}

static int thread_main(void *data)
{
	struct vhost_worker *worker = data;
	bool stop;

	kthread_use_mm(worker->device->mm);
	for (;;) {
		/* Before both looks: a waker undoes it. */
		set_current_state(TASK_INTERRUPTIBLE);
		stop = told_to_stop();
		if (worker_run(worker))
			continue;
		if (stop)
			break;
		worker->asleep = true;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	kthread_unuse_mm(worker->device->mm);
	return 0;
}

static void thread_wake(struct vhost_worker *worker)
{
	wake_up_process(worker->task);
}

/* What is queued is done before the thread ends. */
static void thread_stop(struct vhost_worker *worker)
{
	smp_mb();	/* (B): whoever queued works is known to be done */
	kthread_stop(worker->task);
}

/**
 * vhost_worker_queue() - have a work done
 * @worker: by whom
 * @work: the work; nothing happens if it waits in the queue already
 *
 * Context: any.
 */
void vhost_worker_queue(struct vhost_worker *worker, struct vhost_work *work)
{
	if (test_and_set_bit(VHOST_WORK_QUEUED, &work->flags))
		return;
	/* Only who finds the queue empty needs to wake: it is taken whole. */
	if (llist_add(&work->node, &worker->queue))
		thread_wake(worker);
}

static void attach_fn(struct vhost_work *work)
{
	struct attach_work *w = container_of(work, struct attach_work, work);

	w->err = cgroup_attach_task_all(w->owner, current);
	complete(&w->done);
}

/* In the thread, as only a thread that runs can be moved. */
static int attach_to_owner(struct vhost_worker *worker)
{
	struct attach_work w = { .owner = current };

	vhost_work_setup(&w.work, attach_fn);
	init_completion(&w.done);
	vhost_worker_queue(worker, &w.work);
	wait_for_completion(&w.done);
	return w.err;
}

static int thread_start(struct vhost_worker *worker)
{
	int err;

	worker->task = kthread_create(thread_main, worker, "vhost-%d",
				      current->pid);
	if (IS_ERR(worker->task))
		return PTR_ERR(worker->task);
	/* A thread that has never run counts towards the load average. */
	thread_wake(worker);

	err = attach_to_owner(worker);
	if (err)
		thread_stop(worker);
	return err;
}

/**
 * vhost_worker_create() - start a worker for the current process
 * @device: the device, whose owner the process is until the worker is gone
 * @id: the worker's number
 *
 * The thread enters the cgroups of the current task, so that what it burns
 * and allocates is accounted to the owner.
 *
 * Context: may sleep.
 * Return: the worker or the error that kept it from starting.
 */
struct vhost_worker *vhost_worker_create(struct vhost_device *device, u32 id)
{
	struct vhost_worker *worker;
	int err;

	worker = kzalloc(sizeof(*worker), GFP_KERNEL_ACCOUNT);
	if (!worker)
		return ERR_PTR(-ENOMEM);

	init_llist_head(&worker->queue);
	worker->device = device;
	worker->id = id;
	err = thread_start(worker);
	if (err) {
		kfree(worker);
		return ERR_PTR(err);
	}
	return worker;
}

/**
 * vhost_worker_is_current() - is the current thread a worker's?
 * @worker: the worker
 *
 * Return: true if it is.
 */
bool vhost_worker_is_current(const struct vhost_worker *worker)
{
	return worker->task == current;
}

/**
 * vhost_worker_destroy() - end a worker
 * @worker: the worker; NULL is allowed. Nobody may queue works any more.
 *
 * Works that are still queued are done first.
 *
 * Context: may sleep; no lock may be held that a work takes.
 */
void vhost_worker_destroy(struct vhost_worker *worker)
{
	if (!worker)
		return;
	thread_stop(worker);
	kfree_rcu(worker, rcu);
}
