// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "corpus.h"

int corpus_add(struct corpus *c, const struct prog *p, const char *name)
{
	if (!c->prog) {
		c->prog = calloc(CORPUS_MAX, sizeof(*c->prog));
		c->name = calloc(CORPUS_MAX, sizeof(*c->name));
	}
	if (!c->prog || !c->name)
		return -ENOMEM;
	if (c->n == CORPUS_MAX)
		return -ENOSPC;
	c->prog[c->n] = *p;
	snprintf(c->name[c->n++], sizeof(*c->name), "%s", name);
	return 0;
}

void corpus_free(struct corpus *c)
{
	free(c->prog);
	free(c->name);
	memset(c, 0, sizeof(*c));
}

static int is_program(const struct dirent *e)
{
	return *e->d_name != '.';
}

int corpus_load(struct corpus *c, const char *dir)
{
	struct dirent **list;
	char path[512];
	struct prog p;
	int i, n, r = 0;

	n = scandir(dir, &list, is_program, alphasort);
	if (n < 0)
		return -errno;
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		if (!r)
			r = prog_load(path, &p);
		if (!r)
			r = corpus_add(c, &p, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	return r;
}

static bool still_fails(struct exec *x, const struct prog *p,
			unsigned int tries)
{
	while (tries--)
		if (exec_run(x, p))
			return true;
	return false;
}

int corpus_minimize(struct exec *x, struct prog *p, unsigned int tries)
{
	struct prog less;
	unsigned int i;

	if (!still_fails(x, p, tries))
		return -ENOENT;
	for (i = p->n; i-- > 0;) {
		less = *p;
		less.n--;
		memmove(&less.op[i], &less.op[i + 1],
			(less.n - i) * sizeof(*less.op));
		if (still_fails(x, &less, tries))
			*p = less;
	}
	return 0;
}
