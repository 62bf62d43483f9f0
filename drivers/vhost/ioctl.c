// SPDX-License-Identifier: GPL-2.0
/*
 * ioctls of every vhost device: decode, check, call a typed setter.
 *
 * With ioctl_worker.c the only file of the core that copies the owner's
 * structures. An ioctl that fails has changed nothing.
 */
#include <linux/moduleparam.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "abi.h"
#include "vhost.h"

static unsigned int max_mem_regions = 512;
module_param(max_mem_regions, uint, 0444);
MODULE_PARM_DESC(max_mem_regions,
		 "Maximum number of regions in a memory table (default: 512)");

static long get_features(struct vhost_device *device, void __user *argp)
{
	const u64 *features = device->ops->features;

	return copy_to_user(argp, features, sizeof(*features)) ? -EFAULT : 0;
}

static long set_features(struct vhost_device *device, void __user *argp)
{
	u64 features[VHOST_FEATURE_WORDS] = {};

	if (copy_from_user(features, argp, sizeof(features[0])))
		return -EFAULT;
	return vhost_device_set_features(device, features);
}

/*
 * The part of a feature array that is beyond what we know. Whoever names a
 * number of words that no memory holds runs into its end; on the way there
 * the caller can be killed.
 */
static long each_piece(void __user *words, u64 num,
		       long (*fn)(void __user *piece, size_t size))
{
	while (num) {
		u64 piece = min_t(u64, num, PAGE_SIZE / sizeof(u64));
		long r = fn(words, piece * sizeof(u64));

		if (r)
			return r;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		words += piece * sizeof(u64);
		num -= piece;
	}
	return 0;
}

static long clear_piece(void __user *piece, size_t size)
{
	return clear_user(piece, size) ? -EFAULT : 0;
}

/* No bit there can be one that is offered. */
static long check_piece(void __user *piece, size_t size)
{
	int zero = check_zeroed_user(piece, size);

	if (zero < 0)
		return zero;
	return zero ? 0 : -EOPNOTSUPP;
}

static long get_features_array(struct vhost_device *device, void __user *argp)
{
	struct vhost_features_array __user *user = argp;
	u64 num, known;

	if (copy_from_user(&num, &user->count, sizeof(num)))
		return -EFAULT;
	known = min_t(u64, num, VHOST_FEATURE_WORDS);
	if (copy_to_user(user->features, device->ops->features,
			 known * sizeof(u64)))
		return -EFAULT;
	return each_piece(user->features + known, num - known, clear_piece);
}

static long set_features_array(struct vhost_device *device, void __user *argp)
{
	struct vhost_features_array __user *user = argp;
	u64 features[VHOST_FEATURE_WORDS] = {};
	u64 num, known;
	long r;

	if (copy_from_user(&num, &user->count, sizeof(num)))
		return -EFAULT;
	known = min_t(u64, num, VHOST_FEATURE_WORDS);
	if (copy_from_user(features, user->features, known * sizeof(u64)))
		return -EFAULT;
	r = each_piece(user->features + known, num - known, check_piece);
	return r ? r : vhost_device_set_features(device, features);
}

static long get_backend_features(struct vhost_device *device,
				 void __user *argp)
{
	u64 features = device->ops->backend_features;

	return copy_to_user(argp, &features, sizeof(features)) ? -EFAULT : 0;
}

static long set_backend_features(struct vhost_device *device,
				 void __user *argp)
{
	u64 features;

	if (copy_from_user(&features, argp, sizeof(features)))
		return -EFAULT;
	return vhost_device_set_backend_features(device, features);
}

static long set_owner(struct vhost_device *device, void __user *argp)
{
	return vhost_device_set_owner(device);
}

static long reset_owner(struct vhost_device *device, void __user *argp)
{
	return vhost_device_reset_owner(device);
}

static long set_mem_table(struct vhost_device *device, void __user *argp)
{
	struct vhost_memory __user *user = argp;
	struct vhost_memory_region *regions;
	struct vhost_memory head;
	struct vhost_mem *mem;
	int err;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (head.padding)
		return -EOPNOTSUPP;
	if (head.nregions > max_mem_regions)
		return -E2BIG;

	regions = vmemdup_user(user->regions,
			       array_size(head.nregions, sizeof(*regions)));
	if (IS_ERR(regions))
		return PTR_ERR(regions);
	mem = vhost_mem_create(regions, head.nregions);
	kvfree(regions);
	if (IS_ERR(mem))
		return PTR_ERR(mem);

	err = vhost_device_set_mem(device, mem);
	if (err)
		vhost_mem_free(mem);
	return err;
}

static long set_log_base(struct vhost_device *device, void __user *argp)
{
	u64 base;

	if (copy_from_user(&base, argp, sizeof(base)))
		return -EFAULT;
	if (base > ULONG_MAX)
		return -EFAULT;
	return vhost_device_set_log_base(device, base);
}

static long set_log_fd(struct vhost_device *device, void __user *argp)
{
	int fd;

	if (get_user(fd, (int __user *)argp))
		return -EFAULT;
	return vhost_device_set_log_fd(device, fd);
}

