/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Watching a file: when it becomes ready, a ring's work is queued.
 */
#ifndef VHOST_NOTIFY_H
#define VHOST_NOTIFY_H

#include <linux/poll.h>
#include <linux/wait.h>

struct eventfd_ctx;
struct vhost_vq;

/**
 * struct vhost_watch - one file watched for one ring
 * @table: hands @wait to the file's wait queue
 * @wait: our place in it
 * @wqh: the wait queue; NULL while nothing is watched
 * @mask: what to watch for, EPOLLIN or EPOLLOUT
 * @vq: the ring whose work is queued
 * @woken: counts wake-ups that were meant for us; may be NULL
 *
 * Started and stopped under the vq's mutex.
 */
struct vhost_watch {
	poll_table table;
	wait_queue_entry_t wait;
	wait_queue_head_t *wqh;
	__poll_t mask;
	struct vhost_vq *vq;
	atomic_long_t *woken;
};

/* notify.c APIs: */
void vhost_watch_init(struct vhost_watch *watch, struct vhost_vq *vq,
		      __poll_t mask, atomic_long_t *woken);
int vhost_watch_start(struct vhost_watch *watch, struct file *file);
void vhost_watch_queue(struct vhost_watch *watch, wait_queue_head_t *wqh);
void vhost_watch_stop(struct vhost_watch *watch);
int vhost_vq_set_kick(struct vhost_vq *vq, int fd);
int vhost_vq_set_call(struct vhost_vq *vq, int fd);
int vhost_vq_set_err(struct vhost_vq *vq, int fd);
void vhost_vq_drop_eventfds(struct vhost_vq *vq);
void vhost_vq_call(struct vhost_vq *vq);
void vhost_vq_report(struct vhost_vq *vq);

#endif
