/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dates of listings, independent of the locale. */
#ifndef HSM_REMOTE_LISTING_TIME_H
#define HSM_REMOTE_LISTING_TIME_H

#include <time.h>

/*
 * Read a date at the start of `text`.  In `format`, Y m d H M S are numbers of
 * the usual width, b a month's English name and a a weekday's (both of three
 * letters), n an optional fraction of a second (".123456789"), z the distance
 * from UTC ("Z", "GMT", "+05:30", "-0800"; UTC when the format has none); every
 * other character stands for itself.  Returns what follows in `text`, or NULL and
 * leaves `*out` when it is no such date.  Pure, any thread.
 */
const char *hsm_listing_time(const char *text, const char *format,
			     struct timespec *out);

#endif
