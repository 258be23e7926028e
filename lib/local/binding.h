/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bindings: the other mounts of a tree, or of a part of it, that the calling
 * thread's mount namespace has; the first is the server's own.
 */
#ifndef HSM_LOCAL_BINDING_H
#define HSM_LOCAL_BINDING_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hsm_binding {
	uint64_t mount;       /* its id, as in mountinfo */
	bool triggers;        /* there are triggers on it */
	char path[PATH_MAX];  /* where it is mounted */
	char below[PATH_MAX]; /* which directory of the tree it shows; "": all */
};

/*
 * All mounts of the tree that the mount `home` shows, that one included, in
 * `*out` (for the caller to free) and `*count`.  -ENOENT: `home` is not there;
 * -errno.
 */
int hsm_binding_list(uint64_t home, struct hsm_binding **out, size_t *count);

/*
 * Open the root of a binding, O_PATH, and find the number that no other mount
 * ever has.  -ESTALE: something else is mounted there.
 */
int hsm_binding_open(const struct hsm_binding *binding, uint64_t *unique);

/*
 * Open the directory `path` below the directory `fd`, O_PATH, in the same
 * mount.  -EXDEV: a mount is on the way, or on it; -errno.
 */
int hsm_binding_beneath(int fd, const char *path);

/* The part of `path` below the directory `below`, or NULL: it is not.  Pure. */
const char *hsm_binding_part(const char *path, const char *below);

#endif
