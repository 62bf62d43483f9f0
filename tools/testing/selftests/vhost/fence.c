// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fence.h"

#define PAGES	3
#define EVENTS	(2 * PAGE + PAGE / 2)
#define START	0x80008000u

int fence_init(struct fence *f, struct guest *g, unsigned int index)
{
	struct vq *vq = &g->vq[index];
	size_t size = vq->num * sizeof(*f->desc);

	f->g = g;
	f->vq = vq;
	f->was_desc = vq->packed.desc;
	f->was_device = vq->packed.device;
	f->map = guarded_map(PAGES * PAGE);
	if (!f->map)
		return -ENOMEM;
	memset(f->map, FENCE_CANARY, PAGES * PAGE);
	f->desc = (void *)(f->map + 2 * PAGE - size);
	f->device = (void *)(f->map + EVENTS);
	memset(f->desc, 0, size);
	vq->packed.desc = f->desc;
	vq->packed.device = f->device;
	return dev_set_addr(g->fd, vq);
}

void fence_end(struct fence *f)
{
	close(f->g->fd);
	f->g->fd = -1;
	f->vq->packed.desc = f->was_desc;
	f->vq->packed.device = f->was_device;
	guarded_unmap(f->map, PAGES * PAGE);
	guest_stop(f->g);
}

unsigned int bytes_damaged(const char *from, const char *to)
{
	unsigned int n = 0;

	while (from < to)
		n += (__u8)*from++ != FENCE_CANARY;
	return n;
}

unsigned int fence_damaged(const struct fence *f)
{
	return bytes_damaged(f->map, (char *)f->desc) +
		bytes_damaged(f->map + 2 * PAGE, (char *)f->device) +
		bytes_damaged((char *)(f->device + 1), f->map + PAGES * PAGE);
}

static void forget_all(struct vq *vq)
{
	struct vq_packed *p = &vq->packed;
	unsigned int i;

	for (i = 0; i < vq->num; i++)
		p->desc[i].flags = 0;
	memcpy(p->shadow, p->desc, vq->num * sizeof(*p->desc));
	p->avail = 0;
	p->used = 0;
	p->avail_wrap = true;
	p->used_wrap = true;
	vq->avail_idx = 0;
	vq->used_idx = 0;
	vq->kicked_idx = 0;
}

int fence_begin_anew(struct fence *f)
{
	struct guest *g = f->g;
	struct vq *vq = f->vq;
	char frame[2048];
	int r;

	r = dev_set_backend(g->fd, vq->index, -1);
	forget_all(vq);
	if (!r)
		r = dev_vring_state(g->fd, VHOST_SET_VRING_BASE, vq->index,
				    START);
	while (wire_recv(&g->wire, frame, sizeof(frame), NULL, 100) > 0)
		;
	eventfd_drain(vq->err);
	return r ? r : dev_set_backend(g->fd, vq->index, g->backend.fd);
}
