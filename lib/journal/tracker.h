/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tracker: hears what changes below a directory and writes it down, once
 * for each name and inode as far as it can tell; lists are sets, so that it may
 * write twice, and must not leave anything out.
 *
 * One thread at a time in all of this.
 */
#ifndef HSM_JOURNAL_TRACKER_H
#define HSM_JOURNAL_TRACKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "base/log.h"
#include "journal/home.h"
#include "journal/log.h"

enum {
	HSM_TRACKER_BUFFER = 1 << 16,
	HSM_TRACKER_RECENT = 1 << 12,
	HSM_TRACKER_LOOKED = 256,
};

/* For the tests of the tests: what is done wrong on purpose. */
enum hsm_tracker_break {
	HSM_BREAK_NOTHING,
	HSM_BREAK_HANDOVER, /* end the old group before the new one begins */
	HSM_BREAK_CARRY,    /* forget who is writing */
};

struct hsm_recent;
struct hsm_strict;

struct hsm_tracker {
	const struct hsm_log *log;
	struct hsm_journal journal; /* given; locked */
	int root;          /* of a private mount of the directory; given */
	int mount;         /* the same, from open_tree(); given */
	bool whole;        /* the directory is all of its file system */
	const char *hide;  /* a name in it that is never shown: the store */
	bool strict;       /* write down who opens for writing: strict.h */
	enum hsm_tracker_break broken;
	/* Whether a process is one of ours; NULL: only this one is. */
	bool (*own)(void *arg, pid_t pid);
	void *own_arg;

	int group;
	struct hsm_strict *opens; /* NULL: not strict */
	bool lost;         /* something was not heard in this period */
	struct timespec began;
	struct hsm_log_file records;
	struct hsm_recent *recent;
	uint32_t looked[HSM_TRACKER_LOOKED]; /* see outside.h */
	char *buffer;
};

/*
 * Begin to hear, in the period that the journal is in.  `tracker` was zeroed and
 * has its upper half filled in.  What happens after the return is recorded.
 * -EOPNOTSUPP, -EXDEV, -EPERM: see hsm_group_open(); -errno.
 */
int hsm_tracker_start(struct hsm_tracker *tracker);

/* Hear what was queued until now.  Failures make the period `lost`. */
void hsm_tracker_read(struct hsm_tracker *tracker);

/*
 * A checkpoint: end the period, publish its list as number `*n`, and begin the
 * next one.  All system calls that returned before the call are in the list.
 * When that fails (a full disk) the period goes on as one that is lost, and
 * nothing that happens now is.  `keep` lists remain.
 */
int hsm_tracker_cut(struct hsm_tracker *tracker, unsigned int keep, uint64_t *n);

/* The period is a new one: nothing was recorded in it yet. */
void hsm_tracker_forget(struct hsm_tracker *tracker);

/* The list until now, into the file `fd`, which is given; no new period. */
int hsm_tracker_peek(struct hsm_tracker *tracker, int fd);

/*
 * End in order: what was heard is kept for the next start.
 */
void hsm_tracker_stop(struct hsm_tracker *tracker);

#endif
