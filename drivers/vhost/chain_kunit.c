// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of how buffers are found in rings of both formats: tables made at
 * random, of which much is wrong, against a model that walks them; then tables
 * of which one thing is wrong.
 *
 * The rings and the indirect tables are in memory as a process has it.
 */
#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>

#include "fake_kunit.h"

/* Where things are in the owner's memory. */
#define RING_AT		0
#define AVAIL_AT	0x4000
#define USED_AT		0x5000
#define TABLE_AT	0x10000
#define TABLE_MAX	65537
#define USER_SIZE	(TABLE_AT + TABLE_MAX * 16)

/* Where the guest has them: the tables, and two runs of data that adjoin. */
#define GUEST_TABLE	0x40000000ULL
#define GUEST_ONE	0x1000ULL
#define GUEST_TWO	0x2000ULL
#define GUEST_END	0x3000ULL
/* The second run is somewhere else for the owner. */
#define OWNER_ONE	0x100000UL
#define OWNER_TWO	0x300000UL

#define DESC_NEXT	VRING_DESC_F_NEXT
#define DESC_WRITE	VRING_DESC_F_WRITE
#define DESC_INDIRECT	VRING_DESC_F_INDIRECT

#define RING_NUM	8
#define TABLE_NUM	6
#define ROUNDS		6000

/* A descriptor of either format; @next is the split ring's, @id the other's. */
struct desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
	u16 id;
};

/**
 * struct room - what a case works with
 * @test: the case
 * @vq: a ring
 * @user: the owner's memory
 * @packed: the format
 * @num: entries of the ring
 * @ring: what was written to it
 * @table: what was written to the indirect table
 * @avail: buffers made available, or entries, before this one
 * @chain: what the driver makes of it
 */
struct room {
	struct kunit *test;
	struct vhost_vq *vq;
	unsigned long user;
	bool packed;
	u32 num;
	struct desc ring[RING_NUM];
	struct desc table[TABLE_NUM];
	u32 avail;
	struct vhost_chain chain;
};

/**
 * struct walk - what the model makes of it
 * @bad: why it can't be used
 * @descs: descriptors looked at
 * @num: segments
 * @out: of these to be read
 * @iov: all of them
 */
struct walk {
	enum vhost_reason bad;
	u32 descs;
	u32 num;
	u32 out;
	struct iovec iov[64];
};

static struct room *open_room(struct kunit *test, bool packed, u32 num)
{
	struct room *room = kunit_kzalloc(test, sizeof(*room), GFP_KERNEL);
	struct fake *fake = test->priv;
	unsigned long user = fake_user(test, USER_SIZE);
	const struct vhost_memory_region regions[] = {
		{ GUEST_TABLE, TABLE_MAX * 16, user + TABLE_AT },
		{ GUEST_ONE, GUEST_TWO - GUEST_ONE, OWNER_ONE },
		{ GUEST_TWO, GUEST_END - GUEST_TWO, OWNER_TWO },
	};
	const struct vhost_place place = {
		.addr = { user + RING_AT, user + AVAIL_AT, user + USED_AT },
	};
	u64 features = BIT_ULL(VIRTIO_F_VERSION_1);
	int err;

	if (packed)
		features |= BIT_ULL(VIRTIO_F_RING_PACKED);
	KUNIT_ASSERT_NOT_NULL(test, room);
	room->test = test;
	room->vq = &fake->vq[0];
	room->user = user;
	room->packed = packed;
	room->num = num;
	KUNIT_ASSERT_EQ(test, fake_features(fake, features), 0);
	fake_mem(test, regions, ARRAY_SIZE(regions));

	mutex_lock(&room->vq->mutex);
	err = vhost_vq_set_num(room->vq, num);
	if (!err)
		err = vhost_vq_place(room->vq, &place);
	if (!err)
		err = vhost_vq_check(room->vq);
	if (!err)
		err = vhost_ring_start(room->vq);
	mutex_unlock(&room->vq->mutex);
	KUNIT_ASSERT_EQ(test, err, 0);
	return room;
}

