// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/vhost-net: the host half of a virtio network device.
 */
#include <linux/compat.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/workqueue.h>
#include <net/sock.h>

#include "link.h"
#include "net.h"
#include "net_hdr.h"

/* The interface of 2009 has this without asking. */
static void choose_notify_on_empty(struct vhost_net_vq *nvq)
{
	nvq->vq.ring.notify_on_empty =
		nvq->v3 || vhost_has(&nvq->vq, VIRTIO_F_NOTIFY_ON_EMPTY);
}

static void net_set_features(struct vhost_vq *vq)
{
	to_net_vq(vq)->hdr_len = vhost_net_hdr_len(vq);
	choose_notify_on_empty(to_net_vq(vq));
}

/* What of the header the backend sees. */
static void set_header(struct vhost_net_vq *nvq, struct vhost_backend *backend)
{
	bool ours = vhost_has(&nvq->vq, VHOST_NET_F_VIRTIO_NET_HDR);

	vhost_backend_set_header(backend, ours ? 0 : nvq->hdr_len,
				 nvq->vq.ring.little_endian);
}

/* What people are told of the backend. */
static void set_link(struct vhost_net_vq *nvq, struct vhost_link *link)
{
	if (rcu_access_pointer(nvq->link) == link)
		return;
	rcu_assign_pointer(nvq->link, link);
	if (trace_vhost_backend_enabled())
		trace_vhost_backend(&nvq->vq, link ? link->kind : "none",
				    link ? link->name : "");
}

/**
 * __vhost_net_note_unfinished() - for people: see struct vhost_net_vq
 * @nvq: the ring
 */
void __vhost_net_note_unfinished(struct vhost_net_vq *nvq)
{
	const struct vhost_backend *backend = nvq->vq.backend;

	lockdep_assert_held(&nvq->vq.mutex);
	WRITE_ONCE(nvq->unfinished,
		   vhost_frames_held(backend ? backend->frames : nvq->kept));
}

/**
 * vhost_net_attached() - a ring has another backend, or none
 * @nvq: the ring
 * @old: the one that it had, or NULL
 * @v3: the interface of 2009 has attached it
 */
void vhost_net_attached(struct vhost_net_vq *nvq, struct vhost_backend *old,
			bool v3)
{
	struct vhost_backend *backend = nvq->vq.backend;

	lockdep_assert_held(&nvq->vq.mutex);
	if (old)
		vhost_frames_settle(old);
	if (backend)
		vhost_frames_resume(backend, old, &nvq->kept);
	__vhost_net_note_unfinished(nvq);
	set_link(nvq, backend ? backend->link : NULL);
	vhost_watch_stop(&nvq->sock_watch);
	nvq->tries = 0;
	nvq->v3 = v3;
	choose_notify_on_empty(nvq);
}

/**
 * vhost_net_let_go() - close a backend, and save what has begun
 * @nvq: the ring that it was attached to, or was to be
 * @backend: the backend; NULL is allowed
 */
void vhost_net_let_go(struct vhost_net_vq *nvq, struct vhost_backend *backend)
{
	if (!backend)
		return;
	mutex_lock(&nvq->vq.mutex);
	vhost_frames_keep(backend, &nvq->kept);
	__vhost_net_note_unfinished(nvq);
	mutex_unlock(&nvq->vq.mutex);
	vhost_backend_close(backend);
}

/**
 * vhost_net_detach() - stop a ring
 * @nvq: the ring
 *
 * Return: its backend, for vhost_net_let_go(); NULL if there was none.
 */
struct vhost_backend *vhost_net_detach(struct vhost_net_vq *nvq)
{
	struct vhost_backend *old;

	mutex_lock(&nvq->vq.mutex);
	old = vhost_vq_stop(&nvq->vq);
	vhost_net_attached(nvq, old, false);
	mutex_unlock(&nvq->vq.mutex);
	return old;
}

