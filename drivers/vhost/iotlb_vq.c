// SPDX-License-Identifier: GPL-2.0
/*
 * A ring's side of the IOTLB: translations looked up and pinned, and those
 * that were missing and are asked for.
 *
 * A miss costs the owner a wake-up and the ring a sleep. So a ring that finds
 * one looks on for what else it will lack (see ring_split.c), and is woken for
 * a run of answers rather than for each: when all are there, or enough of
 * them, or when the owner comes back to ask for more and finds nothing.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/vhost.h>

#include "iotlb_map.h"
#include "vhost.h"

/* Answers after which a ring is woken though it lacks more. */
#define ANSWER_RUN	16
/* After how long an unanswered miss is told again. */
#define TELL_AGAIN	HZ

#define PAGE_OF(iova)	((iova) / VHOST_PAGE_SIZE)

/**
 * vhost_iotlb_vq_alloc() - allocate what a ring with an IOTLB needs
 * @vq: the ring
 *
 * Return: 0, also if it has all that already; or -ENOMEM.
 */
int vhost_iotlb_vq_alloc(struct vhost_vq *vq)
{
	if (!vq->pins.pin)
		vq->pins.pin = kcalloc(VHOST_PINS, sizeof(*vq->pins.pin),
				       GFP_KERNEL_ACCOUNT);
	if (!vq->misses.miss)
		vq->misses.miss = kcalloc(VHOST_MISSES,
					  sizeof(*vq->misses.miss),
					  GFP_KERNEL_ACCOUNT);
	return vq->pins.pin && vq->misses.miss ? 0 : -ENOMEM;
}

/**
 * vhost_iotlb_vq_free() - undo vhost_iotlb_vq_alloc()
 * @vq: the ring, which uses no IOTLB any more
 */
void vhost_iotlb_vq_free(struct vhost_vq *vq)
{
	kfree(vq->pins.pin);
	kfree(vq->misses.miss);
	vq->pins.pin = NULL;
	vq->misses.miss = NULL;
}

/**
 * vhost_iotlb_enter() - begin to use translations
 * @vq: the ring
 *
 * Context: under vq->mutex.
 */
void vhost_iotlb_enter(struct vhost_vq *vq)
{
	lockdep_assert_held(&vq->mutex);
	if (!vq->iotlb)
		return;
	mutex_lock(&vq->pins.mutex);
	vq->pins.inside = true;
}

/**
 * vhost_iotlb_resume() - the ring runs again, and has stopped nowhere yet
 * @vq: the ring
 *
 * Context: under vq->mutex.
 */
void vhost_iotlb_resume(struct vhost_vq *vq)
{
	struct vhost_misses *misses = &vq->misses;

	lockdep_assert_held(&vq->mutex);
	spin_lock(&vq->iotlb->lock);
	misses->stopped = false;
	misses->wake = false;
	misses->answered = 0;
	spin_unlock(&vq->iotlb->lock);
}

/**
 * vhost_iotlb_leave() - no translation is in use any more
 * @vq: the ring; need not have entered
 *
 * Context: under vq->mutex.
 */
void vhost_iotlb_leave(struct vhost_vq *vq)
{
	lockdep_assert_held(&vq->mutex);
	if (!vq->pins.inside)
		return;
	vq->pins.inside = false;
	/*
	 * After all that was done through the pins; pairs with the look in
	 * vhost_iotlb_pinned(). Who still sees them waits for the mutex, and
	 * in vain: no harm.
	 */
	smp_store_release(&vq->pins.num, 0);
	mutex_unlock(&vq->pins.mutex);
}

/**
 * vhost_iotlb_renew() - let go of translations, and go on
 * @vq: the ring; nothing happens if it has not entered
 *
 * Before buffers are shown to the guest: it may take them back at once.
 *
 * Context: under vq->mutex.
 */
void vhost_iotlb_renew(struct vhost_vq *vq)
{
	if (likely(!vq->pins.inside))
		return;
	vhost_iotlb_leave(vq);
	vhost_iotlb_enter(vq);
}

/**
 * vhost_iotlb_pinned() - does a ring use translations of a range?
 * @vq: the ring
 * @first: first address
 * @last: last address
 *
 * Context: under iotlb->lock.
 * Return: true if it may.
 */
