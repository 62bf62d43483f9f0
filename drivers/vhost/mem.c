// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's memory table: checked once when it is made, searched by halves.
 *
 * Nothing here asks whether memory is present behind an address: monitors
 * hand over reserved ranges with holes in them. A hole fails when it is
 * touched, and only then.
 */
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "mem.h"

static int cmp_first(const void *a, const void *b)
{
	const struct vhost_region *l = a, *r = b;

	if (l->first != r->first)
		return l->first < r->first ? -1 : 1;
	if (l->last != r->last)
		return l->last > r->last ? -1 : 1;
	return 0;
}

static int cmp_hva(const void *a, const void *b)
{
	const struct vhost_region *l = a, *r = b;

	if (l->hva == r->hva)
		return 0;
	return l->hva < r->hva ? -1 : 1;
}

static unsigned long last_hva(const struct vhost_region *r)
{
	return r->hva + (unsigned long)(r->last - r->first);
}

static int region_from_user(struct vhost_region *region,
			    const struct vhost_memory_region *user)
{
	u64 last = user->guest_phys_addr + user->memory_size - 1;

	if (!user->memory_size || last < user->guest_phys_addr)
		return -EFAULT;
	/* On 32 bit, what does not fit a pointer can't be a user address. */
	if (user->userspace_addr > ULONG_MAX || user->memory_size > ULONG_MAX)
		return -EFAULT;
	if (!access_ok((void __user *)(unsigned long)user->userspace_addr,
		       user->memory_size))
		return -EFAULT;

	region->first = user->guest_phys_addr;
	region->last = last;
	region->hva = user->userspace_addr;
	return 0;
}

/*
 * Where regions overlap, the one that starts lower counts, or the larger one
 * of two that start alike. Clipping here is
 * what lets a search look at a single candidate.
 */
static void clip_overlaps(struct vhost_mem *mem)
{
	u32 from, to = 0;

	for (from = 0; from < mem->num; from++) {
		struct vhost_region r = mem->regions[from];

		if (to && mem->regions[to - 1].last >= r.first) {
			u64 shared = mem->regions[to - 1].last - r.first + 1;

			if (mem->regions[to - 1].last >= r.last)
				continue;
			r.first += shared;
			r.hva += shared;
		}
		mem->regions[to++] = r;
	}
	mem->num = to;
}

/* The second half of @regions is for the way back. */
static void sort_by_hva(struct vhost_mem *mem, struct vhost_region *to)
{
	u32 i;

	mem->by_hva = to;
	memcpy(to, mem->regions, mem->num * sizeof(*to));
	sort(to, mem->num, sizeof(*to), cmp_hva, NULL);
	for (i = 1; i < mem->num; i++)
		if (last_hva(&to[i - 1]) >= to[i].hva)
			mem->shared = true;
}

/**
 * vhost_mem_create() - make a memory table
 * @user: regions as the owner gave them, copied to the kernel already
 * @num: how many; 0 makes a table without memory
 *
 * Context: may sleep.
 * Return: the table, to be freed with vhost_mem_free(); -EFAULT for a region
 * that is empty, wraps round or can't be the owner's memory; -ENOMEM.
 */
struct vhost_mem *vhost_mem_create(const struct vhost_memory_region *user,
				   u32 num)
{
	struct vhost_mem *mem;
	u32 i;
	int err;

	mem = kvzalloc(struct_size(mem, regions, 2 * (size_t)num),
		       GFP_KERNEL_ACCOUNT);
	if (!mem)
		return ERR_PTR(-ENOMEM);

	mem->num = num;
	for (i = 0; i < num; i++) {
		err = region_from_user(&mem->regions[i], &user[i]);
		if (err)
			goto free_mem;
	}
	sort(mem->regions, num, sizeof(*mem->regions), cmp_first, NULL);
	clip_overlaps(mem);
	sort_by_hva(mem, mem->regions + num);
	return mem;

free_mem:
	kvfree(mem);
	return ERR_PTR(err);
}

/**
 * vhost_mem_free() - free a memory table that no vq uses any more
 * @mem: the table or NULL
 */
void vhost_mem_free(const struct vhost_mem *mem)
{
	kvfree(mem);
}

/**
 * vhost_mem_find() - the region an address is in
 * @mem: the table
 * @gpa: the guest-physical address
 *
 * Return: the region, or NULL if no memory is there.
 */
const struct vhost_region *vhost_mem_find(const struct vhost_mem *mem,
					  struct vhost_gpa gpa)
{
	u32 low = 0, high = mem->num;

	while (low < high) {
		u32 mid = low + (high - low) / 2;
		const struct vhost_region *r = &mem->regions[mid];

		if (gpa.addr < r->first)
			high = mid;
		else if (gpa.addr > r->last)
			low = mid + 1;
		else
			return r;
	}
	return NULL;
}

/**
 * vhost_mem_first_at() - where to look for the regions that share some memory
 * @mem: the table
 * @hva: an address of the owner
 *
 * Return: the first entry of mem->by_hva that may reach to @hva; mem->num if
 * none does.
 */
u32 vhost_mem_first_at(const struct vhost_mem *mem, unsigned long hva)
{
	u32 low = 0, high = mem->num;

	/* The ends are in no order then. */
	if (mem->shared)
		return 0;
	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (last_hva(&mem->by_hva[mid]) < hva)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/**
 * vhost_mem_segments() - translate a piece of guest memory
 * @mem: the table
 * @r: the region it starts in, or NULL
 * @gpa: where it starts
 * @len: bytes, not 0
 * @iov: where to write the segments; a piece that spans regions has several
 * @max: entries of @iov
 *
 * Return: segments written, -EFAULT if some byte has no memory behind it,
 * -ENOBUFS if @max is too small.
 */
int vhost_mem_segments(const struct vhost_mem *mem,
		       const struct vhost_region *r, struct vhost_gpa gpa,
		       u32 len, struct iovec *iov, int max)
{
	u64 left = len, last, size;
	int n = 0;

	if (check_add_overflow(gpa.addr, left - 1, &last))
		return -EFAULT;

	/* Each turn uses up one entry of @iov: at most @max turns. */
	for (;;) {
		if (!r)
			return -EFAULT;
		if (n == max)
			return -ENOBUFS;
		size = min(left, r->last - gpa.addr + 1);
		iov[n].iov_base = (void __user *)(unsigned long)
				  (r->hva + (gpa.addr - r->first));
		iov[n].iov_len = size;
		n++;
		left -= size;
		if (!left)
			return n;
		gpa.addr += size;
		r = vhost_mem_find(mem, gpa);
	}
}
