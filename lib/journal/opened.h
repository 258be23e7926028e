/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the descriptor of an event to a record of the file. */
#ifndef HSM_JOURNAL_OPENED_H
#define HSM_JOURNAL_OPENED_H

#include <limits.h>
#include <stdbool.h>
#include <time.h>

#include "journal/record.h"

struct hsm_opened {
	struct hsm_record record;
	struct timespec born; /* 0: not known, or a file with a mark of ours */
	char path[PATH_MAX];  /* where `record.name` lies */
};

/*
 * Describe the open file `fd` of the file system of `root`, a private mount of the
 * directory, and of all of the file system if `whole`.  1: `*out` does; without a
 * name when it cannot be told, or has none.  0: the file is outside.  -errno: not
 * even its handle is known.  Raises no event.
 */
int hsm_opened_describe(int root, bool whole, int fd, struct hsm_opened *out);

#endif
