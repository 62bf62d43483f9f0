// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz: programs of random calls, rings and messages against /dev/vhost-net.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "campaign.h"

#define MAX_JOBS	16

static const struct option options[] = {
	{ "seed", required_argument, NULL, 's' },
	{ "first", required_argument, NULL, 'f' },
	{ "runs", required_argument, NULL, 'n' },
	{ "seconds", required_argument, NULL, 't' },
	{ "format", required_argument, NULL, 'F' },
	{ "replay", required_argument, NULL, 'r' },
	{ "times", required_argument, NULL, 'T' },
	{ "corpus", required_argument, NULL, 'c' },
	{ "grow", required_argument, NULL, 'g' },
	{ "minimize", required_argument, NULL, 'm' },
	{ "note", required_argument, NULL, 'N' },
	{ "failed", required_argument, NULL, 'd' },
	{ "jobs", required_argument, NULL, 'j' },
	{ "quick", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{},
};

static const char usage[] =
"usage: fuzz [OPTION...]\n"
"  --seed N      where programs come from (1)\n"
"  --first N     number of the first one (0)\n"
"  --runs N      executions, 0: no end (10000)\n"
"  --seconds N   time, 0: no end (0)\n"
"  --format F    of rings: split, packed or both (both)\n"
"  --corpus DIR  programs to begin with, may be given more than once\n"
"  --grow DIR    put programs there that reach something new\n"
"  --note FILE   name each execution there before it begins (/dev/kmsg)\n"
"  --failed DIR  put programs there that fail (/tmp)\n"
"  --jobs N      processes, each with the next seed (1)\n"
"  --quick       without processes that end\n"
"  --verbose     a line now and then\n"
"  --replay FILE run one program, --times N (1)\n"
"  --minimize FILE  print what is left of one that still fails\n";

struct command {
	struct campaign c;
	const char *minimize;
	bool replay;
	unsigned int times, jobs;
};

static enum gen_format format(const char *name)
{
	if (!strcmp(name, "split"))
		return GEN_SPLIT;
	return strcmp(name, "packed") ? GEN_BOTH : GEN_PACKED;
}

static int add_file(struct corpus *c, const char *path)
{
	struct prog p;
	int r = prog_load(path, &p);

	return r ? r : corpus_add(c, &p, path);
}

/* Options with an argument. Return: 0 or -errno. */
static int take_option(struct command *m, int opt, const char *arg)
{
	struct campaign *c = &m->c;
	unsigned long long n = strtoull(arg, NULL, 0);

	switch (opt) {
	case 's':
		c->seed = n;
		return 0;
	case 'f':
		c->first = n;
		return 0;
	case 'n':
		c->runs = n;
		return 0;
	case 't':
		c->seconds = n;
		c->runs = 0;
		return 0;
	case 'T':
		m->times = n;
		return 0;
	case 'j':
		m->jobs = min_size(n, MAX_JOBS);
		return 0;
	case 'F':
		c->format = format(arg);
		return 0;
	case 'c':
		return corpus_load(&c->corpus, arg);
	case 'r':
		m->replay = true;
		return add_file(&c->corpus, arg);
	case 'g':
		c->grow = arg;
		return 0;
	case 'm':
		m->minimize = arg;
		return 0;
	case 'N':
		c->note = arg;
		return 0;
	case 'd':
		c->failed = arg;
		return 0;
	default:
		return -EINVAL;
	}
}

static int minimize(struct command *m)
{
	struct exec x;
	struct prog p;
	int r;

	r = prog_load(m->minimize, &p);
	if (!r)
		r = exec_init(&x);
	if (r)
		return r;
	x.slow = true;
	r = corpus_minimize(&x, &p, m->times > 1 ? m->times : 20);
	if (r)
		printf("# it does not fail\n");
	else
		prog_print(stdout, &p);
	exec_end(&x);
	return r;
}

/* Each process has a namespace, a device and a seed of its own. */
static int run_jobs(struct command *m)
{
	unsigned int i, failed = 0;
	pid_t pid[MAX_JOBS];
	int status;

	for (i = 0; i < m->jobs; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			m->c.seed += i;
			_exit(campaign_run(&m->c) ? 1 : 0);
		}
	}
	for (i = 0; i < m->jobs; i++) {
		if (pid[i] < 0 || waitpid(pid[i], &status, 0) != pid[i] ||
		    status) {
			printf("# job %u failed\n", i);
			failed++;
		}
	}
	return failed ? -EPROTO : 0;
}

static int run(struct command *m)
{
	if (m->minimize)
		return minimize(m);
	if (m->replay)
		return campaign_replay(&m->c, m->times);
	return m->jobs > 1 ? run_jobs(m) : campaign_run(&m->c);
}

static bool take_all(struct command *m, int argc, char **argv)
{
	int opt, r = 0;

	while (!r && (opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'q')
			m->c.slow = false;
		else if (opt == 'v')
			m->c.verbose = true;
		else
			r = take_option(m, opt, optarg ? optarg : "");
	}
	if (!r && optind == argc)
		return true;
	if (r && r != -EINVAL)
		fprintf(stderr, "%s: %s\n", optarg, strerror(-r));
	else
		fputs(usage, stderr);
	return false;
}

int main(int argc, char **argv)
{
	struct command m = {
		.c = {
			.seed = 1,
			.runs = 10000,
			.format = GEN_BOTH,
			.slow = true,
			.note = "/dev/kmsg",
		},
		.times = 1,
		.jobs = 1,
	};
	int r;

	ops_init();
	if (!take_all(&m, argc, argv))
		return 2;
	r = run(&m);
	printf("%s\n", r ? "# FAILED" : "# passed");
	return r ? 1 : 0;
}
