// SPDX-License-Identifier: GPL-2.0
/*
 * A virtqueue's life: configured while stopped, started with a backend,
 * broken and mended by what the guest writes, stopped again.
 *
 * All functions that take a vq need its mutex, unless they say otherwise.
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>

#include "uaccess.h"
#include "vhost.h"

/* How long after it broke a ring is tried again. */
#define VHOST_RETRY_DELAY	(HZ / 4)

static const u64 no_features[VHOST_FEATURE_WORDS];

static void run_vq(struct vhost_work *work)
{
	struct vhost_vq *vq = container_of(work, struct vhost_vq, work);

	vq->handle(vq);
}

static void queue_now(struct work_struct *work)
{
	vhost_vq_queue(container_of(to_delayed_work(work), struct vhost_vq,
				    later));
}

/**
 * vhost_vq_init() - make a zeroed structure a virtqueue
 * @vq: the structure
 * @device: its device
 * @index: its number there
 * @handle: goes through the ring
 */
void vhost_vq_init(struct vhost_vq *vq, struct vhost_device *device,
		   unsigned int index, void (*handle)(struct vhost_vq *vq))
{
	mutex_init(&vq->mutex);
	mutex_init(&vq->pins.mutex);
	vq->device = device;
	vq->index = index;
	vq->handle = handle;
	vhost_work_setup(&vq->work, run_vq);
	INIT_DELAYED_WORK(&vq->later, queue_now);
	vhost_stats_init(&vq->stats);
	vhost_watch_init(&vq->kick_watch, vq, EPOLLIN, &vq->stats.kicks);
	vq->ring.num = 1;
	vq->legacy_le = virtio_legacy_is_little_endian();
	vhost_vq_set_features(vq, no_features);
}

/**
 * vhost_vq_alloc() - allocate what only an owned ring needs
 * @vq: the queue; its mutex need not be held, as nothing runs
 *
 * Return: 0 or -ENOMEM, with nothing allocated.
 */
int vhost_vq_alloc(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;

	/* One more than a chain can have: vhost_iov_cut() may need it. */
	vq->iov = kvcalloc(VHOST_MAX_IOV + 1, sizeof(*vq->iov),
			   GFP_KERNEL_ACCOUNT);
	ring->heads = kcalloc(VHOST_RING_RUN, sizeof(*ring->heads),
			      GFP_KERNEL_ACCOUNT);
	ring->descs = kcalloc(VHOST_RING_RUN, sizeof(*ring->descs),
			      GFP_KERNEL_ACCOUNT);
	ring->puts = kvcalloc(VHOST_RING_PUT_MAX, sizeof(*ring->puts),
			      GFP_KERNEL_ACCOUNT);
	if (vq->iov && ring->heads && ring->descs && ring->puts)
		return 0;
	vhost_vq_free(vq);
	return -ENOMEM;
}

/**
 * vhost_vq_free() - undo vhost_vq_alloc()
 * @vq: the queue; its mutex need not be held, as nothing runs
 */
void vhost_vq_free(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;

	kvfree(vq->iov);
	kfree(ring->heads);
	kfree(ring->descs);
	kvfree(ring->puts);
	vq->iov = NULL;
	ring->heads = NULL;
	ring->descs = NULL;
	ring->puts = NULL;
}

/* Where the ring is has changed, or is to be found out anew. */
static void find_parts(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;
	int i;

	for (i = 0; i < VHOST_PARTS; i++) {
		struct vhost_area *part = &ring->parts[i];

		vhost_area_forget(part);
		if (!vq->iotlb)
			part->base = u64_to_user_ptr(part->addr);
	}
	vhost_ring_forget(ring);
}

/* The size of the ring or of its entries has changed. */
static void lay_out(struct vhost_vq *vq)
{
	vhost_ring_layout(&vq->ring);
	if (vq->iotlb && !vq->backend)
		find_parts(vq);
}

/* Nobody has said where the ring is. */
static void displace(struct vhost_vq *vq)
{
	int i;

	vq->ring.placed = 0;
	for (i = 0; i < VHOST_PARTS; i++) {
		vq->ring.parts[i].addr = 0;
		vhost_area_forget(&vq->ring.parts[i]);
	}
}

/* What was an address of the owner is to be translated now, or the reverse. */
static void switch_iotlb(struct vhost_vq *vq, bool on)
{
	if (on == !!vq->iotlb)
		return;
	if (!on) {
		vhost_iotlb_forget_misses(vq);
		vhost_iotlb_vq_free(vq);
	}
	vq->iotlb = on ? &vq->device->iotlb : NULL;
	displace(vq);
}

