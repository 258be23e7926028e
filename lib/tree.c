// SPDX-License-Identifier: GPL-2.0-or-later
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/fd.h"

/* The mark of the O_PATH descriptor `fd`: its store.  -ENODATA. */
static int read_store_id(int fd, uint64_t *id)
{
	uint8_t value[HSM_MARK_MAX];
	struct hsm_mark mark;
	char path[HSM_FD_LINK];
	ssize_t len;
	int ret;

	hsm_fd_link(fd, path);
	len = getxattr(path, "trusted.hsm", value, sizeof(value));
	if (len < 0)
		return -errno;
	ret = hsm_mark_decode(&mark, value, (unsigned int)len);
	*id = mark.store;
	return ret;
}

/* The directory above what `fd` is; the root of everything is its own. */
static int open_parent(int fd)
{
	char path[PATH_MAX], *slash;
	struct stat st;
	int parent;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode)) {
		parent = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		return parent < 0 ? -errno : parent;
	}
	slash = hsm_fd_path(fd, path) ? strrchr(path, '/') : NULL;
	if (!slash)
		return -EXDEV;
	slash[slash == path] = '\0';
	parent = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return parent < 0 ? -EXDEV : parent;
}

/* From `*at`, which is closed and replaced.  1: it is the root; -errno. */
static int go_up(int *at)
{
	HSM_CLOSE int parent = open_parent(*at);

	if (parent < 0)
		return parent;
	if (hsm_fd_same(*at, parent))
		return 1;
	close(*at);
	*at = hsm_steal_fd(&parent);
	return 0;
}

/*
 * Go up from `fd` until something is marked; `*top` is then an fd of it (or of
 * what is still above, for the caller to go on with).
 */
static int find_mark(int fd, uint64_t *id, int *top)
{
	HSM_CLOSE int at = dup(fd);
	int ret = 0;

	while (at >= 0 && !ret) {
		ret = read_store_id(at, id);
		if (ret != -ENODATA && ret != -EOPNOTSUPP) {
			*top = ret < 0 ? -1 : hsm_steal_fd(&at);
			return ret;
		}
		ret = go_up(&at);
	}
	return ret < 0 ? ret : -EXDEV;
}

/* Go up from the marked `top` to the store that the tree lies in. */
static int find_store(struct hsm_tree *tree, int top)
{
	HSM_CLOSE int at = dup(top);
	int ret = 0;

	while (at >= 0 && !ret) {
		ret = go_up(&at);
		if (ret < 0)
			return ret;
		if (hsm_store_open_at(&tree->store, at, ".") == 0) {
			if (tree->store.id == tree->id)
				return 0;
			hsm_store_close(&tree->store);
			return -ENOTCONN;
		}
	}
	return -ENOTCONN;
}

static int greet(struct hsm_tree *tree)
{
	const struct hsm_control_request request = {
		.version = HSM_CONTROL_VERSION, .op = HSM_CONTROL_HELLO,
	};
	struct hsm_control_reply reply;
	int ret = hsm_control_call(tree->control, &request, &reply, &tree->root,
				   30000);

	if (!ret && tree->root < 0)
		ret = -EPROTO;
	return ret;
}

static int open_tree_of(struct hsm_tree *tree, int top)
{
	int ret;

	tree->control = hsm_control_connect(tree->id);
	if (tree->control >= 0)
		return greet(tree);
	if (tree->control == -EACCES || tree->control == -EPERM)
		return tree->control;
	ret = find_store(tree, top);
	if (ret < 0)
		return ret;
	tree->root = dup(tree->store.tree);
	return tree->root < 0 ? -errno : 0;
}

void hsm_tree_close(struct hsm_tree *tree)
{
	if (tree->engine) {
		hsm_engine_stop(tree->engine);
		hsm_remote_close(tree->engine->remote);
		free(tree->engine->shared);
		free(tree->engine);
	}
	if (tree->control >= 0)
		close(tree->control);
	if (tree->root >= 0)
		close(tree->root);
	hsm_store_close(&tree->store);
	free(tree);
}

static int tree_of(struct hsm_session *session, uint64_t id, int top,
		   struct hsm_tree **out)
{
	struct hsm_tree *tree;
	int ret;

