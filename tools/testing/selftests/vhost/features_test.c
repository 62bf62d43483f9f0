// SPDX-License-Identifier: GPL-2.0
/*
 * Feature bits: in one word and in arrays of any length, agreed on before and
 * while rings run; and what agreeing on a ring's reset allows.
 */
#include "fixture.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "counters.h"
#include "netif.h"
#include "traffic.h"

#define WORDS		2	/* that any driver knows so far */
#define MANY		2000	/* words, more than a page of them */
#define MARK		0x5a5a5a5a5a5a5a5aULL

/* A device without an owner, and an array with room for many words. */
FIXTURE(array)
{
	int fd;
	struct vhost_features_array *a;
	__u64 offered;
};

FIXTURE_SETUP(array)
{
	__u64 none[1] = {};

	RUN_IF_SELECTED();
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	if (dev_ioctl(self->fd, VHOST_GET_FEATURES_ARRAY, none))
		SKIP_ALL("no feature arrays");
	ASSERT_EQ(0, dev_get_features(self->fd, &self->offered));
	self->a = malloc(sizeof(*self->a) + (MANY + 1) * sizeof(__u64));
	ASSERT_NE(NULL, self->a);
}

FIXTURE_TEARDOWN(array)
{
	free(self->a);
	close(self->fd);
}

static int array_call(int fd, unsigned long req, struct vhost_features_array *a,
		      __u64 count)
{
	a->count = count;
	return dev_ioctl(fd, req, a);
}

/* What the device says was agreed on, all zero if it says nothing. */
static void agreed(int fd, __u64 word[WORDS])
{
	char text[64], *low;
	size_t len;

	word[0] = 0;
	word[1] = 0;
	if (!device_tells(fd, "vhost-features", text))
		return;
	len = strlen(text);
	low = len > 18 ? text + len - 16 : text + 2;
	word[0] = strtoull(low, NULL, 16);
	if (len > 18) {
		*low = 0;
		word[1] = strtoull(text, NULL, 16);
	}
}

static bool agreed_is(int fd, __u64 word0, __u64 word1)
{
	__u64 word[WORDS];

	agreed(fd, word);
	return word[0] == word0 && word[1] == word1;
}

TEST_F(array, get_fills_what_is_there)
{
	static const unsigned int counts[] = { 0, 1, 2, 3, 16, 512, 513, MANY };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		for (j = 0; j <= MANY; j++)
			self->a->features[j] = MARK;
		ASSERT_EQ(0, array_call(self->fd, VHOST_GET_FEATURES_ARRAY,
					self->a, counts[i]));
		EXPECT_EQ(counts[i], self->a->count);
		if (counts[i])
			EXPECT_EQ(self->offered, self->a->features[0]);
		for (j = WORDS; j < counts[i]; j++)
			ASSERT_EQ(0, self->a->features[j]);
		EXPECT_EQ(MARK, self->a->features[counts[i]]);
	}
}

TEST_F(array, set_takes_what_get_gives)
{
	static const unsigned int counts[] = { 1, 2, 3, MANY };
	__u64 high;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		self->a->features[1] = 0;
		ASSERT_EQ(0, array_call(self->fd, VHOST_GET_FEATURES_ARRAY,
					self->a, counts[i]));
		high = self->a->features[1];
		EXPECT_EQ(0, array_call(self->fd, VHOST_SET_FEATURES_ARRAY,
					self->a, counts[i]));
		EXPECT_TRUE(agreed_is(self->fd, self->offered, high));
		/* One word says that all bits beyond it are not wanted. */
		EXPECT_EQ(0, dev_set_features(self->fd, F_V1));
		EXPECT_TRUE(agreed_is(self->fd, F_V1, 0));
	}
	EXPECT_EQ(0, array_call(self->fd, VHOST_SET_FEATURES_ARRAY, self->a,
				0));
	EXPECT_TRUE(agreed_is(self->fd, 0, 0));
}

