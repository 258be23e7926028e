// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/admission.h"
#include "engine/away.h"
#include "engine/blame.h"
#include "engine/chunk.h"
#include "engine/dispatch.h"
#include "engine/object.h"
#include "engine/plan.h"
#include "engine/renewal.h"
#include "engine/task.h"
#include "engine/waiter.h"

/* A stream that nobody wants more of is kept so long. */
enum { PAUSE_S = 5 };

/* A remote that has another version at each look is given up after so many. */
enum { RENEWALS = 3 };

/* Why a transfer failed, in one line for the log. */
static void report(struct hsm_engine *engine, struct hsm_object *object,
		   struct hsm_conn *conn, int error)
{
	HSM_FREE char *origin = hsm_object_origin(engine, object);
	const char *why = conn ? hsm_conn_error(conn) : "";

	if (error == -ENOSPC || error == -EDQUOT)
		why = "no space left to fill it";
	if (error == -EBUSY)
		why = "somebody has long been about to truncate it";
	if (error == -EHOSTDOWN)
		why = "nothing comes from the remote";
	hsm_log(engine->log, HSM_LOG_ERROR, "%s: cannot be fetched: %s%s%s",
		origin ? origin : "a file", why ? why : "", why && *why ? ": " : "",
		strerror(-error));
}

/*
 * With the lock held, which is given up meanwhile when there is somebody on the
 * list.  Whether there is.
 */
static bool finish(struct hsm_engine *engine, struct hsm_object *object,
		   struct hsm_waiter *list)
{
	if (!list)
		return false;
	pthread_mutex_unlock(&engine->lock);
	hsm_waiters_finish(engine, object, list);
	pthread_mutex_lock(&engine->lock);
	return true;
}

/* Wait while nobody wants more.  False: the stream is better given up. */
static bool wait_for_demand(struct hsm_engine *engine,
			    struct hsm_transfer *transfer)
{
	struct timespec until = hsm_clock_in(PAUSE_S);

	while (transfer->pos >= transfer->target) {
		/* Whoever waits and is let begin needs a thread. */
		if (engine->stop ||
		    (engine->queue.len &&
		     !(engine->sleepers && hsm_queue_ready(&engine->queue, true))))
			return false;
		if (pthread_cond_timedwait(&engine->wanted, &engine->lock,
					   &until) == ETIMEDOUT)
			return false;
	}
	return true;
}

/* Over a slow link a piece may take longer than a request may. */
static int read_full(struct hsm_engine *engine, struct hsm_stream *stream,
		     char *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = hsm_stream_read(stream, buf + done, len - done);

		if (n <= 0)
			return n < 0 ? (int)n : -EPROTO;
		hsm_task_step(engine->patience_s);
		done += (size_t)n;
	}
	return 0;
}

/* How much to read next: little at first, so that nobody waits for much. */
static size_t next_chunk(const struct hsm_transfer *t, size_t done)
{
	uint64_t len = done < HSM_GRANULE ? HSM_GRANULE : done;
	uint64_t wanted = t->target > t->pos ? t->target - t->pos : HSM_GRANULE;

	if (len > HSM_CHUNK)
		len = HSM_CHUNK;
	if (len > wanted)
		len = wanted;
	/* End where granules end. */
	len -= len > HSM_GRANULE ? (t->pos + len) % HSM_GRANULE : 0;
	return (size_t)(len > t->limit - t->pos ? t->limit - t->pos : len);
}

/* The loop of a transfer, with the lock held at both ends. */
static int pump(struct hsm_engine *engine, struct hsm_object *object,
		struct hsm_transfer *t, struct hsm_stream *stream, char *buffer)
{
	size_t done = 0;
	int ret = 0;

	/* A small file in one piece: one write. */
	if (t->limit - t->pos <= HSM_CHUNK && t->target >= t->limit)
		done = HSM_CHUNK;
	while (!ret && t->pos < t->limit && wait_for_demand(engine, t)) {
		size_t len = next_chunk(t, done);
		uint64_t pos = t->pos;

		pthread_mutex_unlock(&engine->lock);
		ret = read_full(engine, stream, buffer, len);
		if (!ret)
			ret = hsm_chunk_write(engine, object, t->version, buffer,
					  len, pos);
		pthread_mutex_lock(&engine->lock);
		if (ret)
			break;
		done += len;
		t->pos += len;
		object->renewals = 0;
		hsm_away_end(engine);
		atomic_fetch_add(&engine->shared->count.bytes_fetched, len);
		hsm_task_step(engine->patience_s);
		hsm_blame_forgive(engine->shared, &object->handle);
		finish(engine, object, hsm_waiters_satisfied(object));
	}
	return ret;
}

static int transfer(struct hsm_engine *engine, struct hsm_object *object,
		    struct hsm_transfer *t, struct hsm_conn *conn, char *buffer)
{
	bool rest = t->limit == object->end, lost = object->lost;
	struct hsm_version want = object->version, now;
	struct hsm_stream *stream = NULL;
	uint64_t start = t->pos, off = t->pos, target = t->target;
	int64_t began = hsm_clock_ns();
	HSM_FREE char *origin = NULL;
	int ret = hsm_away_check(engine, object, conn);

