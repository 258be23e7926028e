/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Seals: what keeps everyone out of a directory whose names are not here, at
 * each place that no trigger covers (a bind has none of the mounts below it).
 *
 * A sealed directory belongs to a user that the mount over DIR does not map, nor
 * does any copy of that mount: idmapped mounts hand their map on.  The kernel
 * lets nobody be privileged over the files of such a user, root no more than
 * others: walking into the directory, opening it and changing it are EACCES,
 * removing and renaming it EOVERFLOW.  stat(2) shows it, as nobody's and without
 * permissions.  Measured on 6.18, ext4, xfs and btrfs.
 *
 * A mount that is not mapped (our own, the store's) shows what is below to root.
 */
#ifndef HSM_LOCAL_SEAL_H
#define HSM_LOCAL_SEAL_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * Let the detached mount `mount_fd` map all users but the one of the seals.
 * -EPERM, -ENOSPC (no user namespaces), -EINVAL (no idmapped mounts); -errno.
 */
int hsm_seal_mount(int mount_fd);

/*
 * Make the directory `name`, sealed from the start, as mkdirat() would.  0 or
 * -errno.  A thread that cannot be another user makes it without a seal: call
 * hsm_seal_put() as well.
 */
int hsm_seal_mkdir(int dir_fd, const char *name);

/* Seal the directory `fd`; one that is sealed stays so. */
int hsm_seal_put(int fd);

/*
 * Break the seal of the directory `fd`, if it has one: it is root's, 0755.  Only
 * when all of its names are here.
 */
int hsm_seal_break(int fd);

/* Whether `st` is of a sealed directory. */
bool hsm_seal_is(const struct stat *st);

/* `st` as it is after a seal was broken, and not changed since. */
void hsm_seal_plain(struct stat *st);

#endif
