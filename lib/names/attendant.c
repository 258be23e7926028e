// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/attendant.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "names/doorway.h"
#include "names/retired.h"
#include "stage/route.h"
#include "stage/walker.h"

enum { CHAIN = 128, DOORS = 16, WAITERS = 256, ALIKE = 64 };

struct hsm_attendant {
	struct hsm_lazy *lazy;
	ino_t home, here;      /* mount namespaces */
	int namespace;         /* of who waits */
	struct hsm_frontier frontier;
	struct hsm_door doors[DOORS];
	unsigned int door_count;
	int chain[CHAIN];      /* directories that open together */
	unsigned int chain_count;
	bool read;             /* somebody reads the directory itself */
	unsigned int covered;  /* triggers that were put below them */
	struct hsm_walker walker;
	struct hsm_route route;
	int waiters[WAITERS];
	char error[512];
};

/* ------------------------------------------------------------- namespaces -- */

static ino_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : st.st_ino;
}

static int enter(struct hsm_attendant *attendant, int namespace)
{
	ino_t ino = inode_of(namespace);
	unsigned int tries = 0;

	if (ino == attendant->here)
		return 0;
	/* A thread that was just joined may have our directories for a moment. */
	while (setns(namespace, CLONE_NEWNS) < 0) {
		if (errno != EINVAL || tries++ == 1000)
			return -errno;
		poll(NULL, 0, 1);
	}
	attendant->here = ino;
	if (ino != attendant->home)
		atomic_store(&attendant->lazy->abroad, true);
	return 0;
}

static int go_home(struct hsm_attendant *attendant)
{
	return enter(attendant, attendant->lazy->home);
}

/* The mount namespace of who waits; the server's own when that is not known. */
static int namespace_of(const struct hsm_lazy *lazy, int pid)
{
	char path[64];
	int fd = -1;

	snprintf(path, sizeof(path), "%d/ns/mnt", pid);
	if (pid > 0)
		fd = openat(lazy->proc, path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : dup(lazy->home);
}

/* -------------------------------------------------------------- the place -- */

static void find_doors(struct hsm_attendant *attendant, uint32_t device)
{
	struct hsm_door_walk walk = { .proc = attendant->lazy->proc };

	attendant->door_count = 0;
	while (attendant->door_count < DOORS &&
	       hsm_door_next(&walk, &attendant->doors[attendant->door_count]))
		if (attendant->doors[attendant->door_count].device == device)
			attendant->door_count++;
	hsm_door_end(&walk);
}

/* The door of the directory `fd`, called `name`, which should be at `path`. */
static bool find_door_of(struct hsm_attendant *attendant, int fd,
			 const char *name, const char *path)
{
	struct hsm_door_walk walk = { .proc = attendant->lazy->proc };
	struct hsm_door *door = &attendant->doors[0];
	unsigned int alike = 0;
	bool found = false;

	while (!found && alike < ALIKE && hsm_door_next(&walk, door)) {
		const char *slash = strrchr(door->path, '/');
		HSM_CLOSE int covered = -1;

		if (*path ? strcmp(door->path, path) :
			    !slash || strcmp(slash + 1, name))
			continue;
		alike++;
		covered = hsm_doorway_covered(attendant->lazy, door);
		found = covered >= 0 && inode_of(covered) == inode_of(fd);
	}
	hsm_door_end(&walk);
	return found;
}

/* ---------------------------------------------------------------- listing -- */

static int list(struct hsm_attendant *attendant, int fd)
{
	return hsm_deep_list(&attendant->lazy->deep, fd, attendant->error,
			     sizeof(attendant->error));
}

int hsm_attendant_list(struct hsm_lazy *lazy, const int *fds, unsigned int count,
		       bool (*may)(void *arg))
{
	struct hsm_deep deep = { 0 };
	int ret;

	hsm_deep_like(&deep, &lazy->deep);
	deep.may = may;
	deep.arg = lazy;
	ret = hsm_deep_run(&deep, fds, count);
	atomic_fetch_add(&lazy->shared->count.skipped, deep.skipped);
	return ret;
}

/* Instead of a trigger; the remote is reached from home. */
static int ahead(void *arg, const int *fds, unsigned int count)
{
	struct hsm_attendant *attendant = arg;
	int ret = go_home(attendant);

	if (!ret)
		ret = hsm_attendant_list(attendant->lazy, fds, count, NULL);
	if (!ret)
		ret = enter(attendant, attendant->namespace);
	return ret;
}

/* The working directory of `pid`, if it lies in the tree, without triggers. */
static int working_directory(const struct hsm_lazy *lazy, int pid)
{
	char path[64];
	HSM_CLOSE int fd = -1;
	struct hsm_handle handle;
	struct stat here, tree;

	snprintf(path, sizeof(path), "%d/cwd", pid);
	fd = openat(lazy->proc, path, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &here) < 0 || fstat(lazy->deep.root, &tree) < 0 ||
	    here.st_dev != tree.st_dev || hsm_handle_get(fd, &handle) < 0)
		return -ENOENT;
	return hsm_handle_open(lazy->deep.root, &handle, O_RDONLY | O_DIRECTORY);
}

