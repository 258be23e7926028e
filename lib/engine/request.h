/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands ask of an engine, in this process or through the socket. */
#ifndef HSM_ENGINE_REQUEST_H
#define HSM_ENGINE_REQUEST_H

#include <stdbool.h>

#include "engine/engine.h"

/* Fill [off, off + len) (len 0: to the end) and wait.  Any thread. */
int hsm_request_hydrate(struct hsm_engine *engine,
			const struct hsm_handle *handle, uint64_t off,
			uint64_t len);

/*
 * Ask the remote which version it has.  `*changed`: another one; then a file
 * without content has it now, one with content is stale.
 */
int hsm_request_refresh(struct hsm_engine *engine,
			const struct hsm_handle *handle, bool *changed);

#endif
