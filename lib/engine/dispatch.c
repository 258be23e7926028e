// SPDX-License-Identifier: GPL-2.0-or-later
/* One event on its way: look at the file, decide, fill, respond. */
#include "engine/dispatch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "engine/admission.h"
#include "engine/ahead.h"
#include "engine/changes.h"
#include "engine/object.h"
#include "engine/slot.h"
#include "engine/truncation.h"
#include "local/extent.h"
#include "local/lease.h"
#include "local/placeholder.h"

/* A truncate(2) asks for one page, or for none: a read seldom for so little. */
enum { TRUNCATE_PAGE = 4096 };

/*
 * Wait for content of the file of `slot`.  The waiter owns the slot from here.
 */
static void submit(struct hsm_engine *engine, struct hsm_slot *slot,
		   const struct hsm_handle *handle,
		   struct hsm_facts *facts, const struct hsm_waiter *want)
{
	struct hsm_waiter *waiter = malloc(sizeof(*waiter));

	if (!waiter) {
		hsm_slot_answer(engine, slot, -ENOMEM);
		return;
	}
	*waiter = *want;
	waiter->slot = slot;
	waiter->user = hsm_opener_user(slot->event.tid);
	hsm_engine_submit(engine, handle, slot->event.fd, facts, waiter);
}

/* Whether a write of ours may be under way, so that nothing can be said yet. */
static bool unsettled(struct hsm_engine *engine, const struct hsm_handle *handle)
{
	struct hsm_object *object;
	bool result;

	pthread_mutex_lock(&engine->lock);
	object = hsm_object_find(engine, handle);
	result = object && (object->writing || object->admissions ||
			    object->overlapped);
	pthread_mutex_unlock(&engine->lock);
	return result;
}

/*
 * Whether somebody else has the file open for writing.  With the engine's lock
 * held: no write of ours can begin meanwhile.  `*busy`: one is under way.  Who
 * opened a file that was `complete` for writing was not noted.
 */
static bool has_writer(struct hsm_engine *engine, const struct hsm_handle *handle,
		       int fd, bool complete, bool *busy)
{
	struct hsm_object *object;
	bool writer = false;

	pthread_mutex_lock(&engine->lock);
	object = hsm_object_find(engine, handle);
	*busy = object && object->writing;
	if (!*busy && (complete ||
		       !(object && object->writers == HSM_WRITERS_NONE)))
		writer = hsm_lease_writer(fd);
	pthread_mutex_unlock(&engine->lock);
	return writer;
}

/*
 * Whether a renewal was interrupted after it wrote the mark: nothing is here.
 * A file that is empty is that also when a user truncates it in the moment
 * that an eviction leaves open: whoever does has it open for writing, or did
 * and then the change is known.
 */
static bool interrupted(struct hsm_engine *engine, int fd,
			const struct hsm_handle *handle,
			const struct hsm_facts *facts)
{
	uint64_t resident;
	unsigned int flags;

	if (!hsm_facts_resized(facts) || hsm_lease_writer(fd) ||
	    hsm_extent_resident(fd, (uint64_t)facts->st.st_size, &resident) < 0)
		return false;
	hsm_changes_drain(engine, handle);
	return !resident && hsm_mark_read(fd, NULL, &flags) == 0 &&
	       !(flags & (HSM_FLAG_DIRTY | HSM_FLAG_CHANGED | HSM_FLAG_WHOLE));
}

/*
 * An eviction began, and then its process died or lost to this open: its mark
 * goes.  A size that is not the recorded one is from a renewal that a crash
 * interrupted: nothing of the content is here, the size is put right.
 */
