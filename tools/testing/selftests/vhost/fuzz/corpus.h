/* SPDX-License-Identifier: GPL-2.0 */
/* Programs that reached something new, in memory and in a directory. */
#ifndef FUZZ_CORPUS_H
#define FUZZ_CORPUS_H

#include "exec.h"

#define CORPUS_MAX	4096

struct corpus {
	struct prog *prog;
	char (*name)[64];
	unsigned int n;
};

/* All files of a directory, in the order of their names. */
int corpus_load(struct corpus *c, const char *dir);
int corpus_add(struct corpus *c, const struct prog *p, const char *name);
void corpus_free(struct corpus *c);
/* Leave out what is not needed for the failure that a program has. */
int corpus_minimize(struct exec *x, struct prog *p, unsigned int tries);

#endif
