/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a device does, as it does it. Each event names the device by the number
 * that fdinfo shows as vhost-id; one of a ring names the ring, too.
 *
 * Fields have types that tools know who know nothing of the kernel's own.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vhost_net

#if !defined(_TRACE_VHOST_NET_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_VHOST_NET_H

#include <linux/tracepoint.h>
#include <linux/types.h>

struct vhost_chain;
struct vhost_device;
struct vhost_vq;

/* The longest name of a reason. */
#define TRACE_VHOST_REASON	16
/* The same of a kind of backend. */
#define TRACE_VHOST_KIND	12

/* An interface, or a peer. */
#define TRACE_VHOST_LINK	64

DECLARE_EVENT_CLASS(vhost_device,
	TP_PROTO(const struct vhost_device *device),
	TP_ARGS(device),
	TP_STRUCT__entry(
		__field(unsigned long long, device)
	),
	TP_fast_assign(
		__entry->device = device->id;
	),
	TP_printk("device=%llu", __entry->device)
);

DEFINE_EVENT(vhost_device, vhost_open,
	TP_PROTO(const struct vhost_device *device),
	TP_ARGS(device)
);

DEFINE_EVENT(vhost_device, vhost_release,
	TP_PROTO(const struct vhost_device *device),
	TP_ARGS(device)
);

/* The process that owns the device from now on; 0: none does. */
TRACE_EVENT(vhost_owner,
	TP_PROTO(const struct vhost_device *device, pid_t owner),
	TP_ARGS(device, owner),
	TP_STRUCT__entry(
		__field(unsigned long long, device)
		__field(int, owner)
	),
	TP_fast_assign(
		__entry->device = device->id;
		__entry->owner = owner;
	),
	TP_printk("device=%llu owner=%d", __entry->device, __entry->owner)
);

/* What a ring is attached to from now on. */
TRACE_EVENT(vhost_backend,
	TP_PROTO(const struct vhost_vq *vq, const char *kind,
		 const char *interface),
	TP_ARGS(vq, kind, interface),
	TP_STRUCT__entry(
		__field(unsigned long long, device)
		__field(unsigned int, ring)
		__array(char, kind, TRACE_VHOST_KIND)
		__array(char, interface, TRACE_VHOST_LINK)
	),
	TP_fast_assign(
		__entry->device = vq->device->id;
		__entry->ring = vq->index;
		strscpy(__entry->kind, kind, TRACE_VHOST_KIND);
		strscpy(__entry->interface, interface, TRACE_VHOST_LINK);
	),
	TP_printk("device=%llu ring=%u kind=%s interface=%s", __entry->device,
		  __entry->ring, __entry->kind, __entry->interface)
);

/* The guest has kicked. */
TRACE_EVENT(vhost_kick,
	TP_PROTO(const struct vhost_vq *vq),
	TP_ARGS(vq),
	TP_STRUCT__entry(
		__field(unsigned long long, device)
		__field(unsigned int, ring)
	),
	TP_fast_assign(
		__entry->device = vq->device->id;
		__entry->ring = vq->index;
	),
	TP_printk("device=%llu ring=%u", __entry->device, __entry->ring)
);

/* A buffer was taken from the ring; one that is bad, too. */
TRACE_EVENT(vhost_fetch,
	TP_PROTO(const struct vhost_vq *vq, const struct vhost_chain *chain),
	TP_ARGS(vq, chain),
	TP_STRUCT__entry(
		__field(unsigned long long, device)
		__field(unsigned long long, out_len)
		__field(unsigned long long, in_len)
		__field(unsigned int, ring)
		__field(unsigned short, head)
		__field(unsigned short, descs)
	),
	TP_fast_assign(
		__entry->device = vq->device->id;
		__entry->ring = vq->index;
		__entry->head = chain->id;
		__entry->descs = chain->descs;
		__entry->out_len = chain->out_len;
		__entry->in_len = chain->in_len;
	),
	TP_printk("device=%llu ring=%u head=%u descs=%u out=%llu in=%llu",
		  __entry->device, __entry->ring, __entry->head,
		  __entry->descs, __entry->out_len, __entry->in_len)
);

/* Packets were handed to the backend, which may have refused some. */
TRACE_EVENT(vhost_send,
	TP_PROTO(const struct vhost_vq *vq, u32 packets, u32 bytes,
		 u32 refused),
	TP_ARGS(vq, packets, bytes, refused),
	TP_STRUCT__entry(
		__field(unsigned long long, device)
		__field(unsigned int, ring)
		__field(unsigned int, packets)
		__field(unsigned int, bytes)
		__field(unsigned int, refused)
	),
	TP_fast_assign(
		__entry->device = vq->device->id;
		__entry->ring = vq->index;
		__entry->packets = packets;
		__entry->bytes = bytes;
		__entry->refused = refused;
	),
	TP_printk("device=%llu ring=%u packets=%u bytes=%u refused=%u",
		  __entry->device, __entry->ring, __entry->packets,
		  __entry->bytes, __entry->refused)
);

