/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is learnt of a file's version while it is fetched.  Without the engine's lock. */
#ifndef HSM_ENGINE_RENEWAL_H
#define HSM_ENGINE_RENEWAL_H

#include "engine/engine.h"

/*
 * An answer told more of the version than the listing did: record it, before
 * the first bytes.  -ESTALE: another transfer was told another one.
 */
int hsm_renewal_record(struct hsm_engine *engine, struct hsm_object *object,
		       const struct hsm_version *now);

/* Write down that there is another version of what is here. */
void hsm_renewal_stale(struct hsm_engine *engine, struct hsm_object *object);

/*
 * The remote has no such file, or (`lost` false) has it: write that down when it is
 * news.  Whoever finds the file has the last word over those who did not.
 */
void hsm_renewal_lost(struct hsm_engine *engine, struct hsm_object *object,
		      bool lost);

/*
 * Give a placeholder, still empty, the version that the remote has now, unless another
 * transfer has done so since the object had `version`.  -ESTALE: it is not empty, or
 * not ours to fill; -EPROTO: the remote does not say its size.
 */
int hsm_renewal_run(struct hsm_engine *engine, struct hsm_object *object,
		    unsigned int version, struct hsm_conn *conn);

#endif
