// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/lease.h"

#include <errno.h>
#include <fcntl.h>

int hsm_lease_take(int fd)
{
	return fcntl(fd, F_SETLEASE, F_WRLCK) < 0 ? -errno : 0;
}

void hsm_lease_release(int fd)
{
	fcntl(fd, F_SETLEASE, F_UNLCK);
}

bool hsm_lease_whole(int fd)
{
	return fcntl(fd, F_GETLEASE) == F_WRLCK;
}

bool hsm_lease_writer(int fd)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
		return true;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	return false;
}
