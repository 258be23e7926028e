// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/lazy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "local/mount.h"
#include "names/attendant.h"
#include "names/binds.h"
#include "names/crew.h"
#include "names/doorway.h"

enum { ATTENDANTS_MIN = 4, ATTENDANTS_MAX = 64 };

static void finish_if_done(struct hsm_lazy *lazy);

/* ------------------------------------------------------------------ calls -- */

static int take_call(struct hsm_lazy *lazy)
{
	unsigned int i;

	for (i = 0; i < HSM_LOOKUPS; i++)
		if (!lazy->busy[i] && atomic_load(&lazy->shared->lookups[i].used) ==
				      HSM_SLOT_USED) {
			lazy->busy[i] = true;
			return (int)i;
		}
	return -1;
}

static void *answer_calls(void *arg)
{
	struct hsm_lazy *lazy = arg;
	struct hsm_attendant *attendant = hsm_attendant_new(lazy);

	if (!attendant)
		return NULL;
	pthread_mutex_lock(&lazy->lock);
	for (;;) {
		int i = take_call(lazy);

		if (i < 0) {
			pthread_cond_wait(&lazy->more, &lazy->lock);
			continue;
		}
		atomic_fetch_add(&lazy->waiting, 1);
		pthread_mutex_unlock(&lazy->lock);
		hsm_attendant_serve(attendant, &lazy->shared->lookups[i].call);
		finish_if_done(lazy);
		pthread_mutex_lock(&lazy->lock);
		atomic_fetch_sub(&lazy->waiting, 1);
		atomic_store(&lazy->shared->lookups[i].used, HSM_SLOT_FREE);
		lazy->busy[i] = false;
		pthread_cond_broadcast(&lazy->more);
	}
	return NULL;
}

static struct hsm_lookup *free_lookup(struct hsm_shared *shared)
{
	unsigned int i;

	for (i = 0; i < HSM_LOOKUPS; i++)
		if (atomic_load(&shared->lookups[i].used) == HSM_SLOT_FREE)
			return &shared->lookups[i];
	return NULL;
}

static void *read_calls(void *arg)
{
	struct hsm_lazy *lazy = arg;
	struct hsm_shared *shared = lazy->shared;
	const struct hsm_trigger *trigger = &lazy->service->trigger;
	struct pollfd ready = { .fd = trigger->calls, .events = POLLIN };

	while (!atomic_load(&shared->stopping)) {
		struct hsm_lookup *lookup = free_lookup(shared);

		if (!lookup) {
			poll(NULL, 0, 5);
			continue;
		}
		if (!hsm_trigger_read(trigger, shared->call, &lookup->call)) {
			poll(&ready, 1, 500);
			continue;
		}
		pthread_mutex_lock(&lazy->lock);
		atomic_store(&lookup->used, HSM_SLOT_USED);
		memset(shared->call, 0, sizeof(shared->call));
		pthread_cond_broadcast(&lazy->more);
		pthread_mutex_unlock(&lazy->lock);
	}
	return NULL;
}

void hsm_lazy_recover(struct hsm_shared *shared)
{
	struct hsm_trigger_call call;
	unsigned int i;

	if (hsm_trigger_parse(shared->call, &call)) {
		struct hsm_lookup *lookup = free_lookup(shared);

		for (i = 0; i < HSM_LOOKUPS; i++)
			if (atomic_load(&shared->lookups[i].used) ==
				    HSM_SLOT_USED &&
			    shared->lookups[i].call.token == call.token)
				lookup = NULL;
		if (lookup) {
			lookup->call = call;
			atomic_store(&lookup->used, HSM_SLOT_USED);
		}
		memset(shared->call, 0, sizeof(shared->call));
	}
	for (i = 0; i < HSM_TRIGGER_DEVICES; i++) {
		int fd = atomic_load(&shared->answering[i]) - 1;

		if (fd >= 0 && fd < HSM_FD_MAX)
			shared->keep[fd / 64] |= UINT64_C(1) << (fd % 64);
	}
}

static void refuse_one(const struct hsm_service *service,
		       const struct hsm_trigger_call *call)
{
	int fd = hsm_frontier_answering(service->shared, call->device);

	hsm_trigger_answer(&service->trigger, fd, call->token, -EIO);
}

void hsm_lazy_refuse(const struct hsm_service *service)
{
	struct hsm_shared *shared = service->shared;
	struct hsm_trigger_call call;
	char buffer[HSM_TRIGGER_BUFFER] __attribute__((aligned(8)));
	unsigned int i;

	if (hsm_trigger_parse(shared->call, &call))
		refuse_one(service, &call);
	memset(shared->call, 0, sizeof(shared->call));
	for (i = 0; i < HSM_LOOKUPS; i++)
		if (atomic_exchange(&shared->lookups[i].used, HSM_SLOT_FREE) ==
		    HSM_SLOT_USED)
			refuse_one(service, &shared->lookups[i].call);
	while (hsm_trigger_read(&service->trigger, buffer, &call))
		refuse_one(service, &call);
}

/* ------------------------------------------------------- all that is left -- */

static void allow_binds(struct hsm_lazy *lazy)
{
	HSM_CLOSE int fd = open(lazy->service->options->dir,
				O_PATH | O_DIRECTORY | O_CLOEXEC);
	uint64_t id;

	if (fd >= 0 && hsm_mount_id_of(fd, &id) == 0 &&
	    id == lazy->service->mount_id)
		hsm_mount_allow_binds(fd, true);
}

/* The crawl in the background lets whoever waits go first. */
static bool may_list(void *arg)
{
	struct hsm_lazy *lazy = arg;

	while (atomic_load(&lazy->waiting) &&
	       !atomic_load(&lazy->shared->stopping))
		poll(NULL, 0, 5);
	return !atomic_load(&lazy->shared->stopping);
}

