// SPDX-License-Identifier: GPL-2.0
/*
 * The same guest in front of an unmodified QEMU, which serves the rings itself:
 * what a socket as a backend spares. QEMU's machine has one processor, which
 * sleeps. Its card's registers are reached by qtest, its memory is ours: the
 * guest's rings and buffers are moved to a file, of which QEMU makes its
 * machine's memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "sockets.h"

#define QEMU		"qemu-system-x86_64"
#define FILE_NR		"/proc/self/fd/%d"
#define RAM		(64UL << 20)
#define SIZE		"64M"
/* Where a microvm has the first of its virtio-mmio devices. */
#define CARD		0xfeb00000UL
#define ANSWER_MS	20000
#define BIOS_SIZE	0x10000
#define ANSWERS_MAX	64

static struct {
	pid_t pid;
	int qtest;
	int ram;
	__u64 used;		/* of its memory */
	int answers;		/* that have not come yet */
} qemu = { .used = PAGE };

/* Takes answers, which are a line each; -ETIME if there is one too few. */
static int hear(int most)
{
	struct pollfd p = { .fd = qemu.qtest, .events = POLLIN };
	char text[256];
	ssize_t n;

	while (qemu.answers > most) {
		if (poll(&p, 1, ANSWER_MS) <= 0)
			return -ETIME;
		n = read(qemu.qtest, text, sizeof(text));
		if (n <= 0)
			return -EPIPE;
		while (n--)
			qemu.answers -= text[n] == '\n';
	}
	return 0;
}

static int say(unsigned long reg, __u32 value)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "writel %#lx %#x\n", CARD + reg,
			   value);

	if (write(qemu.qtest, text, len) != len)
		return -errno;
	qemu.answers++;
	return 0;
}

/* Nobody waits for what a doorbell answers. */
static int ring_doorbell(struct vq *vq)
{
	int r = say(VIRTIO_MMIO_QUEUE_NOTIFY, vq->index);

	return r ? r : hear(ANSWERS_MAX);
}

static int say_address(unsigned long low, __u64 address)
{
	int r = say(low, address);

	/* The upper half is always behind the lower one. */
	return r ? r : say(low + 4, address >> 32);
}

/* The same pages, now of QEMU's memory. 0 if there is no room. */
static __u64 move_to_ram(void *at, size_t size)
{
	__u64 gpa = qemu.used;
	char *old;

	size = (size + PAGE - 1) & ~(PAGE - 1);
	old = malloc(size);
	if (!old || gpa + size > RAM)
		return 0;
	memcpy(old, at, size);
	if (mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 qemu.ram, gpa) == MAP_FAILED)
		return 0;
	memcpy(at, old, size);
	free(old);
	qemu.used += size;
	return gpa;
}

static __u64 move_part(const struct vq *vq, enum vq_part part)
{
	uintptr_t at, page;
	size_t size;
	__u64 gpa;

	at = (uintptr_t)vq_part(vq, part, &size);
	page = at & ~(PAGE - 1);
	gpa = move_to_ram((void *)page, size + at - page);
	return gpa ? gpa + at - page : 0;
}

static int move_memory(struct guest *g)
{
	struct arena_region *r;

	for (r = g->arena.region; r < g->arena.region + g->arena.n; r++) {
		r->gpa = move_to_ram(r->hva, r->size);
		r->bus = r->gpa;
		if (!r->gpa)
			return -ENOMEM;
	}
	return 0;
}

static int show_ring(const struct vq *vq)
{
	static const unsigned long reg[] = {
		[VQ_DESC] = VIRTIO_MMIO_QUEUE_DESC_LOW,
		[VQ_AVAIL] = VIRTIO_MMIO_QUEUE_AVAIL_LOW,
		[VQ_USED] = VIRTIO_MMIO_QUEUE_USED_LOW,
	};
	enum vq_part part;
	__u64 gpa;
	int r;

	r = say(VIRTIO_MMIO_QUEUE_SEL, vq->index);
	if (!r)
		r = say(VIRTIO_MMIO_QUEUE_NUM, vq->num);
	for (part = 0; part < VQ_PARTS && !r; part++) {
		gpa = move_part(vq, part);
		r = gpa ? say_address(reg[part], gpa) : -ENOMEM;
	}
	return r ? r : say(VIRTIO_MMIO_QUEUE_READY, 1);
}

