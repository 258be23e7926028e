// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/door.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "local/mount.h"

static FILE *open_table(int proc)
{
	int fd = openat(proc, "thread-self/mountinfo", O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (!file && fd >= 0)
		close(fd);
	return file;
}

bool hsm_door_next(struct hsm_door_walk *walk, struct hsm_door *out)
{
	struct hsm_mountinfo *line = &walk->line;

	if (!walk->file)
		walk->file = open_table(walk->proc);
	while (walk->file && hsm_mountinfo_next(walk->file, &walk->text,
						&walk->size, line)) {
		if (!line->trigger)
			continue;
		out->mount = line->mount;
		out->parent = line->parent;
		out->device = (uint32_t)line->device;
		strcpy(out->path, line->path);
		return true;
	}
	return false;
}

void hsm_door_end(struct hsm_door_walk *walk)
{
	if (walk->file)
		fclose(walk->file);
	free(walk->text);
	walk->file = NULL;
	walk->text = NULL;
}

int hsm_door_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

int hsm_door_devices(int proc, uint32_t **out, size_t *count)
{
	struct hsm_door_walk walk = { .proc = proc };
	HSM_FREE struct hsm_door *door = malloc(sizeof(*door));
	HSM_FREE uint32_t *all = NULL;
	size_t room = 0;

	*count = 0;
	while (door && hsm_door_next(&walk, door)) {
		if (*count == room) {
			uint32_t *more = realloc(all, (2 * room + 64) *
						      sizeof(*all));

			if (!more) {
				hsm_door_end(&walk);
				return -ENOMEM;
			}
			all = more;
			room = 2 * room + 64;
		}
		all[(*count)++] = door->device;
	}
	hsm_door_end(&walk);
	if (!door)
		return -ENOMEM;
	if (all)
		qsort(all, *count, sizeof(*all), hsm_door_compare);
	*out = all;
	all = NULL;
	return 0;
}

int hsm_door_parent(const struct hsm_door *door, const char **name)
{
	HSM_CLOSE int fd = -1;
	const char *slash = strrchr(door->path, '/');
	char path[PATH_MAX];
	uint64_t id;
	int ret;

	if (!slash || !slash[1])
		return -ESTALE;
	snprintf(path, sizeof(path), "%.*s",
		 slash == door->path ? 1 : (int)(slash - door->path),
		 door->path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -ESTALE;
	ret = hsm_mount_id_of(fd, &id);
	if (ret < 0 || id != door->parent)
		return -ESTALE;
	*name = slash + 1;
	return hsm_steal_fd(&fd);
}

int hsm_door_unmount(int fd)
{
	int ret = 0;

	/* By the working directory: no path can lead to another mount. */
	if (fchdir(fd) < 0 || umount2(".", MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		ret = -errno;
	if (chdir("/") < 0 && !ret)
		ret = -errno;
	return ret;
}

int hsm_door_open(const struct hsm_door *door)
{
	HSM_CLOSE int fd = open(door->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	uint64_t id;
	int ret;

	if (fd < 0 || hsm_mount_id_of(fd, &id) < 0 || id != door->mount)
		return -ESTALE;
	ret = hsm_door_unmount(fd);
	/* Not mounted any more: somebody else has just done it. */
	return ret == -EINVAL ? -ESTALE : ret;
}
