// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "local/mountinfo.h"

#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x00002000
#endif
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif

int hsm_mount_clone(int fd)
{
	int mount_fd = (int)syscall(SYS_open_tree, fd, "",
				    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				    AT_EMPTY_PATH);

	return mount_fd < 0 ? -errno : mount_fd;
}

int hsm_mount_id(const char *path, uint64_t *id)
{
	struct statx st;

	if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_MNT_ID, &st) < 0)
		return -errno;
	*id = st.stx_mnt_id;
	return 0;
}

int hsm_mount_is_whole(int fd)
{
	HSM_FCLOSE FILE *table = NULL;
	HSM_FREE char *text = NULL;
	struct hsm_mountinfo line;
	struct statx st;
	size_t size = 0;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
		return -errno;
	if (!(st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return 0;
	table = fopen("/proc/self/mountinfo", "re");
	if (!table)
		return -errno;
	while (hsm_mountinfo_next(table, &text, &size, &line))
		if (line.mount == st.stx_mnt_id)
			return !strcmp(line.root, "/");
	return -ENOENT;
}

int hsm_mount_id_of(int fd, uint64_t *id)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_MNT_ID, &st) < 0)
		return -errno;
	*id = st.stx_mnt_id;
	return 0;
}

int hsm_mount_place(int mount_fd, int target_fd)
{
	return syscall(SYS_move_mount, mount_fd, "", target_fd, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ?
	       -errno : 0;
}

int hsm_mount_allow_binds(int fd, bool allow)
{
	struct mount_attr attr = {
		.propagation = allow ? MS_PRIVATE : MS_UNBINDABLE,
	};

	return syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr,
		       sizeof(attr)) < 0 ? -errno : 0;
}

int hsm_mount_attach(int mount_fd, const char *dir, bool read_only, uint64_t *id)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

	if (read_only && syscall(SYS_mount_setattr, mount_fd, "", AT_EMPTY_PATH,
				 &attr, sizeof(attr)) < 0)
		return -errno;
	if (syscall(SYS_move_mount, mount_fd, "", AT_FDCWD, dir,
		    MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return hsm_mount_id(dir, id);
}

int hsm_mount_detach(const char *dir)
{
	if (umount2(dir, UMOUNT_NOFOLLOW) == 0)
		return 0;
	if (errno == EBUSY && umount2(dir, UMOUNT_NOFOLLOW | MNT_DETACH) == 0)
		return 0;
	return -errno;
}