/* A thread: list what is left, record that nothing is, and take all away. */
static int finish(struct hsm_lazy *lazy)
{
	int ret = hsm_attendant_list(lazy, &lazy->deep.root, 1, may_list);

	/*
	 * Whatever is not below a trigger is listed (frontier.h); so is all that
	 * is, then.
	 */
	if (!ret)
		ret = hsm_doorway_open_all(lazy, true);
	if (!ret)
		ret = hsm_crawl_trust(lazy->service->store.fd);
	if (!ret && !lazy->service->store.listed)
		ret = hsm_store_set_listed(&lazy->service->store);
	if (!ret)
		allow_binds(lazy);
	return ret;
}

static void *finish_at_last(void *arg)
{
	struct hsm_lazy *lazy = arg;

	if (unshare(CLONE_FS) < 0)
		return NULL;
	while (!atomic_load(&lazy->shared->stopping)) {
		int ret = finish(lazy);

		if (!ret)
			hsm_log(lazy->engine->log, HSM_LOG_INFO,
				"the whole tree is listed");
		if (!ret || ret == -ECANCELED)
			break;
		/* The remote is away, or does not show everything. */
		hsm_log(lazy->engine->log, HSM_LOG_WARNING,
			"not listed to the end: %s; tried again in a minute",
			strerror(-ret));
		poll(NULL, 0, 60000);
	}
	return NULL;
}

static void start_finish(struct hsm_lazy *lazy)
{
	pthread_t thread;

	pthread_mutex_lock(&lazy->lock);
	if (!lazy->finishing &&
	    !pthread_create(&thread, NULL, finish_at_last, lazy)) {
		pthread_detach(thread);
		lazy->finishing = true;
	}
	pthread_mutex_unlock(&lazy->lock);
}

/* No trigger is left below DIR: all has been listed on the way. */
static void finish_if_done(struct hsm_lazy *lazy)
{
	if (atomic_load(&lazy->shared->triggers) == 0 &&
	    !atomic_load(&lazy->shared->stopping))
		start_finish(lazy);
}

/* ------------------------------------------------------------------ start -- */

int hsm_lazy_cover(struct hsm_service *service, int door)
{
	struct hsm_frontier_cover cover;
	struct hsm_frontier frontier;
	int ret;

	hsm_attendant_describe(service, &frontier);
	ret = hsm_frontier_cover(&frontier, door, &service->store.tree, 1,
				 &cover);
	if (!ret)
		atomic_store(&service->shared->triggers, (int)cover.count);
	/* On failure the detached mount goes, with all that is on it. */
	hsm_frontier_keep(&cover);
	return ret;
}

/* Nobody waits for them: they end with the process. */
static int start_thread(struct hsm_lazy *lazy, void *(*main)(void *))
{
	pthread_t thread;
	int ret = -pthread_create(&thread, NULL, main, lazy);

	if (!ret)
		pthread_detach(thread);
	return ret;
}

static int start_threads(struct hsm_lazy *lazy)
{
	unsigned int i, wanted = lazy->engine->jobs;
	int ret = start_thread(lazy, read_calls);

	if (wanted < ATTENDANTS_MIN)
		wanted = ATTENDANTS_MIN;
	if (wanted > ATTENDANTS_MAX)
		wanted = ATTENDANTS_MAX;
	for (i = 0; i < wanted && !ret; i++)
		ret = start_thread(lazy, answer_calls);
	return ret;
}

/* A directory is new in one that was listed before. */
static void appeared(void *arg, const char *path)
{
	hsm_binds_cover(arg, path);
}

/* One that nobody has walked into is gone at the remote. */
static void uncover(void *arg, const char *path)
{
	hsm_binds_uncover(arg, path);
}

/* Much was listed at once: triggers that are not needed any more go. */
static void listed(void *arg)
{
	struct hsm_lazy *lazy = arg;

	if (unshare(CLONE_FS) < 0)
		return;
	hsm_doorway_open_all(lazy, false);
	finish_if_done(lazy);
}

int hsm_lazy_start(struct hsm_service *service, struct hsm_engine *engine)
{
	struct hsm_lazy *lazy = calloc(1, sizeof(*lazy));
	int ret;

	if (!lazy)
		return -ENOMEM;
	lazy->service = service;
	lazy->engine = engine;
	lazy->shared = service->shared;
	pthread_mutex_init(&lazy->lock, NULL);
	pthread_cond_init(&lazy->more, NULL);
	lazy->deep = (struct hsm_deep){
		.log = engine->log, .remote = engine->remote,
		.store_fd = service->store.fd, .root = service->watch.root,
		.store_id = service->store.id, .jobs = engine->jobs,
		.crew = hsm_crew_new(), .engine = engine,
		.grows = service->sealed, .appeared = appeared,
		.uncover = uncover, .listed = listed, .trigger_arg = lazy,
	};
	pthread_rwlock_init(&lazy->frontier, NULL);
	lazy->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	lazy->home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (!lazy->deep.crew || lazy->proc < 0 || lazy->home < 0)
		return -ENOMEM;
	/* A worker before this one may have come so far. */
	service->store.listed = faccessat(service->store.fd, "listed.done",
					  F_OK, 0) == 0;
	engine->deep = &lazy->deep;
	lazy->siblings = hsm_siblings_start(&lazy->deep);
	if (service->sealed)
		hsm_binds_start(lazy);
	ret = start_threads(lazy);
	if (!ret && (service->store.listed ||
		     service->options->names == HSM_NAMES_CRAWL))
		start_finish(lazy);
	return ret;
}
