/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Threads of a process that work for the kernel. There are some since 6.4, and
 * since 6.10 they say when they are killed, which the makefile looks for. A
 * kernel only has them if something in it wants them.
 */
#ifndef VHOST_COMPAT_VHOST_TASK_H
#define VHOST_COMPAT_VHOST_TASK_H

#include <linux/err.h>
#include <linux/kconfig.h>
#include <linux/sched.h>
#include <linux/types.h>

#if defined(VHOST_HAS_handle_kill) && IS_ENABLED(CONFIG_VHOST_TASK)
#include_next <linux/sched/vhost_task.h>

#define VHOST_HAVE_TASKS	true
#define VHOST_TASK_FLAGS	PF_USER_WORKER
#else
#define VHOST_HAVE_TASKS	false
#define VHOST_TASK_FLAGS	0

struct vhost_task;

static inline struct vhost_task *
vhost_task_create(bool (*fn)(void *data), void (*handle_kill)(void *data),
		  void *data, const char *name)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void vhost_task_start(struct vhost_task *task) { }

static inline void vhost_task_stop(struct vhost_task *task) { }

static inline void vhost_task_wake(struct vhost_task *task) { }
#endif

#endif