/* Whether `path` of `pid` leads through the directory `fd`, and where then. */
static bool find_route(struct hsm_attendant *attendant, const char *path,
		       int fd, const char *name, int pid)
{
	struct hsm_lazy *lazy = attendant->lazy;
	struct hsm_route *route = &attendant->route;
	bool enters = attendant->walker.enters;
	const char *from = path, *rest = hsm_walker_rest(&from, name);

	if (rest && *name)
		return hsm_route_begin(route, rest, enters);
	/* Perhaps through a link, under another name. */
	if (path[0] != '/') {
		HSM_CLOSE int base = working_directory(lazy, pid);

		return base >= 0 &&
		       hsm_route_through(route, base, path, enters, fd);
	}
	/* Somewhere in it the path enters the tree. */
	for (; path; path = strchr(path + 1, '/'))
		if (hsm_route_through(route, lazy->deep.root, path, enters, fd))
			return true;
	return false;
}

/*
 * List the directory `fd` (given) and what the walker goes through below it: a
 * chain that opens together, because the kernel walks its path again only once.
 * What comes after a link is left to advance().
 */
static int list_chain(struct hsm_attendant *attendant, int fd, const char *name,
		      int pid)
{
	struct hsm_walker *walker = &attendant->walker;
	const char *rest = attendant->route.rest;
	unsigned int i;
	int ret = list(attendant, fd);

	attendant->read = false;
	attendant->chain[0] = fd;
	attendant->chain_count = 1;
	if (ret)
		return ret;
	hsm_walker_look(pid, walker);
	for (i = 0; i < walker->count && attendant->chain_count == 1; i++) {
		int at;

		if (!find_route(attendant, walker->paths[i], fd, name, pid))
			continue;
		at = dup(fd);
		attendant->read = walker->enters &&
				  !rest[strspn(rest, "/")];
		while (!ret && at >= 0 && attendant->chain_count < CHAIN &&
		       hsm_route_next(&attendant->route, &at) &&
		       !attendant->route.links) {
			ret = list(attendant, at);
			if (!ret)
				attendant->chain[attendant->chain_count++] =
					dup(at);
		}
		if (at >= 0)
			close(at);
	}
	return ret;
}

static void drop_chain(struct hsm_attendant *attendant)
{
	while (attendant->chain_count)
		close(attendant->chain[--attendant->chain_count]);
}

/* ---------------------------------------------------------------- opening -- */

/* The chain's names are here: cover what is below, then let walkers in. */
static int open_door(struct hsm_attendant *attendant, const struct hsm_door *door)
{
	struct hsm_lazy *lazy = attendant->lazy;
	bool at_home = hsm_doorway_is_home(lazy, door) &&
		       attendant->here == attendant->home;
	atomic_int *count = at_home ? &lazy->shared->triggers :
				      &lazy->shared->elsewhere;
	struct hsm_frontier_cover cover;
	const char *name;
	HSM_CLOSE int outside = hsm_door_parent(door, &name);
	struct hsm_handle handle;
	int ret = outside;

	if (ret >= 0)
		ret = hsm_handle_get(attendant->chain[0], &handle);
	if (ret < 0)
		return ret;
	attendant->frontier.loose = !at_home;
	pthread_rwlock_rdlock(&lazy->frontier);
	ret = hsm_frontier_cover(&attendant->frontier, outside, attendant->chain,
				 attendant->chain_count, &cover);
	if (!ret)
		hsm_doorway_take_looks(lazy, door, attendant->chain[0]);
	if (!ret)
		ret = hsm_door_open(door);
	if (ret)
		hsm_frontier_undo(&cover);
	pthread_rwlock_unlock(&lazy->frontier);
	if (ret)
		return ret;
	hsm_doorway_gone(lazy, at_home);
	atomic_fetch_add(count, (int)cover.count);
	attendant->covered += cover.count;
	if (!at_home && attendant->here == attendant->home)
		hsm_binds_note(lazy, cover.devices, cover.count);
	hsm_frontier_keep(&cover);
	hsm_retired_add(lazy, door->device, &handle, at_home);
	return 0;
}

