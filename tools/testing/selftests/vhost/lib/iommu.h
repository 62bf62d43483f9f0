/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A monitor's half of a device that translates addresses: a table of what
 * is mapped for the device, and a thread that reads from the device which
 * addresses it misses and writes the answers. Addresses that the device
 * uses (IOVA) are neither guest-physical nor host addresses.
 */
#ifndef VHT_IOMMU_H
#define VHT_IOMMU_H

#include <pthread.h>

#include "abi.h"
#include "arena.h"
#include "util.h"

/* Both forms have the same size, and the payload at the same place. */
union iommu_msg {
	__u32 type;
	struct vhost_msg v1;
	struct vhost_msg_v2 v2;
	__u8 raw[72];
};

#define IOMMU_MSG	sizeof(union iommu_msg)
#define IOMMU_MSG_USED	40	/* without padding, in 64-bit programs */
/* More messages than this are not read or written in one call. */
#define IOMMU_BATCH	128

struct iommu_map {
	__u64 iova;
	__u64 size;
	char *at;		/* where the device finds it */
	__u8 perm;		/* VHOST_ACCESS_... */
};

struct iommu_cfg {
	bool v1;		/* messages of the first form */
	unsigned int batch;	/* messages in a call, 0: one, as QEMU */
	__u64 grain;		/* an answer maps no more, 0: whole map */
	int delay_ms;		/* how long an answer takes */
	/* How the guest's memory is mapped: in pieces of this size, */
	__u64 piece;		/* 0: whole regions, */
	bool scatter;		/* each somewhere else for the host. */
};

struct iommu {
	struct iommu_cfg cfg;
	int fd;			/* of the device */
	/*
	 * Held while a miss is looked up and answered, and while something
	 * is unmapped: an answer never comes after the map's end. Whoever
	 * holds it for longer changes the table without the device knowing
	 * what was in between.
	 */
	pthread_mutex_t lock;
	struct iommu_map *map;	/* in order of addresses */
	unsigned int n, room;
	struct {
		void *at;
		size_t size;
	} *alias;
	unsigned int naliases;
	/* Unknown addresses are answered with this page, NULL: not at all. */
	void *sink;
	bool silent;		/* read, but do not answer */
	bool quiet;		/* strange messages are not shown */
	pthread_t thread;
	int wake;
	bool running;
	/* What has happened so far. */
	unsigned int misses;
	unsigned int unknown;	/* of these: not mapped */
	unsigned int strange;	/* messages that should not be */
	unsigned int most;	/* messages that came at once */
	int error;		/* first error of read() or write() */
};

/* Fill in a message. */
void iommu_msg(union iommu_msg *m, bool v1, __u8 type, __u64 iova, __u64 size,
	       const void *at, __u8 perm);
/* Write it; what write() returned, or -errno. */
int iommu_write(int fd, const union iommu_msg *m, unsigned int n);
/* Read up to @n of them; how many came, or -errno. */
int iommu_read(int fd, union iommu_msg *m, unsigned int n);
/* True if there is something to be read. */
bool iommu_wait(int fd, int ms);
/* Write a single one that is made of the rest of the arguments. */
int iommu_update(int fd, __u64 iova, __u64 size, const void *at, __u8 perm);
int iommu_invalidate(int fd, __u64 iova, __u64 size);

/* Maps that the driver keeps of a device, 0 if it does not tell. */
unsigned int iommu_max_entries(void);
/*
 * @n maps of the page @at that nobody has asked for: page number @first of
 * IOMMU_FLOOD, and those behind it. 0 or -errno.
 */
#define IOMMU_FLOOD	(BIT(40) + 3 * PAGE)
int iommu_flood(int fd, unsigned int first, unsigned int n, void *at);

int iommu_init(struct iommu *io, const struct iommu_cfg *cfg);
/* Ends the thread too. */
void iommu_free(struct iommu *io);

/* Enter in the table, from where the device will get it when it asks. */
int iommu_map(struct iommu *io, __u64 iova, void *at, __u64 size, __u8 perm);
/* The same in the pieces of the configuration. */
int iommu_map_pieces(struct iommu *io, __u64 iova, void *at, __u64 size,
		     __u8 perm);
/* Tell the device of the maps in a range, before it asks. */
int iommu_push(struct iommu *io, __u64 iova, __u64 size);
/* Unmap: afterwards the device doesn't touch it any more. */
int iommu_unmap(struct iommu *io, __u64 iova, __u64 size);
/* Several of them, with as few calls as the configuration allows. */
int iommu_unmap_many(struct iommu *io, const __u64 *iova, unsigned int n,
		     __u64 size);
/* Maps the same pages once more, anywhere; NULL on failure. */
void *iommu_alias(struct iommu *io, void *at, size_t size);

/* Answer what is there to be read; how many misses that was, or -errno. */
int iommu_serve(struct iommu *io);
/* A thread that does so all the time. */
int iommu_start(struct iommu *io);
void iommu_stop(struct iommu *io);

#endif
