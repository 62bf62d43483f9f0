// SPDX-License-Identifier: GPL-2.0
/*
 * A device that is none, for suites of what needs one to be called; see
 * fake_kunit.h.
 */
#include <kunit/test.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "fake_kunit.h"

/* Far from where the kernel would put anything of its own accord. */
#define USER_BASE	0x10000000UL

static void fake_stop(struct vhost_device *device)
{
}

static void fake_set_features(struct vhost_vq *vq)
{
}

static bool fake_look(struct vhost_vq *vq)
{
	return false;
}

static void fake_handle(struct vhost_vq *vq)
{
}

/* All that the core could be asked for. */
static const struct vhost_device_ops fake_ops = {
	.features = { U64_MAX, U64_MAX },
	.backend_features = U64_MAX,
	.stop = fake_stop,
	.set_features = fake_set_features,
	.look = fake_look,
};

/**
 * fake_init() - begin a case with a fresh device as test->priv
 * @test: the case
 *
 * Return: 0 or -ENOMEM.
 */
int fake_init(struct kunit *test)
{
	struct fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);
	int i, err = 0;

	if (!fake)
		return -ENOMEM;
	for (i = 0; i < FAKE_VQS; i++)
		fake->vqs[i] = &fake->vq[i];
	vhost_device_init(&fake->device, &fake_ops, fake->vqs, FAKE_VQS);
	for (i = 0; i < FAKE_VQS; i++)
		vhost_vq_init(&fake->vq[i], &fake->device, i, fake_handle);
	for (i = 0; i < FAKE_VQS && !err; i++)
		err = vhost_vq_alloc(&fake->vq[i]);
	test->priv = fake;
	return err;
}

/**
 * fake_exit() - end the case
 * @test: the case; it may have failed, but holds no mutex
 */
void fake_exit(struct kunit *test)
{
	struct fake *fake = test->priv;

	if (fake)
		vhost_device_destroy(&fake->device);
}

/**
 * fake_features() - agree on features
 * @fake: the device
 * @features: word 0
 *
 * Return: as vhost_device_set_features().
 */
int fake_features(struct fake *fake, u64 features)
{
	u64 words[VHOST_FEATURE_WORDS] = { features };
	int err;

	mutex_lock(&fake->device.mutex);
	err = vhost_device_set_features(&fake->device, words);
	mutex_unlock(&fake->device.mutex);
	return err;
}

/**
 * fake_mem() - give the device a memory table
 * @test: the case
 * @regions: what it is made of
 * @num: how many
 */
void fake_mem(struct kunit *test, const struct vhost_memory_region *regions,
	      u32 num)
{
	struct fake *fake = test->priv;
	struct vhost_mem *mem = vhost_mem_create(regions, num);
	int err;

	KUNIT_ASSERT_FALSE(test, IS_ERR(mem));
	mutex_lock(&fake->device.mutex);
	err = vhost_device_set_mem(&fake->device, mem);
	mutex_unlock(&fake->device.mutex);
	KUNIT_ASSERT_EQ(test, err, 0);
}

#ifdef MODULE
unsigned long fake_user(struct kunit *test, unsigned long size)
{
	kunit_skip(test, "modules can't make memory of a process");
	return 0;
}
#else
/**
 * fake_user() - make memory as a process has it, for this thread
 * @test: the case, which may do that once; it goes when the thread ends
 * @size: bytes
 *
 * Return: where it is; the page behind it is none.
 */
unsigned long fake_user(struct kunit *test, unsigned long size)
{
	struct mm_struct *mm = mm_alloc();
	unsigned long at;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mm);
	mm->task_size = TASK_SIZE;
	arch_pick_mmap_layout(mm, &current->signal->rlim[RLIMIT_STACK]);
	kthread_use_mm(mm);
	/* A thread that ends gives back only what a process would have. */
	mmdrop(mm);
	at = vm_mmap(NULL, USER_BASE, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0);
	KUNIT_ASSERT_EQ(test, at, USER_BASE);
	return at;
}
#endif

/**
 * fake_put() - write to memory of fake_user()
 * @test: the case
 * @to: where to
 * @from: what
 * @size: bytes
 */
void fake_put(struct kunit *test, unsigned long to, const void *from,
	      size_t size)
{
	KUNIT_ASSERT_EQ(test, copy_to_user((void __user *)to, from, size), 0);
}

/**
 * fake_get() - read memory of fake_user()
 * @test: the case
 * @to: where to
 * @from: where from
 * @size: bytes
 */
void fake_get(struct kunit *test, void *to, unsigned long from, size_t size)
{
	KUNIT_ASSERT_EQ(test, copy_from_user(to, (void __user *)from, size), 0);
}
