// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"
#include "iommu.h"

/* That of 32-bit programs may differ; the driver knows that of 64-bit ones. */
static_assert(sizeof(struct vhost_msg) == IOMMU_MSG || sizeof(long) == 4,
	      "first form");
static_assert(sizeof(struct vhost_msg_v2) == IOMMU_MSG, "second form");

void iommu_msg(union iommu_msg *m, bool v1, __u8 type, __u64 iova, __u64 size,
	       const void *at, __u8 perm)
{
	memset(m, 0, sizeof(*m));
	m->type = v1 ? VHOST_IOTLB_MSG : VHOST_IOTLB_MSG_V2;
	m->v2.iotlb.iova = iova;
	m->v2.iotlb.size = size;
	m->v2.iotlb.uaddr = (uintptr_t)at;
	m->v2.iotlb.perm = perm;
	m->v2.iotlb.type = type;
}

int iommu_write(int fd, const union iommu_msg *m, unsigned int n)
{
	ssize_t r = write(fd, m, n * IOMMU_MSG);

	return r < 0 ? -errno : r;
}

int iommu_read(int fd, union iommu_msg *m, unsigned int n)
{
	ssize_t r = read(fd, m, n * IOMMU_MSG);

	if (r < 0)
		return -errno;
	return r % IOMMU_MSG ? -EIO : (int)(r / IOMMU_MSG);
}

bool iommu_wait(int fd, int ms)
{
	return eventfd_wait(fd, ms);
}

int iommu_update(int fd, __u64 iova, __u64 size, const void *at, __u8 perm)
{
	union iommu_msg m;

	iommu_msg(&m, false, VHOST_IOTLB_UPDATE, iova, size, at, perm);
	return iommu_write(fd, &m, 1);
}

int iommu_invalidate(int fd, __u64 iova, __u64 size)
{
	union iommu_msg m;

	iommu_msg(&m, false, VHOST_IOTLB_INVALIDATE, iova, size, NULL, 0);
	return iommu_write(fd, &m, 1);
}

unsigned int iommu_max_entries(void)
{
	return dev_parameter("max_iotlb_entries", 0);
}

int iommu_flood(int fd, unsigned int first, unsigned int n, void *at)
{
	unsigned int i, now, most = stock_driver() ? 1 : IOMMU_BATCH;
	static union iommu_msg m[IOMMU_BATCH];
	int r = 0;

	for (; n && r >= 0; n -= now) {
		now = min_size(n, most);
		for (i = 0; i < now; i++, first++)
			iommu_msg(&m[i], false, VHOST_IOTLB_UPDATE,
				  IOMMU_FLOOD + first * PAGE, PAGE, at,
				  VHOST_ACCESS_RW);
		r = iommu_write(fd, m, now);
	}
	return r < 0 ? r : 0;
}

int iommu_init(struct iommu *io, const struct iommu_cfg *cfg)
{
	pthread_mutexattr_t attr;

	memset(io, 0, sizeof(*io));
	io->cfg = *cfg;
	if (!io->cfg.batch)
		io->cfg.batch = 1;
	if (io->cfg.batch > IOMMU_BATCH)
		io->cfg.batch = IOMMU_BATCH;
	io->fd = -1;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&io->lock, &attr);
	io->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return io->wake < 0 ? -errno : 0;
}

void iommu_free(struct iommu *io)
{
	iommu_stop(io);
	while (io->naliases--)
		munmap(io->alias[io->naliases].at,
		       io->alias[io->naliases].size);
	free(io->alias);
	free(io->map);
	if (io->wake > 0)
		close(io->wake);
	memset(io, 0, sizeof(*io));
}

