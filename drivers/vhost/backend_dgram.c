// SPDX-License-Identifier: GPL-2.0
/*
 * Datagram sockets as backends: UDP, and those of Unix. A datagram is a frame.
 *
 * They are to be connected. One that is bound to a multicast group can't be, or
 * it would hear nobody: its frames go to the group.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <net/ipv6.h>
#include <net/sock.h>

#include "frames.h"

/* One byte more than the longest frame, to see that one is longer. */
#define DGRAM_SIZE	(VHOST_FRAMES_MAX + 1)

/* A socket that gives nothing but errors is not asked for ever. */
#define DGRAM_ERRORS	100

static bool is_multicast(const struct sockaddr_storage *addr)
{
	const struct sockaddr_in6 *in6 = (const void *)addr;
	const struct sockaddr_in *in = (const void *)addr;

	switch (addr->ss_family) {
	case AF_INET:
		return in->sin_port && ipv4_is_multicast(in->sin_addr.s_addr);
	case AF_INET6:
		return in6->sin6_port &&
		       ipv6_addr_is_multicast(&in6->sin6_addr);
	default:
		return false;
	}
}

/* The group that a socket is bound to. Return: bytes of address, or 0. */
static int find_group(struct socket *sock, struct sockaddr_storage *addr)
{
	int len = sock->ops->getname(sock, (struct sockaddr *)addr, 0);

	return len > 0 && is_multicast(addr) ? len : 0;
}

static bool is_dgram(const struct socket *sock)
{
	const struct sock *sk = sock->sk;

	if (sk->sk_type != SOCK_DGRAM)
		return false;
	return sk->sk_family == AF_UNIX ||
	       ((sk->sk_family == AF_INET || sk->sk_family == AF_INET6) &&
		sk->sk_protocol == IPPROTO_UDP);
}

/**
 * vhost_dgram_accepts() - can a socket be such a backend?
 * @sock: the socket
 *
 * Return: true if so.
 */
bool vhost_dgram_accepts(struct socket *sock)
{
	struct sockaddr_storage addr = {};

	return is_dgram(sock) && (vhost_socket_connected(sock) ||
				  find_group(sock, &addr));
}

/**
 * vhost_dgram_init() - allocate what the backend wants
 * @backend: the backend, a socket that vhost_dgram_accepts()
 *
 * Return: 0 or -ENOMEM.
 */
int vhost_dgram_init(struct vhost_backend *backend)
{
	struct sockaddr_storage addr = {};

	if (!backend->transmit) {
		backend->frames = vhost_frames_create(backend->sock->sk,
						      DGRAM_SIZE);
		return backend->frames ? 0 : -ENOMEM;
	}
	if (vhost_socket_connected(backend->sock) ||
	    !find_group(backend->sock, &addr))
		return 0;
	backend->group = kmemdup(&addr, sizeof(addr), GFP_KERNEL_ACCOUNT);
	return backend->group ? 0 : -ENOMEM;
}

static int end_dgrams(struct vhost_frames *frames)
{
	frames->over = true;
	return -EPIPE;
}

/**
 * vhost_dgram_refill() - take a datagram from the socket
 * @backend: the backend, which shows none
 *
 * Return: 1; 0 if there is none; -EAGAIN if there may be one; -EBADMSG if it is
 * no frame; -EPIPE if there will be none; -ECONNREFUSED if one that was sent
 * did not arrive (ICMP).
 */
int vhost_dgram_refill(struct vhost_backend *backend)
{
	struct vhost_frames *frames = backend->frames;
	struct sock *sk = backend->sock->sk;
	int n;

	n = vhost_frames_next(backend);
	if (n || frames->over)
		return n;
	/* There may be a datagram behind it: it is for the caller to try. */
	if (unlikely(READ_ONCE(sk->sk_err)))
		return sock_error(sk) ? -ECONNREFUSED : -EAGAIN;
	n = vhost_frames_read(backend, frames->data + VHOST_FRAMES_LEN,
			      DGRAM_SIZE - VHOST_FRAMES_LEN, MSG_TRUNC);
	if (n <= 0 && READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN)
		return end_dgrams(frames);
	if (n == -EAGAIN)
		return 0;
	if (n < 0)
		return ++frames->errors < DGRAM_ERRORS ? -ECONNREFUSED :
							 end_dgrams(frames);
	frames->errors = 0;
	frames->at = 0;
	frames->fill = 0;
	frames->taken = true;
	if (n > VHOST_BACKEND_FRAME_MAX)
		return -EBADMSG;
	put_unaligned_be32(n, frames->data);
	frames->fill = VHOST_FRAMES_LEN + n;
	return vhost_frames_next(backend);
}

/**
 * vhost_dgram_send() - send one frame
 * @backend: the backend
 * @msg: the frame
 *
 * Return: as sendmsg() does.
 */
int vhost_dgram_send(const struct vhost_backend *backend, struct msghdr *msg)
{
	struct sockaddr_storage addr;

	if (backend->group) {
		/* Filters may change it. */
		addr = *backend->group;
		msg->msg_name = &addr;
		msg->msg_namelen = addr.ss_family == AF_INET ?
				   sizeof(struct sockaddr_in) :
				   sizeof(struct sockaddr_in6);
	}
	msg->msg_flags |= MSG_NOSIGNAL;
	return sock_sendmsg(backend->sock, msg);
}