/**
 * vhost_vq_reset() - forget all configuration
 * @vq: the queue, stopped and without eventfds
 */
void vhost_vq_reset(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;

	lockdep_assert_held(&vq->mutex);
	vq->broken = VHOST_OK;
	vq->err_due = false;
	vq->busyloop_timeout = 0;
	vq->mem = NULL;
	vq->last_region = NULL;
	memset(&vq->log, 0, sizeof(vq->log));
	ring->num = 1;
	ring->next_used = 0;
	ring->base_set = false;
	vhost_ring_unput(ring, ring->put_num);
	vq->legacy_le = virtio_legacy_is_little_endian();
	vhost_vq_set_features(vq, no_features);
	vhost_ring_set_base(ring, 0);
	displace(vq);
}

/* Fixed by VIRTIO 1; before, it was the guest's own, and no ring packed. */
static void set_byte_order(struct vhost_vq *vq)
{
	vq->ring.little_endian = vhost_has(vq, VIRTIO_F_VERSION_1) ||
				 vq->ring.is_packed || vq->legacy_le;
}

/* Each format has a place of its own to begin at, if none was set before. */
static void switch_format(struct vhost_vq *vq, bool packed)
{
	struct vhost_ring *ring = &vq->ring;

	if (packed == ring->is_packed)
		return;
	vhost_ring_unput(ring, ring->put_num);
	ring->is_packed = packed;
	if (!packed)
		vhost_ring_set_base(ring, 0);
	else
		vhost_ring_set_base(ring, ring->base_set ? ring->base :
							   VHOST_PACKED_START);
	ring->base_set &= packed;
}

/**
 * vhost_vq_set_features() - take over what the guest agreed to
 * @vq: the queue
 * @features: words of bits, all of them offered
 */
void vhost_vq_set_features(struct vhost_vq *vq, const u64 *features)
{
	struct vhost_ring *ring = &vq->ring;

	memcpy(vq->features, features, sizeof(vq->features));
	ring->event_idx = vhost_has(vq, VIRTIO_RING_F_EVENT_IDX);
	ring->notify_on_empty = vhost_has(vq, VIRTIO_F_NOTIFY_ON_EMPTY);
	ring->in_order = vhost_has(vq, VIRTIO_F_IN_ORDER);
	switch_format(vq, vhost_has(vq, VIRTIO_F_RING_PACKED));
	set_byte_order(vq);
	vq->log.data = vhost_has(vq, VHOST_F_LOG_ALL);
	switch_iotlb(vq, vhost_has(vq, VIRTIO_F_ACCESS_PLATFORM));
	lay_out(vq);
}

/**
 * vhost_vq_set_endian() - set the byte order of a guest before VIRTIO 1
 * @vq: the queue
 * @little: little endian
 *
 * Return: 0, -EBUSY while running.
 */
int vhost_vq_set_endian(struct vhost_vq *vq, bool little)
{
	lockdep_assert_held(&vq->mutex);
	if (vq->backend)
		return -EBUSY;

	vq->legacy_le = little;
	set_byte_order(vq);
	return 0;
}

/**
 * vhost_vq_set_num() - set the number of entries
 * @vq: the queue
 * @num: entries
 *
 * Return: 0, -EBUSY while running, -EINVAL for what no ring of its format can
 * have.
 */
int vhost_vq_set_num(struct vhost_vq *vq, u32 num)
{
	lockdep_assert_held(&vq->mutex);
	if (vq->backend)
		return -EBUSY;
	if (!vhost_ring_fits(&vq->ring, num))
		return -EINVAL;

	/* What could not be shown to the guest has no place in another ring. */
	if (num != vq->ring.num)
		vhost_ring_unput(&vq->ring, vq->ring.put_num);
	vq->ring.num = num;
	vhost_ring_forget(&vq->ring);
	lay_out(vq);
	return 0;
}

/**
 * vhost_vq_set_base() - set where the ring goes on
 * @vq: the queue
 * @base: index of the next available entry; of a packed ring the place of that
 *	in the lower half, and of the next used one in the upper
 *
 * What is no place in a packed ring is found out when it starts.
 *
 * Return: 0, -EBUSY while running, -EINVAL for what is no index of a split one.
 */
int vhost_vq_set_base(struct vhost_vq *vq, u32 base)
{
	struct vhost_ring *ring = &vq->ring;
	int err;

	lockdep_assert_held(&vq->mutex);
	if (vq->backend)
		return -EBUSY;
	err = vhost_ring_set_base(ring, base);
	if (err)
		return err;
	ring->base = base;
	ring->base_set = true;
	return 0;
}

