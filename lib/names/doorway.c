// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/doorway.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "local/seal.h"
#include "names/retired.h"

bool hsm_doorway_is_home(const struct hsm_lazy *lazy,
			 const struct hsm_door *door)
{
	return door->parent == lazy->service->mount_id;
}

void hsm_doorway_gone(struct hsm_lazy *lazy, bool at_home)
{
	if (at_home)
		atomic_fetch_sub(&lazy->shared->triggers, 1);
	/* One that came with a copied namespace was never counted. */
	else if (atomic_load(&lazy->shared->elsewhere) > 0)
		atomic_fetch_sub(&lazy->shared->elsewhere, 1);
}

int hsm_doorway_covered(const struct hsm_lazy *lazy,
			const struct hsm_door *door)
{
	const char *name;
	HSM_CLOSE int outside = hsm_door_parent(door, &name);
	HSM_CLOSE int parent = -1;
	struct hsm_handle handle;
	int fd, ret;

	if (outside < 0)
		return outside;
	ret = hsm_handle_get(outside, &handle);
	if (ret < 0)
		return ret;
	parent = hsm_handle_open(lazy->deep.root, &handle,
				 O_RDONLY | O_DIRECTORY);
	if (parent < 0)
		return parent;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
		    O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void hsm_doorway_take_looks(struct hsm_lazy *lazy,
			    const struct hsm_door *door, int fd)
{
	struct stat looks, plain, st;
	int answering, ret;

	/* Nobody closes it meanwhile. */
	pthread_mutex_lock(&lazy->lock);
	answering = hsm_frontier_answering(lazy->shared, door->device);
	ret = answering < 0 ? -1 : fstat(answering, &looks);
	pthread_mutex_unlock(&lazy->lock);
	if (ret < 0 || hsm_seal_is(&looks) || fstat(fd, &st) < 0)
		return;
	plain = st;
	hsm_seal_plain(&plain);
	if (st.st_mode != plain.st_mode || st.st_uid != plain.st_uid)
		return;
	if ((looks.st_uid != st.st_uid || looks.st_gid != st.st_gid) &&
	    fchown(fd, looks.st_uid, looks.st_gid) < 0)
		errno = 0; /* full quota: as it was */
	if (looks.st_mode != st.st_mode && fchmod(fd, looks.st_mode & 07777) < 0)
		errno = 0;
}

/* All doors of the own namespace that this server knows, for the caller to free. */
static int list_doors(const struct hsm_lazy *lazy, struct hsm_door **out,
		      size_t *count)
{
	struct hsm_door_walk walk = { .proc = lazy->proc };
	struct hsm_door *doors = NULL, *door = malloc(sizeof(*door));
	size_t room = 0;
	int ret = door ? 0 : -ENOMEM;

	*count = 0;
	while (!ret && hsm_door_next(&walk, door)) {
		if (hsm_frontier_answering(lazy->shared, door->device) < 0)
			continue;
		if (*count == room) {
			struct hsm_door *more = realloc(doors, (room + 64) *
							sizeof(*doors));

			if (!more) {
				ret = -ENOMEM;
				break;
			}
			doors = more;
			room += 64;
		}
		doors[(*count)++] = *door;
	}
	hsm_door_end(&walk);
	free(door);
	*out = doors;
	return ret;
}

/* Open a door below which nothing is left to be covered; 1: something is. */
static int open_listed(struct hsm_lazy *lazy, const struct hsm_frontier *frontier,
		       const struct hsm_door *door, int fd)
{
	bool at_home = hsm_doorway_is_home(lazy, door);
	struct hsm_handle handle;
	int ret = hsm_handle_get(fd, &handle);

	pthread_rwlock_rdlock(&lazy->frontier);
	if (!ret)
		ret = hsm_frontier_needs(frontier, fd);
	if (!ret) {
		hsm_doorway_take_looks(lazy, door, fd);
		ret = hsm_door_open(door);
	}
	pthread_rwlock_unlock(&lazy->frontier);
	if (!ret) {
		hsm_doorway_gone(lazy, at_home);
		hsm_retired_add(lazy, door->device, &handle, at_home);
	}
	return ret;
}

int hsm_doorway_open_all(struct hsm_lazy *lazy, bool lists)
{
	struct hsm_frontier frontier;
	struct hsm_door *doors;
	size_t count, i;
	int ret = list_doors(lazy, &doors, &count);

	hsm_attendant_describe(lazy->service, &frontier);
	for (i = 0; i < count; i++) {
		HSM_CLOSE int fd = hsm_doorway_covered(lazy, &doors[i]);
		int error = fd < 0 ? fd : 0;

		/* Each is looked at once more: users move directories about. */
		if (!error && lists)
			error = hsm_attendant_list(lazy, &fd, 1, NULL);
		if (!error)
			error = open_listed(lazy, &frontier, &doors[i], fd);
		if (error > 0)
			error = lists ? -EAGAIN : 0;
		/* -ESTALE: somebody else has opened it meanwhile. */
		if (error && error != -ESTALE)
			ret = error;
	}
	free(doors);
	return ret;
}
