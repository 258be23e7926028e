/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Strict tracking: who opens a file for writing waits until that is on the disk.
 *
 * A group of class CONTENT asks at each open() on the file system.  The opener
 * holds write access by then if it is to write (do_dentry_open() takes it before
 * it asks), and that is what the lease test sees (check_conflicting_open()).
 * All who wait at the same time share one fdatasync.  A local file that was made in
 * this period needs none: on the disk its birth comes before all that is written to
 * it, and that is what a sweep after a crash looks at.
 *
 * When this process ends, the kernel lets everyone go on; the journal then says
 * that it did not end in order.
 */
#ifndef HSM_JOURNAL_STRICT_H
#define HSM_JOURNAL_STRICT_H

#include <stdbool.h>

#include "base/log.h"
#include "journal/home.h"

struct hsm_strict_options {
	const struct hsm_log *log;
	int root, mount; /* of a private mount, which is not asked about */
	bool whole;      /* see hsm_group_open() */
	/*
	 * Whether the thread `tid` is known to open for reading only, where a
	 * writer can be one of ours; NULL: whoever opens what has a writer counts.
	 */
	bool (*reads)(int tid);
};

struct hsm_strict;

/*
 * Begin, in the period that the journal is in.  Threads of this process answer.
 * Borrows all.  -EOPNOTSUPP: no such events; -EPERM; -errno.
 */
int hsm_strict_start(struct hsm_strict **out,
		     const struct hsm_strict_options *options,
		     const struct hsm_journal *journal);

/*
 * What is opened from here on belongs to period `n`; who was let through is in
 * the file of the one before.
 */
int hsm_strict_turn(struct hsm_strict *strict,
		    const struct hsm_journal *journal, uint64_t n);

/*
 * Write down those records in the log `fd` that are carried over from the period
 * before: they are open still.  Durable.
 */
int hsm_strict_carry(struct hsm_strict *strict, int fd);

/* Whether something was not written down since the last call. */
bool hsm_strict_failed(struct hsm_strict *strict);

/* End; NULL is fine. */
void hsm_strict_stop(struct hsm_strict *strict);

#endif
