// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer for a little while: what it has found interesting so far, and some
 * programs that follow from a seed. fuzz/fuzz does it for as long as one likes.
 */
#include "fixture.h"

#include <sys/stat.h>

#include "fuzz/campaign.h"

#define SECONDS		8

static const char *corpus_dir(void)
{
	const char *dir = getenv("VHOST_TEST_CORPUS");

	return dir ? dir : "fuzz/corpus";
}

FIXTURE(fuzz)
{
	struct campaign c;
};

FIXTURE_SETUP(fuzz)
{
	RUN_IF_SELECTED();
	NOT_FOR_STOCK("takes memory behind the rings' ends");
	ops_init();
	self->c = (struct campaign) {
		.seed = number_from("VHOST_TEST_SEED", 1),
		.seconds = number_from("VHOST_TEST_SECONDS", SECONDS),
		.format = GEN_BOTH,
		.note = "/dev/kmsg",
		.slow = true,
	};
}

FIXTURE_TEARDOWN(fuzz)
{
	corpus_free(&self->c.corpus);
	EXPECT_TRUE(workers_become(getpid(), 0));
}

TEST_F_TIMEOUT(fuzz, corpus, 300)
{
	ASSERT_EQ(0, corpus_load(&self->c.corpus, corpus_dir()));
	EXPECT_EQ(0, campaign_replay(&self->c, 2));
}

TEST_F_TIMEOUT(fuzz, split, 300)
{
	self->c.format = GEN_SPLIT;
	EXPECT_EQ(0, campaign_run(&self->c));
}

TEST_F_TIMEOUT(fuzz, packed, 300)
{
	self->c.format = GEN_PACKED;
	EXPECT_EQ(0, campaign_run(&self->c));
}

TEST_HARNESS_MAIN
