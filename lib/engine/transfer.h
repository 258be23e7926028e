/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a thread of the engine does for one file. */
#ifndef HSM_ENGINE_TRANSFER_H
#define HSM_ENGINE_TRANSFER_H

#include "engine/engine.h"

/*
 * Do what can be done for `object` with `conn`, then return.  With the lock
 * held, which is given up meanwhile.  `buffer` has HSM_CHUNK bytes.
 */
void hsm_transfer_service(struct hsm_engine *engine, struct hsm_object *object,
			  struct hsm_conn *conn, void *buffer);

#endif
