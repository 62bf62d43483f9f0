// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "pump.h"
#include "traffic.h"

#define PUMP_BURST	16
#define PUMP_OUT	64	/* transmit buffers under way at most */
#define PUMP_IN		128	/* frames for the guest, if they are counted */
#define WAIT_MS		100

static bool flag(const bool *f)
{
	return __atomic_load_n(f, __ATOMIC_ACQUIRE);
}

static void set_flag(bool *f)
{
	__atomic_store_n(f, true, __ATOMIC_RELEASE);
}

static void catch_frames(struct pump *p, int ms)
{
	char frame[2048];
	__u32 seq;
	int r;

	while ((r = wire_recv(&p->g->wire, frame, sizeof(frame), NULL,
			      ms)) > 0) {
		p->damaged += !frame_intact(frame, r, &seq);
		p->seen++;
	}
}

static int send_burst(struct pump *p)
{
	char frame[2000];
	int i, r = 0;
	size_t len;

	for (i = 0; i < PUMP_BURST && !r; i++) {
		len = len_mixed(p->seq);
		frame_build(frame, len, FRAME_TO_HOST, p->seq++);
		r = guest_send(p->g, frame, len, NULL);
	}
	vq_kick(&p->g->vq[VQ_TX]);
	if (!r)
		__atomic_add_fetch(&p->sent, PUMP_BURST, __ATOMIC_RELEASE);
	return r;
}

static int take_received(struct pump *p, int ms)
{
	static __thread char frame[FRAME_MAX];
	struct rx_packet packet;
	__u32 seq;
	int r;

	while ((r = guest_recv(p->g, frame, &packet, ms)) > 0) {
		p->damaged += !frame_intact(frame, packet.len, &seq);
		p->received++;
	}
	return r;
}

static size_t in_len_default(__u32 seq)
{
	return 200 + seq * 0;
}

static int feed_guest(struct pump *p)
{
	static __thread char frame[FRAME_MAX];
	size_t len;
	int i;

	for (i = 0; i < PUMP_BURST && p->fed - p->received < p->in_max; i++) {
		len = p->in_len(p->in_seq);
		frame_build(frame, len, FRAME_TO_GUEST, p->in_seq++);
		/* Whether it gets through does not matter. */
		if (!wire_send(&p->g->wire, frame, len, NULL))
			p->fed++;
	}
	return take_received(p, 0);
}

/* Wait until few enough are under way. */
static int make_room(struct pump *p)
{
	struct vq *tx = &p->g->vq[VQ_TX];
	__s64 end = now_ms() + STALL_MS;
	int r;

	while (vq_in_flight(tx) > PUMP_OUT) {
		if (vq_wait(tx, WAIT_MS))
			end = now_ms() + STALL_MS;
		else if (flag(&p->stop))
			break;
		else if (now_ms() > end)
			return -ETIME;
		r = guest_reap(p->g);
		if (r < 0)
			return r;
	}
	return 0;
}

static void take_a_break(struct pump *p)
{
	set_flag(&p->held);
	while (flag(&p->hold))
		pause_ms(1);
	__atomic_store_n(&p->held, false, __ATOMIC_RELEASE);
}

static void *pump_main(void *arg)
{
	struct pump *p = arg;
	int r = 0;

	while (!r && !flag(&p->stop)) {
		if (flag(&p->hold))
			take_a_break(p);
		r = send_burst(p);
		if (!r)
			r = feed_guest(p);
		catch_frames(p, 0);
		if (!r)
			r = make_room(p);
	}
	if (r == -ETIME)
		set_flag(&p->stalled);
	else if (r)
		set_flag(&p->broken);
	return NULL;
}

static int start(struct pump *p, struct guest *g,
		 size_t (*in_len)(__u32 seq), int in_max)
{
	int r;

	memset(p, 0, sizeof(*p));
	p->g = g;
	p->in_len = in_len;
	p->in_max = in_max;
	r = guest_post(g, g->pool[VQ_RX].n / 2);
	return r < 0 ? r : -pthread_create(&p->thread, NULL, pump_main, p);
}

int pump_start(struct pump *p, struct guest *g)
{
	return start(p, g, in_len_default, INT_MAX);
}

int pump_start_sized(struct pump *p, struct guest *g,
		     size_t (*in_len)(__u32 seq))
{
	return start(p, g, in_len, PUMP_IN);
}

void pump_pause(struct pump *p)
{
	set_flag(&p->hold);
	/* One that is stuck has ended, or will. */
	while (!flag(&p->held) && !flag(&p->broken) && !flag(&p->stalled))
		pause_ms(1);
}

void pump_resume(struct pump *p)
{
	__atomic_store_n(&p->hold, false, __ATOMIC_RELEASE);
	while (flag(&p->held))
		pause_ms(1);
}

bool pump_flows(struct pump *p, int n)
{
	int from = __atomic_load_n(&p->sent, __ATOMIC_ACQUIRE);
	__s64 end = now_ms() + STALL_MS;

	while (__atomic_load_n(&p->sent, __ATOMIC_ACQUIRE) - from < n) {
		if (flag(&p->broken) || flag(&p->stalled) || now_ms() > end)
			return false;
		pause_ms(1);
	}
	return true;
}

bool pump_halt(struct pump *p)
{
	set_flag(&p->stop);
	pthread_join(p->thread, NULL);
	return !p->broken && !p->stalled;
}

int pump_stop(struct pump *p)
{
	int r = 0;

	pump_halt(p);
	if (p->broken)
		r = -EPROTO;
	else if (p->stalled)
		r = -ETIME;
	else
		r = guest_drain(p->g);
	catch_frames(p, 50);
	if (!r)
		r = take_received(p, 50);
	if (r)
		fprintf(stderr, "# pump: %s, %d sent, %d seen, %u out\n",
			strerror(-r), p->sent, p->seen,
			vq_in_flight(&p->g->vq[VQ_TX]));
	return r;
}

int pump_stop_lossless(struct pump *p)
{
	__s64 end = now_ms() + STALL_MS;
	int r = pump_stop(p);

	while (!r && now_ms() < end &&
	       (p->received < p->fed || p->seen < p->sent)) {
		r = take_received(p, 10);
		catch_frames(p, 0);
	}
	if (!r && p->received == p->fed && p->seen == p->sent && !p->damaged)
		return 0;
	fprintf(stderr, "# pump: %d of %d out, %d of %d in, %d damaged\n",
		p->seen, p->sent, p->received, p->fed, p->damaged);
	return r ? r : -EILSEQ;
}
