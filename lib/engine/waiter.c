// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/waiter.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/blame.h"
#include "engine/object.h"
#include "engine/slot.h"

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

/* Take those out of the object's list for whom `wanted` is true. */
static struct hsm_waiter *take(struct hsm_object *object,
			       bool (*wanted)(const struct hsm_object *object,
					      const struct hsm_waiter *w,
					      const void *arg),
			       const void *arg)
{
	struct hsm_waiter **p = &object->waiters, *taken = NULL;

	while (*p) {
		struct hsm_waiter *w = *p;

		if (!wanted(object, w, arg)) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		w->next = taken;
		taken = w;
	}
	return taken;
}

static struct hsm_waiter *set_error(struct hsm_waiter *list, int error)
{
	struct hsm_waiter *w;

	for (w = list; w; w = w->next)
		w->error = error;
	return list;
}

static bool has_it(const struct hsm_object *object, const struct hsm_waiter *w,
		   const void *arg)
{
	(void)arg;
	return has_all(object, w);
}

struct hsm_waiter *hsm_waiters_satisfied(struct hsm_object *object)
{
	return set_error(take(object, has_it, NULL), 0);
}

static bool is_gone(const struct hsm_object *object, const struct hsm_waiter *w,
		    const void *arg)
{
	(void)object, (void)arg;
	/* A thread is found by its own number, too. */
	return w->slot && w->slot->event.tid > 0 &&
	       kill(w->slot->event.tid, 0) < 0 && errno == ESRCH;
}

struct hsm_waiter *hsm_waiters_gone(struct hsm_object *object)
{
	struct hsm_waiter *list = take(object, is_gone, NULL), *w;

	for (w = list; w; w = w->next)
		w->gone = true;
	return list;
}

static bool needs_lock(const struct hsm_object *object,
		       const struct hsm_waiter *w, const void *arg)
{
	(void)object, (void)arg;
	return w->undecided || w->reserve;
}

struct hsm_waiter *hsm_waiters_locked(struct hsm_object *object)
{
	return take(object, needs_lock, NULL);
}

static bool wants_of(const struct hsm_object *object,
		     const struct hsm_waiter *w, const void *arg)
{
	const uint64_t *range = arg;

	return !needs_lock(object, w, NULL) &&
	       (w->whole || (w->end > range[0] && w->off < range[1]));
}

struct hsm_waiter *hsm_waiters_between(struct hsm_object *object, uint64_t off,
				       uint64_t end, int error)
{
	const uint64_t range[2] = { off, end };

	return set_error(take(object, wants_of, range), error);
}

static bool anyone(const struct hsm_object *object, const struct hsm_waiter *w,
		   const void *arg)
{
	(void)object, (void)w, (void)arg;
	return true;
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
			      struct hsm_object *object, int fd, bool sealed)
{
	bool complete;

	pthread_mutex_lock(&engine->lock);
	complete = object->loaded && !object->missing;
	object->quiet |= complete;
	pthread_mutex_unlock(&engine->lock);
	if (complete)
		hsm_watch_quiet(&engine->watch, fd, sealed ?
				HSM_QUIET_ALWAYS : HSM_QUIET_UNMODIFIED);
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
						  w->slot->event.fd, w->seal);
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
	struct hsm_waiter *list = set_error(take(object, anyone, NULL), error);

	pthread_mutex_unlock(&engine->lock);
	hsm_waiters_finish(engine, object, list);
	pthread_mutex_lock(&engine->lock);
}
