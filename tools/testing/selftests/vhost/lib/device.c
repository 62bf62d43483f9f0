// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "device.h"
#include "vring.h"

int dev_open_flags(int flags)
{
	const char *path = getenv("VHOST_NET_DEV");
	int fd;

	fd = open(path ? path : "/dev/vhost-net", O_RDWR | O_CLOEXEC | flags);
	return fd < 0 ? -errno : fd;
}

int dev_open(void)
{
	return dev_open_flags(0);
}

int dev_ioctl(int fd, unsigned long req, void *arg)
{
	int r = ioctl(fd, req, arg);

	return r < 0 ? -errno : r;
}

int dev_set_owner(int fd)
{
	return dev_ioctl(fd, VHOST_SET_OWNER, NULL);
}

int dev_reset_owner(int fd)
{
	return dev_ioctl(fd, VHOST_RESET_OWNER, NULL);
}

int dev_get_features(int fd, __u64 *features)
{
	return dev_ioctl(fd, VHOST_GET_FEATURES, features);
}

int dev_set_features(int fd, __u64 features)
{
	return dev_ioctl(fd, VHOST_SET_FEATURES, &features);
}

bool dev_offers(__u64 features)
{
	__u64 offered = 0;
	int fd = dev_open();

	if (fd < 0)
		return false;
	dev_get_features(fd, &offered);
	close(fd);
	return (offered & features) == features;
}

int dev_set_msg_form(int fd, bool first)
{
	__u64 features = first ? 0 : BIT(VHOST_BACKEND_F_IOTLB_MSG_V2);

	return dev_ioctl(fd, VHOST_SET_BACKEND_FEATURES, &features);
}

int dev_set_two_words(int fd, __u64 low, __u64 high)
{
	__u64 array[] = { 2, low, high };

	return high ? dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, array) :
		      dev_set_features(fd, low);
}

struct vhost_memory *dev_mem_table(const struct arena *a)
{
	struct vhost_memory *m;
	unsigned int i;

	m = calloc(1, sizeof(*m) + a->n * sizeof(m->regions[0]));
	if (!m)
		return NULL;
	m->nregions = a->n;
	for (i = 0; i < a->n; i++) {
		m->regions[i].guest_phys_addr = a->region[i].gpa;
		m->regions[i].memory_size = a->region[i].size;
		m->regions[i].userspace_addr = (uintptr_t)a->region[i].hva;
	}
	return m;
}

int dev_set_mem(int fd, const struct arena *a)
{
	struct vhost_memory *m = dev_mem_table(a);
	int r;

	if (!m)
		return -ENOMEM;
	r = dev_ioctl(fd, VHOST_SET_MEM_TABLE, m);
	free(m);
	return r;
}

int dev_vring_state(int fd, unsigned long req, unsigned int index,
		    unsigned int num)
{
	struct vhost_vring_state s = { .index = index, .num = num };

	return dev_ioctl(fd, req, &s);
}

int dev_vring_file(int fd, unsigned long req, unsigned int index, int file)
{
	struct vhost_vring_file f = { .index = index, .fd = file };

	return dev_ioctl(fd, req, &f);
}

long long dev_get_base(int fd, unsigned int index)
{
	struct vhost_vring_state s = { .index = index };
	int r;

	r = dev_ioctl(fd, VHOST_GET_VRING_BASE, &s);
	return r < 0 ? r : (long long)s.num;
}

static int set_addr(int fd, const struct vq *vq, unsigned int flags,
		    __u64 log_gpa)
{
	struct vhost_vring_addr a = {
		.index = vq->index,
		.flags = flags,
		.desc_user_addr = vq_part_bus(vq, VQ_DESC),
		.used_user_addr = vq_part_bus(vq, VQ_USED),
		.avail_user_addr = vq_part_bus(vq, VQ_AVAIL),
		.log_guest_addr = log_gpa,
	};

	return dev_ioctl(fd, VHOST_SET_VRING_ADDR, &a);
}

int dev_set_addr(int fd, const struct vq *vq)
{
	return set_addr(fd, vq, 0, 0);
}

int dev_set_addr_log(int fd, const struct vq *vq, __u64 log_gpa)
{
	return set_addr(fd, vq, 1 << VHOST_VRING_F_LOG, log_gpa);
}

int dev_set_backend(int fd, unsigned int index, int backend)
{
	return dev_vring_file(fd, VHOST_NET_SET_BACKEND, index, backend);
}

int dev_new_worker(int fd)
{
	struct vhost_worker_state s = { .worker_id = ~0u };
	int r = dev_ioctl(fd, VHOST_NEW_WORKER, &s);

	return r < 0 ? r : (int)s.worker_id;
}

int dev_free_worker(int fd, unsigned int id)
{
	struct vhost_worker_state s = { .worker_id = id };

	return dev_ioctl(fd, VHOST_FREE_WORKER, &s);
}

int dev_attach_worker(int fd, unsigned int index, unsigned int id)
{
	struct vhost_vring_worker w = { .index = index, .worker_id = id };

	return dev_ioctl(fd, VHOST_ATTACH_VRING_WORKER, &w);
}

int dev_get_worker(int fd, unsigned int index)
{
	struct vhost_vring_worker w = { .index = index, .worker_id = ~0u };
	int r = dev_ioctl(fd, VHOST_GET_VRING_WORKER, &w);

	if (r < 0)
		return r;
	return w.index == index ? (int)w.worker_id : -EPROTO;
}

int dev_setup_vq(int fd, const struct vq *vq)
{
	const struct {
		unsigned long req;
		int fd;
	} file[] = {
		{ VHOST_SET_VRING_KICK, vq->kick },
		{ VHOST_SET_VRING_CALL, vq->call },
		{ VHOST_SET_VRING_ERR, vq->err },
	};
	unsigned int i;
	int r;

	r = dev_vring_state(fd, VHOST_SET_VRING_NUM, vq->index, vq->num);
	if (!r)
		r = dev_vring_state(fd, VHOST_SET_VRING_BASE, vq->index,
				    vq_base(vq));
	if (!r)
		r = dev_set_addr(fd, vq);
	for (i = 0; !r && i < ARRAY_SIZE(file); i++)
		r = dev_vring_file(fd, file[i].req, vq->index, file[i].fd);
	return r;
}

unsigned int dev_parameter(const char *name, unsigned int otherwise)
{
	static const char * const module[] = { "vhost_net", "vhost" };
	unsigned int i, n;
	char path[128];
	int got = 0;
	FILE *f;

	for (i = 0; i < ARRAY_SIZE(module) && got != 1; i++) {
		snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s",
			 module[i], name);
		f = fopen(path, "r");
		if (!f)
			continue;
		got = fscanf(f, "%u", &n);
		fclose(f);
	}
	return got == 1 ? n : otherwise;
}

unsigned int dev_max_regions(void)
{
	return dev_parameter("max_mem_regions", 64);
}
