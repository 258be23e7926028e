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
enum { HSM_SLOTS = 65536, HSM_EVENT_BUFFER = 4096 };

/*
 * Threads that read events: one of them may wait for somebody's lease to end,
 * the others go on.
 */
enum { HSM_READERS = 4 };

/* Descriptors above are not used: the limit is lowered to this. */
enum { HSM_FD_MAX = 1 << 18 };

/* A worker that dies so often on one event answers it EIO. */
enum { HSM_SLOT_TRIES = 3 };

enum hsm_slot_use { HSM_SLOT_FREE, HSM_SLOT_TAKEN, HSM_SLOT_USED };

struct hsm_slot {
	atomic_uint used;      /* enum hsm_slot_use; set last when filled in */
	atomic_uint tries;     /* how often a worker began with it */
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
	atomic_bool stopping; /* DIR is or will be unmounted, all come to an end */
	atomic_bool finished; /* nothing is left to do */
	struct hsm_counters count;
	/*
	 * The bytes of one read() of the content group for each thread; zeros
	 * again when all of them are in slots.  read() fills the buffer before
	 * anyone could note its length, so a new worker parses what is there.
	 */
	_Alignas(8) char buffers[HSM_READERS][HSM_EVENT_BUFFER];
	uint64_t keep[HSM_FD_MAX / 64]; /* hsm_worker_recover()'s own */
	atomic_uint next;       /* where to look for a free slot */
	struct hsm_slot slots[HSM_SLOTS];
};

#endif
