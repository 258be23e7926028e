// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/deep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "local/mark.h"

enum { THREADS_MAX = 64 };

/* A directory to look at: by handle, a descriptor for each would be too many. */
struct todo {
	struct todo *next;
	struct hsm_handle handle;
};

struct work {
	struct hsm_deep *deep;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct todo *todo;
	unsigned int active;
	int error;
};

static void fail(struct work *work, int error)
{
	pthread_mutex_lock(&work->lock);
	if (!work->error)
		work->error = error;
	pthread_mutex_unlock(&work->lock);
	atomic_fetch_add(&work->deep->failed, 1);
}

static int push(struct work *work, int fd)
{
	struct todo *todo = malloc(sizeof(*todo));
	int ret = todo ? hsm_handle_get(fd, &todo->handle) : -ENOMEM;

	if (ret) {
		free(todo);
		return ret;
	}
	pthread_mutex_lock(&work->lock);
	todo->next = work->todo;
	work->todo = todo;
	pthread_cond_signal(&work->more);
	pthread_mutex_unlock(&work->lock);
	return 0;
}

void hsm_deep_like(struct hsm_deep *deep, const struct hsm_deep *other)
{
	*deep = (struct hsm_deep){
		.log = other->log, .remote = other->remote,
		.store_fd = other->store_fd, .root = other->root,
		.store_id = other->store_id, .jobs = other->jobs,
		.crew = other->crew, .engine = other->engine,
		.may = other->may, .arg = other->arg,
	};
}

int hsm_deep_list(struct hsm_deep *deep, int fd, char *error, size_t size)
{
	struct hsm_crawl crawl = {
		.log = deep->log, .remote = deep->remote,
		.store_fd = deep->store_fd, .tree = deep->root,
		.store_id = deep->store_id, .jobs = deep->jobs,
		.lazy = true, .shallow = true, .only = fd,
		.crew = deep->crew, .engine = deep->engine,
	};
	struct hsm_mark mark;
	unsigned int flags;
	int ret = hsm_mark_read(fd, &mark, &flags);

	/* Made here, or brought here from another tree. */
	if (ret == -ENODATA || (!ret && mark.store != deep->store_id))
		return 0;
	if (ret)
		return ret;
	if (!(flags & HSM_FLAG_UNLISTED))
		return 0;
	crawl.from = mark.origin;
	ret = hsm_crawl_run(&crawl);
	atomic_fetch_add(&deep->skipped, crawl.skipped);
	if (ret)
		snprintf(error, size, "%s/: not listed: %s", mark.origin,
			 *crawl.error ? crawl.error : strerror(-ret));
	return ret;
}

/*
 * Call `fn` for each subdirectory of `fd`, whatever its marks say: what is not
 * listed may have been moved anywhere.
 */
static int each_child(int fd, int (*fn)(void *arg, int child), void *arg)
{
	HSM_CLOSEDIR DIR *dir = hsm_fd_list(fd, ".");
	int child, ret = 0;

	if (!dir)
		return -errno;
	while (!ret && (child = hsm_fd_subdirectory(dir, &ret)) >= 0) {
		ret = fn(arg, child);
		close(child);
	}
	return ret;
}

static int push_child(void *arg, int child)
{
	return push(arg, child);
}

static void look_at(struct work *work, int fd)
{
	struct hsm_deep *deep = work->deep;
	char error[512] = "";
	int ret;

	if (deep->may && !deep->may(deep->arg)) {
		fail(work, -ECANCELED);
		return;
	}
	ret = hsm_deep_list(deep, fd, error, sizeof(error));
	if (!ret)
		ret = each_child(fd, push_child, work);
	else
		hsm_log(deep->log, HSM_LOG_WARNING, "%s", error);
	if (ret)
		fail(work, ret);
}

static void *thread(void *arg)
{
	struct work *work = arg;

	pthread_mutex_lock(&work->lock);
	while (work->todo || work->active) {
		struct todo *todo = work->todo;

		if (!todo) {
			pthread_cond_wait(&work->more, &work->lock);
			continue;
		}
		work->todo = todo->next;
		/* Given up: what is left is only freed. */
		if (work->error != -ECANCELED) {
			int fd;

			work->active++;
			pthread_mutex_unlock(&work->lock);
			fd = hsm_handle_open(work->deep->root, &todo->handle,
					     O_RDONLY | O_DIRECTORY);
			/* Removed meanwhile: nothing is missing there. */
			if (fd >= 0) {
				look_at(work, fd);
				close(fd);
			}
			pthread_mutex_lock(&work->lock);
			work->active--;
			pthread_cond_broadcast(&work->more);
		}
		free(todo);
	}
	pthread_mutex_unlock(&work->lock);
	return NULL;
}

/* All below is listed: say so, from the leaves up. */
static int clear_below(void *arg, int fd)
{
	int ret = each_child(fd, clear_below, arg);

	return ret ? ret : hsm_mark_clear(fd, HSM_FLAG_BELOW);
}

int hsm_deep_run(struct hsm_deep *deep, const int *fds, unsigned int count)
{
	struct work work = { .deep = deep };
	pthread_t threads[THREADS_MAX];
	unsigned int started = 0, wanted = deep->jobs, i;

	if (wanted > THREADS_MAX)
		wanted = THREADS_MAX;
	pthread_mutex_init(&work.lock, NULL);
	pthread_cond_init(&work.more, NULL);
	for (i = 0; i < count && !work.error; i++)
		work.error = push(&work, fds[i]);
	while (started < wanted &&
	       !pthread_create(&threads[started], NULL, thread, &work))
		started++;
	/* Without any thread this one does it all. */
	if (!started)
		thread(&work);
	while (started)
		pthread_join(threads[--started], NULL);
	for (i = 0; i < count && !work.error; i++)
		work.error = clear_below(NULL, fds[i]);
	return work.error;
}

/* `arg` points at a bool: whether something is not listed so far. */
static int find_unlisted(void *arg, int fd)
{
	bool *found = arg, below = false;
	unsigned int flags;
	int ret = hsm_mark_read(fd, NULL, &flags);

	if (ret && ret != -ENODATA)
		return ret;
	/* What is not listed has nothing below that could be seen. */
	if (flags & HSM_FLAG_UNLISTED) {
		*found = true;
		return 0;
	}
	ret = each_child(fd, find_unlisted, &below);
	if (!ret && below && !(flags & HSM_FLAG_BELOW))
		ret = hsm_mark_set(fd, HSM_FLAG_BELOW);
	*found |= below;
	return ret;
}

int hsm_deep_mark(int fd)
{
	bool found = false;

	return find_unlisted(&found, fd);
}
