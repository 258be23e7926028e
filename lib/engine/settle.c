// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/settle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { WAITING = 1024 };

struct hsm_settle {
	struct hsm_engine *engine;
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_t marker, settler;
	pthread_cond_t marked;
	bool unsynced;   /* marks that may not be durable */
	struct hsm_handle waiting[WAITING];
	unsigned int first, count;
	bool stop;
};

/*
 * On ext4 and xfs what was logged before goes to disk with what is logged now:
 * syncing any inode that has just changed takes all marks along, and no data of
 * other files.  (btrfs logs the inode alone; but there new data is in new
 * blocks, which its inode finds only together with the mark.)
 */
static void sync_log(const struct hsm_engine *engine)
{
	/*
	 * A new one each time: one that stays open would keep the file system
	 * from being made read-only.
	 */
	HSM_CLOSE int fd = openat(engine->watch.root, ".", O_TMPFILE | O_RDWR |
				  O_CLOEXEC, 0600);

	if (fd >= 0)
		fsync(fd);
}

static void *sync_marks(void *arg)
{
	struct hsm_settle *self = arg;

	pthread_mutex_lock(&self->lock);
	while (!self->stop) {
		if (!self->unsynced) {
			pthread_cond_wait(&self->marked, &self->lock);
			continue;
		}
		self->unsynced = false;
		pthread_mutex_unlock(&self->lock);
		sync_log(self->engine);
		pthread_mutex_lock(&self->lock);
	}
	pthread_mutex_unlock(&self->lock);
	return NULL;
}

/* -EAGAIN: an eviction has a lease on it; it sees the mark by itself. */
static int settle(struct hsm_engine *engine, const struct hsm_handle *handle)
{
	HSM_CLOSE int fd = hsm_handle_open(engine->watch.root, handle,
					   O_RDONLY | O_NONBLOCK | O_NOATIME);
	struct hsm_facts facts;
	int ret;

	if (fd < 0)
		return fd;
	if (fdatasync(fd) < 0)
		return -errno;
	ret = hsm_inspect(fd, engine->store_id, &facts);
	/* A hole that came meanwhile has its own event. */
	if (ret < 0 || !(facts.flags & HSM_FLAG_CHANGED) ||
	    facts.content != HSM_CONTENT_ALL)
		return ret;
	ret = hsm_mark_set(fd, HSM_FLAG_DIRTY);
	if (!ret)
		ret = hsm_mark_clear(fd, HSM_FLAG_CHANGED);
	if (!ret)
		hsm_watch_changes_quiet(&engine->watch, fd);
	return ret;
}

static void *work(void *arg)
{
	struct hsm_settle *self = arg;

	pthread_mutex_lock(&self->lock);
	for (;;) {
		struct hsm_handle handle;

		if (!self->count) {
			if (self->stop)
				break;
			pthread_cond_wait(&self->more, &self->lock);
			continue;
		}
		handle = self->waiting[self->first];
		self->first = (self->first + 1) % WAITING;
		self->count--;
		pthread_mutex_unlock(&self->lock);
		settle(self->engine, &handle);
		pthread_mutex_lock(&self->lock);
	}
	pthread_mutex_unlock(&self->lock);
	return NULL;
}

bool hsm_settle_later(struct hsm_engine *engine, const struct hsm_handle *handle)
{
	struct hsm_settle *self = engine->settle;
	unsigned int i;
	bool room;

	if (!self)
		return false;
	pthread_mutex_lock(&self->lock);
	self->unsynced = true;
	pthread_cond_signal(&self->marked);
	room = self->count < WAITING;
	/* The next one is often the same one. */
	for (i = 0; i < self->count && i < 16; i++)
		if (hsm_handle_equal(handle, &self->waiting[
				(self->first + self->count - 1 - i) % WAITING])) {
			pthread_mutex_unlock(&self->lock);
			return true;
		}
	if (room)
		self->waiting[(self->first + self->count++) % WAITING] = *handle;
	pthread_cond_signal(&self->more);
	pthread_mutex_unlock(&self->lock);
	return room;
}

int hsm_settle_start(struct hsm_engine *engine)
{
	struct hsm_settle *self = calloc(1, sizeof(*self));
	int ret;

	if (!self)
		return -ENOMEM;
	self->engine = engine;
	pthread_mutex_init(&self->lock, NULL);
	pthread_cond_init(&self->more, NULL);
	pthread_cond_init(&self->marked, NULL);
	ret = -pthread_create(&self->marker, NULL, sync_marks, self);
	if (!ret)
		ret = -pthread_create(&self->settler, NULL, work, self);
	engine->settle = self;
	return ret;
}

void hsm_settle_stop(struct hsm_engine *engine)
{
	struct hsm_settle *self = engine->settle;

	if (!self)
		return;
	pthread_mutex_lock(&self->lock);
	self->stop = true;
	pthread_cond_signal(&self->more);
	pthread_cond_signal(&self->marked);
	pthread_mutex_unlock(&self->lock);
	pthread_join(self->marker, NULL);
	pthread_join(self->settler, NULL);
	engine->settle = NULL;
	free(self);
}
