// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena.h"

static size_t page_round(size_t size)
{
	return (size + PAGE - 1) & ~(PAGE - 1);
}

void *guarded_map(size_t size)
{
	char *p;

	size = page_round(size);
	p = mmap(NULL, size + 2 * PAGE, PROT_NONE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (mprotect(p + PAGE, size, PROT_READ | PROT_WRITE)) {
		munmap(p, size + 2 * PAGE);
		return NULL;
	}
	return p + PAGE;
}

void guarded_unmap(void *p, size_t size)
{
	if (p)
		munmap((char *)p - PAGE, page_round(size) + 2 * PAGE);
}

int arena_add(struct arena *a, __u64 gpa, size_t size)
{
	struct arena_region *r = &a->region[a->n];

	if (a->n == ARENA_REGIONS)
		return -ENOSPC;
	r->size = page_round(size);
	r->hva = guarded_map(r->size);
	if (!r->hva)
		return -ENOMEM;
	r->gpa = gpa;
	r->bus = gpa;
	r->used = 0;
	r->lent = false;
	return a->n++;
}

int arena_add_lent(struct arena *a, __u64 gpa, void *hva, size_t size)
{
	if (a->n == ARENA_REGIONS)
		return -ENOSPC;
	a->region[a->n] = (struct arena_region) {
		.gpa = gpa, .bus = gpa, .hva = hva,
		.size = size, .used = size, .lent = true,
	};
	return a->n++;
}

void *arena_alloc(struct arena *a, unsigned int region, size_t size,
		  size_t align)
{
	struct arena_region *r = &a->region[region];
	size_t at = (r->used + align - 1) & ~(align - 1);

	if (at + size > r->size)
		return NULL;
	r->used = at + size;
	return r->hva + at;
}

static const struct arena_region *find(const struct arena *a, const char *hva)
{
	const struct arena_region *r;

	for (r = a->region; r < a->region + a->n; r++)
		if (hva >= r->hva && (size_t)(hva - r->hva) < r->size)
			return r;
	return NULL;
}

__u64 arena_gpa(const struct arena *a, const void *hva)
{
	const struct arena_region *r = find(a, hva);

	return r ? r->gpa + ((const char *)hva - r->hva) : 0;
}

__u64 arena_bus(const struct arena *a, const void *hva)
{
	const struct arena_region *r = find(a, hva);

	return r ? r->bus + ((const char *)hva - r->hva) : 0;
}

void arena_free(struct arena *a)
{
	unsigned int i;

	for (i = 0; i < a->n; i++)
		if (!a->region[i].lent)
			guarded_unmap(a->region[i].hva, a->region[i].size);
	memset(a, 0, sizeof(*a));
}

__u64 arena_limit(void)
{
	/* Only user-mode kernels have this file, and a page table less. */
	if (!access("/proc/exitcode", F_OK))
		return BIT(39) - BIT(30);
	return BIT(47) - PAGE;
}
