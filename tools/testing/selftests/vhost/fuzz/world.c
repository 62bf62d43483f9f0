// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/netif.h"
#include "../lib/sockets.h"
#include "op.h"

#define FAR_ROOM	(4UL << 20)

static const struct backend_cfg backends[BACKENDS] = {
	{ .kind = BACKEND_TAP, .vnet_hdr = true, .hdr_len = 10 },
	{ .kind = BACKEND_PACKET, .vnet_hdr = true, .hdr_len = 10 },
	{ .kind = BACKEND_TAP },
	{ .kind = BACKEND_PACKET },
	{ .kind = BACKEND_MACVTAP, .vnet_hdr = true, .hdr_len = 10 },
	{ .kind = BACKEND_UDP },
	{ .kind = BACKEND_UDP6 },
	{ .kind = BACKEND_MCAST },
	{ .kind = BACKEND_UNIX_DGRAM },
	{ .kind = BACKEND_TCP },
	{ .kind = BACKEND_UNIX_STREAM },
};

int world_fail(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!*w->failure) {
		va_start(ap, fmt);
		vsnprintf(w->failure, sizeof(w->failure), fmt, ap);
		va_end(ap);
	}
	return -EPROTO;
}

bool world_translates(const struct world *w)
{
	return w->prog->features & F_PLATFORM;
}

static int open_backends(struct world *w)
{
	unsigned int i;
	int r;

	for (i = 0; i < BACKENDS; i++) {
		r = backend_open(&w->backend[i], &backends[i], i);
		w->wire[i].fd = -1;
		w->hdr_len[i] = backends[i].hdr_len;
		/* Not every kernel has all kinds of interfaces. */
		if (r && backends[i].kind != BACKEND_TAP) {
			w->backend[i].fd = -1;
			continue;
		}
		if (!r)
			r = wire_open_behind(&w->wire[i], &w->backend[i],
					     backends[i].vnet_hdr);
		if (r)
			return r;
	}
	return 0;
}

/*
 * Pages for a part of a ring, which ends where they do. Nothing else is near,
 * as the device is told of rings that are larger than there is room for.
 */
static void *far_map(size_t size)
{
	char *p = mmap(NULL, FAR_ROOM, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS |
		       MAP_NORESERVE, -1, 0);
	size_t pages = (size + PAGE - 1) & ~(PAGE - 1);

	if (p == MAP_FAILED ||
	    mprotect(p + PAGE, pages, PROT_READ | PROT_WRITE))
		return NULL;
	return p + PAGE + ((pages - size) & ~15UL);
}

static int place_ring(struct vq *vq)
{
	enum vq_part part;
	void *at[VQ_PARTS];
	size_t size;

	for (part = 0; part < VQ_PARTS; part++) {
		vq_part(vq, part, &size);
		at[part] = far_map(size);
		if (!at[part])
			return -ENOMEM;
	}
	vq_place(vq, at[VQ_DESC], at[VQ_AVAIL], at[VQ_USED]);
	return 0;
}

/* The rings of both formats share their eventfds. */
static int make_rings(struct world *w, enum vq_layout layout)
{
	struct vq_cfg c = {
		.layout = layout,
		.num = WORLD_NUM,
		.arena = &w->g.arena,
		.region = REGION_RING,
	};
	int r = 0;

	for (c.index = 0; c.index < VQ_MAX && !r; c.index++) {
		r = vq_init(&w->vq[layout][c.index], &c);
		if (!r)
			r = place_ring(&w->vq[layout][c.index]);
		if (r || layout == VQ_SPLIT)
			continue;
		close(w->vq[layout][c.index].kick);
		close(w->vq[layout][c.index].call);
		close(w->vq[layout][c.index].err);
		w->vq[layout][c.index].kick = w->vq[VQ_SPLIT][c.index].kick;
		w->vq[layout][c.index].call = w->vq[VQ_SPLIT][c.index].call;
		w->vq[layout][c.index].err = w->vq[VQ_SPLIT][c.index].err;
	}
	return r;
}

