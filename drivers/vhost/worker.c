// SPDX-License-Identifier: GPL-2.0
/*
 * Workers: what waits for a thread, and how it is done. What kind of thread it
 * is, is the business of worker_thread.c.
 *
 * A work is in the queue at most once. The bit that says so is cleared before
 * the work runs, so that whoever finds it set knows that the work will still
 * see what was done before.
 *
 * A thread of the owner dies with it. The worker is still there then, but does
 * no more works, not even those that are in its queue.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "vhost.h"

/* The last thing that a worker does. */
struct flush_work {
	struct vhost_work work;
	struct completion done;
};

static void leave_queue(struct vhost_work *work)
{
	/* Done with the node: who queues the work again writes it. */
	smp_mb__before_atomic();
	clear_bit(VHOST_WORK_QUEUED, &work->flags);
	/* The work sees all that was done before it was queued. */
	smp_mb__after_atomic();
}

static void run_queue(struct llist_node *works)
{
	struct vhost_work *work, *next;

	llist_for_each_entry_safe(work, next, llist_reverse_order(works),
				  node) {
		leave_queue(work);
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

/* The thread is known from now on; it may be that somebody waits for that. */
static void introduce(struct vhost_worker *worker)
{
	WRITE_ONCE(worker->task, get_task_struct(current));
	/* Before the look for who waits. */
	smp_mb();
	wake_up_var(&worker->task);
}

/**
 * vhost_worker_turn() - have a worker do what there is to do
 * @data: the worker, whose thread this is, about to sleep
 *
 * Return: false if there was nothing, and the thread may go to sleep.
 */
bool vhost_worker_turn(void *data)
{
	struct vhost_worker *worker = data;
	struct llist_node *works = llist_del_all(&worker->queue);

	if (unlikely(!worker->task))
		introduce(worker);
	if (!works && !worker->busyloop) {
		worker->asleep = true;
		return false;
	}
	__set_current_state(TASK_RUNNING);
	note_wakeup(worker);
	if (works)
		run_queue(works);
	if (worker->busyloop)
		vhost_busyloop_run(worker);
	if (worker->owners)
		vhost_thread_close_files();
	return true;
}

static void flush_fn(struct vhost_work *work)
{
	complete(&container_of(work, struct flush_work, work)->done);
}

/**
 * vhost_worker_killed() - a worker's thread dies with its process
 * @data: the worker, whose thread this is
 *
 * Nobody waits for rings to be gone through, but for the end of what was queued
 * before. To go through one could take for ever: the signal that would end a
 * page fault has been taken already.
 */
void vhost_worker_killed(void *data)
{
	struct vhost_worker *worker = data;
	struct vhost_work *work, *next;
	struct llist_node *works;

	WRITE_ONCE(worker->killed, true);
	/* Who has not seen it has put his work into the queue after this. */
	synchronize_rcu();
	works = llist_del_all(&worker->queue);
	llist_for_each_entry_safe(work, next, works, node) {
		leave_queue(work);
		if (work->fn == flush_fn)
			flush_fn(work);
	}
}

/**
 * vhost_worker_queue() - have a work done
 * @worker: by whom
 * @work: the work; nothing happens if it waits in the queue already
 *
 * Context: any, under rcu_read_lock().
 * Return: false if the thread is dead, and nothing will happen.
 */
bool vhost_worker_queue(struct vhost_worker *worker, struct vhost_work *work)
{
	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "a worker may die");
	if (unlikely(READ_ONCE(worker->killed)))
		return false;
	if (test_and_set_bit(VHOST_WORK_QUEUED, &work->flags))
		return true;
	/* Only who finds the queue empty needs to wake: it is taken whole. */
	if (llist_add(&work->node, &worker->queue))
		vhost_thread_wake(worker);
	return true;
}

static void worker_free(struct rcu_head *rcu)
{
	struct vhost_worker *worker = container_of(rcu, struct vhost_worker,
						   rcu);

	if (worker->task)
		put_task_struct(worker->task);
	kfree(worker);
}

/**
 * vhost_worker_create() - start a worker for the current process
 * @device: the device, whose owner the process is until the worker is gone
 * @id: the worker's number
 *
 * The thread is one of the current process, or in its cgroups at least, so
 * that what it burns and allocates is accounted to the owner.
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
	err = vhost_thread_start(worker, device->fork_owner);
	if (err) {
		worker_free(&worker->rcu);
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
	return READ_ONCE(worker->task) == current;
}

/* Waits until all that was queued before has been done, or never will be. */
static void flush(struct vhost_worker *worker)
{
	struct flush_work flush;
	bool wait;

	vhost_work_setup(&flush.work, flush_fn);
	init_completion(&flush.done);
	rcu_read_lock();
	wait = vhost_worker_queue(worker, &flush.work);
	rcu_read_unlock();
	if (wait)
		wait_for_completion(&flush.done);
}

/**
 * vhost_worker_destroy() - end a worker
 * @worker: the worker; NULL is allowed. Nobody may queue works any more.
 *
 * Works that are still queued are done first: one that stayed in the queue
 * could never be queued again.
 *
 * Context: may sleep; no lock may be held that a work takes.
 */
void vhost_worker_destroy(struct vhost_worker *worker)
{
	if (!worker)
		return;
	flush(worker);
	vhost_thread_stop(worker);
	WARN_ON_ONCE(!llist_empty(&worker->queue));
	/* Somebody may be looking at the thread. */
	call_rcu(&worker->rcu, worker_free);
}
