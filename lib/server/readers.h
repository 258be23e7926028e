/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The threads of the worker that read events, and begin with each: what comes
 * after that is the engine's.
 */
#ifndef HSM_SERVER_READERS_H
#define HSM_SERVER_READERS_H

#include "engine/service.h"

struct hsm_readers {
	struct hsm_service *service;
	struct hsm_engine *engine;
	unsigned long room;      /* so many events may wait at a time */
	atomic_ulong reading;    /* that may come out of read() just now */
};

/*
 * Begin with those who waited when the worker before this one died; not with a
 * file on which workers die.  Before hsm_readers_start().
 */
void hsm_readers_take_over(struct hsm_readers *readers);

/*
 * Start the threads, which read until `stopping`.  `readers` is borrowed until the
 * process ends.  -ENOMEM, -EAGAIN.
 */
int hsm_readers_start(struct hsm_readers *readers);

#endif
