// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "op.h"
#include "passage.h"

#define LAST_LEN	60
#define SPINS		200

static __thread char frame[FRAME_MAX];

static int note(struct world *w, struct passage *p, const char *way,
		size_t len, bool whole)
{
	__u32 seq, at;

	if (!frame_ours(frame, len, &seq))
		return 0;
	at = seq - p->first;
	/* Of a program before, of which nothing is known any more. */
	if (seq < p->first || seq >= p->next)
		return 0;
	if (!whole)
		return world_fail(w, "%s: packet %u of %zu bytes is damaged",
				  way, seq, len);
	if (p->map[at / 64] & BIT(at % 64))
		return world_fail(w, "%s: packet %u came twice", way, seq);
	p->map[at / 64] |= BIT(at % 64);
	p->seen++;
	return 0;
}

static bool room_for(struct passage *p)
{
	return p->next - p->first < WORLD_SEQS;
}

/* The whole of a header in which nothing is said. */
static void put_frame(struct world *w, struct buf *b, size_t len)
{
	static const char hdr[LONG_HDR];

	frame_build(frame, len, FRAME_TO_HOST, w->out.next++);
	buf_scatter(b, 0, hdr, w->g.hdr_len);
	buf_scatter(b, w->g.hdr_len, frame, len);
}

static int ring_add(struct world *w, unsigned int index, struct buf *b)
{
	struct vq *vq = &w->g.vq[index];

	if (w->g.cfg.shape[index].indirect && w->prog->features & F_INDIRECT)
		return vq_add_indirect(vq, b->seg, b->nseg, b);
	return vq_add(vq, b->seg, b->nseg, b);
}

int passage_send(struct world *w, size_t len)
{
	struct guest *g = &w->g;
	struct buf *b;
	int r;

	if (!room_for(&w->out))
		return -ENOSPC;
	b = pool_get(&g->pool[VQ_TX]);
	if (!b)
		return -ENOSPC;
	r = buf_cut(g, b, &g->cfg.shape[VQ_TX], g->hdr_len + len, false);
	if (!r) {
		put_frame(w, b, len);
		r = ring_add(w, VQ_TX, b);
		if (r)
			w->out.next--;
	}
	if (r)
		pool_put(&g->pool[VQ_TX], b);
	return r;
}

int passage_post(struct world *w, unsigned int n)
{
	struct guest *g = &w->g;
	struct buf *b;
	int r = 0;

	for (; n && !r; n--) {
		b = pool_get(&g->pool[VQ_RX]);
		if (!b)
			return -ENOSPC;
		r = buf_cut(g, b, &g->cfg.shape[VQ_RX], g->cfg.buf[VQ_RX],
			    true);
		if (!r)
			r = ring_add(w, VQ_RX, b);
		if (r)
			pool_put(&g->pool[VQ_RX], b);
	}
	return r;
}

int passage_inject(struct world *w, size_t len)
{
	int r;

	if (!room_for(&w->in))
		return -ENOSPC;
	frame_build(frame, len, FRAME_TO_GUEST, w->in.next);
	r = wire_send(&w->wire[w->backend_now], frame, len, NULL);
	if (!r)
		w->in.next++;
	return r;
}

/* Frames that came out of one backend. */
static int take_out(struct world *w, unsigned int backend)
{
	__u8 mac[ETH_ALEN];
	__u32 seq;
	int r = 0, len;

	frame_mac(mac, FRAME_TO_HOST);
	while (!r && (len = wire_take(&w->wire[backend], frame, sizeof(frame),
				      NULL)) >= 0) {
		if (len < ETH_HLEN || len > FRAME_MAX ||
		    memcmp(frame, mac, sizeof(mac)))
			continue;
		if (w->gentle)
			r = note(w, &w->out, "out", len,
				 frame_intact(frame, len, &seq));
	}
	return r;
}

static int take_all_out(struct world *w)
{
	unsigned int i;
	int r = 0;

	for (i = 0; i < BACKENDS && !r; i++)
		if (world_backend_fits(w, i))
			r = take_out(w, i);
	return r;
}

void passage_discard(struct world *w)
{
	bool was = w->gentle;

	w->gentle = false;
	take_all_out(w);
	w->gentle = was;
}

static int take_in(struct world *w)
{
	unsigned int freed = 0;
	struct rx_packet p;
	__u32 seq;
	int r;

	while (vq_more_used(&w->g.vq[VQ_RX])) {
		r = guest_recv(&w->g, frame, &p, 0);
		if (r < 0)
			return world_fail(w, "in: ring: %s", strerror(-r));
		if (!r)
			break;
		r = note(w, &w->in, "in", p.len,
			 frame_intact(frame, p.len, &seq));
		if (r)
			return r;
		freed += p.nbufs;
	}
	/* There may be no room for them, as they are cut anew. */
	if (freed && !w->at_rest) {
		passage_post(w, freed);
		vq_kick(&w->g.vq[VQ_RX]);
	}
	return 0;
}

