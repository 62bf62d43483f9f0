// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dirty.h"

#define PAGE_BITS	12
/* Bits in a byte of the bitmap. */
#define BYTE		8
#define WORD		sizeof(__u64)
/* Lines about what is wrong; the first ones are enough. */
#define LINES		8

/* Off the page boundary, so that the first entry lies across one. */
#define USED_GPA	0x2a00000ff8ULL
#define USED_STEP	0x400000ULL

static __u64 page_of(__u64 gpa)
{
	return gpa >> PAGE_BITS;
}

int bitmap_init(struct bitmap *b, __u64 top, size_t shift)
{
	size_t pages;

	b->size = page_of(top - 1) / BYTE + 1;
	pages = (b->size + 2 * PAGE - 1) / PAGE;
	b->map_size = (pages + 2) * PAGE;
	b->fd = memfd_create("bitmap", MFD_CLOEXEC);
	if (b->fd < 0 || ftruncate(b->fd, b->map_size))
		return -errno;
	b->map = guarded_map(b->map_size);
	if (!b->map)
		return -ENOMEM;
	if (mmap(b->map, b->map_size, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, b->fd, 0) == MAP_FAILED)
		return -errno;
	if (shift == BITMAP_AT_END)
		b->base = (__u8 *)b->map + b->map_size - b->size;
	else
		b->base = (__u8 *)b->map + PAGE + shift;
	return 0;
}

void bitmap_free(struct bitmap *b)
{
	if (!b->map)
		return;
	guarded_unmap(b->map, b->map_size);
	close(b->fd);
	memset(b, 0, sizeof(*b));
}

bool bitmap_test(const struct bitmap *b, __u64 gpa)
{
	__u64 page = page_of(gpa);
	__u8 byte = __atomic_load_n(&b->base[page / BYTE], __ATOMIC_ACQUIRE);

	return byte >> page % BYTE & 1;
}

void bitmap_reset(struct bitmap *b, __u64 gpa)
{
	__u64 page = page_of(gpa);

	__atomic_and_fetch(&b->base[page / BYTE], ~(1 << page % BYTE),
			   __ATOMIC_RELAXED);
}

/* Where the next page is that was ever written to, or NULL. */
static const __u64 *next_page(const struct bitmap *b, const __u64 *w)
{
	off_t at = lseek(b->fd, (const char *)w - b->map, SEEK_DATA);

	return at < 0 ? NULL : (const __u64 *)(b->map + at);
}

/* The next word of the map that isn't zero, NULL if there is none. */
static const __u64 *next_word(const struct bitmap *b, const __u64 *w)
{
	const __u64 *end = (const __u64 *)(b->map + b->map_size);

	for (w = w ? w + 1 : (const __u64 *)b->map; w < end; w++) {
		if (!((uintptr_t)w % PAGE))
			w = next_page(b, w);
		if (!w || *w)
			return w;
	}
	return NULL;
}

bool bitmap_empty(const struct bitmap *b)
{
	return !next_word(b, NULL);
}

void bitmap_clear(struct bitmap *b)
{
	const __u64 *w = NULL;

	/* The device may be setting bits. */
	while ((w = next_word(b, w)))
		__atomic_exchange_n((__u64 *)w, 0, __ATOMIC_SEQ_CST);
}

int bitmap_protect(struct bitmap *b, int prot)
{
	return mprotect(b->map, b->map_size, prot) ? -errno : 0;
}

int bitmap_wipe(struct bitmap *b)
{
	return fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 b->map_size) ? -errno : 0;
}

static __u64 first_page(const struct dirty_area *a)
{
	return page_of(a->gpa);
}

static unsigned int pages_in(const struct dirty_area *a)
{
	return page_of(a->gpa + a->size - 1) - first_page(a) + 1;
}

static bool has_page(const struct dirty_area *a, __u64 page)
{
	return page - first_page(a) < pages_in(a);
}

/* The part of page number @page that is in the area. */
static size_t part_of(const struct dirty_area *a, __u64 page, size_t *len)
{
	__u64 from = page << PAGE_BITS, to = from + PAGE;

	if (from < a->gpa)
		from = a->gpa;
	if (to > a->gpa + a->size)
		to = a->gpa + a->size;
	*len = to - from;
	return from - a->gpa;
}