/* All doors of the chain's first directory in the namespace `namespace`. */
static int open_doors(struct hsm_attendant *attendant, int namespace)
{
	unsigned int i;
	int ret = enter(attendant, namespace);

	attendant->namespace = namespace;
	for (i = 0; i < attendant->door_count && !ret; i++)
		ret = open_door(attendant, &attendant->doors[i]);
	return ret;
}

/*
 * Open what the route leads through, from the directory `fd` at `path` in the
 * namespace on: somebody comes there who has walked twice already.
 */
static void advance(struct hsm_attendant *attendant, int fd, const char *path,
		    int namespace)
{
	struct hsm_route *route = &attendant->route;
	char expected[PATH_MAX];
	int at = dup(fd);

	snprintf(expected, sizeof(expected), "%s", path);
	while (at >= 0 && hsm_route_next(route, &at)) {
		size_t len = strlen(expected);

		if (route->links || len + strlen(route->name) + 2 > PATH_MAX)
			expected[0] = '\0';
		if (*expected)
			sprintf(expected + len, "/%s", route->name);
		if (enter(attendant, namespace))
			break;
		if (!find_door_of(attendant, at, route->name, expected) &&
		    (!*expected ||
		     !find_door_of(attendant, at, route->name, "")))
			continue;
		drop_chain(attendant);
		attendant->chain[attendant->chain_count++] = dup(at);
		attendant->door_count = 1;
		if (go_home(attendant) || list(attendant, at) ||
		    open_doors(attendant, namespace))
			break;
	}
	if (at >= 0)
		close(at);
}

/*
 * Another thread that may wait for the directory `fd`, called `name`: only the
 * first one is in the call.  Each gets as far as its path leads.
 */
static void help(struct hsm_attendant *attendant, int fd, const char *name,
		 const char *path, uint32_t device, int pid)
{
	struct hsm_walker *walker = &attendant->walker;
	HSM_CLOSE int namespace = namespace_of(attendant->lazy, pid);
	unsigned int i;

	hsm_walker_look(pid, walker);
	for (i = 0; i < walker->count; i++) {
		if (!find_route(attendant, walker->paths[i], fd, name, pid))
			continue;
		if (enter(attendant, namespace))
			return;
		find_doors(attendant, device);
		drop_chain(attendant);
		attendant->chain[attendant->chain_count++] = dup(fd);
		if (attendant->door_count && open_doors(attendant, namespace))
			return;
		advance(attendant, fd, attendant->here == attendant->home ?
			path : "", namespace);
	}
}

static void help_others(struct hsm_attendant *attendant, int fd,
			const char *name, const char *path,
			const struct hsm_trigger_call *call)
{
	struct hsm_lazy *lazy = attendant->lazy;
	unsigned int i, count = 0;

	/* All that is below is open: any path leads on. */
	if (attendant->covered || atomic_load(&lazy->abroad))
		count = hsm_trigger_waiters(lazy->proc, attendant->waiters,
					    WAITERS);
	else if (attendant->route.links)
		attendant->waiters[count++] = call->pid;
	for (i = 0; i < count; i++)
		help(attendant, fd, name, path, call->device,
		     attendant->waiters[i]);
}

/* The door was opened for somebody else while this walker was on his way. */
static void attend_late(struct hsm_attendant *attendant,
			const struct hsm_trigger_call *call)
{
	HSM_CLOSE int fd = hsm_retired_open(attendant->lazy, call->device);

	if (fd < 0)
		return;
	attendant->covered = 1;
	go_home(attendant);
	help_others(attendant, fd, "", "", call);
}

