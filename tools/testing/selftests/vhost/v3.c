// SPDX-License-Identifier: GPL-2.0
#include <assert.h>
#include <errno.h>
#include <stdint.h>

#include "v3.h"

static_assert(V3_GET_FEATURES == VHOST_V3_GET_FEATURES, "");
static_assert(V3_ACK_FEATURES == VHOST_V3_ACK_FEATURES, "");
static_assert(V3_SET_OWNER == VHOST_SET_OWNER, "");
static_assert(V3_RESET_OWNER == VHOST_RESET_OWNER, "");
static_assert(V3_SET_MEM_TABLE == VHOST_SET_MEM_TABLE, "");
static_assert(V3_SET_VRING_NUM == VHOST_SET_VRING_NUM, "");
static_assert(V3_SET_VRING_DESC == VHOST_V3_SET_VRING_DESC, "");
static_assert(V3_SET_VRING_USED == VHOST_V3_SET_VRING_USED, "");
static_assert(V3_SET_VRING_AVAIL == VHOST_V3_SET_VRING_AVAIL, "");
static_assert(V3_SET_VRING_BASE == VHOST_V3_SET_VRING_BASE, "");
static_assert(V3_GET_VRING_BASE == VHOST_V3_GET_VRING_BASE, "");
static_assert(V3_SET_VRING_KICK == VHOST_SET_VRING_KICK, "");
static_assert(V3_SET_VRING_CALL == VHOST_SET_VRING_CALL, "");
static_assert(V3_SET_VRING_ERR == VHOST_SET_VRING_ERR, "");
static_assert(V3_NET_SET_SOCKET == VHOST_V3_NET_SET_SOCKET, "");

static_assert(sizeof(struct v3_vring_addr) ==
	       sizeof(struct vhost_v3_vring_addr), "");

int v3_state(int fd, unsigned int req, unsigned int index, unsigned int num)
{
	struct v3_vring_state s = { .index = index, .num = num };

	return dev_ioctl(fd, req, &s);
}

int v3_file(int fd, unsigned int req, unsigned int index, int file)
{
	struct v3_vring_file f = { .index = index, .fd = file };

	return dev_ioctl(fd, req, &f);
}

int v3_addr(int fd, unsigned int req, unsigned int index,
	    const void *at)
{
	struct v3_vring_addr a = {
		.index = index,
		.user_addr = (uintptr_t)at,
	};

	return dev_ioctl(fd, req, &a);
}

int v3_get_base(int fd, unsigned int index)
{
	struct v3_vring_state s = { .index = index, .num = ~0u };
	int r = dev_ioctl(fd, V3_GET_VRING_BASE, &s);

	if (r || s.index != index)
		return r ? r : -EPROTO;
	return s.num;
}

int v3_socket(int fd, int sock)
{
	return dev_ioctl(fd, V3_NET_SET_SOCKET, &sock);
}

int v3_ring(int fd, const struct vq *vq)
{
	unsigned int i = vq->index;
	int r;

	r = v3_state(fd, V3_SET_VRING_NUM, i, vq->num);
	if (!r)
		r = v3_state(fd, V3_SET_VRING_BASE, i, vq_base(vq));
	if (!r)
		r = v3_addr(fd, V3_SET_VRING_DESC, i, vq->desc);
	if (!r)
		r = v3_addr(fd, V3_SET_VRING_USED, i, vq->used);
	if (!r)
		r = v3_addr(fd, V3_SET_VRING_AVAIL, i, vq->avail);
	if (!r)
		r = v3_file(fd, V3_SET_VRING_KICK, i, vq->kick);
	if (!r)
		r = v3_file(fd, V3_SET_VRING_CALL, i, vq->call);
	return r ? r : v3_file(fd, V3_SET_VRING_ERR, i, vq->err);
}

int v3_rings(struct guest *g)
{
	int r = v3_ring(g->fd, &g->vq[VQ_RX]);

	return r ? r : v3_ring(g->fd, &g->vq[VQ_TX]);
}

int v3_setup(struct guest *g)
{
	int r = dev_ioctl(g->fd, V3_SET_OWNER, NULL);

	if (!r)
		r = dev_set_mem(g->fd, &g->arena);
	return r ? r : v3_rings(g);
}
