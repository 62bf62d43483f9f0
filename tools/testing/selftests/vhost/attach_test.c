// SPDX-License-Identifier: GPL-2.0
/*
 * Memory tables, backends, and the calls that behave differently once a
 * backend is attached. Where a call is refused, traffic must go on.
 */
#include "fixture.h"

#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "guest.h"
#include "netif.h"
#include "traffic.h"

/* Memory tables of a device with no rings. */
FIXTURE(table)
{
	int fd;
	struct vhost_memory *m;
};

#define TABLE_MAX	70000

FIXTURE_SETUP(table)
{
	RUN_IF_SELECTED();
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, dev_set_owner(self->fd));
	self->m = calloc(1, sizeof(*self->m) +
			 TABLE_MAX * sizeof(self->m->regions[0]));
	ASSERT_NE(NULL, self->m);
}

FIXTURE_TEARDOWN(table)
{
	free(self->m);
	close(self->fd);
}

static int set_table(int fd, struct vhost_memory *m, unsigned int n)
{
	m->nregions = n;
	return dev_ioctl(fd, VHOST_SET_MEM_TABLE, m);
}

static void set_region(struct vhost_memory *m, unsigned int i, __u64 gpa,
		       __u64 size, const void *hva)
{
	m->regions[i].guest_phys_addr = gpa;
	m->regions[i].memory_size = size;
	m->regions[i].userspace_addr = (uintptr_t)hva;
}

TEST_F(table, number_of_regions)
{
	unsigned int i, max = dev_max_regions();
	char *p = guarded_map(PAGE);

	TH_LOG("at most %u regions", max);
	EXPECT_LE(stock_driver() ? 64 : 509, max);
	for (i = 0; i < TABLE_MAX; i++)
		set_region(self->m, i, i * 3 * PAGE, PAGE, p);
	EXPECT_EQ(0, set_table(self->fd, self->m, 0));
	EXPECT_EQ(0, set_table(self->fd, self->m, 1));
	EXPECT_EQ(0, set_table(self->fd, self->m, 64));
	EXPECT_EQ(0, set_table(self->fd, self->m, max));
	EXPECT_EQ(-E2BIG, set_table(self->fd, self->m, max + 1));
	EXPECT_EQ(-E2BIG, set_table(self->fd, self->m, TABLE_MAX));
	EXPECT_EQ(-E2BIG, set_table(self->fd, self->m, ~0u));
	guarded_unmap(p, PAGE);
}

TEST_F(table, padding)
{
	self->m->padding = 1;
	EXPECT_EQ(-EOPNOTSUPP, set_table(self->fd, self->m, 0));
}

/* The table's header can be read, but not all of its regions. */
TEST_F(table, ends_on_missing_page)
{
	char *p = guarded_map(PAGE);
	struct vhost_memory *m;

	m = (void *)(p + PAGE - sizeof(*m) - sizeof(m->regions[0]));
	memset(m, 0, sizeof(*m));
	set_region(m, 0, 0, PAGE, p);
	EXPECT_EQ(0, set_table(self->fd, m, 1));
	EXPECT_EQ(-EFAULT, set_table(self->fd, m, 2));
	guarded_unmap(p, PAGE);
}

TEST_F(table, impossible_regions)
{
	char *p = guarded_map(2 * PAGE);

	set_region(self->m, 0, PAGE, PAGE, p);
	/* Empty. */
	set_region(self->m, 1, 16 * PAGE, 0, p);
	EXPECT_EQ(-EFAULT, set_table(self->fd, self->m, 2));
	/* Round the end of the guest's address space. */
	set_region(self->m, 1, LAST_PAGE, 2 * PAGE, p);
	EXPECT_EQ(-EFAULT, set_table(self->fd, self->m, 2));
	set_region(self->m, 1, ~0ULL, 2, p);
	EXPECT_EQ(-EFAULT, set_table(self->fd, self->m, 2));
	set_region(self->m, 1, 16 * PAGE, ~0ULL, p);
	EXPECT_EQ(-EFAULT, set_table(self->fd, self->m, 2));
	/* Up to the very end is no wrap. */
	set_region(self->m, 1, LAST_PAGE, PAGE, p);
	EXPECT_EQ(0, set_table(self->fd, self->m, 2));
	guarded_unmap(p, 2 * PAGE);
}

