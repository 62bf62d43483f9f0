// SPDX-License-Identifier: GPL-2.0
/*
 * The IOTLB's tree: translations come, are replaced, taken back, and dropped
 * when there are too many.
 *
 * No two translations overlap: a new one cuts what it covers out of older
 * ones. That keeps the tree simple to search, and its answer unique.
 */
#include <linux/interval_tree_generic.h>
#include <linux/limits.h>
#include <linux/moduleparam.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "iotlb_map.h"
#include "vhost.h"

static unsigned int max_iotlb_entries = 16384;
module_param(max_iotlb_entries, uint, 0444);
MODULE_PARM_DESC(max_iotlb_entries,
		 "Maximum number of translations of a device (default: 16384)");

/* Translations cut out of the tree at a time. */
#define CUT_RUN		64

#define MAP_FIRST(map)	((map)->first)
#define MAP_LAST(map)	((map)->last)

INTERVAL_TREE_DEFINE(struct vhost_map, rb, u64, subtree_last, MAP_FIRST,
		     MAP_LAST, static __maybe_unused, map_tree)

/**
 * vhost_iotlb_setup() - prepare a zeroed device's IOTLB, switched off
 * @device: the device
 */
void vhost_iotlb_setup(struct vhost_device *device)
{
	struct vhost_iotlb *iotlb = &device->iotlb;

	spin_lock_init(&iotlb->lock);
	iotlb->tree = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&iotlb->answers);
	INIT_LIST_HEAD(&iotlb->others);
	init_waitqueue_head(&iotlb->wait);
}

/**
 * vhost_iotlb_find() - the translation of an address
 * @iotlb: the IOTLB
 * @iova: the address
 *
 * Context: under iotlb->lock.
 * Return: the translation or NULL.
 */
const struct vhost_map *vhost_iotlb_find(struct vhost_iotlb *iotlb, u64 iova)
{
	lockdep_assert_held(&iotlb->lock);
	return map_tree_iter_first(&iotlb->tree, iova, iova);
}

static void insert(struct vhost_iotlb *iotlb, struct vhost_map *map)
{
	lockdep_assert_held(&iotlb->lock);
	map_tree_insert(map, &iotlb->tree);
	list_add_tail(&map->age,
		      map->answer ? &iotlb->answers : &iotlb->others);
	iotlb->num++;
	iotlb->num_answers += map->answer;
}

static void remove(struct vhost_iotlb *iotlb, struct vhost_map *map)
{
	lockdep_assert_held(&iotlb->lock);
	map_tree_remove(map, &iotlb->tree);
	list_del(&map->age);
	iotlb->num--;
	iotlb->num_answers -= map->answer;
}

/* The list is not to be used again. */
static void free_maps(struct list_head *maps)
{
	struct vhost_map *map, *next;

	list_for_each_entry_safe(map, next, maps, age)
		kfree(map);
}

/*
 * What is to be dropped next: what can be had again goes first. But a few
 * answers have to have room beside each other, or a buffer that needs several
 * never has them all.
 */
static void evict(struct vhost_iotlb *iotlb, struct list_head *gone)
{
	struct list_head *from = &iotlb->others;
	struct vhost_map *map;

	if (iotlb->num_answers > iotlb->num / 4 || list_empty(from))
		from = &iotlb->answers;
	map = list_first_entry(from, struct vhost_map, age);
	remove(iotlb, map);
	list_add(&map->age, gone);
	iotlb->evicted++;
}

static void cut_first(struct vhost_map *map, u64 first)
{
	map->hva += first - map->first;
	map->first = first;
}

/* Will two pieces be left of one translation when a range is cut out of it? */
static bool cuts_in_two(struct vhost_iotlb *iotlb, u64 first, u64 last)
{
	const struct vhost_map *map;
	bool two;

	spin_lock(&iotlb->lock);
	map = vhost_iotlb_find(iotlb, first);
	two = map && map->first < first && map->last > last;
	spin_unlock(&iotlb->lock);
	return two;
}

/*
 * Cut a range out of one translation that overlaps it. *@spare is needed if the
 * range lies in its middle, so that two pieces stay; without @spare none does.
 */
static void cut_map(struct vhost_iotlb *iotlb, struct vhost_map *map, u64 first,
		    u64 last, struct vhost_map **spare, struct list_head *gone)
{
	bool before = spare && map->first < first;
	bool after = spare && map->last > last;

	remove(iotlb, map);
	if (before && after) {
		struct vhost_map *rest = *spare;

		*spare = NULL;
		*rest = *map;
		cut_first(rest, last + 1);
		insert(iotlb, rest);
	}
	if (before)
		map->last = first - 1;
	else if (after)
		cut_first(map, last + 1);

	if (before || after)
		insert(iotlb, map);
	else
		list_add(&map->age, gone);
}

