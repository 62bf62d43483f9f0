// SPDX-License-Identifier: GPL-2.0
/*
 * Messages between a device that translates addresses and its owner: their
 * forms, what is refused, and how one reads and waits for them.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "counters.h"
#include "guest.h"
#include "netif.h"

/* A device with an owner and translation, and no ring. */
FIXTURE(bare)
{
	int fd;
	char *mem;
	union iommu_msg m[8];
};

FIXTURE_VARIANT(bare)
{
	bool v1;
};

FIXTURE_VARIANT_ADD(bare, first_form)
{
	.v1 = true,
};

FIXTURE_VARIANT_ADD(bare, second_form)
{
	.v1 = false,
};

FIXTURE_SETUP(bare)
{
	RUN_IF_SELECTED();
	NEEDS(F_PLATFORM);
	self->mem = guarded_map(PAGE);
	ASSERT_NE(NULL, self->mem);
	self->fd = dev_open_flags(O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, dev_set_owner(self->fd));
	ASSERT_EQ(0, dev_set_features(self->fd, F_V1 | F_PLATFORM));
	ASSERT_EQ(0, dev_set_msg_form(self->fd, variant->v1));
}

FIXTURE_TEARDOWN(bare)
{
	close(self->fd);
	guarded_unmap(self->mem, PAGE);
}

/* A good update, to be spoilt. */
static void good(union iommu_msg *m, bool v1, const void *at)
{
	iommu_msg(m, v1, VHOST_IOTLB_UPDATE, 0x12345000, PAGE, at,
		  VHOST_ACCESS_RW);
}

static int write_bytes(int fd, const void *from, size_t n)
{
	ssize_t r = write(fd, from, n);

	return r < 0 ? -errno : r;
}

TEST_F(bare, update_and_invalidate)
{
	union iommu_msg *m = self->m;
	__u8 perm;

	good(m, variant->v1, self->mem);
	for (perm = VHOST_ACCESS_RO; perm <= VHOST_ACCESS_RW; perm++) {
		m->v2.iotlb.perm = perm;
		EXPECT_EQ(IOMMU_MSG, iommu_write(self->fd, m, 1));
		EXPECT_EQ(IOMMU_MSG, iommu_write(self->fd, m, 1));
	}
	m->v2.iotlb.type = VHOST_IOTLB_INVALIDATE;
	EXPECT_EQ(IOMMU_MSG, iommu_write(self->fd, m, 1));
	/* Also if there is nothing. */
	EXPECT_EQ(IOMMU_MSG, iommu_write(self->fd, m, 1));
}

TEST_F(bare, wrong_shape)
{
	union iommu_msg *m = self->m;
	size_t n;

	good(m, variant->v1, self->mem);
	/* Padding behind the message need not be there. */
	for (n = 0; n < 8 + sizeof(struct vhost_iotlb_msg); n++)
		EXPECT_EQ(-EINVAL, write_bytes(self->fd, m, n));
	for (n = 0; n < 256; n++) {
		m->type = n;
		if (n != VHOST_IOTLB_MSG && n != VHOST_IOTLB_MSG_V2)
			EXPECT_EQ(-EINVAL, iommu_write(self->fd, m, 1));
	}
	m->type = -1;
	EXPECT_EQ(-EINVAL, iommu_write(self->fd, m, 1));
	good(m, variant->v1, self->mem);
	m->v2.iotlb.size = 0;
	EXPECT_EQ(-EINVAL, iommu_write(self->fd, m, 1));
}

/* Between the payload and the end of the padding. */
TEST_F(bare, without_padding)
{
	size_t n;

	good(self->m, variant->v1, self->mem);
	for (n = IOMMU_MSG_USED; n <= IOMMU_MSG; n++)
		EXPECT_LE((int)n, write_bytes(self->fd, self->m, n));
}

TEST_F(bare, wrong_type)
{
	union iommu_msg *m = self->m;
	unsigned int type;

	good(m, variant->v1, self->mem);
	for (type = 0; type < 256; type++) {
		m->v2.iotlb.type = type;
		if (type != VHOST_IOTLB_UPDATE &&
		    type != VHOST_IOTLB_INVALIDATE)
			EXPECT_EQ(-EFAULT, iommu_write(self->fd, m, 1));
	}
}

