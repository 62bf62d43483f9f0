/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is in <linux/unaligned.h> since 6.12 was in <asm/unaligned.h> before.
 */
#ifndef VHOST_COMPAT_UNALIGNED_H
#define VHOST_COMPAT_UNALIGNED_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#include <asm/unaligned.h>
#else
#include_next <linux/unaligned.h>
#endif

#endif
