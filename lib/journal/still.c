// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/still.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/cleanup.h"

static int read_file(const char *path, char *text, size_t size)
{
	HSM_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);

	if (len < 0)
		return -errno;
	text[len] = '\0';
	return 0;
}

static int count_btrfs(int fd, char text[HSM_STILL_TEXT])
{
	struct btrfs_ioctl_fs_info_args info = {
		.flags = BTRFS_FS_INFO_FLAG_GENERATION,
	};

	if (ioctl(fd, BTRFS_IOC_FS_INFO, &info) < 0)
		return -errno;
	if (!(info.flags & BTRFS_FS_INFO_FLAG_GENERATION))
		return -EOPNOTSUPP;
	snprintf(text, HSM_STILL_TEXT, "generation %llu",
		 (unsigned long long)info.generation);
	return 0;
}

/* The name that the kernel has for a block device, in `target`. */
static const char *name_of(const char *device, char target[PATH_MAX])
{
	ssize_t len = readlink(device, target, PATH_MAX - 1);
	char *name;

	target[len < 0 ? 0 : len] = '\0';
	name = strrchr(target, '/');
	return name ? name + 1 : target;
}

/*
 * Whatever changes moves a time, at the latest when it is synced, which is logged.
 * (The device is written to later, too: with what was logged before.)
 */
static int count_xfs(const char *device, char text[HSM_STILL_TEXT])
{
	char path[PATH_MAX + 64], target[PATH_MAX], head[64];
	int ret;

	snprintf(path, sizeof(path), "/sys/fs/xfs/%s/log/log_head_lsn",
		 name_of(device, target));
	ret = read_file(path, head, sizeof(head));
	if (ret < 0)
		return ret;
	head[strcspn(head, "\n")] = '\0';
	snprintf(text, HSM_STILL_TEXT, "log %s", head);
	return 0;
}

/*
 * Whether what changes is written to the device itself: not first to a journal on
 * another one.  (jbd2_journal_init_inode() makes the entry; 8: EXT4_JOURNAL_INO.)
 */
static bool has_own_journal(const char *name)
{
	char path[PATH_MAX + 64], task[32] = "";

	snprintf(path, sizeof(path), "/sys/fs/ext4/%s/journal_task", name);
	if (read_file(path, task, sizeof(task)) == 0 &&
	    !strncmp(task, "<none>", 6))
		return true;
	snprintf(path, sizeof(path), "/proc/fs/jbd2/%s-8", name);
	return access(path, F_OK) == 0;
}

static int count_ext4(const char *device, char text[HSM_STILL_TEXT])
{
	char path[80], target[PATH_MAX], stat[512];
	unsigned long long sectors;
	int ret;

	if (!has_own_journal(name_of(device, target)))
		return -EOPNOTSUPP;
	snprintf(path, sizeof(path), "%s/stat", device);
	ret = read_file(path, stat, sizeof(stat));
	if (ret < 0)
		return ret;
	/* 4 fields of reads, writes (a flush is one), merged, sectors */
	if (sscanf(stat, "%*u %*u %*u %*u %*u %*u %llu", &sectors) != 1)
		return -EOPNOTSUPP;
	snprintf(text, HSM_STILL_TEXT, "sectors %llu", sectors);
	return 0;
}

int hsm_still_count(int fd, char text[HSM_STILL_TEXT])
{
	char device[64];
	struct statfs fs;
	struct stat st;

	if (syncfs(fd) < 0 || fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return -errno;
	snprintf(device, sizeof(device), "/sys/dev/block/%u:%u",
		 major(st.st_dev), minor(st.st_dev));
	return fs.f_type == BTRFS_SUPER_MAGIC ? count_btrfs(fd, text) :
	       fs.f_type == XFS_SUPER_MAGIC ? count_xfs(device, text) :
	       fs.f_type == EXT4_SUPER_MAGIC ? count_ext4(device, text) :
					       -EOPNOTSUPP;
}

static void path_of(uint64_t id, char path[64])
{
	snprintf(path, 64, "/run/hsm/%016" PRIx64 ".still", id);
}

int hsm_still_keep(uint64_t id, const char *text)
{
	size_t len = strlen(text);
	HSM_CLOSE int fd = -1;
	char path[64];

	path_of(id, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	return write(fd, text, len) == (ssize_t)len ? 0 : -EIO;
}

int hsm_still_take(uint64_t id, char *text, unsigned int size)
{
	char path[64];
	int ret;

	path_of(id, path);
	ret = read_file(path, text, size);
	unlink(path);
	return ret;
}