static void net_stop(struct vhost_device *device)
{
	struct vhost_net *net = container_of(device, struct vhost_net, device);
	int i;

	for (i = 0; i < VHOST_NET_VQS; i++) {
		struct vhost_net_vq *nvq = &net->net_vqs[i];

		vhost_net_let_go(nvq, vhost_net_detach(nvq));
	}
}

static bool net_look(struct vhost_vq *vq)
{
	return vq->index == VHOST_NET_RX ? vhost_net_rx_look(vq) :
					   vhost_ring_has_more(vq);
}

static const struct vhost_device_ops net_ops = {
	.features = { VHOST_NET_FEATURES, VHOST_NET_TUNNEL_FEATURES },
	.backend_features = BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2),
	.stop = net_stop,
	.set_features = net_set_features,
	.look = net_look,
};

/*
 * Exchange backends. If the new one turns out not to work the old one goes
 * on; whichever is not attached is left in *@backend.
 */
static int swap_backend(struct vhost_net_vq *nvq,
			struct vhost_backend **backend)
{
	struct vhost_vq *vq = &nvq->vq;
	struct vhost_backend *old = vq->backend, *new = *backend;
	int err;

	lockdep_assert_held(&vq->mutex);
	if (old && old->sock == new->sock && !nvq->v3) {
		/* Its interface may be another one by now. */
		swap(old->link, new->link);
		set_link(nvq, old->link);
		return 0;
	}

	/* Such as a tap without a device; not a datagram that got lost. */
	if (!vhost_backend_has_frames(new) &&
	    vfs_poll(new->file, NULL) & EPOLLERR)
		return -EINVAL;

	set_header(nvq, new);
	err = vhost_vq_start(vq, new);
	if (err)
		return err;
	vhost_net_attached(nvq, old, false);
	*backend = old;
	return 0;
}

static int attach(struct vhost_net_vq *nvq, int fd)
{
	struct vhost_vq *vq = &nvq->vq;
	struct vhost_backend *backend;
	int err;

	backend = vhost_backend_open(fd, vq->index == VHOST_NET_TX);
	mutex_lock(&vq->mutex);
	err = vhost_vq_check(vq);
	if (!err)
		err = PTR_ERR_OR_ZERO(backend);
	if (!err)
		err = swap_backend(nvq, &backend);
	/* Packets or buffers may have been waiting for a backend. */
	if (!err)
		vhost_vq_queue(vq);
	mutex_unlock(&vq->mutex);

	if (!IS_ERR(backend))
		vhost_net_let_go(nvq, backend);
	return err;
}

/**
 * vhost_net_set_backend() - attach a backend to a ring, or detach it
 * @net: the device
 * @index: which ring
 * @fd: what vhost_backend_create() takes, or VHOST_FILE_UNBIND
 *
 * Context: a thread of the owner; under device->mutex.
 * Return: 0; -EPERM for others than the owner; -ENOBUFS without such a ring;
 * -EFAULT if the ring can't be reached; -ENOTSOCK for other kinds of file;
 * -EINVAL for a tap without a device; -ENOMEM. Then nothing has changed.
 * Detaching does not fail for the owner.
 */
int vhost_net_set_backend(struct vhost_net *net, unsigned int index, int fd)
{
	struct vhost_net_vq *nvq;

	lockdep_assert_held(&net->device.mutex);
	if (vhost_device_check_owner(&net->device))
		return -EPERM;
	if (index >= VHOST_NET_VQS)
		return -ENOBUFS;
	nvq = &net->net_vqs[array_index_nospec(index, VHOST_NET_VQS)];

	if (fd != VHOST_FILE_UNBIND)
		return attach(nvq, fd);
	vhost_net_let_go(nvq, vhost_net_detach(nvq));
	return 0;
}

/* What does not end where a file is closed. */
static struct workqueue_struct *release_queue;

static void net_end(struct work_struct *work)
{
	struct vhost_net *net = container_of(work, struct vhost_net, release);
	int i;

	vhost_device_destroy(&net->device);
	for (i = 0; i < VHOST_NET_VQS; i++)
		vhost_frames_free(net->net_vqs[i].kept);
	kfree(net);
}