TEST_F(array, set_refuses_every_bit_not_offered)
{
	__u64 offered[WORDS];
	int bit, word;

	ASSERT_EQ(0, array_call(self->fd, VHOST_GET_FEATURES_ARRAY, self->a,
				WORDS));
	memcpy(offered, self->a->features, sizeof(offered));
	ASSERT_EQ(0, dev_set_features(self->fd, F_V1));
	for (bit = 0; bit < 64 * (WORDS + 2); bit++) {
		word = bit / 64;
		memset(self->a->features, 0, 4 * sizeof(__u64));
		self->a->features[word] = BIT(bit % 64);
		if (word < WORDS && offered[word] & BIT(bit % 64))
			continue;
		EXPECT_EQ(-EOPNOTSUPP,
			  array_call(self->fd, VHOST_SET_FEATURES_ARRAY,
				     self->a, WORDS + 2))
			TH_LOG("bit %d", bit);
		EXPECT_TRUE(agreed_is(self->fd, F_V1, 0));
	}
	/* A bit behind the end is none. */
	memset(self->a->features, 0, 4 * sizeof(__u64));
	self->a->features[3] = 1;
	EXPECT_EQ(0, array_call(self->fd, VHOST_SET_FEATURES_ARRAY, self->a,
				3));
}

TEST_F(array, set_looks_at_the_last_of_many)
{
	memset(self->a->features, 0, MANY * sizeof(__u64));
	self->a->features[0] = F_V1;
	EXPECT_EQ(0, array_call(self->fd, VHOST_SET_FEATURES_ARRAY, self->a,
				MANY));
	EXPECT_TRUE(agreed_is(self->fd, F_V1, 0));
	self->a->features[0] = 0;
	self->a->features[MANY - 1] = BIT(63);
	EXPECT_EQ(-EOPNOTSUPP, array_call(self->fd, VHOST_SET_FEATURES_ARRAY,
					  self->a, MANY));
	EXPECT_TRUE(agreed_is(self->fd, F_V1, 0));
}

/* Numbers of words that no memory holds, and arrays that end too early. */
TEST_F(array, unmapped_words_fault)
{
	static const __u64 counts[] = {
		2, 3, 512, 1ULL << 40, 1ULL << 61, (1ULL << 61) + 2,
		1ULL << 63, ~0ULL,
	};
	char *page = guarded_map(PAGE);
	struct vhost_features_array *a;
	size_t i;

	ASSERT_NE(NULL, page);
	ASSERT_EQ(0, dev_set_features(self->fd, F_V1));
	/* Room for one word. */
	a = (void *)(page + PAGE - 16);
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		EXPECT_EQ(-EFAULT, array_call(self->fd,
					      VHOST_GET_FEATURES_ARRAY, a,
					      counts[i]));
		a->features[0] = 0;
		EXPECT_EQ(-EFAULT, array_call(self->fd,
					      VHOST_SET_FEATURES_ARRAY, a,
					      counts[i]));
		EXPECT_TRUE(agreed_is(self->fd, F_V1, 0));
	}
	EXPECT_EQ(0, array_call(self->fd, VHOST_GET_FEATURES_ARRAY, a, 1));
	EXPECT_EQ(self->offered, a->features[0]);
	/* Room for a few, so that the fault is met past what is known. */
	a = (void *)(page + PAGE - 8 * sizeof(__u64));
	memset(a, 0, 8 * sizeof(__u64));
	EXPECT_EQ(0, array_call(self->fd, VHOST_SET_FEATURES_ARRAY, a, 7));
	for (i = 3; i < ARRAY_SIZE(counts); i++) {
		EXPECT_EQ(-EFAULT, array_call(self->fd,
					      VHOST_GET_FEATURES_ARRAY, a,
					      counts[i]));
		memset(a, 0, 8 * sizeof(__u64));
		EXPECT_EQ(-EFAULT, array_call(self->fd,
					      VHOST_SET_FEATURES_ARRAY, a,
					      counts[i]));
	}
	/* Only the number of words can be read. */
	a = (void *)(page + PAGE - 8);
	EXPECT_EQ(0, array_call(self->fd, VHOST_GET_FEATURES_ARRAY, a, 0));
	EXPECT_EQ(0, array_call(self->fd, VHOST_SET_FEATURES_ARRAY, a, 0));
	EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, VHOST_GET_FEATURES_ARRAY,
				     page + PAGE - 4));
	EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, VHOST_SET_FEATURES_ARRAY,
				     page + PAGE - 4));
	guarded_unmap(page, PAGE);
}

