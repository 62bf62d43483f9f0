// SPDX-License-Identifier: GPL-2.0
/*
 * The interface of August 2009, version 3 of the patch that this driver goes
 * back to: other numbers and structures for what today's ioctls do. Decoded
 * here, and then the same setters are called.
 *
 * Where a client shows which of the two it speaks, and what one number stands
 * for that both of them have, is vhost_v3_note() and speaks_v3().
 */
#include <linux/uaccess.h>

#include "abi.h"
#include "vhost.h"

static long get_features(struct vhost_device *device, void __user *argp)
{
	return put_user(0, (u32 __user *)argp);
}

/* None were offered in those days. */
static long ack_features(struct vhost_device *device, void __user *argp)
{
	static const u64 none[VHOST_FEATURE_WORDS];
	u32 features;

	if (get_user(features, (u32 __user *)argp))
		return -EFAULT;
	return features ? -EOPNOTSUPP :
			  vhost_device_set_features(device, none);
}

static const struct vhost_ioctl device_ioctls[] = {
	{ VHOST_V3_GET_FEATURES, false, get_features },
	{ VHOST_V3_ACK_FEATURES, false, ack_features },
};

static long get_addr(void __user *argp, u32 align, u64 *addr)
{
	struct vhost_v3_vring_addr a;

	if (copy_from_user(&a, argp, sizeof(a)))
		return -EFAULT;
	if (a.padding)
		return -EOPNOTSUPP;
	if (a.user_addr > ULONG_MAX)
		return -EFAULT;
	if (a.user_addr % align)
		return -EINVAL;
	*addr = a.user_addr;
	return 0;
}

static long set_part(struct vhost_vq *vq, void __user *argp, u32 align,
		     enum vhost_part part)
{
	u64 addr;
	long r;

	r = get_addr(argp, align, &addr);
	return r ? r : vhost_vq_place_part(vq, part, addr);
}

static long set_vring_desc(struct vhost_vq *vq, void __user *argp)
{
	return set_part(vq, argp, 1, VHOST_DESC);
}

static long set_vring_avail(struct vhost_vq *vq, void __user *argp)
{
	return set_part(vq, argp, VRING_AVAIL_ALIGN_SIZE, VHOST_AVAIL);
}

/*
 * Only this part was tried at once, and left asking for kicks. What will be
 * translated can't be tried.
 */
static long set_vring_used(struct vhost_vq *vq, void __user *argp)
{
	struct vring_used __user *used;
	__virtio16 word;
	u64 addr;
	long r;

	r = get_addr(argp, VRING_USED_ALIGN_SIZE, &addr);
	if (r)
		return r;
	used = u64_to_user_ptr(addr);
	if (!vq->iotlb && get_user(word, &used->idx))
		return -EFAULT;
	word = 0;
	if (!vq->iotlb && put_user(word, &used->flags))
		return -EFAULT;
	return vhost_vq_place_part(vq, VHOST_USED, addr);
}

static const struct vhost_vring_ioctl vring_ioctls[] = {
	{ VHOST_V3_SET_VRING_DESC, set_vring_desc },
	{ VHOST_V3_SET_VRING_USED, set_vring_used },
	{ VHOST_V3_SET_VRING_AVAIL, set_vring_avail },
};

/**
 * vhost_v3_note() - see which of the two interfaces a client speaks
 * @device: the device
 * @cmd: what it called
 *
 * The first ioctl that only one of them has decides, for as long as the file
 * is open.
 */
void vhost_v3_note(struct vhost_device *device, unsigned int cmd)
{
	lockdep_assert_held(&device->mutex);
	if (device->dialect != VHOST_DIALECT_OPEN)
		return;

	switch (cmd) {
	case VHOST_V3_GET_FEATURES:
	case VHOST_V3_ACK_FEATURES:
	case VHOST_V3_SET_VRING_DESC:
	case VHOST_V3_SET_VRING_USED:
	case VHOST_V3_SET_VRING_AVAIL:
	case VHOST_V3_GET_VRING_BASE:
		device->dialect = VHOST_DIALECT_V3;
		break;
	case VHOST_GET_FEATURES:
	case VHOST_SET_FEATURES:
	case VHOST_GET_FEATURES_ARRAY:
	case VHOST_SET_FEATURES_ARRAY:
	case VHOST_SET_VRING_ADDR:
	case VHOST_SET_VRING_BASE:
	case VHOST_GET_VRING_BASE:
		device->dialect = VHOST_DIALECT_NOW;
		break;
	}
}

/* Who has shown nothing yet is given the number that does something. */
static bool speaks_v3(const struct vhost_device *device)
{
	if (device->dialect == VHOST_DIALECT_OPEN)
		return !IS_ENABLED(CONFIG_VHOST_CROSS_ENDIAN_LEGACY);
	return device->dialect == VHOST_DIALECT_V3;
}

/**
 * vhost_v3_rename() - find what has only got another number since
 * @device: the device
 * @cmd: an ioctl of a ring
 *
 * Return: today's number of it, or @cmd.
 */
unsigned int vhost_v3_rename(const struct vhost_device *device,
			     unsigned int cmd)
{
	switch (cmd) {
	case VHOST_V3_SET_VRING_BASE:
		/* VHOST_GET_VRING_ENDIAN has this number, too. */
		return speaks_v3(device) ? VHOST_SET_VRING_BASE : cmd;
	case VHOST_V3_GET_VRING_BASE:
		return VHOST_GET_VRING_BASE;
	}
	return cmd;
}

/**
 * vhost_v3_ioctl() - run an ioctl of the old interface, if it is one
 * @device: the device
 * @cmd: the ioctl
 * @argp: its argument
 *
 * Context: under device->mutex.
 * Return: what it returns; -ENOIOCTLCMD if it is none, or one of a ring.
 */
long vhost_v3_ioctl(struct vhost_device *device, unsigned int cmd,
		    void __user *argp)
{
	return vhost_ioctl_run(device, device_ioctls, ARRAY_SIZE(device_ioctls),
			       cmd, argp);
}

/**
 * vhost_v3_vring_ioctl() - look up what the old interface does with a ring
 * @cmd: the ioctl
 *
 * Return: the entry, or NULL if it is none of the old ones.
 */
const struct vhost_vring_ioctl *vhost_v3_vring_ioctl(unsigned int cmd)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(vring_ioctls); i++)
		if (vring_ioctls[i].cmd == cmd)
			return &vring_ioctls[i];
	return NULL;
}
