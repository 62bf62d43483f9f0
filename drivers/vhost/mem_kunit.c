// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the memory table: tables made at random in a small space against a
 * model that looks at all regions, and the ends of the real space.
 */
#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/prandom.h>
#include <linux/vhost.h>

#include "fake_kunit.h"
#include "xlate.h"

/* Addresses of the small space, for guest and owner. */
#define SPACE		64
#define OWNER		0x100000
#define MAX_REGIONS	8
#define TABLES		300

static struct vhost_mem *make(struct kunit *test,
			      const struct vhost_memory_region *regions,
			      u32 num)
{
	struct vhost_mem *mem = vhost_mem_create(regions, num);

	KUNIT_ASSERT_FALSE(test, IS_ERR(mem));
	return mem;
}

static u32 make_regions(struct rnd_state *rnd, struct vhost_memory_region *to)
{
	u32 num = 1 + prandom_u32_state(rnd) % MAX_REGIONS, i;

	for (i = 0; i < num; i++) {
		u32 first = prandom_u32_state(rnd) % SPACE;

		to[i] = (struct vhost_memory_region) {
			.guest_phys_addr = first,
			.memory_size = 1 + prandom_u32_state(rnd) %
				       (SPACE - first),
			.userspace_addr = OWNER + prandom_u32_state(rnd) % 256,
		};
	}
	return num;
}

/*
 * The owner's address of @gpa, or 0: of several regions, the one that starts
 * lowest counts, and the largest of those that start there.
 */
static unsigned long model_find(const struct vhost_memory_region *regions,
				u32 num, u64 gpa)
{
	const struct vhost_memory_region *best = NULL, *r;

	for (r = regions; r < regions + num; r++) {
		if (gpa < r->guest_phys_addr ||
		    gpa - r->guest_phys_addr >= r->memory_size)
			continue;
		if (!best || r->guest_phys_addr < best->guest_phys_addr ||
		    (r->guest_phys_addr == best->guest_phys_addr &&
		     r->memory_size > best->memory_size))
			best = r;
	}
	return best ? best->userspace_addr + (gpa - best->guest_phys_addr) : 0;
}

/* Two alike would have no order: which one counts is not said then. */
static bool has_twins(const struct vhost_memory_region *r, u32 num)
{
	u32 i, j;

	for (i = 0; i < num; i++)
		for (j = 0; j < i; j++)
			if (r[i].guest_phys_addr == r[j].guest_phys_addr &&
			    r[i].memory_size == r[j].memory_size)
				return true;
	return false;
}

static void check_find(struct kunit *test, const struct vhost_mem *mem,
		       const struct vhost_memory_region *regions, u32 num)
{
	const struct vhost_region *r;
	struct vhost_gpa gpa;

	for (gpa.addr = 0; gpa.addr < SPACE + 2; gpa.addr++) {
		unsigned long want = model_find(regions, num, gpa.addr);

		r = vhost_mem_find(mem, gpa);
		KUNIT_ASSERT_EQ(test, !!r, !!want);
		if (r)
			KUNIT_ASSERT_EQ(test, r->hva + (gpa.addr - r->first),
					want);
	}
}

static void check_segments(struct kunit *test, const struct vhost_mem *mem,
			   const struct vhost_memory_region *regions, u32 num,
			   struct vhost_gpa gpa, u32 len)
{
	struct iovec iov[SPACE];
	u32 i, off = 0, holes = 0;
	int n, want;

