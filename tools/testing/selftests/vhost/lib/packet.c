// SPDX-License-Identifier: GPL-2.0
/*
 * Packets through the rings of a guest: cutting, sending, receiving.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guest.h"

#define CANARY	0xa7

static void add_part(const struct guest *g, struct buf *b, size_t *end,
		     size_t len, bool write)
{
	unsigned int i = b->nseg++;

	*end -= len;
	b->at[i] = b->base + *end;
	b->seg[i].gpa = arena_bus(&g->arena, b->at[i]);
	b->seg[i].len = len;
	b->seg[i].flags = write ? VRING_DESC_F_WRITE : 0;
	*end -= PART_GAP;
	if (write)
		memset(b->base + *end, CANARY, PART_GAP);
}

/* Equal parts, the last takes the rest; no part is empty. */
static void add_parts(const struct guest *g, struct buf *b, size_t *end,
		      size_t len, unsigned int parts, bool write)
{
	size_t each;

	if (parts > len)
		parts = len;
	while (parts) {
		each = len / parts--;
		len -= each;
		add_part(g, b, end, each, write);
	}
}

int buf_cut(const struct guest *g, struct buf *b, const struct shape *s,
	    size_t total, bool write)
{
	size_t end = b->size, hdr = s->hdr_parts ? g->hdr_len : 0;
	unsigned int parts = s->hdr_parts + s->data_parts;

	if (parts > MAX_SEGS || total < hdr ||
	    total + parts * PART_GAP > b->size)
		return -EINVAL;
	b->nseg = 0;
	if (hdr)
		add_parts(g, b, &end, hdr, s->hdr_parts, write);
	add_parts(g, b, &end, total - hdr, s->data_parts, write);
	return 0;
}

static void copy_parts(const struct buf *b, size_t off, char *p, size_t n,
		       bool in)
{
	unsigned int i;
	size_t now;

	for (i = 0; i < b->nseg && n; i++) {
		if (off >= b->seg[i].len) {
			off -= b->seg[i].len;
			continue;
		}
		now = min_size(n, b->seg[i].len - off);
		if (in)
			memcpy(b->at[i] + off, p, now);
		else
			memcpy(p, b->at[i] + off, now);
		off = 0;
		p += now;
		n -= now;
	}
}

void buf_scatter(struct buf *b, size_t off, const void *from, size_t n)
{
	copy_parts(b, off, (char *)from, n, true);
}

void buf_gather(const struct buf *b, size_t off, void *to, size_t n)
{
	copy_parts(b, off, to, n, false);
}

/* The bytes between the parts are none of the host's business. */
static bool gaps_intact(const struct buf *b)
{
	unsigned int i, j;

	for (i = 0; i < b->nseg; i++)
		for (j = 1; j <= PART_GAP; j++)
			if ((__u8)b->at[i][-(int)j] != CANARY)
				return false;
	return true;
}

static int ring_add(struct guest *g, unsigned int index, struct buf *b)
{
	struct vq *vq = &g->vq[index];

	if (g->cfg.shape[index].indirect)
		return vq_add_indirect(vq, b->seg, b->nseg, b);
	return vq_add(vq, b->seg, b->nseg, b);
}

int guest_reap(struct guest *g)
{
	struct vq_used u;
	int r, n = 0;

	while ((r = vq_get_used(&g->vq[VQ_TX], &u)) > 0) {
		pool_put(&g->pool[VQ_TX], u.cookie);
		g->tx_done++;
		n++;
	}
	return r < 0 ? r : n;
}

/* Kick and sleep: a full ring empties only if the host knows of it. */
static int wait_for_room(struct guest *g)
{
	vq_kick(&g->vq[VQ_TX]);
	if (!vq_wait(&g->vq[VQ_TX], STALL_MS))
		return -ETIME;
	return guest_reap(g);
}

int guest_send(struct guest *g, const void *frame, size_t len,
	       const struct virtio_net_hdr *h)
{
	struct {
		struct virtio_net_hdr hdr;
		__u8 rest[LONG_HDR - sizeof(struct virtio_net_hdr)];
	} hdr = {};
	struct buf *b;
	int r;

	if (g->on_cut)
		g->on_cut(g->on_cut_arg, VQ_TX);
	while (!(b = pool_get(&g->pool[VQ_TX]))) {
		r = wait_for_room(g);
		if (r < 0)
			return r;
	}
	r = buf_cut(g, b, &g->cfg.shape[VQ_TX], g->hdr_len + len, false);
	if (r)
		goto give_back;
	if (h)
		memcpy(&hdr.hdr, h, sizeof(*h));
	buf_scatter(b, 0, &hdr, g->hdr_len);
	buf_scatter(b, g->hdr_len, frame, len);
	while ((r = ring_add(g, VQ_TX, b)) == -ENOSPC) {
		r = wait_for_room(g);
		if (r < 0)
			goto give_back;
	}
	if (!r)
		return 0;
give_back:
	pool_put(&g->pool[VQ_TX], b);
	return r;
}

