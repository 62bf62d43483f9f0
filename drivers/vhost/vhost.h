/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The core of the driver: a device with its owner, its memory and its rings.
 * It knows nothing of packets; what a ring's buffers mean is the business of
 * whoever registers a handler for it (net.c).
 *
 * Locks, outermost first:
 *
 *	device->mutex	one ioctl at a time; owner, worker, memory table
 *	vq->mutex	one ring: its configuration, its memory, its backend;
 *			held by the worker for as long as it works on the ring.
 *			No two of them are held at a time.
 *	vq->pins.mutex	translations that a ring uses; see iotlb.h
 *	iotlb->lock	a spinlock; see iotlb.h
 *
 * A worker takes nothing before vq->mutex. So whoever waits for a worker
 * (vhost_worker_destroy()) may hold device->mutex, but no vq->mutex. Rings that
 * have different workers are worked on at the same time.
 *
 * Lifetimes: what a ring's work uses (backend, memory table, eventfds) is
 * exchanged under vq->mutex, after which no work started later sees the old
 * one; as works hold the mutex throughout, none still runs with it either.
 */
#ifndef VHOST_VHOST_H
#define VHOST_VHOST_H

#include <linux/bits.h>
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/virtio_byteorder.h>
#include <linux/workqueue.h>
#include <trace/events/vhost_net.h>

#include "chain.h"
#include "iotlb.h"
#include "log.h"
#include "mem.h"
#include "notify.h"
#include "ring.h"
#include "stats.h"
#include "uaccess.h"
#include "worker.h"

struct file;
struct pid;
struct seq_file;
struct vhost_backend;
struct vhost_device;

/* Feature bits come in words of 64: bits 0 to 127. */
#define VHOST_FEATURE_WORDS	2

/* Workers of one device. Nothing else limits the threads that it makes. */
#define VHOST_MAX_WORKERS	8

enum vhost_vq_state {
	VHOST_VQ_STOPPED,	/* no backend: work does nothing */
	VHOST_VQ_RUNNING,
	VHOST_VQ_BROKEN,	/* the ring made no sense; tried at each kick */
};

/* What a ring does when it has run out of work; see busyloop.c. */
enum vhost_busyloop {
	VHOST_BUSYLOOP_OFF,
	VHOST_BUSYLOOP_ON,	/* is looked at: kicks off, backend unwatched */
	VHOST_BUSYLOOP_OVER,	/* was looked at for long enough */
};

/**
 * struct vhost_vq - one virtqueue
 * @mutex: protects all of it, but for @work and the kicks counted in @stats
 * @state: see enum vhost_vq_state
 * @broken: why, when @state is VHOST_VQ_BROKEN
 * @failed: the ring made no sense in this turn
 * @retries: nor did it before
 * @err_due: the error eventfd is to be signalled
 * @ring: the ring
 * @last_region: where the last translation ended up; belongs to @mem
 * @mem: the device's memory table
 * @iotlb: translates in place of @mem; NULL if the guest has no IOMMU
 * @pins: translations in use; with @iotlb only
 * @misses: translations asked for; with @iotlb only
 * @log: where writes to guest memory are noted
 * @iov: VHOST_MAX_IOV segments for the buffers at hand, and a spare one
 * @backend: where packets come from or go to; NULL when stopped
 * @call: to be signalled when buffers were used
 * @err: to be signalled when something is wrong
 * @kick: to be watched for kicks
 * @kick_watch: watches @kick
 * @features: bits agreed on, the same in all rings of a device
 * @legacy_le: a guest without VIRTIO_F_VERSION_1 is a little-endian one
 * @index: number of the ring in its device
 * @device: the device
 * @worker: does @work; NULL without an owner. Changes under device->mutex and
 *	@mutex; who holds neither reads it under rcu_read_lock()
 * @work: calls @handle
 * @later: queues @work after a while
 * @handle: goes through the ring; called in the worker, takes the mutex
 * @busyloop_timeout: for how many microseconds to look for work
 * @busyloop: see enum vhost_busyloop
 * @busyloop_start: local_clock() when that began
 * @poll_max_ns: if there is no @busyloop_timeout, the longest time to look
 * @poll_ns: how long it is for now
 * @idle_since: local_clock() when the ring ran out of work; 0 if nobody asks
 * @stats: counters
 */
