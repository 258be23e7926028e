// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/mtime.h"

#include <errno.h>
#include <sys/stat.h>

int hsm_mtime_set(int fd, const struct timespec *mtime)
{
	struct timespec times[2];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	times[0] = st.st_atim;
	times[1] = *mtime;
	return futimens(fd, times) < 0 ? -errno : 0;
}
