// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "gen.h"
#include "op.h"

/* Bits that guests agree on, and two of the device's own. */
#define F_RESET		BIT(40)
#define F_LOG		BIT(VHOST_F_LOG_ALL)

static const __u64 feature_bits[] = {
	F_EVENT, F_EVENT, F_INDIRECT, F_INDIRECT, F_MRG, F_MRG, F_V1, F_V1,
	F_IN_ORDER, F_EMPTY, F_PLATFORM, F_HOST_HDR, F_RESET,
};

static const __u64 edges[] = {
	0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 257,
	511, 512, 1023, 1024, 4095, 4096, 32767, 32768, 32769, 65535, 65536,
	0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, -1ULL, -2ULL,
	0x7fffffffffffffff, 0x8000000000000000, 0xffff8000ffffffff,
};

static __u64 pick(struct gen *g, __u64 n)
{
	return rnd(&g->seed) % n;
}

/* All 64 bits. */
static __u64 wild(struct gen *g)
{
	return rnd(&g->seed) ^ rnd(&g->seed) << 32;
}

static __u64 edge(struct gen *g)
{
	__u64 v = edges[pick(g, ARRAY_SIZE(edges))];

	switch (pick(g, 4)) {
	case 0:
		return wild(g);
	case 1:
		return v + pick(g, 5) - 2;
	default:
		return v;
	}
}

static __u64 some_features(struct gen *g)
{
	__u64 features = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(feature_bits); i++)
		if (!pick(g, 3))
			features |= feature_bits[i];
	if (g->format == GEN_PACKED || (g->format == GEN_BOTH && pick(g, 2)))
		features |= F_PACKED | F_V1;
	return features;
}

static __u64 features_arg(struct gen *g)
{
	__u64 features = some_features(g);

	if (!pick(g, 4))
		features ^= F_PACKED;
	if (!pick(g, 4))
		features |= F_LOG;
	if (!pick(g, 8))
		features ^= BIT(pick(g, 64));
	return features;
}

/* Mostly sizes that rings have here. */
static __u64 num_arg(struct gen *g)
{
	__u64 n;

	switch (pick(g, 8)) {
	case 0:
		return edge(g);
	case 1:
		return pick(g, 300);
	default:
		n = 1ULL << pick(g, 9);
		return n;
	}
}

static __u64 addr_arg(struct gen *g)
{
	static const __u8 kind[] = {
		0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 4, 5,
		6, 6, 6, 7, 7, 7, 8, 9, 10, 11, 12, 15,
	};

	return (__u64)kind[pick(g, ARRAY_SIZE(kind))] << 56 |
		(pick(g, 4) ? pick(g, 4096) : pick(g, BIT(32)));
}

static __u64 user_arg(struct gen *g)
{
	return pick(g, 10) << 56 | (pick(g, 2) ? pick(g, 64) * 1024 :
						 pick(g, BIT(24)));
}

static __u64 len_arg(struct gen *g)
{
	switch (pick(g, 8)) {
	case 0:
		return edge(g);
	case 1:
		return pick(g, 65536);
	case 2:
		return (pick(g, 64) + 1) * 16;
	default:
		return pick(g, 2000);
	}
}

/* See make_flags() and op_desc() for the bits. */
static __u64 flags_arg(struct gen *g)
{
	__u64 f = 0;

	if (!pick(g, 3))
		f |= VRING_DESC_F_NEXT;
	if (!pick(g, 6))
		f |= VRING_DESC_F_INDIRECT;
	if (!pick(g, 8))
		f |= 8 | pick(g, 8);
	if (!pick(g, 32))
		f |= 16 | pick(g, 65536) << 16;
	f |= pick(g, 4) << 5;
	if (!pick(g, 4))
		f |= 128;
	return f | pick(g, pick(g, 4) ? 16 : 65536) << 32;
}

static __u64 time_arg(struct gen *g)
{
	return pick(g, 16) ? pick(g, 300) : edge(g);
}

static __u64 make_arg(struct gen *g, char kind)
{
	switch (kind) {
	case 'q':
		return pick(g, 40) ? pick(g, VQ_MAX) : edge(g);
	case 'n':
		return num_arg(g);
	case 'u':
	case 'v':
		return edge(g);
	case 's':
		return pick(g, 4) ? pick(g, 8) : pick(g, 256);
	case 'F':
		return features_arg(g);
	case 'd':
		return pick(g, FDS);
	case 'w':
		return pick(g, 10) ? pick(g, 9) : edge(g);
	case 'p':
		return pick(g, 3) ? 0 : pick(g, 256);
	case 'a':
		return addr_arg(g);
	case 'l':
		return len_arg(g);
	case 'f':
		return flags_arg(g);
	case 'i':
		return pick(g, 4) ? pick(g, 16) : pick(g, 256);
	case 'm':
	case 'k':
	case 'b':
		return pick(g, 256);
	case 't':
		return time_arg(g);
	case 'c':
		return pick(g, 256) | (pick(g, 4) ? 0 : pick(g, 5) << 8 |
				       pick(g, BIT(32)) << 16);
	case 'o':
		return user_arg(g);
	default:
		return wild(g);
	}
}