/*
 * Cut a range out of the tree, or take all out that overlaps it if there is no
 * @spare. Rings can look things up in between: there may be thousands.
 * Return: true if there was something.
 */
static bool cut_range(struct vhost_iotlb *iotlb, u64 first, u64 last,
		      struct vhost_map **spare)
{
	struct vhost_map *map;
	LIST_HEAD(gone);
	bool cut = false;
	int n;

	do {
		spin_lock(&iotlb->lock);
		for (n = 0; n < CUT_RUN; n++) {
			map = map_tree_iter_first(&iotlb->tree, first, last);
			if (!map)
				break;
			cut_map(iotlb, map, first, last, spare, &gone);
			cut = true;
		}
		spin_unlock(&iotlb->lock);
		free_maps(&gone);
		INIT_LIST_HEAD(&gone);
		cond_resched();
	} while (n == CUT_RUN);
	return cut;
}

/* Does the ring have a part in a range? */
static bool ring_overlaps(const struct vhost_vq *vq, u64 first, u64 last)
{
	int i;

	lockdep_assert_held(&vq->device->mutex);
	for (i = 0; i < VHOST_PARTS; i++) {
		const struct vhost_area *part = &vq->ring.parts[i];

		if (part->addr <= last && part->size &&
		    part->addr + part->size - 1 >= first)
			return true;
	}
	return false;
}

/*
 * Translations of a range are not in the tree any more: wait until none is in
 * use either. Rings that use none of them are not touched.
 */
static void wait_for_users(struct vhost_device *device, u64 first, u64 last)
{
	struct vhost_iotlb *iotlb = &device->iotlb;
	unsigned int i;

	for (i = 0; i < device->num_vqs; i++) {
		struct vhost_vq *vq = device->vqs[i];
		bool pinned;

		spin_lock(&iotlb->lock);
		pinned = vhost_iotlb_pinned(vq, first, last);
		spin_unlock(&iotlb->lock);
		if (pinned) {
			mutex_lock(&vq->pins.mutex);
			mutex_unlock(&vq->pins.mutex);
		}
		if (ring_overlaps(vq, first, last)) {
			mutex_lock(&vq->mutex);
			vhost_vq_unmap(vq);
			mutex_unlock(&vq->mutex);
		}
	}
}

static void answer_all(struct vhost_device *device, u64 first, u64 last)
{
	unsigned int i;

	lockdep_assert_held(&device->iotlb.lock);
	for (i = 0; i < device->num_vqs; i++)
		vhost_iotlb_answer(device->vqs[i], first, last);
}

static bool was_asked_for(struct vhost_device *device, u64 first, u64 last)
{
	unsigned int i;

	for (i = 0; i < device->num_vqs; i++)
		if (vhost_iotlb_asked(device->vqs[i], first, last))
			return true;
	return false;
}

/* Do we know that already? Two rings may well ask for the same page. */
static bool known(struct vhost_device *device, const struct vhost_map *new)
{
	struct vhost_iotlb *iotlb = &device->iotlb;
	const struct vhost_map *map;
	bool same;

	spin_lock(&iotlb->lock);
	map = vhost_iotlb_find(iotlb, new->first);
	same = map && map->last >= new->last && map->perm == new->perm &&
	       map->hva + (new->first - map->first) == new->hva;
	if (same)
		answer_all(device, new->first, new->last);
	spin_unlock(&iotlb->lock);
	return same;
}

/* Put a new translation into the tree, in place of what is there. */
static void add(struct vhost_device *device, struct vhost_map *new)
{
	struct vhost_iotlb *iotlb = &device->iotlb;
	u32 max_num = max(max_iotlb_entries, 1U);
	LIST_HEAD(gone);

	spin_lock(&iotlb->lock);
	new->answer = was_asked_for(device, new->first, new->last);
	while (iotlb->num >= max_num)
		evict(iotlb, &gone);
	insert(iotlb, new);
	answer_all(device, new->first, new->last);
	spin_unlock(&iotlb->lock);
	free_maps(&gone);
}

static struct vhost_map *map_from_msg(const struct vhost_iotlb_msg *msg)
{
	struct vhost_map *map;
	u64 last;

	if (!msg->size || check_add_overflow(msg->iova, msg->size - 1, &last))
		return ERR_PTR(-EFAULT);
	if (msg->uaddr > ULONG_MAX || msg->size > ULONG_MAX ||
	    !access_ok((void __user *)(unsigned long)msg->uaddr, msg->size))
		return ERR_PTR(-EFAULT);
	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		return ERR_PTR(-ENOMEM);
	map->first = msg->iova;
	map->last = last;
	map->hva = msg->uaddr;
	map->perm = msg->perm & VHOST_ACCESS_RW;
	return map;
}

