// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "traffic.h"

#define BURST		32
#define RENEWED_ID	7	/* of a guest's second backend */

static __thread char frame[FRAME_MAX];

size_t len_fixed_60(__u32 seq)
{
	return 60 + seq * 0;
}

/* Everything between the smallest frame and an Ethernet-sized one. */
size_t len_mixed(__u32 seq)
{
	return FRAME_MIN + seq * 2654435761U % 1500;
}

int traffic_expect(const void *buf, size_t len, const struct traffic *t,
		   __u32 seq)
{
	__u32 got;

	if (!frame_ours(buf, len, &got))
		fprintf(stderr, "# frame %u: not ours, %zu bytes\n", seq, len);
	else if (got != seq)
		fprintf(stderr, "# frame %u expected, %u came\n", seq, got);
	else if (len != t->len(seq))
		fprintf(stderr, "# frame %u: %zu bytes, not %zu\n", seq, len,
			t->len(seq));
	else if (!frame_intact(buf, len, &got))
		fprintf(stderr, "# frame %u: wrong content\n", seq);
	else
		return 0;
	return -EILSEQ;
}

static unsigned int burst_of(const struct traffic *t, unsigned int done)
{
	unsigned int burst = t->burst ? t->burst : BURST;

	return min_size(burst, t->count - done);
}

static int send_burst(struct guest *g, const struct traffic *t, __u32 seq,
		      unsigned int n)
{
	size_t len;
	int r = 0;

	for (; n-- && !r; seq++) {
		len = t->len(seq);
		frame_build(frame, len, FRAME_TO_HOST, seq);
		r = guest_send(g, frame, len, NULL);
	}
	vq_kick(&g->vq[VQ_TX]);
	if (r)
		fprintf(stderr, "# send: %s\n", strerror(-r));
	return r;
}

static int catch_burst(struct guest *g, const struct traffic *t, __u32 seq,
		       unsigned int n)
{
	int r;

	for (; n--; seq++) {
		r = wire_recv(&g->wire, frame, sizeof(frame), NULL, STALL_MS);
		if (!r)
			fprintf(stderr, "# frame %u never came out\n", seq);
		if (r <= 0)
			return r ? r : -ETIME;
		r = traffic_expect(frame, r, t, seq);
		if (r)
			return r;
	}
	return 0;
}

int traffic_tx(struct guest *g, const struct traffic *t)
{
	unsigned int done, n;
	int r;

	for (done = 0; done < t->count; done += n) {
		n = burst_of(t, done);
		r = send_burst(g, t, t->first + done, n);
		if (!r)
			r = catch_burst(g, t, t->first + done, n);
		if (r)
			return r;
		r = guest_reap(g);
		if (r < 0)
			return r;
	}
	r = guest_drain(g);
	if (r)
		fprintf(stderr, "# drain: %s\n", strerror(-r));
	return r;
}

static int inject_burst(struct guest *g, const struct traffic *t, __u32 seq,
			unsigned int n)
{
	size_t len;
	int r = 0;

	for (; n-- && !r; seq++) {
		len = t->len(seq);
		frame_build(frame, len, FRAME_TO_GUEST, seq);
		r = wire_send_wait(&g->wire, frame, len, NULL);
	}
	if (r)
		fprintf(stderr, "# inject: %s\n", strerror(-r));
	return r;
}

static int receive_burst(struct guest *g, const struct traffic *t, __u32 seq,
			 unsigned int n)
{
	struct rx_packet p;
	int r;

	for (; n--; seq++) {
		r = guest_recv(g, frame, &p, STALL_MS);
		if (r <= 0) {
			fprintf(stderr, "# frame %u: %s\n", seq,
				r ? strerror(-r) : "never came in");
			return r ? r : -ETIME;
		}
		r = traffic_expect(frame, p.len, t, seq);
		if (r)
			return r;
	}
	return 0;
}

int traffic_rx(struct guest *g, const struct traffic *t)
{
	unsigned int done, n;
	int r;

	r = guest_post(g, g->pool[VQ_RX].n);
	for (done = 0; r >= 0 && done < t->count; done += n) {
		n = burst_of(t, done);
		r = inject_burst(g, t, t->first + done, n);
		if (!r)
			r = receive_burst(g, t, t->first + done, n);
	}
	return r < 0 ? r : 0;
}

int traffic_alive(struct guest *g)
{
	static __thread __u32 seq = 1 << 20;
	struct traffic t = {
		.first = seq,
		.count = 5,
		.len = len_fixed_60,
	};
	int r;

	seq += t.count;
	r = traffic_tx(g, &t);
	return r ? r : traffic_rx(g, &t);
}

int traffic_renewed(struct guest *g)
{
	int r = guest_renew_backend(g, RENEWED_ID);

	if (!r)
		r = traffic_alive(g);
	if (!r && (g->vq[VQ_RX].lost_calls || g->vq[VQ_TX].lost_calls))
		r = -EPROTO;
	return r;
}

int traffic_next(struct guest *g, __u32 seq, size_t len)
{
	struct rx_packet p;
	__u32 got;
	int r;

	r = guest_recv(g, frame, &p, STALL_MS);
	if (r <= 0)
		return r ? r : -ETIME;
	return p.len == len && frame_intact(frame, len, &got) && got == seq ?
		0 : -EILSEQ;
}