/* A packet was received into so many buffers. */
TRACE_EVENT(vhost_recv,
	TP_PROTO(const struct vhost_vq *vq, u32 bytes, u32 buffers),
	TP_ARGS(vq, bytes, buffers),
	TP_STRUCT__entry(
		__field(unsigned long long, device)
		__field(unsigned int, ring)
		__field(unsigned int, bytes)
		__field(unsigned int, buffers)
	),
	TP_fast_assign(
		__entry->device = vq->device->id;
		__entry->ring = vq->index;
		__entry->bytes = bytes;
		__entry->buffers = buffers;
	),
	TP_printk("device=%llu ring=%u bytes=%u buffers=%u", __entry->device,
		  __entry->ring, __entry->bytes, __entry->buffers)
);

/* Used buffers were shown to the guest. */
TRACE_EVENT(vhost_complete,
	TP_PROTO(const struct vhost_vq *vq, u32 batch),
	TP_ARGS(vq, batch),
	TP_STRUCT__entry(
		__field(unsigned long long, device)
		__field(unsigned int, ring)
		__field(unsigned int, batch)
	),
	TP_fast_assign(
		__entry->device = vq->device->id;
		__entry->ring = vq->index;
		__entry->batch = batch;
	),
	TP_printk("device=%llu ring=%u batch=%u", __entry->device,
		  __entry->ring, __entry->batch)
);

/* The guest was interrupted, or did not want to be. */
TRACE_EVENT(vhost_call,
	TP_PROTO(const struct vhost_vq *vq, bool sent),
	TP_ARGS(vq, sent),
	TP_STRUCT__entry(
		__field(unsigned long long, device)
		__field(unsigned int, ring)
		__field(unsigned int, sent)
	),
	TP_fast_assign(
		__entry->device = vq->device->id;
		__entry->ring = vq->index;
		__entry->sent = sent;
	),
	TP_printk("device=%llu ring=%u %s", __entry->device, __entry->ring,
		  __entry->sent ? "sent" : "suppressed")
);

/* A translation is missing, and the owner is to be asked for it. */
TRACE_EVENT(vhost_iotlb_miss,
	TP_PROTO(const struct vhost_vq *vq, u64 iova, u32 perm),
	TP_ARGS(vq, iova, perm),
	TP_STRUCT__entry(
		__field(unsigned long long, device)
		__field(unsigned long long, iova)
		__field(unsigned int, ring)
		__field(unsigned int, perm)
	),
	TP_fast_assign(
		__entry->device = vq->device->id;
		__entry->ring = vq->index;
		__entry->iova = iova;
		__entry->perm = perm;
	),
	TP_printk("device=%llu ring=%u iova=%#llx perm=%u", __entry->device,
		  __entry->ring, __entry->iova, __entry->perm)
);

/* The owner has given a translation. */
TRACE_EVENT(vhost_iotlb_update,
	TP_PROTO(const struct vhost_device *device, u64 iova, u64 size,
		 u32 perm),
	TP_ARGS(device, iova, size, perm),
	TP_STRUCT__entry(
		__field(unsigned long long, device)
		__field(unsigned long long, iova)
		__field(unsigned long long, size)
		__field(unsigned int, perm)
	),
	TP_fast_assign(
		__entry->device = device->id;
		__entry->iova = iova;
		__entry->size = size;
		__entry->perm = perm;
	),
	TP_printk("device=%llu iova=%#llx size=%#llx perm=%u", __entry->device,
		  __entry->iova, __entry->size, __entry->perm)
);

/* Guest memory was written to, and goes to the dirty log. */
TRACE_EVENT(vhost_log,
	TP_PROTO(const struct vhost_vq *vq, u64 first, u64 last),
	TP_ARGS(vq, first, last),
	TP_STRUCT__entry(
		__field(unsigned long long, device)
		__field(unsigned long long, first)
		__field(unsigned long long, last)
		__field(unsigned int, ring)
	),
	TP_fast_assign(
		__entry->device = vq->device->id;
		__entry->ring = vq->index;
		__entry->first = first;
		__entry->last = last;
	),
	TP_printk("device=%llu ring=%u first=%#llx last=%#llx",
		  __entry->device, __entry->ring, __entry->first,
		  __entry->last)
);

/* A buffer, a packet or the ring can't be used, for the reason fdinfo shows. */
TRACE_EVENT(vhost_error,
	TP_PROTO(const struct vhost_vq *vq, const char *reason),
	TP_ARGS(vq, reason),
	TP_STRUCT__entry(
		__field(unsigned long long, device)
		__field(unsigned int, ring)
		__array(char, reason, TRACE_VHOST_REASON)
	),
	TP_fast_assign(
		__entry->device = vq->device->id;
		__entry->ring = vq->index;
		strscpy(__entry->reason, reason, TRACE_VHOST_REASON);
	),
	TP_printk("device=%llu ring=%u reason=%s", __entry->device,
		  __entry->ring, __entry->reason)
);

#endif

/* This part must be outside of the guard. */
#include <trace/define_trace.h>
