// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets as backends, and who takes what is sent to them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "sockets.h"
#include "stream.h"

#define READ_SIZE	(256 << 10)
#define DATAGRAMS	64	/* at a time */
#define QUIET_MS	50	/* without a frame: it was the last one */

/* What the sink has had. */
static __u64 sunk_bytes, sunk_datagrams;

int bench_socket_kind(const char *name)
{
	static const struct {
		const char *name;
		enum backend_kind kind;
	} kinds[] = {
		{ "tcp", BACKEND_TCP }, { "unix-stream", BACKEND_UNIX_STREAM },
		{ "udp", BACKEND_UDP }, { "unix-dgram", BACKEND_UNIX_DGRAM },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(name, kinds[i].name))
			return kinds[i].kind;
	return -1;
}

static void *take_stream(void *arg)
{
	static char bytes[READ_SIZE];
	const struct bench *b = arg;
	ssize_t n;

	while ((n = read(b->g.wire.fd, bytes, sizeof(bytes))) > 0)
		__atomic_add_fetch(&sunk_bytes, n, __ATOMIC_RELAXED);
	return NULL;
}

static void *take_datagrams(void *arg)
{
	static char bytes[DATAGRAMS][ETH_FRAME_LEN];
	struct mmsghdr msg[DATAGRAMS] = {};
	struct iovec iov[DATAGRAMS];
	const struct bench *b = arg;
	int i, n;

	for (i = 0; i < DATAGRAMS; i++) {
		iov[i] = (struct iovec){ bytes[i], sizeof(bytes[i]) };
		msg[i].msg_hdr.msg_iov = &iov[i];
		msg[i].msg_hdr.msg_iovlen = 1;
	}
	while ((n = recvmmsg(b->g.wire.fd, msg, DATAGRAMS, MSG_WAITFORONE,
			     NULL)) > 0)
		__atomic_add_fetch(&sunk_datagrams, n, __ATOMIC_RELAXED);
	return NULL;
}

int bench_start_sink(struct bench *b)
{
	bool stream = sockets_stream(b->g.backend.cfg.kind);
	pthread_t thread;

	return -pthread_create(&thread, NULL,
			       stream ? take_stream : take_datagrams, b);
}

static __u64 sunk(const struct bench *b)
{
	return __atomic_load_n(&sunk_datagrams, __ATOMIC_RELAXED) +
		__atomic_load_n(&sunk_bytes, __ATOMIC_RELAXED) /
		(STREAM_HDR + b->size);
}

__u64 bench_sunk(const struct bench *b)
{
	__u64 before, now = sunk(b);

	do {
		before = now;
		pause_ms(QUIET_MS);
		now = sunk(b);
	} while (now != before);
	return now;
}
