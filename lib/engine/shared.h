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
#include <time.h>

#include "local/handle.h"
#include "local/trigger.h"
#include "local/watch.h"
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

enum hsm_slot_use { HSM_SLOT_FREE, HSM_SLOT_TAKEN, HSM_SLOT_USED };

struct hsm_slot {
	atomic_uint used;      /* enum hsm_slot_use; set last when filled in */
	struct hsm_event event;
};

/* The worker's first thread, those that read events, --jobs; more are not seen. */
enum { HSM_TASK_READERS = 1, HSM_TASK_JOBS = 1 + HSM_READERS, HSM_TASKS = 256 };

/* What a thread of the worker is at: see task.h. */
struct hsm_task {
	atomic_ullong began; /* with this file, CLOCK_MONOTONIC in ms; 0: idle */
	atomic_ullong step;  /* when it last moved */
	atomic_uint patience_s; /* it may take so long for the next step */
	struct hsm_handle handle;
	/* A write of ours, which moves the mtime, is under way. */
	atomic_bool writing;
	struct hsm_handle written;
	struct timespec mtime; /* to be put back */
};

enum { HSM_BLAMES = 64 };

/* A file on which workers died: see blame.h. */
struct hsm_blame {
	atomic_uint points; /* 0: unused */
	atomic_ullong when; /* ms */
	atomic_int cause;
	struct hsm_handle handle;
};

/* Who waits at a trigger, as hsm_slot is who waits for content. */
enum { HSM_LOOKUPS = 1024 };

struct hsm_lookup {
	atomic_uint used;      /* HSM_SLOT_FREE or HSM_SLOT_USED; set last */
	struct hsm_trigger_call call;
};

/* The kernel numbers devices without hardware with so many bits. */
enum { HSM_TRIGGER_DEVICES = 1 << 20 };

/* So many changed files may be under somebody's lease. */
enum { HSM_DEFERRED = 64 };

/* Changes that were heard of and are not written down yet: see changes.c. */
struct hsm_unnoted {
	struct hsm_watch_changes events;
	struct hsm_handle deferred[HSM_DEFERRED];
	atomic_uint deferred_count;
	/*
	 * `holed` was complete before it was changed: the holes that it has now
	 * are content.  Nothing else remembers that until it is marked.
	 */
	struct hsm_handle holed;
	atomic_bool was_complete;
};

struct hsm_counters {
	atomic_ullong fills, bytes_fetched, requests, errors, waiting, skipped;
	atomic_ullong restarts;
};

struct hsm_shared {
	atomic_ullong heartbeat;
	atomic_ullong started;  /* time(2) */
	atomic_int guard, worker, standby; /* pids */
	atomic_bool up;       /* the worker has got as far as to serve */
	atomic_bool stopping; /* DIR is or will be unmounted, all come to an end */
	atomic_bool finished; /* nothing is left to do */
	struct hsm_counters count;
	/*
	 * The bytes of one read() of the content group for each thread; zeros
	 * again when all of them are in slots.  read() fills the buffer before
	 * anyone could note its length, so a new worker parses what is there.
	 */
	_Alignas(8) char buffers[HSM_READERS][HSM_EVENT_BUFFER];
	/* Descriptors, a bit each: no worker's; those and what waiting events need. */
	uint64_t own[HSM_FD_MAX / 64], keep[HSM_FD_MAX / 64];
	unsigned int own_count;
	/* How the last worker died: a signal or an enum hsm_cause, of which task
	 * (from 1 on, 0: unknown), and when. */
	atomic_int cause, culprit;
	atomic_ullong died;
	struct hsm_unnoted unnoted;
	struct hsm_task tasks[HSM_TASKS];
	struct hsm_blame blames[HSM_BLAMES];

	/* One call of a trigger on its way into `lookups`, as `buffers`. */
	_Alignas(8) char call[HSM_TRIGGER_BUFFER];
	struct hsm_lookup lookups[HSM_LOOKUPS];
	/* By the minor number of its device: the descriptor that answers, + 1. */
	atomic_int answering[HSM_TRIGGER_DEVICES];
	atomic_int triggers;    /* below DIR, in the server's own namespace */
	atomic_int elsewhere;   /* made in other namespaces */
	atomic_uint next;       /* where to look for a free slot */
	struct hsm_slot slots[HSM_SLOTS];
};

#endif
