// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "frame.h"
#include "wire.h"

static int set_packet_opt(int fd, int opt, int value)
{
	return setsockopt(fd, SOL_PACKET, opt, &value, sizeof(value));
}

int wire_open(struct wire *w, const char *ifname, bool vnet_hdr)
{
	struct sockaddr_ll sll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = if_nametoindex(ifname),
	};
	int buf = 64 << 20;

	w->vnet_hdr = vnet_hdr;
	/* Protocol 0: hear nothing before the bind names the interface. */
	w->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (w->fd < 0)
		return -errno;
	/* Past the queueing layer, a full queue is told instead of hidden. */
	if (set_packet_opt(w->fd, PACKET_QDISC_BYPASS, 1) ||
	    set_packet_opt(w->fd, PACKET_IGNORE_OUTGOING, 1) ||
	    (vnet_hdr && set_packet_opt(w->fd, PACKET_VNET_HDR, 1)))
		return -errno;
	if (setsockopt(w->fd, SOL_SOCKET, SO_RCVBUFFORCE, &buf, sizeof(buf)) ||
	    setsockopt(w->fd, SOL_SOCKET, SO_SNDBUFFORCE, &buf, sizeof(buf)))
		return -errno;
	if (bind(w->fd, (struct sockaddr *)&sll, sizeof(sll)))
		return -errno;
	return 0;
}

void wire_close(struct wire *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

int wire_send(struct wire *w, const void *frame, size_t len,
	      const struct virtio_net_hdr *h)
{
	const struct virtio_net_hdr none = {};
	struct iovec iov[2] = {
		{ (void *)(h ? h : &none), sizeof(none) },
		{ (void *)frame, len },
	};
	ssize_t r;

	r = writev(w->fd, w->vnet_hdr ? iov : iov + 1, w->vnet_hdr ? 2 : 1);
	return r < 0 ? -errno : 0;
}

int wire_send_wait(struct wire *w, const void *frame, size_t len,
		   const struct virtio_net_hdr *h)
{
	__s64 end = now_ms() + STALL_MS;
	int r;

	do {
		r = wire_send(w, frame, len, h);
		if (r != -ENOBUFS && r != -EAGAIN)
			return r;
		pause_ms(1);
	} while (now_ms() < end);
	return -ETIMEDOUT;
}

int wire_recv(struct wire *w, void *frame, size_t size,
	      struct virtio_net_hdr *h, int ms)
{
	struct virtio_net_hdr scratch;
	struct iovec iov[2] = {
		{ h ? h : &scratch, sizeof(scratch) },
		{ frame, size },
	};
	struct msghdr msg = {
		.msg_iov = w->vnet_hdr ? iov : iov + 1,
		.msg_iovlen = w->vnet_hdr ? 2 : 1,
	};
	struct pollfd p = { .fd = w->fd, .events = POLLIN };
	__s64 end = now_ms() + ms;
	ssize_t r;
	__u32 seq;

	for (;;) {
		r = recvmsg(w->fd, &msg, MSG_DONTWAIT | MSG_TRUNC);
		if (r > 0 && w->vnet_hdr)
			r -= sizeof(scratch);
		if (r > 0 && frame_ours(frame, min_size(r, size), &seq))
			return r;
		if (r >= 0)
			continue;
		if (errno != EAGAIN)
			return -errno;
		ms = end - now_ms();
		if (ms < 0)
			return 0;
		poll(&p, 1, ms);
	}
}
