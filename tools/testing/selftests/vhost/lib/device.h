/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Thin calls on /dev/vhost-net. Everything here returns -errno on failure,
 * never -1, so that tests can compare the exact error.
 */
#ifndef VHT_DEVICE_H
#define VHT_DEVICE_H

#include "abi.h"
#include "arena.h"

struct vq;

int dev_open(void);
int dev_open_flags(int flags);
int dev_ioctl(int fd, unsigned long req, void *arg);

int dev_set_owner(int fd);
int dev_reset_owner(int fd);
int dev_get_features(int fd, __u64 *features);
int dev_set_features(int fd, __u64 features);
/* Both words, if the second is not 0. */
int dev_set_two_words(int fd, __u64 low, __u64 high);
/* True if a new device has all of these. */
bool dev_offers(__u64 features);
/* Messages of the first form, or else of the second. */
int dev_set_msg_form(int fd, bool first);
/* All of the arena, for SET_MEM_TABLE; free() it. NULL if out of memory. */
struct vhost_memory *dev_mem_table(const struct arena *a);
int dev_set_mem(int fd, const struct arena *a);

/* VHOST_SET_VRING_NUM, _BASE, _BUSYLOOP_TIMEOUT */
int dev_vring_state(int fd, unsigned long req, unsigned int index,
		    unsigned int num);
/* VHOST_SET_VRING_KICK, _CALL, _ERR and VHOST_NET_SET_BACKEND */
int dev_vring_file(int fd, unsigned long req, unsigned int index, int file);
long long dev_get_base(int fd, unsigned int index);
int dev_set_addr(int fd, const struct vq *vq);
/* The same, and writes to the used ring are logged as from @log_gpa on. */
int dev_set_addr_log(int fd, const struct vq *vq, __u64 log_gpa);
int dev_set_backend(int fd, unsigned int index, int backend);

/* The new worker's number. */
int dev_new_worker(int fd);
int dev_free_worker(int fd, unsigned int id);
int dev_attach_worker(int fd, unsigned int index, unsigned int id);
int dev_get_worker(int fd, unsigned int index);

/* NUM, BASE, ADDR and the three eventfds of one ring. */
int dev_setup_vq(int fd, const struct vq *vq);

/* A number that the driver was loaded with, if there is one of that name. */
unsigned int dev_parameter(const char *name, unsigned int otherwise);
/* What the driver says it takes, 64 where it doesn't say. */
unsigned int dev_max_regions(void);

#endif