static void put_split(struct room *room, unsigned long to,
		      const struct desc *desc)
{
	struct vring_desc raw = {
		.addr = (__force __virtio64)cpu_to_le64(desc->addr),
		.len = (__force __virtio32)cpu_to_le32(desc->len),
		.flags = (__force __virtio16)cpu_to_le16(desc->flags),
		.next = (__force __virtio16)cpu_to_le16(desc->next),
	};

	fake_put(room->test, to, &raw, sizeof(raw));
}

static void put_packed(struct room *room, unsigned long to,
		       const struct desc *desc)
{
	struct vring_packed_desc raw = {
		.addr = cpu_to_le64(desc->addr),
		.len = cpu_to_le32(desc->len),
		.flags = cpu_to_le16(desc->flags),
		.id = cpu_to_le16(desc->id),
	};

	fake_put(room->test, to, &raw, sizeof(raw));
}

/* Write an entry of the indirect table. */
static void put_table(struct room *room, u32 i, const struct desc *desc)
{
	unsigned long to = room->user + TABLE_AT + i * 16;

	if (room->packed)
		put_packed(room, to, desc);
	else
		put_split(room, to, desc);
}

static void put16(struct room *room, unsigned long to, u16 val)
{
	__le16 raw = cpu_to_le16(val);

	fake_put(room->test, room->user + to, &raw, sizeof(raw));
}

/* The whole ring as a table, and one entry of it made available. */
static void show_split(struct room *room, u16 head)
{
	u32 i;

	for (i = 0; i < room->num; i++)
		put_split(room, room->user + RING_AT + i * 16, &room->ring[i]);
	put16(room, AVAIL_AT + 4 + room->avail % room->num * 2, head);
	put16(room, AVAIL_AT + 2, ++room->avail);
}

/* The ring's entries from the next one on, @shown of them available. */
static void show_packed(struct room *room, u32 shown)
{
	struct desc desc;
	u32 i, slot;
	bool wrap;

	for (i = 0; i < room->num; i++) {
		slot = (room->avail + i) % room->num;
		wrap = (room->avail + i) / room->num % 2 == 0;
		desc = room->ring[i];
		/* Bits 7 and 15, see VIRTIO; alike: used. */
		desc.flags |= wrap == (i < shown) ? 1 << 7 : 0;
		desc.flags |= wrap ? 0 : 1 << 15;
		put_packed(room, room->user + RING_AT + slot * 16, &desc);
	}
}

static enum vhost_fetch fetch(struct room *room)
{
	enum vhost_fetch found;

	room->chain.iov = room->vq->iov;
	room->chain.max = VHOST_MAX_IOV;
	mutex_lock(&room->vq->mutex);
	found = vhost_ring_next(room->vq, &room->chain);
	mutex_unlock(&room->vq->mutex);
	return found;
}

/* Let the driver use up what it found, so that there is room for more. */
static void finish(struct room *room)
{
	int err;

	mutex_lock(&room->vq->mutex);
	vhost_ring_put(room->vq, &room->chain, 0);
	err = vhost_ring_publish(room->vq);
	mutex_unlock(&room->vq->mutex);
	KUNIT_ASSERT_EQ(room->test, err, 0);
	if (room->packed)
		room->avail += room->chain.slots;
}

static bool walk_fail(struct walk *walk, enum vhost_reason why)
{
	if (!walk->bad)
		walk->bad = why;
	return false;
}

/* A piece of data; false ends the walk. */
static bool walk_data(struct walk *walk, const struct desc *desc)
{
	bool write = desc->flags & DESC_WRITE;
	u64 at = desc->addr, end = at + desc->len, to;

	walk->descs++;
	if (!write && walk->num != walk->out)
		return walk_fail(walk, VHOST_BAD_ORDER);
	if (desc->len && (at < GUEST_ONE || end > GUEST_END || end < at))
		return walk_fail(walk, VHOST_BAD_ADDR);
	for (; at < end; at = to) {
		to = at < GUEST_TWO ? min(end, GUEST_TWO) : end;
		walk->iov[walk->num].iov_base = (void __user *)(unsigned long)
			(at < GUEST_TWO ? OWNER_ONE + (at - GUEST_ONE) :
					  OWNER_TWO + (at - GUEST_TWO));
		walk->iov[walk->num++].iov_len = to - at;
	}
	if (!write)
		walk->out = walk->num;
	return true;
}