/* A huge array takes long; who is killed does not wait for its end. */
TEST_F(array, killed_on_the_way)
{
	size_t size = (size_t)BIT(38);
	struct vhost_features_array *a;
	int status;
	pid_t pid;

	if (sizeof(long) < 8)
		SKIP(return, "no room for such an array");
	a = mmap(NULL, size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (a == MAP_FAILED)
		SKIP(return, "no address space: %s", strerror(errno));
	/* A kernel that has no huge pages does not know the word. */
	if (madvise(a, size, MADV_NOHUGEPAGE))
		ASSERT_EQ(EINVAL, errno);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		array_call(self->fd, VHOST_SET_FEATURES_ARRAY, a, size / 16);
		_exit(1);
	}
	pause_ms(300);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	munmap(a, size);
	EXPECT_EQ(0, dev_set_owner(self->fd));
}

TEST_F(array, reset_forgets_what_was_agreed)
{
	ASSERT_EQ(0, dev_set_owner(self->fd));
	ASSERT_EQ(0, dev_set_features(self->fd, self->offered));
	ASSERT_EQ(0, dev_reset_owner(self->fd));
	EXPECT_TRUE(agreed_is(self->fd, 0, 0));
}

/* A guest in operation. */
FIXTURE(live)
{
	struct guest g;
	bool array;
};

FIXTURE_SETUP(live)
{
	struct guest_cfg cfg = { .features = F_V1 | F_MRG | F_EVENT };
	__u64 none[1] = {};

	RUN_IF_SELECTED();
	NOT_FOR_STOCK("lets the header change under a running ring");
	ASSERT_EQ(0, netif_new_namespace());
	ASSERT_EQ(0, guest_start(&self->g, &cfg));
	self->array = !dev_ioctl(self->g.fd, VHOST_GET_FEATURES_ARRAY, none);
	ASSERT_EQ(0, traffic_alive(&self->g));
}

FIXTURE_TEARDOWN(live)
{
	EXPECT_EQ(0, traffic_alive(&self->g));
	guest_stop(&self->g);
}

/* Ring and header must stay what the guest takes them for (S42). */
TEST_F(live, change_is_busy)
{
	__u64 now = self->g.cfg.features;
	__u64 array[3] = { 2, now, 0 };
	int fd = self->g.fd;

	EXPECT_EQ(-EBUSY, dev_set_features(fd, now & ~F_EVENT));
	EXPECT_EQ(-EBUSY, dev_set_features(fd, now | F_INDIRECT));
	EXPECT_EQ(-EBUSY, dev_set_features(fd, 0));
	EXPECT_EQ(0, dev_set_features(fd, now));
	if (!self->array)
		return;
	EXPECT_EQ(0, dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, array));
	array[1] &= ~F_MRG;
	EXPECT_EQ(-EBUSY, dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, array));
	array[1] = 1;
	EXPECT_EQ(-EOPNOTSUPP, dev_ioctl(fd, VHOST_SET_FEATURES_ARRAY, array));
	EXPECT_TRUE(agreed_is(fd, now, 0));
}

static void *receive_on(void *arg)
{
	struct traffic t = { .count = 50, .len = len_mixed };
	struct guest *g = arg;
	long bad = 0;
	int i;

	for (i = 0; i < 20 && !bad; i++) {
		bad = traffic_rx(g, &t);
		t.first += t.count;
	}
	return (void *)bad;
}

/* The guest resets one ring and starts it anew; the other goes on (S47). */
TEST_F(live, one_ring_is_reset)
{
	struct traffic t = { .count = 50, .len = len_mixed };
	struct guest *g = &self->g;
	struct vq_cfg cfg = g->vq[VQ_TX].cfg;
	pthread_t thread;
	void *bad;
	int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, receive_on, g));
	for (i = 0; i < 10; i++) {
		cfg.num = i & 1 ? 64 : 128;
		ASSERT_EQ(0, traffic_tx(g, &t));
		ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, -1));
		EXPECT_EQ(vq_base(&g->vq[VQ_TX]), dev_get_base(g->fd, VQ_TX));
		vq_free(&g->vq[VQ_TX]);
		ASSERT_EQ(0, vq_init(&g->vq[VQ_TX], &cfg));
		ASSERT_EQ(0, dev_setup_vq(g->fd, &g->vq[VQ_TX]));
		ASSERT_EQ(0, dev_set_backend(g->fd, VQ_TX, g->backend.fd));
		t.first += t.count;
	}
	ASSERT_EQ(0, pthread_join(thread, &bad));
	EXPECT_EQ(NULL, bad);
}

TEST_HARNESS_MAIN