static int make_fence(struct world *w)
{
	int r = arena_add(&w->g.arena, FENCE_GPA, PAGE);

	if (r < 0)
		return r;
	w->fence_region = r;
	w->fence = w->g.arena.region[r].hva;
	w->readonly = guarded_map(PAGE);
	w->spare = far_map(SCRATCH);
	w->log = mmap(NULL, LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED |
		      MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!w->readonly || !w->spare || w->log == MAP_FAILED)
		return -ENOMEM;
	memset(w->readonly, FENCE_MARK, PAGE);
	return 0;
}

/* Packed rings are logged by the memory table, so they are in it. */
static int lend_rings(struct world *w)
{
	unsigned int i;
	size_t size;
	void *at;
	int r = 0;

	for (i = 0; i < VQ_MAX && r >= 0; i++) {
		at = vq_part(&w->vq[VQ_PACKED][i], VQ_DESC, &size);
		r = arena_add_lent(&w->g.arena, LENT_GPA + i * LENT_STEP,
				   at, size);
	}
	return r < 0 ? r : 0;
}

/* What may be done with each region by a device that translates. */
static int map_iommu(struct world *w)
{
	static const struct iommu_cfg cfg = { .batch = 8 };
	static const __u8 perm[] = {
		[REGION_RING] = VHOST_ACCESS_RO,
		[REGION_RX] = VHOST_ACCESS_WO,
		[REGION_TX] = VHOST_ACCESS_RO,
	};
	struct arena_region *region;
	unsigned int i, layout;
	enum vq_part part;
	size_t size;
	void *at;
	int r;

	r = iommu_init(&w->g.io, &cfg);
	for (i = 0; i < w->g.arena.n && !r; i++) {
		region = &w->g.arena.region[i];
		size = i == w->fence_region ? FENCE_MARGIN : 0;
		r = iommu_map(&w->g.io, region->gpa + size, region->hva + size,
			      region->size - 2 * size,
			      i < ARRAY_SIZE(perm) ? perm[i] : VHOST_ACCESS_RW);
	}
	/* Rings are where they are for the host, too. */
	for (layout = 0; layout < VQ_LAYOUTS; layout++)
		for (i = 0; i < VQ_MAX; i++)
			for (part = 0; part < VQ_PARTS && !r; part++) {
				at = vq_part(&w->vq[layout][i], part, &size);
				r = iommu_map(&w->g.io, (uintptr_t)at, at, size,
					      VHOST_ACCESS_RW);
			}
	if (!r)
		r = iommu_map(&w->g.io, READONLY_IOVA, w->readonly, PAGE,
			      VHOST_ACCESS_RO);
	return r;
}

static void open_files(struct world *w)
{
	const struct vq *vq = w->vq[VQ_SPLIT];
	int i, pipes[2] = { -1, -1 };
	const int fd[FDS] = {
		-1, eventfd(0, EFD_NONBLOCK), eventfd(7, EFD_NONBLOCK),
		eventfd(3, EFD_NONBLOCK | EFD_SEMAPHORE),
		vq[0].kick, vq[1].kick, vq[0].call, vq[1].call,
		vq[0].err, vq[1].err,
		w->backend[0].fd, w->backend[1].fd, w->backend[2].fd,
		w->backend[3].fd, w->backend[4].fd,
		w->g.fd, [FD_SPARE] = dev_open(),
		[FD_NULL] = open("/dev/null", O_RDWR),
		pipe(pipes) ? -1 : pipes[0], socket(AF_UNIX, SOCK_DGRAM, 0),
		socket(AF_PACKET, SOCK_DGRAM, 0), 1000, epoll_create(1),
		-0x7fffffff, open("/dev/net/tun", O_RDWR),
		socket(AF_PACKET, SOCK_RAW, 0), pipes[1],
		open("/dev/net/tun", O_RDONLY),
	};

	for (i = 0; i < FDS; i++)
		w->fd[i] = fd[i];
}

