/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What changed while nobody heard it, by the times of last status change.
 *
 * Whatever is done to an inode moves its ctime: content, attributes, the count of
 * its links, its own name (rename(2) on ext4, xfs and btrfs).  What cannot be
 * seen is what is not there any more: of a directory whose ctime moved nothing
 * else is known, and it is to be looked at with all that is below it.
 */
#ifndef HSM_JOURNAL_SWEEP_H
#define HSM_JOURNAL_SWEEP_H

#include <stdint.h>

#include "journal/log.h"

struct hsm_sweep {
	int root;             /* of a private mount of the directory */
	const char *hide;     /* a name in the root that is left out; or NULL */
	/* Files and directories that changed from these moments on. */
	int64_t files_ns, directories_ns;
	/* Whether content of the file changed; NULL: it may have. */
	bool (*changed)(void *arg, int fd);
	void *arg;
	struct hsm_log_file *log; /* borrowed: gets the records */
	uint64_t looked;          /* at so many inodes; an output */
};

/* -ENOMEM, -errno: not all could be looked at. */
int hsm_sweep_run(struct hsm_sweep *sweep);

#endif