static void end_eviction(struct hsm_engine *engine, int fd,
			 const struct hsm_handle *handle,
			 struct hsm_facts *facts)
{
	if (interrupted(engine, fd, handle, facts)) {
		HSM_CLOSE int write_fd =
			hsm_handle_open(engine->watch.root, handle,
					O_WRONLY | O_NONBLOCK);

		if (write_fd >= 0 &&
		    hsm_placeholder_renew(write_fd, &facts->mark) == 0)
			hsm_inspect(fd, engine->store_id, facts);
	}
	/* Who would write into it waits for this; who truncates is noted. */
	if (facts->flags & HSM_FLAG_EMPTY)
		hsm_placeholder_emptied(fd, &facts->mark);
	hsm_mark_clear(fd, HSM_FLAG_EVICT);
}

static void describe(struct hsm_engine *engine, const struct hsm_event *event,
		     const struct hsm_facts *facts, struct hsm_request *request)
{
	request->event = event;
	/* Of a complete file only one thing is asked: asks_for_writer(). */
	if (facts->content == HSM_CONTENT_ALL && !hsm_facts_resized(facts) &&
	    !(facts->flags & HSM_FLAG_EVICT) &&
	    (event->open || facts->flags & (HSM_FLAG_DIRTY | HSM_FLAG_WHOLE)))
		return;
	if (event->open || event->count <= TRUNCATE_PAGE ||
	    facts->content == HSM_CONTENT_ALL)
		request->call = hsm_opener_call(event->tid,
						&request->open_flags);
	if (event->open && facts->st.st_size > engine->policy.stream_above)
		request->wants_whole =
			hsm_opener_named(event->tid, engine->whole_for) ||
			hsm_opener_has_device(event->tid);
}

/* Whether the opener may truncate the file as soon as it is let in. */
static bool may_truncate(const struct hsm_request *request)
{
	return request->event->open && !request->event->exec &&
	       (request->call != HSM_CALL_OPEN ||
		request->open_flags & O_TRUNC);
}

/*
 * Of an access: whether it matters who has the file open.  In a complete one a
 * write(2) makes no holes, and ends in a mark by itself.
 */
static bool asks_for_writer(const struct hsm_facts *facts,
			    const struct hsm_request *request)
{
	return facts->content != HSM_CONTENT_ALL ||
	       (!(facts->flags & (HSM_FLAG_DIRTY | HSM_FLAG_WHOLE)) &&
		request->call != HSM_CALL_WRITE);
}

static void carry_out(struct hsm_engine *engine, struct hsm_slot *slot,
		      const struct hsm_handle *handle,
		      struct hsm_facts *facts, const struct hsm_request *request,
		      enum hsm_verdict verdict)
{
	const struct hsm_event *event = request->event;
	int ret = 0;
	uint64_t size = hsm_facts_size(facts);
	bool missing = verdict == HSM_VERDICT_FILL_WHOLE;
	struct hsm_waiter want = { .off = 0, .end = size, .whole = true };

	if (event->open && (missing || verdict == HSM_VERDICT_QUIET))
		hsm_ahead_note(engine, facts->mark.origin, missing);
	switch (verdict) {
	case HSM_VERDICT_QUIET:
		hsm_watch_quiet(&engine->watch, event->fd,
				HSM_QUIET_UNMODIFIED);
		break;
	case HSM_VERDICT_FORGET:
		hsm_watch_quiet(&engine->watch, event->fd, HSM_QUIET_ALWAYS);
		break;
	case HSM_VERDICT_ADMIT:
		ret = hsm_admission_add(engine, handle, event->fd, facts,
					event->tid, may_truncate(request),
					request->call == HSM_CALL_OPEN);
		break;
	case HSM_VERDICT_ALLOW:
		break;
	case HSM_VERDICT_REFUSE:
		ret = -EIO;
		break;
	case HSM_VERDICT_FILL:
		want.whole = false;
		want.off = event->off;
		want.end = event->off + event->count;
		submit(engine, slot, handle, facts, &want);
		return;
	case HSM_VERDICT_RESERVE:
		want.whole = false;
		want.reserve = true;
		submit(engine, slot, handle, facts, &want);
		return;
	case HSM_VERDICT_SEAL:
		want.seal = true;
		submit(engine, slot, handle, facts, &want);
		return;
	case HSM_VERDICT_FILL_WHOLE:
		submit(engine, slot, handle, facts, &want);
		return;
	}
	hsm_slot_answer(engine, slot, ret);
}

