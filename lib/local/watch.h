/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two fanotify groups of a served tree.
 *
 * `content` (class PRE_CONTENT) hears opens and accesses of the whole file
 * system and must answer each: a directory mark would miss a placeholder that
 * is moved into a directory a moment before that one is marked.
 * `changes` (class NOTIF, by file handle) hears modifications after the fact.
 *
 * Both ignore one private mount of the tree: what hsm itself does through it
 * raises no event, so nothing here can wait for itself.
 */
#ifndef HSM_LOCAL_WATCH_H
#define HSM_LOCAL_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "local/handle.h"

struct hsm_watch {
	int content;
	int changes;
	int mount;  /* private mount, opened O_PATH by open_tree() */
	int root;   /* its root, opened for reading: for handles and *at() */
};

/*
 * Set up both groups for the file system of `tree_fd` and the private mount.
 * -EOPNOTSUPP: this kernel or file system has no pre-content events; -EPERM: no
 * CAP_SYS_ADMIN.  On failure nothing is left.
 */
int hsm_watch_open(struct hsm_watch *watch, int tree_fd);

/* What is done through the mount of `mount_fd` raises no event, either. */
int hsm_watch_exempt(const struct hsm_watch *watch, int mount_fd);

/* Close all.  Readers that wait are let through by the kernel: the tree must
 * not be reachable any more. */
void hsm_watch_close(struct hsm_watch *watch);

enum hsm_quiet {
	/* Until the file is modified (a punch included): complete files. */
	HSM_QUIET_UNMODIFIED,
	/* Whatever happens: files that are not ours to fill, or sealed. */
	HSM_QUIET_ALWAYS,
};

/*
 * Raise no more content events for the inode of `fd`.  Evictable: the kernel
 * may forget it.  Call before the answer, while the reader holds the file.
 */
void hsm_watch_quiet(const struct hsm_watch *watch, int fd, enum hsm_quiet how);

/*
 * Raise content events for the inode of `fd` again.  Whether it had been told
 * not to since it was last raised so: a modification does not make it forget.
 */
bool hsm_watch_rearm(const struct hsm_watch *watch, int fd);

/* The same for changes: no more of them for the inode of `fd`; and again. */
void hsm_watch_changes_quiet(const struct hsm_watch *watch, int fd);
void hsm_watch_changes_rearm(const struct hsm_watch *watch, int fd);

/*
 * Read the next changed inode.  1: `*out` is one; 0: none is waiting;
 * -EOVERFLOW: some were lost.  One caller at a time.
 *
 * `state` may outlive a process that is killed at any instruction: an event
 * counts as dealt with when the next one is asked for.  Whoever goes on with the
 * state of another process begins with hsm_watch_changes_again().
 */
struct hsm_watch_changes {
	_Alignas(8) char buf[4096]; /* zeros behind what was read */
	long len;
	long pos, next; /* of the event that was given out last, and behind it */
};
void hsm_watch_changes_again(struct hsm_watch_changes *state);
int hsm_watch_changes_next(const struct hsm_watch *watch,
			   struct hsm_watch_changes *state,
			   struct hsm_handle *out);

#endif
