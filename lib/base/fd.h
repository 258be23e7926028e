/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is behind a descriptor. */
#ifndef HSM_BASE_FD_H
#define HSM_BASE_FD_H

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>

/*
 * The entries of the directory `path` below `at` ("." for itself, from the first
 * one on: a descriptor of its own).  The caller closes it.  NULL and errno.
 */
DIR *hsm_fd_list(int at, const char *path);

/*
 * The kernel's path of `fd`, from the root of its mount, or of the file system
 * when it cannot be reached from there.  False and errno: ENAMETOOLONG, or 0 or
 * whatever readlink(2) says.
 */
bool hsm_fd_path(int fd, char path[PATH_MAX]);

/* Its name below /proc, for calls that take no O_PATH descriptor but a path. */
enum { HSM_FD_LINK = 32 };
void hsm_fd_link(int fd, char link[HSM_FD_LINK]);

/* Whether both are open on the same file. */
bool hsm_fd_same(int a, int b);

#endif