static int set_features(__u64 features)
{
	int r = say(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);

	if (!r)
		r = say(VIRTIO_MMIO_DRIVER_FEATURES, features);
	if (!r)
		r = say(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	return r ? r : say(VIRTIO_MMIO_DRIVER_FEATURES, features >> 32);
}

static int start_card(struct guest *g, unsigned int index)
{
	unsigned int status = VIRTIO_CONFIG_S_ACKNOWLEDGE |
			      VIRTIO_CONFIG_S_DRIVER;
	int r = say(VIRTIO_MMIO_STATUS, status);

	if (!r)
		r = set_features(g->cfg.features);
	status |= VIRTIO_CONFIG_S_FEATURES_OK;
	if (!r)
		r = say(VIRTIO_MMIO_STATUS, status);
	if (!r)
		r = show_ring(&g->vq[index]);
	if (!r)
		r = say(VIRTIO_MMIO_STATUS, status | VIRTIO_CONFIG_S_DRIVER_OK);
	return r ? r : hear(0);
}

/* A processor begins 16 bytes before the end. */
static int sleeping_bios(void)
{
	static const unsigned char halt[16] = { 0xfa, 0xf4, 0xeb, 0xfd };
	int fd = memfd_create("bios", 0);

	if (fd < 0 || ftruncate(fd, BIOS_SIZE) ||
	    pwrite(fd, halt, sizeof(halt), BIOS_SIZE - sizeof(halt)) !=
	    sizeof(halt))
		return -errno;
	return fd;
}

static void run_qemu(const struct backend *b, int qtest, int bios)
{
	bool stream = sockets_stream(b->cfg.kind);
	char net[128], mem[128], rom[64];

	snprintf(net, sizeof(net), stream ?
		 "stream,id=n,server=off,addr.type=fd,addr.str=%d" :
		 "dgram,id=n,local.type=fd,local.str=%d", b->fd);
	snprintf(mem, sizeof(mem),
		 "memory-backend-file,id=m,share=on,size=%s,mem-path=" FILE_NR,
		 SIZE, qemu.ram);
	snprintf(rom, sizeof(rom), FILE_NR, bios);
	fcntl(b->fd, F_SETFD, 0);
	bench_leave_first_cpu();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(qtest, STDIN_FILENO);
	dup2(qtest, STDOUT_FILENO);
	execlp(QEMU, QEMU, "-M", "microvm,memory-backend=m", "-nodefaults",
	       "-no-user-config", "-display", "none", "-bios", rom,
	       "-object", mem, "-m", SIZE, "-qtest", "stdio",
	       "-qtest-log", "none", "-global",
	       "virtio-mmio.force-legacy=false", "-netdev", net, "-device",
	       "virtio-net-device,netdev=n,bus=virtio-mmio-bus.0,rx_queue_size=1024",
	       NULL);
	perror(QEMU);
	_exit(1);
}

static int start_process(const struct backend *b)
{
	int fd[2], bios = sleeping_bios();

	qemu.ram = memfd_create("ram", 0);
	if (bios < 0 || qemu.ram < 0 || ftruncate(qemu.ram, RAM) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		return -errno;
	qemu.qtest = fd[0];
	qemu.pid = fork();
	if (!qemu.pid)
		run_qemu(b, fd[1], bios);
	close(fd[1]);
	close(bios);
	return qemu.pid < 0 ? -errno : 0;
}

int bench_start_qemu(struct bench *b, unsigned int index)
{
	struct guest *g = &b->g;
	int r = start_process(&g->backend);

	if (!r)
		r = move_memory(g);
	if (!r)
		r = start_card(g, index);
	bench_doorbell = ring_doorbell;
	return r;
}

__s64 bench_qemu_ns(void)
{
	struct timespec ts;
	clockid_t clock;

	if (!qemu.pid || clock_getcpuclockid(qemu.pid, &clock) ||
	    clock_gettime(clock, &ts))
		return 0;
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

pid_t bench_qemu_pid(void)
{
	return qemu.pid;
}