int guest_drain(struct guest *g)
{
	struct vq *vq = &g->vq[VQ_TX];
	int r;

	vq_kick(vq);
	while (vq_in_flight(vq)) {
		if (!vq_wait(vq, STALL_MS))
			return -ETIME;
		r = guest_reap(g);
		if (r < 0)
			return r;
	}
	return 0;
}

static int post_one(struct guest *g, struct buf *b)
{
	int r;

	if (g->on_cut)
		g->on_cut(g->on_cut_arg, VQ_RX);
	r = buf_cut(g, b, &g->cfg.shape[VQ_RX], g->cfg.buf[VQ_RX], true);
	if (!r)
		r = ring_add(g, VQ_RX, b);
	if (r)
		pool_put(&g->pool[VQ_RX], b);
	return r;
}

int guest_post(struct guest *g, unsigned int n)
{
	unsigned int done;
	struct buf *b;
	int r;

	for (done = 0; done < n; done++) {
		b = pool_get(&g->pool[VQ_RX]);
		if (!b)
			break;
		r = post_one(g, b);
		if (r == -ENOSPC)
			break;
		if (r)
			return r;
	}
	vq_kick(&g->vq[VQ_RX]);
	return done;
}

/* The next used buffer of a packet, waiting for it if @ms allows. */
static int next_rx(struct guest *g, struct vq_used *u, int ms)
{
	struct vq *vq = &g->vq[VQ_RX];

	if (!vq_more_used(vq) && !vq_wait(vq, ms))
		return 0;
	return vq_get_used(vq, u);
}

static size_t buf_room(const struct buf *b)
{
	size_t room = 0;
	unsigned int i;

	for (i = 0; i < b->nseg; i++)
		room += b->seg[i].len;
	return room;
}

/* A buffer of a packet, after which there come @more. */
static int take_rx(struct guest *g, struct vq_used *u, unsigned int more,
		   void *frame, struct rx_packet *p)
{
	size_t skip = p->nbufs++ ? 0 : g->hdr_len;
	struct buf *b = u->cookie;
	size_t n = u->len - skip;

	if (u->len < skip || p->len + n > FRAME_MAX)
		return -EMSGSIZE;
	buf_gather(b, skip, (char *)frame + p->len, n);
	p->len += n;
	if (g->on_rx)
		g->on_rx(g->on_rx_arg, b, u->len);
	if (!gaps_intact(b) || (more && u->len != buf_room(b)))
		return -EILSEQ;
	if (!g->cfg.lazy)
		return post_one(g, b);
	pool_put(&g->pool[VQ_RX], b);
	return 0;
}

/* The first buffer of a packet. Those that came back unused have none. */
static int first_rx(struct guest *g, struct vq_used *u, int ms)
{
	int r = next_rx(g, u, ms);

	while (r > 0 && g->cfg.losses && !u->len) {
		r = post_one(g, u->cookie);
		vq_kick(&g->vq[VQ_RX]);
		if (!r)
			r = next_rx(g, u, ms);
	}
	return r;
}

int guest_recv(struct guest *g, void *frame, struct rx_packet *p, int ms)
{
	struct vq_used u;
	unsigned int more = 1;
	int r;

	memset(p, 0, sizeof(*p));
	r = first_rx(g, &u, ms);
	if (r <= 0)
		return r;
	buf_gather(u.cookie, 0, p, g->hdr_len);
	if (g->cfg.features & F_MRG)
		more = p->hdr.num_buffers;
	if (!more)
		return -EBADMSG;
	r = take_rx(g, &u, --more, frame, p);
	while (!r && more) {
		/* All buffers of a packet are used at once. */
		r = next_rx(g, &u, STALL_MS);
		if (r > 0)
			r = take_rx(g, &u, --more, frame, p);
		else
			r = r ? r : -ETIME;
	}
	vq_kick(&g->vq[VQ_RX]);
	return r ? r : 1;
}
