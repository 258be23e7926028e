/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening by path without ever leaving a directory. */
#ifndef HSM_LOCAL_BENEATH_H
#define HSM_LOCAL_BENEATH_H

/*
 * Open `path` ("" is the directory itself) below `dir_fd`: no symbolic link is
 * followed, no `..` leads out.  An fd, or -errno.
 */
int hsm_beneath_open(int dir_fd, const char *path, int flags);

#endif
