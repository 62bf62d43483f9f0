/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The screen: what is to be seen on it, and where.
 */
#ifndef VHOST_TOP_SCREEN_H
#define VHOST_TOP_SCREEN_H

#include "top.h"

enum view { VIEW_TABLE, VIEW_DETAIL, VIEW_HELP };

/**
 * struct screen - what the user looks at
 * @interval: seconds between two snapshots
 * @only: process to look at, 0: all
 * @before: the snapshot before @now
 * @has_before: is there one?
 * @now: the latest snapshot
 * @rows: lines of the table, made of both
 * @view: what is shown
 * @sort: column that the table is sorted by
 * @reverse: the other way round
 * @per_device: a line for each device, and not for each ring
 * @paused: no new snapshots
 * @pid: process, descriptor and ring of the line that is marked: it stays
 *	marked when it moves
 * @fd: see @pid
 * @ring: see @pid; -1 for a line of a whole device
 * @marked: where that line is
 * @top: first line that is shown
 * @detail_top: the same of the details
 */
struct screen {
	double interval;
	pid_t only;
	struct top_snapshot before;
	bool has_before;
	struct top_snapshot now;
	struct top_rows rows;
	enum view view;
	unsigned int sort;
	bool reverse;
	bool per_device;
	bool paused;
	pid_t pid;
	int fd;
	int ring;
	size_t marked;
	size_t top;
	int detail_top;
};

/* top_draw.c */
int screen_page(void);
void screen_draw(struct screen *s);

#endif
