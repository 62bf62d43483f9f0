// SPDX-License-Identifier: GPL-2.0
/*
 * What people are told of a backend: of which kind it is, and the name of its
 * interface. Whoever asks holds no lock, and backends come and go meanwhile; so
 * it is all found out when a backend is attached, and is not changed any more.
 */
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
	if (backend->kind == VHOST_BACKEND_PACKET) {
		link->kind = "packet";
		name_packet(backend->sock, link->name);
		return link;
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
