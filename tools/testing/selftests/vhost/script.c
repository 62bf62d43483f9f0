// SPDX-License-Identifier: GPL-2.0
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "player.h"
#include "script.h"

#define MAX_CHAIN	6	/* descriptors of the ring */
#define MAX_TABLE	12	/* of an indirect table */
#define BOTH		(BIT(VQ_RX) | BIT(VQ_TX))

/* What is drawn from the seed, the first two for each ring. */
enum { DRAW_LEN, DRAW_CUT = DRAW_LEN + VQ_MAX, DRAW_STEP = DRAW_CUT + VQ_MAX };

static char out[FRAME_MAX], in[FRAME_MAX], want[FRAME_MAX];

/* Number @n of a row of random numbers. */
static __u64 draw(const struct script *s, unsigned int what, __u64 n)
{
	__u64 x = s->seed * 0xd1342543de82ef95ULL;

	x += what * 0xc2b2ae3d27d4eb4fULL;
	x += n * 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static unsigned int below(struct script *s, unsigned int n)
{
	return rnd(&s->rnd) % n;
}

/* A quarter is as small as it gets, and few are larger than is usual. */
static size_t packet_len(const struct script *s, unsigned int index, __u32 seq)
{
	__u64 x = draw(s, DRAW_LEN + index, seq);
	size_t max = x & 0x1c ? min_size(s->max_len, ETH_FRAME_LEN) :
				s->max_len;

	return x & 3 ? ETH_ZLEN + (x >> 8) % (max - ETH_ZLEN + 1) : ETH_ZLEN;
}

static unsigned int max_chain(const struct guest *g, unsigned int index)
{
	return min_size(MAX_CHAIN, g->vq[index].num);
}

/* How the next buffer is cut follows from its number alone, too. */
static void cut(void *arg, unsigned int index)
{
	static const __u8 hdr_parts[] = { 0, 0, 0, 0, 1, 1, 1, 2 };
	struct script *s = arg;
	struct guest *g = s->g;
	struct shape *shape = &g->cfg.shape[index];
	unsigned int max;
	__u64 x;

	x = draw(s, DRAW_CUT + index, index == VQ_TX ? s->sent :
		 s->taken_bufs + vq_in_flight(&g->vq[VQ_RX]));
	shape->indirect = g->cfg.features & F_INDIRECT && x & 3;
	max = shape->indirect ? MAX_TABLE : max_chain(g, index);
	shape->hdr_parts = min_size(hdr_parts[x >> 2 & 7], max - 1);
	max -= shape->hdr_parts;
	shape->data_parts = x & 0x20 ? 1 : 1 + (x >> 8 & 0xff) % max;
	if (index == VQ_RX)
		g->cfg.buf[VQ_RX] = s->min_buf +
			(x >> 16) % (s->max_buf - s->min_buf + 1);
}

/*
 * Mergeable buffers may be so small that all of a ring just hold a packet,
 * even if the ring's last places are too few for the next buffer.
 */
static void choose_buffers(struct script *s)
{
	struct guest *g = s->g;
	unsigned int most = max_chain(g, VQ_RX);
	unsigned int bufs = (g->vq[VQ_RX].num - most) / most + 1;

	s->max_buf = g->cfg.buf[VQ_RX];
	s->min_buf = g->hdr_len + s->max_len;
	if (g->cfg.features & F_MRG)
		s->min_buf = s->min_buf / bufs + 100;
	if (s->min_buf > s->max_buf)
		s->min_buf = s->max_buf;
}

static const char *compare(struct script *s, unsigned int index, __u32 seq,
			   const void *got, size_t len)
{
	size_t should = packet_len(s, index, seq), i;
	__u64 word;

	frame_build(want, should, index == VQ_TX ? FRAME_TO_HOST :
		    FRAME_TO_GUEST, seq);
	if (len != should || memcmp(want, got, len)) {
		fprintf(stderr, "# packet %u: %zu bytes, should have %zu\n",
			seq, len, should);
		return index == VQ_TX ? "transmit: packet" : "receive: packet";
	}
	for (i = 0; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, (const char *)got + i, sizeof(word));
		s->sum[index] = (s->sum[index] ^ word) * 0x100000001b3ULL;
	}
	return NULL;
}

