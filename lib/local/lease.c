// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

/* SIGIO would end a process that does not expect it; SIGURG is ignored. */
static void choose_signal(int fd)
{
	fcntl(fd, F_SETSIG, SIGURG);
}

int hsm_lease_take(int fd)
{
	choose_signal(fd);
	return fcntl(fd, F_SETLEASE, F_WRLCK) < 0 ? -errno : 0;
}

void hsm_lease_release(int fd)
{
	fcntl(fd, F_SETLEASE, F_UNLCK);
}

bool hsm_lease_writer(int fd)
{
	choose_signal(fd);
	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
		return true;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	return false;
}
