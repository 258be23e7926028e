// SPDX-License-Identifier: GPL-2.0-or-later
/* Many files at a time: a queue, and threads that each wait for one. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/request.h"
#include "tree.h"

enum { JOBS_MAX = 256 };

struct item {
	struct item *next;
	uint64_t off, len;
	char path[];
};

struct hsm_prefetch {
	pthread_mutex_t lock;
	pthread_cond_t more, less;
	struct item *first, **last;
	unsigned int queued, jobs;
	bool finish;
	hsm_prefetch_fn done;
	void *arg;
	const struct hsm_log *log;
	struct hsm_session *session; /* for trees that no server serves */
	pthread_mutex_t session_lock;
	pthread_mutex_t done_lock;
	pthread_t threads[JOBS_MAX];
	unsigned int count;
};

/* Without a server: all threads share the one engine that the store allows. */
static int hydrate_here(struct hsm_prefetch *p, const struct item *item)
{
	struct hsm_engine *engine = NULL;
	struct hsm_handle handle;
	struct hsm_file *file;
	int ret;

	pthread_mutex_lock(&p->session_lock);
	ret = hsm_file_open(p->session, item->path, &file);
	if (!ret) {
		ret = hsm_tree_engine(file->tree, p->jobs, &engine);
		if (!ret)
			ret = hsm_handle_get(file->fd, &handle);
		hsm_file_close(file);
	}
	pthread_mutex_unlock(&p->session_lock);
	return ret ? ret :
		     hsm_request_hydrate(engine, &handle, item->off, item->len);
}

static int hydrate(struct hsm_prefetch *p, struct hsm_session *session,
		   const struct item *item, uint64_t *bytes)
{
	struct hsm_file_info info;
	struct hsm_file *file;
	int ret = hsm_file_open(session, item->path, &file);

	if (ret)
		return ret;
	ret = file->tree->control >= 0 ?
	      hsm_file_hydrate(file, item->off, item->len) :
	      hydrate_here(p, item);
	if (!ret)
		ret = hsm_file_info(file, &info);
	if (!ret)
		*bytes = info.resident;
	hsm_file_close(file);
	return ret;
}

static void *work(void *arg)
{
	struct hsm_prefetch *p = arg;
	struct hsm_session *session = NULL;
	int broken = hsm_session_new(&session, p->log);

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct item *item = p->first;
		uint64_t bytes = 0;
		int ret;

		if (!item) {
			if (p->finish)
				break;
			pthread_cond_wait(&p->more, &p->lock);
			continue;
		}
		p->first = item->next;
		if (!p->first)
			p->last = &p->first;
		p->queued--;
		pthread_cond_signal(&p->less);
		pthread_mutex_unlock(&p->lock);
		ret = broken ? broken : hydrate(p, session, item, &bytes);
		pthread_mutex_lock(&p->done_lock);
		p->done(p->arg, item->path, bytes, ret);
		pthread_mutex_unlock(&p->done_lock);
		free(item);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	hsm_session_free(session);
	return NULL;
}

int hsm_prefetch_new(struct hsm_prefetch **out, unsigned int jobs,
		     hsm_prefetch_fn done, void *arg, const struct hsm_log *log)
{
	struct hsm_prefetch *p = calloc(1, sizeof(*p));
	int ret;

	if (!p)
		return -ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->session_lock, NULL);
	pthread_mutex_init(&p->done_lock, NULL);
	pthread_cond_init(&p->more, NULL);
	pthread_cond_init(&p->less, NULL);
	p->last = &p->first;
	p->jobs = !jobs ? 8 : jobs > JOBS_MAX ? JOBS_MAX : jobs;
	p->done = done;
	p->arg = arg;
	p->log = log;
	ret = hsm_session_new(&p->session, log);
	while (!ret && p->count < p->jobs) {
		ret = -pthread_create(&p->threads[p->count], NULL, work, p);
		p->count += !ret;
	}
	if (ret && !p->count) {
		hsm_session_free(p->session);
		free(p);
		return ret;
	}
	*out = p;
	return 0;
}

int hsm_prefetch_add(struct hsm_prefetch *p, const char *path, uint64_t off,
		     uint64_t len)
{
	struct item *item = malloc(sizeof(*item) + strlen(path) + 1);

	if (!item)
		return -ENOMEM;
	item->next = NULL;
	item->off = off;
	item->len = len;
	strcpy(item->path, path);
	pthread_mutex_lock(&p->lock);
	while (p->queued >= 4 * p->jobs)
		pthread_cond_wait(&p->less, &p->lock);
	*p->last = item;
	p->last = &item->next;
	p->queued++;
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

int hsm_prefetch_finish(struct hsm_prefetch *p)
{
	unsigned int i;

	pthread_mutex_lock(&p->lock);
	p->finish = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	for (i = 0; i < p->count; i++)
		pthread_join(p->threads[i], NULL);
	hsm_session_free(p->session);
	free(p);
	return 0;
}
