/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mounts that hsm makes: bind mounts of the store's tree. */
#ifndef HSM_LOCAL_MOUNT_H
#define HSM_LOCAL_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

/* A detached mount of the directory `fd`: a new O_PATH fd, or -errno. */
int hsm_mount_clone(int fd);

/*
 * Mount `mount_fd` (from hsm_mount_clone()) over the directory `dir`, read-only
 * if asked.  `*id` names the mount.  -errno.
 */
int hsm_mount_attach(int mount_fd, const char *dir, bool read_only,
		     uint64_t *id);

/* The id of the mount that a walk to `path` ends in. */
int hsm_mount_id(const char *path, uint64_t *id);

/*
 * 1: the directory `fd` is the root of its file system; 0: a part of it (or a
 * mount of a part); -errno.
 */
int hsm_mount_is_whole(int fd);

/* The id of the mount of the open file `fd` (O_PATH too). */
int hsm_mount_id_of(int fd, uint64_t *id);

/*
 * Mount the detached `mount_fd` on the directory `target_fd` (O_PATH), in the
 * mount of that descriptor.  -ENOSPC: the mount table is full; -errno.
 */
int hsm_mount_place(int mount_fd, int target_fd);

/*
 * Whether the mount whose root `fd` is may be bound elsewhere, or be the lower
 * directory of an overlay; such a copy has none of the mounts below it.
 */
int hsm_mount_allow_binds(int fd, bool allow);

/* Unmount `dir`, now or (busy) as soon as its last user has gone. */
int hsm_mount_detach(const char *dir);

#endif
