// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stall.h"

static int init(struct stall *s, void *mem, size_t size, __u64 mode,
		__u64 features)
{
	struct uffdio_register reg = {
		.range = { (uintptr_t)mem, size },
		.mode = mode,
	};
	struct uffdio_api api = { .api = UFFD_API, .features = features };

	s->mem = mem;
	s->size = size;
	s->fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (s->fd < 0)
		return -EOPNOTSUPP;
	if (ioctl(s->fd, UFFDIO_API, &api) ||
	    ioctl(s->fd, UFFDIO_REGISTER, &reg))
		return -errno;
	return 0;
}

int stall_init(struct stall *s, void *mem, size_t size)
{
	return init(s, mem, size, UFFDIO_REGISTER_MODE_MISSING, 0);
}

int stall_init_shared(struct stall *s, void *mem, size_t size)
{
	int r = init(s, mem, size, UFFDIO_REGISTER_MODE_MINOR,
		     UFFD_FEATURE_MINOR_SHMEM);

	if (!r)
		stall_again(s);
	return r;
}

void stall_again(struct stall *s)
{
	madvise(s->mem, s->size, MADV_DONTNEED);
}

void stall_end(struct stall *s)
{
	/* Whoever still waits gets a zeroed page. */
	if (s->fd > 0)
		close(s->fd);
	s->fd = -1;
}

void *stall_wait(struct stall *s, int ms)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	__s64 left, end = now_ms() + ms;
	struct uffd_msg msg;
	ssize_t n;

	do {
		left = end - now_ms();
		if (poll(&p, 1, left > 0 ? left : 0) != 1)
			return NULL;
		/*
		 * A worker that is woken, for there is more to be done, does
		 * not wait any more, and comes back at once.
		 */
		n = read(s->fd, &msg, sizeof(msg));
	} while (n < 0 && errno == EAGAIN);
	if (n < 0 || msg.event != UFFD_EVENT_PAGEFAULT)
		return NULL;
	return (void *)((uintptr_t)msg.arg.pagefault.address & ~(PAGE - 1));
}

int stall_release(struct stall *s, void *page, const void *content)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)page,
		.src = (uintptr_t)content,
		.len = PAGE,
	};

	return ioctl(s->fd, UFFDIO_COPY, &copy) ? -errno : 0;
}

int stall_continue(struct stall *s, void *page)
{
	struct uffdio_continue go = {
		.range = { (uintptr_t)page, PAGE },
	};

	return ioctl(s->fd, UFFDIO_CONTINUE, &go) ? -errno : 0;
}
