// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "op.h"

static const struct op_kind *kinds[OP_KINDS_MAX];
static unsigned int nkinds;

/* Operations touch memory that others have taken away: they end there. */
static __thread sigjmp_buf *way_out;

static void on_fault(int sig)
{
	if (way_out)
		siglongjmp(*way_out, 1);
	signal(sig, SIG_DFL);
}

static void add_group(const struct op_kind *group)
{
	for (; group->name; group++) {
		if (nkinds == OP_KINDS_MAX)
			abort();
		kinds[nkinds++] = group;
	}
}

void ops_init(void)
{
	struct sigaction sa = {
		.sa_handler = on_fault,
		.sa_flags = SA_NODEFER,
	};

	if (nkinds)
		return;
	add_group(ops_ioctl);
	add_group(ops_setup);
	add_group(ops_ring);
	add_group(ops_iotlb);
	add_group(ops_memory);
	add_group(ops_life);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

unsigned int op_kinds(void)
{
	return nkinds;
}

const struct op_kind *op_kind(unsigned int code)
{
	return kinds[code];
}

int op_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < nkinds; i++)
		if (!strcmp(kinds[i]->name, name))
			return i;
	return -1;
}

void op_in_child(void)
{
	way_out = NULL;
}

int op_run(struct world *w, const struct op *op)
{
	sigjmp_buf env;
	int r;

	if (sigsetjmp(env, 0)) {
		way_out = NULL;
		return -EFAULT;
	}
	way_out = &env;
	r = kinds[op->code]->run(w, op);
	way_out = NULL;
	return r;
}
