/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Short packets on their way to the guest. They are received into memory of the
 * driver's own, and brought to where they belong a run at a time: copies within
 * the kernel are cheap, sections of access to user memory are not.
 */
#ifndef VHOST_RX_QUEUE_H
#define VHOST_RX_QUEUE_H

#include "backend.h"
#include "copies.h"

/* A run of the shortest packets, and as much again but for a little. */
#define VHOST_RX_QUEUE_SIZE	8192

/**
 * struct vhost_rx_queue - short packets to be copied to the guest
 * @num: how many
 * @used: bytes of @memory in use
 * @copy: where they are and where they belong
 * @tag: the caller's, for each
 * @memory: where they are
 */
struct vhost_rx_queue {
	u16 num;
	u16 used;
	struct vhost_copy copy[VHOST_BACKEND_RUN];
	u16 tag[VHOST_BACKEND_RUN];
	u8 memory[VHOST_RX_QUEUE_SIZE] __aligned(sizeof(u64));
};

/**
 * vhost_rx_queue_fits() - may a packet be queued?
 * @queue: the queue
 * @to: where it belongs in the owner's memory
 * @len: bytes
 *
 * Return: false if there is no room now, or never is.
 */
static inline bool vhost_rx_queue_fits(const struct vhost_rx_queue *queue,
				       const void __user *to, size_t len)
{
	return vhost_copy_fits(to, len) && queue->num < VHOST_BACKEND_RUN &&
	       queue->used + VHOST_COPY_MAX <= VHOST_RX_QUEUE_SIZE;
}

/**
 * vhost_rx_queue_room() - where the next packet is to be put
 * @queue: the queue, into which it fits
 *
 * Return: VHOST_COPY_MAX bytes.
 */
static inline void *vhost_rx_queue_room(struct vhost_rx_queue *queue)
{
	return queue->memory + queue->used;
}

/**
 * vhost_rx_queue_add() - queue what is there
 * @queue: the queue, into which it fits
 * @to: where it belongs
 * @len: bytes
 * @tag: the caller's
 */
static inline void vhost_rx_queue_add(struct vhost_rx_queue *queue,
				      void __user *to, size_t len, u16 tag)
{
	queue->copy[queue->num] = (struct vhost_copy) {
		.theirs = to,
		.ours = vhost_rx_queue_room(queue),
		.len = len,
	};
	queue->tag[queue->num++] = tag;
	queue->used += ALIGN(len, sizeof(u64));
}

#endif
