/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Those who wait for content of a file. */
#ifndef HSM_ENGINE_WAITER_H
#define HSM_ENGINE_WAITER_H

#include "engine/engine.h"

/*
 * Whether `w` has all it wants.  With the lock held.  Never one that has to be
 * written about: that is for a thread that may wait.
 */
bool hsm_waiter_satisfied(const struct hsm_object *object,
			  const struct hsm_waiter *w);

/* Take those from `object` who have all they want.  With the lock held. */
struct hsm_waiter *hsm_waiters_satisfied(struct hsm_object *object);

/*
 * Take those whose reader was killed meanwhile: nobody waits for them any more.
 * With the lock held.
 */
struct hsm_waiter *hsm_waiters_gone(struct hsm_object *object);

/*
 * Take those who wait for something of [off, end), with `error`.  With the lock
 * held.
 */
struct hsm_waiter *hsm_waiters_between(struct hsm_object *object, uint64_t off,
				       uint64_t end, int error);

/*
 * Take those who need the write lock: the undecided and the reservers.  With the
 * lock held.
 */
struct hsm_waiter *hsm_waiters_locked(struct hsm_object *object);

/*
 * The file is not as it was: decide about all who wait once more.  With the lock
 * held.
 */
void hsm_waiters_redecide(struct hsm_object *object);

/* Finish all with `error`.  With the lock held, which is given up meanwhile. */
void hsm_waiters_fail(struct hsm_engine *engine, struct hsm_object *object,
		      int error);

/* Finish all on `list`; without the lock.  Gives their references back. */
void hsm_waiters_finish(struct hsm_engine *engine, struct hsm_object *object,
			struct hsm_waiter *list);

#endif
