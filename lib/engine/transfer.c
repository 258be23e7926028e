// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "engine/admission.h"
#include "engine/blame.h"
#include "engine/task.h"
#include "local/extent.h"
#include "local/placeholder.h"
#include "stage/fill.h"

/* A stream that nobody wants more of is kept so long. */
enum { PAUSE_S = 5 };

/* A remote that has another version at each look is given up after so many. */
enum { RENEWALS = 3 };

/* A read this close behind a running transfer waits for it. */
#define SOON (UINT64_C(4) << 20)

static void move_waiters(struct hsm_waiter **from, struct hsm_waiter **to,
			 int error)
{
	while (*from) {
		struct hsm_waiter *w = *from;

		*from = w->next;
		w->error = error;
		w->next = *to;
		*to = w;
	}
}

static void fail_all(struct hsm_engine *engine, struct hsm_object *object,
		     int error)
{
	struct hsm_waiter *list = NULL;

	move_waiters(&object->waiters, &list, error);
	pthread_mutex_unlock(&engine->lock);
	hsm_waiters_finish(engine, object, list);
	pthread_mutex_lock(&engine->lock);
}

/* Those who wait for something of [off, end). */
static struct hsm_waiter *take_between(struct hsm_object *object, uint64_t off,
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

/* The file is not as it was: decide about all who wait once more. */
static void redecide(struct hsm_object *object)
{
	struct hsm_waiter *w;

	for (w = object->waiters; w; w = w->next)
		w->undecided = true;
}

static int write_run(struct hsm_engine *engine, struct hsm_object *object,
		     const char *buf, size_t len, uint64_t off)
{
	int ret = hsm_admission_settle(engine, object, false);

	if (ret)
		return ret;
	hsm_task_writing(&object->handle, &object->mtime);
	ret = hsm_fill_write(engine->watch.root, &object->handle, object->size,
			     &object->mtime, buf, len, off);
	hsm_task_written();
	if (!ret)
		ret = hsm_admission_settle(engine, object, true);
	return ret;
}

/*
 * Write what is missing of [off, off + len), and account for it.  -ESTALE: it is
 * of a version that the file had before.
 */
static int write_chunk(struct hsm_engine *engine, struct hsm_object *object,
		       unsigned int version, const char *buf, size_t len,
		       uint64_t off)
{
	uint64_t pos = off, end = off + len;
	int ret = 0;

	pthread_mutex_lock(&object->write_lock);
	pthread_mutex_lock(&engine->lock);
	if (version != object->versions)
		ret = -ESTALE;
	while (!ret && (pos = hsm_object_missing(object, pos, end)) < end) {
		uint64_t stop = hsm_object_present(object, pos, end);
		unsigned int generation = object->generation;

		object->writing = true;
		pthread_mutex_unlock(&engine->lock);
		ret = write_run(engine, object, buf + (pos - off),
				(size_t)(stop - pos), pos);
		pthread_mutex_lock(&engine->lock);
		object->writing = false;
		if (!ret && generation == object->generation)
			hsm_object_filled(object, pos, stop - pos);
		pos = stop;
	}
	pthread_mutex_unlock(&engine->lock);
	pthread_mutex_unlock(&object->write_lock);
	return ret;
}

/*
 * Reserve the space of all that is missing of [off, end), with the write lock
 * held: no one fills meanwhile.
 */
static int reserve(struct hsm_engine *engine, struct hsm_object *object,
		   uint64_t off, uint64_t end)
{
	int ret = 0;

	pthread_mutex_lock(&engine->lock);
	object->writing = true;
	while (!ret && (off = hsm_object_missing(object, off, end)) < end) {
		uint64_t stop = hsm_object_present(object, off, end);

		pthread_mutex_unlock(&engine->lock);
		hsm_task_writing(&object->handle, &object->mtime);
		ret = hsm_fill_reserve(engine->watch.root, &object->handle,
				       &object->mtime, off, stop - off);
		hsm_task_written();
		pthread_mutex_lock(&engine->lock);
		off = stop;
	}
	object->writing = false;
	pthread_mutex_unlock(&engine->lock);
	return ret;
}

/* Before much is fetched: is there room for it?  Better no than half of it. */
static int make_room(struct hsm_engine *engine, struct hsm_object *object,
		     uint64_t off, uint64_t end)
{
	int ret;

	if (end - off < HSM_RESERVE)
		return 0;
	pthread_mutex_lock(&object->write_lock);
	ret = hsm_admission_settle(engine, object, false);
	if (!ret)
		ret = reserve(engine, object, off, end);
	pthread_mutex_unlock(&object->write_lock);
	return ret;
}

/*
 * An answer told more of the version than the listing did: record it, before
 * the first bytes.  -ESTALE: another transfer was told another one.
 */
static int record_version(struct hsm_engine *engine, struct hsm_object *object,
			  const struct hsm_version *now)
{
	HSM_CLOSE int fd = hsm_handle_open(engine->watch.root, &object->handle,
					   O_RDONLY | O_NONBLOCK | O_NOATIME);
	struct hsm_mark mark;
	unsigned int flags;
	bool same, first;
	int ret;

	pthread_mutex_lock(&engine->lock);
	first = !object->version.etag[0];
	if (first)
		strcpy(object->version.etag, now->etag);
	same = !strcmp(object->version.etag, now->etag);
	pthread_mutex_unlock(&engine->lock);
	if (!same)
		return -ESTALE;
	if (!first)
		return 0;
	if (fd < 0)
		return fd;
	ret = hsm_mark_read(fd, &mark, &flags);
	if (ret < 0)
		return ret;
	strcpy(mark.version.etag, now->etag);
	return hsm_mark_write(fd, &mark);
}

static void set_flag(struct hsm_engine *engine, struct hsm_object *object,
		     enum hsm_flag flag)
{
	HSM_CLOSE int fd = hsm_handle_open(engine->watch.root, &object->handle,
					   O_RDONLY | O_NONBLOCK | O_NOATIME);

	if (fd >= 0)
		hsm_mark_set(fd, flag);
}

/* With the write lock held: give a placeholder, still empty, the version `now`. */
static int renew_as(struct hsm_engine *engine, struct hsm_object *object,
		    struct hsm_version now)
{
	HSM_CLOSE int fd = -1;
	struct hsm_facts facts;
	uint64_t resident;
	int ret;

	fd = hsm_handle_open(engine->watch.root, &object->handle,
			     O_RDWR | O_NONBLOCK);
	if (fd < 0)
		return fd;
	ret = hsm_inspect(fd, engine->store_id, &facts);
	if (!ret)
		ret = hsm_extent_resident(fd, object->end, &resident);
	if (ret < 0)
		return ret;
	if (!facts.ours || facts.flags & (HSM_FLAG_DIRTY | HSM_FLAG_WHOLE) ||
	    resident || hsm_facts_resized(&facts))
		return -ESTALE;
	if (now.precision == HSM_PRECISION_NONE)
		now.mtime = facts.mark.version.mtime;
	facts.mark.version = now;
	hsm_mark_set(fd, HSM_FLAG_EVICT);
	ret = hsm_placeholder_renew(fd, &facts.mark);
	/* Its own truncation is reported: look at it while nothing is here. */
	hsm_changes_drain(engine, NULL);
	hsm_mark_clear(fd, HSM_FLAG_EVICT);
	if (!ret)
		ret = hsm_inspect(fd, engine->store_id, &facts);
	if (ret < 0)
		return ret;
	pthread_mutex_lock(&engine->lock);
	ret = hsm_object_describe(object, &facts);
	pthread_mutex_unlock(&engine->lock);
	return ret;
}

/*
 * The same with the version that the remote has now, unless another transfer has
 * done so since the object had `version`.
 */
static int renew(struct hsm_engine *engine, struct hsm_object *object,
		 unsigned int version, struct hsm_conn *conn)
{
	HSM_FREE char *origin = hsm_object_origin(engine, object);
	struct hsm_version now;
	bool current;
	int ret = origin ? hsm_conn_stat(conn, origin, &now) : -ENOMEM;

	if (ret < 0)
		return ret;
	if (now.size == HSM_SIZE_UNKNOWN)
		return -EPROTO;
	pthread_mutex_lock(&object->write_lock);
	pthread_mutex_lock(&engine->lock);
	current = version == object->versions;
	pthread_mutex_unlock(&engine->lock);
	if (current)
		ret = hsm_admission_settle(engine, object, false);
	if (current && !ret)
		ret = renew_as(engine, object, now);
	pthread_mutex_unlock(&object->write_lock);
	return ret;
}

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

/* Wait while nobody wants more.  False: the stream is better given up. */
static bool wait_for_demand(struct hsm_engine *engine,
			    struct hsm_transfer *transfer)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PAUSE_S;
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
		struct hsm_waiter *list;

		pthread_mutex_unlock(&engine->lock);
		ret = read_full(engine, stream, buffer, len);
		if (!ret)
			ret = write_chunk(engine, object, t->version, buffer,
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
		list = hsm_waiters_satisfied(object);
		if (list) {
			pthread_mutex_unlock(&engine->lock);
			hsm_waiters_finish(engine, object, list);
			pthread_mutex_lock(&engine->lock);
		}
	}
	return ret;
}

