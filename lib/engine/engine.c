// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "engine/engine.h"
#include "engine/object.h"
#include "engine/sequence.h"
#include "engine/slot.h"
#include "engine/task.h"
#include "engine/transfer.h"
#include "engine/waiter.h"
#include "stage/opener.h"

struct hsm_sleeper {
	struct hsm_sleeper *next;
	pthread_cond_t wake;
	bool awake;
};

struct thread_arg {
	struct hsm_engine *engine;
	unsigned int index;
	char buffer[HSM_CHUNK];
};

static void wake(struct hsm_engine *engine, struct hsm_sleeper *sleeper)
{
	engine->sleepers = sleeper->next;
	sleeper->awake = true;
	pthread_cond_signal(&sleeper->wake);
}

/* With the lock held, until there is work. */
static void sleep_once(struct hsm_engine *engine)
{
	struct hsm_sleeper self = { .next = engine->sleepers,
				    .wake = PTHREAD_COND_INITIALIZER };

	engine->sleepers = &self;
	while (!self.awake)
		pthread_cond_wait(&self.wake, &engine->lock);
	pthread_cond_destroy(&self.wake);
}

/*
 * With the lock held: let one more thread look at `object`, when it is `user`'s
 * turn; HSM_USER_AHEAD: when there is nothing better to do.  -ENOMEM: nobody will
 * on this account.
 */
static int queue_object(struct hsm_engine *engine, struct hsm_object *object,
			int64_t user)
{
	bool ahead = user == HSM_USER_AHEAD;
	int ret = ahead ? hsm_queue_push_later(&engine->queue, object) :
			  hsm_queue_push(&engine->queue, user, object);

	if (ret < 0)
		return ret;
	hsm_object_get(engine, object);
	if (engine->sleepers && hsm_queue_ready(&engine->queue, !ahead))
		wake(engine, engine->sleepers);
	else if (!ahead)
		pthread_cond_broadcast(&engine->wanted);
	return 0;
}

static void *work(void *p)
{
	struct thread_arg *arg = p;
	struct hsm_engine *engine = arg->engine;

	hsm_task_register(engine->shared, HSM_TASK_JOBS + arg->index);
	pthread_mutex_lock(&engine->lock);
	while (!engine->stop) {
		int64_t user;
		struct hsm_object *object = hsm_queue_pop(&engine->queue, &user);

		if (!object) {
			sleep_once(engine);
			continue;
		}
		hsm_task_begin(&object->handle, engine->patience_s);
		hsm_transfer_service(engine, object, engine->conns[arg->index],
				     arg->buffer);
		hsm_task_end();
		hsm_queue_done(&engine->queue, user);
		hsm_object_put(engine, object);
	}
	pthread_mutex_unlock(&engine->lock);
	hsm_task_unregister();
	free(arg);
	return NULL;
}

int hsm_engine_start(struct hsm_engine *engine)
{
	unsigned int i, count = engine->jobs + HSM_QUEUE_SPARE;

	pthread_mutex_init(&engine->lock, NULL);
	pthread_mutex_init(&engine->changes_lock, NULL);
	pthread_cond_init(&engine->wanted, NULL);
	engine->idle.idle_next = engine->idle.idle_prev = &engine->idle;
	engine->queue.jobs = engine->jobs;
	engine->threads = calloc(count, sizeof(*engine->threads));
	engine->conns = calloc(count, sizeof(struct hsm_conn *));
	if (!engine->threads || !engine->conns)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		struct thread_arg *arg = malloc(sizeof(*arg));
		int ret = arg ? hsm_conn_open(&engine->conns[i], engine->remote) :
				-ENOMEM;

		if (!ret) {
			arg->engine = engine;
			arg->index = i;
			ret = -pthread_create(&engine->threads[i], NULL, work,
					      arg);
		}
		if (ret) {
			free(arg);
			return ret;
		}
		engine->thread_count++;
	}
	return 0;
}

static void fail_everyone(struct hsm_engine *engine)
{
	unsigned int i;

	for (i = 0; i < HSM_BUCKETS; i++) {
		struct hsm_object *object;

		while ((object = engine->buckets[i])) {
			struct hsm_waiter *w;

			object->refs++;
			while ((w = object->waiters)) {
				object->waiters = w->next;
				w->next = NULL;
				w->error = -EIO;
				pthread_mutex_unlock(&engine->lock);
				hsm_waiters_finish(engine, object, w);
				pthread_mutex_lock(&engine->lock);
			}
			hsm_object_free(engine, object);
		}
	}
}

