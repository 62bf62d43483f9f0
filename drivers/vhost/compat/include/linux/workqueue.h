/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Since 6.17 the system's queues say in their names where works run. The old
 * names are still there, but complained about.
 */
#ifndef VHOST_COMPAT_WORKQUEUE_H
#define VHOST_COMPAT_WORKQUEUE_H

#include_next <linux/workqueue.h>

#ifndef VHOST_HAS_system_percpu_wq
#define system_percpu_wq	system_wq
#endif

#endif
