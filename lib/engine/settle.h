/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes a change durable.
 *
 * A file that came a moment ago may be in the page cache only.  If its mark
 * said "dirty", that is "holes are content", before the content is on disk, a
 * power loss would leave holes that are read as zeros.  So a change is first
 * marked HSM_FLAG_CHANGED, which only protects from eviction.  One thread makes
 * these marks durable, without the data: new data on disk below an old mark is
 * what must not be.  Another one then syncs the file and marks it dirty.
 *
 * It is asynchronous: no event comes before the first write into a file that is
 * complete and quiet.  hsm(7) says what the moment in between can cost.
 */
#ifndef HSM_ENGINE_SETTLE_H
#define HSM_ENGINE_SETTLE_H

#include "engine/engine.h"

/* Start the threads.  hsm_settle_stop() ends them, when all is settled. */
int hsm_settle_start(struct hsm_engine *engine);
void hsm_settle_stop(struct hsm_engine *engine);

/*
 * Settle the file soon.  Any thread; waits for nothing.  False: too many are
 * waiting, say it again when it changes again.
 */
bool hsm_settle_later(struct hsm_engine *engine, const struct hsm_handle *handle);

#endif
