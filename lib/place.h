/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DIR, what lies on it, and its store.  Private to the library. */
#ifndef HSM_PLACE_H
#define HSM_PLACE_H

#include <limits.h>

#include "hsm.h"
#include "local/store.h"

struct hsm_place {
	char dir[PATH_MAX];   /* absolute */
	char store[PATH_MAX]; /* absolute, or "" */
	bool made_dir, made_store; /* by us: hsm_place_undo() takes them away */
};

/* All of them: 0, or -errno and the sentence in `failure`. */

/*
 * Make DIR if it is missing; take away the mount of a server that was killed.
 * -EBUSY: it is served.
 */
int hsm_place_find(struct hsm_place *place,
		   const struct hsm_serve_options *options,
		   struct hsm_failure *failure);

/* Can this kernel serve from where the store is to lie?  Makes nothing. */
int hsm_place_check_kernel(const struct hsm_place *place,
			   struct hsm_failure *failure);

/* The store of DIR; store->fd < 0: there is none yet and DIR is empty. */
int hsm_place_open_store(const struct hsm_place *place, struct hsm_store *store,
			 const struct hsm_log *log, struct hsm_failure *failure);

/* Make the store when there is none; it must be of `url`; lock it. */
int hsm_place_take_store(struct hsm_place *place, struct hsm_store *store,
			 const char *url, struct hsm_failure *failure);

/* DIR as before: what was made for this call goes. */
void hsm_place_undo(const struct hsm_place *place);

/* The id of the tree that is mounted on `dir`, if one is. */
bool hsm_place_tree(const char *dir, uint64_t *id);

#endif
