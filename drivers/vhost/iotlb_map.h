/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One translation, as the IOTLB's tree and its users among the rings see it.
 */
#ifndef VHOST_IOTLB_MAP_H
#define VHOST_IOTLB_MAP_H

#include "iotlb.h"

/**
 * struct vhost_map - one translation
 * @rb: place in the tree
 * @first: first address translated
 * @last: last address translated
 * @subtree_last: the tree's own
 * @hva: the owner's address of @first
 * @perm: VHOST_ACCESS_...
 * @answer: it was asked for
 * @age: place among the translations of its kind
 */
struct vhost_map {
	struct rb_node rb;
	u64 first;
	u64 last;
	u64 subtree_last;
	unsigned long hva;
	u8 perm;
	bool answer;
	struct list_head age;
};

const struct vhost_map *vhost_iotlb_find(struct vhost_iotlb *iotlb, u64 iova);

#endif
