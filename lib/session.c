// SPDX-License-Identifier: GPL-2.0-or-later
/* Sessions, files in them, and walks over trees. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "tree.h"

int hsm_session_new(struct hsm_session **out, const struct hsm_log *log)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->log = log;
	return 0;
}

void hsm_session_free(struct hsm_session *session)
{
	while (session && session->trees) {
		struct hsm_tree *tree = session->trees;

		session->trees = tree->next;
		hsm_tree_close(tree);
	}
	free(session);
}

static int new_file(struct hsm_tree *tree, const char *path, int fd,
		    struct hsm_file **out)
{
	struct hsm_file *file = calloc(1, sizeof(*file));

	if (!file || !(file->path = strdup(path))) {
		free(file);
		return -ENOMEM;
	}
	file->tree = tree;
	file->fd = fd;
	*out = file;
	return 0;
}

/* What a command can work on: a regular file, else the reason why not. */
static int check_kind(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
}

int hsm_file_open(struct hsm_session *session, const char *path,
		  struct hsm_file **out)
{
	HSM_CLOSE int found = -1;
	HSM_CLOSE int fd = -1;
	struct hsm_tree *tree;
	int ret = hsm_tree_find(session, path, &tree, &found);

	if (!ret)
		ret = check_kind(found);
	if (ret < 0)
		return ret;
	fd = hsm_tree_reopen(tree, found, O_RDONLY | O_NOATIME);
	if (fd < 0)
		return fd;
	ret = new_file(tree, path, fd, out);
	if (!ret)
		fd = -1;
	return ret;
}

void hsm_file_close(struct hsm_file *file)
{
	if (!file)
		return;
	if (file->fd >= 0)
		close(file->fd);
	free(file->path);
	free(file);
}

const char *hsm_file_path(const struct hsm_file *file)
{
	return file->path;
}

struct walk {
	struct hsm_tree *tree;
	hsm_walk_fn fn;
	hsm_walk_failed_fn failed;
	void *arg;
};

static void report(const struct walk *walk, const char *path, int error)
{
	if (walk->failed)
		walk->failed(walk->arg, path, error);
}

static int visit(const struct walk *walk, int fd, const char *path)
{
	struct hsm_file *file;
	int ret = new_file(walk->tree, path, fd, &file);

	if (ret < 0) {
		close(fd);
		return ret;
	}
	ret = walk->fn(walk->arg, file);
	hsm_file_close(file);
	return ret;
}

static int walk_directory(const struct walk *walk, int fd, const char *path);

static int walk_entry(const struct walk *walk, int dir_fd, const char *path,
		      const struct dirent *entry)
{
	HSM_FREE char *inner = NULL;
	const char *slash = path[strlen(path) - 1] == '/' ? "" : "/";
	int fd;

	if (entry->d_type != DT_REG && entry->d_type != DT_DIR &&
	    entry->d_type != DT_UNKNOWN)
		return 0;
	if (asprintf(&inner, "%s%s%s", path, slash, entry->d_name) < 0)
		return -ENOMEM;
	fd = openat(dir_fd, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NOATIME |
		    O_CLOEXEC | (entry->d_type == DT_UNKNOWN ? O_NONBLOCK : 0));
	if (fd < 0) {
		/* Deleted meanwhile, or a link that took its name. */
		if (errno != ENOENT && errno != ELOOP)
			report(walk, inner, -errno);
		return 0;
	}
	switch (check_kind(fd)) {
	case 0:
		return visit(walk, fd, inner);
	case -EISDIR:
		return walk_directory(walk, fd, inner);
	}
	close(fd);
	return 0;
}

/* Takes `fd` over. */
static int walk_directory(const struct walk *walk, int fd, const char *path)
{
	HSM_CLOSEDIR DIR *dir = fdopendir(fd);
	struct dirent *entry;
	int ret = 0;

	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (!ret && (entry = hsm_fd_entry(dir)))
		ret = walk_entry(walk, dirfd(dir), path, entry);
	if (!ret && errno)
		report(walk, path, -errno);
	return ret;
}

int hsm_walk(struct hsm_session *session, const char *path, hsm_walk_fn fn,
	     hsm_walk_failed_fn failed, void *arg)
{
	struct walk walk = { .fn = fn, .failed = failed, .arg = arg };
	HSM_CLOSE int found = -1;
	int ret = hsm_tree_find(session, path, &walk.tree, &found);
	int fd;

	if (!ret)
		ret = check_kind(found);
	if (ret < 0 && ret != -EISDIR)
		return ret;
	fd = hsm_tree_reopen(walk.tree, found, O_RDONLY | O_NOATIME);
	if (fd < 0)
		return fd;
	return ret ? walk_directory(&walk, fd, path) : visit(&walk, fd, path);
}