static void set_area(struct world *w, unsigned int i, void *at, size_t size)
{
	uintptr_t from = (uintptr_t)at & ~(PAGE - 1);

	w->area[i].at = (char *)from;
	w->area[i].size = ((uintptr_t)at + size - from + PAGE - 1) &
			  ~(PAGE - 1);
}

static void find_areas(struct world *w, enum vq_layout layout)
{
	static const unsigned int of[] = { AREA_TABLES, AREA_RX, AREA_TX };
	unsigned int i;
	enum vq_part part;
	size_t size;
	void *at;

	for (i = 0; i < VQ_MAX; i++)
		for (part = 0; part < VQ_PARTS; part++) {
			at = vq_part(&w->vq[layout][i], part, &size);
			set_area(w, AREA_RINGS + i * VQ_PARTS + part, at, size);
		}
	for (i = 0; i < ARRAY_SIZE(of); i++)
		set_area(w, of[i], w->g.arena.region[i].hva,
			 w->g.arena.region[i].size);
	set_area(w, AREA_FENCE, w->fence, PAGE);
}

int world_init(struct world *w)
{
	struct guest_cfg cfg = {
		.num = { WORLD_NUM, WORLD_NUM },
		.pool = { WORLD_POOL, WORLD_POOL },
		.buf = { WORLD_BUF, WORLD_BUF },
		.bare = true,
		.id = BACKENDS,
		.backend = { .kind = BACKEND_TAP },
	};
	unsigned int i;
	int r;

	memset(w, 0, sizeof(*w));
	ops_init();
	r = netif_new_namespace();
	if (!r)
		r = guest_start(&w->g, &cfg);
	if (!r)
		r = open_backends(w);
	if (!r)
		r = make_rings(w, VQ_SPLIT);
	if (!r)
		r = make_rings(w, VQ_PACKED);
	if (!r)
		r = make_fence(w);
	if (!r)
		r = lend_rings(w);
	if (!r)
		r = map_iommu(w);
	for (i = 0; i < PROG_THREADS && !r; i++) {
		w->scratch[i] = guarded_map(SCRATCH);
		r = w->scratch[i] ? 0 : -ENOMEM;
	}
	open_files(w);
	/* The one that the guest has opened would wait for messages. */
	w->estranged = true;
	w->out.next = 1;
	w->in.next = 1;
	return r;
}

void world_free(struct world *w)
{
	/* The rest goes with the process. */
	close(w->g.fd);
	w->g.fd = -1;
}

void world_touch(struct world *w, unsigned int area)
{
	__atomic_store_n(&w->area[area].touched, true, __ATOMIC_RELAXED);
}

