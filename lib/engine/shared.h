/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guard and worker share: memory that outlives a worker.  An event is
 * written here before anything is done with it, so that the worker that comes
 * after a killed one finds everyone who waits.
 */
#ifndef HSM_ENGINE_SHARED_H
#define HSM_ENGINE_SHARED_H

#include <stdatomic.h>
#include <stdint.h>

#include "stage/event.h"

/* Each waiting event also holds a descriptor; the limit is usually lower. */
enum { HSM_SLOTS = 65536, HSM_EVENT_BUFFER = 16384 };

/* A worker that dies so often on one event answers it EIO. */
enum { HSM_SLOT_TRIES = 3 };

struct hsm_slot {
	atomic_uint used;      /* 0 free; set last when filled in */
	atomic_uint tries;     /* how often a worker began with it */
	atomic_bool running;   /* a worker is at it */
	struct hsm_event event;
};

struct hsm_counters {
	atomic_ullong fills, bytes_fetched, requests, errors, waiting, skipped;
	atomic_ullong restarts;
};

struct hsm_shared {
	atomic_ullong heartbeat;
	atomic_ullong started;  /* time(2) */
	atomic_int guard, worker, standby; /* pids */
	atomic_bool stopping;
	struct hsm_counters count;
	/*
	 * The bytes of one read() of the content group; `len` is cleared when
	 * all of them are in slots.  read() fills the (zeroed) buffer before
	 * anyone could note its length, so a new worker parses what is there.
	 */
	atomic_uint buffer_busy;
	_Alignas(8) char buffer[HSM_EVENT_BUFFER];
	atomic_uint next;       /* where to look for a free slot */
	struct hsm_slot slots[HSM_SLOTS];
};

#endif
