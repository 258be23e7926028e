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

/* Write down what became of the remote's file: HSM_FLAG_STALE, HSM_FLAG_LOST. */
void hsm_renewal_flag(struct hsm_engine *engine, struct hsm_object *object,
		      enum hsm_flag flag);

/*
 * Give a placeholder, still empty, the version that the remote has now, unless another
 * transfer has done so since the object had `version`.  -ESTALE: it is not empty, or
 * not ours to fill; -EPROTO: the remote does not say its size.
 */
int hsm_renewal_run(struct hsm_engine *engine, struct hsm_object *object,
		    unsigned int version, struct hsm_conn *conn);

#endif
