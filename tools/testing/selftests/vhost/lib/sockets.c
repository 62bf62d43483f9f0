// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netif.h"
#include "sockets.h"

#define MEMBERS		4
#define GROUP		0xefff7600	/* 239.255.118.0 */
#define GROUP_PORT	11800
/* More than any test has under way. */
#define QUEUE		512

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

bool sockets_have(enum backend_kind kind)
{
	return kind >= BACKEND_UDP;
}

bool sockets_stream(enum backend_kind kind)
{
	return kind == BACKEND_TCP || kind == BACKEND_UNIX_STREAM;
}

bool sockets_possible(enum backend_kind kind)
{
	int fd = kind == BACKEND_UDP6 ? socket(AF_INET6, SOCK_DGRAM, 0) : 0;

	if (fd > 0)
		close(fd);
	return fd >= 0;
}

int sockets_set_queue(unsigned int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	return write_file("/proc/sys/net/unix/max_dgram_qlen", text);
}

static int set_buffers(int fd, int buf)
{
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buf, sizeof(buf)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buf, sizeof(buf)))
		return -errno;
	return 0;
}

static int set_one(int fd, int level, int option)
{
	const int one = 1;

	return setsockopt(fd, level, option, &one, sizeof(one)) ? -errno : 0;
}

/* The file descriptor, or -errno and the file is closed. */
static int checked(int fd, int err)
{
	if (fd >= 0 && err)
		close(fd);
	return err ? err : fd;
}

static int open_one(int family, int type, int buf)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : checked(fd, set_buffers(fd, buf));
}

/* On this machine, at a port that is free. */
static int open_bound(int family, int type, int buf, union address *at)
{
	union address any = {};
	socklen_t len = sizeof(any);
	int fd = open_one(family, type, buf);

	if (fd < 0)
		return fd;
	any.any.sa_family = family;
	if (family == AF_INET6)
		any.v6.sin6_addr = in6addr_loopback;
	else
		any.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, &any.any, family == AF_INET6 ? sizeof(any.v6) :
		 sizeof(any.v4)) || getsockname(fd, &any.any, &len))
		return checked(fd, -errno);
	*at = any;
	return fd;
}

static int open_udp(int fd[2], int family, int buf)
{
	union address at[2];
	int i;

	for (i = 0; i < 2; i++) {
		fd[i] = open_bound(family, SOCK_DGRAM, buf, &at[i]);
		if (fd[i] < 0)
			return fd[i];
	}
	for (i = 0; i < 2; i++)
		if (connect(fd[i], &at[!i].any, sizeof(at[!i])))
			return -errno;
	return 0;
}

static int open_tcp(int fd[2], int buf)
{
	union address at;
	int listener, r = 0;

	/* Who is accepted has the buffers of who listens. */
	listener = open_bound(AF_INET, SOCK_STREAM, buf, &at);
	if (listener < 0)
		return listener;
	fd[1] = open_one(AF_INET, SOCK_STREAM, buf);
	if (fd[1] < 0) {
		r = fd[1];
	} else if (listen(listener, 1) ||
		   connect(fd[1], &at.any, sizeof(at.v4))) {
		r = -errno;
	} else {
		fd[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		r = fd[0] < 0 ? -errno : 0;
	}
	close(listener);
	if (!r)
		r = set_one(fd[0], IPPROTO_TCP, TCP_NODELAY);
	return r ? r : set_one(fd[1], IPPROTO_TCP, TCP_NODELAY);
}

/* All members have one port, so that the sender's address tells. */
static int not_from(int fd, __u32 addr)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (__u32)SKF_NET_OFF + 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, addr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, ~0u),
	};
	struct sock_fprog prog = { .len = ARRAY_SIZE(code), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
			  sizeof(prog)) ? -errno : 0;
}

static int join(int fd, int n, __u32 addr)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(GROUP_PORT + n),
		.sin_addr.s_addr = htonl(GROUP + n),
	};
	struct ip_mreqn to = {
		.imr_multiaddr = at.sin_addr,
		.imr_address.s_addr = htonl(addr),
		.imr_ifindex = if_nametoindex("lo"),
	};

	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &to, sizeof(to)) ||
	    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &to, sizeof(to)))
		return -errno;
	return 0;
}

int sockets_member(int n, unsigned int member, int buf)
{
	__u32 addr = INADDR_LOOPBACK + 1 + n * MEMBERS + member;
	int r, fd = open_one(AF_INET, SOCK_DGRAM, buf);

	if (fd < 0)
		return fd;
	r = set_one(fd, SOL_SOCKET, SO_REUSEADDR);
	if (!r)
		r = not_from(fd, addr);
	return checked(fd, r ? r : join(fd, n, addr));
}

static int open_group(int fd[2], int n, int buf)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		fd[i] = sockets_member(n, i, buf);
		if (fd[i] < 0)
			return fd[i];
	}
	return 0;
}

static int open_unix(int fd[2], int type, int buf)
{
	int r;

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd))
		return -errno;
	r = set_buffers(fd[0], buf);
	return r ? r : set_buffers(fd[1], buf);
}

static int open_kind(int fd[2], enum backend_kind kind, int buf, int n)
{
	switch (kind) {
	case BACKEND_UDP:
		return open_udp(fd, AF_INET, buf);
	case BACKEND_UDP6:
		write_file("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "0");
		return open_udp(fd, AF_INET6, buf);
	case BACKEND_MCAST:
		return open_group(fd, n, buf);
	case BACKEND_UNIX_DGRAM:
		return open_unix(fd, SOCK_DGRAM, buf);
	case BACKEND_TCP:
		return open_tcp(fd, buf);
	case BACKEND_UNIX_STREAM:
		return open_unix(fd, SOCK_STREAM, buf);
	default:
		return -EINVAL;
	}
}

int sockets_open(int fd[2], enum backend_kind kind, int buf, int n)
{
	int i, r;

	fd[0] = -1;
	fd[1] = -1;
	/* Kernels that can't be told have a short queue. */
	if (kind == BACKEND_UNIX_DGRAM)
		sockets_set_queue(QUEUE);
	else if (kind != BACKEND_UNIX_STREAM && netif_up("lo", true))
		return -ENODEV;
	r = open_kind(fd, kind, buf, n);
	for (i = 0; i < 2 && r; i++) {
		if (fd[i] >= 0)
			close(fd[i]);
		fd[i] = -1;
	}
	return r;
}