int dirty_add(struct dirty *d, __u64 gpa, void *hva, size_t size)
{
	struct dirty_area *a = &d->area[d->n];

	if (d->n == DIRTY_AREAS)
		return -ENOSPC;
	*a = (struct dirty_area) { .gpa = gpa, .hva = hva, .size = size };
	a->copy = malloc(size);
	a->mark = calloc(pages_in(a), 1);
	d->n++;
	return a->copy && a->mark ? 0 : -ENOMEM;
}

static int add_packed(struct dirty *d, const struct guest *g,
		      const struct vq *vq)
{
	size_t size;
	void *ring = vq_part(vq, VQ_DESC, &size);
	int err = dirty_add(d, arena_gpa(&g->arena, ring), ring, size);

	d->area[d->n - 1].shared = true;
	return err;
}

int dirty_add_guest(struct dirty *d, struct guest *g)
{
	struct arena_region *r = &g->arena.region[REGION_RX];
	unsigned int i;
	size_t size;
	void *used;
	int err;

	err = dirty_add(d, r->gpa, r->hva, r->size);
	for (i = 0; i < VQ_MAX && !err; i++) {
		used = vq_part(&g->vq[i], VQ_USED, &size);
		err = dirty_add(d, dirty_used_gpa(g, i), used, size);
		if (!err && g->cfg.features & F_PACKED)
			err = add_packed(d, g, &g->vq[i]);
	}
	return err;
}

void dirty_free(struct dirty *d)
{
	unsigned int i;

	for (i = 0; i < d->n; i++) {
		free(d->area[i].copy);
		free(d->area[i].mark);
	}
	memset(d, 0, sizeof(*d));
}

void dirty_begin(struct dirty *d)
{
	struct dirty_area *a;

	for (a = d->area; a < d->area + d->n; a++) {
		memcpy(a->copy, a->hva, a->size);
		memset(a->mark, 0, pages_in(a));
	}
	d->outside = false;
}

static void mark_page(struct dirty *d, __u64 page, int how)
{
	struct dirty_area *a;
	bool found = false;

	for (a = d->area; a < d->area + d->n; a++) {
		if (!has_page(a, page))
			continue;
		a->mark[page - first_page(a)] |= how;
		found = true;
	}
	if (!found)
		d->outside = true;
}

void dirty_mark(struct dirty *d, __u64 gpa, size_t len, int how)
{
	__u64 page;

	for (page = page_of(gpa); len && page <= page_of(gpa + len - 1); page++)
		mark_page(d, page, how);
}

void dirty_mark_buf(struct dirty *d, const struct buf *b, __u32 len)
{
	unsigned int i;
	__u32 now;

	for (i = 0; i < b->nseg && len; i++) {
		now = min_size(len, b->seg[i].len);
		dirty_mark(d, b->seg[i].gpa, now, DIRTY_MUST);
		len -= now;
	}
}

void dirty_mark_host(struct dirty *d, const struct arena *a,
		     const struct buf *b, __u32 len)
{
	unsigned int i;
	__u32 now;

	for (i = 0; i < b->nseg && len; i++) {
		now = min_size(len, b->seg[i].len);
		dirty_mark(d, arena_gpa(a, b->at[i]), now, DIRTY_MUST);
		len -= now;
	}
}

static bool mark_entries(struct dirty *d, const struct vq *vq, __u64 gpa,
			 size_t step, size_t len)
{
	bool any = false;
	unsigned int i;

	for (i = 0; i < vq->num; i++) {
		if (!vq->wrote[i])
			continue;
		dirty_mark(d, gpa + i * step, len, DIRTY_MUST);
		any = true;
	}
	return any;
}

static void mark_used_split(struct dirty *d, const struct vq *vq, __u64 gpa)
{
	const size_t each = sizeof(struct vring_used_elem);
	const size_t ring = offsetof(struct vring_used, ring);

	/* Flags and event are written as the device sees fit. */
	dirty_mark(d, gpa, sizeof(__u16), DIRTY_MAY);
	if (vq->cfg.features & F_EVENT)
		dirty_mark(d, gpa + ring + each * vq->num, sizeof(__u16),
			   DIRTY_MAY);
	if (mark_entries(d, vq, gpa + ring, each, each))
		dirty_mark(d, gpa + offsetof(struct vring_used, idx),
			   sizeof(__u16), DIRTY_MUST);
}