bool vhost_iotlb_pinned(const struct vhost_vq *vq, u64 first, u64 last)
{
	u16 i, num;

	lockdep_assert_held(&vq->device->iotlb.lock);
	/* What is done after the answer follows all that the pins served. */
	num = smp_load_acquire(&vq->pins.num);
	for (i = 0; i < num; i++)
		if (vq->pins.pin[i].first <= last &&
		    vq->pins.pin[i].last >= first)
			return true;
	return false;
}

static void pin(struct vhost_pins *pins, const struct vhost_map *map)
{
	struct vhost_pin *p;

	if (likely(pins->num < VHOST_PINS)) {
		pins->pin[pins->num++] = (struct vhost_pin) {
			.first = map->first,
			.last = map->last,
			.hva = map->hva,
			.perm = map->perm,
		};
		return;
	}
	p = &pins->pin[VHOST_PINS - 1];
	p->first = min(p->first, map->first);
	p->last = max(p->last, map->last);
	p->perm = 0;
}

/* A translation that is pinned already; the last one is the likeliest. */
static const struct vhost_pin *find_pin(const struct vhost_pins *pins, u64 iova)
{
	const struct vhost_pin *p;

	if (!pins->num)
		return NULL;
	p = &pins->pin[pins->num - 1];
	if (iova >= p->first && iova <= p->last && p->perm)
		return p;
	p = &pins->pin[0];
	return iova >= p->first && iova <= p->last && p->perm ? p : NULL;
}

static void drop_miss(struct vhost_vq *vq, u16 i)
{
	struct vhost_misses *misses = &vq->misses;

	lockdep_assert_held(&vq->device->iotlb.lock);
	if (!misses->miss[i].told)
		vq->device->iotlb.untold--;
	misses->num--;
	memmove(&misses->miss[i], &misses->miss[i + 1],
		(misses->num - i) * sizeof(*misses->miss));
}

/*
 * Ask for the page of an address, unless that was done a short while ago. If
 * there is no room, what the ring has stopped at counts for more than what was
 * asked for long ago.
 */
static void ask(struct vhost_vq *vq, u64 iova, u8 perm)
{
	struct vhost_misses *misses = &vq->misses;
	struct vhost_miss *miss;
	u16 i;

	lockdep_assert_held(&vq->iotlb->lock);
	for (i = 0; i < misses->num; i++) {
		miss = &misses->miss[i];
		if (PAGE_OF(miss->iova) == PAGE_OF(iova) && miss->perm == perm)
			goto found;
	}
	if (misses->num == VHOST_MISSES) {
		if (iova != misses->stopped_at)
			return;
		drop_miss(vq, 0);
	}
	miss = &misses->miss[misses->num++];
	*miss = (struct vhost_miss) { .iova = iova, .perm = perm };
	miss->when = jiffies;
	misses->total++;
	vq->iotlb->untold++;
	trace_vhost_iotlb_miss(vq, iova, perm);
	return;

found:
	if (!miss->told || time_before(jiffies, miss->when + TELL_AGAIN))
		return;
	miss->told = false;
	miss->when = jiffies;
	vq->iotlb->untold++;
	trace_vhost_iotlb_miss(vq, iova, perm);
}

/*
 * Ask for all of a range that is not there. How far each answer will reach
 * nobody knows: the owner is asked for each page.
 */
static void ask_range(struct vhost_vq *vq, u64 iova, u64 last, u8 perm)
{
	struct vhost_misses *misses = &vq->misses;
	const struct vhost_map *map;
	int budget = VHOST_MISSES;

	lockdep_assert_held(&vq->iotlb->lock);
	if (!misses->stopped) {
		misses->stopped = true;
		misses->stopped_at = iova;
	}
	while (budget--) {
		map = vhost_iotlb_find(vq->iotlb, iova);
		if (map) {
			iova = map->last;
		} else {
			ask(vq, iova, perm);
			iova |= VHOST_PAGE_SIZE - 1;
		}
		if (iova >= last)
			break;
		iova++;
	}
}

/*
 * Look one address up and pin it.
 * Return: 0 with a copy in @to, -EAGAIN if it was asked for, or -EPERM.
 */
static int look_up(struct vhost_vq *vq, u64 iova, u64 last, u8 perm,
		   struct vhost_pin *to)
{
	struct vhost_iotlb *iotlb = vq->iotlb;
	const struct vhost_map *map;
	int err = 0;

