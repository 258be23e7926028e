// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/renewal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/admission.h"
#include "engine/changes.h"
#include "engine/object.h"
#include "local/extent.h"
#include "local/placeholder.h"

int hsm_renewal_record(struct hsm_engine *engine, struct hsm_object *object,
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

void hsm_renewal_stale(struct hsm_engine *engine, struct hsm_object *object)
{
	HSM_CLOSE int fd = hsm_handle_open(engine->watch.root, &object->handle,
					   O_RDONLY | O_NONBLOCK | O_NOATIME);

	if (fd >= 0)
		hsm_mark_set(fd, HSM_FLAG_STALE);
}

void hsm_renewal_lost(struct hsm_engine *engine, struct hsm_object *object,
		      bool lost)
{
	HSM_CLOSE int fd = -1;
	bool before;

	pthread_mutex_lock(&object->write_lock);
	pthread_mutex_lock(&engine->lock);
	before = object->lost;
	/* It is said first by whoever fails, under the lock: see transfer.c. */
	object->lost = before && lost;
	pthread_mutex_unlock(&engine->lock);
	if (before)
		fd = hsm_handle_open(engine->watch.root, &object->handle,
				     O_RDONLY | O_NONBLOCK | O_NOATIME);
	if (fd >= 0 && lost)
		hsm_mark_set(fd, HSM_FLAG_LOST);
	else if (fd >= 0)
		hsm_mark_clear(fd, HSM_FLAG_LOST);
	pthread_mutex_unlock(&object->write_lock);
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

int hsm_renewal_run(struct hsm_engine *engine, struct hsm_object *object,
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
