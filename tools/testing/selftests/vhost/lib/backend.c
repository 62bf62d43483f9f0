// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "backend.h"
#include "frame.h"
#include "netif.h"
#include "sockets.h"

/* Of a socket, if nothing else is said. */
#define SOCKET_BUF	(32 << 20)

/* Header size, send buffer and offloads: tap and macvtap alike. */
static int tun_configure(int fd, const struct backend_cfg *cfg)
{
	int sndbuf = cfg->sndbuf ? cfg->sndbuf : INT_MAX;
	int hdr_len = cfg->hdr_len;

	if (cfg->vnet_hdr && ioctl(fd, TUNSETVNETHDRSZ, &hdr_len))
		return -errno;
	if (ioctl(fd, TUNSETSNDBUF, &sndbuf))
		return -errno;
	/* Offloads need a header to be told in. */
	if (cfg->vnet_hdr && ioctl(fd, TUNSETOFFLOAD, cfg->offload))
		return -errno;
	return 0;
}

static short tun_flags(const struct backend_cfg *cfg)
{
	return IFF_TAP | IFF_NO_PI | (cfg->vnet_hdr ? IFF_VNET_HDR : 0) |
		(cfg->multi_queue ? IFF_MULTI_QUEUE : 0);
}

int tap_open_queue(const char *ifname, const struct backend_cfg *cfg)
{
	struct ifreq ifr = { .ifr_flags = tun_flags(cfg) };
	int fd, r;

	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	strncpy(ifr.ifr_name, ifname, IFNAMSIZ - 1);
	r = ioctl(fd, TUNSETIFF, &ifr) ? -errno : tun_configure(fd, cfg);
	if (r) {
		close(fd);
		return r;
	}
	return fd;
}

int tap_attach_queue(int fd, bool attach)
{
	struct ifreq ifr = {
		.ifr_flags = attach ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE,
	};

	return ioctl(fd, TUNSETQUEUE, &ifr) ? -errno : 0;
}

static int link_ready(const char *name)
{
	int r = netif_set_mtu(name, BACKEND_MTU);

	return r ? r : netif_up(name, true);
}

static int open_tap(struct backend *b, int n)
{
	snprintf(b->ifname, IFNAMSIZ, "vht%d", n);
	strcpy(b->peer, b->ifname);
	b->fd = tap_open_queue(b->ifname, &b->cfg);
	if (b->fd < 0)
		return b->fd;
	return link_ready(b->ifname);
}

static int add_veth(struct backend *b, int n)
{
	int r;

	snprintf(b->ifname, IFNAMSIZ, "vht%d", n);
	snprintf(b->peer, IFNAMSIZ, "vhp%d", n);
	r = netif_add_veth(b->ifname, b->peer);
	if (!r)
		r = link_ready(b->peer);
	if (!r)
		r = link_ready(b->ifname);
	return r;
}

/* Since 6.5; before, all headers of packet sockets have ten bytes. */
#ifndef PACKET_VNET_HDR_SZ
#define PACKET_VNET_HDR_SZ	24
#endif

int packet_set_hdr(int fd, int len)
{
	const int max = sizeof(struct virtio_net_hdr_mrg_rxbuf), one = 1;

	if (len > max)
		len = max;
	if (len && !setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR_SZ, &len,
			       sizeof(len)))
		return 0;
	return setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one,
			  sizeof(one)) ? -errno : 0;
}

int packet_hdr(int fd)
{
	int len = 0;
	socklen_t size = sizeof(len);

	if (!getsockopt(fd, SOL_PACKET, PACKET_VNET_HDR_SZ, &len, &size))
		return len;
	getsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &len, &size);
	return len ? sizeof(struct virtio_net_hdr) : 0;
}

int packet_bind(int fd, const char *ifname)
{
	struct sockaddr_ll sll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = if_nametoindex(ifname),
	};

	return bind(fd, (struct sockaddr *)&sll, sizeof(sll)) ? -errno : 0;
}

