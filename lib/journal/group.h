/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One fanotify group that hears every change of a file system, by file handle
 * and name, after the fact.  A group lives for one checkpoint period.
 */
#ifndef HSM_JOURNAL_GROUP_H
#define HSM_JOURNAL_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "local/handle.h"

/*
 * A new group for the file system of `dir_fd`; what is done through the mount of
 * `mount_fd` is not heard, where the event names a mount (writes do, creations
 * do not).  `whole`: all of the file system is of interest, and a rename is one
 * event; else its two halves are events of their own, too, since an ignore mark
 * on one of the directories swallows the whole.
 * Returns the fd.  -EOPNOTSUPP: this kernel or file system cannot; -EXDEV: a
 * btrfs subvolume; -EPERM.
 */
int hsm_group_open(int dir_fd, int mount_fd, bool whole);

/* Hear nothing more; what is queued can still be read. */
int hsm_group_end(int group);

/*
 * Return when every event that began before the call has been queued wherever
 * it had to be.  fsnotify() looks for marks and queues events within one read
 * side of fsnotify_mark_srcu; closing a group with a mark waits for a grace
 * period of it (fsnotify_destroy_group(), fsnotify_wait_marks_destroyed(),
 * fsnotify_mark_destroy_workfn(): synchronize_srcu()).  0.1 to 25 ms.
 */
int hsm_group_barrier(int dir_fd);

/*
 * No more of the content of the inode `fd` in this group.  Attributes are heard
 * on: the count of links is one, and tells of names that went.
 */
void hsm_group_quiet(int group, int fd);

/*
 * Nothing more of the directory `fd` and what lies directly in it, but for
 * moves that only the other side of is heard; and all of it again.
 */
void hsm_group_quiet_outside(int group, int fd);
void hsm_group_hear(int group, int fd);

struct hsm_change_event {
	uint64_t mask;
	pid_t pid;
	struct hsm_handle parent, parent2, inode; /* .bytes 0: none */
	const char *name, *name2;                 /* NULL: none */
};

/*
 * The next event in the `len` bytes that were read() from a group, from `*pos`
 * on.  1; 0 at the end; -EBADMSG for what is no event.  Pure.
 */
int hsm_change_event_next(const void *buf, size_t len, size_t *pos,
			  struct hsm_change_event *out);

#endif
