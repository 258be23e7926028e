/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between two workers: what the dead one was doing, put in order. */
#ifndef HSM_SERVER_RECOVER_H
#define HSM_SERVER_RECOVER_H

#include "engine/service.h"

/*
 * Before the first worker: whatever is open now, the caller's too, is no worker's.
 * -errno.
 */
int hsm_recover_note(struct hsm_shared *shared);

/*
 * Between two workers: put the events that the dead one had read and not put
 * away into slots, and close everything it had open but for what waiting events
 * need: the table of descriptors is shared, it outlives a worker.  Only while
 * no worker runs.  Allocates nothing.
 */
void hsm_recover_worker(struct hsm_service *service);

/*
 * In a new worker, before it fills anything: put the times back that the dead one
 * had moved by a write and not put back.
 */
void hsm_recover_times(struct hsm_engine *engine);

#endif
