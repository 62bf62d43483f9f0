// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "stream.h"

void stream_length(void *word, __u32 len)
{
	__u32 be = htonl(len);

	memcpy(word, &be, sizeof(be));
}

size_t stream_build(void *buf, size_t len, enum frame_to to, __u32 seq)
{
	stream_length(buf, len);
	frame_build((char *)buf + STREAM_HDR, len, to, seq);
	return STREAM_HDR + len;
}

int stream_put(int fd, const void *bytes, size_t n)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	const char *at = bytes;
	ssize_t r;

	while (n) {
		r = send(fd, at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (r < 0 && errno != EAGAIN)
			return -errno;
		if (r < 0 && poll(&p, 1, STALL_MS) != 1)
			return -ETIMEDOUT;
		r = r < 0 ? 0 : r;
		at += r;
		n -= r;
	}
	return 0;
}

int stream_flush(struct stream *s, int fd)
{
	ssize_t r;

	while (s->put < s->size) {
		r = send(fd, s->out + s->put, s->size - s->put,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (r < 0)
			return -errno;
		s->put += r;
	}
	return 0;
}

bool stream_unsent(const struct stream *s)
{
	return s->put < s->size;
}

int stream_send(struct stream *s, int fd, const void *frame, size_t len)
{
	int r = stream_flush(s, fd);

	if (r)
		return r;
	if (len > STREAM_MAX)
		return -EMSGSIZE;
	stream_length(s->out, len);
	memcpy(s->out + STREAM_HDR, frame, len);
	s->put = 0;
	s->size = STREAM_HDR + len;
	r = stream_flush(s, fd);
	if (r && !s->put)
		s->size = 0;
	/* Once some of it has gone, the rest will. */
	return r == -EAGAIN && s->put ? 0 : r;
}

static int fill(struct stream *s, int fd, size_t until)
{
	ssize_t r;

	while (s->got < until) {
		r = recv(fd, s->in + s->got, until - s->got, MSG_DONTWAIT);
		if (r <= 0)
			return r ? -errno : -EPIPE;
		s->got += r;
	}
	return 0;
}

int stream_take(struct stream *s, int fd, void *frame, size_t size)
{
	int r = fill(s, fd, STREAM_HDR);
	__u32 len;

	if (r)
		return r;
	memcpy(&len, s->in, sizeof(len));
	len = ntohl(len);
	if (!len || len > STREAM_MAX)
		return -EPROTO;
	r = fill(s, fd, STREAM_HDR + len);
	if (r)
		return r;
	memcpy(frame, s->in + STREAM_HDR, min_size(len, size));
	s->got = 0;
	return len;
}
