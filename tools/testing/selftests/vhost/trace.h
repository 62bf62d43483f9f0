/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The driver's tracepoints, in a trace buffer that is nobody else's.
 */
#ifndef VHT_TRACE_H
#define VHT_TRACE_H

#include "util.h"

struct trace {
	char mount[64];
	char dir[128];
};

/* All events from now on. 0, or -errno if the kernel can't do that. */
int trace_start(struct trace *t);
void trace_stop(struct trace *t);
/*
 * Does an event of that device come to be seen, whose fields begin so? NULL for
 * any.
 */
bool trace_shows(const struct trace *t, const char *event, long long device,
		 const char *fields);
/*
 * How many such events there are; or the sum of one of their fields, named with
 * the '=' behind it.
 */
long long trace_sum(const struct trace *t, const char *event, long long device,
		    const char *fields, const char *field);

#endif
