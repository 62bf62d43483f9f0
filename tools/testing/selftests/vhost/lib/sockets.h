/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pairs of sockets that carry frames without an interface: one is a backend,
 * the other its far end.
 */
#ifndef VHT_SOCKETS_H
#define VHT_SOCKETS_H

#include "backend.h"

/* Is that kind of backend such a socket? */
bool sockets_have(enum backend_kind kind);
/* One without boundaries between frames, which have their lengths in front? */
bool sockets_stream(enum backend_kind kind);
/* Does this kernel have them? */
bool sockets_possible(enum backend_kind kind);

/*
 * The backend and its far end, with buffers of @buf bytes each. @n tells
 * multicast groups apart. 0 or -errno.
 */
int sockets_open(int fd[2], enum backend_kind kind, int buf, int n);

/*
 * One of those who hear a multicast group, and not themselves. @member is less
 * than 4, and 0 and 1 are sockets_open()'s own.
 */
int sockets_member(int n, unsigned int member, int buf);
/* At most @n datagrams wait for a Unix socket that is made from now on. */
int sockets_set_queue(unsigned int n);

#endif
