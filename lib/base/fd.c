// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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