struct vhost_vq {
	struct mutex mutex;	/* all but work and stats.kicks */
	enum vhost_vq_state state;
	enum vhost_reason broken;
	bool failed;
	bool retries;
	bool err_due;
	struct vhost_ring ring;
	const struct vhost_region *last_region;
	const struct vhost_mem *mem;
	struct vhost_iotlb *iotlb;
	struct vhost_pins pins;
	struct vhost_misses misses;
	struct vhost_log log;
	struct iovec *iov;
	struct vhost_backend *backend;
	struct eventfd_ctx *call;
	struct eventfd_ctx *err;
	struct file *kick;
	struct vhost_watch kick_watch;
	u64 features[VHOST_FEATURE_WORDS];
	bool legacy_le;
	unsigned int index;
	struct vhost_device *device;
	struct vhost_worker __rcu *worker;
	struct vhost_work work;
	struct delayed_work later;
	void (*handle)(struct vhost_vq *vq);
	u32 busyloop_timeout;
	enum vhost_busyloop busyloop;
	u64 busyloop_start;
	u32 poll_max_ns;
	u32 poll_ns;
	u64 idle_since;
	struct vhost_stats stats;
};

/**
 * struct vhost_place - where a ring is
 * @addr: of each part
 * @log_used: writes to the used ring are to be logged
 * @log_addr: under which guest address
 */
struct vhost_place {
	u64 addr[VHOST_PARTS];
	bool log_used;
	u64 log_addr;
};

/* Which of the two interfaces a client speaks: see ioctl_v3.c. */
enum vhost_dialect {
	VHOST_DIALECT_OPEN,	/* it has not shown yet */
	VHOST_DIALECT_NOW,
	VHOST_DIALECT_V3,
};

/**
 * struct vhost_device_ops - what a kind of device adds to the core
 * @features: feature bits it offers
 * @backend_features: bits of the interface it offers
 * @stop: detach all backends; called with device->mutex held
 * @set_features: vq->features has changed; called under each vq's mutex
 * @look: is there something to do for a ring that had run out of work? Called
 *	by the worker under the vq's mutex, again and again: to be cheap
 */
struct vhost_device_ops {
	u64 features[VHOST_FEATURE_WORDS];
	u64 backend_features;
	void (*stop)(struct vhost_device *device);
	void (*set_features)(struct vhost_vq *vq);
	bool (*look)(struct vhost_vq *vq);
};

/**
 * struct vhost_device - one open file of a vhost device
 * @mutex: one ioctl at a time
 * @id: a number that no other device has, or ever had
 * @ops: what kind of device it is
 * @vqs: its rings
 * @num_vqs: how many
 * @mm: the owner's memory, held; NULL without an owner
 * @mem: the memory table; NULL until it is set
 * @iotlb: translations, if the guest has an IOMMU
 * @log: to be signalled when the dirty log was written, or NULL
 * @backend_features: bits of the interface that were agreed on
 * @dialect: which interface the client speaks
 * @workers: serve the rings; by their numbers, NULL where there is none. They
 *	change under @mutex; who does not hold it reads them under
 *	rcu_read_lock()
 * @owner_lock: protects @owner, from those who do not hold @mutex
 * @owner: the owner's process, held; NULL without an owner
 * @regions: how many there are in @mem
 * @fork_owner: workers are threads of the owner; set before there is one
 */
struct vhost_device {
	struct mutex mutex;	/* one ioctl at a time */
	u64 id;
	const struct vhost_device_ops *ops;
	struct vhost_vq **vqs;
	unsigned int num_vqs;
	struct mm_struct *mm;
	struct vhost_mem *mem;
	struct vhost_iotlb iotlb;
	struct eventfd_ctx *log;
	u64 backend_features;
	enum vhost_dialect dialect;
	struct vhost_worker __rcu *workers[VHOST_MAX_WORKERS];
	spinlock_t owner_lock;	/* owner; no worker takes it */
	struct pid *owner;
	u32 regions;
	bool fork_owner;
};

/**
 * vhost_has() - was a feature agreed on?
 * @vq: a ring of the device
 * @bit: number of the feature, below 64 * VHOST_FEATURE_WORDS
 *
 * Return: true if so.
 */
static inline bool vhost_has(const struct vhost_vq *vq, unsigned int bit)
{
	return vq->features[bit / 64] & BIT_ULL(bit % 64);
}

