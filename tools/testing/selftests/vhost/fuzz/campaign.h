/* SPDX-License-Identifier: GPL-2.0 */
/* Many executions in a row. */
#ifndef FUZZ_CAMPAIGN_H
#define FUZZ_CAMPAIGN_H

#include "corpus.h"
#include "gen.h"

struct campaign {
	__u64 seed, first;	/* number of the first execution */
	unsigned long runs;	/* 0: no end */
	unsigned int seconds;	/* 0: no end */
	enum gen_format format;
	const char *grow;	/* directory for what reaches something new */
	const char *note;	/* file that is told what is being run */
	const char *failed;	/* directory for what fails */
	bool slow, verbose;
	struct corpus corpus;
};

/* 0, or -EPROTO if an execution failed; prints a summary. */
int campaign_run(struct campaign *c);
/* Each program of the corpus, so many times. */
int campaign_replay(struct campaign *c, unsigned int times);

#endif
