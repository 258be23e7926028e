// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "base/cleanup.h"
#include "engine/engine.h"
#include "engine/settle.h"

/*
 * A change of the content of the file that `facts` describe was reported: write
 * it down.  1: nothing more needs to be reported of it.
 */
static int mark_change(struct hsm_engine *engine, int fd,
		       const struct hsm_handle *handle,
		       const struct hsm_facts *facts)
{
	int ret;

	if (facts->flags & HSM_FLAG_DIRTY)
		return 1;
	if (!facts->st.st_nlink)
		return 0;
	/* Empty, as the remote's: by a renewal that was killed on its way. */
	if (!facts->st.st_size && !hsm_facts_resized(facts))
		return 0;
	/*
	 * Complete but perhaps not on disk.  (What was sealed is; and nothing
	 * is of a file that was truncated.)
	 */
	if (!(facts->flags & HSM_FLAG_WHOLE) && facts->st.st_size &&
	    facts->content == HSM_CONTENT_ALL) {
		ret = facts->flags & HSM_FLAG_CHANGED ? 0 :
		      hsm_mark_set(fd, HSM_FLAG_CHANGED);
		if (!ret)
			hsm_settle_later(engine, handle);
		return ret;
	}
	if (!(facts->flags & HSM_FLAG_WHOLE) &&
	    facts->content != HSM_CONTENT_ALL) {
		/*
		 * Of another size: a user's truncation, or a placeholder of ours
		 * that gets a new version (ftruncate() is reported without a
		 * mount, so that the private mount does not hide it).  Of the
		 * same: a hole that was punched into a complete file, or only
		 * another mtime, which is reported like a change; and a file
		 * with holes that is marked dirty for less reads as zeros.
		 */
		if (facts->flags & HSM_FLAG_EVICT ||
		    (!hsm_facts_resized(facts) &&
		     !hsm_watch_rearm(&engine->watch, fd)))
			return 0;
		if (fdatasync(fd) < 0)
			return -errno;
	}
	ret = hsm_mark_set(fd, HSM_FLAG_DIRTY);
	return ret ? ret : 1;
}

/* -EAGAIN: under a lease, look again later. */
static int note_change(struct hsm_engine *engine,
		       const struct hsm_handle *handle)
{
	HSM_CLOSE int fd = hsm_handle_open(engine->watch.root, handle,
					   O_RDONLY | O_NONBLOCK | O_NOATIME);
	struct hsm_facts facts;

	if (fd < 0)
		return fd;
	if (hsm_inspect(fd, engine->store_id, &facts) < 0 || facts.unreadable)
		return 0;
	if (!facts.ours || mark_change(engine, fd, handle, &facts) == 1)
		hsm_watch_changes_quiet(&engine->watch, fd);
	return 0;
}

static bool deferred(const struct hsm_engine *engine,
		     const struct hsm_handle *handle)
{
	unsigned int i;

	for (i = 0; i < engine->deferred_count; i++)
		if (hsm_handle_equal(&engine->deferred[i], handle))
			return true;
	return false;
}

static void note_deferred(struct hsm_engine *engine)
{
	unsigned int i = 0;

	while (i < engine->deferred_count)
		if (note_change(engine, &engine->deferred[i]) == -EAGAIN)
			i++;
		else
			engine->deferred[i] =
				engine->deferred[--engine->deferred_count];
}

static void note_or_defer(struct hsm_engine *engine,
			  const struct hsm_handle *handle)
{
	if (note_change(engine, handle) != -EAGAIN || deferred(engine, handle))
		return;
	if (engine->deferred_count < HSM_DEFERRED)
		engine->deferred[engine->deferred_count++] = *handle;
	else
		hsm_log(engine->log, HSM_LOG_WARNING,
			"too many changed files are under a lease");
}

int hsm_changes_drain(struct hsm_engine *engine, const struct hsm_handle *handle)
{
	struct hsm_handle changed;
	int found = 0;

	if (engine->watch.changes < 0)
		return 0;
	pthread_mutex_lock(&engine->changes_lock);
	if (handle)
		found = deferred(engine, handle);
	note_deferred(engine);
	while (hsm_watch_changes_next(&engine->watch, &engine->changes,
				      &changed) == 1) {
		note_or_defer(engine, &changed);
		if (handle && hsm_handle_equal(handle, &changed))
			found = 1;
	}
	pthread_mutex_unlock(&engine->changes_lock);
	return found;
}

bool hsm_changes_pending(struct hsm_engine *engine)
{
	struct pollfd ready = { .fd = engine->watch.changes, .events = POLLIN };
	bool pending;

	if (engine->watch.changes < 0)
		return false;
	if (pthread_mutex_trylock(&engine->changes_lock))
		return true;
	pending = engine->deferred_count ||
		  engine->changes.pos < engine->changes.len ||
		  poll(&ready, 1, 0) > 0;
	pthread_mutex_unlock(&engine->changes_lock);
	return pending;
}

void hsm_changes_forget(struct hsm_engine *engine,
			const struct hsm_handle *handle)
{
	unsigned int i;

	hsm_changes_drain(engine, NULL);
	pthread_mutex_lock(&engine->changes_lock);
	for (i = engine->deferred_count; i-- > 0;)
		if (hsm_handle_equal(&engine->deferred[i], handle))
			engine->deferred[i] =
				engine->deferred[--engine->deferred_count];
	pthread_mutex_unlock(&engine->changes_lock);
}
