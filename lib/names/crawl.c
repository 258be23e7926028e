// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/crawl.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "local/mark.h"
#include "local/seal.h"
#include "names/crew.h"
#include "names/entry.h"
#include "names/intake.h"

enum { JOBS_MAX = 256 };

/* It is there when the last crawl of all has come to its end. */
static const char complete[] = "listed/complete";

/* The file `path`, whose size no listing told. */
static void ask_for_file(struct hsm_run *run, struct hsm_conn *conn,
			 const char *path)
{
	struct hsm_crawl *crawl = run->crawl;
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	HSM_CLOSE int dir_fd = -1;
	struct hsm_version version;
	int ret = hsm_conn_stat(conn, path, &version);

	if (!ret && version.size == HSM_SIZE_UNKNOWN)
		ret = -EPROTO;
	if (ret) {
		if (hsm_run_is_local(path, ret))
			hsm_run_skip(crawl, "", path,
				     "the server does not tell its size");
		else
			hsm_run_fail(run, path, hsm_conn_error(conn), ret);
		return;
	}
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 0, path);
	dir_fd = hsm_run_open(crawl, dir);
	if (dir_fd < 0)
		return;
	ret = hsm_entry_make_file(crawl, dir_fd, path,
				  slash ? slash + 1 : path, &version,
				  0, time(NULL));
	if (ret == -EFBIG || ret == -EINVAL || ret == -E2BIG)
		hsm_run_skip(crawl, "", path, strerror(-ret));
	else if (ret)
		hsm_run_fail(run, path, NULL, ret);
}

static void *thread(void *arg)
{
	struct hsm_run *run = arg;
	struct hsm_conn *conn = NULL;
	char path[PATH_MAX + 1];
	int ret = hsm_crew_take_conn(run->crawl, &conn);

	if (ret < 0)
		hsm_run_fail(run, "", NULL, ret);
	pthread_mutex_lock(&run->lock);
	while (!run->error) {
		struct hsm_agenda_dir *dir = NULL;

		ret = hsm_agenda_next(&run->agenda, path, &dir);
		if (!ret && !run->active)
			break;
		if (!ret) {
			pthread_cond_wait(&run->more, &run->lock);
			continue;
		}
		run->active++;
		pthread_mutex_unlock(&run->lock);
		if (ret < 0)
			hsm_run_fail(run, "", NULL, ret);
		else if (dir)
			hsm_intake_directory(run, conn, dir);
		else
			ask_for_file(run, conn, path);
		free(dir);
		pthread_mutex_lock(&run->lock);
		run->active--;
		pthread_cond_broadcast(&run->more);
	}
	pthread_mutex_unlock(&run->lock);
	hsm_crew_give_conn(run->crawl, conn);
	return NULL;
}

/* A line a second, until the last thread has nothing to do. */
static void show_progress(struct hsm_run *run)
{
	struct hsm_crawl *crawl = run->crawl;
	struct timespec until;

	pthread_mutex_lock(&run->lock);
	while (!run->error &&
	       (run->active || !hsm_agenda_empty(&run->agenda))) {
		until = hsm_clock_in(1);
		while (!run->error && run->active &&
		       pthread_cond_timedwait(&run->more, &run->lock, &until) !=
			       ETIMEDOUT)
			;
		pthread_mutex_unlock(&run->lock);
		hsm_log(crawl->log, HSM_LOG_INFO,
			"listed %lu files in %lu directories",
			atomic_load(&crawl->files),
			atomic_load(&crawl->directories));
		pthread_mutex_lock(&run->lock);
	}
	pthread_mutex_unlock(&run->lock);
}

static int start_threads(struct hsm_run *run, pthread_t *threads,
			 unsigned int *count)
{
	unsigned int jobs = run->crawl->jobs;
	int ret = 0;

	while (!ret && *count < jobs && *count < JOBS_MAX) {
		ret = -pthread_create(&threads[*count], NULL, thread, run);
		*count += !ret;
	}
	return *count ? 0 : ret;
}

/* List the one directory, then ask for its files of unknown size, many at a
 * time. */
static int list_one(struct hsm_run *run)
{
	struct hsm_crawl *crawl = run->crawl;
	pthread_t threads[JOBS_MAX];
	struct hsm_agenda_dir *dir;
	struct hsm_conn *conn;
	unsigned int count = 0;
	int ret = hsm_crew_take_conn(crawl, &conn);

	if (ret < 0)
		return ret;
	/* hsm_run_begin() has put it there. */
	hsm_agenda_next(&run->agenda, NULL, &dir);
	hsm_intake_directory(run, conn, dir);
	free(dir);
	hsm_crew_give_conn(crawl, conn);
	if (!run->error && !hsm_agenda_empty(&run->agenda))
		ret = start_threads(run, threads, &count);
	while (count)
		pthread_join(threads[--count], NULL);
	return ret;
}

static int run_shallow(struct hsm_crawl *crawl)
{
	struct hsm_run run = { 0 };
	struct stat st;
	unsigned int flags;
	int ret;

	if (fstat(crawl->only, &st) < 0)
		return -errno;
	hsm_crew_claim(crawl->crew, st.st_ino);
	ret = hsm_mark_read(crawl->only, NULL, &flags);
	run.first = !ret && flags & HSM_FLAG_UNLISTED;
	/* Somebody else has just done it. */
	if (ret || !run.first) {
		hsm_crew_unclaim(crawl->crew, st.st_ino);
		return ret;
	}
	ret = hsm_run_begin(&run, crawl);
	if (!ret)
		ret = list_one(&run);
	ret = hsm_run_end(&run, ret);
	/* After its names: no crash leaves the one without the other. */
	if (!ret)
		ret = hsm_seal_break(crawl->only);
	if (!ret)
		ret = hsm_mark_clear(crawl->only, HSM_FLAG_UNLISTED);
	hsm_crew_unclaim(crawl->crew, st.st_ino);
	return ret;
}

int hsm_crawl_trust(int store_fd)
{
	HSM_CLOSE int fd = openat(store_fd, complete,
				  O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : 0;
}

int hsm_crawl_run(struct hsm_crawl *crawl)
{
	struct hsm_run run = { 0 };
	pthread_t threads[JOBS_MAX];
	unsigned int count = 0;
	int ret;

	if (crawl->shallow)
		return run_shallow(crawl);
	ret = hsm_run_begin(&run, crawl);
	/*
	 * A crawl that breaks off has named files in snapshots that it has not
	 * made yet: the next one must not take them for deleted.
	 */
	run.trusted = unlinkat(crawl->store_fd, complete, 0) == 0 || crawl->lazy;
	if (!ret)
		ret = start_threads(&run, threads, &count);
	if (count && crawl->progress)
		show_progress(&run);
	while (count)
		pthread_join(threads[--count], NULL);
	ret = hsm_run_end(&run, ret);
	return ret ? ret : hsm_crawl_trust(crawl->store_fd);
}
