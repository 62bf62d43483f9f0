/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What went through a ring, and what did not and why. The reasons have their
 * names in one place, stats.c.
 */
#ifndef VHOST_STATS_H
#define VHOST_STATS_H

#include <linux/types.h>
#include <linux/u64_stats_sync.h>

struct seq_file;

/**
 * enum vhost_reason - why a buffer or a packet could not be used
 * @VHOST_OK: it could
 * @VHOST_BAD_INDEX: available index further ahead than the ring is long
 * @VHOST_BAD_HEAD: available entry names no descriptor of the ring
 * @VHOST_BAD_RING: ring memory can't be accessed
 * @VHOST_BAD_NEXT: a descriptor's successor is outside the table
 * @VHOST_BAD_LOOP: more descriptors in a chain than in the table
 * @VHOST_BAD_ORDER: a readable descriptor after a writable one
 * @VHOST_BAD_LONG: more segments than VHOST_MAX_IOV
 * @VHOST_BAD_INDIRECT: indirect table nested, empty, oddly sized or unreadable
 * @VHOST_BAD_ADDR: an address without memory behind it in the table
 * @VHOST_BAD_PERM: an address whose translation does not allow the access
 * @VHOST_BAD_LOG: the dirty log can't be written
 * @VHOST_BAD_DIRECTION: writable part in a transmit buffer, or the reverse
 * @VHOST_BAD_HDR: no room for the virtio header, or nonsense in it
 * @VHOST_BAD_DATA: the owner's memory behind a buffer can't be accessed
 * @VHOST_BAD_FRAME: what the backend's peer sent is no frame
 * @VHOST_BAD_PEER: the backend's peer is gone
 * @VHOST_DROP_BIG: packet larger than its buffers, or than any frame can be
 * @VHOST_DROP_BACKEND: the backend refused the packet
 * @VHOST_DROP_BUSY: the backend had no room for too long
 * @VHOST_REASONS: how many there are
 */
enum vhost_reason {
	VHOST_OK,
	VHOST_BAD_INDEX,
	VHOST_BAD_HEAD,
	VHOST_BAD_RING,
	VHOST_BAD_NEXT,
	VHOST_BAD_LOOP,
	VHOST_BAD_ORDER,
	VHOST_BAD_LONG,
	VHOST_BAD_INDIRECT,
	VHOST_BAD_ADDR,
	VHOST_BAD_PERM,
	VHOST_BAD_LOG,
	VHOST_BAD_DIRECTION,
	VHOST_BAD_HDR,
	VHOST_BAD_DATA,
	VHOST_BAD_FRAME,
	VHOST_BAD_PEER,
	VHOST_DROP_BIG,
	VHOST_DROP_BACKEND,
	VHOST_DROP_BUSY,
	VHOST_REASONS,
};

/**
 * struct vhost_stats - counters of one ring since the device was opened
 * @packets: packets that passed
 * @bytes: bytes in them, without the virtio header
 * @copied: bytes of them that were copied from or to the guest, with headers
 * @kicks: wake-ups of the kick eventfd
 * @batches: times used buffers were published
 * @calls: interrupts sent
 * @suppressed: interrupts that the guest did not want
 * @runs: times the worker went through the ring
 * @polled: times busy polling found something
 * @reasons: buffers and packets that could not be used, by reason
 * @last_at: when there was one last, in jiffies
 * @last: and which; VHOST_OK if there was none
 * @sync: lets readers on 32 bit see whole numbers
 *
 * Written under the vq's mutex, but for @kicks; read without a lock.
 */
struct vhost_stats {
	u64_stats_t packets;
	u64_stats_t bytes;
	u64_stats_t copied;
	u64_stats_t batches;
	u64_stats_t calls;
	u64_stats_t suppressed;
	u64_stats_t runs;
	u64_stats_t polled;
	u64_stats_t reasons[VHOST_REASONS];
	u64_stats_t last_at;
	enum vhost_reason last;
	atomic_long_t kicks;
	struct u64_stats_sync sync;
};

/**
 * struct vhost_tally - one turn of a worker on a ring
 * @packets: packets that passed
 * @bytes: bytes in them, without the virtio header
 * @copied: the same with the headers that were copied; known in the end
 * @tries: packets and buffers looked at, also those that were no good
 */
struct vhost_tally {
	u64 packets;
	u64 bytes;
	u64 copied;
	u32 tries;
};

/* stats.c APIs: */
void vhost_stats_init(struct vhost_stats *stats);
void vhost_stats_add(struct vhost_stats *stats,
		     const struct vhost_tally *tally);
void vhost_stats_count(struct vhost_stats *stats, u64_stats_t *counter);
void vhost_stats_reason(struct vhost_stats *stats, enum vhost_reason why);
const char *vhost_reason_name(enum vhost_reason why);
void vhost_stats_show(struct seq_file *m, int vq, struct vhost_stats *stats);

#endif
