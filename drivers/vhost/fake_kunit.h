/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What several suites need: a device that is none, and memory of an owner who
 * does not exist.
 */
#ifndef VHOST_FAKE_KUNIT_H
#define VHOST_FAKE_KUNIT_H

#include <linux/prandom.h>

#include "vhost.h"

struct kunit;

#define FAKE_VQS	2

/**
 * struct fake - a device with rings, but no file, worker or backend
 * @device: the device
 * @vq: its rings
 * @vqs: the same, as the device wants them
 * @ops: for a case that wants others than all devices have; they are needed
 *	until the device is gone, which the case does not live to see
 */
struct fake {
	struct vhost_device device;
	struct vhost_vq vq[FAKE_VQS];
	struct vhost_vq *vqs[FAKE_VQS];
	struct vhost_device_ops ops;
};

/* fake_kunit.c APIs: */
int fake_init(struct kunit *test);
void fake_exit(struct kunit *test);
int fake_features(struct fake *fake, u64 features);
void fake_mem(struct kunit *test, const struct vhost_memory_region *regions,
	      u32 num);
unsigned long fake_user(struct kunit *test, unsigned long size);
void fake_put(struct kunit *test, unsigned long to, const void *from,
	      size_t size);
void fake_get(struct kunit *test, void *to, unsigned long from, size_t size);

/* One of @num numbers from 0 on. */
static inline u32 fake_any(struct rnd_state *rnd, u32 num)
{
	return prandom_u32_state(rnd) % num;
}

#endif