/**
 * vhost_vq_get_base() - tell where the ring goes on
 * @vq: the queue
 *
 * Return: what was set, if it did not run since; otherwise what can be set.
 */
u32 vhost_vq_get_base(struct vhost_vq *vq)
{
	lockdep_assert_held(&vq->mutex);
	return vq->ring.base_set ? vq->ring.base :
				   vhost_ring_get_base(&vq->ring);
}

static bool parts_valid(const struct vhost_vq *vq)
{
	int i;

	/* What is to be translated is found out when that is tried. */
	for (i = 0; i < VHOST_PARTS && !vq->iotlb; i++)
		if (!vhost_area_valid(&vq->ring.parts[i]))
			return false;
	return true;
}

static void set_place(struct vhost_vq *vq, const struct vhost_place *place)
{
	int i;

	for (i = 0; i < VHOST_PARTS; i++)
		vq->ring.parts[i].addr = place->addr[i];
	vq->log.used = place->log_used;
	vq->log.used_addr = place->log_addr;
}

static void get_place(const struct vhost_vq *vq, struct vhost_place *place)
{
	int i;

	for (i = 0; i < VHOST_PARTS; i++)
		place->addr[i] = vq->ring.parts[i].addr;
	place->log_used = vq->log.used;
	place->log_addr = vq->log.used_addr;
}

/**
 * vhost_vq_place() - set where the ring is
 * @vq: the queue
 * @place: where
 *
 * A stopped ring takes any addresses: they are checked at the start, when
 * its size is known.
 *
 * Return: 0, or -EINVAL if a running ring can't be there.
 */
int vhost_vq_place(struct vhost_vq *vq, const struct vhost_place *place)
{
	struct vhost_ring *ring = &vq->ring;
	struct vhost_place old;

	lockdep_assert_held(&vq->mutex);
	get_place(vq, &old);
	set_place(vq, place);
	if (vq->backend && (!vhost_ring_valid(ring) || !parts_valid(vq) ||
			    !vhost_vq_covered(vq, vq->log.base, vq->mem,
					      vq->log.data))) {
		set_place(vq, &old);
		return -EINVAL;
	}

	ring->placed = VHOST_ALL_PARTS;
	find_parts(vq);
	/* What the guest was told last may not have moved with the ring. */
	ring->kicks_off = false;
	if (vq->backend)
		vhost_vq_queue(vq);
	return 0;
}

/**
 * vhost_vq_place_part() - set where one part of the ring is
 * @vq: the queue
 * @part: which
 * @addr: where
 *
 * Return: as vhost_vq_place().
 */
int vhost_vq_place_part(struct vhost_vq *vq, enum vhost_part part, u64 addr)
{
	u8 placed = vq->ring.placed | BIT(part);
	struct vhost_place place;
	int err;

	lockdep_assert_held(&vq->mutex);
	get_place(vq, &place);
	place.addr[part] = addr;
	err = vhost_vq_place(vq, &place);
	if (!err)
		vq->ring.placed = placed;
	return err;
}

/**
 * vhost_vq_unmap() - forget how the ring's addresses were translated
 * @vq: the queue
 */
void vhost_vq_unmap(struct vhost_vq *vq)
{
	lockdep_assert_held(&vq->mutex);
	if (!vq->iotlb)
		return;
	find_parts(vq);
	if (vq->backend)
		vhost_vq_queue(vq);
}

/**
 * vhost_vq_covered() - is there a place in the dirty log for all that the
 *	ring can write?
 * @vq: the queue
 * @base: the owner's address of the log
 * @mem: the memory table, of this queue now or soon
 * @data: buffers are logged
 *
 * Return: false if not.
 */
bool vhost_vq_covered(const struct vhost_vq *vq, unsigned long base,
		      const struct vhost_mem *mem, bool data)
{
	lockdep_assert_held(&vq->mutex);
	/* These rings' own writes are logged by the table, too. */
	data |= (vq->iotlb || vq->ring.is_packed) && vq->log.used;
	return (!data || vhost_log_covers_mem(base, mem)) &&
	       vhost_log_covers_used(vq, base);
}

/**
 * vhost_vq_check() - could the ring run?
 * @vq: the queue
 *
 * Return: 0, or -EFAULT without memory table or if the ring's addresses, or
 * those of the dirty log, can't be right.
 */
