/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames in memory of the driver's own, on their way from or to a socket that
 * knows of none: each behind its length, 32 bits, most significant byte first.
 * That is how streams carry them, and what datagrams are made here.
 */
#ifndef VHOST_FRAMES_H
#define VHOST_FRAMES_H

#include <linux/types.h>
#include <linux/unaligned.h>

#include "backend.h"

/* A frame's length, in front of it. */
#define VHOST_FRAMES_LEN	4

/* The longest one with its length. */
#define VHOST_FRAMES_MAX	(VHOST_FRAMES_LEN + VHOST_BACKEND_FRAME_MAX)

/**
 * struct vhost_frames - frames of one direction
 * @sk: the socket they come from or go to; no more than its memory is held
 * @size: bytes there are in @data
 * @fill: bytes of them in use
 * @at: bytes of these that are done with
 * @taken: what is in @data is not in the socket; of a stream that is received,
 *	it is one frame at most then. Otherwise it is in the socket, too, with
 *	what is done with
 * @over: nothing more comes, or can be sent
 * @errors: datagrams: times in a row that the socket gave an error
 * @found: what has gone wrong when vhost_frames_look() was asked; nobody else
 *	knows yet
 * @packets: stream, sending: frames added since they were counted last
 * @bytes: and bytes in them
 * @data: lengths and frames
 *
 * Protected by the mutex of the vq.
 */
struct vhost_frames {
	struct sock *sk;
	u32 size;
	u32 fill;
	u32 at;
	bool taken;
	bool over;
	u8 errors;
	int found;
	u16 packets;
	u32 bytes;
	u8 data[];
};

/* frames.c APIs: */
struct vhost_frames *vhost_frames_create(struct sock *sk, u32 size);
void vhost_frames_free(struct vhost_frames *frames);
int vhost_frames_read(struct vhost_backend *backend, void *to, u32 len,
		      int flags);
int vhost_frames_next(struct vhost_backend *backend);
int vhost_frames_part(const struct vhost_frames *frames, u32 have);

#endif
