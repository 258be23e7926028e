// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/placeholder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "local/extent.h"
#include "local/mtime.h"
#include "local/seal.h"

int hsm_placeholder_renew(int fd, const struct hsm_mark *mark)
{
	struct timespec mtime;
	int ret;

	if (mark->version.size > HSM_PLACEHOLDER_MAX)
		return -EFBIG;
	/*
	 * The mark first: a size that differs from the recorded one would count
	 * as the user's own truncation after a crash between the two.
	 */
	ret = hsm_mark_write(fd, mark);
	if (!ret && ftruncate(fd, mark->version.size) < 0)
		ret = -errno;
	mtime = hsm_mark_mtime(mark);
	return ret ? ret : hsm_mtime_set(fd, &mtime);
}

int hsm_placeholder_emptied(int fd, const struct hsm_mark *mark)
{
	struct timespec mtime = hsm_mark_mtime(mark);
	int ret = hsm_mtime_set(fd, &mtime);

	return ret ? ret : hsm_mark_clear(fd, HSM_FLAG_EMPTY);
}

int hsm_placeholder_empty(int fd, const struct hsm_mark *mark)
{
	int ret = hsm_mark_set(fd, HSM_FLAG_EMPTY), after;

	/* Holes are no longer content; then they may come. */
	if (!ret)
		ret = hsm_mark_clear(fd, HSM_FLAG_WHOLE);
	if (!ret)
		ret = hsm_extent_punch(fd);
	after = hsm_placeholder_emptied(fd, mark);
	return ret ? ret : after;
}

int hsm_placeholder_create(int dir_fd, const char *name,
			   const struct hsm_mark *mark, mode_t mode)
{
	HSM_CLOSE int fd = openat(dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC,
				  0600);
	char link[HSM_FD_LINK];
	int ret;

	if (fd < 0)
		return -errno;
	ret = hsm_placeholder_renew(fd, mark);
	if (ret < 0)
		return ret;
	if (fchmod(fd, mode ? mode : 0644) < 0)
		return -errno;
	hsm_fd_link(fd, link);
	if (linkat(AT_FDCWD, link, dir_fd, name, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return 0;
}

/* Flags before the mark: what has a mark has its flags, too. */
static int mark_directory(int fd, const struct hsm_mark *mark,
			  unsigned int flags)
{
	int ret = 0;

	if (flags & HSM_FLAG_UNLISTED)
		ret = hsm_mark_set(fd, HSM_FLAG_UNLISTED);
	if (!ret && flags & HSM_FLAG_BELOW)
		ret = hsm_mark_set(fd, HSM_FLAG_BELOW);
	return ret ? ret : hsm_mark_write(fd, mark);
}

/* What is sealed was made by us, whoever else makes directories here. */
static bool needs_repair(int fd, bool repair)
{
	struct stat st;

	return repair || (fstat(fd, &st) == 0 && hsm_seal_is(&st));
}

int hsm_placeholder_mkdir(int dir_fd, const char *name,
			  const struct hsm_mark *mark, unsigned int flags,
			  bool repair, bool *made)
{
	bool sealed = flags & HSM_FLAG_UNLISTED;
	HSM_CLOSE int fd = -1;
	unsigned int old;
	int ret = sealed ? hsm_seal_mkdir(dir_fd, name) :
		  mkdirat(dir_fd, name, 0755) < 0 ? -errno : 0;

	*made = !ret;
	if (ret && ret != -EEXIST)
		return ret;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP ? -ENOTDIR : -errno;
	ret = 0;
	if (*made || (needs_repair(fd, repair) &&
		      hsm_mark_read(fd, NULL, &old) == -ENODATA)) {
		ret = mark_directory(fd, mark, flags);
		if (!ret && sealed)
			ret = hsm_seal_put(fd);
	}
	return ret ? ret : hsm_steal_fd(&fd);
}