/* Of an entry, the last half is written. */
static void mark_used_packed(struct dirty *d, const struct guest *g,
			     const struct vq *vq, __u64 events)
{
	const size_t at = offsetof(struct vring_packed_desc, len);
	const size_t each = sizeof(struct vring_packed_desc);
	__u64 gpa = arena_gpa(&g->arena, vq->packed.desc);

	dirty_mark(d, events, sizeof(*vq->packed.device), DIRTY_MAY);
	mark_entries(d, vq, gpa + at, each, each - at);
}

void dirty_mark_used(struct dirty *d, const struct guest *g,
		     unsigned int index)
{
	__u64 gpa = dirty_used_gpa(g, index);
	const struct vq *vq = &g->vq[index];

	if (vq->cfg.layout == VQ_PACKED)
		mark_used_packed(d, g, vq, gpa);
	else
		mark_used_split(d, vq, gpa);
}

void dirty_forget_used(struct guest *g, unsigned int index)
{
	struct vq *vq = &g->vq[index];

	memset(vq->wrote, 0, vq->num * sizeof(*vq->wrote));
}

static int marks_of(const struct dirty *d, __u64 page)
{
	const struct dirty_area *a;
	int how = 0;

	for (a = d->area; a < d->area + d->n; a++)
		if (has_page(a, page))
			how |= a->mark[page - first_page(a)];
	return how;
}

static void complain(unsigned int *lines, const char *what, __u64 number)
{
	if ((*lines)++ < LINES)
		fprintf(stderr, "# log: %s %#llx\n", what,
			(unsigned long long)number);
}

/* Look at the bits that are set: none without a reason. */
static void check_set(const struct dirty *d, const struct bitmap *b,
		      unsigned int *lines)
{
	const __u64 *w = NULL;
	unsigned int bit;
	size_t at;

	while ((w = next_word(b, w))) {
		for (bit = 0; bit < WORD * BYTE; bit++) {
			if (!(*w >> bit & 1))
				continue;
			/* Wraps for what is in front of the bitmap. */
			at = (__u8 *)w + bit / BYTE - b->base;
			if (at >= b->size)
				complain(lines, "outside of the bitmap, byte",
					 at);
			else if (!marks_of(d, at * BYTE + bit % BYTE))
				complain(lines, "not written to: page",
					 at * BYTE + bit % BYTE);
		}
	}
}

/* Look at the pages that were written to: all have their bit. */
static void check_written(const struct dirty *d, const struct bitmap *b,
			  bool marks, unsigned int *lines)
{
	const struct dirty_area *a;
	__u64 page, last;
	bool changed;
	size_t at, n;

	for (a = d->area; a < d->area + d->n; a++) {
		last = first_page(a) + pages_in(a) - 1;
		for (page = first_page(a); page <= last; page++) {
			at = part_of(a, page, &n);
			changed = !a->shared &&
				memcmp(a->copy + at, a->hva + at, n);
			if (marks && changed && !marks_of(d, page))
				complain(lines, "written, but why? page", page);
			if (!changed && !(marks_of(d, page) & DIRTY_MUST))
				continue;
			if (!bitmap_test(b, page << PAGE_BITS))
				complain(lines, "not logged: page", page);
		}
	}
}

bool dirty_exact(const struct dirty *d, const struct bitmap *b)
{
	unsigned int lines = 0;

	if (d->outside)
		complain(&lines, "the test marked what is no area", 0);
	check_set(d, b, &lines);
	check_written(d, b, true, &lines);
	return !lines;
}

bool dirty_covered(const struct dirty *d, const struct bitmap *b)
{
	unsigned int lines = LINES;

	check_written(d, b, false, &lines);
	return lines == LINES;
}

static unsigned int copy_page(struct dirty *d, __u64 page)
{
	struct dirty_area *a;
	size_t at, n;

	for (a = d->area; a < d->area + d->n; a++) {
		if (!has_page(a, page))
			continue;
		at = part_of(a, page, &n);
		memcpy(a->copy + at, a->hva + at, n);
	}
	return 1;
}