static bool table_there(const struct desc *desc)
{
	return desc->addr == GUEST_TABLE;
}

static bool walk_table(struct walk *walk, const struct room *room,
		       const struct desc *indirect)
{
	u32 num = indirect->len / 16, i, turns;
	const struct desc *desc;

	if (!num || indirect->len % 16 || indirect->flags & DESC_NEXT ||
	    !table_there(indirect))
		return walk_fail(walk, VHOST_BAD_INDIRECT);
	for (i = 0, turns = 1;; turns++) {
		desc = &room->table[i];
		if (desc->flags & DESC_INDIRECT)
			return walk_fail(walk, VHOST_BAD_INDIRECT);
		if (!walk_data(walk, desc))
			return false;
		if (room->packed) {
			if (++i == num)
				return true;
			continue;
		}
		if (!(desc->flags & DESC_NEXT))
			return true;
		i = desc->next;
		if (i >= num)
			return walk_fail(walk, VHOST_BAD_NEXT);
		if (turns == num)
			return walk_fail(walk, VHOST_BAD_LOOP);
	}
}

static void walk_split(struct walk *walk, const struct room *room, u32 i)
{
	const struct desc *desc;
	u32 turns;

	for (turns = 1;; turns++) {
		desc = &room->ring[i];
		if (desc->flags & DESC_INDIRECT) {
			walk_table(walk, room, desc);
			return;
		}
		if (!walk_data(walk, desc) || !(desc->flags & DESC_NEXT))
			return;
		i = desc->next;
		if (i >= room->num) {
			walk_fail(walk, VHOST_BAD_NEXT);
			return;
		}
		if (turns == room->num) {
			walk_fail(walk, VHOST_BAD_LOOP);
			return;
		}
	}
}

/* Return: entries of the ring that the buffer takes. */
static u32 walk_packed(struct walk *walk, const struct room *room)
{
	const struct desc *desc = room->ring;

	for (;; desc++) {
		if (walk->bad)
			;
		else if (desc->flags & DESC_INDIRECT)
			walk_table(walk, room, desc);
		else
			walk_data(walk, desc);
		if (!(desc->flags & DESC_NEXT))
			return desc - room->ring + 1;
	}
}

static void check_walk(struct room *room, const struct walk *walk,
		       enum vhost_fetch found)
{
	const struct vhost_chain *chain = &room->chain;
	struct kunit *test = room->test;
	u64 in_len = 0, out_len = 0;
	u32 i;

	KUNIT_ASSERT_EQ(test, chain->bad, walk->bad);
	KUNIT_ASSERT_EQ(test, found,
			walk->bad ? VHOST_FETCH_BAD : VHOST_FETCH_OK);
	if (walk->bad)
		return;
	KUNIT_ASSERT_EQ(test, chain->num, walk->num);
	KUNIT_ASSERT_EQ(test, chain->out, walk->out);
	for (i = 0; i < walk->num; i++) {
		const struct iovec *is = &chain->iov[i], *want = &walk->iov[i];

		*(i < walk->out ? &out_len : &in_len) += want->iov_len;
		KUNIT_ASSERT_EQ(test, (unsigned long)is->iov_base,
				(unsigned long)want->iov_base);
		KUNIT_ASSERT_EQ(test, is->iov_len, want->iov_len);
	}
	KUNIT_ASSERT_EQ(test, chain->out_len, out_len);
	KUNIT_ASSERT_EQ(test, chain->in_len, in_len);
}

