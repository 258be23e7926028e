/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files on which workers died.  One that kills every worker must fail in the end,
 * and nobody else with it.
 *
 * A crash (and a thread that hangs) tells its file exactly.  A worker that was
 * killed does not: whatever a thread was at may be why it grew so large, if it was
 * at it for a while; after a moment it was most likely not.  Whoever only waited
 * is never to blame, and a file that gets on is forgiven.
 */
#ifndef HSM_ENGINE_BLAME_H
#define HSM_ENGINE_BLAME_H

#include "engine/shared.h"

enum {
	HSM_BLAME_CRASH = 12,
	HSM_BLAME_TRIES = 3,
	HSM_BLAME_LIMIT = HSM_BLAME_TRIES * HSM_BLAME_CRASH,
};

/*
 * In a new worker, before its other threads: why the one before died.  Then all
 * tasks are idle.  `timeout_s`: after which a task counts as hung.
 */
void hsm_blame_note(struct hsm_shared *shared, unsigned int timeout_s);

/*
 * Whether the file of `handle` is to be failed.  Then, and whenever it has points,
 * `*cause` is a signal's number or an enum hsm_cause.
 */
bool hsm_blame_condemned(const struct hsm_shared *shared,
			 const struct hsm_handle *handle, int *cause);

/* The file gets on.  From any thread; costs nothing while nobody is blamed. */
void hsm_blame_forgive(struct hsm_shared *shared,
		       const struct hsm_handle *handle);

#endif
