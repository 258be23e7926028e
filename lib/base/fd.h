/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is behind a descriptor. */
#ifndef HSM_BASE_FD_H
#define HSM_BASE_FD_H

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * The entries of the directory `path` below `at` ("." for itself, from the first
 * one on: a descriptor of its own).  The caller closes it.  NULL and errno.
 */
DIR *hsm_fd_list(int at, const char *path);

/*
 * The next entry that is neither "." nor "..".  NULL: an error, or the end, with
 * errno 0.
 */
struct dirent *hsm_fd_entry(DIR *dir);

/*
 * The next subdirectory, open, for the caller to close; one that goes meanwhile is
 * left out.  -1: the end, or a failure in `*error` (0, -errno).
 */
int hsm_fd_subdirectory(DIR *dir, int *error);

/* Whether the directory `path` below `at` can be read, and is empty. */
bool hsm_fd_is_empty(int at, const char *path);

/*
 * Read a small file, such as those of /proc, in one go, and end it with a NUL.  Its
 * length, or -errno.
 */
ssize_t hsm_fd_text(int at, const char *path, char *text, size_t size);

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
