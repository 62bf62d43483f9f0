// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"

static const struct cgroup root = { .path = "/sys/fs/cgroup" };

int cgroup_write(const struct cgroup *c, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", c->path, file);
	return write_file(path, text);
}

int cgroup_enter(struct cgroup *c, const char *controllers)
{
	int r;

	if (controllers) {
		r = cgroup_write(&root, "cgroup.subtree_control", controllers);
		if (r)
			return r;
	}
	snprintf(c->path, sizeof(c->path), "%s/vht-%d", root.path, getpid());
	if (mkdir(c->path, 0755))
		return -errno;
	r = cgroup_write(c, "cgroup.procs", "0");
	if (r)
		rmdir(c->path);
	return r;
}

int cgroup_leave(struct cgroup *c)
{
	int r = cgroup_write(&root, "cgroup.procs", "0");

	if (!r && rmdir(c->path))
		r = -errno;
	return r;
}

int cgroup_threads(const struct cgroup *c)
{
	char path[256], line[64];
	FILE *f;
	int n = 0;

	snprintf(path, sizeof(path), "%s/cgroup.threads", c->path);
	f = fopen(path, "r");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		n++;
	fclose(f);
	return n;
}
