/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What vhost-top knows: the devices of the host at one moment, and what has
 * changed between two of these.
 */
#ifndef VHOST_TOP_H
#define VHOST_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <asm/types.h>
#include <sys/types.h>

#define TOP_NAME	64	/* of a VM, a process, an interface; with NUL */
#define TOP_WORD	32	/* of a reason, a state; with NUL */
#define TOP_REASONS	32	/* different ones of a ring */
#define TOP_RINGS	64	/* most rings and workers that make sense */

/* Numbers of a ring that only grow; top_counters[] has their names. */
enum top_counter {
	TOP_PACKETS,
	TOP_BYTES,
	TOP_RUNS,
	TOP_POLLED,
	TOP_KICKS,
	TOP_CALLS,
	TOP_SUPPRESSED,
	TOP_BATCHES,
	TOP_COPIED,
	TOP_MISSES,
	TOP_COUNTERS
};

/**
 * struct top_counter_name - what a counter is called
 * @key: behind "vqN-" in fdinfo, and in JSON and CSV
 * @help: for Prometheus
 */
struct top_counter_name {
	const char *key;
	const char *help;
};

/**
 * struct top_reason - how often something could not be used
 * @name: as fdinfo has it
 * @count: since the device was opened
 */
struct top_reason {
	char name[TOP_WORD];
	__u64 count;
};

/**
 * struct top_ring - a ring; texts that were not told are empty
 * @index: its number
 * @state: stopped, running or broken
 * @broken: why, while it is
 * @format: split or packed
 * @backend: none, tap, packet or a kind of socket
 * @iface: interface of the backend, or a socket's peer
 * @last_error: reason of the latest error
 * @last_error_ms: how long ago that was, in milliseconds
 * @size: entries, 0 if unknown
 * @worker: number of its worker
 * @thread: the worker's thread, 0 if there is none
 * @have: bit of each counter that was told
 * @count: the counters
 * @reasons: what went wrong
 * @n_reasons: how many of them
 */
struct top_ring {
	unsigned int index;
	char state[TOP_WORD];
	char broken[TOP_WORD];
	char format[TOP_WORD];
	char backend[TOP_WORD];
	char iface[TOP_NAME];
	char last_error[TOP_WORD];
	__u64 last_error_ms;
	__u64 size;
	unsigned int worker;
	pid_t thread;
	unsigned int have;
	__u64 count[TOP_COUNTERS];
	struct top_reason reasons[TOP_REASONS];
	unsigned int n_reasons;
};

/**
 * struct top_worker - a worker of a device
 * @id: its number, or its place if the module does not number them
 * @thread: thread id, 0 if it is in a namespace that cannot be seen
 * @has_cpu: is @cpu_ns known?
 * @cpu_ns: processor time it used, in nanoseconds
 * @has_wakeups: is @wakeups known?
 * @wakeups: how often it woke up
 */
struct top_worker {
	unsigned int id;
	pid_t thread;
	bool has_cpu;
	__u64 cpu_ns;
	bool has_wakeups;
	__u64 wakeups;
};

/**
 * struct top_device - an open device
 * @pid: process that it is shown for: the owner, or the first that has it
 * @fd: descriptor there
 * @files: descriptors, of all processes
 * @has_id: does the module number its devices?
 * @id: that number
 * @has_stats: does the module tell anything?
 * @denied: it might, but not to this user
 * @owner: process that set it up, 0 if unknown
 * @regions: in the memory table, -1 if unknown
 * @features: agreed on, in hexadecimal
 * @log: on or off
 * @comm: the process
 * @vm: name that it gave its machine; @comm without
 * @text: all of its fdinfo, as it is; NULL if there is none
 * @when_ns: when this was read, CLOCK_MONOTONIC
 * @rings: in the order of their numbers
 * @n_rings: how many
 * @workers: its workers
 * @n_workers: how many
 */
struct top_device {
	pid_t pid;
	int fd;
	unsigned int files;
	bool has_id;
	__u64 id;
	bool has_stats;
	bool denied;
	pid_t owner;
	long regions;
	char features[TOP_WORD];
	char log[TOP_WORD];
	char comm[TOP_NAME];
	char vm[TOP_NAME];
	char *text;
	__s64 when_ns;
	struct top_ring *rings;
	unsigned int n_rings;
	struct top_worker *workers;
	unsigned int n_workers;
};

/**
 * struct top_snapshot - all devices at one moment
 * @dev: by process and descriptor
 * @n: how many
 * @denied: were there processes that this user may not look into?
 */