/* Mostly right, or no chain would ever be long. */
static void random_desc(struct rnd_state *rnd, struct desc *desc, u32 num)
{
	static const u32 lens[] = { 0, 1, 16, 0x800, 0xfff, 0x1000, 0x2000 };

	*desc = (struct desc) {
		.addr = GUEST_ONE + fake_any(rnd, 0x1800),
		.len = lens[fake_any(rnd, 4)],
		.flags = fake_any(rnd, 4) ? DESC_NEXT : 0,
		.next = fake_any(rnd, num),
		.id = fake_any(rnd, U16_MAX + 1),
	};
	if (!fake_any(rnd, 3))
		desc->flags |= DESC_WRITE;
	switch (fake_any(rnd, 60)) {
	case 0:
		desc->addr = GUEST_ONE - 1;
		break;
	case 1:
		desc->addr = U64_MAX - fake_any(rnd, 3);
		break;
	case 2:
	case 3:
		desc->len = lens[fake_any(rnd, ARRAY_SIZE(lens))];
		break;
	case 4:
		desc->next = num + fake_any(rnd, 3);
		break;
	case 5:
		desc->len = U32_MAX;
		break;
	}
}

static void random_indirect(struct rnd_state *rnd, struct desc *desc)
{
	desc->flags = DESC_INDIRECT;
	desc->addr = GUEST_TABLE;
	desc->len = (1 + fake_any(rnd, TABLE_NUM)) * 16;
	switch (fake_any(rnd, 12)) {
	case 0:
		desc->len = 0;
		break;
	case 1:
		desc->len += 1 + fake_any(rnd, 15);
		break;
	case 2:
		desc->flags |= DESC_NEXT;
		break;
	case 3:
		desc->addr = GUEST_END;
		break;
	case 4:
		desc->flags |= DESC_WRITE;
		break;
	}
}

static void random_room(struct rnd_state *rnd, struct room *room)
{
	u32 i;

	for (i = 0; i < TABLE_NUM; i++) {
		random_desc(rnd, &room->table[i], TABLE_NUM);
		if (!fake_any(rnd, 40))
			room->table[i].flags |= DESC_INDIRECT;
		put_table(room, i, &room->table[i]);
	}
	for (i = 0; i < room->num; i++) {
		random_desc(rnd, &room->ring[i], room->num);
		if (!fake_any(rnd, 8))
			random_indirect(rnd, &room->ring[i]);
	}
}

/* All that can happen has happened. */
static void check_seen(struct room *room, const u32 *seen)
{
	static const enum vhost_reason reasons[] = {
		VHOST_OK, VHOST_BAD_ORDER, VHOST_BAD_ADDR, VHOST_BAD_INDIRECT,
		/* A packed ring has neither. */
		VHOST_BAD_NEXT, VHOST_BAD_LOOP,
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(reasons) - 2 * room->packed; i++)
		KUNIT_EXPECT_GT_MSG(room->test, seen[reasons[i]], 10,
				    "reason %u", reasons[i]);
}

static struct walk *new_walk(struct kunit *test)
{
	struct walk *walk = kunit_kzalloc(test, sizeof(*walk), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, walk);
	return walk;
}

static void random_split(struct kunit *test)
{
	u32 i, head, seen[VHOST_REASONS] = {};
	struct room *room = open_room(test, false, RING_NUM);
	struct walk *walk = new_walk(test);
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 2);
	for (i = 0; i < ROUNDS; i++) {
		random_room(&rnd, room);
		head = fake_any(&rnd, room->num);
		show_split(room, head);
		memset(walk, 0, sizeof(*walk));
		walk_split(walk, room, head);
		check_walk(room, walk, fetch(room));
		KUNIT_ASSERT_EQ(test, room->chain.id, head);
		seen[walk->bad]++;
		finish(room);
		KUNIT_ASSERT_EQ(test, fetch(room), VHOST_FETCH_EMPTY);
	}
	check_seen(room, seen);
}

/* Each ends, or it would take the whole ring: see endless(). */
static void random_packed(struct kunit *test)
{
	u32 i, slots, seen[VHOST_REASONS] = {};
	struct room *room = open_room(test, true, RING_NUM - 1);
	struct walk *walk = new_walk(test);
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 3);
	for (i = 0; i < ROUNDS; i++) {
		random_room(&rnd, room);
		room->ring[room->num - 1].flags &= ~DESC_NEXT;
		memset(walk, 0, sizeof(*walk));
		slots = walk_packed(walk, room);
		show_packed(room, slots);
		check_walk(room, walk, fetch(room));
		KUNIT_ASSERT_EQ(test, room->chain.slots, slots);
		KUNIT_ASSERT_EQ(test, room->chain.id, room->ring[slots - 1].id);
		seen[walk->bad]++;
		finish(room);
		KUNIT_ASSERT_EQ(test, fetch(room), VHOST_FETCH_EMPTY);
	}
	check_seen(room, seen);
}

