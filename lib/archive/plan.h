/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a list goes into an archive, so that a copy of the tree as it was at the
 * checkpoint before becomes equal to the tree when first the deletions are done
 * (`rm -rf`, in their order) and then everything is extracted.  Private to the
 * library.
 */
#ifndef HSM_ARCHIVE_PLAN_H
#define HSM_ARCHIVE_PLAN_H

#include "changelist.h"

struct hsm_archive_item {
	char *path;      /* "." for the root */
	bool directory;  /* it was one when the list was made */
	bool listed;     /* false: a directory above something that is */
};

struct hsm_archive_plan {
	struct hsm_archive_item *items; /* what is below a directory follows it */
	size_t count, room;
	char *deleted;      /* "./PATH", each with a NUL byte behind it */
	size_t deleted_len;
};

/*
 * Plan for the list `changes`, which is marked meanwhile.  `plan` is the
 * caller's to free, also after a failure.  -ENOMEM; -errno of a directory that
 * cannot be read.
 */
int hsm_archive_plan_make(struct hsm_archive_plan *plan,
			  struct hsm_changes *changes);
void hsm_archive_plan_free(struct hsm_archive_plan *plan);

#endif
