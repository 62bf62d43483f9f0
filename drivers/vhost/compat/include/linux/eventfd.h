/* SPDX-License-Identifier: GPL-2.0 */
/*
 * eventfd_signal() adds one since 6.8; before, it took the number to add. No
 * symbol tells which of the two this kernel has: hence the look at its version.
 */
#ifndef VHOST_COMPAT_EVENTFD_H
#define VHOST_COMPAT_EVENTFD_H

#include_next <linux/eventfd.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#define eventfd_signal(ctx)	eventfd_signal(ctx, 1)
#endif

#endif
