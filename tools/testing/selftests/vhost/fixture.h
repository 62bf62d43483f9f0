/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VHT_FIXTURE_H
#define VHT_FIXTURE_H

#include "kselftest_harness.h"

#include "device.h"
#include "sockets.h"
#include "util.h"

/* What hangs is found by run_all; what is slow may run beside much else. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120

/* The exit status of a skipped test, which has changed over time. */
#ifdef FIXTURE_TEARDOWN_PARENT
#define SKIP_STATUS	KSFT_SKIP
#else
#define SKIP_STATUS	255
#endif

/* Old harnesses run the test although its set-up said SKIP: leave at once. */
#define SKIP_ALL(fmt, ...)	\
	SKIP(_exit(SKIP_STATUS), fmt, ##__VA_ARGS__)

/* VHOST_TEST_ONLY=text runs only the tests that have text in their name. */
#define RUN_IF_SELECTED() do {				\
	if (!test_selected(_metadata->name))		\
		SKIP_ALL("not selected");		\
} while (0)

/* Features that the driver may not have. */
#define NEEDS(features) do {				\
	if (!dev_offers(features))			\
		SKIP_ALL("driver has no " #features);	\
} while (0)

/* For what can't be done to packed rings, or is done to them elsewhere. */
#define NOT_FOR_PACKED(why) do {				\
	if (more_features() & F_PACKED)			\
		SKIP_ALL("packed ring: " why);		\
} while (0)

/* For what only this project's driver does right. */
#define NOT_FOR_STOCK(why) do {				\
	if (stock_driver())				\
		SKIP_ALL("distribution's driver: " why);	\
} while (0)

/* Backends without an interface. */
#define NEEDS_KIND(of) do {					\
	enum backend_kind _kind = (of);				\
	if (sockets_have(_kind))				\
		NOT_FOR_STOCK("has no such backends");		\
	if (!sockets_possible(_kind))				\
		SKIP_ALL("kernel has no such sockets");		\
} while (0)

#endif
