// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hash.h"

static const char folder[] = "listed";

static uint64_t hash(const char *text)
{
	return hsm_hash(HSM_HASH, text, strlen(text));
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void map_old(struct hsm_snapshot *snapshot)
{
	int fd = openat(snapshot->dir_fd, snapshot->name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *map;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_size >= (off_t)sizeof(uint64_t)) {
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (map != MAP_FAILED) {
			snapshot->old = map;
			snapshot->old_count = (size_t)st.st_size /
					      sizeof(uint64_t);
		}
	}
	close(fd);
}

int hsm_snapshot_open(struct hsm_snapshot *snapshot, int store_fd,
		      const char *path)
{
	*snapshot = (struct hsm_snapshot){ .dir_fd = -1, .new_fd = -1 };
	snprintf(snapshot->name, sizeof(snapshot->name), "%016" PRIx64,
		 hash(path));
	snapshot->dir_fd = openat(store_fd, folder, O_RDONLY | O_DIRECTORY |
				  O_NOFOLLOW | O_CLOEXEC);
	if (snapshot->dir_fd < 0)
		return -errno;
	snapshot->new_fd = openat(snapshot->dir_fd, ".",
				  O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (snapshot->new_fd < 0) {
		int ret = -errno;

		close(snapshot->dir_fd);
		return ret;
	}
	map_old(snapshot);
	return 0;
}

bool hsm_snapshot_knows(const struct hsm_snapshot *snapshot, const char *name)
{
	uint64_t key = hash(name);

	return snapshot->old && bsearch(&key, snapshot->old, snapshot->old_count,
					sizeof(key), compare);
}

static int flush(struct hsm_snapshot *snapshot)
{
	size_t len = snapshot->buffered * sizeof(uint64_t);

	if (write(snapshot->new_fd, snapshot->buffer, len) != (ssize_t)len)
		return errno ? -errno : -ENOSPC;
	snapshot->buffered = 0;
	return 0;
}

int hsm_snapshot_add(struct hsm_snapshot *snapshot, const char *name)
{
	snapshot->buffer[snapshot->buffered++] = hash(name);
	return snapshot->buffered == HSM_SNAPSHOT_BUFFER ? flush(snapshot) : 0;
}

/* By the byte at `shift`, in place: qsort() takes as much memory once more. */
static void sort_bytes(uint64_t *keys, size_t count, int shift)
{
	size_t start[257] = { 0 }, next[256], i;
	unsigned int b;

	if (count < 64) {
		qsort(keys, count, sizeof(*keys), compare);
		return;
	}
	for (i = 0; i < count; i++)
		start[(keys[i] >> shift & 0xff) + 1]++;
	for (b = 0; b < 256; b++) {
		start[b + 1] += start[b];
		next[b] = start[b];
	}
	for (b = 0; b < 256; b++) {
		while (next[b] < start[b + 1]) {
			uint64_t key = keys[next[b]];
			unsigned int to = key >> shift & 0xff;

			keys[next[b]] = keys[next[to]];
			keys[next[to]++] = key;
		}
	}
	for (b = 0; shift && b < 256; b++)
		sort_bytes(keys + start[b], start[b + 1] - start[b], shift - 8);
}

int hsm_snapshot_finish(struct hsm_snapshot *snapshot)
{
	int ret = snapshot->buffered ? flush(snapshot) : 0;
	struct stat st;
	void *map;

	if (ret)
		return ret;
	if (fstat(snapshot->new_fd, &st) < 0)
		return -errno;
	if (!st.st_size)
		return 0;
	/* In the page cache, not in memory of ours. */
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   snapshot->new_fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	snapshot->new = map;
	snapshot->new_count = (size_t)st.st_size / sizeof(uint64_t);
	sort_bytes(map, snapshot->new_count, 56);
	return 0;
}

bool hsm_snapshot_vanished(const struct hsm_snapshot *snapshot, const char *name)
{
	uint64_t key = hash(name);

	return hsm_snapshot_knows(snapshot, name) &&
	       !(snapshot->new && bsearch(&key, snapshot->new,
					  snapshot->new_count, sizeof(key),
					  compare));
}

int hsm_snapshot_commit(struct hsm_snapshot *snapshot)
{
	char link[HSM_FD_LINK];

	hsm_fd_link(snapshot->new_fd, link);
	unlinkat(snapshot->dir_fd, snapshot->name, 0);
	if (linkat(AT_FDCWD, link, snapshot->dir_fd, snapshot->name,
		   AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return 0;
}

void hsm_snapshot_close(struct hsm_snapshot *snapshot)
{
	if (snapshot->old)
		munmap((void *)(uintptr_t)snapshot->old,
		       snapshot->old_count * sizeof(uint64_t));
	if (snapshot->new)
		munmap(snapshot->new, snapshot->new_count * sizeof(uint64_t));
	close(snapshot->new_fd);
	close(snapshot->dir_fd);
}