	for (i = 0; i < len; i++)
		holes += !model_find(regions, num, gpa.addr + i);
	n = vhost_mem_segments(mem, vhost_mem_find(mem, gpa), gpa, len, iov,
			       SPACE);
	if (holes) {
		KUNIT_ASSERT_EQ(test, n, -EFAULT);
		return;
	}
	KUNIT_ASSERT_GT(test, n, 0);
	want = n;
	for (n = 0, i = 0; i < len; i++, off++) {
		if (off == iov[n].iov_len) {
			off = 0;
			n++;
		}
		KUNIT_ASSERT_LT(test, n, want);
		KUNIT_ASSERT_EQ(test, (unsigned long)iov[n].iov_base + off,
				model_find(regions, num, gpa.addr + i));
	}
	KUNIT_ASSERT_EQ(test, n, want - 1);
	KUNIT_ASSERT_EQ(test, off, iov[n].iov_len);
	if (want > 1)
		KUNIT_ASSERT_EQ(test, vhost_mem_segments(mem,
							 vhost_mem_find(mem,
									gpa),
							 gpa, len, iov,
							 want - 1), -ENOBUFS);
}

/* Nothing that reaches to an address may lie before the first that may. */
static void check_back(struct kunit *test, const struct vhost_mem *mem)
{
	unsigned long hva;
	u32 i, first;

	for (hva = OWNER - 1; hva < OWNER + 400; hva++) {
		first = vhost_mem_first_at(mem, hva);
		KUNIT_ASSERT_LE(test, first, mem->num);
		for (i = 0; i < first; i++) {
			const struct vhost_region *r = &mem->by_hva[i];

			KUNIT_ASSERT_LT(test, r->hva + (r->last - r->first),
					hva);
		}
	}
}

/* What was found last is tried first, and makes no difference. */
static void check_xlate(struct kunit *test, const struct vhost_mem *mem,
			struct rnd_state *rnd)
{
	struct vhost_vq *vq = &((struct fake *)test->priv)->vq[0];
	struct iovec want[4], iov[4];
	struct vhost_gpa gpa;
	int i, n, max;
	u32 len;

	vq->mem = mem;
	vq->last_region = NULL;
	for (i = 0; i < 100; i++) {
		gpa.addr = fake_any(rnd, SPACE + 1) - 1ULL;
		len = 1 + fake_any(rnd, i % 2 ? 4 : SPACE);
		max = fake_any(rnd, ARRAY_SIZE(iov) + 1);
		n = vhost_mem_segments(mem, vhost_mem_find(mem, gpa), gpa, len,
				       want, max);
		KUNIT_ASSERT_EQ(test, vhost_xlate(vq, gpa, len, 1, iov, max),
				n);
		if (n > 0)
			KUNIT_ASSERT_EQ(test, memcmp(iov, want,
						     n * sizeof(*iov)), 0);
	}
	vq->last_region = NULL;
	vq->mem = NULL;
}

static void random_tables(struct kunit *test)
{
	struct vhost_memory_region regions[MAX_REGIONS];
	struct rnd_state rnd;
	struct vhost_mem *mem;
	struct vhost_gpa gpa;
	u32 i, num, len;

	prandom_seed_state(&rnd, 1);
	for (i = 0; i < TABLES; i++) {
		num = make_regions(&rnd, regions);
		if (has_twins(regions, num))
			continue;
		mem = make(test, regions, num);
		check_find(test, mem, regions, num);
		for (len = 1; len < SPACE; len += 1 + len / 4)
			for (gpa.addr = 0; gpa.addr < SPACE; gpa.addr += 3)
				check_segments(test, mem, regions, num, gpa,
					       len);
		check_back(test, mem);
		check_xlate(test, mem, &rnd);
		vhost_mem_free(mem);
	}
}

static void empty_table(struct kunit *test)
{
	struct vhost_mem *mem = make(test, NULL, 0);
	struct vhost_gpa gpa = { 0 };

	KUNIT_EXPECT_PTR_EQ(test, vhost_mem_find(mem, gpa),
			    (const struct vhost_region *)NULL);
	gpa.addr = U64_MAX;
	KUNIT_EXPECT_PTR_EQ(test, vhost_mem_find(mem, gpa),
			    (const struct vhost_region *)NULL);
	KUNIT_EXPECT_EQ(test, vhost_mem_first_at(mem, OWNER), 0);
	vhost_mem_free(mem);
}

