// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/admission.h"
#include "local/extent.h"
#include "local/placeholder.h"

static unsigned int bucket_of(const struct hsm_handle *handle)
{
	return hsm_handle_hash(handle) % HSM_BUCKETS;
}

struct hsm_object *hsm_object_find(struct hsm_engine *engine,
				   const struct hsm_handle *handle)
{
	struct hsm_object *object = engine->buckets[bucket_of(handle)];

	while (object && !hsm_handle_equal(&object->handle, handle))
		object = object->next;
	return object;
}

static void unlink_idle(struct hsm_engine *engine, struct hsm_object *object)
{
	if (!object->idle_next)
		return;
	object->idle_next->idle_prev = object->idle_prev;
	object->idle_prev->idle_next = object->idle_next;
	object->idle_next = object->idle_prev = NULL;
	engine->idle_count--;
}

void hsm_object_free(struct hsm_engine *engine, struct hsm_object *object)
{
	struct hsm_object **p = &engine->buckets[bucket_of(&object->handle)];

	unlink_idle(engine, object);
	while (*p != object)
		p = &(*p)->next;
	*p = object->next;
	pthread_mutex_destroy(&object->write_lock);
	hsm_admission_free(object);
	free(object->present);
	free(object->origin);
	free(object);
}

void hsm_object_get(struct hsm_engine *engine, struct hsm_object *object)
{
	unlink_idle(engine, object);
	object->refs++;
}

/*
 * What is complete, or was never looked at, is on disk and not here.  But reserved
 * space that was filled looks empty on disk until it is written back, and a
 * reader who comes before it is quiet must not wait for that.
 */
static bool is_known_best(const struct hsm_object *object)
{
	if (object->admissions || object->overlapped)
		return true;
	return object->loaded &&
	       (object->missing ||
		(!object->quiet && object->size >= HSM_RESERVE));
}

static void append_idle(struct hsm_engine *engine, struct hsm_object *object)
{
	object->idle_prev = engine->idle.idle_prev;
	object->idle_next = &engine->idle;
	object->idle_prev->idle_next = object;
	object->idle_next->idle_prev = object;
	engine->idle_count++;
}

/* The oldest one goes; whoever is still in an open of it keeps it a while. */
static void forget_oldest(struct hsm_engine *engine)
{
	struct hsm_object *oldest = engine->idle.idle_next;

	if (!hsm_admission_lives(oldest)) {
		hsm_object_free(engine, oldest);
		return;
	}
	unlink_idle(engine, oldest);
	append_idle(engine, oldest);
}

void hsm_object_put(struct hsm_engine *engine, struct hsm_object *object)
{
	if (--object->refs)
		return;
	if (!is_known_best(object)) {
		hsm_object_free(engine, object);
		return;
	}
	append_idle(engine, object);
	if (engine->idle_count > HSM_IDLE_OBJECTS)
		forget_oldest(engine);
}

int hsm_object_describe(struct hsm_object *object,
			const struct hsm_facts *facts)
{
	uint64_t end = hsm_facts_size(facts);
	uint32_t granules = (uint32_t)((end + HSM_GRANULE - 1) / HSM_GRANULE);
	uint64_t *present;
	char *origin;

	/* Made by an older version of us. */
	if (end > HSM_PLACEHOLDER_MAX)
		return -EFBIG;
	present = calloc((granules + 63) / 64 + 1, sizeof(*present));
	origin = strdup(facts->mark.origin);
	if (!present || !origin) {
		free(present);
		free(origin);
		return -ENOMEM;
	}
	free(object->present);
	free(object->origin);
	object->present = present;
	object->origin = origin;
	object->granules = object->missing = granules;
	object->version = facts->mark.version;
	object->size = (uint64_t)facts->st.st_size;
	object->end = end;
	/*
	 * What the file has may be the time of a write of ours that a crash or
	 * a kill left there; after a user's truncation it is the user's.
	 */
	object->mtime = hsm_facts_resized(facts) ||
			facts->flags & HSM_FLAG_CHANGED ?
			facts->st.st_mtim : hsm_mark_mtime(&facts->mark);
	object->loaded = facts->content == HSM_CONTENT_NONE;
	object->quiet = false;
	object->lost = facts->flags & HSM_FLAG_LOST;
	object->generation++;
	object->versions++;
	return 0;
}

char *hsm_object_origin(struct hsm_engine *engine,
			const struct hsm_object *object)
{
	char *origin;

	pthread_mutex_lock(&engine->lock);
	origin = strdup(object->origin);
	pthread_mutex_unlock(&engine->lock);
	return origin;
}

