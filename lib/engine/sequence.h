/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sequences: reads of a file in a row.  What comes next is fetched before it is
 * asked for, as far as the sequence is long already, so that a short one costs
 * little.  With the lock held.
 */
#ifndef HSM_ENGINE_SEQUENCE_H
#define HSM_ENGINE_SEQUENCE_H

#include "engine/engine.h"

/* A read of [off, end): part of the sequence, or the beginning of another? */
void hsm_sequence_note(struct hsm_object *object, uint64_t off, uint64_t end);

/* Whether the read-ahead has fallen so far behind that a thread should look. */
bool hsm_sequence_wants(struct hsm_engine *engine, struct hsm_object *object);

#endif
