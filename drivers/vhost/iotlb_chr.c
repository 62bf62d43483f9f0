// SPDX-License-Identifier: GPL-2.0
/*
 * Messages between the IOTLB and the owner: read(), write() and poll() of the
 * device.
 *
 * There are two forms, which differ in what precedes the message proper; both
 * are as long. read() gives the form that was agreed on (backend features),
 * write() takes either. Both carry as many messages as the buffer holds.
 *
 * Compared with vhost_msg, v2 of the form has a reserved word where 64-bit
 * clients have padding: the layout is the same.
 */
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>
#include <linux/vhost.h>

#include "vhost.h"

/* Longest time that device->mutex is kept from others by one write(). */
#define WRITE_RUN	64

static_assert(sizeof(struct vhost_msg) == sizeof(struct vhost_msg_v2));
static_assert(offsetof(struct vhost_msg, iotlb) ==
	      offsetof(struct vhost_msg_v2, iotlb));

static bool has_v2(const struct vhost_device *device)
{
	return READ_ONCE(device->backend_features) &
	       BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2);
}

/* Copy one miss to the owner. Return: false if there is none, or no room. */
static bool read_one(struct vhost_device *device, struct iov_iter *to, int *err)
{
	struct vhost_msg_v2 msg;

	/* All of it goes to the owner, padding too. */
	memset(&msg, 0, sizeof(msg));
	msg.type = has_v2(device) ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG;
	if (iov_iter_count(to) < sizeof(msg) ||
	    !vhost_iotlb_next_miss(device, &msg.iotlb))
		return false;
	/* What can't be delivered is told again after a while. */
	if (copy_to_iter(&msg, sizeof(msg), to) != sizeof(msg)) {
		*err = -EFAULT;
		return false;
	}
	return true;
}

/* All that is there and fits. Return: bytes; 0 if there was nothing. */
static ssize_t read_all(struct vhost_device *device, struct iov_iter *to)
{
	size_t room = iov_iter_count(to);
	int err = 0;

	while (read_one(device, to, &err))
		;
	if (iov_iter_count(to) < room)
		return room - iov_iter_count(to);
	return err;
}

/**
 * vhost_iotlb_chr_read() - tell the owner which translations are missing
 * @device: the device
 * @to: where to
 * @nonblock: do not wait for one
 *
 * Return: bytes; 0 if @to has no room for a message; -EAGAIN if none is there;
 * -EBADFD to wait without IOTLB; -ERESTARTSYS; -EFAULT.
 */
ssize_t vhost_iotlb_chr_read(struct vhost_device *device, struct iov_iter *to,
			     bool nonblock)
{
	struct vhost_iotlb *iotlb = &device->iotlb;
	ssize_t r;
	int err;

	if (iov_iter_count(to) < sizeof(struct vhost_msg_v2))
		return 0;
	for (;;) {
		r = read_all(device, to);
		if (r)
			return r;
		vhost_iotlb_reader_idle(device);
		if (nonblock)
			return -EAGAIN;
		if (!READ_ONCE(iotlb->on))
			return -EBADFD;
		err = wait_event_interruptible(iotlb->wait,
					       READ_ONCE(iotlb->untold) ||
					       !READ_ONCE(iotlb->on));
		if (err)
			return err;
	}
}

static int run_msg(struct vhost_device *device,
		   const struct vhost_iotlb_msg *msg)
{
	switch (msg->type) {
	case VHOST_IOTLB_UPDATE:
		return vhost_iotlb_update(device, msg);
	case VHOST_IOTLB_INVALIDATE:
		return vhost_iotlb_invalidate(device, msg);
	default:
		return -EINVAL;
	}
}

/* Copy one message from the owner; the last one may lack its padding. */
static int get_msg(struct iov_iter *from, struct vhost_msg_v2 *msg)
{
	const size_t least = offsetof(struct vhost_msg_v2, iotlb) +
			     sizeof(msg->iotlb);
	size_t len = min(iov_iter_count(from), sizeof(*msg));

	if (len < least || copy_from_iter(msg, len, from) != len)
		return -EINVAL;
	if (msg->type != VHOST_IOTLB_MSG && msg->type != VHOST_IOTLB_MSG_V2)
		return -EINVAL;
	if (msg->iotlb.type == VHOST_IOTLB_UPDATE && !msg->iotlb.size)
		return -EINVAL;
	return 0;
}

/* Run a few messages. Return: 0, or why it ended before @from did. */
static int write_run(struct vhost_device *device, struct iov_iter *from,
		     size_t *done)
{
	struct vhost_msg_v2 msg;
	size_t left;
	int n;

	for (n = 0; n < WRITE_RUN && iov_iter_count(from); n++) {
		int err;

		left = iov_iter_count(from);
		err = get_msg(from, &msg);
		if (err)
			return err;
		/* All that is wrong with what it says is one error. */
		if (run_msg(device, &msg.iotlb))
			return -EFAULT;
		*done += left - iov_iter_count(from);
	}
	return 0;
}

/**
 * vhost_iotlb_chr_write() - take messages from the owner
 * @device: the device
 * @from: one or more messages
 *
 * Return: bytes of those that were carried out; if that was none, -EPERM for
 * others than the owner, -EINVAL for what is no message, -EFAULT for one that
 * can't be carried out.
 */
ssize_t vhost_iotlb_chr_write(struct vhost_device *device,
			      struct iov_iter *from)
{
	size_t done = 0;
	int err;

	do {
		mutex_lock(&device->mutex);
		err = vhost_device_check_owner(device);
		if (!err)
			err = write_run(device, from, &done);
		mutex_unlock(&device->mutex);
		if (!err && fatal_signal_pending(current))
			break;
		cond_resched();
	} while (!err && iov_iter_count(from));
	return done ? done : err ?: -EINVAL;
}

/**
 * vhost_iotlb_chr_poll() - does a translation miss?
 * @device: the device
 * @file: its file
 * @wait: who asks
 *
 * Return: EPOLLIN if so.
 */
__poll_t vhost_iotlb_chr_poll(struct vhost_device *device, struct file *file,
				poll_table *wait)
{
	poll_wait(file, &device->iotlb.wait, wait);
	if (READ_ONCE(device->iotlb.untold))
		return EPOLLIN | EPOLLRDNORM;
	vhost_iotlb_reader_idle(device);
	return 0;
}