static long set_vring_num(struct vhost_vq *vq, void __user *argp)
{
	struct vhost_vring_state s;

	/* A running ring says so before it looks at the argument. */
	if (vq->backend)
		return -EBUSY;
	if (copy_from_user(&s, argp, sizeof(s)))
		return -EFAULT;
	return vhost_vq_set_num(vq, s.num);
}

static long set_vring_base(struct vhost_vq *vq, void __user *argp)
{
	struct vhost_vring_state s;

	if (vq->backend)
		return -EBUSY;
	if (copy_from_user(&s, argp, sizeof(s)))
		return -EFAULT;
	return vhost_vq_set_base(vq, s.num);
}

static long tell_state(struct vhost_vq *vq, void __user *argp, u32 num)
{
	struct vhost_vring_state s = { .index = vq->index, .num = num };

	return copy_to_user(argp, &s, sizeof(s)) ? -EFAULT : 0;
}

static long get_vring_base(struct vhost_vq *vq, void __user *argp)
{
	return tell_state(vq, argp, vhost_vq_get_base(vq));
}

/*
 * Where all guests are of the host's byte order, the numbers are unknown, and
 * fail like any other such.
 */
static long set_vring_endian(struct vhost_vq *vq, void __user *argp)
{
	struct vhost_vring_state s;

	if (!IS_ENABLED(CONFIG_VHOST_CROSS_ENDIAN_LEGACY))
		return -ENOIOCTLCMD;
	if (vq->backend)
		return -EBUSY;
	if (copy_from_user(&s, argp, sizeof(s)))
		return -EFAULT;
	if (s.num != VHOST_VRING_LITTLE_ENDIAN &&
	    s.num != VHOST_VRING_BIG_ENDIAN)
		return -EINVAL;
	return vhost_vq_set_endian(vq, s.num == VHOST_VRING_LITTLE_ENDIAN);
}

static long get_vring_endian(struct vhost_vq *vq, void __user *argp)
{
	if (!IS_ENABLED(CONFIG_VHOST_CROSS_ENDIAN_LEGACY))
		return -ENOIOCTLCMD;
	return tell_state(vq, argp, vq->legacy_le ? VHOST_VRING_LITTLE_ENDIAN :
						    VHOST_VRING_BIG_ENDIAN);
}

static bool fits_pointer(u64 addr)
{
	return addr == (unsigned long)addr;
}

static long set_vring_addr(struct vhost_vq *vq, void __user *argp)
{
	struct vhost_vring_addr a;
	struct vhost_place place;

	if (copy_from_user(&a, argp, sizeof(a)))
		return -EFAULT;
	if (a.flags & ~(1u << VHOST_VRING_F_LOG))
		return -EOPNOTSUPP;
	if (!fits_pointer(a.desc_user_addr) ||
	    !fits_pointer(a.used_user_addr) ||
	    !fits_pointer(a.avail_user_addr))
		return -EFAULT;
	if (a.avail_user_addr % VRING_AVAIL_ALIGN_SIZE ||
	    a.used_user_addr % VRING_USED_ALIGN_SIZE ||
	    a.log_guest_addr % VRING_USED_ALIGN_SIZE)
		return -EINVAL;

	place = (struct vhost_place) {
		.addr[VHOST_DESC] = a.desc_user_addr,
		.addr[VHOST_AVAIL] = a.avail_user_addr,
		.addr[VHOST_USED] = a.used_user_addr,
		.log_used = a.flags & (1u << VHOST_VRING_F_LOG),
		.log_addr = a.log_guest_addr,
	};
	return vhost_vq_place(vq, &place);
}

static long set_vring_file(struct vhost_vq *vq, void __user *argp,
			   int (*set)(struct vhost_vq *vq, int fd))
{
	struct vhost_vring_file f;

	if (copy_from_user(&f, argp, sizeof(f)))
		return -EFAULT;
	return set(vq, f.fd);
}

static long set_vring_kick(struct vhost_vq *vq, void __user *argp)
{
	return set_vring_file(vq, argp, vhost_vq_set_kick);
}

static long set_vring_call(struct vhost_vq *vq, void __user *argp)
{
	return set_vring_file(vq, argp, vhost_vq_set_call);
}

static long set_vring_err(struct vhost_vq *vq, void __user *argp)
{
	return set_vring_file(vq, argp, vhost_vq_set_err);
}

static long set_vring_busyloop(struct vhost_vq *vq, void __user *argp)
{
	struct vhost_vring_state s;

	if (copy_from_user(&s, argp, sizeof(s)))
		return -EFAULT;
	vq->busyloop_timeout = s.num;
	return 0;
}

static long get_vring_busyloop(struct vhost_vq *vq, void __user *argp)
{
	return tell_state(vq, argp, vq->busyloop_timeout);
}

