/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who still uses a tree that is no longer mounted over its directory. */
#ifndef HSM_LOCAL_USERS_H
#define HSM_LOCAL_USERS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A tree as /proc/PID/mountinfo names it. */
struct hsm_users_tree {
	uint64_t store;        /* what its marks say */
	dev_t device;          /* st_dev of its files */
	dev_t mount_device;    /* of its file system; on btrfs another one */
	char root[PATH_MAX];   /* its path within the file system */
};

/* Describe the tree that is mounted with `mount_id`.  -ENOENT, -errno. */
int hsm_users_describe(struct hsm_users_tree *tree, uint64_t store,
		       int tree_fd, uint64_t mount_id);

/*
 * Whether any process but this one and `friend` (0: none) has the tree mounted
 * (in any namespace), or a placeholder of it or a directory of it open.  Reads
 * all of /proc.
 */
bool hsm_users_any(const struct hsm_users_tree *tree, pid_t friend);

#endif