static int transfer(struct hsm_engine *engine, struct hsm_object *object,
		    struct hsm_transfer *t, struct hsm_conn *conn, char *buffer)
{
	bool rest = t->limit == object->end;
	struct hsm_version want = object->version, now;
	struct hsm_stream *stream = NULL;
	uint64_t start = t->pos, off = t->pos, target = t->target;
	int64_t began = hsm_away_now_ns();
	HSM_FREE char *origin = NULL;
	int ret = hsm_away_check(engine, object, conn);

	if (ret)
		return ret;
	origin = strdup(object->origin);
	pthread_mutex_unlock(&engine->lock);
	ret = origin ? make_room(engine, object, off, target) : -ENOMEM;
	/* To the very end is asked for without a range where there is none. */
	if (!ret)
		ret = hsm_stream_open(conn, origin, &want, off,
				      rest && !off ? 0 : t->limit - off,
				      &stream, &now, &start);
	if (!ret && (off || !rest) && !want.etag[0] && now.etag[0])
		ret = record_version(engine, object, &now);
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
	uint64_t pos = t->pos, limit = t->limit;
	bool renewable = object->missing == object->granules;
	bool again = object->renewals < RENEWALS;

	if (t->version != object->versions)
		return; /* another try, with the version that it has now */
	if (error == -ECANCELED && !engine->stop) {
		redecide(object);
		return;
	}
	pthread_mutex_unlock(&engine->lock);
	if (error == -ESTALE && !renewable)
		set_flag(engine, object, HSM_FLAG_STALE);
	else if (error == -ESTALE && again)
		error = renew(engine, object, t->version, conn);
	if (error == -ENOENT)
		set_flag(engine, object, HSM_FLAG_LOST);
	if (error)
		report(engine, object, conn, error);
	pthread_mutex_lock(&engine->lock);
	if (!error) {
		object->renewals++;
		return; /* another try, with the new version */
	}
	object->renewals = 0;
	list = take_between(object, pos, limit, error);
	object->ahead = 0;
	pthread_mutex_unlock(&engine->lock);
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

static uint64_t round_up(uint64_t value)
{
	return (value + HSM_GRANULE - 1) / HSM_GRANULE * HSM_GRANULE;
}

void hsm_transfer_extend(struct hsm_engine *engine, struct hsm_transfer *t,
			 uint64_t end)
{
	end = round_up(end);
	if (end > t->limit)
		end = t->limit;
	if (t->target >= end)
		return;
	t->target = end;
	pthread_cond_broadcast(&engine->wanted);
}

/* Whether a running transfer brings the byte at `off` soon; it is told to. */
static bool on_its_way(struct hsm_engine *engine, struct hsm_object *object,
		       uint64_t off, uint64_t end, bool whole)
{
	struct hsm_transfer *t;

	for (t = object->transfers; t; t = t->next) {
		if (off < t->pos || off >= t->limit)
			continue;
		if (!whole && off >= t->target && off >= t->pos + SOON)
			continue;
		hsm_transfer_extend(engine, t, end);
		return true;
	}
	return false;
}

/* Plan a transfer for the first of [off, end) that nobody fetches.  */
static bool plan(struct hsm_engine *engine, struct hsm_object *object,
		 uint64_t off, uint64_t end, bool whole, struct hsm_transfer *t)
{
	struct hsm_transfer *other;

	if (end > object->end)
		end = object->end;
	off = off < end ? hsm_object_missing(object, off, end) : end;
	if (off >= end || on_its_way(engine, object, off, end, whole))
		return false;
	t->pos = off / HSM_GRANULE * HSM_GRANULE;
	t->limit = hsm_object_present(object, t->pos, object->end);
	for (other = object->transfers; other; other = other->next)
		if (other->pos > t->pos && other->pos < t->limit)
			t->limit = other->pos;
	t->target = whole ? t->limit : round_up(end);
	if (t->target > t->limit)
		t->target = t->limit;
	/* A sequence goes on in one request; anything else asks for its own. */
	if (!object->window && !whole)
		t->limit = t->target;
	return true;
}

static bool next_transfer(struct hsm_engine *engine, struct hsm_object *object,
			  struct hsm_transfer *t)
{
	struct hsm_waiter *w;

