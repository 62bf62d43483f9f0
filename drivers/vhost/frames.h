/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames in memory of the driver's own, on their way from or to a socket that
 * knows of none: each behind its length, 32 bits, most significant byte first.
 * That is how streams carry them, and what datagrams are made here.
 */
#ifndef VHOST_FRAMES_H
#define VHOST_FRAMES_H

#include <linux/types.h>
#include <asm/unaligned.h>

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
 * @taken: stream, receiving: what is in @data is not in the socket any more;
 *	otherwise it still is, @at bytes too many
 * @over: nothing more comes, or can be sent
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

#endif