static const struct vhost_ioctl device_ioctls[] = {
	{ VHOST_GET_FEATURES, false, get_features },
	{ VHOST_SET_FEATURES, false, set_features },
	{ VHOST_GET_FEATURES_ARRAY, false, get_features_array },
	{ VHOST_SET_FEATURES_ARRAY, false, set_features_array },
	{ VHOST_GET_BACKEND_FEATURES, false, get_backend_features },
	{ VHOST_SET_BACKEND_FEATURES, false, set_backend_features },
	{ VHOST_SET_OWNER, false, set_owner },
	{ VHOST_RESET_OWNER, true, reset_owner },
	{ VHOST_SET_MEM_TABLE, true, set_mem_table },
	{ VHOST_SET_LOG_BASE, true, set_log_base },
	{ VHOST_SET_LOG_FD, true, set_log_fd },
	{ VHOST_NEW_WORKER, true, vhost_ioctl_new_worker },
	{ VHOST_FREE_WORKER, true, vhost_ioctl_free_worker },
	{ VHOST_SET_FORK_FROM_OWNER, false, vhost_ioctl_set_fork },
	{ VHOST_GET_FORK_FROM_OWNER, false, vhost_ioctl_get_fork },
};

static const struct vhost_vring_ioctl vring_ioctls[] = {
	{ VHOST_SET_VRING_NUM, set_vring_num },
	{ VHOST_SET_VRING_BASE, set_vring_base },
	{ VHOST_GET_VRING_BASE, get_vring_base },
	{ VHOST_SET_VRING_ADDR, set_vring_addr },
	{ VHOST_SET_VRING_ENDIAN, set_vring_endian },
	{ VHOST_GET_VRING_ENDIAN, get_vring_endian },
	{ VHOST_SET_VRING_KICK, set_vring_kick },
	{ VHOST_SET_VRING_CALL, set_vring_call },
	{ VHOST_SET_VRING_ERR, set_vring_err },
	{ VHOST_SET_VRING_BUSYLOOP_TIMEOUT, set_vring_busyloop },
	{ VHOST_GET_VRING_BUSYLOOP_TIMEOUT, get_vring_busyloop },
	{ VHOST_ATTACH_VRING_WORKER, vhost_ioctl_attach_worker },
	{ VHOST_GET_VRING_WORKER, vhost_ioctl_get_worker },
};

static const struct vhost_vring_ioctl *
find_vring_ioctl(const struct vhost_device *device, unsigned int cmd)
{
	size_t i;

	cmd = vhost_v3_rename(device, cmd);
	for (i = 0; i < ARRAY_SIZE(vring_ioctls); i++)
		if (vring_ioctls[i].cmd == cmd)
			return &vring_ioctls[i];
	return vhost_v3_vring_ioctl(cmd);
}

/*
 * Whatever is no ioctl of the device is taken for one of a ring, also if no
 * ring knows it: clients have come to rely on which error they get.
 */
static long vring_ioctl(struct vhost_device *device, unsigned int cmd,
			void __user *argp)
{
	const struct vhost_vring_ioctl *entry;
	struct vhost_vq *vq;
	u32 index;
	long r;

	if (vhost_device_check_owner(device))
		return -EPERM;
	if (get_user(index, (u32 __user *)argp))
		return -EFAULT;
	if (index >= device->num_vqs)
		return -ENOBUFS;
	vq = device->vqs[array_index_nospec(index, device->num_vqs)];

	entry = find_vring_ioctl(device, cmd);
	if (!entry)
		return -ENOIOCTLCMD;
	mutex_lock(&vq->mutex);
	r = entry->fn(vq, argp);
	mutex_unlock(&vq->mutex);
	return r;
}

/**
 * vhost_ioctl_run() - look an ioctl up and run it
 * @device: the device
 * @table: what to look through
 * @num: entries of @table
 * @cmd: the ioctl
 * @argp: its argument
 *
 * Context: under device->mutex.
 * Return: what the ioctl returns; -EPERM if the caller is not the owner and
 * has to be; -ENOIOCTLCMD if the ioctl is not there.
 */
long vhost_ioctl_run(struct vhost_device *device,
		     const struct vhost_ioctl *table, size_t num,
		     unsigned int cmd, void __user *argp)
{
	size_t i;

	lockdep_assert_held(&device->mutex);
	for (i = 0; i < num; i++) {
		if (table[i].cmd != cmd)
			continue;
		if (table[i].needs_owner && vhost_device_check_owner(device))
			return -EPERM;
		return table[i].fn(device, argp);
	}
	return -ENOIOCTLCMD;
}

/**
 * vhost_ioctl() - run an ioctl of the core
 * @device: the device
 * @cmd: the ioctl
 * @argp: its argument
 *
 * Context: under device->mutex.
 * Return: 0 or a negative error.
 */
long vhost_ioctl(struct vhost_device *device, unsigned int cmd,
		 void __user *argp)
{
	long r;

	vhost_v3_note(device, cmd);
	r = vhost_ioctl_run(device, device_ioctls, ARRAY_SIZE(device_ioctls),
			    cmd, argp);
	if (r == -ENOIOCTLCMD)
		r = vhost_v3_ioctl(device, cmd, argp);
	return r == -ENOIOCTLCMD ? vring_ioctl(device, cmd, argp) : r;
}