TEST_F(table, overlap_is_allowed)
{
	char *p = guarded_map(8 * PAGE);

	set_region(self->m, 0, PAGE, 4 * PAGE, p);
	set_region(self->m, 1, 2 * PAGE, 4 * PAGE, p + 4 * PAGE);
	set_region(self->m, 2, PAGE, 4 * PAGE, p);
	EXPECT_EQ(0, set_table(self->fd, self->m, 3));
	guarded_unmap(p, 8 * PAGE);
}

/* A whole reserved range in one region, as some clients give it. */
TEST_F(table, huge_reserved_range)
{
	size_t size = sizeof(long) == 8 ? (size_t)(100ULL << 30) : 1UL << 30;
	void *p;

	p = mmap(NULL, size, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	set_region(self->m, 0, (uintptr_t)p, size, p);
	EXPECT_EQ(0, set_table(self->fd, self->m, 1));
	set_region(self->m, 0, 200ULL << 30, size, p);
	EXPECT_EQ(0, set_table(self->fd, self->m, 1));
	munmap(p, size);
}

/* A complete guest that has not attached a backend yet. */
FIXTURE(ready)
{
	struct guest g;
};

FIXTURE_SETUP(ready)
{
	struct guest_cfg cfg = {
		.features = F_V1 | F_MRG | F_EVENT,
		.stopped = true,
	};

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
}

FIXTURE_TEARDOWN(ready)
{
	guest_stop(&self->g);
}

static int try_fd(struct guest *g, int fd)
{
	int r = dev_set_backend(g->fd, VQ_TX, fd);

	close(fd);
	return r;
}

TEST_F(ready, backend_must_be_packets)
{
	int fd = self->g.fd;

	EXPECT_EQ(-ENOTSOCK, dev_set_backend(fd, VQ_RX, 9999));
	EXPECT_EQ(-ENOTSOCK, dev_set_backend(fd, VQ_RX, -2));
	EXPECT_EQ(-ENOTSOCK, try_fd(&self->g, open("/dev/null", O_RDWR)));
	EXPECT_EQ(-ENOTSOCK, try_fd(&self->g, eventfd(0, 0)));
	EXPECT_EQ(-ENOTSOCK, try_fd(&self->g, dev_open()));
	EXPECT_EQ(-ENOTSOCK, try_fd(&self->g, socket(AF_INET, SOCK_DGRAM, 0)));
	EXPECT_EQ(-ENOTSOCK, try_fd(&self->g, socket(AF_INET, SOCK_RAW, 1)));
	EXPECT_EQ(-ENOTSOCK, try_fd(&self->g, socket(AF_UNIX, SOCK_STREAM, 0)));
	EXPECT_EQ(-ENOTSOCK,
		  try_fd(&self->g, socket(AF_PACKET, SOCK_DGRAM, 0)));
	EXPECT_EQ(-ENOBUFS, dev_set_backend(fd, VQ_MAX, self->g.backend.fd));
	EXPECT_EQ(-ENOBUFS, dev_set_backend(fd, ~0u, self->g.backend.fd));
	/* All that left the device as it was. */
	EXPECT_EQ(0, dev_vring_state(fd, VHOST_SET_VRING_NUM, VQ_TX, 256));
	ASSERT_EQ(0, guest_attach(&self->g, self->g.backend.fd));
	EXPECT_EQ(0, traffic_alive(&self->g));
}

TEST_F(ready, tun_file_without_queue)
{
	int tun = open("/dev/net/tun", O_RDWR);
	int r = dev_set_backend(self->g.fd, VQ_TX, tun);

	ASSERT_LE(0, tun);
	EXPECT_NE(0, r);
	TH_LOG("answer: %s", strerror(-r));
	close(tun);
	ASSERT_EQ(0, guest_attach(&self->g, self->g.backend.fd));
	EXPECT_EQ(0, traffic_alive(&self->g));
}

TEST_F(ready, detach_never_fails)
{
	struct vhost_vring_addr a = { .index = VQ_TX, .used_user_addr = 8 };
	int fd = self->g.fd;

	EXPECT_EQ(0, guest_attach(&self->g, -1));
	ASSERT_EQ(0, guest_attach(&self->g, self->g.backend.fd));
	EXPECT_EQ(0, guest_attach(&self->g, -1));
	EXPECT_EQ(0, guest_attach(&self->g, -1));
	/* Not even with ring addresses that lead nowhere. */
	EXPECT_EQ(0, dev_ioctl(fd, VHOST_SET_VRING_ADDR, &a));
	EXPECT_EQ(0, dev_set_backend(fd, VQ_TX, -1));
}

TEST_F(ready, attach_needs_a_ring)
{
	struct vhost_vring_addr a = { .index = VQ_TX };
	int fd = self->g.fd;

	EXPECT_EQ(0, dev_vring_state(fd, VHOST_SET_VRING_BASE, VQ_TX, 5));
	EXPECT_EQ(0, dev_ioctl(fd, VHOST_SET_VRING_ADDR, &a));
	EXPECT_EQ(-EFAULT, dev_set_backend(fd, VQ_TX, self->g.backend.fd));
	EXPECT_EQ(5, (__u16)dev_get_base(fd, VQ_TX));
	/* Not attached: the ring may still be changed, and then it works. */
	EXPECT_EQ(0, dev_setup_vq(fd, &self->g.vq[VQ_TX]));
	ASSERT_EQ(0, guest_attach(&self->g, self->g.backend.fd));
	EXPECT_EQ(0, traffic_alive(&self->g));
}

/* Where the memory of processes ends, as a memory table is told. */
static __u64 end_of_memory(int fd)
{
	struct vhost_memory *m = calloc(1, sizeof(*m) + sizeof(*m->regions));
	/* Wider than a program of 32 bits, as the kernel is. */
	const __u64 page = PAGE;
	__u64 good = 0, bad = -page, middle;

	while (bad - good > page) {
		middle = (good + (bad - good) / 2) & ~(page - 1);
		set_region(m, 0, 0, PAGE, NULL);
		m->regions[0].userspace_addr = middle;
		if (set_table(fd, m, 1))
			bad = middle;
		else
			good = middle;
	}
	free(m);
	return bad;
}

/* Its first entries may be the owner's, its last ones are the kernel's. */
TEST_F(ready, attach_needs_all_of_a_ring)
{
	struct vq *tx = &self->g.vq[VQ_TX];
	__u64 end = end_of_memory(self->g.fd);
	struct vhost_vring_addr a = {
		.index = VQ_TX,
		.desc_user_addr = end - tx->num * sizeof(*tx->desc) + 16,
		.avail_user_addr = (uintptr_t)vq_part(tx, VQ_AVAIL, NULL),
		.used_user_addr = (uintptr_t)vq_part(tx, VQ_USED, NULL),
	};
	int fd = self->g.fd;

	NOT_FOR_STOCK("takes any table for a ring that is stopped");
	ASSERT_EQ(0, dev_set_mem(fd, &self->g.arena));
	ASSERT_EQ(0, dev_ioctl(fd, VHOST_SET_VRING_ADDR, &a));
	EXPECT_EQ(-EFAULT, dev_set_backend(fd, VQ_TX, self->g.backend.fd));
	/* As far as it may go. Nothing is there, but nothing is looked at. */
	a.desc_user_addr -= 16;
	ASSERT_EQ(0, dev_ioctl(fd, VHOST_SET_VRING_ADDR, &a));
	EXPECT_EQ(0, dev_set_backend(fd, VQ_TX, self->g.backend.fd));
}

TEST_F(ready, attach_twice_is_nothing)
{
	ASSERT_EQ(0, guest_attach(&self->g, self->g.backend.fd));
	EXPECT_EQ(0, traffic_alive(&self->g));
	ASSERT_EQ(0, guest_attach(&self->g, self->g.backend.fd));
	EXPECT_EQ(0, traffic_alive(&self->g));
}

TEST_F(ready, kick_fd_after_backend)
{
	struct vq *tx = &self->g.vq[VQ_TX];
	int fd = self->g.fd;

	ASSERT_EQ(0, dev_vring_file(fd, VHOST_SET_VRING_KICK, VQ_TX, -1));
	ASSERT_EQ(0, dev_vring_file(fd, VHOST_SET_VRING_CALL, VQ_TX, -1));
	ASSERT_EQ(0, guest_attach(&self->g, self->g.backend.fd));
	ASSERT_EQ(0, dev_vring_file(fd, VHOST_SET_VRING_CALL, VQ_TX, tx->call));
	ASSERT_EQ(0, dev_vring_file(fd, VHOST_SET_VRING_KICK, VQ_TX, tx->kick));
	EXPECT_EQ(0, traffic_alive(&self->g));
}

/* Some clients set up one ring of a device, and the other never (S46). */
TEST_F(ready, transmit_ring_alone)
{
	struct traffic t = { .count = 100, .len = len_mixed };

	ASSERT_EQ(0, dev_reset_owner(self->g.fd));
	ASSERT_EQ(0, dev_set_owner(self->g.fd));
	ASSERT_EQ(0, dev_set_features(self->g.fd, self->g.cfg.features));
	ASSERT_EQ(0, dev_set_mem(self->g.fd, &self->g.arena));
	ASSERT_EQ(0, dev_setup_vq(self->g.fd, &self->g.vq[VQ_TX]));
	ASSERT_EQ(0, dev_set_backend(self->g.fd, VQ_TX, self->g.backend.fd));
	EXPECT_EQ(0, traffic_tx(&self->g, &t));
}

/* Two devices on one tap, one to receive and one to transmit (S46). */
TEST_F(ready, shared_tap)
{
	struct traffic t = { .count = 100, .len = len_mixed };
	struct guest_cfg cfg = self->g.cfg;
	struct guest other;
	struct wire wire;

	cfg.id = 1;
	ASSERT_EQ(0, guest_start(&other, &cfg));
	ASSERT_EQ(0, dev_set_backend(other.fd, VQ_TX, self->g.backend.fd));
	ASSERT_EQ(0, dev_set_backend(self->g.fd, VQ_RX, self->g.backend.fd));
	wire = other.wire;
	other.wire = self->g.wire;
	EXPECT_EQ(0, traffic_tx(&other, &t));
	EXPECT_EQ(0, traffic_rx(&self->g, &t));
	other.wire = wire;
	guest_stop(&other);
}

/*
 * Of a socket only its kind is of interest: its name is longer than a
 * sockaddr_ll when the interface's addresses are (S3).
 */
TEST_F(ready, long_address)
{
	const __u8 remote[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	struct sockaddr_ll sll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
	};
	int r = netif_add_ip6tnl("vhtun6", remote), fd;

	if (r)
		SKIP(return, "no such tunnel: %s", strerror(-r));
	ASSERT_EQ(0, netif_up("vhtun6", true));
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	sll.sll_ifindex = if_nametoindex("vhtun6");
	ASSERT_EQ(0, bind(fd, (struct sockaddr *)&sll, sizeof(sll)));
	EXPECT_EQ(0, guest_attach(&self->g, fd));
	EXPECT_EQ(0, guest_attach(&self->g, self->g.backend.fd));
	EXPECT_EQ(0, traffic_alive(&self->g));
	close(fd);
}

/* As many regions as there may be, those in use first, or last (S39). */
static void fill_table(struct vhost_memory *m, unsigned int max, void *spare,
		       const struct arena *a, unsigned int at)
{
	unsigned int i;

	for (i = 0; i < max; i++)
		set_region(m, i, (i + 1) * BIT(45), PAGE, spare);
	for (i = 0; i < a->n; i++)
		set_region(m, at + i, a->region[i].gpa, a->region[i].size,
			   a->region[i].hva);
}

TEST_F(ready, full_table)
{
	unsigned int i, max = dev_max_regions();
	struct guest *g = &self->g;
	const unsigned int at[] = {
		0, (max - g->arena.n) / 2, max - g->arena.n,
	};
	char *spare = guarded_map(PAGE);
	struct vhost_memory *m;

	m = calloc(1, sizeof(*m) + max * sizeof(m->regions[0]));
	ASSERT_TRUE(m && spare);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		fill_table(m, max, spare, &g->arena, at[i]);
		ASSERT_EQ(0, set_table(g->fd, m, max));
		ASSERT_EQ(0, guest_attach(g, g->backend.fd));
		EXPECT_EQ(0, traffic_alive(g));
		ASSERT_EQ(0, guest_attach(g, -1));
	}
	free(m);
	guarded_unmap(spare, PAGE);
}

