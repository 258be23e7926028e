/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tracker of a served tree: a thread of the worker, from the first time that
 * hsm-checkpoint asked about the tree.
 *
 * What hsm does itself is no change: the worker's own, and that of the commands
 * that are connected to it, by process, and all that goes through the private
 * mount.
 */
#ifndef HSM_SERVER_JOURNAL_H
#define HSM_SERVER_JOURNAL_H

#include <pthread.h>

#include "journal/tracker.h"
#include "local/watch.h"
#include "server/control.h"

enum { HSM_JOURNAL_OWN = 4096 };

struct hsm_engine_journal {
	pthread_mutex_t lock; /* around all of this */
	const struct hsm_log *log;
	int store_fd;
	uint64_t store_id;
	int store;         /* the same in a private mount: no events with it */
	const struct hsm_watch *watch;
	bool strict;
	bool on;
	struct hsm_tracker tracker;
	/* Processes of commands, as often as they are connected. */
	pid_t own[HSM_JOURNAL_OWN];
	unsigned int own_count;
};

/* Borrows all; begins to track when the store has a journal, or if `strict`. */
int hsm_engine_journal_start(struct hsm_engine_journal *journal,
			     const struct hsm_log *log, int store_fd,
			     uint64_t store_id,
			     const struct hsm_watch *watch, bool strict);

/* End in order. */
void hsm_engine_journal_stop(struct hsm_engine_journal *journal);

/*
 * The process at the other end of the control connection `fd` works for us from
 * now on; and no longer, of which what it did until now is not part.
 * -EUSERS: too many of them.
 */
int hsm_engine_journal_join(struct hsm_engine_journal *journal, int fd,
			    pid_t *pid);
void hsm_engine_journal_leave(struct hsm_engine_journal *journal, pid_t pid);

/*
 * JOURNAL, CHECKPOINT, PEEK; the first one begins to track.  `*fd_to_send` is
 * the caller's to close.
 */
void hsm_engine_journal_answer(struct hsm_engine_journal *journal,
			       const struct hsm_control_request *request,
			       struct hsm_control_reply *reply,
			       int *fd_to_send);

#endif
