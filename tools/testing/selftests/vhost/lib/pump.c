// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pump.h"
#include "traffic.h"

#define PUMP_BURST	16
#define PUMP_OUT	64	/* transmit buffers under way at most */
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

	while (wire_recv(&p->g->wire, frame, sizeof(frame), NULL, ms) > 0)
		p->seen++;
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
	int r;

	while ((r = guest_recv(p->g, frame, &packet, ms)) > 0)
		p->received++;
	return r;
}

static int feed_guest(struct pump *p)
{
	char frame[200];
	int i;

	for (i = 0; i < PUMP_BURST; i++) {
		frame_build(frame, sizeof(frame), FRAME_TO_GUEST, i);
		/* Whether it gets through does not matter. */
		wire_send(&p->g->wire, frame, sizeof(frame), NULL);
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

static void *pump_main(void *arg)
{
	struct pump *p = arg;
	int r = 0;

	while (!r && !flag(&p->stop)) {
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

int pump_start(struct pump *p, struct guest *g)
{
	int r;

	memset(p, 0, sizeof(*p));
	p->g = g;
	r = guest_post(g, g->pool[VQ_RX].n / 2);
	return r < 0 ? r : -pthread_create(&p->thread, NULL, pump_main, p);
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

int pump_stop(struct pump *p)
{
	int r = 0;

	set_flag(&p->stop);
	pthread_join(p->thread, NULL);
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
