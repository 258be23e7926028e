/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One file, directory, link ... into an archive.  Private to the library. */
#ifndef HSM_ARCHIVE_ADD_H
#define HSM_ARCHIVE_ADD_H

#include <archive.h>
#include <archive_entry.h>

#include "archive_plan.h"
#include "tree.h"

struct hsm_archive {
	struct archive *to;
	struct archive_entry_linkresolver *links;
	struct hsm_session *session; /* finds who can fill a placeholder */
	const char *name, *file;     /* DIR and the archive, as the caller has it */
	int dir;                     /* the same, as its users see it */
	dev_t dev;                   /* the archive itself */
	ino_t ino;
	unsigned char *buffer;
	const unsigned char *zeros;  /* HSM_ARCHIVE_ZEROS of address space */
	const struct hsm_log *log;
	struct hsm_failure *failure;
};

enum { HSM_ARCHIVE_BUFFER = 1 << 20, HSM_ARCHIVE_ZEROS = 1 << 30 };

/*
 * Write what is at the path of `item` now.  What is not there any more, or is
 * another kind of thing, is left out: the next list has it.  So it has what
 * changes while it is read; a file that becomes shorter is written again, so that
 * no zeros stand for what it lost.  Absent content is brought here first; holes
 * are kept.  -errno, and the reason in `failure`.
 */
int hsm_archive_add(struct hsm_archive *archive,
		    const struct hsm_archive_item *item);

/* Write a file of our own. */
int hsm_archive_add_text(struct hsm_archive *archive, const char *path,
			 const char *text, size_t len);

/* Say what the archive says: -errno. */
int hsm_archive_fail(struct hsm_archive *archive, const char *path);

#endif