/* A stopped device makes no room. */
static bool has_room(const struct script *s)
{
	const struct vq *vq = &s->g->vq[VQ_TX];

	return s->g->pool[VQ_TX].free && vq->nfree >= max_chain(s->g, VQ_TX) &&
		(vq->cfg.layout != VQ_PACKED ||
		 vq->packed.room >= max_chain(s->g, VQ_TX));
}

static const char *send_some(struct script *s, unsigned int n)
{
	size_t len;

	for (; n && s->sent < s->count; n--, s->sent++) {
		if (s->stopped & BIT(VQ_TX) && !has_room(s))
			break;
		len = packet_len(s, VQ_TX, s->sent);
		frame_build(out, len, FRAME_TO_HOST, s->sent);
		if (guest_send(s->g, out, len, NULL))
			return "transmit: no room";
		if (!below(s, 8))
			vq_kick(&s->g->vq[VQ_TX]);
	}
	/* Some wait until there is another reason to kick. */
	if (below(s, 8))
		vq_kick(&s->g->vq[VQ_TX]);
	return NULL;
}

/* Look at what has come out at the far end: all but the last @left. */
static const char *catch(struct script *s, unsigned int left)
{
	const char *wrong = NULL;
	int r;

	vq_kick(&s->g->vq[VQ_TX]);
	while (!wrong && s->sent - s->caught > left) {
		r = wire_recv(&s->g->wire, in, sizeof(in), NULL, STALL_MS);
		if (r <= 0)
			return "transmit: packet lost, or kick";
		wrong = compare(s, VQ_TX, s->caught++, in, r);
	}
	return wrong;
}

/*
 * Until more than @after buffers are used: asleep, or with an eye on the ring
 * all the time, so that nothing may be seen of it that is half written.
 */
static bool await(struct script *s, struct vq *vq, unsigned int after)
{
	__s64 end = now_ms() + STALL_MS;
	unsigned int i;

	if (below(s, 4))
		return vq_wait_after(vq, after, STALL_MS);
	while (now_ms() < end) {
		for (i = 0; i < 1000; i++)
			if (vq_more_used(vq))
				return true;
		sched_yield();
	}
	return false;
}

/* Take buffers back until @left are out. */
static const char *reap(struct script *s, unsigned int left)
{
	struct vq *vq = &s->g->vq[VQ_TX];
	unsigned int n;

	vq_kick(vq);
	while ((n = vq_in_flight(vq)) > left) {
		if (!await(s, vq, below(s, n - left)))
			return "transmit: kick lost, or buffer";
		if (guest_reap(s->g) < 0)
			return "transmit: ring";
	}
	return NULL;
}

static const char *post(struct script *s, unsigned int n)
{
	return guest_post(s->g, n) < 0 ? "receive: no buffers" : NULL;
}

/* So many buffers at least are used when the device has nothing to do. */
static unsigned int sure_to_come(struct script *s)
{
	unsigned int most = (s->max_len + s->g->hdr_len) / s->min_buf + 1;

	return min_size(s->fed - s->taken,
			vq_in_flight(&s->g->vq[VQ_RX]) / most);
}

static const char *take_one(struct script *s)
{
	struct guest *g = s->g;
	struct rx_packet p;
	int r;

	r = guest_recv(g, in, &p, STALL_MS);
	if (r <= 0)
		return r ? "receive: ring" : "receive: kick lost, or buffer";
	s->taken_bufs += p.nbufs;
	if (!stock_driver() && !(g->cfg.features & F_MRG) &&
	    p.hdr.num_buffers != 1)
		return "receive: number of buffers";
	return compare(s, VQ_RX, s->taken++, in, p.len);
}

