/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the records of a period to the paths that were touched in it.
 *
 * A consumer has the tree as it was at the last checkpoint and brings it to what
 * is now, path by path, without looking below a directory that it is told of.  So a
 * list has every path at which something was, or is, another thing: under the
 * old and the new names of directories that were moved, and all that is below
 * those.  Whether there is something at a path now is looked at when the list is
 * printed.
 */
#ifndef HSM_JOURNAL_RESOLVE_H
#define HSM_JOURNAL_RESOLVE_H

#include <stdbool.h>
#include <time.h>

#include "journal/log.h"

enum { HSM_RESOLVE_GONE = 64 };

struct hsm_resolve {
	int root;                   /* of a private mount of the directory */
	bool whole;                 /* see hsm_group_open() */
	const char *hide;           /* a name in the root that is not shown */
	struct timespec began;      /* the period */
	/* Where the paths go, and what the next period must know; borrowed. */
	struct hsm_log_file *list;
	struct hsm_log_file *carry; /* NULL: nothing is to be carried */
	bool final;                 /* say that something is not known */
	/* Directories that were gone before the group was read the last time. */
	struct hsm_handle gone[HSM_RESOLVE_GONE];
	unsigned int gone_count;
};

/*
 * Resolve the records of the `count` images, in their order.  -EAGAIN: a
 * directory is gone, and what was removed from it may not have been read yet (not
 * when `final`); -ENOMEM, or the failure of a log file.
 */
int hsm_resolve_run(struct hsm_resolve *resolve,
		    struct hsm_log_image *images, unsigned int count);

#endif