	spin_lock(&iotlb->lock);
	map = vhost_iotlb_find(iotlb, iova);
	if (!map) {
		ask_range(vq, iova, last, perm);
		err = -EAGAIN;
	} else if ((map->perm & perm) != perm) {
		err = -EPERM;
	} else {
		*to = (struct vhost_pin) {
			.first = map->first,
			.last = map->last,
			.hva = map->hva,
		};
		if (vq->pins.inside)
			pin(&vq->pins, map);
	}
	spin_unlock(&iotlb->lock);
	return err;
}

/**
 * vhost_iotlb_xlate() - translate a piece of guest memory
 * @vq: whose guest
 * @iova: where it starts
 * @len: bytes, not 0
 * @perm: what is to be done with it: VHOST_ACCESS_...
 * @iov: where to write the segments
 * @max: entries of @iov
 *
 * Context: under vq->mutex; the ring has entered if the segments are used.
 * Return: segments written; -EAGAIN if a translation is missing and was asked
 * for; -EPERM; -EFAULT past the end of the address space; -ENOBUFS.
 */
int vhost_iotlb_xlate(struct vhost_vq *vq, struct vhost_gpa iova, u32 len,
		      u8 perm, struct iovec *iov, int max)
{
	u64 at = iova.addr, last, off;
	const struct vhost_pin *p;
	struct vhost_pin found;
	int n = 0, err;
	size_t size;

	if (check_add_overflow(at, (u64)len - 1, &last))
		return -EFAULT;
	/* Each turn uses up one entry of @iov: at most @max turns. */
	for (;;) {
		if (n == max)
			return -ENOBUFS;
		p = find_pin(&vq->pins, at);
		if (!p || (p->perm & perm) != perm) {
			err = look_up(vq, at, last, perm, &found);
			if (err)
				return err;
			p = &found;
		}
		off = at - p->first;
		size = min(last, p->last) - at + 1;
		iov[n].iov_base = (void __user *)(unsigned long)(p->hva + off);
		iov[n].iov_len = size;
		n++;
		if (last <= p->last)
			return n;
		at += size;
	}
}

static int map_part(struct vhost_vq *vq, struct vhost_area *part, u8 perm)
{
	struct vhost_gpa iova = { part->addr };
	int n;

	if (vhost_area_mapped(part))
		return 0;
	n = vhost_iotlb_xlate(vq, iova, part->size, perm, vq->iov,
			      VHOST_MAX_IOV);
	return n < 0 ? n : vhost_area_set(part, vq->iov, n);
}

/**
 * vhost_iotlb_map_ring() - find out where the ring is
 * @vq: the ring
 *
 * It stays there until vhost_vq_unmap(), which needs the mutex: so it does not
 * go away while the worker is at it.
 *
 * Context: under vq->mutex; vq->iov is not in use.
 * Return: 0; -EAGAIN if a translation is missing and was asked for; -ENOMEM;
 * other errors if it can't be mapped.
 */
int vhost_iotlb_map_ring(struct vhost_vq *vq)
{
	const u8 perms[VHOST_PARTS] = {
		[VHOST_DESC] = vq->ring.is_packed ? VHOST_ACCESS_RW :
						    VHOST_ACCESS_RO,
		[VHOST_AVAIL] = VHOST_ACCESS_RO,
		[VHOST_USED] = VHOST_ACCESS_RW,
	};
	int i, err = 0, r;

	lockdep_assert_held(&vq->mutex);
	for (i = 0; i < VHOST_PARTS; i++) {
		r = map_part(vq, &vq->ring.parts[i], perms[i]);
		/* Go on: what the others lack is asked for in one go. */
		if (r && (!err || err == -EAGAIN))
			err = r;
	}
	return err;
}

/**
 * vhost_iotlb_sleep() - the ring stops for want of translations
 * @vq: the ring
 *
 * It is queued when they have come. Should that never happen it is tried
 * again, and asks again, at intervals.
 *
 * Context: under vq->mutex.
 */
void vhost_iotlb_sleep(struct vhost_vq *vq)
{
	lockdep_assert_held(&vq->mutex);
	if (READ_ONCE(vq->iotlb->untold))
		wake_up_interruptible_poll(&vq->iotlb->wait,
					   EPOLLIN | EPOLLRDNORM);
	vhost_vq_queue_later(vq, TELL_AGAIN);
}

static void wake_ring(struct vhost_vq *vq)
{
	lockdep_assert_held(&vq->device->iotlb.lock);
	vq->misses.wake = false;
	vq->misses.stopped = false;
	vhost_vq_queue(vq);
}

