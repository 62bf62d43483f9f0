/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a device tells of itself in /proc/self/fdinfo.
 */
#ifndef VHT_COUNTERS_H
#define VHT_COUNTERS_H

#include "guest.h"

/* All that the device tells of itself, as far as @buf holds it. */
bool device_text(int fd, char *buf, size_t size);
/*
 * A line of what the device tells of itself, up to 63 characters; false if
 * there is none.
 */
bool device_tells(int fd, const char *key, char *value);
/* A number of the whole device, 0 if it does not tell. */
long long device_count(int fd, const char *what);
/* The number @what of a ring, 0 if it isn't there. */
long long count(struct guest *g, unsigned int index, const char *what);
/* Is there a line @what of a ring, with this text? */
bool says(struct guest *g, unsigned int index, const char *what,
	  const char *wanted);
/* Does the ring name this interface? None at all if the name is empty. */
bool names(struct guest *g, unsigned int index, const char *interface);
/* Does it come to say that, if not at once? */
bool comes_to_say(struct guest *g, unsigned int index, const char *what,
		  const char *wanted);
/*
 * Has the device been through the ring since it had been @before times, and so
 * asked for what it waits for?
 */
bool has_run(struct guest *g, unsigned int index, long long before);
/* Does a number come to exceed @n? There are clocks that tick but rarely. */
bool comes_to_exceed(int fd, const char *what, long long n);
/*
 * Does the number become @n? Counters are added up at the end of a turn, when
 * buffers are back already.
 */
bool counts_to(struct guest *g, unsigned int index, const char *what,
	       long long n);

#endif