static bool usable(const struct gen *g, const struct op_kind *kind,
		   bool gentle)
{
	if (gentle && !(kind->flags & OP_GENTLE))
		return false;
	return g->slow || !(kind->flags & OP_SLOW);
}

static unsigned int any_code(struct gen *g, bool gentle)
{
	unsigned int i, sum = 0;

	for (i = 0; i < op_kinds(); i++)
		if (usable(g, op_kind(i), gentle))
			sum += op_kind(i)->weight;
	sum = pick(g, sum);
	for (i = 0;; i++) {
		if (!usable(g, op_kind(i), gentle))
			continue;
		if (sum < op_kind(i)->weight)
			return i;
		sum -= op_kind(i)->weight;
	}
}

static void make_op(struct gen *g, struct op *op, bool gentle,
		    unsigned int threads)
{
	const char *args;
	unsigned int i;

	memset(op, 0, sizeof(*op));
	op->code = any_code(g, gentle);
	/* Things that take long are not for every program. */
	if (op_kind(op->code)->flags & OP_SLOW && pick(g, 100))
		op->code = any_code(g, true);
	op->thread = pick(g, threads);
	args = op_kind(op->code)->args;
	for (i = 0; args[i]; i++)
		op->arg[i] = make_arg(g, args[i]);
}

static void make_cfg(struct gen *g, struct prog *p)
{
	unsigned int i;

	p->features = some_features(g);
	for (i = 0; i < VQ_MAX; i++) {
		p->num[i] = 1 << pick(g, 9);
		if (prog_is_packed(p) && !pick(g, 4))
			p->num[i] = pick(g, WORLD_NUM) + 1;
	}
	p->start = pick(g, 2) ? 0 : pick(g, 65536);
	p->backend = pick(g, BACKENDS);
	/* A new device has a new worker, which takes its time. */
	if (!pick(g, 64))
		p->flags |= PROG_FRESH;
	else if (!pick(g, 64))
		p->flags |= PROG_RESET;
}

static void make_prog(struct gen *g, struct prog *p)
{
	bool gentle = !pick(g, 4);
	unsigned int i, threads = pick(g, 4) ? 1 : 1 + pick(g, PROG_THREADS);

	memset(p, 0, sizeof(*p));
	make_cfg(g, p);
	if (!gentle && !pick(g, 16))
		p->flags |= PROG_IDLE;
	p->n = 4 + pick(g, pick(g, 12) ? 8 : PROG_OPS - 4);
	for (i = 0; i < p->n; i++)
		make_op(g, &p->op[i], gentle, threads);
}

static void drop_op(struct prog *p, unsigned int at)
{
	p->n--;
	memmove(&p->op[at], &p->op[at + 1], (p->n - at) * sizeof(*p->op));
	memset(&p->op[p->n], 0, sizeof(*p->op));
}

static void insert_op(struct prog *p, unsigned int at, const struct op *op)
{
	struct op copy = *op;

	if (p->n == PROG_OPS)
		return;
	memmove(&p->op[at + 1], &p->op[at], (p->n - at) * sizeof(*p->op));
	p->op[at] = copy;
	p->n++;
}

static void change_arg(struct gen *g, struct op *op)
{
	const char *args = op_kind(op->code)->args;
	unsigned int i;

	if (!*args)
		return;
	i = pick(g, strlen(args));
	switch (pick(g, 4)) {
	case 0:
		op->arg[i] ^= BIT(pick(g, 64));
		break;
	case 1:
		op->arg[i] += pick(g, 17) - 8;
		break;
	default:
		op->arg[i] = make_arg(g, args[i]);
	}
}

/* The end of one, or a piece of it, behind the beginning of another. */
static void splice(struct gen *g, struct prog *p)
{
	const struct prog *from = &g->corpus[pick(g, g->n)];
	unsigned int i, at = pick(g, p->n + 1);

	if (!from->n)
		return;
	for (i = pick(g, from->n); i < from->n && at < PROG_OPS; i++)
		insert_op(p, at++, &from->op[i]);
}

static void mutate_once(struct gen *g, struct prog *p)
{
	unsigned int at = p->n ? pick(g, p->n) : 0;
	struct op op;

	switch (p->n ? pick(g, 12) : 0) {
	case 0:
	case 1:
	case 2:
		make_op(g, &op, prog_is_gentle(p), PROG_THREADS);
		insert_op(p, at, &op);
		break;
	case 3:
	case 4:
		drop_op(p, at);
		break;
	case 5:
		insert_op(p, pick(g, p->n + 1), &p->op[at]);
		break;
	case 6:
		splice(g, p);
		break;
	case 7:
		p->op[at].thread = pick(g, PROG_THREADS);
		break;
	case 8:
		make_cfg(g, p);
		break;
	default:
		change_arg(g, &p->op[at]);
	}
}

static bool has_format(const struct gen *g, const struct prog *p)
{
	return g->format & (prog_is_packed(p) ? GEN_PACKED : GEN_SPLIT);
}

void gen_prog(struct gen *g, struct prog *p)
{
	unsigned int n = 1 + pick(g, 6);

	if (!g->n || pick(g, 2)) {
		make_prog(g, p);
		return;
	}
	*p = g->corpus[pick(g, g->n)];
	while (n--)
		mutate_once(g, p);
	if (!has_format(g, p))
		make_cfg(g, p);
}
