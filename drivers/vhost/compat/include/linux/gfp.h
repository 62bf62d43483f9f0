/* SPDX-License-Identifier: GPL-2.0 */
/*
 * page_frag_cache_drain() is there since 6.9. Before, everybody did by hand
 * what it does.
 */
#ifndef VHOST_COMPAT_GFP_H
#define VHOST_COMPAT_GFP_H

#include_next <linux/gfp.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
#define page_frag_cache_drain(cache)					\
do {									\
	struct page_frag_cache *_cache = cache;				\
									\
	if (_cache->va)							\
		__page_frag_cache_drain(virt_to_head_page(_cache->va),	\
					_cache->pagecnt_bias);		\
	_cache->va = NULL;						\
} while (0)
#endif

#endif
