// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "op.h"
#include "prog.h"

unsigned int prog_op_flags(const struct prog *p)
{
	unsigned int i, flags = 0;

	for (i = 0; i < p->n; i++)
		flags |= op_kind(p->op[i].code)->flags;
	return flags;
}

bool prog_is_gentle(const struct prog *p)
{
	bool alone = false, others = false;
	unsigned int i, flags;

	for (i = 0; i < p->n; i++) {
		flags = op_kind(p->op[i].code)->flags;
		if (!(flags & OP_GENTLE))
			return false;
		alone |= flags & OP_ALONE;
		others |= op_thread(&p->op[i]);
	}
	return !(p->flags & PROG_IDLE) && !(alone && others);
}

#define BLANK	"\t\n "
#define SPDX	"SPDX-License-Identifier"
#define CFG	"cfg features=%llx rx=%u tx=%u start=%u backend=%u flags=%x"

static void print_op(FILE *f, const struct op *op)
{
	const struct op_kind *kind = op_kind(op->code);
	unsigned int i;

	fprintf(f, "%u %s", op->thread, kind->name);
	for (i = 0; i < strlen(kind->args); i++)
		fprintf(f, " %#llx", (unsigned long long)op->arg[i]);
	fputc('\n', f);
}

void prog_print(FILE *f, const struct prog *p)
{
	unsigned int i;

	fprintf(f, CFG "\n", (unsigned long long)p->features, p->num[VQ_RX],
		p->num[VQ_TX], p->start, p->backend, p->flags);
	for (i = 0; i < p->n; i++)
		print_op(f, &p->op[i]);
}

static int parse_cfg(const char *line, struct prog *p)
{
	unsigned long long features;
	unsigned int start;

	if (sscanf(line, CFG, &features, &p->num[VQ_RX], &p->num[VQ_TX],
		   &start, &p->backend, &p->flags) != 6)
		return -EINVAL;
	p->features = features;
	p->start = start;
	return 0;
}

static int parse_op(char *line, struct prog *p)
{
	struct op *op = &p->op[p->n];
	char *word, *save = NULL, *end;
	unsigned int i;
	int code;

	word = strtok_r(line, BLANK, &save);
	if (!word || p->n == PROG_OPS)
		return -EINVAL;
	memset(op, 0, sizeof(*op));
	op->thread = strtoul(word, &end, 0) % PROG_THREADS;
	word = strtok_r(NULL, BLANK, &save);
	code = word && !*end ? op_find(word) : -1;
	if (code < 0)
		return -EINVAL;
	op->code = code;
	for (i = 0; i < strlen(op_kind(code)->args); i++) {
		word = strtok_r(NULL, BLANK, &save);
		if (!word)
			return -EINVAL;
		op->arg[i] = strtoull(word, NULL, 0);
	}
	p->n++;
	return 0;
}

int prog_parse(FILE *f, struct prog *p)
{
	char line[256], copy[256];
	bool begun = false;
	int r = 0;

	memset(p, 0, sizeof(*p));
	while (!r && fgets(line, sizeof(line), f)) {
		if (*line == '#' || *line == '\n')
			continue;
		strcpy(copy, line);
		r = begun ? parse_op(line, p) : parse_cfg(line, p);
		begun = true;
		if (r)
			fprintf(stderr, "# no operation: %s", copy);
	}
	return r || begun ? r : -ENODATA;
}

int prog_load(const char *path, struct prog *p)
{
	FILE *f = fopen(path, "r");
	int r;

	if (!f)
		return -errno;
	r = prog_parse(f, p);
	fclose(f);
	return r;
}

int prog_save(const char *path, const struct prog *p)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return -errno;
	fprintf(f, "# %s: GPL-2.0\n", SPDX);
	prog_print(f, p);
	return fclose(f) ? -errno : 0;
}

__u64 prog_hash(const struct prog *p)
{
	const __u8 *at = (const __u8 *)p;
	__u64 h = 0xcbf29ce484222325ULL;
	size_t i;

	for (i = 0; i < sizeof(*p); i++)
		h = (h ^ at[i]) * 0x100000001b3ULL;
	return h;
}
