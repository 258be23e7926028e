// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/plan.h"

#include "engine/object.h"

/* A read this close behind a running transfer waits for it. */
#define SOON (UINT64_C(4) << 20)

static uint64_t round_up(uint64_t value)
{
	return (value + HSM_GRANULE - 1) / HSM_GRANULE * HSM_GRANULE;
}

void hsm_plan_extend(struct hsm_engine *engine, struct hsm_transfer *t,
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
		hsm_plan_extend(engine, t, end);
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

bool hsm_plan_next(struct hsm_engine *engine, struct hsm_object *object,
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
