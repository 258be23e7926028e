/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that the remote no longer has. */
#ifndef HSM_NAMES_VANISH_H
#define HSM_NAMES_VANISH_H

#include <stdint.h>

#include "base/log.h"

struct hsm_vanish {
	const struct hsm_log *log;
	uint64_t store_id;
	/* Take the triggers of the directory `path` away; NULL: there are none. */
	void (*uncover)(void *arg, const char *path);
	void *arg;
};

/*
 * The remote no longer has `origin`, which is `name` in `dir_fd` here: a
 * placeholder goes away; a file with content, or one that is in use or pinned,
 * becomes lost; what is dirty, local or came from elsewhere stays as it is.  A
 * directory goes when nothing is left in it.  0: the name is gone; -EEXIST: it
 * is not; -errno.  Through the private mount: raises no event.
 *
 * Content is never given up here: what the remote no longer has is the only
 * copy.
 */
int hsm_vanish(const struct hsm_vanish *how, int dir_fd, const char *name,
	       const char *origin);

#endif
