// SPDX-License-Identifier: GPL-2.0
/*
 * Frames in memory of the driver's own: see frames.h. A frame that came in is
 * shown to the ring one at a time, where it lies.
 */
#include <linux/if_ether.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "frames.h"

/**
 * vhost_frames_create() - make room for frames
 * @sk: the socket they come from or go to
 * @size: bytes of room
 *
 * Return: no frames; NULL without memory.
 */
struct vhost_frames *vhost_frames_create(struct sock *sk, u32 size)
{
	struct vhost_frames *frames;

	frames = kvzalloc(struct_size(frames, data, size), GFP_KERNEL_ACCOUNT);
	if (!frames)
		return NULL;
	sock_hold(sk);
	frames->sk = sk;
	frames->size = size;
	return frames;
}

/**
 * vhost_frames_free() - forget frames
 * @frames: the frames; NULL is allowed
 */
void vhost_frames_free(struct vhost_frames *frames)
{
	if (!frames)
		return;
	sock_put(frames->sk);
	kvfree(frames);
}

/**
 * vhost_frames_read() - read from the socket
 * @backend: the backend, which packets are taken from
 * @to: where to; NULL if the bytes are of no interest
 * @len: how many at most
 * @flags: MSG_PEEK, MSG_TRUNC
 *
 * Return: how many were read, 0 at the end of a stream; -EAGAIN if there is
 * nothing to read; else what the socket says.
 */
int vhost_frames_read(struct vhost_backend *backend, void *to, u32 len,
		      int flags)
{
	struct kvec vec = {
		.iov_base = to,
		.iov_len = len,
	};
	struct msghdr msg = {};

	flags |= MSG_DONTWAIT;
	if (to)
		iov_iter_kvec(&msg.msg_iter, ITER_DEST, &vec, 1, len);
	else
		iov_iter_discard(&msg.msg_iter, ITER_DEST, len);
	return backend->sock->ops->recvmsg(backend->sock, &msg, len, flags);
}

/**
 * vhost_frames_next() - show the next frame to the ring
 * @backend: the backend, which shows none
 *
 * What can't be a frame is passed over if it is known where it ends.
 *
 * Return: 1; 0 if none has come completely; -EBADMSG if one is passed over;
 * -EPROTO if it is longer than any frame can be.
 */
int vhost_frames_next(struct vhost_backend *backend)
{
	struct vhost_frames *frames = backend->frames;
	u32 have = frames->fill - frames->at, len;
	u8 *frame = frames->data + frames->at;

	if (have < VHOST_FRAMES_LEN)
		return 0;
	len = get_unaligned_be32(frame);
	if (len > VHOST_BACKEND_FRAME_MAX)
		return -EPROTO;
	if (have < VHOST_FRAMES_LEN + len)
		return 0;
	if (len < ETH_HLEN) {
		frames->at += VHOST_FRAMES_LEN + len;
		return -EBADMSG;
	}
	backend->rx[0] = frame;
	backend->rx_at = 0;
	backend->rx_num = 1;
	return 1;
}

/**
 * vhost_frames_len() - length of a frame
 * @frame: what vhost_frames_next() shows
 *
 * Return: bytes.
 */
u32 vhost_frames_len(const void *frame)
{
	return get_unaligned_be32(frame);
}

/**
 * vhost_frames_recv() - copy a frame, and be done with it
 * @backend: the backend
 * @frame: what vhost_frames_next() shows
 * @to: where to
 *
 * Return: 0 or -EFAULT.
 */
int vhost_frames_recv(struct vhost_backend *backend, void *frame,
		      struct iov_iter *to)
{
	u32 len = vhost_frames_len(frame);

	vhost_frames_drop(backend, frame);
	return copy_to_iter(frame + VHOST_FRAMES_LEN, len, to) == len ?
	       0 : -EFAULT;
}

/**
 * vhost_frames_recv_short() - the same for a short frame, to kernel memory
 * @backend: the backend
 * @frame: what vhost_frames_next() shows
 * @to: where to
 */
void vhost_frames_recv_short(struct vhost_backend *backend, void *frame,
			     void *to)
{
	memcpy(to, frame + VHOST_FRAMES_LEN, vhost_frames_len(frame));
	vhost_frames_drop(backend, frame);
}

/**
 * vhost_frames_drop() - be done with a frame
 * @backend: the backend
 * @frame: what vhost_frames_next() shows
 */
void vhost_frames_drop(struct vhost_backend *backend, const void *frame)
{
	backend->frames->at += VHOST_FRAMES_LEN + vhost_frames_len(frame);
}

/**
 * vhost_frames_unfinished() - how much is there to come?
 * @frames: the frames
 * @transmit: they are to be sent
 *
 * Return: bytes that have to come for a frame to be whole, as far as it is
 * known, or that have to be sent.
 */
u32 vhost_frames_unfinished(const struct vhost_frames *frames, bool transmit)
{
	u32 have = frames->fill - frames->at, want = VHOST_FRAMES_LEN;

	if (transmit || !have)
		return have;
	if (have >= want)
		want += get_unaligned_be32(frames->data + frames->at);
	return want - min(want, have);
}

/*
 * The old backend may be attached again, if the other ring can't have the new
 * one: it stays as it was, unless it is the same socket that goes on.
 */
static void put_aside(struct vhost_backend *old, struct vhost_backend *new,
		      struct vhost_frames **kept)
{
	if (old->kind == VHOST_BACKEND_STREAM)
		vhost_stream_settle(old);
	/* What the ring was shown it will be shown again. */
	old->rx_at = 0;
	old->rx_num = 0;
	if (old->frames->at == old->frames->fill)
		return;
	if (!new) {
		vhost_frames_free(*kept);
		*kept = old->frames;
		old->frames = NULL;
	} else if (new->sock == old->sock) {
		swap(new->frames, old->frames);
	}
}

/**
 * vhost_frames_keep() - save what has begun and not come to its end
 * @old: the backend that a ring had; NULL is allowed
 * @new: the one that it has now; NULL is allowed
 * @kept: what was saved before, and is saved now
 *
 * Whoever attaches the same socket to the same ring again goes on in the middle
 * of a frame, if that is where it was.
 *
 * Context: under the mutex of the vq, before @new has been used.
 */
void vhost_frames_keep(struct vhost_backend *old, struct vhost_backend *new,
		       struct vhost_frames **kept)
{
	if (old && old->frames)
		put_aside(old, new, kept);
	if (!new || !*kept)
		return;
	if (new->frames && new->frames->sk == (*kept)->sk)
		swap(new->frames, *kept);
	vhost_frames_free(*kept);
	*kept = NULL;
}