/* Where the memory of processes ends, is up to the processor. */
static bool may_be_memory(__u64 at)
{
	void *want = (void *)(uintptr_t)at, *got;

	if ((uintptr_t)at != at)
		return false;
	got = mmap(want, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
		   MAP_FIXED_NOREPLACE, -1, 0);
	if (got == MAP_FAILED)
		return errno == EEXIST;
	munmap(got, PAGE);
	return true;
}

TEST_F(bare, wrong_memory)
{
	static const __u64 at[] = {
		-1ULL, LAST_PAGE, BIT(63), BIT(63) - PAGE,
		0xffff888000000000ULL, BIT(47), BIT(47) - PAGE,
		BIT(48), BIT(52), BIT(56),
	};
	union iommu_msg *m = self->m;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		if (i > 4 && may_be_memory(at[i]))
			continue;
		good(m, variant->v1, NULL);
		m->v2.iotlb.uaddr = at[i];
		EXPECT_EQ(-EFAULT, iommu_write(self->fd, m, 1))
			TH_LOG("at %llx", at[i]);
	}
	good(m, variant->v1, self->mem);
	m->v2.iotlb.size = BIT(47);
	EXPECT_EQ(-EFAULT, iommu_write(self->fd, m, 1));
	m->v2.iotlb.size = -(__u64)(uintptr_t)self->mem;
	EXPECT_EQ(-EFAULT, iommu_write(self->fd, m, 1));
}

TEST_F(bare, wrong_range)
{
	union iommu_msg *m = self->m;

	good(m, variant->v1, self->mem);
	m->v2.iotlb.iova = LAST_PAGE + 1;
	EXPECT_EQ(-EFAULT, iommu_write(self->fd, m, 1));
	/* The very end is fine, but nothing goes beyond. */
	m->v2.iotlb.iova = LAST_PAGE;
	EXPECT_EQ(IOMMU_MSG, iommu_write(self->fd, m, 1));
	/* All there is, to somewhere and to nowhere. */
	m->v2.iotlb.iova = 0;
	m->v2.iotlb.size = -1ULL;
	EXPECT_EQ(-EFAULT, iommu_write(self->fd, m, 1));
	m->v2.iotlb.iova = 1;
	EXPECT_EQ(-EFAULT, iommu_write(self->fd, m, 1));
}

/* S27 */
/*
 * A monitor whose unit covers all of the address space can't say so in 64
 * bits: it writes a size of 0. Nothing may survive that.
 */
TEST_F(bare, invalidate_without_size)
{
	static const struct {
		__u64 iova, size;
	} all[] = { { 0, 0 }, { 0, -1ULL }, { 1, -1ULL }, { 2, -1ULL } };
	size_t i;

	NOT_FOR_STOCK("does not tell how many translations it has");
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		EXPECT_EQ(IOMMU_MSG, iommu_update(self->fd, 0x1000, PAGE,
						  self->mem, VHOST_ACCESS_RW));
		EXPECT_EQ(IOMMU_MSG, iommu_update(self->fd, LAST_PAGE, PAGE,
						  self->mem, VHOST_ACCESS_RW));
		EXPECT_EQ(2, device_count(self->fd, "iotlb-entries"));
		EXPECT_EQ(IOMMU_MSG, iommu_invalidate(self->fd, all[i].iova,
						      all[i].size));
		EXPECT_EQ(0, device_count(self->fd, "iotlb-entries"));
	}
}

TEST_F(bare, odd_invalidate)
{
	EXPECT_EQ(IOMMU_MSG, iommu_invalidate(self->fd, 0x1000, 0));
	EXPECT_EQ(IOMMU_MSG, iommu_invalidate(self->fd, -1ULL, 0));
	EXPECT_EQ(IOMMU_MSG, iommu_invalidate(self->fd, -1ULL, 2));
}