/**
 * vhost_iotlb_asked() - did a ring ask for any of a range?
 * @vq: the ring
 * @first: first address
 * @last: last address
 *
 * Context: under iotlb->lock.
 * Return: true if it did, and was not answered yet.
 */
bool vhost_iotlb_asked(const struct vhost_vq *vq, u64 first, u64 last)
{
	u16 i;

	lockdep_assert_held(&vq->device->iotlb.lock);
	for (i = 0; i < vq->misses.num; i++)
		if (vq->misses.miss[i].iova >= first &&
		    vq->misses.miss[i].iova <= last)
			return true;
	return false;
}

/**
 * vhost_iotlb_answer() - a range is there now
 * @vq: a ring that may have asked for it
 * @first: first address
 * @last: last address
 *
 * Context: under iotlb->lock.
 */
void vhost_iotlb_answer(struct vhost_vq *vq, u64 first, u64 last)
{
	struct vhost_misses *misses = &vq->misses;
	bool hit = false;
	u16 i = 0;

	lockdep_assert_held(&vq->device->iotlb.lock);
	while (i < misses->num) {
		u64 iova = misses->miss[i].iova;

		if (iova < first || iova > last) {
			i++;
			continue;
		}
		drop_miss(vq, i);
		misses->answered++;
		/* If not all of the page has come, the rest is asked for. */
		if (misses->stopped &&
		    PAGE_OF(iova) == PAGE_OF(misses->stopped_at))
			hit = true;
	}
	if (misses->stopped && misses->stopped_at >= first &&
	    misses->stopped_at <= last)
		hit = true;
	/* Should the owner not come back, the ring goes on all the same. */
	if (hit && !misses->wake)
		mod_delayed_work(system_percpu_wq, &vq->later, 1);
	misses->wake |= hit;
	if (misses->wake && (!misses->num || misses->answered >= ANSWER_RUN))
		wake_ring(vq);
}

/**
 * vhost_iotlb_reader_idle() - the owner came for misses, and there is none
 * @device: the device
 *
 * So what it was told of is answered, as far as it will be.
 */
void vhost_iotlb_reader_idle(struct vhost_device *device)
{
	unsigned int i;

	spin_lock(&device->iotlb.lock);
	for (i = 0; i < device->num_vqs; i++)
		if (device->vqs[i]->misses.wake)
			wake_ring(device->vqs[i]);
	spin_unlock(&device->iotlb.lock);
}

/* Tell the owner of a miss, unless it was told. */
static bool tell(struct vhost_iotlb *iotlb, struct vhost_miss *miss,
		 struct vhost_iotlb_msg *msg)
{
	lockdep_assert_held(&iotlb->lock);
	if (miss->told)
		return false;
	miss->told = true;
	iotlb->untold--;
	msg->type = VHOST_IOTLB_MISS;
	msg->iova = miss->iova;
	msg->perm = miss->perm;
	return true;
}

/**
 * vhost_iotlb_next_miss() - what the owner is to be told of next
 * @device: the device
 * @msg: where to write it
 *
 * Return: false if there is nothing.
 */
bool vhost_iotlb_next_miss(struct vhost_device *device,
			   struct vhost_iotlb_msg *msg)
{
	struct vhost_iotlb *iotlb = &device->iotlb;
	unsigned int i, j;
	bool found = false;

	spin_lock(&iotlb->lock);
	for (i = 0; i < device->num_vqs && iotlb->untold && !found; i++) {
		struct vhost_misses *misses = &device->vqs[i]->misses;

		for (j = 0; j < misses->num && !found; j++)
			found = tell(iotlb, &misses->miss[j], msg);
	}
	spin_unlock(&iotlb->lock);
	return found;
}

/**
 * vhost_iotlb_forget_misses() - the ring stops, and needs nothing any more
 * @vq: the ring
 *
 * Nobody queues the ring on account of a miss afterwards.
 *
 * Context: under vq->mutex.
 */
void vhost_iotlb_forget_misses(struct vhost_vq *vq)
{
	struct vhost_misses *misses = &vq->misses;

	lockdep_assert_held(&vq->mutex);
	spin_lock(&vq->device->iotlb.lock);
	while (misses->num)
		drop_miss(vq, misses->num - 1);
	misses->stopped = false;
	misses->wake = false;
	spin_unlock(&vq->device->iotlb.lock);
}
