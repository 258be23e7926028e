/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One file, directory, link ... into an archive.  Private to the library. */
#ifndef HSM_ARCHIVE_MEMBER_H
#define HSM_ARCHIVE_MEMBER_H

#include "archive/archive.h"
#include "archive/plan.h"

/*
 * Write what is at the path of `item` now.  What is not there any more, or is
 * another kind of thing, is left out: the next list has it.  So it has what
 * changes while it is read; a file that becomes shorter is written again, so that
 * no zeros stand for what it lost.  Absent content is brought here first; holes
 * are kept.  -errno, and the reason in `failure`.
 */
int hsm_archive_add(struct hsm_archive *archive,
		    const struct hsm_archive_item *item);

/* Write a file of our own: `text`, at `path`.  The same. */
int hsm_archive_add_text(struct hsm_archive *archive, const char *path,
			 const char *text, size_t len);

#endif
