// SPDX-License-Identifier: GPL-2.0
/*
 * Counters of a ring, and the names of the reasons.
 */
#include <linux/build_bug.h>
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
	u64_stats_inc(&stats->runs);
	u64_stats_update_end(&stats->sync);
	preempt_enable();
}

/**
 * vhost_stats_call() - count an interrupt
 * @stats: the counters
 */
void vhost_stats_call(struct vhost_stats *stats)
{
	preempt_disable();
	u64_stats_update_begin(&stats->sync);
	u64_stats_inc(&stats->calls);
	u64_stats_update_end(&stats->sync);
	preempt_enable();
}

/**
 * vhost_stats_polled() - count that busy polling found something
 * @stats: the counters
 */
void vhost_stats_polled(struct vhost_stats *stats)
{
	preempt_disable();
	u64_stats_update_begin(&stats->sync);
	u64_stats_inc(&stats->polled);
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
	u64_stats_update_end(&stats->sync);
	preempt_enable();
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

/**
 * vhost_stats_show() - print the counters, reasons only if they occurred
 * @m: where to
 * @vq: number of the ring
 * @stats: the counters
 */
void vhost_stats_show(struct seq_file *m, int vq, struct vhost_stats *stats)
{
	int i;

	seq_printf(m, "vq%d-packets:\t%llu\n", vq,
		   read_one(stats, &stats->packets));
	seq_printf(m, "vq%d-bytes:\t%llu\n", vq,
		   read_one(stats, &stats->bytes));
	seq_printf(m, "vq%d-runs:\t%llu\n", vq, read_one(stats, &stats->runs));
	seq_printf(m, "vq%d-polled:\t%llu\n", vq,
		   read_one(stats, &stats->polled));
	seq_printf(m, "vq%d-kicks:\t%lu\n", vq,
		   atomic_long_read(&stats->kicks));
	seq_printf(m, "vq%d-calls:\t%llu\n", vq,
		   read_one(stats, &stats->calls));
	for (i = VHOST_OK + 1; i < VHOST_REASONS; i++) {
		u64 n = read_one(stats, &stats->reasons[i]);

		if (n)
			seq_printf(m, "vq%d-%s:\t%llu\n", vq,
				   vhost_reason_name(i), n);
	}
}
