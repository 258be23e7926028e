/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which names a remote directory had when it was listed last: what tells a file
 * that is new there from one that was deleted here.  One file of sorted hashes
 * for each directory, in the store.
 *
 * Not synced: a snapshot that a crash takes makes deleted placeholders come
 * back, which loses nothing.
 */
#ifndef HSM_NAMES_SNAPSHOT_H
#define HSM_NAMES_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HSM_SNAPSHOT_BUFFER = 512 };

struct hsm_snapshot {
	int dir_fd, new_fd;
	char name[32];
	const uint64_t *old; /* mapped */
	size_t old_count;
	uint64_t *new;       /* mapped, sorted, once it is finished */
	size_t new_count;
	uint64_t buffer[HSM_SNAPSHOT_BUFFER];
	size_t buffered;
};

/* Begin a new snapshot of the remote directory `path`; the old one is read. */
int hsm_snapshot_open(struct hsm_snapshot *snapshot, int store_fd,
		      const char *path);
/* Whether the snapshot before this one has `name`. */
bool hsm_snapshot_knows(const struct hsm_snapshot *snapshot, const char *name);
int hsm_snapshot_add(struct hsm_snapshot *snapshot, const char *name);
/* The listing was complete: hsm_snapshot_vanished() and commit may follow. */
int hsm_snapshot_finish(struct hsm_snapshot *snapshot);
/* Whether the snapshot before this one has `name`, and this one has not. */
bool hsm_snapshot_vanished(const struct hsm_snapshot *snapshot,
			   const char *name);
/* This one counts from now on. */
int hsm_snapshot_commit(struct hsm_snapshot *snapshot);
void hsm_snapshot_close(struct hsm_snapshot *snapshot);

#endif
