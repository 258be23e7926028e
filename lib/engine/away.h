/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the remote is away: since when nothing comes from it.  With the lock held.
 */
#ifndef HSM_ENGINE_AWAY_H
#define HSM_ENGINE_AWAY_H

#include "engine/engine.h"

/*
 * Before `conn` asks for `object`: how much patience those who wait for it have
 * left.  -EHOSTDOWN: none, and the remote has failed often enough meanwhile.
 */
int hsm_away_check(struct hsm_engine *engine, struct hsm_object *object,
		   struct hsm_conn *conn);

/* Bytes came: the remote is there. */
void hsm_away_end(struct hsm_engine *engine);

/* What began at `began_ns` ended with `error`. */
void hsm_away_note(struct hsm_engine *engine, int error, int64_t began_ns);

#endif
