// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "op.h"
#include "oracle.h"

#define SETTLE_MS	20
#define WATCH_MS	100
/* Slabs come and go with whatever else the machine does. */
#define SLACK_KB	(48 << 10)

static long changed(const char *from, const char *to, char mark)
{
	const char *at;

	for (at = from; at < to; at++)
		if (*at != mark)
			return at - from;
	return -1;
}

static int check(struct world *w, const char *what, const char *from,
		 const char *to, char mark)
{
	long at = changed(from, to, mark);

	if (at < 0)
		return 0;
	return world_fail(w, "%s: byte %ld of %ld was written to", what, at,
			  (long)(to - from));
}

/* In front of the ring's parts, which end where their pages do. */
static int check_rings(struct world *w)
{
	enum vq_layout layout = w->g.vq[0].cfg.layout;
	const struct vq *vq = w->vq[layout];
	const struct area *a = w->area;
	unsigned int i;
	size_t size;
	int r = 0;

	for (i = 0; i < VQ_MAX * VQ_PARTS && !r; i++, a++)
		if (!a->touched)
			r = check(w, "in front of a ring", a->at,
				  vq_part(&vq[i / VQ_PARTS], i % VQ_PARTS,
					  &size), 0);
	return r;
}

int oracle_marks(struct world *w)
{
	const char *fence = w->fence;
	int r;

	r = check(w, "read-only page", w->readonly, w->readonly + PAGE,
		  (char)FENCE_MARK);
	if (r)
		memset(w->readonly, FENCE_MARK, PAGE);
	if (r || prog_op_flags(w->prog) & OP_MOVES)
		return r;
	if (!w->area[AREA_FENCE].touched) {
		r = check(w, "before the fence", fence, fence + FENCE_MARGIN,
			  (char)FENCE_MARK);
		if (!r)
			r = check(w, "behind the fence",
				  fence + PAGE - FENCE_MARGIN, fence + PAGE,
				  (char)FENCE_MARK);
	}
	return r ? r : check_rings(w);
}

static long cpu_ms(const pid_t *tid, unsigned int n)
{
	long sum = 0;

	while (n--)
		sum += worker_cpu_ms(tid[n]);
	return sum;
}

int oracle_idle(struct world *w, const pid_t *tid, unsigned int n)
{
	unsigned int i;
	long spent;

	for (i = 0; i < VQ_MAX; i++)
		dev_vring_state(w->g.fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, i,
				0);
	pause_ms(SETTLE_MS);
	spent = cpu_ms(tid, n);
	pause_ms(WATCH_MS);
	spent = cpu_ms(tid, n) - spent;
	if (spent < WATCH_MS / 4)
		return 0;
	return world_fail(w, "idle workers: busy for %ld of %d ms", spent,
			  WATCH_MS);
}

static unsigned int count_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	if (!d)
		return 0;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* The number behind a word in a file. */
static unsigned long read_number(const char *path, const char *word)
{
	char line[256], *at;
	unsigned long n = 0;
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f)) {
		at = strstr(line, word);
		if (at) {
			n = strtoul(at + strlen(word), NULL, 10);
			break;
		}
	}
	if (f)
		fclose(f);
	return n;
}

void oracle_count(struct holdings *h, const pid_t *tid, unsigned int n)
{
	memset(h, 0, sizeof(*h));
	h->fds = count_files();
	h->sockets = read_number("/proc/self/net/sockstat", "sockets: used ");
	h->slab_kb = read_number("/proc/meminfo", "SUnreclaim:");
	h->vmalloc_kb = read_number("/proc/meminfo", "VmallocUsed:");
	h->stack_kb = read_number("/proc/meminfo", "KernelStack:");
	while (n--)
		h->workers += worker_count(tid[n]);
}

static bool more(const char *what, unsigned long before, unsigned long after,
		 unsigned long slack)
{
	if (after <= before + slack)
		return false;
	printf("# leak: %s: %lu, then %lu\n", what, before, after);
	return true;
}

bool oracle_leaks(const struct holdings *b, const struct holdings *a)
{
	bool bad = more("files", b->fds, a->fds, 0);

	bad |= more("sockets", b->sockets, a->sockets, 0);
	bad |= more("slab", b->slab_kb, a->slab_kb, SLACK_KB);
	bad |= more("vmalloc", b->vmalloc_kb, a->vmalloc_kb, SLACK_KB / 8);
	bad |= more("stacks", b->stack_kb, a->stack_kb, 4096);
	bad |= more("workers", b->workers, a->workers, 0);
	return bad;
}
