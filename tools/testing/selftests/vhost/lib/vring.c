// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vring.h"

static const struct vq_ops * const layouts[VQ_LAYOUTS] = {
	[VQ_SPLIT] = &vq_split_ops,
};

int vq_fault(struct vq *vq, const char *what, unsigned int value)
{
	fprintf(stderr, "# ring %u: %s %u\n", vq->index, what, value);
	vq->fault = true;
	return -EPROTO;
}

/*
 * Free slots are chained in a scattered order (a full-period generator over
 * a power of two), so that no host gets away with expecting ids in a row.
 */
static void chain_free_slots(struct vq *vq)
{
	unsigned int i, next;

	for (i = 0; i < vq->num; i++) {
		next = (i * 5 + 3) & (vq->num - 1);
		vq->next_free[i] = next;
	}
	vq->free_head = 0;
	vq->nfree = vq->num;
}

int vq_init(struct vq *vq, const struct vq_cfg *cfg)
{
	memset(vq, 0, sizeof(*vq));
	vq->ops = layouts[cfg->layout];
	vq->cfg = *cfg;
	vq->index = cfg->index;
	vq->num = cfg->num;
	vq->avail_idx = cfg->start;
	vq->kicked_idx = cfg->start;
	vq->used_idx = cfg->start;
	vq->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	vq->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	vq->err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	vq->slot = calloc(vq->num, sizeof(*vq->slot));
	vq->next_free = calloc(vq->num, sizeof(*vq->next_free));
	if (vq->kick < 0 || vq->call < 0 || vq->err < 0)
		return -EMFILE;
	if (!vq->slot || !vq->next_free)
		return -ENOMEM;
	chain_free_slots(vq);
	return vq->ops->alloc(vq);
}

void vq_free(struct vq *vq)
{
	if (!vq->ops)
		return;
	vq->ops->free(vq);
	close(vq->kick);
	close(vq->call);
	close(vq->err);
	free(vq->slot);
	free(vq->next_free);
	vq->ops = NULL;
}

void *vq_part(const struct vq *vq, enum vq_part part, size_t *size)
{
	size_t unused;

	return vq->ops->part(vq, part, size ? size : &unused);
}

__u64 vq_part_bus(const struct vq *vq, enum vq_part part)
{
	if (vq->bus[part])
		return vq->bus[part];
	return (uintptr_t)vq_part(vq, part, NULL);
}

unsigned int vq_base(const struct vq *vq)
{
	return vq->used_idx;
}

int vq_add(struct vq *vq, const struct vq_seg *seg, unsigned int n,
	   void *cookie)
{
	return vq->ops->add(vq, seg, n, false, cookie);
}

int vq_add_indirect(struct vq *vq, const struct vq_seg *seg, unsigned int n,
		    void *cookie)
{
	return vq->ops->add(vq, seg, n, true, cookie);
}

void vq_publish(struct vq *vq)
{
	vq->ops->publish(vq);
}

void vq_kick_always(struct vq *vq)
{
	__u64 one = 1;

	vq->ops->publish(vq);
	vq->kicked_idx = vq->avail_idx;
	vq->kicks++;
	/* A full counter is a pending kick too: EAGAIN is fine. */
	if (write(vq->kick, &one, sizeof(one)) < 0 && errno != EAGAIN)
		vq_fault(vq, "kick failed, errno", errno);
}

void vq_kick(struct vq *vq)
{
	vq->ops->publish(vq);
	/* The new index must be out before the host's wish is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vq->ops->need_kick(vq))
		vq_kick_always(vq);
	vq->kicked_idx = vq->avail_idx;
}

bool vq_more_used(const struct vq *vq)
{
	return vq->ops->more_used(vq, 0);
}

int vq_get_used(struct vq *vq, struct vq_used *u)
{
	if (vq->fault)
		return -EPROTO;
	return vq->ops->get_used(vq, u);
}

unsigned int vq_in_flight(const struct vq *vq)
{
	return vq->out;
}

int vq_reserve(struct vq *vq, unsigned int n, __u16 *ids)
{
	if (vq->nfree < n)
		return -ENOSPC;
	for (vq->nfree -= n; n; n--) {
		*ids++ = vq->free_head;
		vq->free_head = vq->next_free[vq->free_head];
	}
	return 0;
}

void vq_add_raw(struct vq *vq, unsigned int head, __u32 room)
{
	vq->ops->add_raw(vq, head, room);
}

static bool wait_once(struct vq *vq, unsigned int after, int ms)
{
	vq->ops->call_on(vq, after);
	/* Ask for the call first, then look: the host does the reverse. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!vq->ops->more_used(vq, after)) {
		if (eventfd_wait(vq->call, ms))
			vq->wakeups++;
		else if (vq->ops->more_used(vq, after))
			vq->lost_calls++;
	}
	eventfd_drain(vq->call);
	vq->ops->call_off(vq);
	return vq->ops->more_used(vq, after);
}

bool vq_wait_after(struct vq *vq, unsigned int after, int ms)
{
	__s64 end = now_ms() + ms;

	if (vq->ops->more_used(vq, after))
		return true;
	/* An eventfd may still carry an old call: sleep again if so. */
	while (!wait_once(vq, after, ms)) {
		ms = end - now_ms();
		if (ms <= 0)
			return false;
	}
	return true;
}

bool vq_wait(struct vq *vq, int ms)
{
	return vq_wait_after(vq, 0, ms);
}
