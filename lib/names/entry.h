/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One file of a listing: what it makes or changes here. */
#ifndef HSM_NAMES_ENTRY_H
#define HSM_NAMES_ENTRY_H

#include "names/crawl.h"

/*
 * The remote has the file `path`, `name` in `dir_fd`, in this version: make its
 * placeholder, or update what is there.  `listed` is its time when the remote
 * tells none.  -ENAMETOOLONG, or as hsm_placeholder_create().
 */
int hsm_entry_make_file(struct hsm_crawl *crawl, int dir_fd, const char *path,
			const char *name, const struct hsm_version *version,
			unsigned int mode, time_t listed);

/* The remote no longer has `path`: hsm_vanish(). */
int hsm_entry_vanish(const struct hsm_crawl *crawl, int dir_fd,
		     const char *name, const char *path);

#endif
