/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of bench_guest share.
 */
#ifndef VHT_BENCH_H
#define VHT_BENCH_H

#include "guest.h"

#define WINDOWS		65536
#define TRIPS		1000000
/* Buffers handed out before the driver is told, looks before the clock is. */
#define BENCH_BURST	32

struct bench {
	struct guest g;
	size_t size;
	int ring;
	int waiting;		/* frames in the backend before a batch */
	__s64 ns;		/* to measure for */
	const char *how;
	bool tight;		/* the guest takes no time: bench_blast.c */
	bool watched;		/* somebody reads its fdinfo */
	bool iotlb;		/* the device translates addresses, */
	bool fresh;		/* one for each buffer, */
	bool many;		/* and messages go many at a time */
	bool socket;		/* no interface is behind the backend */
	bool qemu;		/* who serves the ring, not the driver: */
	unsigned int served;	/* this one */
	char frame[FRAME_MAX];
	struct virtio_net_hdr hdr;	/* the frame's */
	__u64 credit;		/* buffers that may still be handed out */
	/* Hand out as many buffers as there are and may be; 0 or -errno. */
	int (*fill)(struct bench *b, unsigned int index);
	/* Hand out used buffers again; how many that were, or -errno. */
	int (*turn)(struct bench *b, unsigned int index);
	/* results */
	__u64 packets;
	__s64 took;
	double rate[WINDOWS];	/* packets per second */
	unsigned int windows;
	double trip_ns[TRIPS];
	unsigned int trips;
	__s64 worker_ns;	/* the worker's CPU time before */
	__u64 worker_slept;	/* how often it slept before */
	/* the window that is not full yet */
	__u64 part_packets;
	__s64 part_ns;
	__s64 window_ns;
};

/* Say what went wrong; returns @err. */
int bench_fail(const char *what, int err);

__s64 bench_now_ns(void);
/* How long a window is to be, for a clock as it is here. */
__s64 bench_window_length(void);
/* From here on counts. */
void bench_no_results(struct bench *b);
void bench_add_part(struct bench *b, __u64 packets, __s64 ns);
void bench_note_trip(struct bench *b, __s64 ns);
/* To standard output, as bench_guest.c says. */
void bench_report(struct bench *b);

/* This thread on the first CPU, its workers on the others. */
void bench_place_threads(void);
/* This thread where workers are. */
void bench_leave_first_cpu(void);
/* CPU time that they have had. */
__s64 bench_workers_ns(void);
/* How often they went to sleep, which is how often they were woken. */
__u64 bench_workers_slept(void);

/* Somebody clears the dirty log, as in a migration. 0 or -errno, as below. */
int bench_start_log(struct guest *g);
/* Somebody reads what the device tells of itself. */
int bench_start_watchers(struct guest *g);

/* Rings of a guest with an IOMMU. */
#define IOTLB_RING	256

/* Make it one that maps each buffer for itself, until it is used. */
void bench_iotlb_fresh(struct bench *b);

/*
 * Have QEMU serve that ring, with the backend's socket. The guest's device is
 * bare, its rings are empty.
 */
int bench_start_qemu(struct bench *b, unsigned int index);
/* CPU time that it has had, and its process; 0 if there is none. */
__s64 bench_qemu_ns(void);
pid_t bench_qemu_pid(void);

/* The kind of socket that is called so, or -1. */
int bench_socket_kind(const char *name);
/* Somebody takes what the guest sends to its socket. */
int bench_start_sink(struct bench *b);
/* How many frames that were, when no more come. */
__u64 bench_sunk(const struct bench *b);

/* In place of a ring's eventfd, if there is another way to kick it. */
extern int (*bench_doorbell)(struct vq *vq);
/* Publish, and kick, whatever the host asked for. */
void bench_kick(struct vq *vq);
/* Hand out used transmit buffers again, as they are. */
int bench_blast(struct bench *b, unsigned int index);
/*
 * Have @n frames received; buffers were filled, and are not available yet.
 * Counts what is sent meanwhile, unless @sent is NULL: then nothing is.
 */
int bench_take(struct bench *b, unsigned int n, __u64 *sent);

#endif
