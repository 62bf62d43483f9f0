// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that goes away, or is exchanged, while the device is at it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "op.h"

/* Part of an area: all of it, or from one page on. */
static char *some(const struct area *a, __u64 k, size_t *size)
{
	size_t skip = k & 8 ? (k >> 4) * PAGE % a->size : 0;

	*size = a->size - skip;
	return a->at + skip;
}

static int op_mprotect(struct world *w, const struct op *op)
{
	static const int prot[] = {
		PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_WRITE,
	};
	struct area *a = area_sel(w, op->arg[0]);
	size_t size;
	char *at = some(a, op->arg[1], &size);

	return mprotect(at, size, prot[op->arg[1] % ARRAY_SIZE(prot)]) ?
		-errno : 0;
}

static int op_munmap(struct world *w, const struct op *op)
{
	struct area *a = area_sel(w, op->arg[0]);
	size_t size;
	char *at = some(a, op->arg[1], &size);

	return munmap(at, size) ? -errno : 0;
}

/* Other pages, private ones too, or those of a file that becomes shorter. */
static int op_exchange(struct world *w, const struct op *op)
{
	struct area *a = area_sel(w, op->arg[0]);
	int fd = -1, flags = MAP_SHARED | MAP_ANONYMOUS, r = 0;
	size_t size;
	char *at = some(a, op->arg[1], &size);

	if (op->arg[1] & 1)
		flags = MAP_PRIVATE | MAP_ANONYMOUS;
	if (op->arg[1] & 2) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		flags = op->arg[1] & 1 ? MAP_PRIVATE : MAP_SHARED;
		if (fd < 0 || ftruncate(fd, size))
			return -errno;
	}
	if (mmap(at, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0) ==
	    MAP_FAILED)
		r = -errno;
	if (fd >= 0 && op->arg[1] & 4)
		r = ftruncate(fd, 0) ? -errno : r;
	if (fd >= 0)
		close(fd);
	return r;
}

/* Away and, maybe, back again. */
static int op_mremap(struct world *w, const struct op *op)
{
	struct area *a = area_sel(w, op->arg[0]);
	void *to = w->spare + 2 * SCRATCH, *at;

	at = mremap(a->at, a->size, a->size, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	if (at == MAP_FAILED)
		return -errno;
	if (op->arg[1] & 1)
		mremap(at, a->size, a->size, MREMAP_MAYMOVE | MREMAP_FIXED,
		       a->at);
	/* Nobody else is to be found there. */
	at = mmap(to, a->size, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS |
		  MAP_NORESERVE | MAP_FIXED, -1, 0);
	return at == MAP_FAILED ? -errno : 0;
}

static int op_madvise(struct world *w, const struct op *op)
{
	static const int how[] = {
		MADV_DONTNEED, MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK,
		MADV_WILLNEED, MADV_COLD, MADV_PAGEOUT, MADV_FREE,
	};
	struct area *a = area_sel(w, op->arg[0]);
	size_t size;
	char *at = some(a, op->arg[1] >> 4, &size);

	return madvise(at, size, how[op->arg[1] % ARRAY_SIZE(how)]) ?
		-errno : 0;
}

static int op_mlock(struct world *w, const struct op *op)
{
	struct area *a = area_sel(w, op->arg[0]);

	if (mlock(a->at, a->size))
		return -errno;
	return munlock(a->at, a->size) ? -errno : 0;
}

/* Good bytes over bad ones: as if a guest had rebooted. */
static int op_wipe(struct world *w, const struct op *op)
{
	struct area *a = area_sel(w, op->arg[0]);

	if (op->arg[0] % AREAS == AREA_FENCE)
		return 0;
	memset(a->at, op->arg[1], a->size);
	return 0;
}

const struct op_kind ops_memory[] = {
	{ "mprotect", "mk", 6, OP_LOSSY, op_mprotect },
	{ "munmap", "mk", 5, OP_LOSSY, op_munmap },
	{ "exchange", "mk", 5, OP_LOSSY, op_exchange },
	{ "mremap", "mk", 3, OP_LOSSY, op_mremap },
	{ "madvise", "mx", 5, OP_LOSSY, op_madvise },
	{ "mlock", "m", 2, OP_GENTLE, op_mlock },
	{ "wipe", "mk", 2, OP_LOSSY, op_wipe },
	{}
};
