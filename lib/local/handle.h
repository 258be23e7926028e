/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file handle: names an inode of the tree's file system whatever its path is.
 * Handles of one file system compare with memcmp().
 */
#ifndef HSM_LOCAL_HANDLE_H
#define HSM_LOCAL_HANDLE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HSM_HANDLE_MAX 32 /* ext4 8, xfs 12, btrfs 20 (40 when connectable) */

struct hsm_handle {
	unsigned int bytes;
	int type;
	unsigned char data[HSM_HANDLE_MAX];
};

/* The handle of the open file `fd` (O_PATH too).  -EOVERFLOW, -EOPNOTSUPP. */
int hsm_handle_get(int fd, struct hsm_handle *out);

/*
 * Open the inode through the mount of `mount_fd` (a directory opened without
 * O_PATH; through a private mount the open raises no event).  Returns the fd,
 * -ESTALE when the inode is gone, -EAGAIN under a lease with O_NONBLOCK.
 */
int hsm_handle_open(int mount_fd, const struct hsm_handle *handle, int flags);

/*
 * Take a handle as the kernel writes it, at `from` with `len` bytes behind it.
 * Returns what follows it; NULL: that is no handle, and `out` is as it was.
 */
const char *hsm_handle_parse(const void *from, size_t len,
			     struct hsm_handle *out);

/* For a hash table. */
uint32_t hsm_handle_hash(const struct hsm_handle *handle);

bool hsm_handle_equal(const struct hsm_handle *a, const struct hsm_handle *b);

#endif