int vhost_vq_check(const struct vhost_vq *vq)
{
	lockdep_assert_held(&vq->mutex);
	return vq->mem && vq->ring.placed == VHOST_ALL_PARTS &&
	       vhost_ring_valid(&vq->ring) && parts_valid(vq) &&
	       vhost_vq_covered(vq, vq->log.base, vq->mem, vq->log.data) ?
	       0 : -EFAULT;
}

/*
 * Have the ring's memory at hand, and begin where it says.
 * Return: 0, -EAGAIN if its translation is missing, or another error.
 */
static int sync_ring(struct vhost_vq *vq)
{
	int err;

	if (unlikely(vq->iotlb)) {
		vhost_iotlb_resume(vq);
		err = vhost_iotlb_map_ring(vq);
		if (err)
			return err;
	}
	return likely(vq->ring.synced) ? 0 : vhost_ring_start(vq);
}

/**
 * vhost_vq_start() - let the ring run, or go on with another backend
 * @vq: the queue
 * @backend: not NULL
 *
 * vhost_vq_check() must have said yes. The caller queues the work when it is
 * ready for it. With an IOTLB the ring waits for the translation of its memory,
 * if need be.
 *
 * Context: a thread of the owner, which alone can reach ring memory.
 * Return: 0, or -EFAULT if the ring can't be reached; it goes on as it was.
 */
int vhost_vq_start(struct vhost_vq *vq, struct vhost_backend *backend)
{
	int err;

	lockdep_assert_held(&vq->mutex);
	err = sync_ring(vq);
	vhost_log_flush(vq, true);
	if (err == -EAGAIN)
		vhost_iotlb_sleep(vq);
	else if (err)
		return -EFAULT;

	vhost_busyloop_start(vq);
	vq->ring.base_set = false;
	vq->backend = backend;
	vq->state = VHOST_VQ_RUNNING;
	vq->broken = VHOST_OK;
	return 0;
}

/* The last that is written to the ring's memory, and to the dirty log. */
static void finish_ring(struct vhost_vq *vq)
{
	struct vhost_ring *ring = &vq->ring;
	bool reachable = vq->device->mm == current->mm;

	/* Nobody but the owner can reach the ring; it may work by now. */
	if (ring->put_num && reachable)
		vhost_vq_complete(vq);
	if (ring->put_num)
		vhost_ring_stop(ring);
	if (reachable)
		vhost_log_flush(vq, true);
}

/**
 * vhost_vq_stop() - stop the ring
 * @vq: the queue
 *
 * Buffers that were used but can't be published for want of ring memory are not
 * lost to the guest: see vhost_ring_stop().
 *
 * Return: the backend, now the caller's, or NULL if there was none.
 */
struct vhost_backend *vhost_vq_stop(struct vhost_vq *vq)
{
	struct vhost_backend *backend = vq->backend;
	struct vhost_ring *ring = &vq->ring;

	lockdep_assert_held(&vq->mutex);
	if (vq->iotlb)
		vhost_iotlb_forget_misses(vq);
	/* Of a ring that has stopped before, memory is the guest's alone. */
	if (backend)
		finish_ring(vq);
	ring->synced = false;
	vq->busyloop = VHOST_BUSYLOOP_OFF;
	vq->backend = NULL;
	vq->state = VHOST_VQ_STOPPED;
	return backend;
}

/**
 * vhost_vq_queue() - have the ring gone through
 * @vq: the queue; nothing happens if its device has no owner
 *
 * Context: any; the mutex need not be held.
 */
void vhost_vq_queue(struct vhost_vq *vq)
{
	struct vhost_worker *worker;

	/* Until the work is in its queue, the worker may not go away. */
	rcu_read_lock();
	worker = rcu_dereference(vq->worker);
	if (likely(worker))
		vhost_worker_queue(worker, &vq->work);
	rcu_read_unlock();
}

/**
 * vhost_vq_queue_later() - have the ring gone through after a while
 * @vq: the queue, running
 * @delay: jiffies, from now also if that is on its way already
 */
void vhost_vq_queue_later(struct vhost_vq *vq, unsigned long delay)
{
	lockdep_assert_held(&vq->mutex);
	mod_delayed_work(system_percpu_wq, &vq->later, delay);
}

/**
 * vhost_vq_count() - count what could not be used
 * @vq: the queue
 * @why: the reason
 */
void vhost_vq_count(struct vhost_vq *vq, enum vhost_reason why)
{
	lockdep_assert_held(&vq->mutex);
	vhost_stats_reason(&vq->stats, why);
	if (trace_vhost_error_enabled())
		trace_vhost_error(vq, vhost_reason_name(why));
}

