// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/frontier.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "local/handle.h"
#include "local/mark.h"
#include "local/mount.h"
#include "local/seal.h"

/* So many directories are listed ahead together. */
enum { AHEAD = 256 };

/* Those for which there is no trigger any more, open. */
struct rest {
	int fds[AHEAD];
	unsigned int count;
};

int hsm_frontier_answering(const struct hsm_shared *shared, uint32_t device)
{
	return atomic_load(&shared->answering[minor(device)]) - 1;
}

static unsigned int flags_of(const struct hsm_frontier *frontier, int fd)
{
	struct hsm_mark mark;
	unsigned int flags;

	int ret = hsm_mark_read(fd, &mark, &flags);

	/* Made here by a user: itself it has no remote names. */
	if (ret == -ENODATA || (!ret && mark.store != frontier->store_id))
		return flags & HSM_FLAG_BELOW;
	return ret ? HSM_FLAG_UNLISTED : flags;
}

bool hsm_frontier_needs(const struct hsm_frontier *frontier, int fd)
{
	unsigned int flags = flags_of(frontier, fd);
	HSM_CLOSEDIR DIR *dir = NULL;
	int child, error = 0;

	if (flags & HSM_FLAG_UNLISTED || !(flags & HSM_FLAG_BELOW))
		return flags & HSM_FLAG_UNLISTED;
	dir = hsm_fd_list(fd, ".");
	if (!dir)
		return true;
	while ((child = hsm_fd_subdirectory(dir, &error)) >= 0) {
		flags = flags_of(frontier, child);
		close(child);
		if (flags & (HSM_FLAG_UNLISTED | HSM_FLAG_BELOW))
			return true;
	}
	if (error)
		return true;
	hsm_mark_clear(fd, HSM_FLAG_BELOW);
	return false;
}

static int remember(struct hsm_frontier_cover *cover, int mount, uint32_t device)
{
	if (cover->count == cover->room) {
		unsigned int room = cover->room ? 2 * cover->room : 64;
		int *more = realloc(cover->mounts, room * sizeof(*more));
		uint32_t *devices;

		if (!more)
			return -ENOMEM;
		cover->mounts = more;
		devices = realloc(cover->devices, room * sizeof(*devices));
		if (!devices)
			return -ENOMEM;
		cover->devices = devices;
		cover->room = room;
	}
	cover->mounts[cover->count] = mount;
	cover->devices[cover->count++] = device;
	return 0;
}

/* Put a trigger on the directory `fd`, in the mount of `door`. */
static int put_trigger(const struct hsm_frontier *frontier, int door, int fd,
		       struct hsm_frontier_cover *cover)
{
	HSM_CLOSE int mount = -1, target = -1;
	struct hsm_handle handle;
	uint32_t device;
	int answer, ret = hsm_handle_get(fd, &handle);

	if (!ret)
		ret = target = hsm_handle_open(door, &handle, O_PATH);
	if (ret >= 0)
		ret = mount = hsm_trigger_make(frontier->trigger, fd,
					       frontier->loose, &answer,
					       &device);
	if (ret < 0)
		return ret;
	/* Before anybody can walk into it. */
	atomic_store(&frontier->shared->answering[minor(device)], answer + 1);
	ret = hsm_mount_place(mount, target);
	if (!ret) {
		ret = remember(cover, mount, device);
		if (ret)
			hsm_door_unmount(mount);
	}
	if (ret) {
		atomic_store(&frontier->shared->answering[minor(device)], 0);
		close(answer);
		return ret;
	}
	hsm_steal_fd(&mount);
	return 0;
}

static bool room(const struct hsm_frontier *frontier,
		 const struct hsm_frontier_cover *cover)
{
	return atomic_load(&frontier->shared->triggers) +
	       atomic_load(&frontier->shared->elsewhere) + (int)cover->count <
	       (int)frontier->max_triggers;
}

/* Of an older version, or a power loss came before its seal. */
static void seal(int fd)
{
	unsigned int flags;

	if (hsm_mark_read(fd, NULL, &flags) == 0 && flags & HSM_FLAG_UNLISTED)
		hsm_seal_put(fd);
}

static int list_rest(const struct hsm_frontier *frontier, struct rest *rest)
{
	int ret = 0;

	if (rest->count)
		ret = frontier->ahead ? frontier->ahead(frontier->arg, rest->fds,
							rest->count) : -ENOSPC;
	while (rest->count)
		close(rest->fds[--rest->count]);
	return ret;
}

/*
 * Cover the directory `fd`, or see to it that it needs no cover; when there is
 * no room for its trigger, it goes to `rest`.
 */
static int cover_one(const struct hsm_frontier *frontier, int door, int fd,
		     struct hsm_frontier_cover *cover, struct rest *rest)
{
	int ret = -ENOSPC;

	if (!hsm_frontier_needs(frontier, fd))
		return 0;
	seal(fd);
	if (room(frontier, cover))
		ret = put_trigger(frontier, door, fd, cover);
	/* The mount table, or what we allow ourselves of it, is full. */
	if (ret != -ENOSPC && ret != -EMFILE)
		return ret;
	fd = dup(fd);
	if (fd < 0)
		return -errno;
	rest->fds[rest->count++] = fd;
	return rest->count == AHEAD ? list_rest(frontier, rest) : 0;
}

int hsm_frontier_cover_one(const struct hsm_frontier *frontier, int door, int fd,
			   struct hsm_frontier_cover *out)
{
	struct rest rest = { .count = 0 };
	int ret, late;

	*out = (struct hsm_frontier_cover){ 0 };
	ret = cover_one(frontier, door, fd, out, &rest);
	late = list_rest(frontier, &rest);
	return ret ? ret : late;
}

int hsm_frontier_cover(const struct hsm_frontier *frontier, int door,
		       const int *chain, unsigned int count,
		       struct hsm_frontier_cover *out)
{
	struct rest rest = { .count = 0 };
	unsigned int i;
	int ret = 0, late;

	*out = (struct hsm_frontier_cover){ 0 };
	for (i = 0; i < count && !ret; i++) {
		HSM_CLOSEDIR DIR *dir = hsm_fd_list(chain[i], ".");
		int fd;

		if (!dir)
			ret = -errno;
		while (!ret && (fd = hsm_fd_subdirectory(dir, &ret)) >= 0) {
			if (i + 1 == count || !hsm_fd_same(fd, chain[i + 1]))
				ret = cover_one(frontier, door, fd, out, &rest);
			close(fd);
		}
	}
	late = list_rest(frontier, &rest);
	return ret ? ret : late;
}

void hsm_frontier_keep(struct hsm_frontier_cover *cover)
{
	while (cover->count)
		close(cover->mounts[--cover->count]);
	free(cover->mounts);
	free(cover->devices);
	cover->mounts = NULL;
	cover->devices = NULL;
}

void hsm_frontier_undo(struct hsm_frontier_cover *cover)
{
	unsigned int i;

	for (i = 0; i < cover->count; i++)
		hsm_door_unmount(cover->mounts[i]);
	hsm_frontier_keep(cover);
}