	for (w = object->waiters; w; w = w->next) {
		if (w->undecided || w->reserve)
			continue;
		if (plan(engine, object, w->whole ? 0 : w->off,
			 w->whole ? object->end : w->end, w->whole, t))
			return true;
	}
	if (object->ahead > object->seen_end)
		return plan(engine, object, object->seen_end, object->ahead,
			    false, t);
	return false;
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
		fail_all(engine, object, ret);
}

/* Take those who need the write lock: the undecided and the reservers. */
static struct hsm_waiter *take_locked(struct hsm_object *object)
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
		w->error = reserve(engine, object, 0, object->end);
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
		struct hsm_waiter *list = take_locked(object);
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
		list = hsm_waiters_satisfied(object);
		if (list) {
			pthread_mutex_unlock(&engine->lock);
			hsm_waiters_finish(engine, object, list);
			pthread_mutex_lock(&engine->lock);
			continue;
		}
		if (!next_transfer(engine, object, &t))
			return;
		/* Not for nobody: what has begun is finished, no more. */
		list = hsm_waiters_gone(object);
		if (list) {
			pthread_mutex_unlock(&engine->lock);
			hsm_waiters_finish(engine, object, list);
			pthread_mutex_lock(&engine->lock);
			continue;
		}
		run(engine, object, &t, conn, buffer);
	}
}
