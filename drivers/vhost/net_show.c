// SPDX-License-Identifier: GPL-2.0
/*
 * What fdinfo says of /dev/vhost-net.
 */
#include <linux/fs.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>

#include "link.h"
#include "net.h"

/* One number, as long as it has to be. */
static void show_features(struct seq_file *m, const struct vhost_vq *vq)
{
	u64 low = READ_ONCE(vq->features[0]);
	u64 high = READ_ONCE(vq->features[1]);

	if (high)
		seq_printf(m, "vhost-features:\t0x%llx%016llx\n", high, low);
	else
		seq_printf(m, "vhost-features:\t0x%llx\n", low);
}

static void show_link(struct seq_file *m, const struct vhost_net_vq *nvq)
{
	const struct vhost_link *link;
	unsigned int i = nvq->vq.index;

	rcu_read_lock();
	link = rcu_dereference(nvq->link);
	seq_printf(m, "vq%u-backend:\t%s\n", i, link ? link->kind : "none");
	if (link && *link->name)
		seq_printf(m, "vq%u-%s:\t%s\n", i, link->what, link->name);
	rcu_read_unlock();
	seq_printf(m, "vq%u-unfinished:\t%u\n", i,
		   READ_ONCE(nvq->unfinished));
}

/**
 * vhost_net_show_fdinfo() - print the device for people
 * @m: where to
 * @file: the device's; no mutex is taken, a reader must not stall anything
 */
void vhost_net_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct vhost_net *net = file->private_data;
	int i;

	show_features(m, net->vqs[0]);
	vhost_device_show(m, &net->device);
	vhost_iotlb_show(m, &net->device);
	for (i = 0; i < VHOST_NET_VQS; i++) {
		vhost_vq_show(m, net->vqs[i]);
		show_link(m, &net->net_vqs[i]);
	}
}
