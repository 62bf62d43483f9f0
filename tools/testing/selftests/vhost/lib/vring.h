/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's half of a virtqueue, and a model of what the host may do to
 * it: every used entry must name a chain that is out, exactly once, and
 * may not claim more bytes than the chain has room for.
 *
 * The ring format hides behind struct vq_ops, so that tests are written
 * once.
 */
#ifndef VHT_VRING_H
#define VHT_VRING_H

#include "abi.h"
#include "arena.h"
#include "util.h"

enum vq_layout { VQ_SPLIT, VQ_PACKED, VQ_LAYOUTS };

/* Named after those of the split format. */
enum vq_part { VQ_DESC, VQ_AVAIL, VQ_USED, VQ_PARTS };

struct vq_seg {
	__u64 gpa;		/* or what else the device uses */
	__u32 len;
	__u16 flags;		/* VRING_DESC_F_WRITE or 0 */
};

struct vq_used {
	void *cookie;
	__u32 id;
	__u32 len;
};

/* What the guest knows of a chain, by its id. */
struct vq_slot {
	void *cookie;
	__u64 room;		/* bytes the host may write */
	__u16 ndesc;
	bool out;
	void *table;		/* indirect table, kept for reuse */
	__u16 table_len;
};

struct vq_cfg {
	enum vq_layout layout;
	unsigned int index;
	unsigned int num;
	__u16 start;		/* ring index of the first buffer */
	__u64 features;
	struct arena *arena;	/* indirect tables come from here */
	unsigned int region;
	bool spoil;		/* see vq_at_rest() */
	bool quiet;		/* whoever breaks the rules is meant to */
};

/* The packed format's own: places of the ring, and in which lap. */
struct vq_packed {
	struct vring_packed_desc *desc, *shadow;
	struct vring_packed_desc_event *driver, *device;
	unsigned int avail, used;
	bool avail_wrap, used_wrap;
	unsigned int room;	/* entries that are free */
	unsigned int raw;	/* entries put by hand, and of no chain yet */
	/* Chains that are not visible yet: first entries, with their flags. */
	unsigned int hidden;
	__u16 *hidden_slot, *hidden_flags;
};

struct vq {
	const struct vq_ops *ops;
	struct vq_cfg cfg;
	unsigned int index;
	unsigned int num;
	int kick, call, err;

	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	__u64 bus[VQ_PARTS];	/* for the device, 0: as for the host */
	struct vq_slot *slot;
	__u16 *next_free;
	unsigned int free_head;
	unsigned int nfree;
	__u16 *order;		/* ids of chains that are out, oldest first */
	unsigned int first;	/* where those begin, runs freely */
	int batch;		/* last of a batch that is being taken, or -1 */
	struct vq_used said;	/* what the host said of that batch */
	bool *wrote;		/* entries that it was seen to use */
	struct vq_packed packed;

	__u16 avail_idx;	/* next to publish, runs freely */
	__u16 kicked_idx;	/* avail_idx when a kick was last considered */
	__u16 used_idx;		/* next to look at, runs freely */
	unsigned int out;	/* chains that the host has */
	bool fault;		/* the host broke the rules, see stderr */

	int kicks;
	int wakeups;
	int lost_calls;
};

struct vq_ops {
	int (*alloc)(struct vq *vq);
	void (*begin)(struct vq *vq);
	void (*free)(struct vq *vq);
	void *(*part)(const struct vq *vq, enum vq_part part, size_t *size);
	/* Put a chain in the ring, not yet visible to the host. */
	int (*add)(struct vq *vq, const struct vq_seg *seg, unsigned int n,
		   bool indirect, void *cookie);
	void (*publish)(struct vq *vq);
	bool (*need_kick)(struct vq *vq);
	/* More than @after chains are used and not yet taken back. */
	bool (*more_used)(const struct vq *vq, unsigned int after);
	void (*add_raw)(struct vq *vq, unsigned int head, __u32 room);
	int (*get_used)(struct vq *vq, struct vq_used *u);
	void (*call_on)(struct vq *vq, unsigned int after);
	void (*call_off)(struct vq *vq);
	unsigned int (*base)(const struct vq *vq);
	void (*place)(struct vq *vq, void *desc, void *avail, void *used);
	/* Nothing is used that wasn't taken; is all as it should be? */
	int (*at_rest)(struct vq *vq);
};