/* All packets that came in but the last @left. */
static const char *take(struct script *s, unsigned int left)
{
	struct vq *vq = &s->g->vq[VQ_RX];
	const char *wrong = NULL;

	while (!wrong && s->fed - s->taken > left) {
		if (!vq_more_used(vq)) {
			wrong = post(s, vq->num);
			/* Wait for more than one, as far as that is safe. */
			if (!wrong && !await(s, vq, below(s, 1 +
						sure_to_come(s)) / 2))
				wrong = "receive: kick lost, or packet";
		}
		if (!wrong)
			wrong = take_one(s);
		if (!wrong && !below(s, 4))
			wrong = post(s, 1 + below(s, 8));
	}
	return wrong;
}

static const char *feed_some(struct script *s, unsigned int n)
{
	size_t len;

	for (; n && s->fed < s->count; n--, s->fed++) {
		if (s->fed - s->taken == SCRIPT_IN)
			break;
		len = packet_len(s, VQ_RX, s->fed);
		frame_build(out, len, FRAME_TO_GUEST, s->fed);
		if (wire_send_wait(&s->g->wire, out, len, NULL))
			return "receive: wire";
	}
	return NULL;
}

/* Take all that the device has used before it was stopped. */
static const char *take_leftover(struct script *s)
{
	const char *wrong = NULL;

	if (s->stopped & BIT(VQ_TX) && guest_reap(s->g) < 0)
		return "transmit: ring";
	while (!wrong && s->stopped & BIT(VQ_RX) &&
	       vq_more_used(&s->g->vq[VQ_RX]))
		wrong = take_one(s);
	return wrong;
}

/* Stop these rings, which then have to be exactly where we think they are. */
static const char *stop(struct script *s, unsigned int which)
{
	struct guest *g = s->g;
	const char *wrong;
	unsigned int i;

	s->stopped = which;
	for (i = 0; i < VQ_MAX; i++)
		if (which & BIT(i) && dev_set_backend(g->fd, i, -1))
			return "stop";
	wrong = take_leftover(s);
	for (i = 0; i < VQ_MAX && !wrong; i++) {
		if (!(which & BIT(i)))
			continue;
		if (vq_at_rest(&g->vq[i]))
			wrong = "ring at rest";
		else if (dev_get_base(g->fd, i) != vq_base(&g->vq[i]))
			wrong = "base";
	}
	s->stops++;
	return wrong;
}

/* What a guest may do meanwhile, as long as it does not wait for anything. */
static const char *meanwhile(struct script *s)
{
	const char *wrong = NULL;

	if (below(s, 2))
		wrong = send_some(s, below(s, 40));
	if (!wrong && below(s, 2))
		wrong = feed_some(s, below(s, 40));
	if (!wrong && below(s, 2))
		wrong = post(s, below(s, 40));
	return wrong;
}

static bool set_base(struct script *s, unsigned int index)
{
	unsigned int base = dev_get_base(s->g->fd, index);

	/* One half stands for both. */
	if (s->g->vq[index].cfg.layout == VQ_PACKED && below(s, 2))
		base &= 0xffff;
	return !dev_vring_state(s->g->fd, VHOST_SET_VRING_BASE, index, base);
}

static const char *go_on(struct script *s)
{
	struct guest *g = s->g;
	unsigned int i, which = s->stopped;

	s->stopped = 0;
	for (i = 0; i < VQ_MAX; i++) {
		if (!(which & BIT(i)))
			continue;
		if (!set_base(s, i))
			return "base set";
		if (dev_set_backend(g->fd, i, g->backend.fd))
			return "start";
		/* Kicks that came meanwhile may be lost on others. */
		if (stock_driver())
			vq_kick_always(&g->vq[i]);
	}
	return NULL;
}

static const char *stop_for_a_while(struct script *s)
{
	const char *wrong = stop(s, 1 + below(s, BOTH));

	if (!wrong)
		wrong = meanwhile(s);
	return wrong ? wrong : go_on(s);
}