	for (tree = session->trees; tree; tree = tree->next)
		if (tree->id == id) {
			*out = tree;
			return 0;
		}
	tree = calloc(1, sizeof(*tree));
	if (!tree)
		return -ENOMEM;
	tree->id = id;
	tree->log = session->log;
	tree->root = tree->control = -1;
	tree->store = (struct hsm_store){ .fd = -1, .tree = -1, .lock = -1 };
	ret = open_tree_of(tree, top);
	if (ret < 0) {
		hsm_tree_close(tree);
		return ret;
	}
	tree->next = session->trees;
	session->trees = tree;
	*out = tree;
	return 0;
}

/*
 * DIR/a/b of a tree that is not served is DIR/.hsm/tree/a/b: an O_PATH fd, or
 * -ENOENT.
 */
static int open_unserved(const char *path)
{
	char head[PATH_MAX], inner[2 * PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(head))
		return -ENAMETOOLONG;
	strcpy(head, path);
	for (;;) {
		char *slash;
		int fd;

		snprintf(inner, sizeof(inner), "%s/.hsm/tree/%s",
			 *head ? head : path[0] == '/' ? "/" : ".",
			 path + strlen(head) + (path[strlen(head)] == '/'));
		fd = open(inner, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			return fd;
		if (!*head)
			return -ENOENT;
		slash = strrchr(head, '/');
		head[slash ? (size_t)(slash - head) : 0] = '\0';
	}
}

int hsm_tree_find(struct hsm_session *session, const char *path,
		  struct hsm_tree **tree, int *out)
{
	/* As a directory first: one that is not listed yet is listed by that. */
	HSM_CLOSE int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW |
				O_CLOEXEC);
	HSM_CLOSE int top = -1;
	uint64_t id;
	int ret;

	if (fd < 0 && errno == ENOTDIR)
		fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT)
		return -errno;
	ret = fd < 0 ? -ENOENT : find_mark(fd, &id, &top);
	/* Perhaps the path is one of a tree that nobody serves now. */
	if (ret == -ENOENT || ret == -EXDEV) {
		int inner = open_unserved(path);

		if (inner < 0)
			return ret;
		if (fd >= 0)
			close(fd);
		fd = inner;
		ret = find_mark(fd, &id, &top);
	}
	if (!ret)
		ret = tree_of(session, id, top, tree);
	if (!ret)
		*out = hsm_steal_fd(&fd);
	return ret;
}

int hsm_tree_reopen(struct hsm_tree *tree, int fd, int flags)
{
	struct hsm_handle handle;
	int ret = hsm_handle_get(fd, &handle);

	return ret < 0 ? ret : hsm_handle_open(tree->root, &handle, flags);
}

int hsm_tree_call(struct hsm_tree *tree, enum hsm_control_op op, int fd,
		  struct hsm_control_request *request,
		  struct hsm_control_reply *reply, int timeout_ms)
{
	int ret;

	if (tree->control < 0)
		return -ENOTCONN;
	request->version = HSM_CONTROL_VERSION;
	request->op = op;
	ret = fd >= 0 ? hsm_handle_get(fd, &request->handle) : 0;
	if (!ret)
		ret = hsm_control_call(tree->control, request, reply, NULL,
				       timeout_ms);
	return ret;
}

static int start_engine(struct hsm_tree *tree, struct hsm_engine *engine,
			unsigned int jobs)
{
	const struct hsm_remote_options options = {
		.netrc = true, .retries = 5, .jobs = jobs,
	};
	char error[512];
	int ret = hsm_store_lock(&tree->store);

	if (ret < 0)
		return ret;
	ret = hsm_remote_open(&engine->remote, tree->store.url, &options,
			      tree->log, error, sizeof(error));
	if (ret < 0) {
		hsm_log(tree->log, HSM_LOG_ERROR, "%s", error);
		return ret;
	}
	engine->shared = calloc(1, sizeof(*engine->shared));
	if (!engine->shared)
		return -ENOMEM;
	engine->log = tree->log;
	engine->watch = (struct hsm_watch){ -1, -1, -1, tree->root };
	engine->store_id = tree->id;
	engine->jobs = jobs;
	return hsm_engine_start(engine);
}

int hsm_tree_engine(struct hsm_tree *tree, unsigned int jobs,
		    struct hsm_engine **out)
{
	int ret;

	if (!tree->engine) {
		struct hsm_engine *engine = calloc(1, sizeof(*engine));

		if (!engine)
			return -ENOMEM;
		ret = start_engine(tree, engine, jobs ? jobs : 1);
		if (ret < 0) {
			hsm_remote_close(engine->remote);
			free(engine->shared);
			free(engine);
			return ret;
		}
		tree->engine = engine;
	}
	*out = tree->engine;
	return 0;
}
