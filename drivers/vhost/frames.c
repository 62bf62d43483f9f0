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
	return sock_recvmsg(backend->sock, &msg, flags);
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
 * vhost_frames_part() - is this a part of a frame?
 * @frames: frames, of which none was shown yet
 * @have: bytes of them that are there
 *
 * Return: bytes that are wanting for it to be whole, or for its length to be
 * known, 0 if it is a whole one; -EPROTO if it is no frame, or more than one.
 */
int vhost_frames_part(const struct vhost_frames *frames, u32 have)
{
	u32 len;

	if (have < VHOST_FRAMES_LEN)
		return VHOST_FRAMES_LEN - have;
	len = get_unaligned_be32(frames->data);
	if (len > VHOST_BACKEND_FRAME_MAX || have > VHOST_FRAMES_LEN + len)
		return -EPROTO;
	return VHOST_FRAMES_LEN + len - have;
}

/**
 * vhost_frames_held() - how much is neither here nor there?
 * @frames: the frames; NULL is allowed
 *
 * Return: bytes of frames that were taken from the socket, and the guest has
 * not had them; or from the guest, and the socket has not.
 */
u32 vhost_frames_held(const struct vhost_frames *frames)
{
	return frames && frames->taken ? frames->fill - frames->at : 0;
}

static int refill(struct vhost_backend *backend)
{
	return backend->kind == VHOST_BACKEND_DGRAM ?
	       vhost_dgram_refill(backend) : vhost_stream_refill(backend);
}

/**
 * vhost_frames_look() - would the socket give something?
 * @backend: the backend, which shows no frame
 *
 * To ask it for a frame is the only way to know: a socket can be readable
 * without anything to be read.
 *
 * Return: true if so.
 */
bool vhost_frames_look(struct vhost_backend *backend)
{
	struct vhost_frames *frames = backend->frames;

	if (frames->found)
		return true;
	frames->found = refill(backend);
	if (frames->found <= 0)
		return frames->found;
	/* A frame is there to be seen. */
	frames->found = 0;
	return true;
}

/**
 * vhost_frames_refill() - look for a frame
 * @backend: the backend, which shows none, or none that the ring knows of
 *
 * Return: as vhost_dgram_refill() and vhost_stream_refill() do.
 */
int vhost_frames_refill(struct vhost_backend *backend)
{
	int found = backend->frames->found;

	if (likely(!found))
		return refill(backend);
	backend->frames->found = 0;
	return found;
}

/**
 * vhost_frames_settle() - a ring has lost its backend
 * @backend: the backend; it may be attached again
 *
 * What the ring was shown and has not used it will be shown again.
 *
 * Context: under the mutex of the vq.
 */
void vhost_frames_settle(struct vhost_backend *backend)
{
	if (!backend->frames)
		return;
	backend->rx_at = 0;
	backend->rx_num = 0;
	if (backend->kind == VHOST_BACKEND_STREAM)
		vhost_stream_settle(backend);
}

/**
 * vhost_frames_resume() - a ring has got a backend
 * @backend: the backend, which has not been used
 * @old: the one that the ring had, settled; NULL is allowed
 * @kept: what vhost_frames_keep() has saved
 *
 * If it is the same socket it goes on where it was: in the middle of a frame,
 * maybe.
 *
 * Context: under the mutex of the vq.
 */
void vhost_frames_resume(struct vhost_backend *backend,
			 struct vhost_backend *old,
			 struct vhost_frames **kept)
{
	if (!backend->frames)
		return;
	if (old && old->sock == backend->sock) {
		swap(backend->frames, old->frames);
	} else if (*kept && (*kept)->sk == backend->frames->sk) {
		swap(backend->frames, *kept);
		vhost_frames_free(*kept);
		*kept = NULL;
	}
}

/**
 * vhost_frames_keep() - save what has begun and not come to its end
 * @backend: a backend that is to be closed
 * @kept: what was saved before, and is saved now
 *
 * Context: under the mutex of the vq.
 */
void vhost_frames_keep(struct vhost_backend *backend,
		       struct vhost_frames **kept)
{
	if (!vhost_frames_held(backend->frames))
		return;
	vhost_frames_free(*kept);
	*kept = backend->frames;
	backend->frames = NULL;
}
