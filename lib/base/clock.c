// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/clock.h"

int64_t hsm_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * HSM_CLOCK_SECOND + now.tv_nsec;
}

struct timespec hsm_clock_in(unsigned int seconds)
{
	struct timespec then;

	clock_gettime(CLOCK_REALTIME, &then);
	then.tv_sec += seconds;
	return then;
}
