/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events that wait for an answer, in shared memory. */
#ifndef HSM_ENGINE_SLOT_H
#define HSM_ENGINE_SLOT_H

#include "engine/engine.h"

/* A free slot for `event`, filled in; NULL when there is none. */
struct hsm_slot *hsm_slot_take(struct hsm_shared *shared,
			       const struct hsm_event *event);

/* Answer, close the event's fd, free the slot. */
void hsm_slot_answer(struct hsm_engine *engine, struct hsm_slot *slot,
		     int error);

/* The same for an event that nobody waits for: no error. */
void hsm_slot_drop(struct hsm_engine *engine, struct hsm_slot *slot);

#endif
