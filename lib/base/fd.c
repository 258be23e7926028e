// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

DIR *hsm_fd_list(int at, const char *path)
{
	HSM_CLOSE int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		hsm_steal_fd(&fd);
	return dir;
}

struct dirent *hsm_fd_entry(DIR *dir)
{
	struct dirent *entry;

	do {
		errno = 0;
		entry = readdir(dir);
	} while (entry && (!strcmp(entry->d_name, ".") ||
			   !strcmp(entry->d_name, "..")));
	return entry;
}

int hsm_fd_subdirectory(DIR *dir, int *error)
{
	struct dirent *entry;

	while ((entry = hsm_fd_entry(dir))) {
		int fd;

		if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY |
			    O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0)
			return fd;
		if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			break;
	}
	*error = -errno;
	return -1;
}

bool hsm_fd_is_empty(int at, const char *path)
{
	HSM_CLOSEDIR DIR *dir = hsm_fd_list(at, path);

	return dir && !hsm_fd_entry(dir);
}

ssize_t hsm_fd_text(int at, const char *path, char *text, size_t size)
{
	HSM_CLOSE int fd = openat(at, path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);

	if (len < 0)
		return -errno;
	text[len] = '\0';
	return len;
}

void hsm_fd_link(int fd, char link[HSM_FD_LINK])
{
	snprintf(link, HSM_FD_LINK, "/proc/self/fd/%d", fd);
}

bool hsm_fd_path(int fd, char path[PATH_MAX])
{
	char link[HSM_FD_LINK];
	ssize_t len;

	hsm_fd_link(fd, link);
	errno = 0;
	len = readlink(link, path, PATH_MAX - 1);
	if (len == PATH_MAX - 1)
		errno = ENAMETOOLONG;
	if (len <= 0 || len == PATH_MAX - 1)
		return false;
	path[len] = '\0';
	return true;
}

bool hsm_fd_same(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino &&
	       x.st_dev == y.st_dev;
}
