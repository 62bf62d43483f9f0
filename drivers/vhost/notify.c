// SPDX-License-Identifier: GPL-2.0
/*
 * Notification: files watched for readiness, eventfds to signal.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/vhost.h>

#include "vhost.h"

static void watch_queued(struct file *file, wait_queue_head_t *wqh,
			 poll_table *table)
{
	struct vhost_watch *watch =
		container_of(table, struct vhost_watch, table);

	watch->wqh = wqh;
	add_wait_queue(wqh, &watch->wait);
}

static int watch_woken(wait_queue_entry_t *wait, unsigned int mode, int sync,
		       void *key)
{
	struct vhost_watch *watch =
		container_of(wait, struct vhost_watch, wait);
	__poll_t ready = key_to_poll(key);

	/* Who changes a socket's state wakes all, without a word why. */
	if (ready && !(ready & watch->mask))
		return 0;
	if (watch->woken) {
		atomic_long_inc(watch->woken);
		trace_vhost_kick(watch->vq);
	}
	vhost_vq_queue(watch->vq);
	return 0;
}

/**
 * vhost_watch_init() - make a zeroed structure a watch
 * @watch: the structure
 * @vq: whose work to queue
 * @mask: what to watch for
 * @woken: counter of wake-ups, or NULL
 */
void vhost_watch_init(struct vhost_watch *watch, struct vhost_vq *vq,
		      __poll_t mask, atomic_long_t *woken)
{
	init_waitqueue_func_entry(&watch->wait, watch_woken);
	init_poll_funcptr(&watch->table, watch_queued);
	watch->mask = mask;
	watch->vq = vq;
	watch->woken = woken;
}

/**
 * vhost_watch_start() - watch a file
 * @watch: the watch, not started
 * @file: the file, to be held until the watch is stopped
 *
 * If the file is ready already, the work is queued at once.
 *
 * Return: 0, or -EINVAL if the file is in an error state and is not watched.
 */
int vhost_watch_start(struct vhost_watch *watch, struct file *file)
{
	__poll_t mask;

	lockdep_assert_held(&watch->vq->mutex);
	mask = vfs_poll(file, &watch->table);
	if (mask & EPOLLERR) {
		vhost_watch_stop(watch);
		return -EINVAL;
	}
	if (mask & watch->mask)
		vhost_vq_queue(watch->vq);
	return 0;
}

/**
 * vhost_watch_queue() - watch a wait queue
 * @watch: the watch; nothing happens if it is started already
 * @wqh: the wait queue, to live until the watch is stopped
 *
 * The caller looks afterwards whether what it waits for has happened already.
 */
void vhost_watch_queue(struct vhost_watch *watch, wait_queue_head_t *wqh)
{
	lockdep_assert_held(&watch->vq->mutex);
	if (watch->wqh)
		return;
	watch_queued(NULL, wqh, &watch->table);
	/*
	 * Our place in the queue before the caller's look; pairs with the
	 * barrier that wakers have between what they did and the look at the
	 * queue (skwq_has_sleeper()).
	 */
	smp_mb();
}

/**
 * vhost_watch_stop() - stop watching
 * @watch: the watch; need not be started
 *
 * The file may be let go of afterwards. The work may still be queued.
 */
void vhost_watch_stop(struct vhost_watch *watch)
{
	lockdep_assert_held(&watch->vq->mutex);
	if (!watch->wqh)
		return;
	remove_wait_queue(watch->wqh, &watch->wait);
	watch->wqh = NULL;
}

/**
 * vhost_vq_set_kick() - set the eventfd that the guest kicks
 * @vq: the queue, of a device with an owner
 * @fd: an eventfd or VHOST_FILE_UNBIND
 *
 * Return: 0, -EBADF or -EINVAL if it is no eventfd.
 */
int vhost_vq_set_kick(struct vhost_vq *vq, int fd)
{
	struct file *file = NULL;
	int err = 0;

	lockdep_assert_held(&vq->mutex);
	if (fd != VHOST_FILE_UNBIND) {
		file = eventfd_fget(fd);
		if (IS_ERR(file))
			return PTR_ERR(file);
	}

	if (file != vq->kick) {
		vhost_watch_stop(&vq->kick_watch);
		if (file)
			err = vhost_watch_start(&vq->kick_watch, file);
		if (!err)
			swap(file, vq->kick);
		else if (vq->kick)
			vhost_watch_start(&vq->kick_watch, vq->kick);
	}
	/* The old file, or the reference that is one too many. */
	if (file)
		fput(file);
	return err;
}

static int swap_eventfd(struct eventfd_ctx **ctx, int fd)
{
	struct eventfd_ctx *new = NULL;

	if (fd != VHOST_FILE_UNBIND) {
		new = eventfd_ctx_fdget(fd);
		if (IS_ERR(new))
			return PTR_ERR(new);
	}
	swap(*ctx, new);
	if (new)
		eventfd_ctx_put(new);
	return 0;
}

/**
 * vhost_vq_set_call() - set the eventfd that interrupts the guest
 * @vq: the queue; may be running: monitors swap it to mask an interrupt
 * @fd: an eventfd or VHOST_FILE_UNBIND
 *
 * Return: 0, -EBADF or -EINVAL if it is no eventfd.
 */
int vhost_vq_set_call(struct vhost_vq *vq, int fd)
{
	lockdep_assert_held(&vq->mutex);
	return swap_eventfd(&vq->call, fd);
}

/**
 * vhost_vq_set_err() - set the eventfd that tells of errors
 * @vq: the queue
 * @fd: an eventfd or VHOST_FILE_UNBIND
 *
 * Return: 0, -EBADF or -EINVAL if it is no eventfd.
 */
int vhost_vq_set_err(struct vhost_vq *vq, int fd)
{
	lockdep_assert_held(&vq->mutex);
	return swap_eventfd(&vq->err, fd);
}

/**
 * vhost_vq_drop_eventfds() - let go of all three
 * @vq: the queue
 */
void vhost_vq_drop_eventfds(struct vhost_vq *vq)
{
	lockdep_assert_held(&vq->mutex);
	vhost_watch_stop(&vq->kick_watch);
	if (vq->kick)
		fput(vq->kick);
	vq->kick = NULL;
	if (vq->call)
		eventfd_ctx_put(vq->call);
	vq->call = NULL;
	if (vq->err)
		eventfd_ctx_put(vq->err);
	vq->err = NULL;
}

/**
 * vhost_vq_call() - interrupt the guest if it wants to be
 * @vq: the queue, after buffers were published
 *
 * Context: the owner's mm.
 */
void vhost_vq_call(struct vhost_vq *vq)
{
	lockdep_assert_held(&vq->mutex);
	if (!vq->call) {
		/* Whoever sets an eventfd later has missed calls. */
		vq->ring.call_valid = false;
		return;
	}
	if (!vhost_ring_need_call(vq)) {
		vhost_stats_count(&vq->stats, &vq->stats.suppressed);
		trace_vhost_call(vq, false);
		return;
	}
	eventfd_signal(vq->call);
	vhost_stats_count(&vq->stats, &vq->stats.calls);
	trace_vhost_call(vq, true);
}

/**
 * vhost_vq_report() - tell the owner if there was something to complain of
 * @vq: the queue, before buffers are published and at the end of a run
 */
void vhost_vq_report(struct vhost_vq *vq)
{
	lockdep_assert_held(&vq->mutex);
	if (likely(!vq->err_due))
		return;
	vq->err_due = false;
	if (vq->err)
		eventfd_signal(vq->err);
}
