/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which part of a file is fetched next.  With the lock held. */
#ifndef HSM_ENGINE_PLAN_H
#define HSM_ENGINE_PLAN_H

#include "engine/engine.h"

/* The transfer that is to begin next for those who wait; false: none. */
bool hsm_plan_next(struct hsm_engine *engine, struct hsm_object *object,
		   struct hsm_transfer *t);

/* Let the transfer run on to `end` at least. */
void hsm_plan_extend(struct hsm_engine *engine, struct hsm_transfer *t,
			 uint64_t end);

#endif
