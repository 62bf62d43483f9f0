// SPDX-License-Identifier: GPL-2.0
/*
 * What people are told of a backend: of which kind it is, and the name of its
 * interface or of its peer. Whoever asks holds no lock, and backends come and
 * go meanwhile; so it is all found out when a backend is attached, and is not
 * changed any more.
 */
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/if_packet.h>
#include <linux/if_tap.h>
#include <linux/if_tun.h>
#include <linux/kernel.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/un.h>
#include <net/sock.h>

#include "backend.h"
#include "link.h"

/*
 * Packet sockets tell to what they are bound. They write an address of any
 * length, as long as the interface's is: there has to be room for that.
 */
static void name_packet(struct socket *sock, char *name)
{
	struct sockaddr_storage room = {};
	struct sockaddr_ll *addr = (struct sockaddr_ll *)&room;
	const struct net_device *dev;

	BUILD_BUG_ON(sizeof(room) < offsetof(struct sockaddr_ll, sll_addr) +
		     MAX_ADDR_LEN);
	if (sock->ops->getname(sock, (struct sockaddr *)&room, 0) < 0)
		return;
	rcu_read_lock();
	dev = dev_get_by_index_rcu(sock_net(sock->sk), addr->sll_ifindex);
	if (dev)
		strscpy(name, dev->name, IFNAMSIZ);
	rcu_read_unlock();
}

/* A tun device tells it to nobody but readers of its own fdinfo. */
static void name_tun(struct file *file, char *name)
{
	char text[4 * IFNAMSIZ] = "";
	struct seq_file m = {
		.buf = text,
		.size = sizeof(text),
	};

	BUILD_BUG_ON(IFNAMSIZ != 16);
	if (!file->f_op->show_fdinfo)
		return;
	file->f_op->show_fdinfo(&m, file);
	text[sizeof(text) - 1] = 0;
	if (sscanf(text, "iff:\t%15s", name) != 1)
		*name = 0;
}

/* Of macvtap and ipvtap. */
static void name_tap(const struct socket *sock, char *name)
{
	const struct tap_queue *queue =
		container_of(sock, struct tap_queue, sock);
	const struct tap_dev *tap;

	rcu_read_lock();
	tap = rcu_dereference(queue->tap);
	if (tap)
		strscpy(name, tap->dev->name, IFNAMSIZ);
	rcu_read_unlock();
}

/* Nobody is to make lines of its own with a name. */
static void make_plain(char *name)
{
	for (; *name; name++) {
		if (!isascii(*name) || !isgraph(*name))
			*name = '?';
	}
}

/* One without a peer has a group, to which it is bound. */
static void name_peer(struct socket *sock, char *name)
{
	struct sockaddr_storage room = {};
	struct sockaddr *addr = (struct sockaddr *)&room;
	const struct sockaddr_un *un = (struct sockaddr_un *)&room;
	int len = sock->ops->getname(sock, addr, 1);

	if (len < 0)
		len = sock->ops->getname(sock, addr, 0);
	if (len < 0)
		return;
	if (room.ss_family != AF_UNIX) {
		snprintf(name, VHOST_LINK_NAME, "%pISpc", addr);
	} else if (len > offsetof(struct sockaddr_un, sun_path)) {
		/* An abstract one begins with a zero. */
		snprintf(name, VHOST_LINK_NAME, "%s%s",
			 *un->sun_path ? "" : "@",
			 un->sun_path + !*un->sun_path);
		make_plain(name);
	}
}

static const char *socket_kind(const struct sock *sk)
{
	bool local = sk->sk_family == AF_UNIX;

	if (sk->sk_type == SOCK_STREAM)
		return local ? "unix-stream" : "tcp";
	return local ? "unix-dgram" : "udp";
}

/**
 * vhost_link_create() - find out what there is to be told of a backend
 * @backend: the backend
 *
 * Context: may sleep, also for the sake of the network's configuration: no vq's
 * mutex may be held.
 * Return: NULL without memory.
 */
struct vhost_link *vhost_link_create(const struct vhost_backend *backend)
{
	struct vhost_link *link = kzalloc(sizeof(*link), GFP_KERNEL_ACCOUNT);

	if (!link)
		return NULL;
	link->what = "interface";
	switch (backend->kind) {
	case VHOST_BACKEND_PACKET:
		link->kind = "packet";
		name_packet(backend->sock, link->name);
		return link;
	case VHOST_BACKEND_DGRAM:
	case VHOST_BACKEND_STREAM:
		link->what = "peer";
		link->kind = socket_kind(backend->sock->sk);
		name_peer(backend->sock, link->name);
		return link;
	case VHOST_BACKEND_TAP:
		break;
	}
	link->kind = "tap";
	if (IS_ERR(tun_get_socket(backend->file)))
		name_tap(backend->sock, link->name);
	else
		name_tun(backend->file, link->name);
	return link;
}

/**
 * vhost_link_free() - nobody comes to know of it any more
 * @link: what vhost_link_create() has made; NULL is allowed. Who has found it
 *	may go on looking at it under rcu_read_lock()
 */
void vhost_link_free(struct vhost_link *link)
{
	if (link)
		kfree_rcu(link, rcu);
}
