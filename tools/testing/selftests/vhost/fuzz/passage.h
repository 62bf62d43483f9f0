/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Good packets through the rings of a world, whatever else happens to them.
 * Nobody waits here, but for passage_finish().
 */
#ifndef FUZZ_PASSAGE_H
#define FUZZ_PASSAGE_H

#include "world.h"

/* Make a packet available. 0, or -errno if there is no room. */
int passage_send(struct world *w, size_t len);
/* Put a packet before the guest, from the far end of the backend in use. */
int passage_inject(struct world *w, size_t len);
/* Make up to @n buffers available for packets. */
int passage_post(struct world *w, unsigned int n);
/* Take back and look at what has come, in the rings and at the far ends. */
int passage_take(struct world *w);
/* Throw away what has come to the far ends. */
void passage_discard(struct world *w);
/* Answer the device's questions. */
void passage_serve(struct world *w);

/*
 * The program was gentle and is over: with the set-up made good again all that
 * is under way comes through, and one more packet each way.
 */
int passage_finish(struct world *w);

#endif
