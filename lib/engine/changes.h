/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What users change: heard of after the fact, and written down as marks. */
#ifndef HSM_ENGINE_CHANGES_H
#define HSM_ENGINE_CHANGES_H

#include "engine/engine.h"

/*
 * In a new worker, before anything else is done: go on with the changes that the
 * one before had heard of and, killed, had not written down.
 */
void hsm_changes_recover(struct hsm_engine *engine);

/*
 * Read what was changed and mark it dirty.  1 when the file of `handle` (may be
 * NULL) was among it; when the caller has a lease on it, marking it is left to
 * the caller.  Called without the lock.
 */
int hsm_changes_drain(struct hsm_engine *engine, const struct hsm_handle *handle);

/*
 * Whether a change is on its way to its mark, or may be.  Never waits, writes
 * nothing: for the threads that read events.
 */
bool hsm_changes_pending(struct hsm_engine *engine);

/*
 * Forget what was reported of the file of `handle`, which the caller has a lease
 * on: it was the caller's own doing.
 */
void hsm_changes_forget(struct hsm_engine *engine,
			const struct hsm_handle *handle);

#endif