/**
 * vhost_vq_complain() - count what could not be used and tell the owner
 * @vq: the queue
 * @why: the reason
 *
 * The owner hears of it before the guest does, and once for all that are
 * published together.
 */
void vhost_vq_complain(struct vhost_vq *vq, enum vhost_reason why)
{
	vhost_vq_count(vq, why);
	vq->err_due = true;
}

/**
 * vhost_vq_break() - the ring makes no sense
 * @vq: the queue
 * @why: the reason
 *
 * It is tried again at each kick, when memory or ring are moved, and every
 * now and then: who mends it may have no reason to kick. The owner is told when
 * the ring breaks, not at each try.
 *
 * Return: VHOST_FETCH_BROKEN.
 */
enum vhost_fetch vhost_vq_break(struct vhost_vq *vq, enum vhost_reason why)
{
	vhost_vq_count(vq, why);
	if (vq->state != VHOST_VQ_BROKEN)
		vq->err_due = true;
	vq->state = VHOST_VQ_BROKEN;
	vq->broken = why;
	vq->failed = true;
	vhost_vq_queue_later(vq, VHOST_RETRY_DELAY);
	return VHOST_FETCH_BROKEN;
}

/**
 * vhost_vq_begin_turn() - a handler begins to go through the ring
 * @vq: the queue, with a backend
 *
 * Return: false if it can't, because the ring's memory is not at hand; the
 * turn then ends at once.
 */
bool vhost_vq_begin_turn(struct vhost_vq *vq)
{
	int err;

	lockdep_assert_held(&vq->mutex);
	vq->failed = false;
	vq->retries = vq->state == VHOST_VQ_BROKEN;
	if (unlikely(vq->busyloop == VHOST_BUSYLOOP_ON))
		vq->busyloop = VHOST_BUSYLOOP_OFF;
	vhost_busyloop_learn(vq);
	err = sync_ring(vq);
	if (likely(!err)) {
		if (unlikely(vq->iotlb))
			vhost_iotlb_enter(vq);
		return true;
	}
	if (err == -EAGAIN)
		vhost_iotlb_sleep(vq);
	else
		vhost_vq_break(vq, VHOST_BAD_RING);
	/* A ring that was broken is not mended by waiting. */
	vq->failed = true;
	return false;
}

/**
 * vhost_vq_end_turn() - a handler is through with the ring for now
 * @vq: the queue
 * @tally: what went through
 *
 * A ring in which nothing was wrong throughout a turn is mended.
 */
void vhost_vq_end_turn(struct vhost_vq *vq, const struct vhost_tally *tally)
{
	lockdep_assert_held(&vq->mutex);
	if (unlikely(vq->state == VHOST_VQ_BROKEN) && !vq->failed) {
		vq->state = VHOST_VQ_RUNNING;
		vq->broken = VHOST_OK;
	}
	if (unlikely(vq->busyloop == VHOST_BUSYLOOP_OVER)) {
		vq->busyloop = VHOST_BUSYLOOP_OFF;
		/* After work at the last moment, it is idle anew. */
		if (tally->packets)
			vq->idle_since = 0;
	}
	if (unlikely(vq->pins.inside))
		vhost_iotlb_leave(vq);
	/* As of what is wrong, a ring that stays broken tells of this once. */
	if (unlikely(vq->log.mask || vq->log.wrote))
		vhost_log_flush(vq, !vq->retries || !vq->failed);
	vhost_stats_add(&vq->stats, tally);
	vhost_vq_report(vq);
}

/**
 * vhost_vq_complete() - publish noted buffers and interrupt if wanted
 * @vq: the queue
 *
 * If ring memory is gone the buffers stay noted, and the ring is broken.
 *
 * Context: the owner's mm.
 */
void vhost_vq_complete(struct vhost_vq *vq)
{
	u16 batch = vq->ring.put_num;

	lockdep_assert_held(&vq->mutex);
	if (!batch)
		return;
	/* Who sees a bad buffer come back has been told of it. */
	vhost_vq_report(vq);
	/* The guest may take the buffers' translations back at once. */
	if (unlikely(vq->pins.inside))
		vhost_iotlb_renew(vq);
	if (vhost_ring_publish(vq)) {
		vhost_vq_break(vq, VHOST_BAD_RING);
		return;
	}
	vhost_stats_count(&vq->stats, &vq->stats.batches);
	trace_vhost_complete(vq, batch);
	vhost_vq_call(vq);
}
