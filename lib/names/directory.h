/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One directory of a listing: what it makes here. */
#ifndef HSM_NAMES_DIRECTORY_H
#define HSM_NAMES_DIRECTORY_H

#include "local/mark.h"
#include "names/run.h"

/*
 * The remote has the directory that `mark` describes, `name` in `dir_fd`: make
 * it, in a lazy crawl as one that is not listed.  Its descriptor, for the caller to
 * close, also when it was there; -ENOTDIR: something else is; -errno.
 */
int hsm_directory_make(const struct hsm_run *run, int dir_fd, const char *name,
		       const struct hsm_mark *mark);

/* Whether something of this name is in the directory `fd`. */
bool hsm_directory_has(int fd, const char *name);

#endif