struct top_snapshot {
	struct top_device *dev;
	size_t n;
	bool denied;
};

/**
 * struct top_delta - what happened in a ring or a device
 * @valid: is there anything to say? Not for a ring that was not there before
 * @seconds: how long it took; 0: since the device was opened
 * @have: bit of each counter that is known
 * @count: growth of the counters
 * @errors: all that could not be used
 * @reason: most frequent reason, NULL if there were no errors
 * @reason_count: how often that
 * @has_cpu: is @cpu_ns known?
 * @cpu_ns: processor time of the worker, or of all the device's workers
 */
struct top_delta {
	bool valid;
	double seconds;
	unsigned int have;
	__u64 count[TOP_COUNTERS];
	__u64 errors;
	const char *reason;
	__u64 reason_count;
	bool has_cpu;
	__u64 cpu_ns;
};

/**
 * struct top_row - a line to be shown; lives as long as its snapshots
 * @dev: the device
 * @ring: the ring, NULL for all of the device
 * @delta: what happened there
 */
struct top_row {
	const struct top_device *dev;
	const struct top_ring *ring;
	struct top_delta delta;
};

/**
 * struct top_rows - the lines of a table
 * @row: the lines
 * @n: how many
 * @rates: are they about a time between two snapshots?
 */
struct top_rows {
	struct top_row *row;
	size_t n;
	bool rates;
};

/**
 * struct top_column - a column of the table
 * @total: heading for what was counted since the device was opened
 * @rate: heading for what happens per second, NULL: the same
 * @width: on the screen
 * @rank: the higher, the sooner it is left out of a narrow screen
 * @left: put the text to the left
 * @cell: writes the text
 * @value: the number to sort by, NULL: sort by text
 */
struct top_column {
	const char *total;
	const char *rate;
	int width;
	int rank;
	bool left;
	void (*cell)(const struct top_row *row, char *buf, size_t size);
	double (*value)(const struct top_row *row);
};

#define TOP_CELL	72	/* room for the text of a cell */

extern const struct top_counter_name top_counters[TOP_COUNTERS];
extern const struct top_column top_columns[];
extern const unsigned int top_n_columns;

/* top_text.c */
void top_clean(char *s);
void top_ascii(char *s);
void top_copy(char *to, const char *from, size_t size);
bool top_number(const char *s, __u64 *n);
void top_human(double n, char *buf, size_t size);
void top_json_string(FILE *f, const char *s);
void top_csv_string(FILE *f, const char *s);
void top_label(FILE *f, const char *s);

/* top_fdinfo.c */
void top_fdinfo(struct top_device *dev, char *text);
struct top_ring *top_ring(struct top_device *dev, unsigned int index);
struct top_worker *top_worker(struct top_device *dev, unsigned int id);
void top_device_free(struct top_device *dev);

/* top_proc.c */
extern const char *top_root;
bool top_root_is_real(void);
char *top_slurp(const char *path, size_t *len);
char *top_proc_file(pid_t pid, const char *name, size_t *len);
void top_name_process(struct top_device *dev);
pid_t top_worker_owner(pid_t thread);
void top_find_workers(struct top_snapshot *snap);
void top_time_workers(struct top_device *dev);
__s64 top_now_ns(void);

/* top_scan.c */
int top_scan(struct top_snapshot *snap, pid_t only);
void top_snapshot_free(struct top_snapshot *snap);

/* top_rates.c */
const struct top_device *top_same_device(const struct top_snapshot *snap,
					 const struct top_device *dev);
int top_rows(struct top_rows *rows, const struct top_snapshot *before,
	     const struct top_snapshot *now, bool per_device);
void top_rows_free(struct top_rows *rows);
void top_sort(struct top_rows *rows, unsigned int column, bool reverse);
double top_per_second(const struct top_delta *d, __u64 n);
bool top_percent(const struct top_delta *d, double *percent);

/* top_print.c, top_export.c: one snapshot, or what changed since another */
void top_print_text(FILE *f, const struct top_snapshot *before,
		    const struct top_snapshot *now);
void top_print_csv(FILE *f, const struct top_snapshot *before,
		   const struct top_snapshot *now, bool heading);
void top_print_json(FILE *f, const struct top_snapshot *before,
		    const struct top_snapshot *now);
void top_print_prom(FILE *f, const struct top_snapshot *now);

/* top_detail.c */
void top_print_detail(FILE *f, const struct top_device *before,
		      const struct top_device *dev);

/* top_screen.c */
int top_screen(double interval, pid_t only);

#endif
