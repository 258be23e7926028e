/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One event through the stages. */
#ifndef HSM_ENGINE_DISPATCH_H
#define HSM_ENGINE_DISPATCH_H

#include "engine/engine.h"

/*
 * Take the event of `slot`, which is for the file of `handle`, through the stages;
 * it is answered now or later.
 * `settled`: no write of ours is under way and none begins before the return; the
 * caller is a thread that may wait.  Without it nothing here waits and nothing
 * writes to the file system: when that is about to be frozen (fsfreeze(8)), a
 * write waits for whoever truncates in an open, and that one for us.
 */
void hsm_dispatch(struct hsm_engine *engine, struct hsm_slot *slot,
		  const struct hsm_handle *handle, bool settled);

#endif
