/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mtime of a file, which must not move when content comes or goes. */
#ifndef HSM_LOCAL_MTIME_H
#define HSM_LOCAL_MTIME_H

#include <time.h>

/*
 * Set the mtime of `fd`; atime stays.  Raises FAN_ATTRIB, never FAN_MODIFY: the
 * kernel (fsnotify_change()) takes a change of mtime alone for a modification,
 * and reports it without a mount, so that the private mount would not hide it.
 */
int hsm_mtime_set(int fd, const struct timespec *mtime);

#endif
