// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/changes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "base/cleanup.h"
#include "engine/settle.h"

/*
 * Whether the file had no holes when it was changed.  It can be asked once: the
 * answer outlives this worker until the file is marked.
 */
static bool was_complete(struct hsm_engine *engine, int fd,
			 const struct hsm_handle *handle)
{
	struct hsm_unnoted *unnoted = &engine->shared->unnoted;
	bool known;

	if (atomic_load(&unnoted->was_complete) &&
	    hsm_handle_equal(&unnoted->holed, handle))
		return true;
	atomic_store(&unnoted->was_complete, false);
	unnoted->holed = *handle;
	known = hsm_watch_rearm(&engine->watch, fd);
	atomic_store(&unnoted->was_complete, known);
	return known;
}

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
		     !was_complete(engine, fd, handle)))
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
	/* Marked, or it cannot be: true once, and no longer. */
	atomic_store(&engine->shared->unnoted.was_complete, false);
	return 0;
}

static bool deferred(const struct hsm_unnoted *unnoted,
		     const struct hsm_handle *handle)
{
	unsigned int i;

	for (i = 0; i < unnoted->deferred_count; i++)
		if (hsm_handle_equal(&unnoted->deferred[i], handle))
			return true;
	return false;
}

/* The last one takes its place; a kill in between leaves that twice. */
static void undefer(struct hsm_unnoted *unnoted, unsigned int i)
{
	unnoted->deferred[i] = unnoted->deferred[unnoted->deferred_count - 1];
	unnoted->deferred_count--;
}

static void note_deferred(struct hsm_engine *engine)
{
	struct hsm_unnoted *unnoted = &engine->shared->unnoted;
	unsigned int i = 0;

	while (i < unnoted->deferred_count)
		if (note_change(engine, &unnoted->deferred[i]) == -EAGAIN)
			i++;
		else
			undefer(unnoted, i);
}

static void note_or_defer(struct hsm_engine *engine,
			  const struct hsm_handle *handle)
{
	struct hsm_unnoted *unnoted = &engine->shared->unnoted;

	if (note_change(engine, handle) != -EAGAIN || deferred(unnoted, handle))
		return;
	if (unnoted->deferred_count == HSM_DEFERRED) {
		hsm_log(engine->log, HSM_LOG_WARNING,
			"too many changed files are under a lease");
		return;
	}
	unnoted->deferred[unnoted->deferred_count] = *handle;
	unnoted->deferred_count++;
}

void hsm_changes_recover(struct hsm_engine *engine)
{
	struct hsm_unnoted *unnoted = &engine->shared->unnoted;

	hsm_watch_changes_again(&unnoted->events);
	if (atomic_load(&unnoted->was_complete))
		note_or_defer(engine, &unnoted->holed);
}

int hsm_changes_drain(struct hsm_engine *engine, const struct hsm_handle *handle)
{
	struct hsm_unnoted *unnoted = &engine->shared->unnoted;
	struct hsm_handle changed;
	int found = 0;

	if (engine->watch.changes < 0)
		return 0;
	pthread_mutex_lock(&engine->changes_lock);
	if (handle)
		found = deferred(unnoted, handle);
	note_deferred(engine);
	while (hsm_watch_changes_next(&engine->watch, &unnoted->events,
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
	struct hsm_unnoted *unnoted = &engine->shared->unnoted;
	struct pollfd ready = { .fd = engine->watch.changes, .events = POLLIN };
	bool pending;

	if (engine->watch.changes < 0)
		return false;
	if (pthread_mutex_trylock(&engine->changes_lock))
		return true;
	pending = unnoted->deferred_count ||
		  unnoted->events.next < unnoted->events.len ||
		  poll(&ready, 1, 0) > 0;
	pthread_mutex_unlock(&engine->changes_lock);
	return pending;
}

void hsm_changes_forget(struct hsm_engine *engine,
			const struct hsm_handle *handle)
{
	struct hsm_unnoted *unnoted = &engine->shared->unnoted;
	unsigned int i;

	hsm_changes_drain(engine, NULL);
	pthread_mutex_lock(&engine->changes_lock);
	for (i = unnoted->deferred_count; i-- > 0;)
		if (hsm_handle_equal(&unnoted->deferred[i], handle))
			undefer(unnoted, i);
	pthread_mutex_unlock(&engine->changes_lock);
}
