// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cover.h"
#include "exec.h"
#include "oracle.h"
#include "passage.h"

#define HELPERS		(PROG_THREADS - 1)

/* A thread that waits for its share of a program. */
struct helper {
	struct exec *x;
	unsigned int thread;
	pthread_t id;
	pid_t tid;
	sem_t go, done;
	bool stop;
};

static void run_share(struct exec *x, unsigned int thread)
{
	const struct prog *p = x->world.prog;
	unsigned int i;

	for (i = 0; i < p->n; i++) {
		const struct op *op = &p->op[i];

		if (op_thread(op) != thread)
			continue;
		if (op_kind(op->code)->flags & OP_SLOW && !x->slow)
			continue;
		cover_note(op, op_run(&x->world, op));
	}
}

static void *helper_main(void *arg)
{
	struct helper *h = arg;

	h->tid = gettid();
	/* So that it has its heap before memory is taken away. */
	free(malloc(64));
	sem_post(&h->done);
	for (;;) {
		while (sem_wait(&h->go))
			;
		if (h->stop)
			return NULL;
		run_share(h->x, h->thread);
		sem_post(&h->done);
	}
}

static int start_helpers(struct exec *x)
{
	unsigned int i;
	int r = 0;

	x->helper = calloc(HELPERS, sizeof(*x->helper));
	if (!x->helper)
		return -ENOMEM;
	for (i = 0; i < HELPERS && !r; i++) {
		struct helper *h = &x->helper[i];

		h->x = x;
		h->thread = i + 1;
		sem_init(&h->go, 0, 0);
		sem_init(&h->done, 0, 0);
		r = -pthread_create(&h->id, NULL, helper_main, h);
		if (!r)
			sem_wait(&h->done);
	}
	return r;
}

int exec_init(struct exec *x)
{
	int r;

	memset(x, 0, sizeof(*x));
	r = world_init(&x->world);
	return r ? r : start_helpers(x);
}

void exec_end(struct exec *x)
{
	unsigned int i;

	world_free(&x->world);
	for (i = 0; i < HELPERS; i++) {
		x->helper[i].stop = true;
		sem_post(&x->helper[i].go);
		pthread_join(x->helper[i].id, NULL);
	}
	free(x->helper);
}

static unsigned int threads_in(const struct prog *p)
{
	unsigned int i, mask = 0;

	for (i = 0; i < p->n; i++)
		mask |= 1 << op_thread(&p->op[i]);
	return mask;
}

static void run_all(struct exec *x)
{
	unsigned int i, mask = threads_in(x->world.prog);

	for (i = 0; i < HELPERS; i++)
		if (mask & 2 << i)
			sem_post(&x->helper[i].go);
	run_share(x, 0);
	for (i = 0; i < HELPERS; i++)
		if (mask & 2 << i)
			while (sem_wait(&x->helper[i].done))
				;
}

static int finish(struct exec *x)
{
	struct world *w = &x->world;
	int r = 0;

	if (w->gentle)
		r = passage_finish(w);
	cover_end(w, x->deep);
	if (w->gentle && !r)
		return 0;
	world_detach(w);
	passage_discard(w);
	return r;
}

static int begin(struct exec *x, const struct prog *p)
{
	x->executions++;
	x->operations += p->n;
	x->packed += prog_is_packed(p);
	cover_begin();
	return world_begin(&x->world, p);
}

int exec_run(struct exec *x, const struct prog *p)
{
	struct world *w = &x->world;
	int r;

	r = begin(x, p);
	if (r)
		return r;
	x->gentle += w->gentle;
	run_all(x);
	if (!*w->failure)
		finish(x);
	x->packets += w->out.seen + w->in.seen;
	if (!*w->failure)
		oracle_marks(w);
	return *w->failure ? -EPROTO : 0;
}

static void add_op(struct prog *p, const char *name, __u64 a, __u64 b)
{
	struct op *op = &p->op[p->n++];

	op->code = op_find(name);
	op->arg[0] = a;
	op->arg[1] = b;
	op->arg[3] = 2;
}

int exec_alive(struct exec *x, bool packed)
{
	struct prog p = {
		.features = F_V1 | F_MRG | (packed ? F_PACKED : F_EVENT),
		.num = { 16, 16 },
		.flags = PROG_RESET,
	};
	int r;

	add_op(&p, "post", 8, 1000);
	add_op(&p, "tx", 4, 60);
	add_op(&p, "rx", 4, 60);
	r = exec_run(x, &p);
	x->world.prog = NULL;
	return r;
}

/* Their memory is gone, and they are told to look at it. */
static void break_rings(struct exec *x)
{
	struct op gone = { .code = op_find("mprotect") };
	struct op kick = { .code = op_find("kick") };
	unsigned int i;

	for (i = 0; i < VQ_MAX; i++) {
		gone.arg[0] = AREA_RINGS + i * VQ_PARTS;
		op_run(&x->world, &gone);
		kick.arg[0] = i;
		op_run(&x->world, &kick);
	}
}

int exec_idle(struct exec *x, const struct prog *p)
{
	struct world *w = &x->world;
	pid_t tid[PROG_THREADS] = { gettid() };
	unsigned int i;
	int r;

	r = begin(x, p);
	if (r)
		return r;
	run_all(x);
	break_rings(x);
	for (i = 0; i < HELPERS; i++)
		tid[i + 1] = x->helper[i].tid;
	r = oracle_idle(w, tid, PROG_THREADS);
	world_detach(w);
	passage_discard(w);
	return r;
}
