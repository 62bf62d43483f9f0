/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's memory: a table from guest-physical addresses to the owner's.
 *
 * A table never changes. A new one replaces it under the mutex of each vq in
 * turn, and the old one is freed when the last vq has let go of it.
 */
#ifndef VHOST_MEM_H
#define VHOST_MEM_H

#include <linux/types.h>
#include <linux/uio.h>

/* A guest-physical address: not to be mixed up with the owner's addresses. */
struct vhost_gpa {
	u64 addr;
};

/**
 * struct vhost_region - a run of guest memory
 * @first: first guest-physical address
 * @last: last guest-physical address, so that a run can end at 2^64 - 1
 * @hva: the owner's address of @first
 */
struct vhost_region {
	u64 first;
	u64 last;
	unsigned long hva;
};

/**
 * struct vhost_mem - a memory table
 * @num: regions
 * @blank: not set by anybody, but left by VHOST_RESET_OWNER
 * @shared: some of the owner's memory is in more than one region
 * @by_hva: all regions in order of @hva, for the way back
 * @regions: in order of @first, none overlapping its neighbour
 */
struct vhost_mem {
	u32 num;
	bool blank;
	bool shared;
	struct vhost_region *by_hva;
	struct vhost_region regions[];
};

struct vhost_memory_region;

/* mem.c APIs: */
struct vhost_mem *vhost_mem_create(const struct vhost_memory_region *user,
				   u32 num);
void vhost_mem_free(const struct vhost_mem *mem);
const struct vhost_region *vhost_mem_find(const struct vhost_mem *mem,
					  struct vhost_gpa gpa);
u32 vhost_mem_first_at(const struct vhost_mem *mem, unsigned long hva);
int vhost_mem_segments(const struct vhost_mem *mem,
		       const struct vhost_region *r, struct vhost_gpa gpa,
		       u32 len, struct iovec *iov, int max);

#endif
