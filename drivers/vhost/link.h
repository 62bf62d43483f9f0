/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What people are told of a backend.
 */
#ifndef VHOST_LINK_H
#define VHOST_LINK_H

#include <linux/types.h>

struct vhost_backend;

/* Room for an interface's name, or for an address. */
#define VHOST_LINK_NAME	64

/**
 * struct vhost_link - a backend, for people
 * @kind: what it is, a string that stays
 * @what: what @name is: "interface" or "peer"; a string that stays
 * @name: its interface or peer when it was attached; empty if there was none
 * @rcu: readers hold nothing but rcu_read_lock()
 */
struct vhost_link {
	const char *kind;
	const char *what;
	char name[VHOST_LINK_NAME];
	struct rcu_head rcu;
};

/* link.c APIs: */
struct vhost_link *vhost_link_create(const struct vhost_backend *backend);
void vhost_link_free(struct vhost_link *link);

#endif
