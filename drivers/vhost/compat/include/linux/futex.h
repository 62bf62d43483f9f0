/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Some kernels' header makes use of mutexes without their header.
 */
#ifndef VHOST_COMPAT_FUTEX_H
#define VHOST_COMPAT_FUTEX_H

#include <linux/mutex.h>
#include_next <linux/futex.h>

#endif
