/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each thread of the worker is at, in memory that outlives it: so that the
 * guard sees a thread that hangs, and the next worker knows on which file the one
 * before it died.
 */
#ifndef HSM_ENGINE_TASK_H
#define HSM_ENGINE_TASK_H

#include "engine/shared.h"

enum hsm_cause { HSM_CAUSE_KILLED = 0, HSM_CAUSE_HUNG = -1 }; /* > 0: a signal */

/* CLOCK_MONOTONIC in milliseconds; never 0. */
unsigned long long hsm_task_now(void);

/*
 * From here on the calling thread is task `index`.  A thread that is none does
 * its work unseen; -ENOMEM, -ERANGE: then this one is none.
 */
int hsm_task_register(struct hsm_shared *shared, unsigned int index);

/* The calling thread ends. */
void hsm_task_unregister(void);

/*
 * The calling thread begins with the file of `handle`, has got on with it, is done
 * with it.  It may take `patience_s` for what comes next (0: as long as
 * --worker-timeout says).  From any thread, for a registered one with effect.
 */
void hsm_task_begin(const struct hsm_handle *handle, unsigned int patience_s);
void hsm_task_step(unsigned int patience_s);
void hsm_task_end(void);

/* Before and after a write to the file of `handle` that puts `mtime` back. */
void hsm_task_writing(const struct hsm_handle *handle,
		      const struct timespec *mtime);
void hsm_task_written(void);

/*
 * In the worker, before it has threads: a crash notes its signal and the task
 * it happened to, then takes its course.
 */
void hsm_task_catch_crashes(void);

/* When the task must have moved at the latest (ms). */
unsigned long long hsm_task_due(const struct hsm_task *task,
				unsigned int timeout_s);

/*
 * In the guard: the task (from 1 on) that has not moved for longer than it may,
 * or 0.  What was before `since` (ms) does not count.
 */
int hsm_task_hangs(const struct hsm_shared *shared, unsigned long long since,
		   unsigned int timeout_s);

#endif
