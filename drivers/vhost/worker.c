// SPDX-License-Identifier: GPL-2.0
/*
 * Workers: what waits for a thread, and how it is done. What kind of thread it
 * is, is the business of worker_thread.c.
 *
 * A work is in the queue at most once. The bit that says so is cleared before
 * the work runs, so that whoever finds it set knows that the work will still
 * see what was done before.
 *
 * A thread of the owner dies with it. The worker is still there then, but takes
 * no more works: those that are in its queue when that begins are the last.
 */
#include <linux/cgroup.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "vhost.h"

/* The first thing that a worker does; its creator waits for it. */
struct start_work {
	struct vhost_work work;
	struct completion done;
	struct vhost_worker *worker;
	struct task_struct *owner;
	int err;
};

/* The last thing. */
struct flush_work {
	struct vhost_work work;
	struct completion done;
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
	return true;
}

/**
 * vhost_worker_killed() - a worker's thread dies with its process
 * @data: the worker, whose thread this is
 */
void vhost_worker_killed(void *data)
{
	struct vhost_worker *worker = data;

	WRITE_ONCE(worker->killed, true);
	/* Who has not seen it has put his work into the queue after this. */
	synchronize_rcu();
	run_queue(llist_del_all(&worker->queue));
}

/* Return: true if the worker has to be woken for it. */
static bool enqueue(struct vhost_worker *worker, struct vhost_work *work)
{
	if (test_and_set_bit(VHOST_WORK_QUEUED, &work->flags))
		return false;
	/* Only who finds the queue empty needs to wake: it is taken whole. */
	return llist_add(&work->node, &worker->queue);
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
	if (enqueue(worker, work))
		wake_up_process(worker->task);
	return true;
}

static void start_fn(struct vhost_work *work)
{
	struct start_work *start = container_of(work, struct start_work, work);

	start->worker->task = get_task_struct(current);
	/* Only a thread that runs can be moved. */
	if (start->owner)
		start->err = cgroup_attach_task_all(start->owner, current);
	complete(&start->done);
}

/* Return: 0, or why there is no thread. */
static int begin(struct vhost_worker *worker, bool of_owner)
{
	struct start_work start = {
		.worker = worker,
		/* Its own threads are where it is. */
		.owner = of_owner ? NULL : current,
	};
	int err;

	vhost_work_setup(&start.work, start_fn);
	init_completion(&start.done);
	enqueue(worker, &start.work);
	err = vhost_thread_start(worker, of_owner);
	if (err)
		return err;
	wait_for_completion(&start.done);
	if (start.err)
		vhost_thread_stop(worker);
	return start.err;
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
	err = begin(worker, device->fork_owner);
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
	return worker->task == current;
}

static void flush_fn(struct vhost_work *work)
{
	complete(&container_of(work, struct flush_work, work)->done);
}

/* Waits until all that was queued before has been done. */
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
