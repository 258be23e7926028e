// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/store.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "local/mark.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

static const char link_name[] = ".hsm";

int hsm_store_check_fs(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return -errno;
	switch ((unsigned long)fs.f_type) {
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
		return 0;
	}
	return -EOPNOTSUPP;
}

static int read_config(struct hsm_store *store)
{
	char text[4096];
	ssize_t len = hsm_fd_text(store->fd, "config", text, sizeof(text));
	unsigned int format;

	if (len < 0)
		return len == -ENOENT ? -EBADMSG : (int)len;
	if (sscanf(text, "format %u\nid %" SCNx64 "\nurl %2047[^\n]\n", &format,
		   &store->id, store->url) != 3 || format != 1)
		return -EBADMSG;
	store->listed = faccessat(store->fd, "listed.done", F_OK, 0) == 0;
	store->lazy = faccessat(store->fd, "lazy", F_OK, 0) == 0;
	return 0;
}

int hsm_store_open_at(struct hsm_store *store, int dir_fd, const char *path)
{
	int ret;

	*store = (struct hsm_store){ .fd = -1, .tree = -1, .lock = -1 };
	store->fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->fd < 0)
		return -errno;
	ret = read_config(store);
	if (!ret) {
		store->tree = openat(store->fd, "tree", O_RDONLY | O_DIRECTORY |
				     O_CLOEXEC | O_NOFOLLOW);
		if (store->tree < 0)
			ret = -errno;
	}
	if (ret)
		hsm_store_close(store);
	return ret;
}

int hsm_store_open(struct hsm_store *store, const char *dir)
{
	HSM_CLOSE int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*store = (struct hsm_store){ .fd = -1, .tree = -1, .lock = -1 };
	return dir_fd < 0 ? -errno : hsm_store_open_at(store, dir_fd, link_name);
}

static int write_file(int dir_fd, const char *name, const char *text)
{
	char temporary[64];
	int fd, ret = 0;

	snprintf(temporary, sizeof(temporary), "%s.new", name);
	fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ret = errno ? -errno : -ENOSPC;
	if (!ret && fsync(fd) < 0)
		ret = -errno;
	close(fd);
	if (!ret && renameat(dir_fd, temporary, dir_fd, name) < 0)
		ret = -errno;
	if (!ret && fsync(dir_fd) < 0)
		ret = -errno;
	return ret;
}

static int mark_root(struct hsm_store *store)
{
	struct hsm_mark mark = { .store = store->id };

	return hsm_mark_write(store->tree, &mark);
}

/* 1: it was there before. */
static int make_directory(int dir_fd, const char *name, mode_t mode)
{
	if (mkdirat(dir_fd, name, mode) == 0)
		return 0;
	return errno == EEXIST ? 1 : -errno;
}

static int fill_in(struct hsm_store *store, const char *url)
{
	char text[4096];
	int ret;

	if (getrandom(&store->id, sizeof(store->id), 0) != sizeof(store->id))
		return -EIO;
	ret = make_directory(store->fd, "tree", 0755);
	if (ret >= 0)
		ret = make_directory(store->fd, "listed", 0700);
	if (ret < 0)
		return ret;
	store->tree = openat(store->fd, "tree",
			     O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->tree < 0)
		return -errno;
	ret = mark_root(store);
	/* Durable before the config, which says that all of it is there. */
	if (!ret && (fsync(store->tree) < 0 || fsync(store->fd) < 0))
		ret = -errno;
	if (ret < 0)
		return ret;
	snprintf(store->url, sizeof(store->url), "%s", url);
	snprintf(text, sizeof(text), "format 1\nid %016" PRIx64 "\nurl %s\n",
		 store->id, url);
	return write_file(store->fd, "config", text);
}

/* Whether the directory `name` in `dir_fd` has only the names of `known`. */
static bool has_only(int dir_fd, const char *name, const char *const *known)
{
	HSM_CLOSEDIR DIR *dir = hsm_fd_list(dir_fd, name);
	struct dirent *entry;
	size_t i;

	if (!dir)
		return errno == ENOENT;
	while ((entry = hsm_fd_entry(dir))) {
		for (i = 0; known[i] && strcmp(entry->d_name, known[i]); i++)
			;
		if (!known[i])
			return false;
	}
	return true;
}

