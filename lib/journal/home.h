/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal on disk: a directory `journal` in the store, mode 0700.
 *
 *   state        id, and whether a tracker runs or ended in order
 *   lock         held by the tracker
 *   N.log        records of the period that runs, N; not durable
 *   N.intent     who opened for writing in it, of a strict tracker; durable
 *   N.list       what was touched in period N, ended by checkpoint N; durable
 *   cursor.NAME  the checkpoint that a consumer has seen
 */
#ifndef HSM_JOURNAL_HOME_H
#define HSM_JOURNAL_HOME_H

#include <stdbool.h>
#include <stdint.h>

struct hsm_journal {
	int fd;        /* the directory */
	int lock;      /* -1: not ours */
	uint64_t id;
	uint64_t period;   /* the one that runs */
	bool lost;     /* it does not know all that happened */
	bool running;  /* a tracker runs, or ended without a word */
	char stamp[128]; /* of the moment when the tracker ended; or "" */
};

/* Open the journal in the store `store_fd`.  -ENOENT: there is none; -EBADMSG. */
int hsm_journal_open(struct hsm_journal *journal, int store_fd);

/* The same for the journal's own directory `fd`, which is given. */
int hsm_journal_open_at(struct hsm_journal *journal, int fd);

/* Open it, or make one; its first period is `lost`.  Durable. */
int hsm_journal_make(struct hsm_journal *journal, int store_fd);

/* Become its tracker.  -EWOULDBLOCK: another one is. */
int hsm_journal_lock(struct hsm_journal *journal);

/* Write down `lost`, `running` and `stamp`.  Durable. */
int hsm_journal_save(struct hsm_journal *journal);

void hsm_journal_close(struct hsm_journal *journal);

/* Open a file of period `n`, "log" or "list"; flags as in open(2). */
int hsm_journal_file(const struct hsm_journal *journal, uint64_t n,
		     const char *kind, int flags);

/* Give the complete, synced list in "N.new" its name.  Durable. */
int hsm_journal_publish(struct hsm_journal *journal, uint64_t n);

/* Remove all lists but the newest `keep`, and logs older than the period. */
void hsm_journal_trim(const struct hsm_journal *journal, unsigned int keep);

/* The numbers of the lists that are there, ascending; free *out.  -ENOMEM. */
int hsm_journal_numbers(const struct hsm_journal *journal, uint64_t **out,
			unsigned int *count);

/*
 * IDs of checkpoints as people see them: "xxxxxxxx-N", of which the first part
 * belongs to this journal.  -EINVAL: no ID; -ENOENT: of another journal.
 */
enum { HSM_CHECKPOINT_ID = 40 };
void hsm_journal_id(const struct hsm_journal *journal, uint64_t n,
		    char id[HSM_CHECKPOINT_ID]);
int hsm_journal_parse(const struct hsm_journal *journal, const char *id,
		      uint64_t *n);

/* Cursors: the checkpoint of `name`; -ENOENT: never set; -EINVAL: no name. */
int hsm_journal_cursor(const struct hsm_journal *journal, const char *name,
		       uint64_t *n);
/* Durable. */
int hsm_journal_commit(const struct hsm_journal *journal, const char *name,
		       uint64_t n);

#endif
