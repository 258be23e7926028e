/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Content on its way into a file.  All of it without the engine's lock, which is taken.
 * Errors: those of stage/fill.h and of hsm_admission_settle().
 */
#ifndef HSM_ENGINE_CHUNK_H
#define HSM_ENGINE_CHUNK_H

#include "engine/engine.h"

/*
 * Write what is missing of [off, off + len), and account for it.  -ESTALE: it is
 * of a version that the file had before.
 */
int hsm_chunk_write(struct hsm_engine *engine, struct hsm_object *object,
		    unsigned int version, const char *buf, size_t len,
		    uint64_t off);

/*
 * Reserve the space of all that is missing of [off, end), with the write lock
 * held: no one fills meanwhile.
 */
int hsm_chunk_reserve(struct hsm_engine *engine, struct hsm_object *object,
		      uint64_t off, uint64_t end);

/* Before much is fetched: is there room for it?  Better no than half of it. */
int hsm_chunk_make_room(struct hsm_engine *engine, struct hsm_object *object,
			uint64_t off, uint64_t end);

#endif
