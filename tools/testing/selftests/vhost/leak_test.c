// SPDX-License-Identifier: GPL-2.0
/*
 * What is held and given back, and what no detector of lost memory counts:
 * pages that packets are built in, memory maps of owners, open files. Each way
 * to give them back is gone so often that whoever forgets it is found out by
 * the machine's own numbers.
 */
#define _GNU_SOURCE
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault.h"
#include "guest.h"
#include "netif.h"

/* What comes and goes without us, in KiB and files. */
#define SLACK_KB	6000
#define SLACK_FILES	300
/* More than a processor keeps. */
#define KEPT		(8UL << 20)

/* A packet that fills most of a page, and how many of them: 16 MiB. */
#define PACKET		3500
#define PACKETS		4096
/* A backend's own piece of memory has up to 32 KiB: again 16 MiB. */
#define BACKENDS	512
/* Processes that own a device, and what each of them has: 16 MiB. */
#define OWNERS		8
#define OWNED		(2UL << 20)
#define FILES		1000

struct held {
	long page_kb;	/* pages that are nobody's, as far as anybody tells */
	long map_kb;	/* memory of processes */
	long files;
};

static long meminfo(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? atol(at + strlen(key)) : 0;
}

static void read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = read(fd, text, size - 1);

	text[got > 0 ? got : 0] = 0;
	close(fd);
}

/* How much each processor keeps for itself of what is free. "0": as always. */
#define KEEPS_FILE	"/proc/sys/vm/percpu_pagelist_high_fraction"
#define KEEPS_LITTLE	"100000"

/* What is let go of becomes free at once; what was kept before does now. */
static void keep_little(void)
{
	cpu_set_t all, one;
	unsigned int cpu;
	void *mem;

	write_file(KEEPS_FILE, KEEPS_LITTLE);
	sched_getaffinity(0, sizeof(all), &all);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		mem = mmap(NULL, KEPT, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (mem == MAP_FAILED)
			continue;
		madvise(mem, KEPT, MADV_NOHUGEPAGE);
		memset(mem, 1, KEPT);
		munmap(mem, KEPT);
	}
	sched_setaffinity(0, sizeof(all), &all);
}

static void keep_usual(void)
{
	write_file(KEEPS_FILE, "0");
}

static void look(struct held *h)
{
	static const char * const known[] = {
		"MemFree:", "Buffers:", "\nCached:", "AnonPages:", "Slab:",
		"KernelStack:", "PageTables:", "VmallocUsed:", "Percpu:",
	};
	char text[4096];
	unsigned int i;

	read_text("/proc/meminfo", text, sizeof(text));
	h->map_kb = meminfo(text, "AnonPages:");
	h->page_kb = meminfo(text, "MemTotal:");
	for (i = 0; i < ARRAY_SIZE(known); i++)
		h->page_kb -= meminfo(text, known[i]);
	read_text("/proc/sys/fs/file-nr", text, sizeof(text));
	h->files = atol(text);
}

/* Is no more held than before? What is let go of may take its time. */
static bool all_is_back(const struct held *before)
{
	__s64 end = now_ms() + STALL_MS;
	struct held h;

	for (;;) {
		look(&h);
		if (h.page_kb < before->page_kb + SLACK_KB &&
		    h.map_kb < before->map_kb + SLACK_KB &&
		    h.files < before->files + SLACK_FILES)
			return true;
		if (now_ms() > end)
			break;
		pause_ms(50);
	}
	fprintf(stderr, "# pages: %ld KiB, then %ld\n", before->page_kb,
		h.page_kb);
	fprintf(stderr, "# maps: %ld KiB, then %ld\n", before->map_kb,
		h.map_kb);
	fprintf(stderr, "# files: %ld, then %ld\n", before->files, h.files);
	return false;
}

FIXTURE(tx)
{
	struct guest g;
	struct held before;
	struct vq_seg seg;
	struct virtio_net_hdr_mrg_rxbuf *hdr;
};

FIXTURE_SETUP(tx)
{
	struct guest_cfg cfg = { .features = F_V1 };
	int r;

	RUN_IF_SELECTED();
	keep_little();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	r = arena_add(&self->g.arena, 0xc0000000, 2 * PAGE);
	ASSERT_LE(0, r);
	ASSERT_EQ(0, dev_set_mem(self->g.fd, &self->g.arena));
	self->hdr = arena_alloc(&self->g.arena, r, sizeof(*self->hdr) + PACKET,
				8);
	ASSERT_NE(NULL, self->hdr);
	memset(self->hdr, 0, sizeof(*self->hdr) + PACKET);
	self->seg.gpa = arena_bus(&self->g.arena, self->hdr);
	self->seg.len = sizeof(*self->hdr) + PACKET;
}

FIXTURE_TEARDOWN(tx)
{
	keep_usual();
	guest_stop(&self->g);
}

/* So many times the same packet; none of them gets through. */
static int offer(struct guest *g, const struct vq_seg *seg, unsigned int n)
{
	struct vq *vq = &g->vq[VQ_TX];
	struct vq_used u;
	int r = 0;

	while (n || vq_in_flight(vq)) {
		for (; n && vq_in_flight(vq) < vq->num / 2 && !r; n--)
			r = vq_add(vq, seg, 1, vq);
		vq_kick(vq);
		if (!r && !vq_wait(vq, STALL_MS))
			r = -ETIME;
		while (!r && vq_more_used(vq)) {
			r = vq_get_used(vq, &u);
			r = r < 0 ? r : 0;
		}
		if (r)
			return r;
	}
	return 0;
}