static int net_open(struct inode *inode, struct file *file)
{
	static void (* const handlers[])(struct vhost_vq *vq) = {
		[VHOST_NET_RX] = vhost_net_rx,
		[VHOST_NET_TX] = vhost_net_tx,
	};
	static const __poll_t ready[] = {
		[VHOST_NET_RX] = EPOLLIN,
		[VHOST_NET_TX] = EPOLLOUT,
	};
	struct vhost_net *net;
	int i;

	net = kzalloc(sizeof(*net), GFP_KERNEL_ACCOUNT);
	if (!net)
		return -ENOMEM;

	for (i = 0; i < VHOST_NET_VQS; i++) {
		struct vhost_net_vq *nvq = &net->net_vqs[i];

		net->vqs[i] = &nvq->vq;
		vhost_vq_init(&nvq->vq, &net->device, i, handlers[i]);
		vhost_watch_init(&nvq->sock_watch, &nvq->vq, ready[i], NULL);
		net_set_features(&nvq->vq);
	}
	INIT_WORK(&net->release, net_end);
	vhost_device_init(&net->device, &net_ops, net->vqs, VHOST_NET_VQS);
	file->private_data = net;
	return 0;
}

/*
 * A descriptor of the device may have been sent to a socket of its own, or of
 * another device's: then it is a worker that closes it, and can't wait for
 * itself to end.
 */
static int net_release(struct inode *inode, struct file *file)
{
	struct vhost_net *net = file->private_data;

	if (vhost_thread_is_owners())
		queue_work(release_queue, &net->release);
	else
		net_end(&net->release);
	return 0;
}

static long net_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vhost_net *net = file->private_data;
	long r;

	mutex_lock(&net->device.mutex);
	r = vhost_net_ioctl(net, cmd, (void __user *)arg);
	mutex_unlock(&net->device.mutex);
	return r;
}

static ssize_t net_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct vhost_net *net = file->private_data;
	bool nonblock = file->f_flags & O_NONBLOCK ||
			iocb->ki_flags & IOCB_NOWAIT;

	return vhost_iotlb_chr_read(&net->device, to, nonblock);
}

static ssize_t net_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct vhost_net *net = iocb->ki_filp->private_data;

	return vhost_iotlb_chr_write(&net->device, from);
}

static __poll_t net_poll(struct file *file, poll_table *wait)
{
	struct vhost_net *net = file->private_data;

	return vhost_iotlb_chr_poll(&net->device, file, wait);
}

static const struct file_operations net_fops = {
	.owner		= THIS_MODULE,
	.open		= net_open,
	.release	= net_release,
	.read_iter	= net_read_iter,
	.write_iter	= net_write_iter,
	.poll		= net_poll,
	.unlocked_ioctl	= net_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.show_fdinfo	= vhost_net_show_fdinfo,
	.llseek		= noop_llseek,
};

static struct miscdevice net_misc = {
	.minor	= VHOST_NET_MINOR,
	.name	= "vhost-net",
	.fops	= &net_fops,
};

static int __init net_init(void)
{
	int err;

	release_queue = alloc_workqueue("vhost-net", WQ_UNBOUND, 0);
	if (!release_queue)
		return -ENOMEM;
	err = misc_register(&net_misc);
	if (err)
		destroy_workqueue(release_queue);
	return err;
}
module_init(net_init);

static void __exit net_exit(void)
{
	misc_deregister(&net_misc);
	destroy_workqueue(release_queue);
	/* Workers are freed by a callback of ours. */
	rcu_barrier();
}
module_exit(net_exit);

MODULE_LICENSE("GPL");
MODULE_VERSION("1.0");
MODULE_AUTHOR("The vhost_net maintainers");
MODULE_DESCRIPTION("Host half of virtio-net in the kernel");
MODULE_ALIAS_MISCDEV(VHOST_NET_MINOR);
MODULE_ALIAS("devname:vhost-net");