static struct hsm_object *make_object(struct hsm_engine *engine,
				      const struct hsm_handle *handle,
				      const struct hsm_facts *facts)
{
	unsigned int bucket = bucket_of(handle);
	struct hsm_object *object = calloc(1, sizeof(*object));

	if (!object || hsm_object_describe(object, facts) < 0) {
		free(object);
		return NULL;
	}
	object->handle = *handle;
	pthread_mutex_init(&object->write_lock, NULL);
	object->next = engine->buckets[bucket];
	engine->buckets[bucket] = object;
	return object;
}

int hsm_object_of(struct hsm_engine *engine, const struct hsm_handle *handle,
		  int fd, struct hsm_facts *facts, struct hsm_object **out)
{
	struct hsm_object *object = hsm_object_find(engine, handle);
	int ret = 0;

	if (!object) {
		ret = hsm_inspect(fd, engine->store_id, facts);
		if (!ret && !(object = make_object(engine, handle, facts)))
			ret = -ENOMEM;
	} else if (!object->transfers && !object->loading && !object->writing &&
		   (object->size != (uint64_t)facts->st.st_size ||
		    memcmp(&object->version, &facts->mark.version,
			   sizeof(object->version)))) {
		/* Another size or version than we knew: believe the file. */
		ret = hsm_inspect(fd, engine->store_id, facts);
		if (!ret)
			ret = hsm_object_describe(object, facts);
	}
	*out = object;
	return ret;
}

static bool test(const struct hsm_object *object, uint64_t granule)
{
	return object->present[granule / 64] >> (granule % 64) & 1;
}

static void set(struct hsm_object *object, uint64_t granule)
{
	if (test(object, granule))
		return;
	object->present[granule / 64] |= UINT64_C(1) << (granule % 64);
	object->missing--;
}

static uint64_t scan(const struct hsm_object *object, uint64_t off,
		     uint64_t end, bool present)
{
	uint64_t stop = end < object->end ? end : object->end;

	while (off < stop && test(object, off / HSM_GRANULE) != present)
		off = (off / HSM_GRANULE + 1) * HSM_GRANULE;
	return off < stop ? off : end;
}

uint64_t hsm_object_missing(const struct hsm_object *object, uint64_t off,
			    uint64_t end)
{
	return scan(object, off, end, false);
}

uint64_t hsm_object_present(const struct hsm_object *object, uint64_t off,
			    uint64_t end)
{
	return scan(object, off, end, true);
}

/* Only granules that are here as a whole count; the last one ends at the end. */
void hsm_object_filled(struct hsm_object *object, uint64_t off, uint64_t len)
{
	uint64_t end = off + len;
	uint64_t granule = (off + HSM_GRANULE - 1) / HSM_GRANULE;

	for (; granule < object->granules; granule++) {
		uint64_t stop = (granule + 1) * HSM_GRANULE;

		if (stop > object->end)
			stop = object->end;
		if (stop > end)
			return;
		set(object, granule);
	}
}

/* Extents come in pieces: join those that touch before they are counted. */
struct runs {
	struct hsm_object *object;
	uint64_t start, end;
};

static void join(void *arg, uint64_t off, uint64_t len)
{
	struct runs *runs = arg;

	if (off != runs->end) {
		hsm_object_filled(runs->object, runs->start,
				  runs->end - runs->start);
		runs->start = off;
	}
	runs->end = off + len;
}

int hsm_object_load(struct hsm_engine *engine, struct hsm_object *object)
{
	HSM_CLOSE int fd = hsm_handle_open(engine->watch.root, &object->handle,
					   O_RDONLY | O_NONBLOCK | O_NOATIME);
	struct hsm_object found = { .granules = object->granules,
				    .missing = object->granules,
				    .end = object->end };
	struct runs runs = { .object = &found };
	int ret;

	if (fd < 0)
		return fd;
	found.present = calloc((found.granules + 63) / 64 + 1,
			       sizeof(*found.present));
	if (!found.present)
		return -ENOMEM;
	ret = hsm_extent_walk(fd, found.end, join, &runs);
	join(&runs, UINT64_MAX, 0);
	pthread_mutex_lock(&engine->lock);
	if (!ret) {
		uint32_t i;

		/* What others filled meanwhile is here as well. */
		for (i = 0; i < object->granules; i++)
			if (test(&found, i))
				set(object, i);
		object->loaded = true;
	}
	pthread_mutex_unlock(&engine->lock);
	free(found.present);
	return ret;
}
