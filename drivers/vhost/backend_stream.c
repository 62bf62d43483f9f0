// SPDX-License-Identifier: GPL-2.0
/*
 * Stream sockets as backends: TCP, and those of Unix. In front of each frame is
 * its length: see frames.h.
 *
 * Frames that come in are looked at in the socket, many at a time, and taken
 * out of it when the ring has had them: the socket's memory is where they wait,
 * and whoever goes on with the socket after the ring finds whole frames. Only
 * one that has not come completely is taken as it comes: it might be longer
 * than what the socket holds.
 *
 * Frames that go out are collected, so that the socket gets a run of them at a
 * time. What it does not take stays here, and is all there is until it does.
 *
 * The peer is not trusted: a length that can't be is the end of the stream, as
 * nothing that comes behind it makes sense.
 */
#include <linux/in.h>
#include <linux/minmax.h>
#include <linux/net.h>
#include <linux/string.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "frames.h"

/* Room for the longest frame, and for a run of those of usual length. */
#define STREAM_SIZE	0x20000

/**
 * vhost_stream_accepts() - can a socket be such a backend?
 * @sock: the socket
 *
 * Return: true if so.
 */
bool vhost_stream_accepts(struct socket *sock)
{
	const struct sock *sk = sock->sk;
	bool tcp = (sk->sk_family == AF_INET || sk->sk_family == AF_INET6) &&
		   sk->sk_protocol == IPPROTO_TCP;

	if (sk->sk_type != SOCK_STREAM)
		return false;
	return (tcp || sk->sk_family == AF_UNIX) &&
	       vhost_socket_connected(sock);
}

/**
 * vhost_stream_init() - allocate what the backend wants
 * @backend: the backend, a socket that vhost_stream_accepts()
 *
 * Return: 0 or -ENOMEM.
 */
int vhost_stream_init(struct vhost_backend *backend)
{
	BUILD_BUG_ON(STREAM_SIZE < VHOST_FRAMES_MAX);
	backend->frames = vhost_frames_create(backend->sock->sk, STREAM_SIZE);
	if (!backend->frames)
		return -ENOMEM;
	backend->frames->taken = backend->transmit;
	return 0;
}

static int end_stream(struct vhost_frames *frames, int err)
{
	frames->over = true;
	frames->at = 0;
	frames->fill = 0;
	return err;
}

/* Out of the socket with what the ring has had. */
static int drop_used(struct vhost_backend *backend)
{
	struct vhost_frames *frames = backend->frames;
	u32 left = frames->taken ? 0 : frames->at;
	int n;

	frames->at = 0;
	frames->fill = 0;
	frames->taken = false;
	while (left) {
		n = vhost_frames_read(backend, NULL, left, 0);
		/* Somebody else has had it. */
		if (n <= 0)
			return -EPROTO;
		left -= n;
	}
	return 0;
}

/* The rest of a frame, or of its length. */
static int take_more(struct vhost_backend *backend)
{
	struct vhost_frames *frames = backend->frames;
	int want = vhost_frames_part(frames, frames->fill);

	if (want <= 0)
		return -EPROTO;
	return vhost_frames_read(backend, frames->data + frames->fill, want, 0);
}

static int look(struct vhost_backend *backend)
{
	struct vhost_frames *frames = backend->frames;
	int err = drop_used(backend);

	if (err)
		return err;
	/* The owner may have looks begin elsewhere (SO_PEEK_OFF). */
	if (READ_ONCE(backend->sock->sk->sk_peek_off) >= 0)
		return -EPROTO;
	return vhost_frames_read(backend, frames->data, frames->size, MSG_PEEK);
}

/*
 * Part of a frame at most is at hand. Read once: whether more is there is for
 * the next turn, if a peer sends a byte at a time.
 */
static int read_more(struct vhost_backend *backend)
{
	struct vhost_frames *frames = backend->frames;
	bool part = frames->taken && frames->at < frames->fill;
	int n = part ? take_more(backend) : look(backend);

	if (n > 0)
		frames->fill += n;
	return n ? n : -EPIPE;
}

/*
 * What was looked at is not a whole frame. What is taken should be the same; if
 * somebody else reads there it may be anything, but must be one frame's again.
 */
static int take_part(struct vhost_backend *backend)
{
	struct vhost_frames *frames = backend->frames;
	int n;

	if (frames->taken)
		return -EAGAIN;
	n = vhost_frames_read(backend, frames->data, frames->fill, 0);
	if (n <= 0 || vhost_frames_part(frames, n) < 0)
		return -EPROTO;
	frames->fill = n;
	frames->taken = true;
	return -EAGAIN;
}