static struct room *room_for(struct kunit *test)
{
	return open_room(test, *(const bool *)test->param_value, RING_NUM);
}

/* A buffer of one entry, which names a table of so many bytes. */
static enum vhost_reason try_table(struct room *room, u32 len)
{
	enum vhost_fetch found;

	room->ring[0] = (struct desc) {
		.addr = GUEST_TABLE, .len = len, .flags = DESC_INDIRECT,
	};
	if (room->packed)
		show_packed(room, 1);
	else
		show_split(room, 0);
	found = fetch(room);
	KUNIT_ASSERT_EQ(room->test, found == VHOST_FETCH_OK, !room->chain.bad);
	finish(room);
	return room->chain.bad;
}

/* A table of @num descriptors in their order, which all have bytes or none. */
static void make_table(struct room *room, u32 num, u32 len)
{
	u32 i;

	for (i = 0; i < num; i++) {
		struct desc desc = {
			.addr = GUEST_ONE, .len = len,
			.flags = i + 1 < num ? DESC_NEXT : 0, .next = i + 1,
		};

		put_table(room, i, &desc);
	}
}

/* Neither segments nor descriptors of a buffer are more than there is room. */
static void too_long(struct kunit *test)
{
	struct room *room = room_for(test);
	u32 len;

	for (len = 0; len < 2; len++) {
		make_table(room, VHOST_MAX_IOV, len);
		KUNIT_EXPECT_EQ(test, try_table(room, VHOST_MAX_IOV * 16), 0);
		KUNIT_EXPECT_EQ(test, room->chain.num, len * VHOST_MAX_IOV);
		KUNIT_EXPECT_EQ(test, room->chain.out_len,
				len * VHOST_MAX_IOV);
		make_table(room, VHOST_MAX_IOV + 1, len);
		KUNIT_EXPECT_EQ(test, try_table(room,
						(VHOST_MAX_IOV + 1) * 16),
				VHOST_BAD_LONG);
	}
	/* The last descriptor has one segment too many. */
	make_table(room, VHOST_MAX_IOV - 1, 1);
	put_table(room, VHOST_MAX_IOV - 2, &(struct desc) {
		.addr = GUEST_TWO - 1, .len = 2, .flags = DESC_NEXT,
		.next = VHOST_MAX_IOV - 1,
	});
	put_table(room, VHOST_MAX_IOV - 1, &(struct desc) {
		.addr = GUEST_ONE, .len = 1,
	});
	KUNIT_EXPECT_EQ(test, try_table(room, VHOST_MAX_IOV * 16),
			VHOST_BAD_LONG);
	put_table(room, VHOST_MAX_IOV - 1, &(struct desc) { .len = 0 });
	KUNIT_EXPECT_EQ(test, try_table(room, VHOST_MAX_IOV * 16), 0);
	KUNIT_EXPECT_EQ(test, room->chain.num, VHOST_MAX_IOV);
}

/* A split ring's table is as long as its links can say; all may be there. */
static void large_tables(struct kunit *test)
{
	struct room *room = room_for(test);
	enum vhost_reason want = room->packed ? VHOST_BAD_LONG :
						VHOST_BAD_INDIRECT;

	make_table(room, VHOST_MAX_IOV + 1, 0);
	KUNIT_EXPECT_EQ(test, try_table(room, 65536 * 16), VHOST_BAD_LONG);
	KUNIT_EXPECT_EQ(test, try_table(room, 65537 * 16), want);
	KUNIT_EXPECT_EQ(test, try_table(room, U32_MAX & ~15U), want);
	KUNIT_EXPECT_EQ(test, try_table(room, U32_MAX), VHOST_BAD_INDIRECT);
	/* What comes behind the last one is none of its business. */
	put_table(room, 0, &(struct desc) { .addr = GUEST_ONE, .len = 1 });
	if (!room->packed)
		KUNIT_EXPECT_EQ(test, try_table(room, 65536 * 16), 0);
}

