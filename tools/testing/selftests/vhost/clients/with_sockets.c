// SPDX-License-Identifier: GPL-2.0
/*
 *	with_sockets FILE=KIND,ADDRESS... -- PROGRAM [ARGUMENT...]
 *
 * Runs a program, such as QEMU, with sockets as backends of vhost: for each
 * FILE, a number, opens /dev/vhost-net (or $VHOST_NET_DEV) as that file, and a
 * socket. For that, lend_socket.so, from beside this program, exchanges the tap
 * that the program attaches to the file. What there is:
 *
 *	unix-stream,PATH
 *	unix-dgram,PATH,PEER-PATH
 *	tcp,HOST,PORT
 *	udp,HOST,PORT,PEER-HOST,PEER-PORT
 *	multicast,GROUP,PORT,INTERFACE		by the interface's address
 *
 * Hosts are addresses in numbers, of IPv4 or IPv6; groups are of IPv4. The
 * peer must be there. The program may be a script that ends in the client's
 * exec.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WORDS_MAX	6

static char loans[1024];

static noreturn void die(const char *what)
{
	fprintf(stderr, "with_sockets: %s: %m\n", what);
	exit(1);
}

static noreturn void usage(const char *what)
{
	fprintf(stderr, "with_sockets: %s? See the head of %s\n", what,
		__FILE__);
	exit(2);
}

static int open_socket(int family, int type)
{
	int fd = socket(family, type, 0);

	if (fd < 0)
		die("socket");
	return fd;
}

static struct sockaddr_un unix_address(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		usage(path);
	strcpy(address.sun_path, path);
	return address;
}

static int open_unix(int type, const char *path, const char *peer)
{
	struct sockaddr_un ours, theirs = unix_address(peer);
	int fd = open_socket(AF_UNIX, type);

	if (path) {
		ours = unix_address(path);
		unlink(path);
		if (bind(fd, (void *)&ours, sizeof(ours)))
			die(path);
	}
	if (connect(fd, (void *)&theirs, sizeof(theirs)))
		die(peer);
	return fd;
}

static struct addrinfo *resolve(int type, const char *host, const char *port)
{
	struct addrinfo *found, wanted = {
		.ai_socktype = type,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};

	if (getaddrinfo(host, port, &wanted, &found))
		usage(host);
	return found;
}

/* A frame must not wait for the answer to the one before. */
static int open_tcp(const char *host, const char *port)
{
	struct addrinfo *peer = resolve(SOCK_STREAM, host, port);
	int fd = open_socket(peer->ai_family, SOCK_STREAM), on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    connect(fd, peer->ai_addr, peer->ai_addrlen))
		die(host);
	return fd;
}

static int open_udp(char **at)
{
	struct addrinfo *ours = resolve(SOCK_DGRAM, at[0], at[1]);
	struct addrinfo *theirs = resolve(SOCK_DGRAM, at[2], at[3]);
	int fd = open_socket(ours->ai_family, SOCK_DGRAM);

	if (bind(fd, ours->ai_addr, ours->ai_addrlen))
		die(at[0]);
	if (connect(fd, theirs->ai_addr, theirs->ai_addrlen))
		die(at[2]);
	return fd;
}

/* Not connected, or it would hear nobody. Others of the machine hear it. */
static int open_multicast(char **at)
{
	struct addrinfo *group = resolve(SOCK_DGRAM, at[0], at[1]);
	int fd = open_socket(AF_INET, SOCK_DGRAM), on = 1;
	struct ip_mreq member = {};

	if (inet_pton(AF_INET, at[0], &member.imr_multiaddr) != 1 ||
	    inet_pton(AF_INET, at[2], &member.imr_interface) != 1)
		usage(at[2]);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, group->ai_addr, group->ai_addrlen) ||
	    setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &member,
		       sizeof(member)) ||
	    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF,
		       &member.imr_interface, sizeof(member.imr_interface)) ||
	    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &on, sizeof(on)))
		die(at[0]);
	return fd;
}

static int open_kind(const char *kind, int count, char **at)
{
	if (!strcmp(kind, "unix-stream") && count == 1)
		return open_unix(SOCK_STREAM, NULL, at[0]);
	if (!strcmp(kind, "unix-dgram") && count == 2)
		return open_unix(SOCK_DGRAM, at[0], at[1]);
	if (!strcmp(kind, "tcp") && count == 2)
		return open_tcp(at[0], at[1]);
	if (!strcmp(kind, "udp") && count == 4)
		return open_udp(at);
	if (!strcmp(kind, "multicast") && count == 3)
		return open_multicast(at);
	usage(kind);
}

/* The user knows the file by its number, so that has to be free. */
static void open_pair(char *text)
{
	const char *path = getenv("VHOST_NET_DEV") ?: "/dev/vhost-net";
	char *words[WORDS_MAX], *number = strsep(&text, "=");
	int count = 0, vhost, fd, file = atoi(number);
	size_t len = strlen(loans);

	while (text && count < WORDS_MAX)
		words[count++] = strsep(&text, ",");
	if (count < 2 || text || file <= STDERR_FILENO)
		usage(number);
	if (fcntl(file, F_GETFD) >= 0) {
		errno = EBUSY;
		die(number);
	}
	vhost = open(path, O_RDWR);
	if (vhost < 0 || dup2(vhost, file) < 0)
		die(path);
	if (vhost != file)
		close(vhost);
	fd = open_kind(words[0], count - 1, words + 1);
	len += snprintf(loans + len, sizeof(loans) - len, " %d:%d", file, fd);
	if (len >= sizeof(loans))
		usage(number);
}

/* The library goes before others that are loaded. */
static void set_environment(void)
{
	char self[4096], preload[8192];
	const char *others = getenv("LD_PRELOAD");
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0)
		die("/proc/self/exe");
	self[len] = 0;
	*strrchr(self, '/') = 0;
	snprintf(preload, sizeof(preload), "%s/lend_socket.so%s%s", self,
		 others ? ":" : "", others ?: "");
	setenv("LD_PRELOAD", preload, 1);
	setenv("LEND_SOCKETS", loans, 1);
}

int main(int argc, char **argv)
{
	int i;

	snprintf(loans, sizeof(loans), "%d", getpid());
	for (i = 1; i < argc && strcmp(argv[i], "--"); i++)
		open_pair(argv[i]);
	if (i < 2 || i + 1 >= argc)
		usage("no program");
	set_environment();
	execvp(argv[i + 1], argv + i + 1);
	die(argv[i + 1]);
}
