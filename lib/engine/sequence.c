// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/sequence.h"

#include "engine/object.h"
#include "engine/plan.h"

/* The longest read-ahead. */
#define WINDOW_LAST (UINT64_C(32) << 20)

void hsm_sequence_note(struct hsm_object *object, uint64_t off, uint64_t end)
{
	bool sequence = object->seen_end && off <= object->seen_end + HSM_GRANULE &&
			off + 2 * HSM_CHUNK >= object->seen_end;

	if (!sequence)
		object->sequence = off;
	else if (end < object->seen_end)
		return;
	object->seen_end = end;
	object->window = sequence ? end - object->sequence : 0;
	if (object->window > WINDOW_LAST)
		object->window = WINDOW_LAST;
	object->ahead = object->window ? end + object->window : 0;
}

bool hsm_sequence_wants(struct hsm_engine *engine, struct hsm_object *object)
{
	struct hsm_transfer *t;
	uint64_t half = object->seen_end + object->window / 2;
	uint64_t missing;

	if (!object->ahead)
		return false;
	for (t = object->transfers; t; t = t->next) {
		if (t->pos > object->ahead || t->limit <= object->seen_end)
			continue;
		/* Seldom and far, not often and a little. */
		if (t->target < half)
			hsm_plan_extend(engine, t, object->ahead);
		return false;
	}
	missing = hsm_object_missing(object, object->seen_end, object->ahead);
	return missing < object->ahead && missing < object->end &&
	       missing <= half;
}
