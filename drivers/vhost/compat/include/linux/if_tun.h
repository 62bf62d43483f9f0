/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What taps want of those who feed them, which changes: the makefile looks for
 * these names in the kernel's own header.
 */
#ifndef VHOST_COMPAT_IF_TUN_H
#define VHOST_COMPAT_IF_TUN_H

#include <linux/skbuff.h>
#include <net/xdp.h>
#include_next <linux/if_tun.h>

/*
 * Packets are told to taps as XDP buffers, with the virtio header where the
 * buffer begins; on older kernels behind the buffer's size, which is to be
 * filled in there.
 */
#ifdef VHOST_HAS_tun_xdp_hdr
#define VHOST_TUN_HDR_AT	offsetof(struct tun_xdp_hdr, gso)

static inline void vhost_tun_set_size(struct xdp_buff *xdp)
{
	struct tun_xdp_hdr *hdr = xdp->data_hard_start;

	hdr->buflen = xdp->frame_sz;
}
#else
#define VHOST_TUN_HDR_AT	0

/* Not to be had twice: if the makefile has missed the kernel's, this tells. */
struct tun_xdp_hdr { };

static inline void vhost_tun_set_size(struct xdp_buff *xdp) { }
#endif

/*
 * A tap whose ring is full stops its queue, where it can be told to go on. This
 * one clashes, too, with one that was missed.
 */
#ifndef VHOST_HAS_tun_wake_queue
static inline void tun_wake_queue(struct file *file, int consumed) { }
#endif

#endif
