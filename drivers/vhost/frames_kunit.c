// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of frames behind their lengths: what is one, what is part of one,
 * and what can't be.
 */
#include <kunit/test.h>
#include <linux/if_ether.h>
#include <linux/string.h>

#include "frames.h"

#define ROOM	(2 * VHOST_FRAMES_MAX)

struct fixture {
	void *shown;
	struct vhost_backend backend;
};

static struct fixture *new_fixture(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	struct vhost_frames *frames;

	frames = kunit_kzalloc(test, struct_size(frames, data, ROOM),
			       GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, f && frames);
	frames->size = ROOM;
	f->backend.kind = VHOST_BACKEND_STREAM;
	f->backend.rx = &f->shown;
	f->backend.frames = frames;
	return f;
}

/* Bytes of a stream come in. */
static void come(struct vhost_frames *frames, const void *from, u32 len)
{
	memcpy(frames->data + frames->fill, from, len);
	frames->fill += len;
}

/* A frame of @len times the same byte. */
static void come_frame(struct vhost_frames *frames, u32 len, u8 byte)
{
	u8 *to = frames->data + frames->fill;

	put_unaligned_be32(len, to);
	memset(to + VHOST_FRAMES_LEN, byte, len);
	frames->fill += VHOST_FRAMES_LEN + len;
}

/* The next one is shown, and is that. */
static void expect_frame(struct kunit *test, struct fixture *f, u32 len,
			 u8 byte)
{
	struct vhost_backend *backend = &f->backend;
	u8 *frame;
	u32 i;

	KUNIT_ASSERT_EQ(test, vhost_frames_next(backend), 1);
	KUNIT_ASSERT_EQ(test, backend->rx_at, 0);
	KUNIT_ASSERT_EQ(test, backend->rx_num, 1);
	frame = backend->rx[0];
	KUNIT_ASSERT_EQ(test, vhost_frames_len(frame), len);
	for (i = 0; i < len; i++)
		KUNIT_ASSERT_EQ(test, frame[VHOST_FRAMES_LEN + i], byte);
	backend->rx_at++;
	vhost_frames_drop(backend, frame);
}

/* From the first byte to the last, and the next one behind it. */
static void byte_by_byte(struct kunit *test)
{
	struct fixture *f = new_fixture(test);
	struct vhost_frames *frames = f->backend.frames;
	const u8 stream[VHOST_FRAMES_LEN + ETH_HLEN] = { 0, 0, 0, ETH_HLEN };
	u32 i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < sizeof(stream); i++) {
			KUNIT_EXPECT_EQ(test, vhost_frames_next(&f->backend),
					0);
			come(frames, stream + i, 1);
		}
		expect_frame(test, f, ETH_HLEN, 0);
		KUNIT_EXPECT_EQ(test, frames->at, frames->fill);
	}
}

/* How much is wanting; what is no part of one frame is not taken for one. */
static void parts(struct kunit *test)
{
	struct fixture *f = new_fixture(test);
	struct vhost_frames *frames = f->backend.frames;
	u32 whole = VHOST_FRAMES_LEN + 1000, have;

	come_frame(frames, 1000, 1);
	for (have = 0; have <= whole; have++)
		KUNIT_EXPECT_EQ(test, vhost_frames_part(frames, have),
				(have < VHOST_FRAMES_LEN ? VHOST_FRAMES_LEN :
							   whole) - have);
	KUNIT_EXPECT_EQ(test, vhost_frames_part(frames, whole + 1), -EPROTO);
	put_unaligned_be32(VHOST_BACKEND_FRAME_MAX + 1, frames->data);
	KUNIT_EXPECT_EQ(test, vhost_frames_part(frames, VHOST_FRAMES_LEN),
			-EPROTO);

	KUNIT_EXPECT_EQ(test, vhost_frames_held(frames), 0);
	frames->taken = true;
	KUNIT_EXPECT_EQ(test, vhost_frames_held(frames), whole);
	frames->at = 5;
	KUNIT_EXPECT_EQ(test, vhost_frames_held(frames), whole - 5);
	KUNIT_EXPECT_EQ(test, vhost_frames_held(NULL), 0);
}