static unsigned int sync_byte(struct dirty *d, struct bitmap *b, size_t at)
{
	__u8 byte = __atomic_exchange_n(&b->base[at], 0, __ATOMIC_SEQ_CST);
	unsigned int bit, n = 0;

	for (bit = 0; bit < BYTE; bit++)
		if (byte >> bit & 1)
			n += copy_page(d, at * BYTE + bit);
	return n;
}

static unsigned int sync_word(struct dirty *d, struct bitmap *b, size_t at)
{
	__u64 *w = (__u64 *)(b->base + at), word;
	unsigned int bit, n = 0;

	/* A locked access for each word would be slower. */
	if (!__atomic_load_n(w, __ATOMIC_RELAXED))
		return 0;
	word = __atomic_exchange_n(w, 0, __ATOMIC_SEQ_CST);
	for (bit = 0; bit < WORD * BYTE; bit++)
		if (word >> bit & 1)
			n += copy_page(d, at * BYTE + bit);
	return n;
}

unsigned int dirty_sync(struct dirty *d, struct bitmap *b)
{
	bool aligned = !((uintptr_t)b->base % WORD);
	size_t step = aligned ? WORD : 1, at, last;
	const struct dirty_area *a;
	unsigned int n = 0;

	for (a = d->area; a < d->area + d->n; a++) {
		at = first_page(a) / BYTE & ~(step - 1);
		last = (first_page(a) + pages_in(a) - 1) / BYTE;
		for (; at <= last; at += step)
			n += aligned ? sync_word(d, b, at) :
				sync_byte(d, b, at);
	}
	return n;
}

bool dirty_same(const struct dirty *d)
{
	const struct dirty_area *a;
	unsigned int lines = 0;
	__u64 page;
	size_t at, n, i;

	for (a = d->area; a < d->area + d->n; a++) {
		for (i = 0; i < pages_in(a); i++) {
			page = first_page(a) + i;
			at = part_of(a, page, &n);
			if (!a->shared &&
			    memcmp(a->copy + at, a->hva + at, n))
				complain(&lines, "missed: page", page);
		}
	}
	return !lines;
}

__u64 dirty_used_gpa(const struct guest *g, unsigned int index)
{
	return USED_GPA + g->cfg.gpa + index * USED_STEP;
}

__u64 dirty_top(const struct guest *g)
{
	__u64 top = dirty_used_gpa(g, VQ_MAX), end;
	unsigned int i;

	for (i = 0; i < g->arena.n; i++) {
		end = g->arena.region[i].gpa + g->arena.region[i].size;
		if (end > top)
			top = end;
	}
	return top;
}

int dirty_set_base(int fd, const void *base)
{
	__u64 addr = (uintptr_t)base;

	return dev_ioctl(fd, VHOST_SET_LOG_BASE, &addr);
}

int dirty_set_rings(struct guest *g, bool log)
{
	unsigned int i;
	int r = 0;

	for (i = 0; i < VQ_MAX && !r; i++)
		r = log ? dev_set_addr_log(g->fd, &g->vq[i],
					   dirty_used_gpa(g, i)) :
			dev_set_addr(g->fd, &g->vq[i]);
	return r;
}

static int set_features(struct guest *g, __u64 more)
{
	__u64 backend;
	int r;

	r = dev_set_features(g->fd, g->cfg.features | more);
	if (!r)
		r = dev_ioctl(g->fd, VHOST_GET_BACKEND_FEATURES, &backend);
	if (!r)
		r = dev_ioctl(g->fd, VHOST_SET_BACKEND_FEATURES, &backend);
	return r;
}

int dirty_log_on(struct guest *g, const struct bitmap *b)
{
	int r = dirty_set_base(g->fd, b->base);

	if (!r)
		r = set_features(g, F_LOG);
	return r ? r : dirty_set_rings(g, true);
}

int dirty_log_off(struct guest *g)
{
	int r = set_features(g, 0);

	return r ? r : dirty_set_rings(g, false);
}

bool dirty_log_offered(int fd)
{
	__u64 offered = 0;

	return !dev_get_features(fd, &offered) && offered & F_LOG;
}
