/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Placeholders: files that have everything but their content. */
#ifndef HSM_LOCAL_PLACEHOLDER_H
#define HSM_LOCAL_PLACEHOLDER_H

#include <stdbool.h>
#include <sys/types.h>

#include "local/mark.h"

/*
 * No file is larger, whatever a remote says: what is known of its content in
 * memory is a bit for each 64 KiB.
 */
#define HSM_PLACEHOLDER_MAX (INT64_C(1) << 44)

/*
 * Make the placeholder `name` in `dir_fd`, with size and mtime of `mark` and
 * permissions `mode` (0: 0644).  It gets its name last: nobody ever sees it
 * without its mark.  -EEXIST, -ENOSPC, -EFBIG (too large for this file system,
 * or for us).
 */
int hsm_placeholder_create(int dir_fd, const char *name,
			   const struct hsm_mark *mark, mode_t mode);

/*
 * Make or take the directory `name` of the remote directory `mark->origin`;
 * returns an fd for reading.  -ENOTDIR when something else has the name.  A new
 * one gets `flags` (HSM_FLAG_UNLISTED, HSM_FLAG_BELOW), and with `repair` one
 * without a mark as well: a crash came between its name and its mark.  What is
 * unlisted is sealed from the start (seal.h).  `*made`: it was not there before.
 */
int hsm_placeholder_mkdir(int dir_fd, const char *name,
			  const struct hsm_mark *mark, unsigned int flags,
			  bool repair, bool *made);

/*
 * Give up the content of the unchanged file `fd` (open for writing, with a
 * lease), which is then a placeholder of `mark`.  Killed or without power on the
 * way, it is still an unchanged file.
 */
int hsm_placeholder_empty(int fd, const struct hsm_mark *mark);

/* The end of that, also for one who finds HSM_FLAG_EMPTY: the mtime of `mark`. */
int hsm_placeholder_emptied(int fd, const struct hsm_mark *mark);

/*
 * Give the placeholder `fd` (open for writing), of which nothing is here, the
 * version of `mark`: size, mtime and the mark itself.
 */
int hsm_placeholder_renew(int fd, const struct hsm_mark *mark);

#endif
