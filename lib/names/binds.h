/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Binds of a lazy tree: `mount --bind` makes another door to it, without the
 * triggers of the first (`--rbind` takes them along).  Directories that are not
 * listed are sealed there (seal.h) until this thread has seen the new mount, a
 * moment later, and covered what is below it.  It sees those in the server's own
 * mount namespace.
 */
#ifndef HSM_NAMES_BINDS_H
#define HSM_NAMES_BINDS_H

#include <stdint.h>

struct hsm_lazy;
struct hsm_binds;

/*
 * Follow the mounts of the tree until the process ends: `lazy->binds`, NULL when
 * there is no memory.
 */
void hsm_binds_start(struct hsm_lazy *lazy);

/*
 * The directory `path` of the tree is new, sealed, and in a directory that is
 * listed: cover it wherever somebody can see it.  Any thread but an attendant.
 */
void hsm_binds_cover(struct hsm_lazy *lazy, const char *path);

/*
 * These triggers were put on a bind: when somebody unmounts it, they are
 * forgotten.  With the lock of the frontier.
 */
void hsm_binds_note(struct hsm_lazy *lazy, const uint32_t *devices,
		    unsigned int count);

/*
 * The directory `path` is to be removed: take its triggers away, wherever they
 * are in the server's own mount namespace.  It stays sealed.  The calling thread
 * has a working directory of its own from here on.
 */
void hsm_binds_uncover(struct hsm_lazy *lazy, const char *path);

#endif
