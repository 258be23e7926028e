/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Read-ahead of files: whoever opens the files of a directory one after the
 * other finds the next ones here already.
 *
 * A directory counts as walked from its second file on, and from its first when
 * a neighbour of it was walked.  At most `read_ahead_files` files and
 * HSM_AHEAD_BYTES are on their way for it; each open of the walker brings more.
 * Memory: HSM_AHEAD_WALKS directories.
 */
#ifndef HSM_ENGINE_AHEAD_H
#define HSM_ENGINE_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"

enum { HSM_AHEAD_WALKS = 32 };
#define HSM_AHEAD_BYTES (UINT64_C(64) << 20)

/* Start the thread that looks into directories.  0 files: nothing is started. */
int hsm_ahead_start(struct hsm_engine *engine);
/* End it; before the engine ends. */
void hsm_ahead_stop(struct hsm_engine *engine);

/*
 * The file that came from `origin` is being opened; `missing`: it was not here.
 * Never blocks; any thread.
 */
void hsm_ahead_note(struct hsm_engine *engine, const char *origin, bool missing);

#endif
