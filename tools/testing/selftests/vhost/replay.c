// SPDX-License-Identifier: GPL-2.0
#include "replay.h"

int start_bare(struct guest *g, struct guest_cfg cfg)
{
	cfg.bare = true;
	if (!cfg.features)
		cfg.features = MODERN;
	return guest_start(g, &cfg);
}

int reset_rings(struct guest *g)
{
	unsigned int i, j;
	struct vq_cfg cfg;
	int r = 0;

	for (i = 0; i < VQ_MAX && !r; i++) {
		cfg = g->vq[i].cfg;
		cfg.start = 0;
		vq_free(&g->vq[i]);
		r = vq_init(&g->vq[i], &cfg);
		g->pool[i].free = NULL;
		for (j = 0; j < g->pool[i].n; j++)
			pool_put(&g->pool[i], &g->pool[i].buf[j]);
	}
	return r;
}

int set_fd(struct guest *g, unsigned long req, unsigned int index, int fd)
{
	return dev_vring_file(g->fd, req, index, fd);
}

int set_num(struct guest *g, unsigned int index)
{
	return dev_vring_state(g->fd, VHOST_SET_VRING_NUM, index,
			       g->vq[index].num);
}

int set_base(struct guest *g, unsigned int index, unsigned int base)
{
	return dev_vring_state(g->fd, VHOST_SET_VRING_BASE, index, base);
}

int set_kick(struct guest *g, unsigned int index)
{
	return set_fd(g, VHOST_SET_VRING_KICK, index, g->vq[index].kick);
}

int set_call(struct guest *g, unsigned int index)
{
	return set_fd(g, VHOST_SET_VRING_CALL, index, g->vq[index].call);
}

int set_err(struct guest *g, unsigned int index)
{
	return set_fd(g, VHOST_SET_VRING_ERR, index, g->vq[index].err);
}

bool backends_off(struct guest *g)
{
	return !dev_set_backend(g->fd, VQ_RX, -1) &&
		!dev_set_backend(g->fd, VQ_TX, -1);
}
