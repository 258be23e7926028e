/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tree as the commands reach it: through its server's private mount, or, when
 * none runs, directly in the store.  Private to the library.
 */
#ifndef HSM_TREE_H
#define HSM_TREE_H

#include "engine/engine.h"
#include "hsm.h"
#include "local/store.h"
#include "server/control.h"

struct hsm_tree {
	struct hsm_tree *next;
	const struct hsm_log *log;
	uint64_t id;
	int root;          /* its files are opened below this; no events */
	int control;       /* connection to the server, or -1 */
	struct hsm_store store;     /* when no server runs */
	struct hsm_engine *engine;  /* the same, once something is fetched */
};

struct hsm_session {
	const struct hsm_log *log;
	struct hsm_tree *trees;
};

struct hsm_file {
	struct hsm_tree *tree;
	char *path;
	int fd; /* O_RDONLY below tree->root */
};

/*
 * Find the tree of `path` and an O_PATH fd of it within any mount.  The tree is
 * the session's.  -EXDEV: in none; -ENOTCONN: its server was killed.
 */
int hsm_tree_find(struct hsm_session *session, const char *path,
		  struct hsm_tree **tree, int *fd);

/* Open what `fd` is (see hsm_tree_find) below the tree's own root. */
int hsm_tree_reopen(struct hsm_tree *tree, int fd, int flags);

/*
 * The engine of a tree that no server serves; takes the store's lock.
 * -EWOULDBLOCK: another command has it.
 */
int hsm_tree_engine(struct hsm_tree *tree, unsigned int jobs,
		    struct hsm_engine **out);

/* A request to the server, when there is one: -ENOTCONN when not. */
int hsm_tree_call(struct hsm_tree *tree, enum hsm_control_op op, int fd,
		  struct hsm_control_request *request,
		  struct hsm_control_reply *reply, int timeout_ms);

void hsm_tree_close(struct hsm_tree *tree);

#endif