/* -ESTALE: the door is not there any more. */
static int attend(struct hsm_attendant *attendant,
		  const struct hsm_trigger_call *call)
{
	struct hsm_lazy *lazy = attendant->lazy;
	HSM_CLOSE int namespace = namespace_of(lazy, call->pid);
	HSM_CLOSE int first = -1;
	char path[PATH_MAX] = "", *name;
	int fd, ret = enter(attendant, namespace);

	if (ret)
		return ret;
	attendant->covered = 0;
	attendant->route.links = 0;
	find_doors(attendant, call->device);
	if (!attendant->door_count)
		return -ESTALE;
	strcpy(path, attendant->doors[0].path);
	name = strrchr(path, '/') + 1;
	fd = hsm_doorway_covered(lazy, &attendant->doors[0]);
	if (fd < 0)
		return fd;
	first = dup(fd);
	/* The remote is reached as the server's own namespace has it. */
	ret = go_home(attendant);
	if (!ret)
		ret = list_chain(attendant, fd, name, call->pid);
	else
		close(fd);
	if (!ret && attendant->read)
		hsm_siblings_note(lazy->siblings, first);
	if (!ret)
		ret = open_doors(attendant, namespace);
	if (!ret)
		help_others(attendant, first, name, path, call);
	return ret;
}

/* ---------------------------------------------------------------- answers -- */

static int answering(struct hsm_attendant *attendant,
		     const struct hsm_trigger_call *call)
{
	struct hsm_lazy *lazy = attendant->lazy;
	int fd;

	pthread_mutex_lock(&lazy->lock);
	fd = hsm_frontier_answering(lazy->shared, call->device);
	if (fd >= 0)
		fd = dup(fd);
	pthread_mutex_unlock(&lazy->lock);
	if (fd < 0) {
		HSM_CLOSE int namespace = namespace_of(lazy, call->pid);

		/* A copy that is older than this server's memory of it. */
		if (enter(attendant, namespace) == 0) {
			find_doors(attendant, call->device);
			if (attendant->door_count)
				fd = hsm_trigger_reopen(
					&lazy->service->trigger,
					attendant->doors[0].path, call->device);
		}
		go_home(attendant);
	}
	return fd;
}

void hsm_attendant_serve(struct hsm_attendant *attendant,
			 const struct hsm_trigger_call *call)
{
	struct hsm_lazy *lazy = attendant->lazy;
	HSM_CLOSE int fd = answering(attendant, call);
	int ret;

	attendant->error[0] = '\0';
	ret = attend(attendant, call);
	drop_chain(attendant);
	if (ret == -ESTALE) {
		attend_late(attendant, call);
		drop_chain(attendant);
		ret = 0;
	}
	go_home(attendant);
	if (ret) {
		atomic_fetch_add(&lazy->shared->count.errors, 1);
		hsm_log(lazy->engine->log, HSM_LOG_ERROR,
			"a lookup failed: %s", *attendant->error ?
			attendant->error : strerror(-ret));
	}
	/* ESTALE: walk the path again, now through the directory itself. */
	hsm_trigger_answer(&lazy->service->trigger, fd, call->token,
			   ret ? -EIO : -ESTALE);
}

void hsm_attendant_describe(struct hsm_service *service,
			    struct hsm_frontier *frontier)
{
	*frontier = (struct hsm_frontier){
		.log = service->options->log, .trigger = &service->trigger,
		.shared = service->shared, .store_id = service->store.id,
		.max_triggers = (unsigned int)service->options->max_triggers,
	};
}

struct hsm_attendant *hsm_attendant_new(struct hsm_lazy *lazy)
{
	struct hsm_attendant *attendant;

	/* A namespace and a working directory of its own. */
	if (unshare(CLONE_FS) < 0)
		return NULL;
	attendant = calloc(1, sizeof(*attendant));
	if (!attendant)
		return NULL;
	attendant->lazy = lazy;
	attendant->home = attendant->here = inode_of(lazy->home);
	hsm_attendant_describe(lazy->service, &attendant->frontier);
	attendant->frontier.ahead = ahead;
	attendant->frontier.arg = attendant;
	return attendant;
}