/* A guest in operation. */
FIXTURE(running)
{
	struct guest g;
};

FIXTURE_SETUP(running)
{
	struct guest_cfg cfg = { .features = F_V1 | F_MRG | F_EVENT };

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	ASSERT_EQ(0, traffic_alive(&self->g));
}

FIXTURE_TEARDOWN(running)
{
	EXPECT_EQ(0, traffic_alive(&self->g));
	guest_stop(&self->g);
}

TEST_F(running, size_and_base_are_busy)
{
	int i, fd = self->g.fd;

	for (i = 0; i < VQ_MAX; i++) {
		EXPECT_EQ(-EBUSY, dev_vring_state(fd, VHOST_SET_VRING_NUM, i,
						  256));
		EXPECT_EQ(-EBUSY, dev_vring_state(fd, VHOST_SET_VRING_BASE, i,
						  0));
		/* Five frames went through the transmit ring so far. */
		EXPECT_LE(5, dev_get_base(fd, i));
	}
}

TEST_F(running, addresses_can_be_set)
{
	const struct vq *tx = &self->g.vq[VQ_TX];
	struct vhost_vring_addr good = {
		.index = VQ_TX,
		.desc_user_addr = (uintptr_t)vq_part(tx, VQ_DESC, NULL),
		.used_user_addr = (uintptr_t)vq_part(tx, VQ_USED, NULL),
		.avail_user_addr = (uintptr_t)vq_part(tx, VQ_AVAIL, NULL),
	}, a = good;
	int fd = self->g.fd;

	EXPECT_EQ(0, dev_ioctl(fd, VHOST_SET_VRING_ADDR, &good));
	a.avail_user_addr++;
	EXPECT_EQ(-EINVAL, dev_ioctl(fd, VHOST_SET_VRING_ADDR, &a));
	a = good;
	a.flags = 2;
	EXPECT_EQ(-EOPNOTSUPP, dev_ioctl(fd, VHOST_SET_VRING_ADDR, &a));
	/* While running, an address of the kernel is refused. */
	a = good;
	a.used_user_addr = LAST_PAGE;
	EXPECT_EQ(-EINVAL, dev_ioctl(fd, VHOST_SET_VRING_ADDR, &a));
}

