/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store: everything hsm keeps of one tree, on the tree's own file system.
 *
 *   tree/    the placeholders and their content; mounted over DIR when served
 *   lock     held by the one engine that may fill (a server or a prefetch)
 *   config   format, id and URL
 *   lazy     exists: each directory that is not listed is marked so
 *   listed.done  exists: there is none of those
 *   listed/  which names each remote directory had when it was last listed
 */
#ifndef HSM_LOCAL_STORE_H
#define HSM_LOCAL_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct hsm_store {
	int fd;        /* the store's directory */
	int tree;      /* tree/ */
	int lock;      /* -1: not held */
	uint64_t id;
	atomic_bool listed;   /* the remote was listed to the end once */
	bool lazy;     /* directories that are not listed are marked so */
	char url[2048];
};

/*
 * Open the store of `dir` for reading: DIR/.hsm, or what that symlink names.
 * -ENOENT: none; -EBADMSG: its config cannot be read.
 */
int hsm_store_open(struct hsm_store *store, const char *dir);

/* The same for the store's own directory. */
int hsm_store_open_at(struct hsm_store *store, int dir_fd, const char *path);

/*
 * Whether the store of `dir` is one that was being made when the power went:
 * nothing is in it, and hsm_store_create() takes it.
 */
bool hsm_store_unfinished(const char *dir);

/*
 * Make a store for `url` in `dir` (at `path` when not NULL, with DIR/.hsm a
 * symlink to it) and open it.  Durable on return.  -EEXIST: something else is
 * there.  On failure nothing that was not there before is left.
 */
int hsm_store_create(struct hsm_store *store, const char *dir, const char *path,
		     const char *url);

/* Remove a store in which nothing but unlisted placeholders is: tree and all. */
int hsm_store_remove(const char *dir, const char *path);

void hsm_store_close(struct hsm_store *store);

/* Become the one engine of the store.  -EWOULDBLOCK: another one runs. */
int hsm_store_lock(struct hsm_store *store);

/* Record that the remote was listed to the end; everything listed is durable. */
int hsm_store_set_listed(struct hsm_store *store);

/*
 * Begin a tree of which not everything is listed.  Its root is marked.  Durable
 * on return.  -ENOTEMPTY: something is in the tree already.
 */
int hsm_store_set_lazy(struct hsm_store *store);

/* -EOPNOTSUPP when `fd` is not on ext4, xfs or btrfs. */
int hsm_store_check_fs(int fd);

#endif
