/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks.  Pure but for what they read. */
#ifndef HSM_BASE_CLOCK_H
#define HSM_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define HSM_CLOCK_SECOND INT64_C(1000000000)

/* CLOCK_MONOTONIC in nanoseconds: how long something takes. */
int64_t hsm_clock_ns(void);

/* In so many seconds, as pthread_cond_timedwait(3) wants it. */
struct timespec hsm_clock_in(unsigned int seconds);

#endif
