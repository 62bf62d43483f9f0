// SPDX-License-Identifier: GPL-2.0
/*
 * Busy polling: what would wake a ring is looked for, for a while, instead of
 * waited for. That spares the guest its kicks, the backend its wake-ups, and
 * the ring the time that they take.
 *
 * A ring that runs out of work and has a timeout does not ask to be woken, but
 * is looked at by its worker whenever that has nothing else to do. If there is
 * something, it has its turn as usual. It also has one when the time is over,
 * at the end of which it may not go on like that: so what came in at the last
 * moment is found where it always is, after wake-ups have been asked for.
 *
 * All of a ring's state is under its mutex, which the worker takes for each
 * look. So who wants to change the ring gets its turn, and need not know that
 * it is looked at. A worker itself has no more than a note that there may be
 * such a ring, which is its own.
 *
 * If the owner has set no timeout, a ring may find its own, up to a limit that
 * the administrator sets: more, as long as work comes within the limit, and
 * none, when it does not.
 */
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/time64.h>

#include "vhost.h"

/* The shortest time that is worth a try. */
#define POLL_MIN_NS	4000

static unsigned int poll_us;
module_param(poll_us, uint, 0644);
MODULE_PARM_DESC(poll_us,
		 "Longest time in microseconds (0 to 1000000) to look for work before sleeping, if the owner sets none (default 0: no time). For rings attached later.");

static struct vhost_worker *worker_of(const struct vhost_vq *vq)
{
	return rcu_dereference_protected(vq->worker,
					 lockdep_is_held(&vq->mutex));
}

/**
 * vhost_busyloop_start() - a ring has been attached
 * @vq: the queue
 */
void vhost_busyloop_start(struct vhost_vq *vq)
{
	lockdep_assert_held(&vq->mutex);
	vq->poll_max_ns = min_t(u32, READ_ONCE(poll_us), USEC_PER_SEC) *
			  NSEC_PER_USEC;
	WRITE_ONCE(vq->poll_ns, 0);
	vq->idle_since = 0;
}

/**
 * __vhost_busyloop_learn() - vhost_busyloop_learn() of a ring that was idle
 * @vq: the queue
 */
void __vhost_busyloop_learn(struct vhost_vq *vq)
{
	s64 idle = local_clock() - vq->idle_since;
	u32 ns = vq->poll_ns;

	vq->idle_since = 0;
	/* Half of it would be in vain where late and soon take turns. */
	if (idle > vq->poll_max_ns)
		ns = 0;
	else if (idle > ns)
		ns = min(max_t(u32, 2 * ns, POLL_MIN_NS), vq->poll_max_ns);
	WRITE_ONCE(vq->poll_ns, ns);
}

/**
 * __vhost_busyloop_begin() - vhost_busyloop_begin() where there may be time
 * @vq: the queue
 *
 * Return: true if the ring will be looked at.
 */
bool __vhost_busyloop_begin(struct vhost_vq *vq)
{
	struct vhost_worker *worker = worker_of(vq);

	if (vq->busyloop == VHOST_BUSYLOOP_OVER || vq->failed)
		return false;
	/* Not by a worker that the ring has left, and this is its last turn. */
	if (!worker || !vhost_worker_is_current(worker))
		return false;

	vq->busyloop_start = local_clock();
	if (!vq->busyloop_timeout) {
		vq->idle_since = vq->busyloop_start;
		if (!vq->poll_ns)
			return false;
	}
	vq->busyloop = VHOST_BUSYLOOP_ON;
	worker->busyloop = true;
	vhost_ring_kick_off(vq);
	return true;
}

/**
 * vhost_busyloop_leave() - the ring has another worker from now on
 * @vq: the queue
 */
void vhost_busyloop_leave(struct vhost_vq *vq)
{
	lockdep_assert_held(&vq->mutex);
	if (vq->busyloop != VHOST_BUSYLOOP_ON)
		return;
	vq->busyloop = VHOST_BUSYLOOP_OFF;
	vhost_vq_queue(vq);
}

/* Clocks of two CPUs may differ: signed. */
static bool time_is_over(const struct vhost_vq *vq)
{
	s64 elapsed = local_clock() - vq->busyloop_start;
	u32 timeout = READ_ONCE(vq->busyloop_timeout);

	return elapsed >= (timeout ? (s64)timeout * NSEC_PER_USEC :
			   READ_ONCE(vq->poll_ns));
}

/*
 * Look at one ring, for the last time if @last. Who has its mutex is not waited
 * for as long as there is time. Return: true if it is to be looked at again.
 */
static bool look_at(struct vhost_worker *worker, struct vhost_vq *vq, bool last)
{
	bool on, over, found, ends;

	if (rcu_access_pointer(vq->worker) != worker ||
	    READ_ONCE(vq->busyloop) != VHOST_BUSYLOOP_ON)
		return false;
	over = last || time_is_over(vq);
	if (over)
		mutex_lock(&vq->mutex);
	else if (!mutex_trylock(&vq->mutex))
		return true;

	on = vq->busyloop == VHOST_BUSYLOOP_ON && worker_of(vq) == worker;
	found = on && vq->device->ops->look(vq);
	ends = on && (last || (over && !found));
	if (found)
		vhost_stats_count(&vq->stats, &vq->stats.polled);
	if (ends)
		vq->busyloop = VHOST_BUSYLOOP_OVER;
	mutex_unlock(&vq->mutex);

	if (found || ends)
		vq->handle(vq);
	return on && !ends;
}

/**
 * vhost_busyloop_run() - look at rings until there is something else to do
 * @worker: the current thread's
 *
 * Each ring is looked at once, also if there is other work: that may go on for
 * as long as it likes. When the CPU is wanted for something else, or the thread
 * is to stop or to die with the owner, it is over for all rings, whatever time
 * they have left.
 */
void vhost_busyloop_run(struct vhost_worker *worker)
{
	struct vhost_device *device = worker->device;
	bool again, last;
	unsigned int i;

	do {
		last = need_resched() || signal_pending(current);
		again = false;
		/* A ring that comes back meanwhile sets it. */
		worker->busyloop = false;
		for (i = 0; i < device->num_vqs; i++)
			again |= look_at(worker, device->vqs[i], last);
		cpu_relax();
	} while (again && llist_empty(&worker->queue));
	worker->busyloop |= again;
}