void passage_serve(struct world *w)
{
	if (world_translates(w))
		iommu_serve(&w->g.io);
}

int passage_take(struct world *w)
{
	int r;

	passage_serve(w);
	if (!w->gentle)
		return 0;
	r = guest_reap(&w->g);
	if (r < 0)
		return world_fail(w, "out: ring: %s", strerror(-r));
	r = take_in(w);
	return r ? r : take_all_out(w);
}

/* Take until @done says so. */
static int wait_for(struct world *w, bool (*done)(struct world *w),
		    const char *what)
{
	__s64 end = now_ms() + STALL_MS;
	unsigned int n = 0;
	int r;

	for (;;) {
		r = passage_take(w);
		if (r || done(w))
			return r;
		if (++n < SPINS)
			sched_yield();
		else
			usleep(100);
		if (now_ms() > end)
			return world_fail(w, "%s", what);
	}
}

static bool nothing_out(struct world *w)
{
	return !vq_in_flight(&w->g.vq[VQ_TX]);
}

static bool all_seen(struct world *w)
{
	return w->out.seen == w->out.next - w->out.first;
}

static bool last_is_in(struct world *w)
{
	__u32 at = w->in.next - 1 - w->in.first;

	return w->in.map[at / 64] & BIT(at % 64);
}

static bool some_room(struct world *w)
{
	return w->g.pool[VQ_TX].free && w->g.vq[VQ_TX].nfree &&
		!vq_in_flight(&w->g.vq[VQ_TX]);
}

static void make_plain(struct world *w)
{
	static const struct shape plain = { .data_parts = 1 };
	unsigned int i;

	for (i = 0; i < VQ_MAX; i++) {
		w->g.cfg.shape[i] = plain;
		w->g.cfg.buf[i] = WORLD_BUF;
	}
}

/* As at the beginning of the program, but rings go on where they were. */
static int make_good(struct world *w)
{
	unsigned int i;
	int r;

	world_detach(w);
	r = passage_take(w);
	if (r)
		return r;
	make_plain(w);
	for (i = 0; i < VQ_MAX; i++)
		dev_vring_state(w->g.fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, i,
				0);
	r = world_setup(w);
	if (!r)
		r = world_attach(w, world_fitting(w, w->prog->backend));
	return r ? world_fail(w, "set-up at the end: %s", strerror(-r)) : 0;
}

static int last_out(struct world *w)
{
	int r;

	/* Some were published without a kick. */
	vq_kick(&w->g.vq[VQ_TX]);
	r = wait_for(w, nothing_out, "out: buffers do not come back");
	if (!r)
		r = wait_for(w, some_room, "out: no room");
	if (r)
		return r;
	r = passage_send(w, LAST_LEN);
	/* A program can send more than is counted. */
	if (r && room_for(&w->out))
		return world_fail(w, "out: %s", strerror(-r));
	vq_kick(&w->g.vq[VQ_TX]);
	r = wait_for(w, nothing_out, "out: the last one does not come back");
	if (!r && !(prog_op_flags(w->prog) & OP_LOSSY))
		r = wait_for(w, all_seen, "out: packets are lost");
	return r;
}

static int last_in(struct world *w)
{
	__s64 end = now_ms() + STALL_MS;
	int r;

	passage_post(w, 4);
	vq_kick(&w->g.vq[VQ_RX]);
	while ((r = passage_inject(w, LAST_LEN)) == -ENOBUFS || r == -EAGAIN) {
		r = passage_take(w);
		if (r)
			return r;
		sched_yield();
		if (now_ms() > end)
			break;
	}
	if (r == -ENOSPC)
		return 0;
	if (r)
		return world_fail(w, "in: %s", strerror(-r));
	return wait_for(w, last_is_in, "in: the last one does not come");
}

int passage_finish(struct world *w)
{
	unsigned int i;
	int r = 0;

	if (prog_op_flags(w->prog) & OP_ALTERS)
		r = make_good(w);
	else
		make_plain(w);
	if (!r)
		r = last_out(w);
	if (!r)
		r = last_in(w);
	if (r)
		return r;
	if (w->g.io.strange)
		return world_fail(w, "messages that should not be");
	world_detach(w);
	w->at_rest = true;
	r = passage_take(w);
	for (i = 0; i < VQ_MAX && !r; i++)
		if (vq_at_rest(&w->g.vq[i]))
			r = world_fail(w, "ring %u: written where not used", i);
	return r;
}