/* The longest one has room, and what is longer is none. */
static void lengths(struct kunit *test)
{
	static const u32 bad[] = { VHOST_BACKEND_FRAME_MAX + 1, 0x7fffffff,
				   0x80000000, 0xfffffffc, 0xffffffff };
	struct fixture *f = new_fixture(test);
	struct vhost_frames *frames = f->backend.frames;
	u32 i;

	come_frame(frames, VHOST_BACKEND_FRAME_MAX, 1);
	come_frame(frames, ETH_HLEN, 2);
	expect_frame(test, f, VHOST_BACKEND_FRAME_MAX, 1);
	expect_frame(test, f, ETH_HLEN, 2);

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		put_unaligned_be32(bad[i], frames->data);
		frames->at = 0;
		frames->fill = VHOST_FRAMES_LEN;
		KUNIT_EXPECT_EQ(test, vhost_frames_next(&f->backend), -EPROTO);
	}
}

/* Those that are too short are passed over, each when it is whole. */
static void too_short(struct kunit *test)
{
	struct fixture *f = new_fixture(test);
	struct vhost_frames *frames = f->backend.frames;
	u32 len;

	for (len = 0; len < ETH_HLEN; len++)
		come_frame(frames, len, len);
	come_frame(frames, ETH_HLEN, 99);
	for (len = 0; len < ETH_HLEN; len++)
		KUNIT_EXPECT_EQ(test, vhost_frames_next(&f->backend),
				-EBADMSG);
	expect_frame(test, f, ETH_HLEN, 99);

	come_frame(frames, 5, 5);
	frames->fill--;
	KUNIT_EXPECT_EQ(test, vhost_frames_next(&f->backend), 0);
	frames->fill++;
	KUNIT_EXPECT_EQ(test, vhost_frames_next(&f->backend), -EBADMSG);
	KUNIT_EXPECT_EQ(test, vhost_frames_next(&f->backend), 0);
}

/* Both ways to copy one leave it behind. */
static void copied(struct kunit *test)
{
	struct fixture *f = new_fixture(test);
	struct vhost_frames *frames = f->backend.frames;
	u8 to[ETH_HLEN + 1] = {}, want[ETH_HLEN + 1] = {};
	struct kvec vec = { .iov_base = to, .iov_len = ETH_HLEN };
	struct iov_iter iter;

	come_frame(frames, ETH_HLEN, 3);
	come_frame(frames, ETH_HLEN, 4);
	KUNIT_ASSERT_EQ(test, vhost_frames_next(&f->backend), 1);
	vhost_frames_recv_short(&f->backend, f->shown, to);
	memset(want, 3, ETH_HLEN);
	KUNIT_EXPECT_EQ(test, memcmp(to, want, sizeof(to)), 0);

	KUNIT_ASSERT_EQ(test, vhost_frames_next(&f->backend), 1);
	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, ETH_HLEN);
	KUNIT_EXPECT_EQ(test, vhost_frames_recv(&f->backend, f->shown, &iter),
			0);
	memset(want, 4, ETH_HLEN);
	KUNIT_EXPECT_EQ(test, memcmp(to, want, sizeof(to)), 0);
	KUNIT_EXPECT_EQ(test, frames->at, frames->fill);
}

static struct kunit_case frames_cases[] = {
	KUNIT_CASE(byte_by_byte),
	KUNIT_CASE(parts),
	KUNIT_CASE(lengths),
	KUNIT_CASE(too_short),
	KUNIT_CASE(copied),
	{}
};

static struct kunit_suite frames_suite = {
	.name = "vhost_frames",
	.test_cases = frames_cases,
};

kunit_test_suite(frames_suite);