/**
 * vhost_iotlb_update() - take a translation over from the owner
 * @device: the device
 * @msg: what the owner wrote
 *
 * Rings that lacked it go on; see vhost_iotlb_answer().
 *
 * Context: under device->mutex; may sleep.
 * Return: 0; -EFAULT for a range that is none, for memory that can't be the
 * owner's, and without IOTLB; -ENOMEM.
 */
int vhost_iotlb_update(struct vhost_device *device,
		       const struct vhost_iotlb_msg *msg)
{
	struct vhost_iotlb *iotlb = &device->iotlb;
	struct vhost_map *new, *spare = NULL;

	lockdep_assert_held(&device->mutex);
	if (!iotlb->on)
		return -EFAULT;
	new = map_from_msg(msg);
	if (IS_ERR(new))
		return PTR_ERR(new);
	/* Only messages change the tree, one at a time: so that stays true. */
	if (cuts_in_two(iotlb, new->first, new->last)) {
		spare = kzalloc(sizeof(*spare), GFP_KERNEL_ACCOUNT);
		if (!spare) {
			kfree(new);
			return -ENOMEM;
		}
	}

	iotlb->updates++;
	trace_vhost_iotlb_update(device, msg->iova, msg->size, msg->perm);
	if (known(device, new)) {
		kfree(new);
	} else {
		bool cut = cut_range(iotlb, new->first, new->last, &spare);

		/* What was evicted may be in use without being in the tree. */
		if (cut || iotlb->evicted)
			wait_for_users(device, new->first, new->last);
		add(device, new);
	}
	kfree(spare);
	return 0;
}

/**
 * vhost_iotlb_invalidate() - take translations back
 * @device: the device
 * @msg: which ones: all that overlap its range go, whole
 *
 * None of them is in use any more on return. A size of 0 stands for 2^64, and
 * a range past the end of the address space ends there: to take back too
 * little would be worse than to take back too much.
 *
 * Context: under device->mutex; may sleep.
 * Return: 0, or -EFAULT without IOTLB.
 */
int vhost_iotlb_invalidate(struct vhost_device *device,
			   const struct vhost_iotlb_msg *msg)
{
	struct vhost_iotlb *iotlb = &device->iotlb;
	u64 last;

	lockdep_assert_held(&device->mutex);
	if (!iotlb->on)
		return -EFAULT;
	if (!msg->size || check_add_overflow(msg->iova, msg->size - 1, &last))
		last = U64_MAX;

	iotlb->invalidates++;
	cut_range(iotlb, msg->iova, last, NULL);
	wait_for_users(device, msg->iova, last);
	return 0;
}

/**
 * vhost_iotlb_clear() - forget all translations
 * @device: the device
 *
 * Context: under device->mutex; may sleep.
 */
void vhost_iotlb_clear(struct vhost_device *device)
{
	lockdep_assert_held(&device->mutex);
	cut_range(&device->iotlb, 0, U64_MAX, NULL);
	wait_for_users(device, 0, U64_MAX);
}

/**
 * vhost_iotlb_switch() - the guest has an IOMMU, or has none
 * @device: the device
 * @on: which of the two
 *
 * Whoever waits for misses looks again.
 *
 * Context: under device->mutex.
 */
void vhost_iotlb_switch(struct vhost_device *device, bool on)
{
	struct vhost_iotlb *iotlb = &device->iotlb;

	lockdep_assert_held(&device->mutex);
	spin_lock(&iotlb->lock);
	iotlb->on = on;
	spin_unlock(&iotlb->lock);
	wake_up_all(&iotlb->wait);
}

/**
 * vhost_iotlb_show() - print the IOTLB for people
 * @m: where to
 * @device: the device; no mutex is taken
 */
void vhost_iotlb_show(struct seq_file *m, struct vhost_device *device)
{
	struct vhost_iotlb *iotlb = &device->iotlb;

	if (!READ_ONCE(iotlb->on))
		return;
	seq_printf(m, "iotlb-entries:\t%u\n", READ_ONCE(iotlb->num));
	seq_printf(m, "iotlb-unread:\t%u\n", READ_ONCE(iotlb->untold));
	seq_printf(m, "iotlb-updates:\t%lu\n", READ_ONCE(iotlb->updates));
	seq_printf(m, "iotlb-invalidates:\t%lu\n",
		   READ_ONCE(iotlb->invalidates));
	seq_printf(m, "iotlb-evicted:\t%lu\n", READ_ONCE(iotlb->evicted));
}
