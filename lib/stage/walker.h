/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a thread that waits in the middle of a path is going. */
#ifndef HSM_STAGE_WALKER_H
#define HSM_STAGE_WALKER_H

#include <limits.h>
#include <stdbool.h>

enum { HSM_WALKER_PATHS = 4 };

struct hsm_walker {
	/* The strings that its system call was given: some are paths. */
	char paths[HSM_WALKER_PATHS][PATH_MAX];
	unsigned int count;
	bool enters; /* the call also wants what is in the last directory */
};

/*
 * Look at the system call of the waiting thread `tid`.  A hint: what cannot be
 * seen (io_uring, another kind of program) leaves `count` 0.
 */
void hsm_walker_look(int tid, struct hsm_walker *out);

/*
 * The part of `path` after its next component that is `name`, from `*from` on;
 * NULL: there is none.  `*from` moves on.  "a/b/c", name "a": "b/c".  Pure.
 */
const char *hsm_walker_rest(const char **from, const char *name);

#endif
