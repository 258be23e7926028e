// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/opened.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "journal/subject.h"
#include "local/mark.h"

/* Whether `name` in the directory `above` is the file. */
static bool is_there(int above, const char *name, const struct stat *st)
{
	struct stat there;

	return fstatat(above, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       there.st_ino == st->st_ino && there.st_dev == st->st_dev;
}

/*
 * The directory that the file was opened in, by the path that the kernel has for
 * this very opening: with hard links there may be others.  It is a path of the
 * opener's mount, and of no use when that is not one of ours.  -ENOENT.
 */
static int open_above(int fd, const struct stat *st, struct hsm_opened *out)
{
	char *slash;
	int above;

	if (!hsm_fd_path(fd, out->path))
		return -ENOENT;
	slash = strrchr(out->path, '/');
	if (!slash || out->path[0] != '/')
		return -ENOENT;
	*slash = '\0';
	above = open(slash == out->path ? "/" : out->path,
		     O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (above < 0 || !is_there(above, slash + 1, st)) {
		if (above >= 0)
			close(above);
		return -ENOENT;
	}
	out->record.name = slash + 1;
	out->record.name_len = (uint16_t)strlen(slash + 1);
	return above;
}

/* The same through our own mount, where the file has one name only. */
static int open_above_private(int root, const struct stat *st,
			      struct hsm_opened *out)
{
	HSM_CLOSE int fd = hsm_handle_open(root, &out->record.inode, O_PATH);
	HSM_FREE char *path = NULL;
	char *slash;
	int above;

	if (st->st_nlink != 1 || fd < 0)
		return -ENOENT;
	path = hsm_subject_path(root, fd);
	if (!path)
		return -ENOENT;
	strcpy(out->path, path);
	slash = strrchr(out->path, '/');
	if (slash)
		*slash = '\0';
	above = openat(root, slash ? out->path : ".",
		       O_PATH | O_DIRECTORY | O_CLOEXEC);
	out->record.name = slash ? slash + 1 : out->path;
	out->record.name_len = (uint16_t)strlen(out->record.name);
	return above < 0 ? -ENOENT : above;
}

/* A directory is found by its handle wherever it is. */
static bool inside(int root, const struct hsm_handle *handle)
{
	HSM_CLOSE int fd = hsm_handle_open(root, handle, O_PATH | O_DIRECTORY);
	HSM_FREE char *path = NULL;

	if (fd < 0)
		return true;
	errno = 0;
	path = hsm_subject_path(root, fd);
	return path || errno == ENAMETOOLONG;
}

static struct timespec birth(int fd)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) < 0 ||
	    !(st.stx_mask & STATX_BTIME))
		return (struct timespec){ 0 };
	return (struct timespec){ st.stx_btime.tv_sec, st.stx_btime.tv_nsec };
}

int hsm_opened_describe(int root, bool whole, int fd, struct hsm_opened *out)
{
	struct hsm_record *record = &out->record;
	HSM_CLOSE int above = -1;
	unsigned int flags;
	struct stat st;
	int ret;

	*record = (struct hsm_record){
		.what = HSM_RECORD_MODIFY | HSM_RECORD_INTENT,
	};
	ret = hsm_handle_get(fd, &record->inode);
	if (ret < 0)
		return ret;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* A crash must not leave it in doubt who wrote into what can be evicted. */
	out->born = hsm_mark_read(fd, NULL, &flags) == -ENODATA ? birth(fd) :
		    (struct timespec){ 0 };
	if (st.st_nlink)
		above = open_above(fd, &st, out);
	if (st.st_nlink && above < 0)
		above = open_above_private(root, &st, out);
	if (above < 0 || hsm_handle_get(above, &record->parent) < 0) {
		record->parent.bytes = 0;
		record->name_len = 0;
		return 1;
	}
	return whole || inside(root, &record->parent);
}
