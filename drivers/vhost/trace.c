// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints of include/trace/events/vhost_net.h. Only what is compiled
 * here looks into the driver's structures; where a tracepoint is called, there
 * are some pointers and an instruction that does nothing.
 */
#include "vhost.h"

#define CREATE_TRACE_POINTS
#include <trace/events/vhost_net.h>