/* Have the event decided by a thread that waits for our write to end. */
static void postpone(struct hsm_engine *engine, struct hsm_slot *slot,
		     const struct hsm_handle *handle, struct hsm_facts *facts)
{
	const struct hsm_waiter want = { .undecided = true };

	submit(engine, slot, handle, facts, &want);
}

/* Whether something must be written or waited for before a verdict. */
static bool must_wait(struct hsm_engine *engine, const struct hsm_handle *handle,
		      const struct hsm_facts *facts)
{
	return facts->flags & HSM_FLAG_EVICT || unsettled(engine, handle) ||
	       (facts->content == HSM_CONTENT_SOME &&
		hsm_changes_pending(engine));
}

/* What must_wait() said, by a thread that may. */
static int settle(struct hsm_engine *engine, int fd,
		  const struct hsm_handle *handle, struct hsm_facts *facts)
{
	int ret = 0;

	if (facts->content == HSM_CONTENT_SOME &&
	    hsm_changes_drain(engine, handle))
		ret = hsm_inspect(fd, engine->store_id, facts);
	if (!ret && facts->ours && facts->flags & HSM_FLAG_EVICT)
		end_eviction(engine, fd, handle, facts);
	return ret;
}

/*
 * Bring the facts about a file of ours up to date.  True: they are.  False: the
 * event has gone another way.
 */
static bool prepare(struct hsm_engine *engine, struct hsm_slot *slot,
		    const struct hsm_handle *handle, struct hsm_facts *facts,
		    struct hsm_request *request, bool settled)
{
	const struct hsm_event *event = &slot->event;
	bool busy = false;
	int ret = settled ? settle(engine, event->fd, handle, facts) : 0;

	describe(engine, event, facts, request);
	/*
	 * Whoever may truncate in this open is let in at once, whatever we are
	 * doing; everyone else waits for what we are doing.
	 */
	if (!ret && may_truncate(request)) {
		if (!settled && facts->flags & HSM_FLAG_EVICT)
			ret = hsm_truncation_release(event->fd);
	} else if (!ret && !settled && must_wait(engine, handle, facts)) {
		postpone(engine, slot, handle, facts);
		return false;
	}
	if (ret) {
		hsm_slot_answer(engine, slot, ret);
		return false;
	}
	if (!event->open && asks_for_writer(facts, request))
		request->writer = has_writer(engine, handle, event->fd,
					     facts->content == HSM_CONTENT_ALL,
					     &busy);
	if (busy)
		postpone(engine, slot, handle, facts);
	return !busy;
}

void hsm_dispatch(struct hsm_engine *engine, struct hsm_slot *slot,
		  const struct hsm_handle *handle, bool settled)
{
	const struct hsm_event *event = &slot->event;
	struct hsm_request request = { 0 };
	struct hsm_facts facts;
	enum hsm_verdict verdict;
	int ret;

	if (!event->open && event->count > TRUNCATE_PAGE && !settled &&
	    hsm_engine_access(engine, handle, slot))
		return;
	if (!settled)
		hsm_admission_prune(engine, handle);
	ret = hsm_inspect(event->fd, engine->store_id, &facts);
	if (ret) {
		hsm_slot_answer(engine, slot, ret);
		return;
	}
	if (facts.ours &&
	    !prepare(engine, slot, handle, &facts, &request, settled))
		return;
	request.event = event;
	verdict = hsm_decide(&facts, &request, &engine->policy);
	if (verdict == HSM_VERDICT_FILL && !settled &&
	    hsm_engine_access(engine, handle, slot))
		return;
	carry_out(engine, slot, handle, &facts, &request, verdict);
}