void hsm_engine_stop(struct hsm_engine *engine)
{
	unsigned int i;

	pthread_mutex_lock(&engine->lock);
	engine->stop = true;
	while (engine->sleepers)
		wake(engine, engine->sleepers);
	pthread_cond_broadcast(&engine->wanted);
	pthread_mutex_unlock(&engine->lock);
	for (i = 0; i < engine->thread_count; i++)
		hsm_conn_cancel(engine->conns[i]);
	for (i = 0; i < engine->thread_count; i++)
		pthread_join(engine->threads[i], NULL);
	pthread_mutex_lock(&engine->lock);
	fail_everyone(engine);
	hsm_queue_free(&engine->queue);
	pthread_mutex_unlock(&engine->lock);
	for (i = 0; i < engine->jobs + HSM_QUEUE_SPARE; i++)
		hsm_conn_close(engine->conns[i]);
	free(engine->threads);
	free(engine->conns);
}

/*
 * With the lock held: wait for what `waiter` wants of `object`.  It is returned
 * when it is done already.
 */
static struct hsm_waiter *add_waiter(struct hsm_engine *engine,
				     struct hsm_object *object,
				     struct hsm_waiter *waiter)
{
	int64_t user = waiter->ahead ? HSM_USER_AHEAD : waiter->user;

	waiter->since_ns = hsm_clock_ns();
	hsm_object_get(engine, object);
	if (waiter->slot && !waiter->slot->event.open && !waiter->undecided &&
	    !waiter->whole) {
		object->writers = HSM_WRITERS_NONE;
		hsm_sequence_note(object, waiter->off, waiter->end);
	}
	if (hsm_waiter_satisfied(object, waiter)) {
		waiter->next = NULL;
		if (hsm_sequence_wants(engine, object))
			queue_object(engine, object, user);
		return waiter;
	}
	/* A thread looks even when one is on it: ranges go in parallel. */
	waiter->error = queue_object(engine, object, user);
	if (waiter->error) {
		waiter->next = NULL;
		return waiter;
	}
	waiter->next = object->waiters;
	object->waiters = waiter;
	return NULL;
}

/* With the lock held: the object, when its file need not be looked at. */
static struct hsm_object *find_known(struct hsm_engine *engine,
				     const struct hsm_handle *handle)
{
	struct hsm_object *object = hsm_object_find(engine, handle);
	bool known = object && object->loaded && !object->quiet &&
		     object->writers == HSM_WRITERS_NONE &&
		     !object->admissions &&
		     object->size == (uint64_t)object->version.size;

	return known ? object : NULL;
}

bool hsm_engine_access(struct hsm_engine *engine, const struct hsm_handle *handle,
		       struct hsm_slot *slot)
{
	struct hsm_waiter *waiter = calloc(1, sizeof(*waiter));
	struct hsm_object *object;
	struct hsm_waiter *done = NULL;

	if (!waiter)
		return false;
	waiter->slot = slot;
	waiter->off = slot->event.off;
	waiter->end = slot->event.off + slot->event.count;
	waiter->user = HSM_USER_UNKNOWN;
	pthread_mutex_lock(&engine->lock);
	object = find_known(engine, handle);
	if (object && hsm_object_missing(object, waiter->off, waiter->end) <
			      waiter->end) {
		/* It is going to wait: now it matters who it is. */
		pthread_mutex_unlock(&engine->lock);
		waiter->user = hsm_opener_user(slot->event.tid);
		pthread_mutex_lock(&engine->lock);
		object = find_known(engine, handle);
	}
	if (object)
		done = add_waiter(engine, object, waiter);
	pthread_mutex_unlock(&engine->lock);
	if (object)
		hsm_waiters_finish(engine, object, done);
	else
		free(waiter);
	return object;
}

void hsm_engine_submit(struct hsm_engine *engine, const struct hsm_handle *handle,
		       int fd, struct hsm_facts *facts,
		       struct hsm_waiter *waiter)
{
	struct hsm_object *object;
	struct hsm_waiter *list;
	int ret;

	pthread_mutex_lock(&engine->lock);
	ret = hsm_object_of(engine, handle, fd, facts, &object);
	if (ret) {
		pthread_mutex_unlock(&engine->lock);
		if (waiter->slot)
			hsm_slot_answer(engine, waiter->slot, ret);
		if (waiter->done)
			waiter->done(waiter->arg, ret);
		free(waiter);
		return;
	}
	list = add_waiter(engine, object, waiter);
	pthread_mutex_unlock(&engine->lock);
	hsm_waiters_finish(engine, object, list);
}

void hsm_engine_forget(struct hsm_engine *engine,
		       const struct hsm_handle *handle)
{
	struct hsm_object *object;

	pthread_mutex_lock(&engine->lock);
	object = hsm_object_find(engine, handle);
	if (object) {
		uint32_t i;

		for (i = 0; i < (object->granules + 63) / 64; i++)
			object->present[i] = 0;
		object->missing = object->granules;
		object->quiet = false;
		object->generation++;
	}
	pthread_mutex_unlock(&engine->lock);
}
