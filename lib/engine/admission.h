/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who was let into an open(2) that truncates, and may not have truncated yet.
 *
 * Between our answer and the truncation there is nothing of ours, but there may be
 * somebody else's: another fanotify group that is asked after us, a lease.  A
 * write of ours that met the truncation in its middle would bring back what was
 * truncated.  So each of ours waits until they are through.
 */
#ifndef HSM_ENGINE_ADMISSION_H
#define HSM_ENGINE_ADMISSION_H

#include "engine/engine.h"

struct hsm_admission {
	struct hsm_admission *next;
	int tid;
	uint64_t call;    /* hsm_opener_mark() in its open; 0: not known */
	int64_t since_ns; /* CLOCK_MONOTONIC */
};

/*
 * Thread `tid`, which waits in its open of the file, is about to be let in;
 * `truncates`: and may truncate then.  `seen`: it was in an open when it was looked
 * at (else it may have been let in before, by a worker that is dead, and wait for
 * us in a read).  `fd` and `facts` as for hsm_engine_submit().  -ENOMEM, -errno: it
 * must not be let in.
 */
int hsm_admission_add(struct hsm_engine *engine, const struct hsm_handle *handle,
		      int fd, struct hsm_facts *facts, int tid, bool truncates,
		      bool seen);

/*
 * Forget those who are through, when no write of ours can have met them.  Never
 * waits: for the threads that read events.
 */
void hsm_admission_prune(struct hsm_engine *engine,
			 const struct hsm_handle *handle);

/* With the engine's lock held: whether any of them is still in its open. */
bool hsm_admission_lives(const struct hsm_object *object);

/*
 * With object->write_lock held, before a write of ours (`wrote` false) and after
 * it: wait until all are through their open, and see whether one truncated.
 * -ECANCELED: the file is not ours to fill any more.  -EBUSY: one of them is not
 * through for longer than a reader may wait.
 */
int hsm_admission_settle(struct hsm_engine *engine, struct hsm_object *object,
			 bool wrote);

/* Free the list. */
void hsm_admission_free(struct hsm_object *object);

#endif
