// SPDX-License-Identifier: GPL-2.0
/*
 * Counters of a ring, and the names of the reasons.
 */
#include <linux/build_bug.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/seq_file.h>

#include "stats.h"

static const char * const reason_names[] = {
	[VHOST_OK]		= "ok",
	[VHOST_BAD_INDEX]	= "bad-index",
	[VHOST_BAD_HEAD]	= "bad-head",
	[VHOST_BAD_RING]	= "bad-ring",
	[VHOST_BAD_NEXT]	= "bad-next",
	[VHOST_BAD_LOOP]	= "bad-loop",
	[VHOST_BAD_ORDER]	= "bad-order",
	[VHOST_BAD_LONG]	= "bad-long",
	[VHOST_BAD_INDIRECT]	= "bad-indirect",
	[VHOST_BAD_ADDR]	= "bad-addr",
	[VHOST_BAD_PERM]	= "bad-perm",
	[VHOST_BAD_LOG]		= "bad-log",
	[VHOST_BAD_DIRECTION]	= "bad-direction",
	[VHOST_BAD_HDR]		= "bad-hdr",
	[VHOST_BAD_DATA]	= "bad-data",
	[VHOST_BAD_FRAME]	= "bad-frame",
	[VHOST_BAD_PEER]	= "bad-peer",
	[VHOST_DROP_BIG]	= "drop-big",
	[VHOST_DROP_BACKEND]	= "drop-backend",
	[VHOST_DROP_BUSY]	= "drop-busy",
};

static_assert(ARRAY_SIZE(reason_names) == VHOST_REASONS);

/**
 * vhost_reason_name() - a reason's name, for people and scripts
 * @why: the reason
 *
 * Return: a string that stays.
 */
const char *vhost_reason_name(enum vhost_reason why)
{
	return why < VHOST_REASONS ? reason_names[why] : "?";
}

/**
 * vhost_stats_init() - prepare zeroed counters
 * @stats: the counters
 */
void vhost_stats_init(struct vhost_stats *stats)
{
	u64_stats_init(&stats->sync);
}

/**
 * vhost_stats_add() - add one run through a ring
 * @stats: the counters
 * @tally: what went through
 */
void vhost_stats_add(struct vhost_stats *stats, const struct vhost_tally *tally)
{
	preempt_disable();
	u64_stats_update_begin(&stats->sync);
	u64_stats_add(&stats->packets, tally->packets);
	u64_stats_add(&stats->bytes, tally->bytes);
	u64_stats_add(&stats->copied, tally->copied);
	u64_stats_inc(&stats->runs);
	u64_stats_update_end(&stats->sync);
	preempt_enable();
}

/**
 * vhost_stats_count() - count something that has happened once
 * @stats: the counters
 * @counter: which of them
 */
void vhost_stats_count(struct vhost_stats *stats, u64_stats_t *counter)
{
	preempt_disable();
	u64_stats_update_begin(&stats->sync);
	u64_stats_inc(counter);
	u64_stats_update_end(&stats->sync);
	preempt_enable();
}

/**
 * vhost_stats_reason() - count something that could not be used
 * @stats: the counters
 * @why: the reason
 */
void vhost_stats_reason(struct vhost_stats *stats, enum vhost_reason why)
{
	preempt_disable();
	u64_stats_update_begin(&stats->sync);
	u64_stats_inc(&stats->reasons[why]);
	u64_stats_set(&stats->last_at, get_jiffies_64());
	u64_stats_update_end(&stats->sync);
	preempt_enable();
	/* (C): whoever sees the reason sees its time; pairs with (D) */
	smp_store_release(&stats->last, why);
}

static u64 read_one(struct vhost_stats *stats, const u64_stats_t *counter)
{
	unsigned int start;
	u64 val;

	do {
		start = u64_stats_fetch_begin(&stats->sync);
		val = u64_stats_read(counter);
	} while (u64_stats_fetch_retry(&stats->sync, start));
	return val;
}

static void show_one(struct seq_file *m, int vq, const char *name,
		     struct vhost_stats *stats, const u64_stats_t *counter)
{
	seq_printf(m, "vq%d-%s:\t%llu\n", vq, name, read_one(stats, counter));
}

static void show_last(struct seq_file *m, int vq, struct vhost_stats *stats)
{
	enum vhost_reason last;
	u64 at, now;

	last = smp_load_acquire(&stats->last);	/* (D) */
	if (!last)
		return;
	at = read_one(stats, &stats->last_at);
	now = get_jiffies_64();
	seq_printf(m, "vq%d-last-error:\t%s\n", vq, vhost_reason_name(last));
	seq_printf(m, "vq%d-last-error-ms:\t%llu\n", vq,
		   time_after64(now, at) ? jiffies64_to_msecs(now - at) : 0);
}

/**
 * vhost_stats_show() - print the counters, reasons only if they occurred
 * @m: where to
 * @vq: number of the ring
 * @stats: the counters
 */
void vhost_stats_show(struct seq_file *m, int vq, struct vhost_stats *stats)
{
	int i;

	show_one(m, vq, "packets", stats, &stats->packets);
	show_one(m, vq, "bytes", stats, &stats->bytes);
	show_one(m, vq, "copied", stats, &stats->copied);
	show_one(m, vq, "runs", stats, &stats->runs);
	show_one(m, vq, "polled", stats, &stats->polled);
	seq_printf(m, "vq%d-kicks:\t%lu\n", vq,
		   atomic_long_read(&stats->kicks));
	show_one(m, vq, "batches", stats, &stats->batches);
	show_one(m, vq, "calls", stats, &stats->calls);
	show_one(m, vq, "suppressed", stats, &stats->suppressed);
	show_last(m, vq, stats);
	for (i = VHOST_OK + 1; i < VHOST_REASONS; i++)
		if (read_one(stats, &stats->reasons[i]))
			show_one(m, vq, vhost_reason_name(i), stats,
				 &stats->reasons[i]);
}
