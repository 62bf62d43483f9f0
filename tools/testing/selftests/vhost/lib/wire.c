// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "frame.h"
#include "sockets.h"
#include "stream.h"
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

	memset(w, 0, sizeof(*w));
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

int wire_open_behind(struct wire *w, struct backend *b, bool vnet_hdr)
{
	socklen_t len = sizeof(w->to);

	if (!sockets_have(b->cfg.kind))
		return wire_open(w, b->peer, vnet_hdr);
	memset(w, 0, sizeof(*w));
	w->paired = true;
	w->fd = b->far;
	b->far = -1;
	/* It is bound to what it sends to. */
	if (b->cfg.kind == BACKEND_MCAST &&
	    getsockname(w->fd, (struct sockaddr *)&w->to, &len))
		return -errno;
	if (!sockets_stream(b->cfg.kind))
		return 0;
	w->stream = calloc(1, sizeof(*w->stream));
	return w->stream ? 0 : -ENOMEM;
}

void wire_close(struct wire *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	free(w->stream);
	w->stream = NULL;
}

static int send_paired(struct wire *w, const void *frame, size_t len)
{
	bool named = w->to.sin_port;
	ssize_t r;

	if (w->stream)
		return stream_send(w->stream, w->fd, frame, len);
	r = sendto(w->fd, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL,
		   named ? (struct sockaddr *)&w->to : NULL,
		   named ? sizeof(w->to) : 0);
	return r < 0 ? -errno : 0;
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

	if (w->paired)
		return send_paired(w, frame, len);
	r = writev(w->fd, w->vnet_hdr ? iov : iov + 1, w->vnet_hdr ? 2 : 1);
	return r < 0 ? -errno : 0;
}

int wire_send_wait(struct wire *w, const void *frame, size_t len,
		   const struct virtio_net_hdr *h)
{
	__s64 end = now_ms() + STALL_MS;
	bool begun = false;
	int r;

	do {
		r = begun ? 0 : wire_send(w, frame, len, h);
		begun = !r;
		if (!r && w->stream)
			r = stream_flush(w->stream, w->fd);
		if (r != -ENOBUFS && r != -EAGAIN)
			return r;
		pause_ms(1);
	} while (now_ms() < end);
	return -ETIMEDOUT;
}

static int take_stream(struct wire *w, void *frame, size_t size)
{
	/* The peer may wait for the rest before it goes on. */
	stream_flush(w->stream, w->fd);
	return stream_take(w->stream, w->fd, frame, size);
}

int wire_take(struct wire *w, void *frame, size_t size,
	      struct virtio_net_hdr *h)
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
	ssize_t r;

	if (w->stream)
		return take_stream(w, frame, size);
	r = recvmsg(w->fd, &msg, MSG_DONTWAIT | MSG_TRUNC);
	if (r < 0)
		return -errno;
	return w->vnet_hdr && r ? r - (ssize_t)sizeof(scratch) : r;
}

int wire_recv(struct wire *w, void *frame, size_t size,
	      struct virtio_net_hdr *h, int ms)
{
	struct pollfd p = { .fd = w->fd };
	__s64 end = now_ms() + ms;
	__u32 seq;
	int r;

	for (;;) {
		r = wire_take(w, frame, size, h);
		if (r > 0 && frame_ours(frame, min_size(r, size), &seq))
			return r;
		if (r >= 0)
			continue;
		if (r != -EAGAIN)
			return r;
		ms = end - now_ms();
		if (ms < 0)
			return 0;
		p.events = POLLIN | (w->stream && stream_unsent(w->stream) ?
				     POLLOUT : 0);
		poll(&p, 1, ms);
	}
}