static int open_packet(struct backend *b, int n)
{
	int r, one = 1, buf = b->cfg.sndbuf ? b->cfg.sndbuf : SOCKET_BUF;

	r = add_veth(b, n);
	if (r)
		return r;
	b->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (b->fd < 0)
		return -errno;
	if (b->cfg.vnet_hdr) {
		r = packet_set_hdr(b->fd, b->cfg.hdr_len);
		if (r)
			return r;
	}
	if (setsockopt(b->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
		       sizeof(one)))
		return -errno;
	if (setsockopt(b->fd, SOL_SOCKET, SO_RCVBUFFORCE, &buf, sizeof(buf)) ||
	    setsockopt(b->fd, SOL_SOCKET, SO_SNDBUFFORCE, &buf, sizeof(buf)))
		return -errno;
	return packet_bind(b->fd, b->ifname);
}

static int open_sockets(struct backend *b, int n)
{
	int fd[2], r;

	r = sockets_open(fd, b->cfg.kind, b->cfg.sndbuf ? b->cfg.sndbuf :
			 SOCKET_BUF, n);
	b->fd = fd[0];
	b->far = fd[1];
	return r;
}

/* The character device's number, from the /sys of this namespace. */
static int macvtap_devno(const char *name, dev_t *devno)
{
	unsigned int major, minor;
	char path[128];
	FILE *f;
	int got;

	snprintf(path, sizeof(path), "/sys/class/net/%s/tap%d/dev", name,
		 if_nametoindex(name));
	f = fopen(path, "r");
	if (!f)
		return -errno;
	got = fscanf(f, "%u:%u", &major, &minor);
	fclose(f);
	if (got != 2)
		return -EINVAL;
	*devno = makedev(major, minor);
	return 0;
}

static int macvtap_fd(const char *name)
{
	char node[64];
	dev_t devno = 0;
	int r, fd;

	r = macvtap_devno(name, &devno);
	if (r)
		return r;
	snprintf(node, sizeof(node), "/dev/vht-%d-%s", gettid(), name);
	if (mknod(node, S_IFCHR | 0600, devno))
		return -errno;
	fd = open(node, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	r = -errno;
	unlink(node);
	return fd < 0 ? r : fd;
}

static int open_macvtap(struct backend *b, int n)
{
	struct ifreq ifr = { .ifr_flags = tun_flags(&b->cfg) };
	__u8 mac[ETH_ALEN];
	int r;

	r = add_veth(b, n);
	if (r)
		return r;
	frame_mac(mac, FRAME_TO_GUEST);
	snprintf(b->upper, IFNAMSIZ, "vhm%d", n);
	r = netif_add_macvtap(b->upper, b->ifname, mac);
	if (!r)
		r = link_ready(b->upper);
	if (r)
		return r;
	b->fd = macvtap_fd(b->upper);
	if (b->fd < 0)
		return b->fd;
	strcpy(ifr.ifr_name, b->upper);
	if (ioctl(b->fd, TUNSETIFF, &ifr))
		return -errno;
	return tun_configure(b->fd, &b->cfg);
}

int backend_open(struct backend *b, const struct backend_cfg *cfg, int n)
{
	memset(b, 0, sizeof(*b));
	b->cfg = *cfg;
	b->fd = -1;
	b->far = -1;
	switch (cfg->kind) {
	case BACKEND_TAP:
		return open_tap(b, n);
	case BACKEND_PACKET:
		return open_packet(b, n);
	case BACKEND_MACVTAP:
		return open_macvtap(b, n);
	default:
		return open_sockets(b, n);
	}
}

void backend_close(struct backend *b)
{
	if (b->fd >= 0)
		close(b->fd);
	if (b->far >= 0)
		close(b->far);
	b->fd = -1;
	b->far = -1;
}

size_t backend_longest(enum backend_kind kind)
{
	switch (kind) {
	case BACKEND_UDP:
	case BACKEND_MCAST:
		/* All of a packet of 65535 bytes but its headers. */
		return 65535 - 20 - 8;
	case BACKEND_UDP6:
		return 65535 - 8;
	default:
		return FRAME_MAX;
	}
}

int backend_up(const struct backend *b)
{
	int r = netif_up(b->ifname, true);

	return r || !*b->upper ? r : netif_wait_up(b->upper);
}