static int segments_of(const struct vhost_mem *mem, struct vhost_gpa gpa,
		       u32 len, struct iovec *iov)
{
	return vhost_mem_segments(mem, vhost_mem_find(mem, gpa), gpa, len, iov,
				  2);
}

/* The last byte there is can be memory, and the first one does not follow. */
static void last_address(struct kunit *test)
{
	const struct vhost_memory_region regions[] = {
		{ .guest_phys_addr = U64_MAX - 0xfff, .memory_size = 0x1000,
		  .userspace_addr = OWNER },
		{ .guest_phys_addr = 0, .memory_size = 0x1000,
		  .userspace_addr = 2 * OWNER },
	};
	struct vhost_mem *mem = make(test, regions, ARRAY_SIZE(regions));
	struct vhost_gpa gpa = { U64_MAX };
	struct iovec iov[2];

	KUNIT_EXPECT_EQ(test, segments_of(mem, gpa, 1, iov), 1);
	KUNIT_EXPECT_EQ(test, (unsigned long)iov->iov_base, OWNER + 0xfff);
	KUNIT_EXPECT_EQ(test, segments_of(mem, gpa, 2, iov), -EFAULT);
	gpa.addr = U64_MAX - 0xfff;
	KUNIT_EXPECT_EQ(test, segments_of(mem, gpa, 0x1000, iov), 1);
	KUNIT_EXPECT_EQ(test, segments_of(mem, gpa, 0x1001, iov), -EFAULT);
	KUNIT_EXPECT_EQ(test, segments_of(mem, gpa, U32_MAX, iov), -EFAULT);
	gpa.addr--;
	KUNIT_EXPECT_FALSE(test, !!vhost_mem_find(mem, gpa));
	vhost_mem_free(mem);
}

static void refused(struct kunit *test)
{
	static const struct vhost_memory_region bad[] = {
		/* nothing */
		{ .guest_phys_addr = 0, .memory_size = 0,
		  .userspace_addr = OWNER },
		{ .guest_phys_addr = U64_MAX, .memory_size = 0,
		  .userspace_addr = OWNER },
		/* round the end of the guest's space */
		{ .guest_phys_addr = U64_MAX, .memory_size = 2,
		  .userspace_addr = OWNER },
		{ .guest_phys_addr = U64_MAX - 0xfff, .memory_size = 0x1001,
		  .userspace_addr = OWNER },
		{ .guest_phys_addr = 1, .memory_size = U64_MAX,
		  .userspace_addr = OWNER },
		/* none of the owner's, or round the end of its space */
		{ .guest_phys_addr = 0, .memory_size = 0x1000,
		  .userspace_addr = U64_MAX - 0x7ff },
		{ .guest_phys_addr = 0, .memory_size = 0x1000,
		  .userspace_addr = U64_MAX - 0xffff },
		{ .guest_phys_addr = 0, .memory_size = U64_MAX,
		  .userspace_addr = OWNER },
	};
	struct vhost_memory_region two[2] = {
		{ .guest_phys_addr = 0, .memory_size = 0x1000,
		  .userspace_addr = OWNER },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_EQ_MSG(test, PTR_ERR(vhost_mem_create(&bad[i], 1)),
				    -EFAULT, "region %u", i);
		two[1] = bad[i];
		KUNIT_EXPECT_EQ_MSG(test, PTR_ERR(vhost_mem_create(two, 2)),
				    -EFAULT, "region %u", i);
	}
}

static struct kunit_case mem_cases[] = {
	KUNIT_CASE(random_tables),
	KUNIT_CASE(empty_table),
	KUNIT_CASE(last_address),
	KUNIT_CASE(refused),
	{}
};

static struct kunit_suite mem_suite = {
	.name = "vhost_mem",
	.init = fake_init,
	.exit = fake_exit,
	.test_cases = mem_cases,
};

kunit_test_suite(mem_suite);
