/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A worker: a thread that uses the owner's memory and does work for rings.
 * worker.c has what it does, worker_thread.c what it is.
 */
#ifndef VHOST_WORKER_H
#define VHOST_WORKER_H

#include <linux/llist.h>
#include <linux/types.h>

struct seq_file;
struct task_struct;
struct vhost_device;
struct vhost_task;

struct vhost_work;
typedef void (*vhost_work_fn)(struct vhost_work *work);

/**
 * struct vhost_work - something to be done by a worker
 * @node: place in the worker's queue
 * @fn: what to do; may queue the work again
 * @flags: bit VHOST_WORK_QUEUED
 */
struct vhost_work {
	struct llist_node node;
	vhost_work_fn fn;
	unsigned long flags;
};

#define VHOST_WORK_QUEUED	0

/**
 * struct vhost_worker - a thread and its queue
 * @queue: works to be done, newest first
 * @task: the thread, also when it is dead; NULL until it has had a turn
 * @owners: the same as a thread of the owner's; NULL if it is the kernel's
 * @device: whose rings it works on; holds the owner's memory meanwhile
 * @busyloop: some of those rings may have to be looked at; the thread's own
 * @killed: the thread does no more works; set once, by itself
 * @asleep: the thread has slept since it last found works; its own
 * @id: number of the worker in its device
 * @wakeups: how often it was woken by works
 * @rcu: who looks at a ring's worker holds nothing but rcu_read_lock()
 */
struct vhost_worker {
	struct llist_head queue;
	struct task_struct *task;
	struct vhost_task *owners;
	struct vhost_device *device;
	bool busyloop;
	bool killed;
	bool asleep;
	u32 id;
	unsigned long wakeups;
	struct rcu_head rcu;
};

/* worker.c APIs: */
struct vhost_worker *vhost_worker_create(struct vhost_device *device, u32 id);
bool vhost_worker_is_current(const struct vhost_worker *worker);
void vhost_worker_destroy(struct vhost_worker *worker);
bool vhost_worker_queue(struct vhost_worker *worker, struct vhost_work *work);
bool vhost_worker_turn(void *data);
void vhost_worker_killed(void *data);

/* worker_thread.c APIs: */
bool vhost_thread_of_owner(void);
int vhost_thread_start(struct vhost_worker *worker, bool of_owner);
void vhost_thread_wake(struct vhost_worker *worker);
void vhost_thread_stop(struct vhost_worker *worker);
bool vhost_thread_is_owners(void);
void vhost_thread_close_files(void);

static inline void vhost_work_setup(struct vhost_work *work, vhost_work_fn fn)
{
	work->fn = fn;
	work->flags = 0;
}

#endif
