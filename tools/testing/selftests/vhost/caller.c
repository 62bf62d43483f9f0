// SPDX-License-Identifier: GPL-2.0
#include "caller.h"

static void *caller_main(void *arg)
{
	struct caller *c = arg;
	unsigned int i;

	while (!__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
		i = __atomic_fetch_add(&c->calls, 1, __ATOMIC_RELAXED);
		c->call(c, i);
	}
	return NULL;
}

int caller_start(struct caller *c, void *arg,
		 void (*call)(struct caller *c, unsigned int i))
{
	*c = (struct caller) { .arg = arg, .call = call };
	return -pthread_create(&c->thread, NULL, caller_main, c);
}

unsigned int caller_calls(const struct caller *c)
{
	return __atomic_load_n(&c->calls, __ATOMIC_RELAXED);
}

void caller_end(struct caller *c)
{
	__atomic_store_n(&c->stop, true, __ATOMIC_RELEASE);
	pthread_join(c->thread, NULL);
}
