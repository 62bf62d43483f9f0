// SPDX-License-Identifier: GPL-2.0
/*
 * Threads of one owner that get into each other's way: files closed while
 * they are used, a device reset while it is set up. Nothing has to come of
 * it, but nothing may be left of it either.
 */
#include "fixture.h"

#include <fcntl.h>

#include "caller.h"
#include "guest.h"
#include "netif.h"
#include "traffic.h"

#define ROUNDS	150

static void call_backend(struct caller *c, unsigned int i)
{
	struct guest *g = c->arg;

	c->failed += !!dev_set_backend(g->fd, i % 2,
				       i / 2 % 2 ? -1 : g->backend.fd);
}

static void call_setup(struct caller *c, unsigned int i)
{
	struct guest *g = c->arg;

	switch (i % 5) {
	case 0:
		c->failed += !!dev_set_mem(g->fd, &g->arena);
		break;
	case 1:
		c->failed += !!dev_set_features(g->fd, g->cfg.features);
		break;
	case 2:
		c->failed += !!dev_set_addr(g->fd, &g->vq[i / 5 % 2]);
		break;
	case 3:
		c->failed += !!dev_vring_file(g->fd, VHOST_SET_VRING_KICK,
					      i / 5 % 2,
					      g->vq[i / 5 % 2].kick);
		break;
	case 4:
		c->failed += !!dev_set_owner(g->fd);
	}
}

static void call_kick(struct caller *c, unsigned int i)
{
	struct guest *g = c->arg;

	vq_kick_always(&g->vq[i % 2]);
}

FIXTURE(race)
{
	struct guest g;
	struct caller c[3];
};

FIXTURE_SETUP(race)
{
	struct guest_cfg cfg = { .features = F_V1 | F_MRG | F_EVENT };

	RUN_IF_SELECTED();
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	ASSERT_EQ(0, traffic_alive(&self->g));
}

FIXTURE_TEARDOWN(race)
{
	guest_stop(&self->g);
	EXPECT_TRUE(workers_become(getpid(), 0));
}

/* The device's last file is closed during a call: the call ends first. */
TEST_F(race, close_device)
{
	struct guest *g = &self->g;
	unsigned int i, calls = 0;
	__u64 seed = 1;

	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, caller_start(&self->c[0], g, call_backend));
		ASSERT_EQ(0, caller_start(&self->c[1], g, call_kick));
		usleep(rnd(&seed) % 2000);
		ASSERT_EQ(0, close(g->fd));
		caller_end(&self->c[0]);
		caller_end(&self->c[1]);
		calls += self->c[0].calls;
		/* Only now may another file get this number. */
		g->fd = dev_open();
		ASSERT_LE(0, g->fd);
		ASSERT_EQ(0, guest_setup(g));
		ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	}
	EXPECT_LT(ROUNDS, calls);
	EXPECT_EQ(0, traffic_alive(g));
}

/* The backend's number stands for another file from time to time (S7). */
TEST_F(race, close_backend)
{
	struct guest *g = &self->g;
	int tap = g->backend.fd, null = open("/dev/null", O_RDWR);
	int keep = fcntl(tap, F_DUPFD_CLOEXEC, 100), i;

	ASSERT_LE(0, null);
	ASSERT_LE(0, keep);
	ASSERT_EQ(0, caller_start(&self->c[0], g, call_backend));
	ASSERT_EQ(0, caller_start(&self->c[1], g, call_backend));
	for (i = 0; i < 20 * ROUNDS; i++) {
		ASSERT_EQ(tap, dup2(i % 2 ? keep : null, tap));
		if (i % 64 == 0)
			pause_ms(1);
	}
	caller_end(&self->c[0]);
	caller_end(&self->c[1]);
	TH_LOG("%u of %u calls failed", self->c[0].failed + self->c[1].failed,
	       self->c[0].calls + self->c[1].calls);
	ASSERT_EQ(tap, dup2(keep, tap));
	close(keep);
	close(null);
	ASSERT_EQ(0, guest_attach(g, tap));
	EXPECT_EQ(0, traffic_alive(g));
}

/* A device that loses its owner while others set it up and start it. */
TEST_F(race, reset_owner)
{
	struct guest *g = &self->g;
	int i;

	ASSERT_EQ(0, caller_start(&self->c[0], g, call_backend));
	ASSERT_EQ(0, caller_start(&self->c[1], g, call_setup));
	ASSERT_EQ(0, caller_start(&self->c[2], g, call_kick));
	for (i = 0; i < ROUNDS; i++) {
		/* One of the others may have been the last to set it. */
		dev_reset_owner(g->fd);
		pause_ms(1);
	}
	for (i = 0; i < 3; i++)
		caller_end(&self->c[i]);
	TH_LOG("%u of %u, %u of %u calls failed", self->c[0].failed,
	       self->c[0].calls, self->c[1].failed, self->c[1].calls);
	EXPECT_LT(self->c[1].failed, self->c[1].calls);
	dev_set_owner(g->fd);
	ASSERT_EQ(0, dev_reset_owner(g->fd));
	ASSERT_EQ(0, guest_setup(g));
	ASSERT_EQ(0, guest_attach(g, g->backend.fd));
	EXPECT_EQ(0, traffic_alive(g));
}

TEST_HARNESS_MAIN
