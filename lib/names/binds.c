// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/binds.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "engine/task.h"
#include "local/beneath.h"
#include "local/binding.h"
#include "names/attendant.h"
#include "names/doorway.h"
#include "names/retired.h"

/* A pause after each look, so many times as long: it may be a long table. */
enum { PAUSE = 9, PAUSE_MAX_MS = 1000, LOOK_MS = 1000 };

struct hsm_binds {
	struct hsm_lazy *lazy;
	/* Mounts below which all is covered; with the lock of the frontier. */
	uint64_t *known;
	size_t count;
	/* Triggers on binds, until they are opened or gone. */
	pthread_mutex_t lock;
	uint32_t *devices;
	size_t device_count, device_room;
};

static int ahead(void *arg, const int *fds, unsigned int count)
{
	return hsm_attendant_list(arg, fds, count, NULL);
}

static bool is_known(const struct hsm_binds *binds, uint64_t unique)
{
	size_t i;

	for (i = 0; i < binds->count; i++)
		if (binds->known[i] == unique)
			return true;
	return false;
}

static int learn(struct hsm_binds *binds, uint64_t unique)
{
	uint64_t *more;

	if (is_known(binds, unique))
		return 0;
	more = realloc(binds->known, (binds->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	more[binds->count++] = unique;
	binds->known = more;
	return 0;
}

/* The same directory, in the mount without events and triggers. */
static int open_inside(const struct hsm_lazy *lazy, int fd)
{
	struct hsm_handle handle;
	int ret = hsm_handle_get(fd, &handle);

	return ret ? ret : hsm_handle_open(lazy->deep.root, &handle,
					   O_RDONLY | O_DIRECTORY);
}

/* A bind that nobody has covered: what is below its root gets triggers. */
static int cover_bind(struct hsm_lazy *lazy, int root)
{
	HSM_CLOSE int inside = open_inside(lazy, root), door = -1;
	struct hsm_frontier_cover cover;
	struct hsm_frontier frontier;
	char error[512] = "";
	int ret = inside;

	/* A bind of what was sealed: nobody has walked into it. */
	if (ret >= 0)
		ret = hsm_deep_list(&lazy->deep, inside, error, sizeof(error));
	if (!ret)
		door = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!ret && door < 0)
		ret = -errno;
	if (ret)
		return ret;
	hsm_attendant_describe(lazy->service, &frontier);
	frontier.loose = true;
	frontier.ahead = ahead;
	frontier.arg = lazy;
	ret = hsm_frontier_cover(&frontier, door, &inside, 1, &cover);
	if (ret) {
		hsm_frontier_undo(&cover);
		return ret;
	}
	atomic_fetch_add(&lazy->shared->elsewhere, (int)cover.count);
	hsm_binds_note(lazy, cover.devices, cover.count);
	hsm_frontier_keep(&cover);
	return 0;
}

static int look_at(struct hsm_binds *binds, const struct hsm_binding *binding)
{
	struct hsm_lazy *lazy = binds->lazy;
	uint64_t unique;
	HSM_CLOSE int root = hsm_binding_open(binding, &unique);
	int ret = 0;

	/* Not a directory, or something else is above it. */
	if (root < 0)
		return 0;
	pthread_rwlock_rdlock(&lazy->frontier);
	if (!is_known(binds, unique)) {
		/* The server's own, or a copy with all that is below. */
		if (binding->mount != lazy->service->mount_id &&
		    !binding->triggers)
			ret = cover_bind(lazy, root);
		/* Only this thread learns: for it, to read is enough. */
		if (!ret)
			ret = learn(binds, unique);
	}
	pthread_rwlock_unlock(&lazy->frontier);
	return ret;
}

void hsm_binds_note(struct hsm_lazy *lazy, const uint32_t *devices,
		    unsigned int count)
{
	struct hsm_binds *binds = lazy->binds;
	unsigned int i;

	if (!binds)
		return;
	pthread_mutex_lock(&binds->lock);
	if (binds->device_count + count > binds->device_room) {
		size_t room = 2 * binds->device_room + count;
		uint32_t *more = realloc(binds->devices, room * sizeof(*more));

		/* Then they are remembered for nothing: no harm. */
		if (!more)
			count = 0;
		else
			binds->devices = more, binds->device_room = room;
	}
	for (i = 0; i < count; i++)
		binds->devices[binds->device_count++] = devices[i];
	pthread_mutex_unlock(&binds->lock);
}

/* Of triggers that were unmounted with their bind nothing is left. */
static void forget_gone(struct hsm_binds *binds)
{
	struct hsm_lazy *lazy = binds->lazy;
	const struct hsm_handle nowhere = { 0 };
	HSM_FREE uint32_t *there = NULL;
	size_t count, i, left = 0;

	pthread_mutex_lock(&binds->lock);
	/* After the list: what is put now is not in it, or in the table. */
	if (binds->device_count &&
	    hsm_door_devices(lazy->proc, &there, &count) == 0) {
		for (i = 0; i < binds->device_count; i++) {
			uint32_t device = binds->devices[i];

			if (count && bsearch(&device, there, count, sizeof(device),
				    hsm_door_compare))
				binds->devices[left++] = device;
			else if (!hsm_retired_has(lazy, device) &&
				 hsm_frontier_answering(lazy->shared,
							device) >= 0) {
				hsm_doorway_gone(lazy, false);
				hsm_retired_add(lazy, device, &nowhere,
						     false);
			}
		}
		binds->device_count = left;
	}
	pthread_mutex_unlock(&binds->lock);
}

/* Look at all of them.  A failure is tried again at the next look. */
static void look(struct hsm_binds *binds)
{
	const struct hsm_lazy *lazy = binds->lazy;
	HSM_FREE struct hsm_binding *all = NULL;
	size_t count, i;

	if (hsm_binding_list(lazy->service->mount_id, &all, &count) < 0)
		return;
	for (i = 0; i < count; i++) {
		int ret = look_at(binds, &all[i]);

		if (ret)
			hsm_log(lazy->engine->log, HSM_LOG_WARNING,
				"%s: a bind that cannot be covered: %s",
				all[i].path, strerror(-ret));
	}
}

static void *follow(void *arg)
{
	struct hsm_binds *binds = arg;
	struct pollfd ready = {
		.fd = open("/proc/thread-self/mountinfo", O_RDONLY | O_CLOEXEC),
		.events = POLLPRI,
	};

	if (unshare(CLONE_FS) < 0)
		return NULL;
	while (!atomic_load(&binds->lazy->shared->stopping)) {
		unsigned long long began = hsm_task_now(), pause;

		look(binds);
		forget_gone(binds);
		hsm_retired_sweep(binds->lazy);
		pause = PAUSE * (hsm_task_now() - began);
		poll(NULL, 0, pause < PAUSE_MAX_MS ? (int)pause : PAUSE_MAX_MS);
		poll(&ready, 1, LOOK_MS);
	}
	return NULL;
}

void hsm_binds_start(struct hsm_lazy *lazy)
{
	struct hsm_binds *binds = calloc(1, sizeof(*binds));
	pthread_t thread;

	if (!binds)
		return;
	binds->lazy = lazy;
	pthread_mutex_init(&binds->lock, NULL);
	/* Before the thread, which asks for it. */
	lazy->binds = binds;
	if (pthread_create(&thread, NULL, follow, binds)) {
		lazy->binds = NULL;
		free(binds);
		return;
	}
	pthread_detach(thread);
}

/* Put a trigger on `path`, if it is in this mount and can be seen there. */
static int cover_new(struct hsm_lazy *lazy, const struct hsm_binding *binding,
		     const char *path, int inside)
{
	bool at_home = binding->mount == lazy->service->mount_id;
	const char *part = hsm_binding_part(path, binding->below);
	HSM_CLOSE int root = -1, seen = -1, door = -1;
	struct hsm_frontier_cover cover;
	struct hsm_frontier frontier;
	uint64_t unique;
	int ret;

	if (!part || !*part)
		return 0;
	root = hsm_binding_open(binding, &unique);
	/* What look_at() comes to will be covered by it. */
	if (root < 0 || (!at_home && !is_known(lazy->binds, unique)))
		return 0;
	/* Below another trigger, or there already. */
	seen = hsm_binding_beneath(root, part);
	door = seen < 0 ? -1 : openat(root, ".", O_RDONLY | O_DIRECTORY |
				      O_CLOEXEC);
	if (door < 0)
		return 0;
	hsm_attendant_describe(lazy->service, &frontier);
	frontier.loose = !at_home;
	ret = hsm_frontier_cover_one(&frontier, door, inside, &cover);
	if (!at_home)
		hsm_binds_note(lazy, cover.devices, cover.count);
	atomic_fetch_add(at_home ? &lazy->shared->triggers :
				   &lazy->shared->elsewhere, (int)cover.count);
	hsm_frontier_keep(&cover);
	return ret;
}

void hsm_binds_cover(struct hsm_lazy *lazy, const char *path)
{
	HSM_CLOSE int inside = hsm_beneath_open(lazy->deep.root, path,
						O_RDONLY | O_DIRECTORY);
	HSM_FREE struct hsm_binding *all = NULL;
	size_t count = 0, i;
	int ret = 0;

	if (inside < 0 || !lazy->binds)
		return;
	pthread_rwlock_wrlock(&lazy->frontier);
	if (hsm_binding_list(lazy->service->mount_id, &all, &count) == 0)
		for (i = 0; i < count && !ret; i++)
			ret = cover_new(lazy, &all[i], path, inside);
	pthread_rwlock_unlock(&lazy->frontier);
	/* No room for triggers. */
	if (ret == -ENOSPC)
		ret = hsm_attendant_list(lazy, &inside, 1, NULL);
	if (ret)
		hsm_log(lazy->engine->log, HSM_LOG_WARNING,
			"%s/: not covered: %s", path, strerror(-ret));
}

static void uncover(struct hsm_lazy *lazy, const struct hsm_binding *binding,
		    const char *path, int inside)
{
	const char *part = hsm_binding_part(path, binding->below);
	HSM_CLOSE int root = -1, fd = -1;
	struct hsm_handle handle;
	uint64_t unique;
	struct stat st;
	bool at_home;

	if (!part || !*part || hsm_handle_get(inside, &handle) < 0)
		return;
	root = hsm_binding_open(binding, &unique);
	/* Through whatever is on it; what is above it must not be. */
	fd = root < 0 ? -1 : openat(root, part, O_PATH | O_DIRECTORY |
				    O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 ||
	    hsm_frontier_answering(lazy->shared, (uint32_t)st.st_dev) < 0 ||
	    hsm_door_unmount(fd) < 0)
		return;
	at_home = binding->mount == lazy->service->mount_id;
	hsm_doorway_gone(lazy, at_home);
	hsm_retired_add(lazy, (uint32_t)st.st_dev, &handle, at_home);
}

void hsm_binds_uncover(struct hsm_lazy *lazy, const char *path)
{
	HSM_CLOSE int inside = hsm_beneath_open(lazy->deep.root, path,
						O_RDONLY | O_DIRECTORY);
	HSM_FREE struct hsm_binding *all = NULL;
	size_t count = 0, i;

	if (inside < 0 || unshare(CLONE_FS) < 0)
		return;
	pthread_rwlock_wrlock(&lazy->frontier);
	if (hsm_binding_list(lazy->service->mount_id, &all, &count) == 0)
		for (i = 0; i < count; i++)
			uncover(lazy, &all[i], path, inside);
	pthread_rwlock_unlock(&lazy->frontier);
}
