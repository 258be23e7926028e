// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/blame.h"
#include "engine/engine.h"

/* Whether all is here that it waits for, whatever is to be done then. */
static bool has_all(const struct hsm_object *object, const struct hsm_waiter *w)
{
	uint64_t end = w->whole || w->end > object->end ? object->end : w->end;
	uint64_t off = w->whole ? 0 : w->off;

	return !w->undecided && !w->reserve && object->loaded &&
	       (off >= end || hsm_object_missing(object, off, end) >= end);
}

bool hsm_waiter_satisfied(const struct hsm_object *object,
			  const struct hsm_waiter *w)
{
	return !w->seal && has_all(object, w);
}

struct hsm_waiter *hsm_waiters_satisfied(struct hsm_object *object)
{
	struct hsm_waiter **p = &object->waiters, *done = NULL;

	while (*p) {
		struct hsm_waiter *w = *p;

		if (!has_all(object, w)) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		w->next = done;
		w->error = 0;
		done = w;
	}
	return done;
}

struct hsm_waiter *hsm_waiters_gone(struct hsm_object *object)
{
	struct hsm_waiter **p = &object->waiters, *gone = NULL;

	while (*p) {
		struct hsm_waiter *w = *p;

		/* A thread is found by its own number, too. */
		if (!w->slot || w->slot->event.tid <= 0 ||
		    kill(w->slot->event.tid, 0) == 0 || errno != ESRCH) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		w->next = gone;
		w->gone = true;
		gone = w;
	}
	return gone;
}

struct hsm_waiter *hsm_waiters_between(struct hsm_object *object, uint64_t off,
				       uint64_t end, int error)
{
	struct hsm_waiter **p = &object->waiters, *list = NULL;

	while (*p) {
		struct hsm_waiter *w = *p;

		if (w->undecided || w->reserve ||
		    (!w->whole && (w->end <= off || w->off >= end))) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		w->error = error;
		w->next = list;
		list = w;
	}
	return list;
}

struct hsm_waiter *hsm_waiters_locked(struct hsm_object *object)
{
	struct hsm_waiter **p = &object->waiters, *list = NULL;

	while (*p) {
		struct hsm_waiter *w = *p;

		if (!w->undecided && !w->reserve) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		w->next = list;
		list = w;
	}
	return list;
}

void hsm_waiters_redecide(struct hsm_object *object)
{
	struct hsm_waiter *w;

	for (w = object->waiters; w; w = w->next)
		w->undecided = true;
}

/* Write down that holes are content, after the content itself is durable. */
static int seal(struct hsm_engine *engine, const struct hsm_object *object)
{
	HSM_CLOSE int fd = hsm_handle_open(engine->watch.root, &object->handle,
					   O_RDONLY | O_NONBLOCK | O_NOATIME);
	bool resized;

	pthread_mutex_lock(&engine->lock);
	resized = object->size != (uint64_t)object->version.size;
	pthread_mutex_unlock(&engine->lock);
	if (fd < 0)
		return fd;
	if (fdatasync(fd) < 0)
		return -errno;
	return hsm_mark_set(fd, resized ? HSM_FLAG_DIRTY : HSM_FLAG_WHOLE);
}

/* While a reader waits, so that nobody can evict meanwhile. */
static void quiet_if_complete(struct hsm_engine *engine,
			      struct hsm_object *object, int fd)
{
	bool complete;

	pthread_mutex_lock(&engine->lock);
	complete = object->loaded && !object->missing;
	object->quiet |= complete;
	pthread_mutex_unlock(&engine->lock);
	if (complete)
		hsm_watch_quiet(&engine->watch, fd, HSM_QUIET_UNMODIFIED);
}

void hsm_waiters_finish(struct hsm_engine *engine, struct hsm_object *object,
			struct hsm_waiter *list)
{
	if (list)
		hsm_blame_forgive(engine->shared, &object->handle);
	while (list) {
		struct hsm_waiter *w = list;

		list = w->next;
		if (!w->error && w->seal && !w->gone)
			w->error = seal(engine, object);
		if (w->gone) {
			hsm_slot_drop(engine, w->slot);
		} else if (w->slot) {
			if (!w->error && !w->reserve)
				quiet_if_complete(engine, object,
						  w->slot->event.fd);
			hsm_slot_answer(engine, w->slot, w->error);
		}
		if (w->done)
			w->done(w->arg, w->error);
		free(w);
		pthread_mutex_lock(&engine->lock);
		hsm_object_put(engine, object);
		pthread_mutex_unlock(&engine->lock);
	}
}

void hsm_waiters_fail(struct hsm_engine *engine, struct hsm_object *object,
		      int error)
{
	struct hsm_waiter *list = NULL, *w;

	while ((w = object->waiters)) {
		object->waiters = w->next;
		w->error = error;
		w->next = list;
		list = w;
	}
	pthread_mutex_unlock(&engine->lock);
	hsm_waiters_finish(engine, object, list);
	pthread_mutex_lock(&engine->lock);
}
