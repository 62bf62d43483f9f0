// SPDX-License-Identifier: GPL-2.0
/*
 * Turning one descriptor after the other into segments of memory, with the
 * rules that hold in every ring format: all readable parts before all
 * writable ones, a bounded number of segments, memory behind each byte.
 */
#include <linux/errno.h>
#include <linux/vhost.h>

#include "chain.h"
#include "uaccess.h"
#include "vhost.h"
#include "xlate.h"

/**
 * vhost_chain_start() - begin a buffer
 * @chain: the chain, of which iov and max are set
 * @id: what the guest calls the buffer
 */
void vhost_chain_start(struct vhost_chain *chain, u16 id)
{
	chain->num = 0;
	chain->slots = 1;
	chain->descs = 0;
	chain->out = 0;
	chain->out_len = 0;
	chain->in_len = 0;
	chain->id = id;
	chain->missing = false;
	chain->bad = VHOST_OK;
}

/**
 * vhost_chain_fail() - mark a buffer unusable
 * @chain: the chain
 * @why: the reason; the first one stays
 *
 * Return: -EINVAL, so that callers can return it on.
 */
int vhost_chain_fail(struct vhost_chain *chain, enum vhost_reason why)
{
	if (!chain->bad)
		chain->bad = why;
	return -EINVAL;
}

static int no_segments(struct vhost_chain *chain, int err)
{
	switch (err) {
	case -EAGAIN:
		chain->missing = true;
		return 0;
	case -ENOBUFS:
		return vhost_chain_fail(chain, VHOST_BAD_LONG);
	case -EPERM:
		return vhost_chain_fail(chain, VHOST_BAD_PERM);
	default:
		return vhost_chain_fail(chain, VHOST_BAD_ADDR);
	}
}

/**
 * vhost_chain_add() - append one descriptor
 * @vq: the ring it came from
 * @chain: the buffer it belongs to
 * @addr: guest-physical address
 * @len: bytes; none is allowed and adds nothing
 * @writable: the device is to write, not to read
 *
 * If its translation is missing, the walk goes on: what else the buffer lacks
 * is to be asked for at the same time. The segments are no good then.
 *
 * Context: under vq->mutex.
 * Return: 0, or -EINVAL with chain->bad set.
 */
int vhost_chain_add(struct vhost_vq *vq, struct vhost_chain *chain,
		    struct vhost_gpa addr, u32 len, bool writable)
{
	int n;

	/* Those without bytes take no segment, but time. */
	if (unlikely(++chain->descs > VHOST_MAX_IOV))
		return vhost_chain_fail(chain, VHOST_BAD_LONG);
	if (!writable && chain->num != chain->out)
		return vhost_chain_fail(chain, VHOST_BAD_ORDER);
	if (!len)
		return 0;

	n = vhost_xlate(vq, addr, len,
			writable ? VHOST_ACCESS_WO : VHOST_ACCESS_RO,
			chain->iov + chain->num, chain->max - chain->num);
	if (unlikely(n < 0))
		return no_segments(chain, n);
	chain->num += n;
	if (writable) {
		chain->in_len += len;
	} else {
		chain->out += n;
		chain->out_len += len;
	}
	return 0;
}

/**
 * vhost_copy_from_gpa() - copy a small piece of guest memory
 * @vq: whose guest
 * @to: where to
 * @gpa: where from; may reach into a few regions
 * @len: bytes, not 0
 *
 * Context: under vq->mutex, in the owner's mm.
 * Return: 0, -EFAULT, or -EAGAIN if a translation is missing.
 */
int vhost_copy_from_gpa(struct vhost_vq *vq, void *to, struct vhost_gpa gpa,
			u32 len)
{
	struct iovec iov[16];
	int n, i;

	n = vhost_xlate(vq, gpa, len, VHOST_ACCESS_RO, iov, ARRAY_SIZE(iov));
	if (n < 0)
		return n == -EAGAIN ? n : -EFAULT;
	for (i = 0; i < n; i++) {
		if (vhost_copy_in(to, iov[i].iov_base, iov[i].iov_len))
			return -EFAULT;
		to += iov[i].iov_len;
	}
	return 0;
}
