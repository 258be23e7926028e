// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/extent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

enum { BATCH = 64 };

struct map {
	struct fiemap head;
	struct fiemap_extent extents[BATCH];
};

static int map_from(int fd, uint64_t off, uint64_t size, unsigned int flags,
		    struct map *map)
{
	memset(map, 0, sizeof(*map));
	map->head.fm_start = off;
	map->head.fm_length = size - off;
	map->head.fm_flags = flags;
	map->head.fm_extent_count = BATCH;
	return ioctl(fd, FS_IOC_FIEMAP, &map->head) < 0 ? -errno : 0;
}

static bool any_unwritten(const struct map *map)
{
	unsigned int i;

	for (i = 0; i < map->head.fm_mapped_extents; i++)
		if (map->extents[i].fe_flags & FIEMAP_EXTENT_UNWRITTEN)
			return true;
	return false;
}

int hsm_extent_walk(int fd, uint64_t size, hsm_extent_fn fn, void *arg)
{
	unsigned int flags = 0, i;
	struct map map;
	uint64_t off = 0;

	while (off < size) {
		int ret = map_from(fd, off, size, flags, &map);

		if (ret < 0)
			return ret;
		if (!flags && any_unwritten(&map)) {
			flags = FIEMAP_FLAG_SYNC;
			continue;
		}
		if (!map.head.fm_mapped_extents)
			return 0;
		for (i = 0; i < map.head.fm_mapped_extents; i++) {
			const struct fiemap_extent *e = &map.extents[i];
			uint64_t start = e->fe_logical > off ? e->fe_logical : off;
			uint64_t end = e->fe_logical + e->fe_length;

			if (end > size)
				end = size;
			if (start < end && !(e->fe_flags & FIEMAP_EXTENT_UNWRITTEN))
				fn(arg, start, end - start);
			if (e->fe_flags & FIEMAP_EXTENT_LAST)
				return 0;
			off = end;
		}
	}
	return 0;
}

int hsm_extent_all(int fd, uint64_t size, bool *all)
{
	struct map map;
	uint64_t off = 0;

	*all = false;
	while (off < size) {
		int ret = map_from(fd, off, size, 0, &map);
		unsigned int i;

		if (ret < 0)
			return ret;
		if (!map.head.fm_mapped_extents)
			return 0;
		for (i = 0; i < map.head.fm_mapped_extents; i++) {
			const struct fiemap_extent *e = &map.extents[i];

			if (e->fe_logical > off ||
			    e->fe_flags & FIEMAP_EXTENT_UNWRITTEN)
				return 0;
			off = e->fe_logical + e->fe_length;
		}
	}
	*all = true;
	return 0;
}

static void add(void *arg, uint64_t off, uint64_t len)
{
	(void)off;
	*(uint64_t *)arg += len;
}

int hsm_extent_resident(int fd, uint64_t size, uint64_t *bytes)
{
	*bytes = 0;
	return hsm_extent_walk(fd, size, add, bytes);
}

int hsm_extent_punch(int fd)
{
	struct stat st;
	uint64_t left, end;
	int ret;

	if (fstat(fd, &st) < 0)
		return -errno;
	/*
	 * To the end of the last block, or that block would only be zeroed; a
	 * length of the largest offset also takes what fallocate() reserved.
	 */
	end = ((uint64_t)st.st_size + 0xffff) & ~(uint64_t)0xffff;
	if (end && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			     (off_t)end) < 0)
		return -errno;
	ret = hsm_extent_resident(fd, (uint64_t)st.st_size, &left);
	return ret < 0 ? ret : left ? -EIO : 0;
}