TEST_F(running, features_can_be_set)
{
	EXPECT_EQ(0, dev_set_features(self->g.fd, self->g.cfg.features));
	EXPECT_EQ(-EOPNOTSUPP, dev_set_features(self->g.fd, ~0ULL));
}

TEST_F(running, memory_can_be_set)
{
	struct vhost_memory *m;

	EXPECT_EQ(0, dev_set_mem(self->g.fd, &self->g.arena));
	EXPECT_EQ(0, traffic_alive(&self->g));
	/* While running, host addresses must be those of a process. */
	m = calloc(1, sizeof(*m) + sizeof(m->regions[0]));
	ASSERT_NE(NULL, m);
	set_region(m, 0, 0, PAGE, NULL);
	m->regions[0].userspace_addr = LAST_PAGE;
	EXPECT_EQ(-EFAULT, set_table(self->g.fd, m, 1));
	free(m);
}

TEST_F(running, eventfds_can_be_set)
{
	struct vq *tx = &self->g.vq[VQ_TX];
	int fd = self->g.fd, other = eventfd(0, 0);

	EXPECT_EQ(0, dev_vring_file(fd, VHOST_SET_VRING_CALL, VQ_TX, other));
	EXPECT_EQ(0, dev_vring_file(fd, VHOST_SET_VRING_CALL, VQ_TX, tx->call));
	EXPECT_EQ(0, dev_vring_file(fd, VHOST_SET_VRING_KICK, VQ_TX, other));
	EXPECT_EQ(0, dev_vring_file(fd, VHOST_SET_VRING_KICK, VQ_TX, tx->kick));
	EXPECT_EQ(0, dev_vring_file(fd, VHOST_SET_VRING_ERR, VQ_TX, other));
	EXPECT_EQ(0, dev_vring_file(fd, VHOST_SET_VRING_ERR, VQ_TX, tx->err));
	EXPECT_EQ(-EBADF, dev_vring_file(fd, VHOST_SET_VRING_KICK, VQ_TX, -2));
	EXPECT_EQ(-EINVAL, dev_vring_file(fd, VHOST_SET_VRING_CALL, VQ_TX, fd));
	close(other);
}

TEST_F(running, refused_backend_keeps_the_old)
{
	int null = open("/dev/null", O_RDWR);

	EXPECT_EQ(-ENOTSOCK, dev_set_backend(self->g.fd, VQ_TX, null));
	EXPECT_EQ(-ENOTSOCK, dev_set_backend(self->g.fd, VQ_RX, null));
	close(null);
}

TEST_F(running, reset_owner_and_reuse)
{
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, dev_reset_owner(self->g.fd));
		EXPECT_EQ(-EPERM, dev_get_base(self->g.fd, 0));
		ASSERT_EQ(0, guest_setup(&self->g));
		ASSERT_EQ(0, guest_attach(&self->g, self->g.backend.fd));
		EXPECT_EQ(0, traffic_alive(&self->g));
	}
}

TEST_HARNESS_MAIN