/* Whether `fd` is what a power loss left of a store that was being made. */
static bool is_unfinished(int fd)
{
	static const char *const made[] = {
		"tree", "listed", "config.new", NULL,
	};
	static const char *const nothing[] = { NULL };

	return has_only(fd, ".", made) && has_only(fd, "tree", nothing) &&
	       has_only(fd, "listed", nothing);
}

bool hsm_store_unfinished(const char *dir)
{
	HSM_CLOSE int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	HSM_CLOSE int fd = openat(dir_fd, link_name,
				  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	/* A link to a store that is not there was made before the store. */
	if (fd < 0)
		return errno == ENOENT &&
		       fstatat(dir_fd, link_name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	return is_unfinished(fd);
}

/* The link `.hsm` to `path`; one that a power loss left is fine. */
static int make_link(int dir_fd, const char *path)
{
	char target[PATH_MAX];
	ssize_t len;

	if (symlinkat(path, dir_fd, link_name) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	len = readlinkat(dir_fd, link_name, target, sizeof(target));
	if (len != (ssize_t)strlen(path) || memcmp(target, path, (size_t)len))
		return -EEXIST;
	return 0;
}

int hsm_store_create(struct hsm_store *store, const char *dir, const char *path,
		     const char *url)
{
	HSM_CLOSE int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int before, ret;

	*store = (struct hsm_store){ .fd = -1, .tree = -1, .lock = -1 };
	if (dir_fd < 0)
		return -errno;
	if (strlen(url) >= sizeof(store->url))
		return -ENAMETOOLONG;
	before = make_directory(dir_fd, path ? path : link_name, 0700);
	if (before < 0)
		return before;
	store->fd = openat(dir_fd, path ? path : link_name,
			   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = store->fd < 0 ? -errno : is_unfinished(store->fd) ? 0 : -EEXIST;
	if (!ret && path)
		ret = make_link(dir_fd, path);
	if (!ret)
		ret = fill_in(store, url);
	if (!ret && fsync(dir_fd) < 0)
		ret = -errno;
	if (!ret)
		return 0;
	hsm_store_close(store);
	if (!before)
		hsm_store_remove(dir, path);
	return ret;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path) < 0 ? -errno : 0;
}

int hsm_store_remove(const char *dir, const char *path)
{
	char link[PATH_MAX];
	int ret;

	if (snprintf(link, sizeof(link), "%s/%s", dir, link_name) >=
	    (int)sizeof(link))
		return -ENAMETOOLONG;
	ret = nftw(path ? path : link, remove_one, 32,
		   FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	if (!ret && path && unlink(link) < 0)
		ret = -errno;
	return ret;
}

void hsm_store_close(struct hsm_store *store)
{
	if (store->lock >= 0)
		close(store->lock);
	if (store->tree >= 0)
		close(store->tree);
	if (store->fd >= 0)
		close(store->fd);
	store->fd = store->tree = store->lock = -1;
}

int hsm_store_lock(struct hsm_store *store)
{
	HSM_CLOSE int fd = openat(store->fd, "lock",
				  O_RDONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	store->lock = hsm_steal_fd(&fd);
	return 0;
}

int hsm_store_set_listed(struct hsm_store *store)
{
	int ret;

	if (syncfs(store->tree) < 0)
		return -errno;
	ret = write_file(store->fd, "listed.done", "");
	if (!ret)
		store->listed = true;
	return ret;
}

int hsm_store_set_lazy(struct hsm_store *store)
{
	int ret = 0;

	if (store->lazy)
		return 0;
	if (!hsm_fd_is_empty(store->tree, "."))
		return -ENOTEMPTY;
	ret = hsm_mark_set(store->tree, HSM_FLAG_UNLISTED);
	if (!ret)
		ret = hsm_mark_set(store->tree, HSM_FLAG_BELOW);
	if (!ret && fsync(store->tree) < 0)
		ret = -errno;
	if (!ret)
		ret = write_file(store->fd, "lazy", "");
	if (!ret)
		store->lazy = true;
	return ret;
}