extern const struct vq_ops vq_split_ops, vq_packed_ops;

/* What the formats share. */
void *vq_map_part(size_t size, size_t align);
void vq_unmap_part(void *p, size_t size);
unsigned int vq_take_slot(struct vq *vq);
void vq_give_slot(struct vq *vq, unsigned int id);
void vq_fill_slot(struct vq *vq, unsigned int id, const struct vq_seg *seg,
		  unsigned int n, unsigned int ndesc, void *cookie);
void *vq_table(struct vq *vq, struct vq_slot *s, unsigned int n);
int vq_oldest(const struct vq *vq);
void vq_note_out(struct vq *vq, unsigned int id);
void vq_note_back(struct vq *vq, unsigned int id);
int vq_in_turn(struct vq *vq, unsigned int id, __u32 *len);

/* The ring is elsewhere from now on. */
void vq_place(struct vq *vq, void *desc, void *avail, void *used);
int vq_init(struct vq *vq, const struct vq_cfg *cfg);
/*
 * Begin anew where the ring is, with no more entries than before, and forget
 * all buffers. The device must not be at it.
 */
void vq_renew(struct vq *vq, const struct vq_cfg *cfg);
void vq_free(struct vq *vq);
/* Where a part of the ring is, and its size if @size isn't NULL. */
void *vq_part(const struct vq *vq, enum vq_part part, size_t *size);
/* What the device has to be told. */
__u64 vq_part_bus(const struct vq *vq, enum vq_part part);
/*
 * Value for VHOST_SET_VRING_BASE: what is out but not used is served anew
 * by a device that starts on the ring.
 */
unsigned int vq_base(const struct vq *vq);

/* 0, -ENOSPC when the ring has no room, -EINVAL for an impossible chain. */
int vq_add(struct vq *vq, const struct vq_seg *seg, unsigned int n,
	   void *cookie);
int vq_add_indirect(struct vq *vq, const struct vq_seg *seg, unsigned int n,
		    void *cookie);
/* Take @n descriptors out of use, to be written to by hand. */
int vq_reserve(struct vq *vq, unsigned int n, __u16 *ids);
/* Make a chain of reserved descriptors available, whatever is in it. */
void vq_add_raw(struct vq *vq, unsigned int head, __u32 room);
/*
 * The same for a packed ring, where a chain is the entries that were put by
 * hand since the last one. The @first one's flags wait for vq_publish().
 */
void vq_put_entry(struct vq *vq, const struct vring_packed_desc *d, bool first);
/* Take back @ndesc entries put by hand, not made a chain; as vq_get_used(). */
int vq_take_entry(struct vq *vq, struct vring_packed_desc *d,
		  unsigned int ndesc);
void vq_publish(struct vq *vq);
/* Publish, and signal the kick eventfd if the host asked for it. */
void vq_kick(struct vq *vq);
/* Signal it whatever the host asked for. */
void vq_kick_always(struct vq *vq);

bool vq_more_used(const struct vq *vq);
/* 1 and *u filled, 0 if nothing is there, -EPROTO if the host misbehaved. */
int vq_get_used(struct vq *vq, struct vq_used *u);
unsigned int vq_in_flight(const struct vq *vq);
/*
 * The host has been stopped, and all that is used was taken back: look at every
 * entry that the host may write to, whether it has written where it should not.
 * Return: 0 or -EPROTO. Of a split ring, that can be told only with cfg.spoil:
 * entries of the used ring are written over as they are taken.
 */
int vq_at_rest(struct vq *vq);

/*
 * Sleep on the call eventfd until something is used. True if something is.
 * A call that should have come and did not is counted in lost_calls.
 */
bool vq_wait(struct vq *vq, int ms);
/* The same, until more than @after chains are used. */
bool vq_wait_after(struct vq *vq, unsigned int after, int ms);

/* Say what the host did wrong and refuse to go on with this ring. */
int vq_fault(struct vq *vq, const char *what, unsigned int value);

#endif
