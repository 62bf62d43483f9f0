// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netif.h"
#include "util.h"

/* Of linux/if_tunnel.h, which can't be had together with net/if.h. */
#define TUNNEL_REMOTE	3

struct nl_req {
	struct nlmsghdr nh;
	struct ifinfomsg ifi;
	char attr[512];
};

/* A kernel without IPv6 has no such files, and no such noise. */
static void without_ipv6(const char *path)
{
	int r = write_file(path, "1");

	if (r && r != -ENOENT)
		fprintf(stderr, "%s: %s\n", path, strerror(-r));
}

/* Kernels for one processor have no such file, and need none. */
void netif_keep_order(const char *name)
{
	char path[96];
	int i = 0;

	do {
		snprintf(path, sizeof(path),
			 "/sys/class/net/%s/queues/rx-%d/rps_cpus", name, i++);
	} while (!write_file(path, "1"));
}

int netif_new_namespace(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS))
		return -errno;
	without_ipv6("/proc/sys/net/ipv6/conf/all/disable_ipv6");
	without_ipv6("/proc/sys/net/ipv6/conf/default/disable_ipv6");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL))
		return -errno;
	return 0;
}

static struct rtattr *attr_begin(struct nl_req *req, int type)
{
	struct rtattr *a;

	a = (void *)((char *)req + NLMSG_ALIGN(req->nh.nlmsg_len));
	a->rta_type = type;
	a->rta_len = RTA_LENGTH(0);
	req->nh.nlmsg_len = NLMSG_ALIGN(req->nh.nlmsg_len) + RTA_LENGTH(0);
	return a;
}

static void attr_end(struct nl_req *req, struct rtattr *a)
{
	a->rta_len = (char *)req + req->nh.nlmsg_len - (char *)a;
}

static void attr_put(struct nl_req *req, int type, const void *data, size_t n)
{
	struct rtattr *a = attr_begin(req, type);

	memcpy(RTA_DATA(a), data, n);
	req->nh.nlmsg_len += n;
	attr_end(req, a);
}

static void attr_put_str(struct nl_req *req, int type, const char *s)
{
	attr_put(req, type, s, strlen(s) + 1);
}

static void req_init(struct nl_req *req, int type, int flags)
{
	memset(req, 0, sizeof(*req));
	req->nh.nlmsg_len = NLMSG_LENGTH(sizeof(req->ifi));
	req->nh.nlmsg_type = type;
	req->nh.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
}

static int req_send(struct nl_req *req)
{
	struct {
		struct nlmsghdr nh;
		struct nlmsgerr err;
		char more[1024];
	} reply;
	int fd, r = 0;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	if (send(fd, req, req->nh.nlmsg_len, 0) < 0 ||
	    recv(fd, &reply, sizeof(reply), 0) < 0)
		r = -errno;
	else if (reply.nh.nlmsg_type == NLMSG_ERROR)
		r = reply.err.error;
	close(fd);
	return r;
}

int netif_add_veth(const char *name, const char *peer)
{
	struct ifinfomsg ifi = {};
	struct rtattr *info, *data, *end;
	struct nl_req req;

	req_init(&req, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	attr_put_str(&req, IFLA_IFNAME, name);
	info = attr_begin(&req, IFLA_LINKINFO);
	attr_put_str(&req, IFLA_INFO_KIND, "veth");
	data = attr_begin(&req, IFLA_INFO_DATA);
	end = attr_begin(&req, VETH_INFO_PEER);
	memcpy(RTA_DATA(end), &ifi, sizeof(ifi));
	req.nh.nlmsg_len += sizeof(ifi);
	attr_put_str(&req, IFLA_IFNAME, peer);
	attr_end(&req, end);
	attr_end(&req, data);
	attr_end(&req, info);
	return req_send(&req);
}

int netif_add_macvtap(const char *name, const char *lower,
		      const __u8 mac[ETH_ALEN])
{
	__u32 link = if_nametoindex(lower), mode = MACVLAN_MODE_BRIDGE;
	struct rtattr *info, *data;
	struct nl_req req;

	req_init(&req, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	attr_put_str(&req, IFLA_IFNAME, name);
	attr_put(&req, IFLA_LINK, &link, sizeof(link));
	attr_put(&req, IFLA_ADDRESS, mac, ETH_ALEN);
	info = attr_begin(&req, IFLA_LINKINFO);
	attr_put_str(&req, IFLA_INFO_KIND, "macvtap");
	data = attr_begin(&req, IFLA_INFO_DATA);
	attr_put(&req, IFLA_MACVLAN_MODE, &mode, sizeof(mode));
	attr_end(&req, data);
	attr_end(&req, info);
	return req_send(&req);
}

int netif_add_ip6tnl(const char *name, const __u8 remote[16])
{
	struct rtattr *info, *data;
	struct nl_req req;

	req_init(&req, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	attr_put_str(&req, IFLA_IFNAME, name);
	info = attr_begin(&req, IFLA_LINKINFO);
	attr_put_str(&req, IFLA_INFO_KIND, "ip6tnl");
	data = attr_begin(&req, IFLA_INFO_DATA);
	attr_put(&req, TUNNEL_REMOTE, remote, 16);
	attr_end(&req, data);
	attr_end(&req, info);
	return req_send(&req);
}

int netif_del(const char *name)
{
	struct nl_req req;

	req_init(&req, RTM_DELLINK, 0);
	req.ifi.ifi_index = if_nametoindex(name);
	if (!req.ifi.ifi_index)
		return -ENODEV;
	return req_send(&req);
}

int netif_up(const char *name, bool up)
{
	struct nl_req req;

	req_init(&req, RTM_NEWLINK, 0);
	req.ifi.ifi_index = if_nametoindex(name);
	req.ifi.ifi_change = IFF_UP | IFF_NOARP;
	req.ifi.ifi_flags = (up ? IFF_UP : 0) | IFF_NOARP;
	return req_send(&req);
}

static bool is_operational(const char *name)
{
	char path[64], state[8] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/operstate", name);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(state, sizeof(state), f))
		*state = 0;
	fclose(f);
	return !strcmp(state, "up\n");
}

int netif_wait_up(const char *name)
{
	__s64 end = now_ms() + STALL_MS;

	while (!is_operational(name)) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		pause_ms(1);
	}
	/* The state is told before queues are opened, with the lock held. */
	return netif_up(name, true);
}

static int set_u32(const char *name, int type, __u32 value)
{
	struct nl_req req;

	req_init(&req, RTM_NEWLINK, 0);
	req.ifi.ifi_index = if_nametoindex(name);
	attr_put(&req, type, &value, sizeof(value));
	return req_send(&req);
}

int netif_set_mtu(const char *name, int mtu)
{
	return set_u32(name, IFLA_MTU, mtu);
}

int netif_set_txqlen(const char *name, int len)
{
	return set_u32(name, IFLA_TXQLEN, len);
}
