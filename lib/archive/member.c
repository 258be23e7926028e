// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/member.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/attr.h"
#include "archive/content.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "local/beneath.h"
#include "local/extent.h"

enum { TRIES = 8 };

/* The file of `fd` in the tree of whoever can fill it. */
static int find_file(struct hsm_archive *archive, const char *path, int fd,
		     struct hsm_file *file)
{
	HSM_FREE char *whole = NULL;
	HSM_CLOSE int found = -1;
	int ret;

	if (asprintf(&whole, "%s/%s", archive->name, path) < 0) {
		whole = NULL;
		return -ENOMEM;
	}
	ret = hsm_tree_find(archive->session, whole, &file->tree, &found);
	if (!ret)
		ret = file->fd = hsm_tree_reopen(file->tree, found, O_RDONLY |
						 O_NOATIME);
	if (ret < 0)
		return ret;
	return hsm_fd_same(fd, file->fd) ? 0 : -EXDEV;
}

/*
 * Bring what is absent of a placeholder; as long as `fd` is open nobody can
 * evict it again.  What is a hole from then on is one in the content, too.
 */
static int bring(struct hsm_archive *archive, const char *path, int fd)
{
	struct hsm_file file = { .fd = -1 };
	unsigned int flags;
	struct stat st;
	bool all = false;
	int ret = hsm_mark_read(fd, NULL, &flags);

	if (ret == -ENODATA || ret == -EOPNOTSUPP)
		return 0;
	ret = find_file(archive, path, fd, &file);
	if (!ret) {
		ret = hsm_file_hydrate(&file, 0, 0);
	} else if (fstat(fd, &st) == 0) {
		/* A copy of one, of which nobody knows: is it complete? */
		hsm_extent_all(fd, (uint64_t)st.st_size, &all);
		if (all || flags & (HSM_FLAG_DIRTY | HSM_FLAG_WHOLE))
			ret = 0;
	}
	if (file.fd >= 0)
		close(file.fd);
	return ret < 0 ? hsm_archive_fail(archive, path, ret) : 0;
}

static int write_header(struct hsm_archive *archive, struct archive_entry *entry)
{
	return archive_write_header(archive->to, entry) < ARCHIVE_WARN ?
	       hsm_archive_fail_self(archive) : 0;
}

/* A new entry for what is at `fd` (O_PATH); NULL, and -errno in `*error`. */
static struct archive_entry *describe(const char *path, int fd,
				      const struct stat *st, int *error)
{
	struct archive_entry *entry = archive_entry_new();
	char name[PATH_MAX + 3], target[PATH_MAX];
	ssize_t len = 0;

	*error = entry ? 0 : -ENOMEM;
	if (!entry)
		return NULL;
	snprintf(name, sizeof(name), "./%s", strcmp(path, ".") ? path : "");
	archive_entry_copy_stat(entry, st);
	archive_entry_copy_pathname(entry, name);
	archive_entry_unset_atime(entry);
	archive_entry_unset_ctime(entry);
	if (S_ISLNK(st->st_mode)) {
		len = readlinkat(fd, "", target, sizeof(target) - 1);
		if (len >= 0) {
			target[len] = '\0';
			archive_entry_copy_symlink(entry, target);
		}
	}
	*error = len < 0 ? -errno : hsm_archive_attr_read(fd, entry);
	if (!*error)
		return entry;
	archive_entry_free(entry);
	return NULL;
}

/* One try.  -EAGAIN: what was written is not the end of it. */
static int write_object(struct hsm_archive *archive, const char *path,
			int path_fd, int fd, bool first)
{
	struct archive_entry *entry, *rest = NULL;
	struct stat st, after;
	int ret;

	if (fstat(fd >= 0 ? fd : path_fd, &st) < 0)
		return hsm_archive_fail(archive, path, -errno);
	entry = describe(path, path_fd, &st, &ret);
	if (!entry)
		return hsm_archive_fail(archive, path, ret);
	if (first)
		archive_entry_linkify(archive->links, &entry, &rest);
	if (fd >= 0 && !archive_entry_hardlink(entry))
		hsm_archive_content_map(entry, fd, &st);
	ret = write_header(archive, entry);
	if (!ret && fd >= 0 && !archive_entry_hardlink(entry)) {
		ret = hsm_archive_content_write(archive, path, fd, entry);
		if (!ret && fstat(fd, &after) == 0 &&
		    (after.st_mtim.tv_sec != st.st_mtim.tv_sec ||
		     after.st_mtim.tv_nsec != st.st_mtim.tv_nsec))
			hsm_log(archive->log, HSM_LOG_WARNING, "%s/%s: changed "
				"while it was read: the next list has it, too",
				archive->name, path);
	}
	archive_entry_free(entry);
	return ret;
}

static bool gone(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -ELOOP ||
	       error == -ESTALE;
}

int hsm_archive_add(struct hsm_archive *archive,
		    const struct hsm_archive_item *item)
{
	const char *path = item->path;
	HSM_CLOSE int path_fd = hsm_beneath_open(archive->dir, path, O_PATH);
	HSM_CLOSE int fd = -1;
	char link[HSM_FD_LINK];
	struct stat st;
	int ret = path_fd < 0 ? path_fd : 0, tries;

	if (!ret && fstat(path_fd, &st) < 0)
		ret = -errno;
	if (ret < 0)
		return gone(ret) ? 0 : hsm_archive_fail(archive, path, ret);
	if (item->directory != S_ISDIR(st.st_mode) ||
	    (st.st_dev == archive->dev && st.st_ino == archive->ino))
		return 0;
	if (S_ISSOCK(st.st_mode)) {
		hsm_log(archive->log, HSM_LOG_WARNING,
			"%s/%s: is a socket, and left out", archive->name, path);
		return 0;
	}
	if (S_ISREG(st.st_mode)) {
		/* Of the same file, as a reader who may have to wait for it. */
		hsm_fd_link(path_fd, link);
		fd = open(link, O_RDONLY | O_NOATIME | O_CLOEXEC);
		if (fd < 0)
			return hsm_archive_fail(archive, path, -errno);
		ret = bring(archive, path, fd);
	}
	for (tries = 0; !ret && tries < TRIES; tries++) {
		ret = write_object(archive, path, path_fd, fd, !tries);
		if (ret != -EAGAIN)
			return ret;
		hsm_log(archive->log, HSM_LOG_WARNING, "%s/%s: became shorter "
			"while it was read: once more", archive->name, path);
		ret = 0;
	}
	return ret ? ret : hsm_archive_fail(archive, path, -EAGAIN);
}

int hsm_archive_add_text(struct hsm_archive *archive, const char *path,
			 const char *text, size_t len)
{
	struct archive_entry *entry = archive_entry_new();
	int ret;

	if (!entry)
		return -ENOMEM;
	archive_entry_copy_pathname(entry, path);
	archive_entry_set_mode(entry, S_IFREG | 0600);
	archive_entry_set_size(entry, (la_int64_t)len);
	archive_entry_set_mtime(entry, time(NULL), 0);
	ret = write_header(archive, entry);
	archive_entry_free(entry);
	return ret ? ret : hsm_archive_content_bytes(archive, text, len);
}
