/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest memory: a few regions of shared pages, each between two guard
 * pages. A guest physical address is never equal to the host address, nor
 * does it have the same offset in its page, so a driver that mixes the two
 * up is caught at once.
 */
#ifndef VHT_ARENA_H
#define VHT_ARENA_H

#include "abi.h"
#include "util.h"

#define ARENA_REGIONS	10
#define PAGE		4096UL
/* The last of any address space, whatever the program's own. */
#define LAST_PAGE	(-(__u64)PAGE)

struct arena_region {
	__u64 gpa;
	__u64 bus;		/* for the device: @gpa without an IOMMU */
	char *hva;
	size_t size;
	size_t used;
	bool lent;		/* belongs to somebody else */
};

struct arena {
	struct arena_region region[ARENA_REGIONS];
	unsigned int n;
};

/* Pages between guard pages, NULL on failure; @size is rounded up. */
void *guarded_map(size_t size);
void guarded_unmap(void *p, size_t size);

/* Adds a region and returns its number, or -errno. */
int arena_add(struct arena *a, __u64 gpa, size_t size);
/* The same of memory that is there already. */
int arena_add_lent(struct arena *a, __u64 gpa, void *hva, size_t size);
void *arena_alloc(struct arena *a, unsigned int region, size_t size,
		  size_t align);
/* 0 for an address that is in no region. */
__u64 arena_gpa(const struct arena *a, const void *hva);
/* The same for what the device uses as an address. */
__u64 arena_bus(const struct arena *a, const void *hva);
void arena_free(struct arena *a);

/* Where the memory that a process can have ends. */
__u64 arena_limit(void);

#endif
