// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "engine/engine.h"

/*
 * A placeholder that got its size from us (ftruncate() is reported without a
 * mount) looks as recorded, or is about to; what a user modified was complete
 * or sealed before, or has another size or mtime now.
 */
static bool by_us(const struct hsm_facts *facts)
{
	struct timespec mtime = hsm_mark_mtime(&facts->mark);

	if (facts->flags & HSM_FLAG_EVICT || !facts->st.st_nlink)
		return true;
	return !(facts->flags & HSM_FLAG_WHOLE) &&
	       facts->content != HSM_CONTENT_ALL && !hsm_facts_resized(facts) &&
	       facts->st.st_mtim.tv_sec == mtime.tv_sec &&
	       facts->st.st_mtim.tv_nsec == mtime.tv_nsec;
}

static void note_change(struct hsm_engine *engine,
			const struct hsm_handle *handle)
{
	HSM_CLOSE int fd = hsm_handle_open(engine->watch.root, handle,
					   O_RDONLY | O_NONBLOCK | O_NOATIME);
	struct hsm_facts facts;

	if (fd < 0 || hsm_inspect(fd, engine->store_id, &facts) < 0 ||
	    facts.unreadable)
		return;
	if (facts.ours && !(facts.flags & HSM_FLAG_DIRTY)) {
		if (by_us(&facts) || hsm_mark_set(fd, HSM_FLAG_DIRTY) < 0)
			return;
	}
	hsm_watch_changes_quiet(&engine->watch, fd);
}

int hsm_changes_drain(struct hsm_engine *engine, const struct hsm_handle *handle)
{
	struct hsm_handle changed;
	int found = 0;

	if (engine->watch.changes < 0)
		return 0;
	pthread_mutex_lock(&engine->changes_lock);
	while (hsm_watch_changes_next(&engine->watch, &engine->changes,
				      &changed) == 1) {
		note_change(engine, &changed);
		if (handle && hsm_handle_equal(handle, &changed))
			found = 1;
	}
	pthread_mutex_unlock(&engine->changes_lock);
	return found;
}

/* Until thread `tid` is out of its open(2); a moment, unless it is stopped. */
static void wait_for_open(int tid)
{
	unsigned int tries;
	int flags;

	for (tries = 0; tries < 200; tries++) {
		enum hsm_call call = hsm_opener_call(tid, &flags);

		if (call != HSM_CALL_OPEN &&
		    !(call == HSM_CALL_UNKNOWN && tries < 20))
			return;
		poll(NULL, 0, 1);
	}
}

static int is_dirty(struct hsm_engine *engine, struct hsm_object *object,
		    uint64_t *size)
{
	HSM_CLOSE int fd = hsm_handle_open(engine->watch.root, &object->handle,
					   O_RDONLY | O_NONBLOCK | O_NOATIME);
	unsigned int flags;
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	*size = (uint64_t)st.st_size;
	hsm_mark_read(fd, NULL, &flags);
	return !!(flags & HSM_FLAG_DIRTY);
}

/* Our write came after the truncation: what the user wanted is an empty file. */
static int truncate_again(struct hsm_engine *engine, struct hsm_object *object)
{
	HSM_CLOSE int fd = hsm_handle_open(engine->watch.root, &object->handle,
					   O_WRONLY | O_NONBLOCK);

	return fd < 0 ? fd : ftruncate(fd, 0) < 0 ? -errno : 0;
}

int hsm_changes_settle(struct hsm_engine *engine, struct hsm_object *object,
		       bool wrote)
{
	int admitted[HSM_ADMITTED];
	unsigned int count, i;
	uint64_t size = 0;
	int dirty;

	pthread_mutex_lock(&engine->lock);
	count = object->admitted_count;
	for (i = 0; i < count && i < HSM_ADMITTED; i++)
		admitted[i] = object->admitted[i];
	object->admitted_count = 0;
	pthread_mutex_unlock(&engine->lock);
	if (!count)
		return 0;
	for (i = 0; i < count && i < HSM_ADMITTED; i++)
		wait_for_open(admitted[i]);
	hsm_changes_drain(engine, NULL);
	dirty = is_dirty(engine, object, &size);
	if (dirty < 0)
		return dirty;
	if (dirty && wrote && size)
		truncate_again(engine, object);
	return dirty || size != object->size ? -ECANCELED : 0;
}