/* Links that go to the last entry and back; a chain of all entries is none. */
static void split_links(struct kunit *test)
{
	struct room *room = open_room(test, false, RING_NUM);
	u32 i;

	for (i = 0; i < RING_NUM; i++)
		room->ring[i] = (struct desc) {
			.addr = GUEST_ONE + i, .len = 1, .flags = DESC_NEXT,
			.next = (i + RING_NUM - 1) % RING_NUM,
		};
	show_split(room, 5);
	KUNIT_EXPECT_EQ(test, fetch(room), VHOST_FETCH_BAD);
	KUNIT_EXPECT_EQ(test, room->chain.bad, VHOST_BAD_LOOP);
	finish(room);
	room->ring[6].flags = 0;
	show_split(room, 5);
	KUNIT_EXPECT_EQ(test, fetch(room), VHOST_FETCH_OK);
	KUNIT_EXPECT_EQ(test, room->chain.num, RING_NUM);
	KUNIT_EXPECT_EQ(test, room->chain.slots, RING_NUM);
	finish(room);

	/* No head, and it stays so until it is another. */
	show_split(room, RING_NUM);
	KUNIT_EXPECT_EQ(test, fetch(room), VHOST_FETCH_BROKEN);
	KUNIT_EXPECT_EQ(test, room->vq->broken, VHOST_BAD_HEAD);
	KUNIT_EXPECT_EQ(test, fetch(room), VHOST_FETCH_BROKEN);
	room->avail--;
	show_split(room, 6);
	KUNIT_EXPECT_EQ(test, fetch(room), VHOST_FETCH_OK);
	KUNIT_EXPECT_EQ(test, room->chain.num, 1);
	finish(room);

	/* The ring can't have that many. */
	put16(room, AVAIL_AT + 2, room->avail + RING_NUM + 1);
	KUNIT_EXPECT_EQ(test, fetch(room), VHOST_FETCH_BROKEN);
	KUNIT_EXPECT_EQ(test, room->vq->broken, VHOST_BAD_INDEX);
	put16(room, AVAIL_AT + 2, room->avail);
	KUNIT_EXPECT_EQ(test, fetch(room), VHOST_FETCH_EMPTY);
}

/* A packed ring that is one buffer without an end has no next buffer. */
static void endless(struct kunit *test)
{
	struct room *room = open_room(test, true, 5);
	u32 i;

	for (i = 0; i < 5; i++)
		room->ring[i] = (struct desc) {
			.addr = GUEST_ONE + i, .len = 1, .flags = DESC_NEXT,
			.id = i,
		};
	show_packed(room, 5);
	KUNIT_EXPECT_EQ(test, fetch(room), VHOST_FETCH_BROKEN);
	KUNIT_EXPECT_EQ(test, room->vq->broken, VHOST_BAD_RING);
	room->ring[4].flags = 0;
	show_packed(room, 5);
	KUNIT_EXPECT_EQ(test, fetch(room), VHOST_FETCH_OK);
	KUNIT_EXPECT_EQ(test, room->chain.slots, 5);
	KUNIT_EXPECT_EQ(test, room->chain.id, 4);
	KUNIT_EXPECT_EQ(test, room->chain.num, 5);
	finish(room);
}

static const bool formats[] = { false, true };

static void format_name(const bool *packed, char *desc)
{
	strcpy(desc, *packed ? "packed" : "split");
}

KUNIT_ARRAY_PARAM(format, formats, format_name);

static struct kunit_case chain_cases[] = {
	KUNIT_CASE(random_split),
	KUNIT_CASE(random_packed),
	KUNIT_CASE_PARAM(too_long, format_gen_params),
	KUNIT_CASE_PARAM(large_tables, format_gen_params),
	KUNIT_CASE(split_links),
	KUNIT_CASE(endless),
	{}
};

static struct kunit_suite chain_suite = {
	.name = "vhost_chain",
	.init = fake_init,
	.exit = fake_exit,
	.test_cases = chain_cases,
};

kunit_test_suite(chain_suite);
