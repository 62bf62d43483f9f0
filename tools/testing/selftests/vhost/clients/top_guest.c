// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that does what it is told to, a line of standard input each, so that
 * one knows what there must be to see of its device:
 *
 *	send COUNT LENGTH	frames, without virtio header
 *	receive COUNT LENGTH
 *	bad			a chain to send that lies nowhere
 *	break			more made available than the ring has room for
 *	share			the device has another descriptor in this
 *				process and two in a new one
 *	spare			another open device that nobody sets up, with
 *				two descriptors
 *
 * Each is answered with "ok", or what went wrong. Ends with its input.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../evil.h"
#include "guest.h"
#include "netif.h"
#include "traffic.h"

static size_t length;
static __u32 sent;

static size_t len_as_told(__u32 seq)
{
	return length + seq * 0;
}

static int move(struct guest *g, const char *what, unsigned int count)
{
	struct traffic t = { .count = count, .len = len_as_told };
	int r;

	t.first = sent;
	sent += count;
	r = *what == 's' ? traffic_tx(g, &t) : traffic_rx(g, &t);
	return r;
}

static int bad_chain(struct guest *g)
{
	static struct evil evil;
	int r = evil_init(&evil, g, VQ_TX);

	if (r)
		return r;
	evil_address_outside(&evil);
	evil_kick(&evil);
	return 0;
}

static int break_ring(struct guest *g)
{
	struct vq *vq = &g->vq[VQ_TX];
	__u64 one = 1;

	vq->avail_idx += vq->num + 1;
	vq_publish(vq);
	return write(vq->kick, &one, sizeof(one)) < 0 ? -errno : 0;
}

static bool nothing(void)
{
	return true;
}

static int share(struct guest *g)
{
	pid_t child;

	if (dup(g->fd) < 0)
		return -errno;
	child = child_ready(nothing);
	return child < 0 ? child : 0;
}

static int spare(void)
{
	int fd = dev_open();

	if (fd < 0)
		return fd;
	return dup(fd) < 0 ? -errno : 0;
}

static int do_as_told(struct guest *g, const char *line)
{
	unsigned int count;
	char what[16];

	if (sscanf(line, "%15s %u %zu", what, &count, &length) == 3)
		return move(g, what, count);
	if (!strcmp(line, "bad\n"))
		return bad_chain(g);
	if (!strcmp(line, "break\n"))
		return break_ring(g);
	if (!strcmp(line, "share\n"))
		return share(g);
	if (!strcmp(line, "spare\n"))
		return spare();
	return -EINVAL;
}

static void answer(int r)
{
	if (r)
		printf("%s\n", strerror(-r));
	else
		puts("ok");
	fflush(stdout);
}

int main(void)
{
	static const struct guest_cfg cfg = {
		.features = F_V1 | F_INDIRECT,
	};
	struct guest g;
	char line[64];
	int r;

	r = netif_new_namespace();
	if (!r)
		r = guest_start(&g, &cfg);
	answer(r);
	while (!r && fgets(line, sizeof(line), stdin))
		answer(do_as_told(&g, line));
	return !!r;
}
