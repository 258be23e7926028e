/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A look at the files that records speak of: who has them open for writing, and
 * which have names that no record knows.
 */
#ifndef HSM_JOURNAL_INODES_H
#define HSM_JOURNAL_INODES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "journal/subject.h"

struct hsm_inodes {
	int root;
	struct timespec began;
	ino_t *numbers; /* sorted when it is asked for one */
	size_t count, room;
	bool sorted;
};

/*
 * Look at the file of `subject`.  1: with `writers`, somebody has it open or
 * mapped for writing; else 0.  `*number` is its inode number, while it has a
 * name.  A file whose content or attributes changed and
 * that has more names than the records told is remembered.  -ENOMEM.
 *
 * A lease is held for a moment: an opener for writing waits for it, and one with
 * O_NONBLOCK gets EAGAIN.
 */
int hsm_inodes_look(struct hsm_inodes *inodes,
		    const struct hsm_subject *subject, bool writers,
		    ino_t *number);

/* Whether the inode is among those that were remembered. */
bool hsm_inodes_has(struct hsm_inodes *inodes, ino_t number);

void hsm_inodes_free(struct hsm_inodes *inodes);

#endif
