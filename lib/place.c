// SPDX-License-Identifier: GPL-2.0-or-later
/* DIR, what lies on it, and its store. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "failure.h"
#include "local/mark.h"
#include "local/mount.h"
#include "local/watch.h"
#include "place.h"
#include "server/control.h"

enum { PAUSE_MS = 50, LAST_TRIES = 60 };

bool hsm_place_tree(const char *dir, uint64_t *id)
{
	HSM_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct hsm_mark mark;
	unsigned int flags;
	uint64_t above, here;
	char parent[PATH_MAX + 4];

	if (fd < 0 || hsm_mark_read(fd, &mark, &flags) < 0 || mark.origin[0])
		return false;
	snprintf(parent, sizeof(parent), "%s/..", dir);
	if (hsm_mount_id(dir, &here) < 0 || hsm_mount_id(parent, &above) < 0 ||
	    here == above)
		return false;
	*id = mark.store;
	return true;
}

static int look_at_mount(const char *dir, const struct hsm_log *log,
			 struct hsm_failure *failure)
{
	uint64_t id;

	while (hsm_place_tree(dir, &id)) {
		HSM_CLOSE int fd = hsm_control_connect(id);
		int ret;

		if (fd >= 0)
			return hsm_failure_set(failure, -EBUSY,
					       "%s: is served already "
					       "(hsm-serve --stop ends that)",
					       dir);
		ret = hsm_mount_detach(dir);
		if (ret < 0)
			return hsm_failure_set(failure, ret,
					       "%s: a server was killed, its "
					       "mount cannot be removed: %s",
					       dir, strerror(-ret));
		hsm_log(log, HSM_LOG_WARNING,
			"%s: removed the mount of a server that was killed",
			dir);
	}
	return 0;
}

int hsm_place_find(struct hsm_place *place,
		   const struct hsm_serve_options *options,
		   struct hsm_failure *failure)
{
	struct stat st;

	if (mkdir(options->dir, 0755) == 0)
		place->made_dir = true;
	else if (errno != EEXIST)
		return hsm_failure_set(failure, -errno,
				       "%s: cannot be made: %s", options->dir,
				       strerror(errno));
	if (!realpath(options->dir, place->dir) || stat(place->dir, &st) < 0)
		return hsm_failure_set_errno(failure, -errno, options->dir);
	if (!S_ISDIR(st.st_mode))
		return hsm_failure_set(failure, -ENOTDIR,
				       "%s: is not a directory", options->dir);
	if (options->store && options->store[0] != '/') {
		char cwd[PATH_MAX];

		if (!getcwd(cwd, sizeof(cwd)) ||
		    snprintf(place->store, sizeof(place->store), "%s/%s", cwd,
			     options->store) >= (int)sizeof(place->store))
			return hsm_failure_set(failure, -ENAMETOOLONG,
					       "%s: path too long",
					       options->store);
	} else if (options->store) {
		snprintf(place->store, sizeof(place->store), "%s",
			 options->store);
	}
	return look_at_mount(place->dir, options->log, failure);
}

int hsm_place_check_kernel(const struct hsm_place *place,
			   struct hsm_failure *failure)
{
	const char *dir = place->dir, *slash = strrchr(place->store, '/');
	char path[PATH_MAX];
	HSM_CLOSE int fd = -1;
	struct hsm_watch watch;
	int ret;

	/* The store is not there yet: what it will be made in is. */
	if (slash)
		snprintf(path, sizeof(path), "%.*s",
			 slash > place->store ? (int)(slash - place->store) : 1,
			 place->store);
	else
		snprintf(path, sizeof(path), "%s", dir);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return hsm_failure_set_errno(failure, -errno, path);
	ret = hsm_store_check_fs(fd);
	if (ret == -EOPNOTSUPP)
		return hsm_failure_set_as(failure, HSM_FAILURE_KERNEL, ret,
					  "%s: must lie on ext4, xfs or btrfs",
					  path);
	if (!ret)
		ret = hsm_watch_open(&watch, fd);
	if (ret == -EPERM)
		return hsm_failure_set(failure, ret,
				       "%s: serving needs root (CAP_SYS_ADMIN)",
				       dir);
	if (ret == -EOPNOTSUPP)
		return hsm_failure_set_as(failure, HSM_FAILURE_KERNEL, ret,
					  "%s: this kernel has no pre-content "
					  "events here; Linux 6.14 or later is "
					  "needed", dir);
	if (ret < 0)
		return hsm_failure_set(failure, ret,
				       "%s: cannot be watched: %s", dir,
				       strerror(-ret));
	hsm_watch_close(&watch);
	return 0;
}

int hsm_place_open_store(const struct hsm_place *place, struct hsm_store *store,
			 const struct hsm_log *log, struct hsm_failure *failure)
{
	int ret = hsm_store_open(store, place->dir);

	if (ret < 0 && hsm_store_unfinished(place->dir)) {
		hsm_log(log, HSM_LOG_WARNING,
			"%s: its store was being made when it broke off: begun "
			"again", place->dir);
		return 0;
	}
	if (ret == -ENOENT) {
		if (!hsm_fd_is_empty(AT_FDCWD, place->dir))
			return hsm_failure_set(failure, -ENOTEMPTY,
					       "%s: holds other files; serve "
					       "an empty directory",
					       place->dir);
		return 0;
	}
	if (ret < 0)
		return hsm_failure_set(failure, ret, "%s/.hsm: is no store "
				       "that can be read: %s", place->dir,
				       strerror(-ret));
	return 0;
}

/* A server whose DIR was unmounted a moment ago may still be ending. */
static int lock_store(struct hsm_store *store)
{
	unsigned int tries;
	int ret = hsm_store_lock(store);

	for (tries = 0; ret == -EWOULDBLOCK && tries < LAST_TRIES; tries++) {
		poll(NULL, 0, PAUSE_MS);
		ret = hsm_store_lock(store);
	}
	return ret;
}

int hsm_place_take_store(struct hsm_place *place, struct hsm_store *store,
			 const char *url, struct hsm_failure *failure)
{
	int ret;

	if (store->fd < 0) {
		ret = hsm_store_create(store, place->dir,
				       *place->store ? place->store : NULL,
				       url);
		if (ret < 0)
			return hsm_failure_set(failure, ret,
					       "%s: the store cannot be made: "
					       "%s", place->dir,
					       strerror(-ret));
		place->made_store = true;
	}
	if (strcmp(store->url, url))
		return hsm_failure_set(failure, -EINVAL,
				       "%s: its store belongs to %s",
				       place->dir, store->url);
	ret = lock_store(store);
	if (ret < 0)
		return hsm_failure_set(failure, ret, "%s: another hsm command "
				       "has the store: %s", place->dir,
				       strerror(-ret));
	return 0;
}

void hsm_place_undo(const struct hsm_place *place)
{
	if (place->made_store)
		hsm_store_remove(place->dir,
				 *place->store ? place->store : NULL);
	if (place->made_dir)
		rmdir(place->dir);
}
