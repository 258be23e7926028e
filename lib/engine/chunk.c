// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/chunk.h"

#include <errno.h>

#include "engine/admission.h"
#include "engine/object.h"
#include "engine/task.h"
#include "stage/fill.h"

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

int hsm_chunk_write(struct hsm_engine *engine, struct hsm_object *object,
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

int hsm_chunk_reserve(struct hsm_engine *engine, struct hsm_object *object,
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

int hsm_chunk_make_room(struct hsm_engine *engine, struct hsm_object *object,
			uint64_t off, uint64_t end)
{
	int ret;

	if (end - off < HSM_RESERVE)
		return 0;
	pthread_mutex_lock(&object->write_lock);
	ret = hsm_admission_settle(engine, object, false);
	if (!ret)
		ret = hsm_chunk_reserve(engine, object, off, end);
	pthread_mutex_unlock(&object->write_lock);
	return ret;
}
