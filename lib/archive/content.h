/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The content of one file, into an archive.  Private to the library. */
#ifndef HSM_ARCHIVE_CONTENT_H
#define HSM_ARCHIVE_CONTENT_H

#include <sys/stat.h>

#include "archive/archive.h"

/* Note in `entry` where the file `fd` has holes, if it has any. */
void hsm_archive_content_map(struct archive_entry *entry, int fd,
			     const struct stat *st);

/*
 * Write what the file `fd`, at `path` in the tree, has, along the map in `entry`,
 * whose header is written.  -EAGAIN: it has become shorter; -errno, and the
 * reason in `failure`.
 */
int hsm_archive_content_write(struct hsm_archive *archive, const char *path,
			      int fd, struct archive_entry *entry);

/* The same for bytes in memory. */
int hsm_archive_content_bytes(struct hsm_archive *archive, const void *bytes,
			      size_t len);

#endif
