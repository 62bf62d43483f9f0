// SPDX-License-Identifier: GPL-2.0
/*
 * Short packets of the simplest kind, which are most of all short ones. To copy
 * one word by word takes a fraction of what it takes to go through an iterator.
 */
#include <linux/cache.h>
#include <linux/if_tun.h>
#include <linux/prefetch.h>
#include <linux/skbuff.h>
#include <linux/virtio_net.h>

#include "backend.h"
#include "copies.h"

/* So many packets ahead, data are brought near, and before that, the skbs. */
#define DATA_AHEAD	4
#define SKB_AHEAD	8

static const struct sk_buff *skb_ahead(const struct vhost_backend *backend,
				       u16 by)
{
	u16 at = backend->rx_at + by;

	if (at >= backend->rx_num || tun_is_xdp_frame(backend->rx[at]))
		return NULL;
	return backend->rx[at];
}

/**
 * vhost_skb_prefetch() - have the packets after the next one brought near
 * @backend: the backend
 *
 * Mostly it was another processor that made them.
 */
void vhost_skb_prefetch(const struct vhost_backend *backend)
{
	const struct sk_buff *skb = skb_ahead(backend, SKB_AHEAD);

	if (skb) {
		prefetch(skb);
		prefetch(&skb->len);
		prefetch(&skb->protocol);
		prefetch(&skb->data);
	}
	skb = skb_ahead(backend, DATA_AHEAD);
	if (skb) {
		/* Short ones lie on two lines, or less. */
		prefetch(skb->data);
		prefetch(skb->data + L1_CACHE_BYTES - 1);
		prefetch(skb_end_pointer(skb));
	}
}

/* Whole, in one piece, and nothing to be put in between. */
static bool is_simple(const struct sk_buff *skb)
{
	return skb->len >= VHOST_COPY_MIN && !skb_is_nonlinear(skb) &&
	       !skb_vlan_tag_present(skb) && !skb_is_gso(skb);
}

/**
 * vhost_skb_copy_short() - copy a packet and make its header
 * @backend: where it came from
 * @skb: the packet, of VHOST_COPY_MAX bytes with its header at most
 * @to: where to put header and packet; what lies behind the header's first ten
 *	bytes is left as it is
 *
 * Return: false if it takes more than that; nothing has happened then.
 */
bool vhost_skb_copy_short(const struct vhost_backend *backend,
			  const struct sk_buff *skb, void *to)
{
	struct virtio_net_hdr *hdr = to;

	if (!is_simple(skb))
		return false;
	if (backend->hdr_len &&
	    virtio_net_hdr_from_skb(skb, hdr, backend->little_endian, true, 0))
		return false;
	vhost_copy_words(to + backend->hdr_len, skb->data, skb->len);
	return true;
}
