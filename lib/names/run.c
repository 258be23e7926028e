// SPDX-License-Identifier: GPL-2.0-or-later
#include "names/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "local/beneath.h"

/* So many names that are left out are told, the others are only counted. */
enum { LOUD = 100 };

int hsm_run_begin(struct hsm_run *run, struct hsm_crawl *crawl)
{
	struct hsm_agenda_dir *from;
	int ret;

	run->crawl = crawl;
	pthread_mutex_init(&run->lock, NULL);
	pthread_cond_init(&run->more, NULL);
	ret = hsm_agenda_open(&run->agenda, crawl->store_fd);
	if (ret)
		return ret;
	from = hsm_agenda_dir_new(crawl->from);
	return from ? hsm_run_add_dir(run, from) : -ENOMEM;
}

int hsm_run_end(struct hsm_run *run, int ret)
{
	hsm_agenda_close(&run->agenda);
	return ret ? ret : run->error;
}

int hsm_run_add_dir(struct hsm_run *run, struct hsm_agenda_dir *dir)
{
	int ret;

	pthread_mutex_lock(&run->lock);
	ret = hsm_agenda_add_dir(&run->agenda, dir);
	pthread_cond_signal(&run->more);
	pthread_mutex_unlock(&run->lock);
	return ret;
}

int hsm_run_add_file(struct hsm_run *run, const char *path)
{
	int ret;

	pthread_mutex_lock(&run->lock);
	ret = hsm_agenda_add_file(&run->agenda, path);
	pthread_cond_signal(&run->more);
	pthread_mutex_unlock(&run->lock);
	return ret;
}

void hsm_run_fail(struct hsm_run *run, const char *path, const char *why,
		  int error)
{
	pthread_mutex_lock(&run->lock);
	if (!run->error) {
		run->error = error;
		snprintf(run->crawl->error, sizeof(run->crawl->error), "%s%s%s",
			 *path && !(why && *why) ? path : "",
			 *path && !(why && *why) ? ": " : "",
			 why && *why ? why : strerror(-error));
	}
	pthread_cond_broadcast(&run->more);
	pthread_mutex_unlock(&run->lock);
}

bool hsm_run_is_local(const char *path, int error)
{
	return *path && (error == -EACCES || error == -ENOENT ||
			 error == -ENOTDIR || error == -EPROTO);
}

int hsm_run_skip(struct hsm_crawl *crawl, const char *dir, const char *name,
		 const char *why)
{
	unsigned long count = atomic_fetch_add(&crawl->skipped, 1);

	if (count < LOUD)
		hsm_log(crawl->log, HSM_LOG_WARNING, "%s%s%s: left out: %s", dir,
			*dir ? "/" : "", name, why);
	else if (count == LOUD)
		hsm_log(crawl->log, HSM_LOG_WARNING,
			"more names are left out: only counted from here on");
	return 0;
}

int hsm_run_open(const struct hsm_crawl *crawl, const char *path)
{
	int fd;

	if (crawl->shallow) {
		fd = openat(crawl->only, ".",
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	return hsm_beneath_open(crawl->tree, path, O_RDONLY | O_DIRECTORY);
}