/**
 * vhost_stream_refill() - look for a frame
 * @backend: the backend, which shows none
 *
 * Return: 1; 0 if nothing has come; -EAGAIN if something has, but not a whole
 * frame; -EBADMSG if it was no frame; -EPROTO if nothing more can be
 * understood; -EPIPE at the end of the stream. The last two come once.
 */
int vhost_stream_refill(struct vhost_backend *backend)
{
	struct vhost_frames *frames = backend->frames;
	int n = vhost_frames_next(backend);

	if (n == -EPROTO)
		return end_stream(frames, n);
	if (n || frames->over)
		return n;

	n = read_more(backend);
	if (n == -EAGAIN)
		return 0;
	if (n < 0)
		return end_stream(frames, n == -EPROTO ? n : -EPIPE);
	n = vhost_frames_next(backend);
	if (!n)
		n = take_part(backend);
	return n == -EPROTO ? end_stream(frames, n) : n;
}

/**
 * vhost_stream_settle() - leave the frames that the ring had not to others
 * @backend: the backend, which is not used any more
 */
void vhost_stream_settle(struct vhost_backend *backend)
{
	if (!backend->transmit && !backend->frames->taken)
		drop_used(backend);
}

/* As much as the socket takes. */
static int stream_push(struct vhost_backend *backend)
{
	struct vhost_frames *frames = backend->frames;
	int n;

	while (frames->at < frames->fill) {
		struct kvec vec = {
			.iov_base = frames->data + frames->at,
			.iov_len = frames->fill - frames->at,
		};
		struct msghdr msg = {
			/* No signal: that would be the owner's death. */
			.msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL,
		};

		iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, &vec, 1, vec.iov_len);
		n = sock_sendmsg(backend->sock, &msg);
		if (n == -EAGAIN || n == -ENOBUFS || n == -ENOMEM)
			return -EAGAIN;
		if (n <= 0)
			return end_stream(frames, -EPIPE);
		frames->at += n;
	}
	frames->at = 0;
	frames->fill = 0;
	return 0;
}

/**
 * vhost_stream_add() - collect a frame
 * @backend: the backend, which is transmitted to
 * @iov: the frame; not needed afterwards
 * @num: segments of it
 * @len: bytes in it, at most VHOST_BACKEND_FRAME_MAX
 *
 * Return: 0; -EAGAIN if the socket has no room; -EFAULT; -EPIPE if there is no
 * peer any more.
 */
int vhost_stream_add(struct vhost_backend *backend, const struct iovec *iov,
		     int num, size_t len)
{
	struct vhost_frames *frames = backend->frames;
	struct iov_iter from;
	int err = 0;
	u8 *to;

	if (frames->size - frames->fill < VHOST_FRAMES_LEN + len)
		err = stream_push(backend);
	if (err)
		return err;
	if (unlikely(frames->over))
		return -EPIPE;

	to = frames->data + frames->fill;
	iov_iter_init(&from, ITER_SOURCE, iov, num, len);
	if (!copy_from_iter_full(to + VHOST_FRAMES_LEN, len, &from))
		return -EFAULT;
	put_unaligned_be32(len, to);
	frames->fill += VHOST_FRAMES_LEN + len;
	frames->bytes += len;
	frames->packets++;
	return 0;
}

/**
 * vhost_stream_flush() - send what was collected
 * @backend: the backend, which is transmitted to
 * @sent: what became of the frames; those that stay here for a while are as
 *	good as sent
 */
void vhost_stream_flush(struct vhost_backend *backend, struct vhost_sent *sent)
{
	struct vhost_frames *frames = backend->frames;
	bool unsent = vhost_stream_unsent(backend);

	stream_push(backend);
	if (unlikely(frames->over)) {
		/* Those that were as good as sent have not been counted. */
		sent->refused = max_t(u16, frames->packets, unsent);
	} else {
		sent->packets = frames->packets;
		sent->bytes = frames->bytes;
	}
	frames->packets = 0;
	frames->bytes = 0;
}

/**
 * vhost_stream_queued() - is there something to be flushed?
 * @backend: the backend, which is transmitted to
 *
 * Return: true if so.
 */
bool vhost_stream_queued(const struct vhost_backend *backend)
{
	return backend->frames->packets || vhost_stream_unsent(backend);
}

/**
 * vhost_stream_unsent() - is something left that the socket has not taken?
 * @backend: the backend, which is transmitted to, and was flushed
 *
 * Return: true if so.
 */
bool vhost_stream_unsent(const struct vhost_backend *backend)
{
	return backend->frames->at < backend->frames->fill;
}
