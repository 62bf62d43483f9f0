/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames on a stream: each behind its length, a word in network order. What a
 * socket has no room for, or has not got yet, is kept until it is asked again.
 */
#ifndef VHT_STREAM_H
#define VHT_STREAM_H

#include "frame.h"

#define STREAM_HDR	4
/* The longest frame that a device takes from a stream. */
#define STREAM_MAX	65557

struct stream {
	size_t got;	/* of what comes in */
	size_t put;	/* of what goes out, @size bytes in all */
	size_t size;
	char in[STREAM_HDR + STREAM_MAX];
	char out[STREAM_HDR + STREAM_MAX];
};

/* The word in front of a frame. */
void stream_length(void *word, __u32 len);

/* A frame behind its length, see frame_build(). Return: bytes of both. */
size_t stream_build(void *buf, size_t len, enum frame_to to, __u32 seq);
/* All of these bytes, whatever they are; 0 or -errno. */
int stream_put(int fd, const void *bytes, size_t n);

/*
 * 0: all of it is on its way, or will be, see stream_flush(). -EAGAIN: nothing
 * of it, for there is no room for what was sent before.
 */
int stream_send(struct stream *s, int fd, const void *frame, size_t len);
/* 0 if nothing is left to be sent. */
int stream_flush(struct stream *s, int fd);
bool stream_unsent(const struct stream *s);
/*
 * The length of a frame that has arrived, and up to @size bytes of it. -EAGAIN:
 * not yet; -EPIPE: no more will; -EPROTO: a length that no frame has.
 */
int stream_take(struct stream *s, int fd, void *frame, size_t size);

#endif
