// SPDX-License-Identifier: GPL-2.0
#include <sched.h>
#include <unistd.h>

#include "player.h"
#include "traffic.h"

#define MAX_BURST	8

void player_jitter(__u64 *seed)
{
	unsigned int what = rnd(seed) % 16, n = rnd(seed) % 400;

	if (what >= 15)
		usleep(n);
	else if (what >= 14)
		sched_yield();
	else if (what >= 7)
		while (n--)
			__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static size_t len_tiny(__u32 seq)
{
	return 60 + seq % 60;
}

static const struct traffic tiny = { .len = len_tiny };

/* Sleep until all is used, asking to be woken at random points. */
static const char *wait_all_sent(struct player *p)
{
	struct vq *vq = &p->g->vq[VQ_TX];
	unsigned int left;

	while ((left = vq_in_flight(vq))) {
		if (!vq_wait_after(vq, rnd(&p->seed) % left, STALL_MS))
			return vq->lost_calls ? "transmit: call lost" :
				"transmit: kick lost";
		if (guest_reap(p->g) < 0)
			return "transmit: ring";
	}
	return NULL;
}

const char *player_tx(struct player *p)
{
	unsigned int i, n = 1 + rnd(&p->seed) % MAX_BURST;
	__u32 seq = p->tx_seq;
	const char *why;
	size_t len;

	for (i = 0; i < n; i++) {
		len = len_tiny(p->tx_seq);
		frame_build(p->out, len, FRAME_TO_HOST, p->tx_seq++);
		if (guest_send(p->g, p->out, len, NULL))
			return "transmit: no room";
		vq_kick(&p->g->vq[VQ_TX]);
		player_jitter(&p->seed);
	}
	why = wait_all_sent(p);
	for (; !why && n--; seq++) {
		int r = wire_recv(&p->g->wire, p->in, sizeof(p->in), NULL,
				  STALL_MS);

		if (r <= 0 || traffic_expect(p->in, r, &tiny, seq))
			why = "transmit: frame";
	}
	return why;
}

const char *player_rx(struct player *p)
{
	unsigned int i, n = 1 + rnd(&p->seed) % MAX_BURST;
	__u32 seq = p->rx_seq;
	struct rx_packet packet;
	size_t len;
	int r;

	for (i = 0; i < n; i++) {
		len = len_tiny(p->rx_seq);
		frame_build(p->out, len, FRAME_TO_GUEST, p->rx_seq++);
		if (wire_send_wait(&p->g->wire, p->out, len, NULL))
			return "receive: wire";
		player_jitter(&p->seed);
	}
	while (n--) {
		r = guest_recv(p->g, p->in, &packet, STALL_MS);
		if (!r)
			return p->g->vq[VQ_RX].lost_calls ?
				"receive: call lost" : "receive: kick lost";
		if (r < 0 || traffic_expect(p->in, packet.len, &tiny, seq++))
			return "receive: frame";
		player_jitter(&p->seed);
	}
	return NULL;
}

void player_run(struct player *p, unsigned int rounds)
{
	while (rounds-- && !p->stuck) {
		if (rnd(&p->seed) & 1)
			p->stuck = player_tx(p);
		if (!p->stuck && rnd(&p->seed) & 1)
			p->stuck = player_rx(p);
	}
}
