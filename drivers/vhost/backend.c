// SPDX-License-Identifier: GPL-2.0
/*
 * Opening and closing backends, and what all kinds of them share.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/if_packet.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "backend.h"
#include "link.h"
#include "rx_queue.h"

/* Only the type is looked at: nothing of the socket's names or addresses. */
static bool is_packet(const struct socket *sock)
{
	return sock->sk->sk_family == AF_PACKET &&
	       sock->sk->sk_type == SOCK_RAW;
}

/**
 * vhost_socket_connected() - has a socket got a peer?
 * @sock: the socket
 *
 * Context: may sleep.
 * Return: true if so.
 */
bool vhost_socket_connected(struct socket *sock)
{
	struct sockaddr_storage addr;

	return sock->ops->getname(sock, (struct sockaddr *)&addr, 1) >= 0;
}

/* Return: 0, or -ENOTSOCK for one that is no backend of any kind. */
static int find_kind(struct socket *sock, enum vhost_backend_kind *kind)
{
	if (is_packet(sock))
		*kind = VHOST_BACKEND_PACKET;
	else if (vhost_dgram_accepts(sock))
		*kind = VHOST_BACKEND_DGRAM;
	else if (vhost_stream_accepts(sock))
		*kind = VHOST_BACKEND_STREAM;
	else
		return -ENOTSOCK;
	return 0;
}

/**
 * vhost_backend_accepts() - can a socket be a backend?
 * @sock: the socket
 *
 * Context: may sleep.
 * Return: true if so, as it is now.
 */
bool vhost_backend_accepts(struct socket *sock)
{
	enum vhost_backend_kind kind;

	return !find_kind(sock, &kind);
}

static int find_socket(struct vhost_backend *backend)
{
	backend->sock = sock_from_file(backend->file);
	if (backend->sock)
		return find_kind(backend->sock, &backend->kind);
	backend->sock = vhost_tap_socket(backend->file);
	if (!backend->sock)
		return -ENOTSOCK;
	backend->kind = VHOST_BACKEND_TAP;
	backend->ring = vhost_tap_ring(backend->file);
	return 0;
}

static int alloc_frames(struct vhost_backend *backend)
{
	if (backend->kind == VHOST_BACKEND_DGRAM)
		return vhost_dgram_init(backend);
	if (backend->kind == VHOST_BACKEND_STREAM)
		return vhost_stream_init(backend);
	return 0;
}

static int alloc_memory(struct vhost_backend *backend)
{
	int err;

	backend->link = vhost_link_create(backend);
	if (!backend->link)
		return -ENOMEM;
	err = alloc_frames(backend);
	if (err)
		return err;
	if (!backend->transmit) {
		backend->rx = kcalloc(VHOST_BACKEND_RUN, sizeof(*backend->rx),
				      GFP_KERNEL_ACCOUNT);
		backend->late = kzalloc(sizeof(*backend->late),
					GFP_KERNEL_ACCOUNT);
		return backend->rx && backend->late ? 0 : -ENOMEM;
	}
	if (backend->kind != VHOST_BACKEND_TAP)
		return 0;
	backend->queue = vhost_tap_queue_create();
	return backend->queue ? 0 : -ENOMEM;
}

/* The backend, and what alloc_memory() has allocated so far. */
static void free_memory(struct vhost_backend *backend)
{
	kfree(backend->rx);
	kfree(backend->late);
	vhost_tap_queue_free(backend->queue);
	vhost_frames_free(backend->frames);
	kfree(backend->group);
	vhost_link_free(backend->link);
	kfree(backend);
}

/**
 * vhost_backend_create() - make a file a backend
 * @file: a tap, a raw packet socket, or one that vhost_dgram_accepts() or
 *	vhost_stream_accepts(); the backend has its own hold on it
 * @transmit: packets will be sent to it, not received from it
 *
 * Context: may sleep; no vq's mutex may be held.
 * Return: the backend; -ENOTSOCK for anything else; -ENOMEM.
 */
struct vhost_backend *vhost_backend_create(struct file *file, bool transmit)
{
	struct vhost_backend *backend;
	int err;

	backend = kzalloc(sizeof(*backend), GFP_KERNEL_ACCOUNT);
	if (!backend)
		return ERR_PTR(-ENOMEM);
	backend->transmit = transmit;
	backend->file = get_file(file);
	err = find_socket(backend);
	if (err)
		goto put_file;
	err = alloc_memory(backend);
	if (err)
		goto put_file;
	return backend;

put_file:
	fput(backend->file);
	free_memory(backend);
	return ERR_PTR(err);
}

/**
 * vhost_backend_open() - make a file descriptor a backend
 * @fd: as for vhost_backend_create()
 * @transmit: packets will be sent to it, not received from it
 *
 * The descriptor is looked up once: what it means later is of no interest.
 *
 * Context: may sleep; no vq's mutex may be held.
 * Return: the backend; -ENOTSOCK for anything else; -ENOMEM.
 */
struct vhost_backend *vhost_backend_open(int fd, bool transmit)
{
	struct vhost_backend *backend;
	struct file *file;

	file = fget(fd);
	if (!file)
		return ERR_PTR(-ENOTSOCK);
	backend = vhost_backend_create(file, transmit);
	fput(file);
	return backend;
}

/**
 * vhost_backend_close() - let go of a backend
 * @backend: attached to no vq any more; NULL is allowed
 *
 * Packets that came in and were not used go back to where they came from, or
 * are still there: see vhost_frames_keep().
 */
void vhost_backend_close(struct vhost_backend *backend)
{
	if (!backend)
		return;
	if (vhost_backend_at_hand(backend)) {
		if (backend->kind == VHOST_BACKEND_TAP)
			vhost_tap_give_back(backend);
		else if (backend->kind == VHOST_BACKEND_PACKET)
			vhost_packet_give_back(backend);
	}
	fput(backend->file);
	free_memory(backend);
}

/**
 * vhost_backend_set_header() - say what header packets have
 * @backend: the backend
 * @hdr_len: bytes of the guest's header; 0 if the backend has no headers
 * @little_endian: byte order of the header
 */
void vhost_backend_set_header(struct vhost_backend *backend, u8 hdr_len,
			      bool little_endian)
{
	/* What comes in gets its header from us, whatever the socket does. */
	if (backend->kind == VHOST_BACKEND_PACKET && backend->transmit)
		hdr_len = vhost_packet_hdr_len(hdr_len);
	/* These have frames only. */
	if (vhost_backend_has_frames(backend))
		hdr_len = 0;
	backend->hdr_len = hdr_len;
	backend->little_endian = little_endian;
}

/**
 * vhost_backend_send() - send one packet
 * @backend: the backend
 * @from: header of backend->hdr_len bytes, and packet
 *
 * Return: 0; -EAGAIN, -ENOBUFS or -ENOMEM if it may be tried again; else
 * what the backend has against the packet.
 */
int vhost_backend_send(struct vhost_backend *backend, struct iov_iter *from)
{
	size_t len = iov_iter_count(from);
	struct msghdr msg = {
		.msg_iter = *from,
		.msg_flags = MSG_DONTWAIT,
	};
	int r;

	if (unlikely(backend->kind == VHOST_BACKEND_DGRAM))
		r = vhost_dgram_send(backend, &msg);
	else
		r = backend->sock->ops->sendmsg(backend->sock, &msg, len);
	return r < 0 ? r : 0;
}
