// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/still.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
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

/*
 * Whatever changes moves a time, at the latest when it is synced, which is logged.
 * (The device is written to later, too: with what was logged before.)
 */
static int count_xfs(const char *device, char text[HSM_STILL_TEXT])
{
	char path[PATH_MAX + 64], target[PATH_MAX], head[64];
	ssize_t len = readlink(device, target, sizeof(target) - 1);
	const char *name;
	int ret;

	if (len < 0)
		return -errno;
	target[len] = '\0';
	name = strrchr(target, '/');
	snprintf(path, sizeof(path), "/sys/fs/xfs/%s/log/log_head_lsn",
		 name ? name + 1 : target);
	ret = read_file(path, head, sizeof(head));
	if (ret < 0)
		return ret;
	head[strcspn(head, "\n")] = '\0';
	snprintf(text, HSM_STILL_TEXT, "log %s", head);
	return 0;
}

static int count_device(const char *device, char text[HSM_STILL_TEXT])
{
	char path[80], stat[512];
	unsigned long long sectors;
	int ret;

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
					      count_device(device, text);
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