/* vhost.c APIs: */
void vhost_device_init(struct vhost_device *device,
		       const struct vhost_device_ops *ops,
		       struct vhost_vq **vqs, unsigned int num_vqs);
void vhost_device_destroy(struct vhost_device *device);
int vhost_device_check_owner(struct vhost_device *device);
int vhost_device_set_owner(struct vhost_device *device);
int vhost_device_reset_owner(struct vhost_device *device);
struct vhost_mem *vhost_device_swap_mem(struct vhost_device *device,
					struct vhost_mem *mem);
int vhost_device_set_mem(struct vhost_device *device, struct vhost_mem *mem);
int vhost_device_set_log_base(struct vhost_device *device, unsigned long base);
int vhost_device_set_log_fd(struct vhost_device *device, int fd);
int vhost_device_set_features(struct vhost_device *device,
			      const u64 *features);
int vhost_device_set_backend_features(struct vhost_device *device,
				      u64 features);

/* vq.c APIs: */
void vhost_vq_init(struct vhost_vq *vq, struct vhost_device *device,
		   unsigned int index, void (*handle)(struct vhost_vq *vq));
int vhost_vq_alloc(struct vhost_vq *vq);
void vhost_vq_free(struct vhost_vq *vq);
void vhost_vq_reset(struct vhost_vq *vq);
void vhost_vq_set_features(struct vhost_vq *vq, const u64 *features);
int vhost_vq_set_endian(struct vhost_vq *vq, bool little);
int vhost_vq_set_num(struct vhost_vq *vq, u32 num);
int vhost_vq_set_base(struct vhost_vq *vq, u32 base);
u32 vhost_vq_get_base(struct vhost_vq *vq);
int vhost_vq_place(struct vhost_vq *vq, const struct vhost_place *place);
int vhost_vq_place_part(struct vhost_vq *vq, enum vhost_part part, u64 addr);
void vhost_vq_unmap(struct vhost_vq *vq);
bool vhost_vq_covered(const struct vhost_vq *vq, unsigned long base,
		      const struct vhost_mem *mem, bool data);
int vhost_vq_check(const struct vhost_vq *vq);
int vhost_vq_start(struct vhost_vq *vq, struct vhost_backend *backend);
struct vhost_backend *vhost_vq_stop(struct vhost_vq *vq);
void vhost_vq_queue(struct vhost_vq *vq);
void vhost_vq_queue_later(struct vhost_vq *vq, unsigned long delay);
void vhost_vq_count(struct vhost_vq *vq, enum vhost_reason why);
void vhost_vq_complain(struct vhost_vq *vq, enum vhost_reason why);
enum vhost_fetch vhost_vq_break(struct vhost_vq *vq, enum vhost_reason why);
bool vhost_vq_begin_turn(struct vhost_vq *vq);
void vhost_vq_end_turn(struct vhost_vq *vq, const struct vhost_tally *tally);
void vhost_vq_complete(struct vhost_vq *vq);

/* show.c APIs: */
void vhost_device_show(struct seq_file *m, struct vhost_device *device);
void vhost_vq_show(struct seq_file *m, struct vhost_vq *vq);

/* workers.c APIs: */
int vhost_device_new_worker(struct vhost_device *device);
int vhost_device_free_worker(struct vhost_device *device, u32 id);
void vhost_workers_destroy(struct vhost_device *device);
int vhost_vq_attach_worker(struct vhost_vq *vq, u32 id);
u32 vhost_vq_worker_id(const struct vhost_vq *vq);

/* busyloop.c APIs: */
void vhost_busyloop_start(struct vhost_vq *vq);
void __vhost_busyloop_learn(struct vhost_vq *vq);
bool __vhost_busyloop_begin(struct vhost_vq *vq);
void vhost_busyloop_leave(struct vhost_vq *vq);
void vhost_busyloop_run(struct vhost_worker *worker);

/**
 * vhost_busyloop_begin() - may a ring be looked at instead of being woken?
 * @vq: the queue, at the end of a turn: out of work
 *
 * Return: true if so; there is nothing else to be done then. Otherwise what
 * wakes the ring has to be asked for.
 */
static inline bool vhost_busyloop_begin(struct vhost_vq *vq)
{
	lockdep_assert_held(&vq->mutex);
	return unlikely(vq->busyloop_timeout || vq->poll_max_ns) &&
	       __vhost_busyloop_begin(vq);
}