/* After the first few: what those bring into being may stay. */
static bool keeps_none(struct guest *g, const struct vq_seg *seg)
{
	struct held before;

	if (offer(g, seg, 64))
		return false;
	look(&before);
	return !offer(g, seg, PACKETS) && all_is_back(&before);
}

static void spoil_header(struct virtio_net_hdr *h)
{
	h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	h->csum_start = 60000;
}

TEST_F_TIMEOUT(tx, header_makes_no_sense, 200)
{
	NOT_FOR_STOCK("its rings die of that");
	spoil_header(&self->hdr->hdr);
	EXPECT_TRUE(keeps_none(&self->g, &self->seg));
}

TEST_F_TIMEOUT(tx, memory_is_gone, 200)
{
	NOT_FOR_STOCK("its rings die of that");
	ASSERT_EQ(0, mprotect((void *)((uintptr_t)self->hdr & -PAGE),
			      2 * PAGE, PROT_NONE));
	EXPECT_TRUE(keeps_none(&self->g, &self->seg));
}

TEST_F_TIMEOUT(tx, backend_is_gone, 200)
{
	NOT_FOR_STOCK("keeps the buffers of a failed batch");
	ASSERT_EQ(0, netif_del(self->g.backend.ifname));
	EXPECT_TRUE(keeps_none(&self->g, &self->seg));
}

TEST_F_TIMEOUT(tx, backend_is_detached, 200)
{
	struct guest *g = &self->g;
	int i;

	NOT_FOR_STOCK("its rings die of such a header");
	spoil_header(&self->hdr->hdr);
	look(&self->before);
	for (i = 0; i < BACKENDS; i++) {
		ASSERT_EQ(0, offer(g, &self->seg, 1));
		ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, -1));
		ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, g->backend.fd));
	}
	EXPECT_TRUE(all_is_back(&self->before));
}

FIXTURE(owner)
{
	struct held before;
};

FIXTURE_VARIANT(owner)
{
	bool resets;	/* before it ends */
	bool fails;	/* at first, in all ways that there are */
};

FIXTURE_VARIANT_ADD(owner, ends) { };
FIXTURE_VARIANT_ADD(owner, resets) { .resets = true };
FIXTURE_VARIANT_ADD(owner, fails) { .fails = true, .resets = true };

FIXTURE_SETUP(owner)
{
	RUN_IF_SELECTED();
	if (variant->fails && !fault_possible())
		SKIP_ALL("kernel without fault injection");
	keep_little();
	if (!variant->fails)
		return;
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, fault_prepare());
}

FIXTURE_TEARDOWN(owner)
{
	keep_usual();
}

/* How many failures it took until the device was owned, or -errno. */
static int own_at_last(int fd)
{
	struct fault me;
	int n, r;

	r = fault_open(&me, 0);
	for (n = 1; !r; n++) {
		fault_arm(&me, n);
		r = dev_set_owner(fd);
		if (!fault_disarm(&me))
			break;
		if (!r)
			dev_reset_owner(fd);
		r = 0;
	}
	fault_close(&me);
	return r ? r : n;
}

/* In a process that has something to lose. */
static int be_owner(int fd, bool fails, bool resets)
{
	void *mem = mmap(NULL, OWNED, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int r;

	if (mem == MAP_FAILED)
		return -errno;
	memset(mem, 1, OWNED);
	r = fails ? own_at_last(fd) : dev_set_owner(fd);
	if (r < 0)
		return r;
	return resets ? dev_reset_owner(fd) : 0;
}

TEST_F(owner, memory_ends_with_it)
{
	int i, fd, status;
	pid_t pid;

	look(&self->before);
	for (i = 0; i < OWNERS; i++) {
		fd = dev_open();
		ASSERT_LE(0, fd);
		pid = fork();
		if (!pid)
			_exit(!!be_owner(fd, variant->fails, variant->resets));
		EXPECT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
		close(fd);
	}
	EXPECT_TRUE(all_is_back(&self->before));
}

FIXTURE(files)
{
	struct guest g;
	struct held before;
};

FIXTURE_SETUP(files)
{
	struct guest_cfg cfg = { .stopped = true };

	RUN_IF_SELECTED();
	keep_little();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(files)
{
	keep_usual();
	guest_stop(&self->g);
}

/* Twice: the second one is the same as the first. */
static int give(int fd, unsigned long req, unsigned int index, int file)
{
	int r = dev_vring_file(fd, req, index, file);

	return r ? r : dev_vring_file(fd, req, index, file);
}

TEST_F(files, given_and_taken_back)
{
	static const unsigned long reqs[] = {
		VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,
	};
	int fd = self->g.fd, file;
	unsigned int i, j, ring;

	look(&self->before);
	for (i = 0; i < FILES; i++) {
		ring = i % VQ_MAX;
		file = eventfd(1, EFD_CLOEXEC);
		ASSERT_LE(0, file);
		for (j = 0; j < ARRAY_SIZE(reqs); j++) {
			ASSERT_EQ(0, give(fd, reqs[j], ring, file));
			ASSERT_EQ(-EINVAL,
				  dev_vring_file(fd, reqs[j], ring, fd));
		}
		ASSERT_EQ(0, dev_ioctl(fd, VHOST_SET_LOG_FD, &file));
		ASSERT_EQ(-ENOTSOCK, dev_set_backend(fd, ring, file));
		close(file);
	}
	EXPECT_TRUE(all_is_back(&self->before));
}

TEST_HARNESS_MAIN