TEST_F(bare, invalidate_all)
{
	EXPECT_EQ(IOMMU_MSG, iommu_invalidate(self->fd, 0, -1ULL));
	EXPECT_EQ(IOMMU_MSG, iommu_invalidate(self->fd, 1, -1ULL));
	EXPECT_EQ(IOMMU_MSG, iommu_invalidate(self->fd, -1ULL, 1));
	EXPECT_EQ(IOMMU_MSG, iommu_invalidate(self->fd, 0, 1));
}

TEST_F(bare, without_iotlb)
{
	union iommu_msg *m = self->m;
	int fd = dev_open();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, dev_set_owner(fd));
	good(m, variant->v1, self->mem);
	EXPECT_EQ(-EFAULT, iommu_write(fd, m, 1));
	m->v2.iotlb.type = VHOST_IOTLB_INVALIDATE;
	EXPECT_EQ(-EFAULT, iommu_write(fd, m, 1));
	EXPECT_EQ(-EBADFD, iommu_read(fd, m, 1));
	close(fd);
}

/* As many as are whole and good. */
TEST_F(bare, many_in_a_write)
{
	union iommu_msg *m = self->m;
	int i;

	NOT_FOR_STOCK("takes one message a call");
	for (i = 0; i < 8; i++)
		good(&m[i], variant->v1, self->mem);
	EXPECT_EQ(8 * IOMMU_MSG, iommu_write(self->fd, m, 8));
	/* The other form in between. */
	m[3].type = variant->v1 ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG;
	EXPECT_EQ(8 * IOMMU_MSG, iommu_write(self->fd, m, 8));
	m[5].v2.iotlb.type = VHOST_IOTLB_MISS;
	EXPECT_EQ(5 * IOMMU_MSG, iommu_write(self->fd, m, 8));
	m[3].type = 7;
	EXPECT_EQ(3 * IOMMU_MSG, iommu_write(self->fd, m, 8));
	m[1].v2.iotlb.size = 0;
	EXPECT_EQ(IOMMU_MSG, iommu_write(self->fd, m, 8));
	EXPECT_EQ(-EINVAL, iommu_write(self->fd, m + 1, 7));
	EXPECT_EQ(-EINVAL, iommu_write(self->fd, m + 3, 5));
	EXPECT_EQ(-EFAULT, iommu_write(self->fd, m + 5, 3));
	/* A part of one more does not count. */
	EXPECT_EQ(2 * IOMMU_MSG,
		  write_bytes(self->fd, m + 6, 2 * IOMMU_MSG));
	EXPECT_EQ(IOMMU_MSG, write_bytes(self->fd, m + 6, IOMMU_MSG + 20));
}

/* A message that is spread over many buffers, and one that is not there. */
TEST_F(bare, scattered_write)
{
	struct iovec iov[24];
	int i;

	good(self->m, variant->v1, self->mem);
	for (i = 0; i < 24; i++) {
		iov[i].iov_base = self->m[0].raw + 3 * i;
		iov[i].iov_len = 3;
	}
	EXPECT_EQ(IOMMU_MSG, writev(self->fd, iov, 24));
	mprotect(self->mem, PAGE, PROT_NONE);
	EXPECT_GT(0, write_bytes(self->fd, self->mem, IOMMU_MSG));
	mprotect(self->mem, PAGE, PROT_READ | PROT_WRITE);
}

/* What @fn says in another process that has the file, too. */
static int in_child(int (*fn)(int fd, union iommu_msg *m), int fd,
		    union iommu_msg *m)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid)
		_exit(-fn(fd, m));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

static int write_one(int fd, union iommu_msg *m)
{
	int r = iommu_write(fd, m, 1);

	return r == IOMMU_MSG ? 0 : r;
}

TEST_F(bare, others_are_refused)
{
	int fd = dev_open();

	NOT_FOR_STOCK("takes messages from anybody");
	good(self->m, variant->v1, self->mem);
	EXPECT_EQ(-EPERM, in_child(write_one, self->fd, self->m));
	self->m->v2.iotlb.type = VHOST_IOTLB_INVALIDATE;
	EXPECT_EQ(-EPERM, in_child(write_one, self->fd, self->m));
	EXPECT_EQ(0, write_one(self->fd, self->m));
	/* And nobody may while there is no owner. */
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, dev_set_features(fd, F_V1 | F_PLATFORM));
	good(self->m, variant->v1, self->mem);
	EXPECT_EQ(-EPERM, write_one(fd, self->m));
	close(fd);
}

