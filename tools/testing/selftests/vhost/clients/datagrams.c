// SPDX-License-Identifier: GPL-2.0
/*
 * Numbered datagrams with known contents, for both ends of a guest's network.
 *
 *	datagrams send ADDRESS PORT LENGTH PER_SECOND [FIRST COUNT]
 *	datagrams receive PORT
 *	datagrams hold PORT
 *	datagrams churn MEGABYTES
 *
 * All of them go on until SIGUSR1, but for a sender that has sent COUNT. The
 * standard output, a file, of sender and churner always has the count of
 * datagrams and rounds. The receiver prints what it saw. The holder reads
 * nothing before the signal: up to then, the datagrams lie in the kernel where
 * the device put them and nobody has looked at them.
 *
 * The churner is for guests that move: it writes to each of its pages again
 * and again, and expects to find what it wrote before.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/types.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAGIC		0x64617461
#define LENGTH_MAX	65000
#define SEQ_MAX		(1024 * 1024)
#define SOCKET_BYTES	(256 * 1024 * 1024)
#define POLL_MS		200
#define COMPLAINTS	5
#define PAGE_WORDS	(4096 / sizeof(__u32))
#define CHURN_MS	50

struct head {
	__u32 magic;
	__u32 seq;
	__u32 len;
};

struct tally {
	__u32 received;
	__u32 corrupted;
	__u32 repeated;
	__u32 first;
	__u32 last;
};

static __u32 data[LENGTH_MAX / sizeof(__u32)];
static bool seen[SEQ_MAX];

static __u32 word(__u32 seq, size_t i)
{
	__u32 x = seq * 2654435761U + i * 2246822519U;

	x ^= x >> 15;
	x *= 0x2c1b3c6d;
	return x ^ x >> 13;
}

static void die(const char *what)
{
	fprintf(stderr, "datagrams: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void fill(__u32 seq, size_t len)
{
	struct head head = { .magic = MAGIC, .seq = seq, .len = len };
	size_t i;

	for (i = 0; i < len / sizeof(*data); i++)
		data[i] = word(seq, i);
	memcpy(data, &head, sizeof(head));
}

/* Where what came differs from what was sent, or its length. */
static size_t difference(__u32 seq, size_t len)
{
	size_t i;

	for (i = sizeof(struct head) / sizeof(*data);
	     i < len / sizeof(*data); i++)
		if (data[i] != word(seq, i))
			return i * sizeof(*data);
	return len;
}

static void complain(struct tally *tally, const struct head *head,
		     size_t at, size_t len)
{
	if (tally->corrupted++ < COMPLAINTS)
		fprintf(stderr, "# datagram %u: wrong at %zu of %zu\n",
			head->seq, at, len);
}

static void check(struct tally *tally, size_t len)
{
	struct head head;
	size_t at;

	tally->received++;
	memcpy(&head, data, sizeof(head));
	if (len < sizeof(head) || head.magic != MAGIC || head.len != len ||
	    head.seq >= SEQ_MAX) {
		complain(tally, &head, 0, len);
		return;
	}
	at = difference(head.seq, len);
	if (at < len) {
		complain(tally, &head, at, len);
		return;
	}
	if (seen[head.seq])
		tally->repeated++;
	seen[head.seq] = true;
	if (head.seq < tally->first)
		tally->first = head.seq;
	if (head.seq > tally->last)
		tally->last = head.seq;
}

static void print(const struct tally *tally)
{
	__u32 seq, missing = 0;

	if (tally->received == tally->corrupted) {
		printf("received %u corrupted %u\n", tally->received,
		       tally->corrupted);
		return;
	}
	for (seq = tally->first; seq < tally->last; seq++)
		missing += !seen[seq];
	printf("received %u corrupted %u ", tally->received, tally->corrupted);
	printf("repeated %u missing %u ", tally->repeated, missing);
	printf("first %u last %u\n", tally->first, tally->last);
}

static int open_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		die("socket");
	return fd;
}

static void block_signal(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, signals, NULL);
}

static bool told_to_stop(const sigset_t *signals)
{
	struct timespec now = {};

	return sigtimedwait(signals, NULL, &now) > 0;
}

/* In place of the one before. */
static void tell_count(__u32 count)
{
	char text[16];

	snprintf(text, sizeof(text), "%8u\n", count);
	if (pwrite(STDOUT_FILENO, text, strlen(text), 0) < 0)
		die("count");
}

static int send_all(const char *address, int port, size_t len, long rate,
		    __u32 first, __u32 count)
{
	struct timespec pause = {
		.tv_sec = 1 / rate,
		.tv_nsec = 1000000000L / rate % 1000000000L,
	};
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = inet_addr(address),
	};
	int fd = open_socket();
	sigset_t signals;
	__u32 i;

	if (len < sizeof(struct head) || len > LENGTH_MAX || rate < 1 ||
	    first > SEQ_MAX || count > SEQ_MAX - first)
		return 2;
	block_signal(&signals);
	for (i = 0; i < count && !told_to_stop(&signals); i++) {
		fill(first + i, len);
		/* While a guest moves it may well be that nobody is there. */
		sendto(fd, data, len, 0, (void *)&to, sizeof(to));
		tell_count(i + 1);
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int receive_all(int port, bool hold)
{
	struct sockaddr_in any = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	struct tally tally = { .first = SEQ_MAX };
	int fd = open_socket(), bytes = SOCKET_BYTES, signal;
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	bool stop = hold;
	sigset_t signals;
	ssize_t len;

	block_signal(&signals);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		die("receive buffer");
	if (bind(fd, (void *)&any, sizeof(any)))
		die("bind");
	if (hold)
		sigwait(&signals, &signal);
	for (;;) {
		len = recv(fd, data, sizeof(data), MSG_DONTWAIT);
		if (len >= 0) {
			check(&tally, len);
			continue;
		}
		if (stop)
			break;
		poll(&pollfd, 1, POLL_MS);
		stop = told_to_stop(&signals);
	}
	print(&tally);
	return tally.corrupted || tally.repeated;
}

static int churn(size_t megabytes)
{
	size_t words = (megabytes << 20) / sizeof(__u32), i;
	__u32 round, wrong = 0, *memory;
	sigset_t signals;

	block_signal(&signals);
	memory = calloc(words, sizeof(*memory));
	if (!memory)
		die("memory");
	for (round = 0; !told_to_stop(&signals); round++) {
		for (i = 0; i < words; i += PAGE_WORDS) {
			if (round && memory[i] != word(round - 1, i))
				wrong++;
			memory[i] = word(round, i);
		}
		tell_count(round + 1);
		usleep(CHURN_MS * 1000);
	}
	/* In place of the count, too. */
	printf("rounds %u wrong %u\n", round, wrong);
	return wrong != 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "send") && argc == 6)
		return send_all(argv[2], atoi(argv[3]), atoi(argv[4]),
				atol(argv[5]), 0, SEQ_MAX);
	if (!strcmp(what, "send") && argc == 8)
		return send_all(argv[2], atoi(argv[3]), atoi(argv[4]),
				atol(argv[5]), atoi(argv[6]), atoi(argv[7]));
	if (!strcmp(what, "receive") && argc == 3)
		return receive_all(atoi(argv[2]), false);
	if (!strcmp(what, "hold") && argc == 3)
		return receive_all(atoi(argv[2]), true);
	if (!strcmp(what, "churn") && argc == 3)
		return churn(atoi(argv[2]));
	fprintf(stderr, "usage: see the head of %s\n", __FILE__);
	return 2;
}