/* Pages like new where some may be missing, or others'. */
static int mend_areas(struct world *w)
{
	unsigned int i;

	for (i = 0; i < AREAS; i++) {
		if (!w->area[i].touched)
			continue;
		if (mmap(w->area[i].at, w->area[i].size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		    MAP_FAILED)
			return -errno;
		w->area[i].touched = false;
	}
	memset(w->fence, FENCE_MARK, PAGE);
	return 0;
}

/* Another pair: nobody knows what has become of the one that was there. */
static int renew_pair(struct world *w, unsigned int i)
{
	const struct linger now = { .l_onoff = 1 };
	int r;

	/* TCP is not to keep its memory for a while. */
	setsockopt(w->wire[i].fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	wire_close(&w->wire[i]);
	backend_close(&w->backend[i]);
	r = backend_open(&w->backend[i], &backends[i], i);
	return r ? r : wire_open_behind(&w->wire[i], &w->backend[i], false);
}

static int mend_backends(struct world *w)
{
	int sndbuf = INT_MAX, error, r;
	socklen_t len = sizeof(error);
	unsigned int i;

	for (i = 0; i < BACKENDS; i++) {
		if (!w->tweaked[i] || w->backend[i].fd < 0)
			continue;
		w->tweaked[i] = false;
		if (sockets_have(backends[i].kind)) {
			r = renew_pair(w, i);
			if (r)
				return r;
			continue;
		}
		r = backend_up(&w->backend[i]);
		if (r)
			return r;
		/* A socket keeps the error that it was down. */
		if (backends[i].kind == BACKEND_PACKET)
			getsockopt(w->backend[i].fd, SOL_SOCKET, SO_ERROR,
				   &error, &len);
		else
			ioctl(w->backend[i].fd, TUNSETSNDBUF, &sndbuf);
	}
	return 0;
}

/* Whoever leaves a stream amid a frame for another can't come back to it. */
static bool keeps_to_itself(const struct world *w, unsigned int i)
{
	return w->gentle && sockets_stream(backends[i].kind);
}

bool world_backend_fits(const struct world *w, unsigned int i)
{
	unsigned int own = w->prog->backend % BACKENDS;

	if (w->backend[i].fd < 0)
		return false;
	if (keeps_to_itself(w, i) || keeps_to_itself(w, own))
		return i == own;
	return sockets_have(backends[i].kind) ||
		backends[i].vnet_hdr == !(w->prog->features & F_HOST_HDR);
}

unsigned int world_fitting(const struct world *w, unsigned int want)
{
	want %= BACKENDS;
	while (!world_backend_fits(w, want))
		want = (want + 1) % BACKENDS;
	return want;
}

/* Backends have headers of the length that was agreed on, if they can. */
static void set_headers(struct world *w)
{
	int len = w->g.hdr_len;
	unsigned int i;

	for (i = 0; i < BACKENDS; i++) {
		if (!backends[i].vnet_hdr || w->backend[i].fd < 0 ||
		    w->hdr_len[i] == (unsigned int)len)
			continue;
		if (backends[i].kind == BACKEND_PACKET ?
		    !packet_set_hdr(w->backend[i].fd, len) :
		    !ioctl(w->backend[i].fd, TUNSETVNETHDRSZ, &len))
			w->hdr_len[i] = len;
	}
}

int world_attach_ring(struct world *w, unsigned int index,
		      unsigned int backend)
{
	if (index == VQ_RX)
		w->backend_now = backend;
	if (!w->gentle && sockets_have(backends[backend].kind))
		w->tweaked[backend] = true;
	return dev_set_backend(w->g.fd, index, w->backend[backend].fd);
}

int world_attach(struct world *w, unsigned int backend)
{
	int r = 0;

	if (world_translates(w))
		r = guest_push_used(&w->g);
	if (!r)
		r = world_attach_ring(w, VQ_RX, backend);
	return r ? r : world_attach_ring(w, VQ_TX, backend);
}

void world_detach(struct world *w)
{
	dev_set_backend(w->g.fd, VQ_RX, -1);
	dev_set_backend(w->g.fd, VQ_TX, -1);
}

ssize_t world_take_packet(struct world *w, unsigned int backend)
{
	int fd = w->backend[backend].fd;
	char buf[WORLD_BUF];
	ssize_t r = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (r < 0 && errno == ENOTSOCK)
		r = read(fd, buf, sizeof(buf));
	return r < 0 ? -errno : r;
}

int world_reopen(struct world *w)
{
	int fd = dev_open_flags(O_NONBLOCK), r = 0;

	if (fd < 0)
		return fd;
	if (dup2(fd, w->g.fd) < 0)
		r = -errno;
	close(fd);
	return r;
}

int world_setup(struct world *w)
{
	struct guest *g = &w->g;
	unsigned int i;
	int r;

	r = dev_set_owner(g->fd);
	if (!r || r == -EBUSY)
		r = dev_set_features(g->fd, g->cfg.features);
	if (!r && world_translates(w))
		r = dev_set_msg_form(g->fd, false);
	if (!r)
		r = world_set_mem(w, 0);
	for (i = 0; i < VQ_MAX && !r; i++)
		r = dev_setup_vq(g->fd, &g->vq[i]);
	return r;
}

static void fill_pool(struct pool *p)
{
	unsigned int i;

	p->free = NULL;
	for (i = 0; i < p->n; i++)
		pool_put(p, &p->buf[i]);
}

/* A ring of a split format has a power of two of entries. */
static unsigned int fit_num(const struct prog *p, unsigned int num)
{
	if (!num || num > WORLD_NUM)
		num = WORLD_NUM;
	while (!prog_is_packed(p) && num & (num - 1))
		num &= num - 1;
	return num;
}

static void take_guest(struct world *w, const struct prog *p)
{
	static const struct shape plain = { .data_parts = 1 };
	struct guest *g = &w->g;
	struct vq_cfg c = {
		.layout = prog_is_packed(p) ? VQ_PACKED : VQ_SPLIT,
		.start = p->start,
		.features = p->features,
		.arena = &g->arena,
		.region = REGION_RING,
		.spoil = w->gentle,
		.quiet = !w->gentle,
	};

	g->cfg.features = p->features;
	g->cfg.lazy = true;
	w->at_rest = false;
	g->hdr_len = net_hdr_len(p->features);
	g->arena.region[REGION_RING].used = 0;
	for (c.index = 0; c.index < VQ_MAX; c.index++) {
		g->vq[c.index] = w->vq[c.layout][c.index];
		c.num = fit_num(p, p->num[c.index]);
		vq_renew(&g->vq[c.index], &c);
		if (w->full)
			eventfd_drain(g->vq[c.index].kick);
		fill_pool(&g->pool[c.index]);
		g->cfg.shape[c.index] = plain;
		g->cfg.buf[c.index] = WORLD_BUF;
	}
	w->full = false;
	find_areas(w, c.layout);
}

static void begin_passage(struct passage *p)
{
	p->first = p->next;
	p->seen = 0;
	memset(p->map, 0, sizeof(p->map));
}

/* What waits before the guest since other programs leaves no room for more. */
static void empty_queue(struct world *w)
{
	while (world_take_packet(w, w->backend_now) >= 0)
		;
}

/* In one of three states: new, reset, or as the last program left it. */
static int take_device(struct world *w)
{
	bool kept = false;
	int r = 0;

	if (w->estranged || w->prog->flags & PROG_FRESH) {
		r = world_reopen(w);
		w->estranged = false;
	} else if (w->prog->flags & PROG_RESET) {
		/* There may be no owner. */
		dev_reset_owner(w->g.fd);
	} else {
		kept = true;
	}
	w->g.io.fd = w->g.fd;
	if (r || w->prog->flags & PROG_IDLE)
		return r;
	r = world_setup(w);
	if (r && kept) {
		r = world_reopen(w);
		if (!r)
			r = world_setup(w);
	}
	return r ? r : world_attach(w, world_fitting(w, w->prog->backend));
}

/* Another device does not know of the part of a frame that came before. */
static bool is_gentle(const struct prog *p)
{
	return prog_is_gentle(p) &&
		(backends[p->backend % BACKENDS].kind != BACKEND_TCP ||
		 !(prog_op_flags(p) & OP_ALONE));
}

int world_begin(struct world *w, const struct prog *p)
{
	int r;

	w->prog = p;
	w->gentle = is_gentle(p);
	w->seed = p->start + 1;
	*w->failure = 0;
	w->g.io.quiet = !w->gentle;
	w->g.io.strange = 0;
	r = mend_areas(w);
	if (r)
		return world_fail(w, "memory: %s", strerror(-r));
	r = mend_backends(w);
	if (r)
		return world_fail(w, "interfaces: %s", strerror(-r));
	take_guest(w, p);
	set_headers(w);
	w->backend_now = world_fitting(w, p->backend);
	if (w->gentle)
		empty_queue(w);
	begin_passage(&w->out);
	begin_passage(&w->in);
	r = take_device(w);
	if (r)
		return world_fail(w, "set-up: %s", strerror(-r));
	return 0;
}