/**
 * vhost_busyloop_learn() - note how long the ring had nothing to do
 * @vq: the queue, at the start of a turn
 */
static inline void vhost_busyloop_learn(struct vhost_vq *vq)
{
	/* The turn after a time that is over only asks to be woken. */
	if (unlikely(vq->idle_since) && vq->busyloop != VHOST_BUSYLOOP_OVER)
		__vhost_busyloop_learn(vq);
}

/* ioctl_worker.c APIs: */
long vhost_ioctl_new_worker(struct vhost_device *device, void __user *argp);
long vhost_ioctl_free_worker(struct vhost_device *device, void __user *argp);
long vhost_ioctl_attach_worker(struct vhost_vq *vq, void __user *argp);
long vhost_ioctl_get_worker(struct vhost_vq *vq, void __user *argp);
long vhost_ioctl_set_fork(struct vhost_device *device, void __user *argp);
long vhost_ioctl_get_fork(struct vhost_device *device, void __user *argp);

/* ioctl.c APIs: */
struct vhost_ioctl {
	unsigned int cmd;
	bool needs_owner;
	long (*fn)(struct vhost_device *device, void __user *argp);
};

/* One that names a ring in its argument's first field. */
struct vhost_vring_ioctl {
	unsigned int cmd;
	long (*fn)(struct vhost_vq *vq, void __user *argp);
};

long vhost_ioctl_run(struct vhost_device *device,
		     const struct vhost_ioctl *table, size_t num,
		     unsigned int cmd, void __user *argp);
long vhost_ioctl(struct vhost_device *device, unsigned int cmd,
		 void __user *argp);

/* ioctl_v3.c APIs: */
void vhost_v3_note(struct vhost_device *device, unsigned int cmd);
unsigned int vhost_v3_rename(const struct vhost_device *device,
			     unsigned int cmd);
long vhost_v3_ioctl(struct vhost_device *device, unsigned int cmd,
		    void __user *argp);
const struct vhost_vring_ioctl *vhost_v3_vring_ioctl(unsigned int cmd);

/*
 * The verbs of ring.h that need to know the vq
 */

/* What was written to the ring itself. */
static inline void vhost_log_used(struct vhost_vq *vq, enum vhost_part part,
				  u32 at, u32 len)
{
	if (unlikely(vq->log.used))
		vhost_log_used_range(vq, part, at, len);
}

/* One 16-bit field of the used part. */
static inline int vhost_used_put(struct vhost_vq *vq, u32 at, u16 val)
{
	int err = vhost_ring_put16(&vq->ring, VHOST_USED, at, val);

	if (!err)
		vhost_log_used(vq, VHOST_USED, at, sizeof(val));
	return err;
}

/*
 * The same if it isn't there already. A turn that changes nothing must not
 * write: what is written is logged, and the owner may take that for a kick.
 */
static inline int vhost_used_set(struct vhost_vq *vq, u32 at, u16 val)
{
	u16 now;

	if (!vhost_ring_get16(&vq->ring, VHOST_USED, at, &now) && now == val)
		return 0;
	return vhost_used_put(vq, at, val);
}

/* Can a ring have that many entries? */
static inline bool vhost_ring_fits(const struct vhost_ring *ring, u32 num)
{
	return num && num <= VHOST_RING_NUM_MAX &&
	       (ring->is_packed || is_power_of_2(num));
}

static inline void vhost_ring_layout(struct vhost_ring *ring)
{
	if (ring->is_packed)
		vhost_packed_layout(ring);
	else
		vhost_split_layout(ring);
}

/* Could the ring run where and as it is? Its addresses are looked at apart. */
static inline bool vhost_ring_valid(const struct vhost_ring *ring)
{
	return vhost_ring_fits(ring, ring->num) &&
	       (!ring->is_packed || vhost_packed_valid(ring));
}

static inline u32 vhost_ring_get_base(const struct vhost_ring *ring)
{
	return ring->is_packed ? vhost_packed_get_base(ring) :
				 ring->next_avail;
}

static inline int vhost_ring_set_base(struct vhost_ring *ring, u32 base)
{
	if (!ring->is_packed && base > U16_MAX)
		return -EINVAL;
	/* It goes on where it stopped: with what it could not show, too. */
	if (ring->put_num && base == vhost_ring_get_base(ring))
		return 0;

	vhost_ring_unput(ring, ring->put_num);
	if (ring->is_packed)
		vhost_packed_set_base(ring, base);
	else
		ring->next_avail = base;
	vhost_ring_forget(ring);
	return 0;
}

