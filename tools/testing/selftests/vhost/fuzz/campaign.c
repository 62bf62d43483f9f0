// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "campaign.h"
#include "cover.h"
#include "oracle.h"

#define LOG		"/dev/kmsg"
/* How often the rarer looks are taken. */
#define EACH_LOGGED	256
#define EACH_ALIVE	64
#define EACH_IDLE	512
#define EACH_DEEP	16
#define EACH_TOLD	5000
#define WARM_UP		200

/* An execution's program follows from its number alone. */
static void make(const struct campaign *c, __u64 number, struct prog *p)
{
	struct gen g = {
		.seed = (c->seed * 0x9e3779b97f4a7c15ULL) ^
			((number + 1) * 0xbf58476d1ce4e5b9ULL),
		.format = c->format,
		.slow = c->slow,
		.corpus = c->corpus.prog,
		.n = c->corpus.n,
	};

	rnd(&g.seed);
	gen_prog(&g, p);
}

/*
 * Before it runs, where it will be found if the kernel does not survive it. The
 * kernel's log has to have room for other things, too: there the runs up to the
 * next note are meant.
 */
static void take_note(int fd, const struct campaign *c, __u64 number,
		      const struct prog *p)
{
	char text[900];
	size_t n;
	FILE *f;

	if (fd < 0 || (!c->grow && !strcmp(c->note, LOG) &&
		       number % EACH_LOGGED))
		return;
	n = snprintf(text, sizeof(text), "fuzz: seed %llu run %llu\n", c->seed,
		     number);
	/* A grown corpus is not to be had again. */
	f = c->grow ? fmemopen(text + n, sizeof(text) - n, "w") : NULL;
	if (f) {
		prog_print(f, p);
		fclose(f);
		n = strnlen(text, sizeof(text));
	}
	if (pwrite(fd, text, n, 0) < 0)
		perror(c->note);
}

static void report(const struct campaign *c, __u64 number,
		   const struct world *w, const struct prog *p)
{
	char path[512];

	printf("# FAILED: seed %llu run %llu: %s\n", c->seed, number,
	       w->failure);
	prog_print(stdout, p);
	cover_print(w);
	snprintf(path, sizeof(path), "%s/failed-%llu-%llu",
		 c->failed ? c->failed : "/tmp", c->seed, number);
	if (!prog_save(path, p))
		printf("# saved as %s\n", path);
	fflush(stdout);
}

static void summary(const struct campaign *c, const struct exec *x, __s64 ms)
{
	const struct cover *now = cover_now();

	printf("# seed %llu: %lu executions (%lu packed, %lu gentle), ",
	       c->seed, x->executions, x->packed, x->gentle);
	printf("%lu operations, %lu packets, ", x->operations, x->packets);
	printf("%u results, %u states, %u places%s, %u programs, %lld ms\n",
	       now->pairs, now->states, now->pcs,
	       cover_has_kcov() ? "" : " (no KCOV)", c->corpus.n,
	       (long long)ms);
	fflush(stdout);
}

/* If it reached something new, in the directory that grows. */
static bool keep(const struct campaign *c, const struct prog *p)
{
	char path[512];

	if (!cover_news() || !c->grow)
		return false;
	snprintf(path, sizeof(path), "%s/%016llx", c->grow, prog_hash(p));
	prog_save(path, p);
	return true;
}

static int one(struct campaign *c, struct exec *x, __u64 number, int note)
{
	struct prog p;
	int r;

	make(c, number, &p);
	take_note(note, c, number, &p);
	x->deep = c->grow || number % EACH_DEEP == 0;
	if (number % EACH_IDLE == EACH_IDLE - 1)
		r = exec_idle(x, &p);
	else
		r = exec_run(x, &p);
	/* Others are made from it, as long as the process lives. */
	if (!r && keep(c, &p))
		corpus_add(&c->corpus, &p, "new");
	if (!r && number % EACH_ALIVE == EACH_ALIVE - 1)
		r = exec_alive(x, number / EACH_ALIVE % 2);
	if (r)
		report(c, number, &x->world, &p);
	return r;
}

static bool over(const struct campaign *c, __u64 number, __s64 began)
{
	if (c->runs && number - c->first >= c->runs)
		return true;
	return c->seconds && now_ms() - began >= c->seconds * 1000LL;
}

/* Before and after, with the device closed. */
static void count(struct exec *x, struct holdings *h)
{
	pid_t tid = gettid();

	close(x->world.g.fd);
	pause_ms(50);
	oracle_count(h, &tid, 1);
	dup2(x->world.fd[FD_SPARE], x->world.g.fd);
	x->world.estranged = true;
}

/* What is known already is nothing new. */
static int run_known(struct campaign *c, struct exec *x)
{
	unsigned int i, n = c->corpus.n;
	int r = 0;

	for (i = 0; i < n && !r; i++) {
		const struct prog *p = &c->corpus.prog[i];

		r = exec_run(x, p);
		if (r)
			report(c, i, &x->world, p);
		keep(c, p);
	}
	return r;
}

static int run(struct campaign *c, struct exec *x, int note)
{
	__s64 began = now_ms(), told = began;
	struct holdings before = {}, after;
	__u64 number;
	int r = 0;

	if (c->grow)
		r = run_known(c, x);
	for (number = c->first; !r && !over(c, number, began); number++) {
		if (number - c->first == WARM_UP)
			count(x, &before);
		r = one(c, x, number, note);
		if (c->verbose && now_ms() - told > EACH_TOLD) {
			told = now_ms();
			summary(c, x, told - began);
		}
	}
	if (!r && number - c->first > WARM_UP) {
		count(x, &after);
		r = oracle_leaks(&before, &after) ? -EPROTO : 0;
	}
	summary(c, x, now_ms() - began);
	return r;
}

int campaign_run(struct campaign *c)
{
	int note = c->note ? open(c->note, O_WRONLY | O_CREAT | O_CLOEXEC,
				  0600) : -1;
	struct exec x;
	int r;

	/* Before the name space, which has another /sys. */
	cover_init();
	r = exec_init(&x);
	if (r) {
		printf("# no world: %s\n", strerror(-r));
		return r;
	}
	x.slow = c->slow;
	r = run(c, &x, note);
	exec_end(&x);
	if (note >= 0)
		close(note);
	return r;
}

int campaign_replay(struct campaign *c, unsigned int times)
{
	__s64 began = now_ms();
	struct exec x;
	unsigned int i;
	int r, failed = 0;

	cover_init();
	r = exec_init(&x);
	if (r)
		return r;
	x.slow = true;
	x.deep = true;
	for (i = 0; i < c->corpus.n * times; i++) {
		const struct prog *p = &c->corpus.prog[i % c->corpus.n];

		r = exec_run(&x, p);
		if (!r && i % c->corpus.n == c->corpus.n - 1)
			r = exec_alive(&x, i & 1);
		if (!r)
			continue;
		failed++;
		printf("# %s\n", c->corpus.name[i % c->corpus.n]);
		report(c, i, &x.world, p);
	}
	summary(c, &x, now_ms() - began);
	exec_end(&x);
	return failed ? -EPROTO : 0;
}