/* The first map that ends at or behind @iova. */
static unsigned int position(const struct iommu *io, __u64 iova)
{
	unsigned int low = 0, high = io->n, mid;

	while (low < high) {
		mid = (low + high) / 2;
		if (io->map[mid].iova + (io->map[mid].size - 1) < iova)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int make_room(struct iommu *io)
{
	unsigned int room = io->room ? 2 * io->room : 64;
	struct iommu_map *map;

	if (io->n < io->room)
		return 0;
	map = realloc(io->map, room * sizeof(*map));
	if (!map)
		return -ENOMEM;
	io->map = map;
	io->room = room;
	return 0;
}

static int insert(struct iommu *io, __u64 iova, void *at, __u64 size,
		  __u8 perm)
{
	unsigned int i = position(io, iova);
	struct iommu_map *m;

	if (!size || iova + (size - 1) < iova)
		return -EINVAL;
	if (i < io->n && io->map[i].iova <= iova + (size - 1))
		return -EEXIST;
	if (make_room(io))
		return -ENOMEM;
	m = &io->map[i];
	memmove(m + 1, m, (io->n - i) * sizeof(*m));
	*m = (struct iommu_map){ iova, size, at, perm };
	io->n++;
	return 0;
}

int iommu_map(struct iommu *io, __u64 iova, void *at, __u64 size, __u8 perm)
{
	int r;

	pthread_mutex_lock(&io->lock);
	r = insert(io, iova, at, size, perm);
	pthread_mutex_unlock(&io->lock);
	return r;
}

void *iommu_alias(struct iommu *io, void *at, size_t size)
{
	char *page = (char *)((uintptr_t)at & ~(PAGE - 1)), *p;
	size_t off = (char *)at - page;
	void *more;

	size = (off + size + PAGE - 1) & ~(PAGE - 1);
	/* A shared mapping of length 0 "moves" by being doubled. */
	p = mremap(page, 0, size, MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		return NULL;
	more = realloc(io->alias, (io->naliases + 1) * sizeof(*io->alias));
	if (!more) {
		munmap(p, size);
		return NULL;
	}
	io->alias = more;
	io->alias[io->naliases].at = p;
	io->alias[io->naliases++].size = size;
	return p + off;
}

int iommu_map_pieces(struct iommu *io, __u64 iova, void *at, __u64 size,
		     __u8 perm)
{
	__u64 now, piece = io->cfg.piece ? io->cfg.piece : size;
	char *from = at, *there;
	int r = 0;

	for (; size && !r; size -= now) {
		now = min_size(piece, size);
		there = from;
		if (io->cfg.scatter)
			there = iommu_alias(io, from, now);
		if (!there)
			return -ENOMEM;
		r = iommu_map(io, iova, there, now, perm);
		iova += now;
		from += now;
	}
	return r;
}

int iommu_push(struct iommu *io, __u64 iova, __u64 size)
{
	__u64 last = iova + (size - 1);
	const struct iommu_map *m;
	union iommu_msg msg;
	unsigned int i;
	int r = 0;

	pthread_mutex_lock(&io->lock);
	for (i = position(io, iova); i < io->n && r >= 0; i++) {
		m = &io->map[i];
		if (m->iova > last)
			break;
		iommu_msg(&msg, io->cfg.v1, VHOST_IOTLB_UPDATE, m->iova,
			  m->size, m->at, m->perm);
		r = iommu_write(io->fd, &msg, 1);
	}
	pthread_mutex_unlock(&io->lock);
	return r < 0 ? r : 0;
}

/* Write @n messages, as many at a time as the configuration says. */
static int write_all(struct iommu *io, const union iommu_msg *m,
		     unsigned int n)
{
	unsigned int now;
	int r;

	for (; n; n -= now, m += now) {
		now = min_size(n, io->cfg.batch);
		r = iommu_write(io->fd, m, now);
		if (r < 0)
			return r;
		if (r != (int)(now * IOMMU_MSG))
			return -EIO;
	}
	return 0;
}

static void forget(struct iommu *io, __u64 iova, __u64 size)
{
	unsigned int i = position(io, iova), end = i;
	__u64 last = iova + (size - 1);

	while (end < io->n && io->map[end].iova <= last)
		end++;
	memmove(io->map + i, io->map + end, (io->n - end) * sizeof(*io->map));
	io->n -= end - i;
}

int iommu_unmap_many(struct iommu *io, const __u64 *iova, unsigned int n,
		     __u64 size)
{
	static __thread union iommu_msg msg[IOMMU_BATCH];
	unsigned int now, i;
	int r = 0;

	pthread_mutex_lock(&io->lock);
	for (; n && !r; n -= now) {
		now = min_size(n, IOMMU_BATCH);
		for (i = 0; i < now; i++, iova++) {
			forget(io, *iova, size);
			iommu_msg(&msg[i], io->cfg.v1, VHOST_IOTLB_INVALIDATE,
				  *iova, size, NULL, 0);
		}
		r = write_all(io, msg, now);
	}
	pthread_mutex_unlock(&io->lock);
	return r;
}

int iommu_unmap(struct iommu *io, __u64 iova, __u64 size)
{
	return iommu_unmap_many(io, &iova, 1, size);
}

/* What is to be said to a miss; false for nothing. */
static bool answer(struct iommu *io, const struct vhost_iotlb_msg *miss,
		   union iommu_msg *to)
{
	unsigned int i = position(io, miss->iova);
	struct iommu_map m = {};
	__u64 skip;

	if (i < io->n && io->map[i].iova <= miss->iova) {
		m = io->map[i];
	} else {
		io->unknown++;
		if (!io->sink)
			return false;
		m.iova = miss->iova & ~(PAGE - 1);
		m.size = PAGE;
		m.at = io->sink;
		m.perm = VHOST_ACCESS_RW;
	}
	if (io->cfg.grain) {
		skip = miss->iova - m.iova;
		skip -= skip % io->cfg.grain;
		m.iova += skip;
		m.at += skip;
		m.size -= skip;
		m.size = min_size(m.size, io->cfg.grain);
	}
	iommu_msg(to, io->cfg.v1, VHOST_IOTLB_UPDATE, m.iova, m.size, m.at,
		  m.perm);
	return true;
}

static bool good_miss(struct iommu *io, const union iommu_msg *m)
{
	__u32 form = io->cfg.v1 ? VHOST_IOTLB_MSG : VHOST_IOTLB_MSG_V2;
	__u8 perm = m->v2.iotlb.perm;

	if (m->type == form && m->v2.iotlb.type == VHOST_IOTLB_MISS &&
	    perm && perm <= VHOST_ACCESS_RW)
		return true;
	if (!io->quiet)
		fprintf(stderr, "# message of form %u, type %u, perm %u\n",
			m->type, m->v2.iotlb.type, perm);
	io->strange++;
	return false;
}

static int answer_all(struct iommu *io, const union iommu_msg *in,
		      unsigned int n)
{
	static __thread union iommu_msg out[IOMMU_BATCH];
	unsigned int i, nout = 0;
	int r;

	pthread_mutex_lock(&io->lock);
	for (i = 0; i < n; i++) {
		io->misses++;
		if (good_miss(io, &in[i]) &&
		    answer(io, &in[i].v2.iotlb, &out[nout]))
			nout++;
	}
	r = io->silent ? 0 : write_all(io, out, nout);
	pthread_mutex_unlock(&io->lock);
	return r;
}

int iommu_serve(struct iommu *io)
{
	static __thread union iommu_msg in[IOMMU_BATCH];
	int n, r, all = 0;

	while ((n = iommu_read(io->fd, in, io->cfg.batch)) > 0) {
		all += n;
		if ((unsigned int)n > io->most)
			io->most = n;
		if (io->cfg.delay_ms)
			pause_ms(io->cfg.delay_ms);
		r = answer_all(io, in, n);
		/* The device may not want it any more. */
		if (r)
			io->error = r;
	}
	return n < 0 && n != -EAGAIN ? n : all;
}

static void *serve(void *arg)
{
	struct iommu *io = arg;
	struct pollfd p[2] = {
		{ .fd = io->fd, .events = POLLIN },
		{ .fd = io->wake, .events = POLLIN },
	};
	int r = 0;

	while (r >= 0) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			r = -errno;
		if (p[1].revents)
			return NULL;
		if (p[0].revents)
			r = iommu_serve(io);
	}
	fprintf(stderr, "# iommu: %s\n", strerror(-r));
	io->error = r;
	return NULL;
}

int iommu_start(struct iommu *io)
{
	int r;

	if (io->running)
		return 0;
	r = pthread_create(&io->thread, NULL, serve, io);
	io->running = !r;
	return -r;
}

void iommu_stop(struct iommu *io)
{
	__u64 one = 1;

	if (!io->running)
		return;
	if (write(io->wake, &one, sizeof(one)) < 0)
		perror("wake");
	pthread_join(io->thread, NULL);
	eventfd_drain(io->wake);
	io->running = false;
}
