/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An archive while it is written.  Private to the library. */
#ifndef HSM_ARCHIVE_ARCHIVE_H
#define HSM_ARCHIVE_ARCHIVE_H

#include <archive.h>
#include <archive_entry.h>

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

/* `path` of the tree cannot be read: `error` (-errno) once more, noted. */
int hsm_archive_fail(struct hsm_archive *archive, const char *path, int error);

/* The archive itself says why it cannot be written: -errno, noted. */
int hsm_archive_fail_self(struct hsm_archive *archive);

#endif
