/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The dirty log, as a monitor that migrates its guest uses it, and an oracle
 * for it.
 *
 * The device sets a bit for every page of guest memory that it writes to. The
 * oracle knows where it has written: it remembers what was in memory before,
 * and it is told by the test what used buffers say. What neither explains
 * must have no bit.
 *
 * Nothing here is for ring parts that only the guest writes.
 */
#ifndef VHT_DIRTY_H
#define VHT_DIRTY_H

#include "guest.h"

#define F_LOG		BIT(VHOST_F_LOG_ALL)
#define DIRTY_AREAS	20

/* One bit for each 4 KiB, from guest address 0 on. */
struct bitmap {
	__u8 *base;		/* what VHOST_SET_LOG_BASE is given */
	size_t size;		/* bytes that the guest's memory needs */
	char *map;		/* pages around it, zero as well */
	size_t map_size;
	int fd;			/* what is mapped there */
};

/* A bitmap that ends at a guard page, and begins wherever that leads to. */
#define BITMAP_AT_END	(~(size_t)0)

/* For memory up to @top; the base is @shift bytes off a page boundary. */
int bitmap_init(struct bitmap *b, __u64 top, size_t shift);
void bitmap_free(struct bitmap *b);
bool bitmap_test(const struct bitmap *b, __u64 gpa);
void bitmap_reset(struct bitmap *b, __u64 gpa);
/* No bit is set, neither in it nor around it. */
bool bitmap_empty(const struct bitmap *b);
/* May be called while a device sets bits. */
void bitmap_clear(struct bitmap *b);
int bitmap_protect(struct bitmap *b, int prot);
/* Clear one that may be protected; who sets bits may lose them. */
int bitmap_wipe(struct bitmap *b);

/* A range of guest memory that nobody but the device writes to, mostly. */
struct dirty_area {
	__u64 gpa;
	char *hva;
	size_t size;
	char *copy;
	__u8 *mark;		/* one for each page */
	bool shared;		/* the guest writes to it, too */
};

struct dirty {
	struct dirty_area area[DIRTY_AREAS];
	unsigned int n;
	bool outside;		/* something was marked that is in no area */
};

/* How sure it is that a page was written to. */
enum { DIRTY_MAY = 1, DIRTY_MUST = 2 };

int dirty_add(struct dirty *d, __u64 gpa, void *hva, size_t size);
/* The receive buffers and the used rings of @g. */
int dirty_add_guest(struct dirty *d, struct guest *g);
void dirty_free(struct dirty *d);

/* Take a copy of all areas, forget all marks. */
void dirty_begin(struct dirty *d);
void dirty_mark(struct dirty *d, __u64 gpa, size_t len, int how);
/* The first @len bytes of a buffer were written to. */
void dirty_mark_buf(struct dirty *d, const struct buf *b, __u32 len);
/* The same for a buffer of which the guest knows no addresses of its own. */
void dirty_mark_host(struct dirty *d, const struct arena *a,
		     const struct buf *b, __u32 len);
/* Ring entries that were used since dirty_forget_used(). */
void dirty_mark_used(struct dirty *d, const struct guest *g,
		     unsigned int index);
void dirty_forget_used(struct guest *g, unsigned int index);
/*
 * Are exactly the bits set of pages that were written to? Says on stderr what
 * isn't right. The device must be at rest.
 */
bool dirty_exact(const struct dirty *d, const struct bitmap *b);
/* All that was written to has its bit; there may be more. */
bool dirty_covered(const struct dirty *d, const struct bitmap *b);

/*
 * What a monitor does again and again: take the bits away and copy the pages.
 * How many pages it were.
 */
unsigned int dirty_sync(struct dirty *d, struct bitmap *b);
/* Is memory what the copies say? */
bool dirty_same(const struct dirty *d);

/* Where the used ring is for the guest: nowhere near anything else. */
__u64 dirty_used_gpa(const struct guest *g, unsigned int index);
/* The end of all that may be logged for @g. */
__u64 dirty_top(const struct guest *g);
int dirty_set_base(int fd, const void *base);
/* VHOST_SET_VRING_ADDR for both rings. */
int dirty_set_rings(struct guest *g, bool log);
/* As QEMU does when a migration begins and ends; rings may run. */
int dirty_log_on(struct guest *g, const struct bitmap *b);
int dirty_log_off(struct guest *g);
bool dirty_log_offered(int fd);

#endif