static int set_busy(const struct script *s)
{
	unsigned int i;
	int r = 0;

	for (i = 0; i < VQ_MAX && s->busy_us && !r; i++)
		r = dev_vring_state(s->g->fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
				    i, s->busy_us);
	return r;
}

/* Another device takes over, before the first one is closed or after. */
static const char *move(struct script *s)
{
	const char *wrong = stop(s, BOTH);
	struct guest *g = s->g;
	int old = g->fd;

	if (!wrong)
		wrong = meanwhile(s);
	if (wrong)
		return wrong;
	g->fd = dev_open();
	if (g->fd < 0 || guest_setup(g) || set_busy(s))
		wrong = "another device";
	if (below(s, 2)) {
		close(old);
		old = -1;
	}
	if (!wrong)
		wrong = go_on(s);
	if (old >= 0)
		close(old);
	s->moves++;
	return wrong;
}

static const char *one_step(struct script *s)
{
	struct vq *tx = &s->g->vq[VQ_TX];
	unsigned int what = below(s, 128), burst = 1 + below(s, 64);

	if (below(s, 2))
		burst = 1 + burst / 8;
	if (what < 36)
		return send_some(s, burst);
	if (what < 72)
		return feed_some(s, burst);
	if (what < 84)
		return catch(s, below(s, 1 + s->sent - s->caught));
	if (what < 104)
		return take(s, below(s, 1 + s->fed - s->taken));
	if (what < 114)
		return reap(s, below(s, 1 + vq_in_flight(tx)));
	if (what < 119)
		return post(s, burst);
	if (what < 124) {
		player_jitter(&s->rnd);
		return guest_reap(s->g) < 0 ? "transmit: ring" : NULL;
	}
	return what < 127 ? stop_for_a_while(s) : move(s);
}

static const char *nothing_lost(const struct script *s)
{
	const struct vq *vq;

	for (vq = s->g->vq; vq < s->g->vq + VQ_MAX; vq++) {
		if (vq->lost_calls)
			return "call lost";
		if (vq->fault)
			return "ring";
	}
	return NULL;
}

static const char *play(struct script *s)
{
	const char *wrong;

	/* Whatever a step does, the next ones don't depend on it. */
	s->rnd = draw(s, DRAW_STEP, s->step++) | 1;
	wrong = one_step(s);
	if (!wrong && s->sent - s->caught > SCRIPT_OUT)
		wrong = catch(s, SCRIPT_OUT / 2);
	if (!wrong && s->fed - s->taken == SCRIPT_IN)
		wrong = take(s, SCRIPT_IN / 2);
	return wrong ? wrong : nothing_lost(s);
}

/* Nothing is on its way any more, and no buffer is missing. */
static const char *finish(struct script *s)
{
	struct guest *g = s->g;
	const char *wrong;

	wrong = catch(s, 0);
	if (!wrong)
		wrong = take(s, 0);
	if (!wrong)
		wrong = reap(s, 0);
	if (!wrong)
		wrong = stop(s, BOTH);
	if (wrong)
		return wrong;
	if (wire_recv(&g->wire, in, sizeof(in), NULL, 10))
		return "transmit: a packet too many";
	if (vq_in_flight(&g->vq[VQ_TX]))
		return "transmit: buffer lost";
	return nothing_lost(s);
}

const char *script_run(struct script *s, struct guest *g)
{
	s->g = g;
	choose_buffers(s);
	g->on_cut = cut;
	g->on_cut_arg = s;
	if (set_busy(s))
		s->wrong = "no busy polling";
	while (!s->wrong && (s->sent < s->count || s->fed < s->count))
		s->wrong = play(s);
	if (!s->wrong)
		s->wrong = finish(s);
	if (s->wrong)
		fprintf(stderr, "# %s, step %llu: out %u of %u, in %u of %u\n",
			s->wrong, (unsigned long long)s->step, s->caught,
			s->sent, s->taken, s->fed);
	return s->wrong;
}