static inline int vhost_ring_start(struct vhost_vq *vq)
{
	return vq->ring.is_packed ? vhost_packed_start(vq) :
				    vhost_split_start(vq);
}

/**
 * vhost_ring_next() - hand out the next available buffer
 * @vq: the ring's queue
 * @chain: where to describe it; iov and max are set by the caller
 *
 * Context: under vq->mutex, in the owner's mm.
 * Return: enum vhost_fetch. A buffer that is OK or BAD must be put, or taken
 * back by vhost_ring_rewind().
 *
 * Which format it is does not change as long as the ring runs: the processor
 * has learnt it by the second buffer.
 */
static inline enum vhost_fetch vhost_ring_next(struct vhost_vq *vq,
					       struct vhost_chain *chain)
{
	enum vhost_fetch found = vq->ring.is_packed ?
				 vhost_packed_next(vq, chain) :
				 vhost_split_next(vq, chain);

	if (trace_vhost_fetch_enabled() &&
	    (found == VHOST_FETCH_OK || found == VHOST_FETCH_BAD))
		trace_vhost_fetch(vq, chain);
	return found;
}

/**
 * vhost_ring_rewind() - take buffers back
 * @ring: the ring
 * @n: how many of the buffers handed out last
 * @slots: entries of the ring that they take: the sum of chain->slots
 *
 * They must not have been put.
 */
static inline void vhost_ring_rewind(struct vhost_ring *ring, u16 n, u32 slots)
{
	if (ring->is_packed)
		vhost_packed_rewind(ring, slots);
	else
		ring->next_avail -= n;
}

/**
 * vhost_ring_put() - note a buffer as used
 * @vq: the ring's queue
 * @chain: the buffer
 * @len: bytes written into it
 *
 * There must be room: see VHOST_RING_PUT_MAX.
 */
static inline void vhost_ring_put(struct vhost_vq *vq,
				  const struct vhost_chain *chain, u32 len)
{
	struct vhost_ring *ring = &vq->ring;
	union vhost_put *put = &ring->puts[ring->put_num++];
	bool le = ring->little_endian;

	/* Of a bad buffer, nobody knows how much of it could be written to. */
	if (chain->in_len || chain->bad)
		ring->put_written = true;
	if (ring->is_packed) {
		put->packed.id = chain->id;
		put->packed.slots = chain->slots;
		put->packed.len = len;
	} else {
		put->split.id = __cpu_to_virtio32(le, chain->id);
		put->split.len = __cpu_to_virtio32(le, len);
	}
}

/**
 * vhost_ring_stop() - the ring stops, and noted buffers were not published
 * @ring: the ring
 *
 * They are available again, as if never used. In a packed ring some of them may
 * look used to the guest when its memory is back, and would not be found again:
 * there they stay noted, and are published when the ring goes on.
 */
static inline void vhost_ring_stop(struct vhost_ring *ring)
{
	if (!ring->is_packed) {
		vhost_ring_rewind(ring, ring->put_num, 0);
		vhost_ring_unput(ring, ring->put_num);
	}
	vhost_ring_forget(ring);
}

static inline int vhost_ring_publish(struct vhost_vq *vq)
{
	return vq->ring.is_packed ? vhost_packed_publish(vq) :
				    vhost_split_publish(vq);
}

static inline bool vhost_ring_need_call(struct vhost_vq *vq)
{
	return vq->ring.is_packed ? vhost_packed_need_call(vq) :
				    vhost_split_need_call(vq);
}

static inline void vhost_ring_kick_off(struct vhost_vq *vq)
{
	if (vq->ring.is_packed)
		vhost_packed_kick_off(vq);
	else
		vhost_split_kick_off(vq);
}

static inline bool vhost_ring_has_more(struct vhost_vq *vq)
{
	return vq->ring.is_packed ? vhost_packed_has_more(vq) :
				    vhost_split_has_more(vq);
}

static inline bool vhost_ring_kick_on(struct vhost_vq *vq)
{
	return vq->ring.is_packed ? vhost_packed_kick_on(vq) :
				    vhost_split_kick_on(vq);
}

#endif
