// SPDX-License-Identifier: GPL-2.0-or-later
/* A tree listed again, or to its end: by its server, or here when none runs. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "names/crew.h"
#include "names/deep.h"
#include "tree.h"

/* The remote directory that the local one came from. */
static int origin_of(struct hsm_tree *tree, int found, char *origin)
{
	HSM_CLOSE int fd = hsm_tree_reopen(tree, found, O_RDONLY | O_DIRECTORY);
	struct hsm_mark mark;
	unsigned int flags;
	int ret;

	if (fd < 0)
		return fd;
	ret = hsm_mark_read(fd, &mark, &flags);
	if (!ret)
		strcpy(origin, mark.origin);
	return ret;
}

static bool is_lazy(const struct hsm_tree *tree)
{
	return tree->store.lazy && !tree->store.listed;
}

static int list_again(const struct hsm_tree *tree,
		      const struct hsm_engine *engine, const char *path)
{
	struct hsm_crawl crawl = {
		.log = tree->log, .remote = engine->remote,
		.store_fd = tree->store.fd, .tree = tree->root,
		.store_id = tree->id, .jobs = 8, .from = path,
		/* What nobody is served cannot be seen without a trigger. */
		.lazy = is_lazy(tree), .grows = true,
	};

	return hsm_crawl_run(&crawl);
}

static int list_missing(struct hsm_tree *tree, const struct hsm_engine *engine,
			int found)
{
	HSM_CLOSE int fd = hsm_tree_reopen(tree, found, O_RDONLY | O_DIRECTORY);
	struct hsm_deep deep = {
		.log = tree->log, .remote = engine->remote,
		.store_fd = tree->store.fd, .root = tree->root,
		.store_id = tree->id, .jobs = 8, .crew = hsm_crew_new(),
	};

	if (fd < 0)
		return fd;
	return deep.crew ? hsm_deep_run(&deep, &fd, 1) : -ENOMEM;
}

static int list(struct hsm_session *session, const char *path,
		unsigned int what)
{
	struct hsm_control_request request = { .off = what };
	struct hsm_control_reply reply;
	struct hsm_engine *engine;
	HSM_CLOSE int found = -1;
	struct hsm_tree *tree;
	int ret = hsm_tree_find(session, path, &tree, &found);

	if (!ret)
		ret = origin_of(tree, found, request.path);
	if (!ret)
		ret = hsm_tree_call(tree, HSM_CONTROL_LIST, -1, &request, &reply,
				    -1);
	if (ret != -ENOTCONN)
		return ret;
	if (!is_lazy(tree))
		what &= ~HSM_CONTROL_MISSING;
	if (!what)
		return 0;
	ret = hsm_tree_engine(tree, 0, &engine);
	if (!ret && what & HSM_CONTROL_AGAIN)
		ret = list_again(tree, engine, request.path);
	if (!ret && what & HSM_CONTROL_MISSING)
		ret = list_missing(tree, engine, found);
	return ret;
}

int hsm_tree_list(struct hsm_session *session, const char *path)
{
	return list(session, path, HSM_CONTROL_AGAIN | HSM_CONTROL_MISSING);
}

int hsm_tree_refresh(struct hsm_session *session, const char *path)
{
	return list(session, path, HSM_CONTROL_AGAIN);
}

int hsm_tree_complete(struct hsm_session *session, const char *path)
{
	return list(session, path, HSM_CONTROL_MISSING);
}
