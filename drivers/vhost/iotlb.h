/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The IOTLB: translations that the owner gives one by one, because the guest
 * has an IOMMU. They take the place of the memory table on the way from a
 * guest's address to the owner's memory.
 *
 * A ring that finds a translation missing notes what it lacks, for the owner
 * to read, and sleeps. Nothing else of the device waits for it.
 *
 * The owner may take a translation back at any moment, and once it has been
 * told so nobody may use it any more. A ring therefore pins the translations
 * that it looks up, for as long as it copies; whoever takes one back waits for
 * the rings that have pinned it, and for no other.
 *
 * Locks: iotlb->lock is the innermost; it protects the tree, and of every vq
 * the pins and the misses. vq->pins.mutex is held by the worker, inside of
 * vq->mutex, while pins are in use; others take it only to wait for that.
 */
#ifndef VHOST_IOTLB_H
#define VHOST_IOTLB_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "mem.h"

struct file;
struct iov_iter;
struct poll_table_struct;
struct seq_file;
struct vhost_device;
struct vhost_iotlb_msg;
struct vhost_vq;

/* What a ring may be short of at a time. */
#define VHOST_MISSES	64
/* Translations that a ring remembers one by one while it uses them. */
#define VHOST_PINS	64

/**
 * struct vhost_pin - a translation in use
 * @first: first address translated
 * @last: last address translated
 * @hva: the owner's address of @first
 * @perm: VHOST_ACCESS_...; 0 if only to be waited for
 */
struct vhost_pin {
	u64 first;
	u64 last;
	unsigned long hva;
	u8 perm;
};

/**
 * struct vhost_pins - translations that a ring uses
 * @mutex: held while any is in use
 * @inside: @mutex is held by the worker
 * @num: entries of @pin
 * @pin: the last one, when all are taken, covers what all others would
 */
struct vhost_pins {
	struct mutex mutex;	/* held while any pin is in use */
	bool inside;
	u16 num;
	struct vhost_pin *pin;
};

/**
 * struct vhost_miss - a translation that a ring is short of
 * @iova: an address in the page that is missing
 * @perm: VHOST_ACCESS_...
 * @told: the owner has read of it
 * @when: jiffies when the owner was to be told
 */
struct vhost_miss {
	u64 iova;
	unsigned long when;
	u8 perm;
	bool told;
};

/**
 * struct vhost_misses - what a ring is short of
 * @num: entries of @miss
 * @answered: how many were answered since the ring began to run last
 * @stopped: it has run into one since
 * @wake: that one was answered
 * @stopped_at: its address
 * @total: how many there were since the device was opened
 * @miss: the first one asked for comes first
 */
struct vhost_misses {
	u16 num;
	u16 answered;
	bool stopped;
	bool wake;
	u64 stopped_at;
	unsigned long total;
	struct vhost_miss *miss;
};

/**
 * struct vhost_iotlb - translations of one device
 * @lock: innermost of all
 * @on: the guest has an IOMMU; changed under device->mutex and @lock
 * @tree: translations, none overlapping another
 * @answers: those that answered a miss, oldest first: they can be had again
 * @others: those that were given unasked, oldest first
 * @num: how many there are
 * @num_answers: how many of them answered a miss
 * @untold: misses that the owner has not read of
 * @wait: who waits for those
 * @updates: translations given
 * @invalidates: translations taken back
 * @evicted: translations dropped for want of room
 */
struct vhost_iotlb {
	spinlock_t lock;	/* tree, and pins and misses of all rings */
	bool on;
	struct rb_root_cached tree;
	struct list_head answers;
	struct list_head others;
	u32 num;
	u32 num_answers;
	u32 untold;
	wait_queue_head_t wait;
	unsigned long updates;
	unsigned long invalidates;
	unsigned long evicted;
};

/* iotlb.c APIs: */
void vhost_iotlb_setup(struct vhost_device *device);
void vhost_iotlb_clear(struct vhost_device *device);
void vhost_iotlb_switch(struct vhost_device *device, bool on);
int vhost_iotlb_update(struct vhost_device *device,
		       const struct vhost_iotlb_msg *msg);
int vhost_iotlb_invalidate(struct vhost_device *device,
			   const struct vhost_iotlb_msg *msg);
void vhost_iotlb_show(struct seq_file *m, struct vhost_device *device);

/* iotlb_vq.c APIs: */
int vhost_iotlb_vq_alloc(struct vhost_vq *vq);
void vhost_iotlb_vq_free(struct vhost_vq *vq);
int vhost_iotlb_xlate(struct vhost_vq *vq, struct vhost_gpa iova, u32 len,
		      u8 perm, struct iovec *iov, int max);
int vhost_iotlb_map_ring(struct vhost_vq *vq);
void vhost_iotlb_enter(struct vhost_vq *vq);
void vhost_iotlb_leave(struct vhost_vq *vq);
void vhost_iotlb_renew(struct vhost_vq *vq);
void vhost_iotlb_resume(struct vhost_vq *vq);
void vhost_iotlb_sleep(struct vhost_vq *vq);
void vhost_iotlb_forget_misses(struct vhost_vq *vq);
bool vhost_iotlb_asked(const struct vhost_vq *vq, u64 first, u64 last);
void vhost_iotlb_answer(struct vhost_vq *vq, u64 first, u64 last);
bool vhost_iotlb_pinned(const struct vhost_vq *vq, u64 first, u64 last);
void vhost_iotlb_reader_idle(struct vhost_device *device);
bool vhost_iotlb_next_miss(struct vhost_device *device,
			   struct vhost_iotlb_msg *msg);

/* iotlb_chr.c APIs: */
ssize_t vhost_iotlb_chr_read(struct vhost_device *device, struct iov_iter *to,
			     bool nonblock);
ssize_t vhost_iotlb_chr_write(struct vhost_device *device,
			      struct iov_iter *from);
__poll_t vhost_iotlb_chr_poll(struct vhost_device *device, struct file *file,
				struct poll_table_struct *wait);

#endif
