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
#include "journal/stamp.h"

enum {
	HSM_TRACKER_BUFFER = 1 << 16,
	HSM_TRACKER_RECENT = 1 << 12,
	HSM_TRACKER_LOOKED = 256,
	HSM_TRACKER_LEFT = 64,
	HSM_TRACKER_SETTLE_MS = 2200,
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
	bool (*reads)(int tid); /* for that; may be NULL */
	enum hsm_tracker_break broken;
	int64_t skew_ns;   /* for tests: of the clock that files are stamped with */
	/* Whether a process is one of ours; NULL: only this one is. */
	bool (*own)(void *arg, pid_t pid);
	/* Whether anybody but us changed the content; NULL: so it may be. */
	bool (*changed)(void *arg, int fd);
	/*
	 * Before a crash somebody had this file open for writing: what the disk
	 * has of it may be newer than all that it says of itself.  Or NULL.
	 */
	void (*opened)(void *arg, const struct hsm_handle *inode);
	void *own_arg;

	int group;
	struct hsm_strict *opens; /* NULL: not strict */
	bool lost;         /* something was not heard in this period */
	bool resumed;      /* it has begun, and is to end in order */
	/* Something may not have been heard, which ctimes tell; see resume.h. */
	bool sweep;
	bool crashed;      /* because the tracker before us did not end in order */
	uint64_t moves;    /* of directories, heard so far */
	int64_t noted_ns;  /* when the last note was written */
	bool settled;      /* it is later than what was heard, by the margin */
	struct hsm_stamp since; /* from when on */
	struct hsm_stamp stamp; /* of this boot and mount */
	struct timespec began;
	struct hsm_log_file records;
	struct hsm_recent *recent;
	/* See outside.h. */
	uint32_t looked[HSM_TRACKER_LOOKED];
	struct hsm_handle left[HSM_TRACKER_LEFT];
	unsigned int left_count; /* more than there is room for: all of them */
	char *buffer;
};

/*
 * Begin to hear, in the period that the journal is in.  `tracker` was zeroed and
 * has its upper half filled in.  What happens after the return is recorded.
 * `place` is a directory of the file system in a mount that does not go when we
 * do.  -EOPNOTSUPP, -EXDEV, -EPERM: see hsm_group_open(); -errno.
 */
int hsm_tracker_start(struct hsm_tracker *tracker, int place);

/*
 * Record what happened between the last tracker and this one, when there is
 * something to look for.  Takes as long as a walk over the tree.  Lists are made
 * after that only: they do it when it has not been done.
 */
void hsm_tracker_sweep(struct hsm_tracker *tracker);

/*
 * Hear what was queued until now.  Failures make the period `lost`.  Call it once
 * more, HSM_TRACKER_SETTLE_MS after the last change, while it is not `settled`:
 * after a crash it is known then that the change was heard.
 */
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
 * End in order: what was heard is kept for the next start.  Syncs the file
 * system.
 */
void hsm_tracker_stop(struct hsm_tracker *tracker);

/* Something was not heard: the list will say `rescan .`. */
void hsm_tracker_lose(struct hsm_tracker *tracker, const char *why);

#endif