	if (ret)
		return ret;
	origin = strdup(object->origin);
	pthread_mutex_unlock(&engine->lock);
	ret = origin ? hsm_chunk_make_room(engine, object, off, target) : -ENOMEM;
	/* To the very end is asked for without a range where there is none. */
	if (!ret)
		ret = hsm_stream_open(conn, origin, &want, off,
				      rest && !off ? 0 : t->limit - off,
				      &stream, &now, &start);
	if (!ret && lost)
		hsm_renewal_lost(engine, object, false);
	if (!ret && (off || !rest) && !want.etag[0] && now.etag[0])
		ret = hsm_renewal_record(engine, object, &now);
	pthread_mutex_lock(&engine->lock);
	atomic_fetch_add(&engine->shared->count.requests, 1);
	if (!ret) {
		atomic_fetch_add(&engine->shared->count.fills, 1);
		if (start < t->pos) {
			/* A server without ranges sends all: take all. */
			t->pos = start;
			t->limit = t->target = object->end;
		}
		ret = pump(engine, object, t, stream, buffer);
	}
	hsm_away_note(engine, ret, began);
	pthread_mutex_unlock(&engine->lock);
	hsm_stream_close(stream);
	pthread_mutex_lock(&engine->lock);
	return ret;
}

static void failed(struct hsm_engine *engine, struct hsm_object *object,
		   struct hsm_transfer *t, struct hsm_conn *conn, int error)
{
	struct hsm_waiter *list;
	bool renewable = object->missing == object->granules;

	if (t->version != object->versions)
		return; /* another try, with the version that it has now */
	if (error == -ECANCELED && !engine->stop) {
		hsm_waiters_redecide(object);
		return;
	}
	if (error == -ESTALE && renewable && object->renewals < RENEWALS) {
		pthread_mutex_unlock(&engine->lock);
		error = hsm_renewal_run(engine, object, t->version, conn);
		pthread_mutex_lock(&engine->lock);
		if (!error) {
			object->renewals++;
			return; /* another try, with the new version */
		}
	}
	/* Who comes from here on has a try of their own. */
	object->renewals = 0;
	object->ahead = 0;
	object->lost |= error == -ENOENT;
	list = hsm_waiters_between(object, t->pos, t->limit, error);
	pthread_mutex_unlock(&engine->lock);
	if (error == -ESTALE && !renewable)
		hsm_renewal_stale(engine, object);
	if (error == -ENOENT)
		hsm_renewal_lost(engine, object, true);
	report(engine, object, conn, error);
	hsm_waiters_finish(engine, object, list);
	pthread_mutex_lock(&engine->lock);
}

static void run(struct hsm_engine *engine, struct hsm_object *object,
		struct hsm_transfer *t, struct hsm_conn *conn, char *buffer)
{
	struct hsm_transfer **p;
	int ret;

	t->version = object->versions;
	t->next = object->transfers;
	object->transfers = t;
	ret = transfer(engine, object, t, conn, buffer);
	for (p = &object->transfers; *p != t; p = &(*p)->next)
		;
	*p = t->next;
	if (ret)
		failed(engine, object, t, conn, ret);
}

static void load(struct hsm_engine *engine, struct hsm_object *object)
{
	int ret;

	object->loading = true;
	pthread_mutex_unlock(&engine->lock);
	ret = hsm_object_load(engine, object);
	pthread_mutex_lock(&engine->lock);
	object->loading = false;
	if (ret < 0)
		hsm_waiters_fail(engine, object, ret);
}

static void decide_again(struct hsm_engine *engine, struct hsm_object *object,
			 struct hsm_waiter *w)
{
	struct hsm_slot *slot = w->slot;

	/* A request of hsm-prefetch: what is the user's needs nothing. */
	if (w->done)
		w->done(w->arg, 0);
	free(w);
	if (slot)
		hsm_dispatch(engine, slot, &object->handle, true);
	pthread_mutex_lock(&engine->lock);
	hsm_object_put(engine, object);
	pthread_mutex_unlock(&engine->lock);
}

static void serve_locked(struct hsm_engine *engine, struct hsm_object *object,
			 struct hsm_waiter *list)
{
	pthread_mutex_unlock(&engine->lock);
	pthread_mutex_lock(&object->write_lock);
	hsm_admission_settle(engine, object, false);
	while (list) {
		struct hsm_waiter *w = list;

		list = w->next;
		w->next = NULL;
		if (w->undecided) {
			decide_again(engine, object, w);
			continue;
		}
		w->error = hsm_chunk_reserve(engine, object, 0, object->end);
		if (w->error)
			report(engine, object, NULL, w->error);
		hsm_waiters_finish(engine, object, w);
	}
	pthread_mutex_unlock(&object->write_lock);
	pthread_mutex_lock(&engine->lock);
}

void hsm_transfer_service(struct hsm_engine *engine, struct hsm_object *object,
			  struct hsm_conn *conn, void *buffer)
{
	while (!engine->stop) {
		struct hsm_waiter *list = hsm_waiters_locked(object);
		struct hsm_transfer t;

		if (list) {
			serve_locked(engine, object, list);
			continue;
		}
		if (object->loading)
			return;
		if (!object->loaded) {
			load(engine, object);
			if (!object->loaded)
				return;
			continue;
		}
		if (finish(engine, object, hsm_waiters_satisfied(object)))
			continue;
		if (!hsm_plan_next(engine, object, &t))
			return;
		/* Not for nobody: what has begun is finished, no more. */
		if (finish(engine, object, hsm_waiters_gone(object)))
			continue;
		run(engine, object, &t, conn, buffer);
	}
}
