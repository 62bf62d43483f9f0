// SPDX-License-Identifier: GPL-2.0
/*
 * Loaded into a client of /dev/vhost-net that has only taps to offer, such as
 * QEMU: gives the driver sockets in their place. LEND_SOCKETS in the
 * environment has which: the process that it is for, and "VHOST:SOCKET" for
 * each open file of the device, separated by blanks. with_sockets writes it.
 *
 * What became of it is said on standard error, when it happens and at the end:
 *
 *	lend_socket: file 100: ring 0 has socket 3
 *	lend_socket: file 101 was never given a backend
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../../../../../include/linux/vhost.h"

#define LOANS_MAX	64

static struct loan {
	int vhost;
	int socket;
	bool used;
} loans[LOANS_MAX];
static size_t loans_count;
static int client;

static __attribute__((constructor)) void read_loans(void)
{
	const char *text = getenv("LEND_SOCKETS");
	struct loan *loan;
	int len = 0;

	/* Whoever is started by the client inherits all this. */
	if (!text || sscanf(text, "%d%n", &client, &len) != 1 ||
	    client != getpid())
		return;
	text += len;
	while (*text) {
		loan = &loans[loans_count];
		if (loans_count == LOANS_MAX ||
		    sscanf(text, " %d:%d%n", &loan->vhost, &loan->socket,
			   &len) != 2) {
			fprintf(stderr, "lend_socket: what is \"%s\"?\n", text);
			_exit(2);
		}
		loans_count++;
		text += len;
	}
}

static __attribute__((destructor)) void tell_unused(void)
{
	const struct loan *loan;

	if (client != getpid())
		return;
	for (loan = loans; loan < loans + loans_count; loan++)
		if (!loan->used)
			dprintf(STDERR_FILENO,
				"lend_socket: file %d was never given a backend\n",
				loan->vhost);
}

static struct loan *find_loan(int vhost)
{
	struct loan *loan;

	for (loan = loans; loan < loans + loans_count; loan++)
		if (loan->vhost == vhost)
			return loan;
	return NULL;
}

static int attach(struct loan *loan, const struct vhost_vring_file *wanted)
{
	struct vhost_vring_file file = *wanted;
	int error;

	file.fd = loan->socket;
	error = syscall(SYS_ioctl, loan->vhost, VHOST_NET_SET_BACKEND, &file) ?
		errno : 0;
	loan->used = true;
	dprintf(STDERR_FILENO, "lend_socket: file %d: ring %u %s socket %d",
		loan->vhost, file.index, error ? "may not have" : "has",
		file.fd);
	dprintf(STDERR_FILENO, "%s%s\n", error ? ": " : "",
		error ? strerror(error) : "");
	errno = error;
	return error ? -1 : 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	const struct vhost_vring_file *file;
	struct loan *loan;
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (request == VHOST_NET_SET_BACKEND) {
		file = arg;
		loan = find_loan(fd);
		/* Backends that are taken away go as they are. */
		if (loan && file->fd >= 0)
			return attach(loan, file);
	}
	return syscall(SYS_ioctl, fd, request, arg);
}