TEST_F(bare, nothing_to_read)
{
	struct pollfd p = { .fd = self->fd, .events = POLLIN };
	char small[IOMMU_MSG - 1];

	EXPECT_EQ(-EAGAIN, iommu_read(self->fd, self->m, 1));
	EXPECT_EQ(-EAGAIN, iommu_read(self->fd, self->m, 8));
	EXPECT_EQ(0, read(self->fd, small, sizeof(small)));
	EXPECT_EQ(0, read(self->fd, small, 1));
	EXPECT_EQ(0, read(self->fd, small, 0));
	EXPECT_EQ(0, poll(&p, 1, 0));
}

/* A thread that waits in read() until something ends that. */
struct reader {
	pthread_t thread;
	int fd;
	int result;
	bool done;
	union iommu_msg m;
};

static void *read_blocking(void *arg)
{
	struct reader *r = arg;

	r->result = iommu_read(r->fd, &r->m, 1);
	__atomic_store_n(&r->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static int reader_start(struct reader *r, int fd)
{
	r->fd = fd;
	r->done = false;
	return pthread_create(&r->thread, NULL, read_blocking, r);
}

/* Its result, or -ETIME if it still waits. */
static int reader_end(struct reader *r)
{
	__s64 end = now_ms() + STALL_MS;

	while (!__atomic_load_n(&r->done, __ATOMIC_ACQUIRE)) {
		if (now_ms() > end)
			return -ETIME;
		pause_ms(1);
	}
	pthread_join(r->thread, NULL);
	return r->result;
}

static void do_nothing(int signal)
{
	(void)signal;
}

TEST_F(bare, signal_ends_read)
{
	struct sigaction act = { .sa_handler = do_nothing };
	struct reader r;

	fcntl(self->fd, F_SETFL, 0);
	sigaction(SIGUSR1, &act, NULL);
	ASSERT_EQ(0, reader_start(&r, self->fd));
	pause_ms(100);
	EXPECT_FALSE(r.done);
	pthread_kill(r.thread, SIGUSR1);
	EXPECT_EQ(-EINTR, reader_end(&r));
}

TEST_F(bare, end_of_iotlb_ends_read)
{
	struct reader r[3];
	int i;

	NOT_FOR_STOCK("lets it wait for ever");
	fcntl(self->fd, F_SETFL, 0);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, reader_start(&r[i], self->fd));
	pause_ms(100);
	/* A new one doesn't. */
	ASSERT_EQ(0, dev_set_features(self->fd, F_V1 | F_PLATFORM));
	pause_ms(50);
	EXPECT_FALSE(r[0].done);
	ASSERT_EQ(0, dev_set_features(self->fd, F_V1));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(-EBADFD, reader_end(&r[i]));
	/* And so does a reset. */
	ASSERT_EQ(0, dev_set_features(self->fd, F_V1 | F_PLATFORM));
	ASSERT_EQ(0, reader_start(&r[0], self->fd));
	pause_ms(50);
	ASSERT_EQ(0, dev_reset_owner(self->fd));
	EXPECT_EQ(-EBADFD, reader_end(&r[0]));
}

/* Features decide, not the owner: an IOTLB can be there before. */
TEST_F(bare, off_and_on)
{
	int i;

	good(self->m, variant->v1, self->mem);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, dev_set_features(self->fd, F_V1 | F_PLATFORM));
		EXPECT_EQ(IOMMU_MSG, iommu_write(self->fd, self->m, 1));
		ASSERT_EQ(0, dev_set_features(self->fd, F_V1));
		if (!stock_driver())
			EXPECT_EQ(-EFAULT, iommu_write(self->fd, self->m, 1));
	}
}

TEST_HARNESS_MAIN
