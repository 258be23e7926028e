/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine: what fills files, whoever asks.  A server feeds it with events,
 * hsm-prefetch without a server with requests of its own.
 *
 * Threads: one lock for all that is in memory, held for moments and never
 * across I/O; `jobs` threads that each own a connection; whoever submits.
 */
#ifndef HSM_ENGINE_ENGINE_H
#define HSM_ENGINE_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "engine/queue.h"
#include "engine/shared.h"
#include "local/handle.h"
#include "local/watch.h"
#include "remote/remote.h"
#include "stage/decide.h"

/* Content comes and is accounted for in granules. */
#define HSM_GRANULE UINT64_C(65536)

/* A transfer of so much reserves its space before it begins. */
#define HSM_RESERVE (UINT64_C(8) << 20)

enum {
	HSM_CHUNK = 1 << 20,
	HSM_BUCKETS = 1024,
	HSM_IDLE_OBJECTS = 512, /* partial files that are remembered */
};

struct hsm_engine;

/* One who waits for content. */
struct hsm_waiter {
	struct hsm_waiter *next;
	uint64_t off, end;
	bool whole;          /* all of it, whatever size it turns out to have */
	bool seal;           /* and then holes are content */
	bool reserve;        /* no content, only its space */
	bool ahead;          /* nobody waits yet: after those who do */
	bool gone;           /* its reader was killed */
	bool undecided;      /* decide about its event once our write is over */
	struct hsm_slot *slot; /* the event to answer, or NULL */
	int64_t user;        /* whose turn this takes: see queue.h */
	int64_t since_ns;    /* CLOCK_MONOTONIC, when it began to wait */
	/* Called once, from a thread of the engine, without its lock. */
	void (*done)(void *arg, int error);
	void *arg;
	int error;
};

/* A stretch of a file that is on its way; whole granules, but for the end. */
struct hsm_transfer {
	struct hsm_transfer *next;
	uint64_t pos;    /* the next byte that is not here yet */
	uint64_t limit;  /* it ends here at the latest */
	uint64_t target; /* and waits here until somebody wants more */
	unsigned int version; /* of object->versions: what it brings belongs there */
};

enum hsm_writers {
	HSM_WRITERS_UNKNOWN,
	HSM_WRITERS_NONE, /* and whoever comes must pass an open event first */
};

/* A file that is being filled, or was a moment ago. */
struct hsm_object {
	struct hsm_object *next;
	struct hsm_object *idle_next, *idle_prev;
	struct hsm_handle handle;
	unsigned int refs;      /* waiters and threads */
	bool loaded, loading;
	struct hsm_version version;
	char *origin;
	struct timespec mtime;  /* to put back */
	uint64_t size;          /* st_size, while nobody truncates */
	uint64_t end;           /* what the remote has of it */
	unsigned int renewals;  /* of the version, since the last byte */
	uint64_t *present;      /* a bit a granule */
	uint32_t granules, missing;
	bool quiet;             /* complete, and marked to raise no events */
	bool lost;              /* marked so, or about to be: write_lock */
	enum hsm_writers writers;
	struct hsm_admission *admissions; /* see admission.h */
	bool overlapped;        /* a write of ours may have met one of them */
	unsigned int generation; /* counts truncations and loads */
	unsigned int versions;   /* counts descriptions */
	pthread_mutex_t write_lock; /* around each write of ours */
	bool writing;           /* we have it open for writing */
	struct hsm_waiter *waiters;
	struct hsm_transfer *transfers;
	uint64_t sequence;      /* where the reads in a row began */
	uint64_t seen_end;      /* end of the last one */
	uint64_t window;        /* read-ahead of a sequence; 0: random */
	uint64_t ahead;         /* read ahead to here; 0: no */
};

/*
 * Since when nothing comes from the remote, whatever is asked for.  Who has
 * waited through the failures of others is not to wait as long once more.
 */
struct hsm_away {
	unsigned int failures; /* in a row, without a byte between them */
	int64_t took_ns;       /* the longest of them */
};

struct hsm_engine {
	const struct hsm_log *log;
	struct hsm_watch watch;    /* groups are -1 without a server */
	uint64_t store_id;
	struct hsm_policy policy;
	const char *whole_for;
	unsigned int patience_s;   /* a request may take so long */
	int read_ahead_files;
	unsigned int jobs;
	struct hsm_remote *remote;
	struct hsm_shared *shared; /* counters, slots */
	struct hsm_ahead *ahead;
	struct hsm_deep *deep;   /* of a lazy tree (lazy.h), or NULL */
	struct hsm_settle *settle; /* NULL without a server */

	pthread_mutex_t lock;
	struct hsm_sleeper *sleepers; /* idle threads, the last one first: its
				       * connection is the warmest */
	pthread_cond_t wanted;    /* a target moved, or the queue is waiting */
	struct hsm_object *buckets[HSM_BUCKETS];
	struct hsm_object idle;   /* list head, oldest first */
	unsigned int idle_count;
	struct hsm_queue queue;  /* objects that are to be looked at */
	struct hsm_away away;
	bool stop;
	pthread_t *threads;
	unsigned int thread_count;
	struct hsm_conn **conns;
	pthread_mutex_t changes_lock;
};

/* Start the threads.  `engine` was zeroed and has its upper half filled in. */
int hsm_engine_start(struct hsm_engine *engine);

/* End them; everyone who waits gets -EIO. */
void hsm_engine_stop(struct hsm_engine *engine);

/*
 * Ask for content of the file that `fd` is and `facts` describe.  Takes `waiter`
 * (malloc'd) over; it is done once, perhaps before the call returns.  `fd` is
 * borrowed for the call; `facts` may be brought up to date.
 */
void hsm_engine_submit(struct hsm_engine *engine, const struct hsm_handle *handle,
		       int fd, struct hsm_facts *facts,
		       struct hsm_waiter *waiter);

/*
 * The short way for an access to a file that is known and that nobody writes:
 * answered at once when all of it is here, else waiting for the rest.  False:
 * the file must be looked at.
 */
bool hsm_engine_access(struct hsm_engine *engine, const struct hsm_handle *handle,
		       struct hsm_slot *slot);

/* The file is about to be evicted under a lease: forget what is here of it. */
void hsm_engine_forget(struct hsm_engine *engine,
		       const struct hsm_handle *handle);

/* ---- away.c; all with the lock held ---- */

/*
 * Before `conn` asks for `object`: how much patience those who wait for it have
 * left.  -EHOSTDOWN: none, and the remote has failed often enough meanwhile.
 */
int hsm_away_check(struct hsm_engine *engine, struct hsm_object *object,
		   struct hsm_conn *conn);

/* Bytes came: the remote is there. */
void hsm_away_end(struct hsm_engine *engine);

/* What began at `began_ns` ended with `error`. */
void hsm_away_note(struct hsm_engine *engine, int error, int64_t began_ns);

/* ---- object.c; all with the lock held unless it says otherwise ---- */

struct hsm_object *hsm_object_find(struct hsm_engine *engine,
				   const struct hsm_handle *handle);

/*
 * The object of the file that `fd` is, made when there is none.  What the facts say
 * may be from the middle of a write of ours that is over by now: they are brought
 * up to date, when no write is under way.  -ENOMEM, -EFBIG, -errno.
 */
int hsm_object_of(struct hsm_engine *engine, const struct hsm_handle *handle,
		  int fd, struct hsm_facts *facts, struct hsm_object **out);
void hsm_object_get(struct hsm_engine *engine, struct hsm_object *object);
void hsm_object_put(struct hsm_engine *engine, struct hsm_object *object);
void hsm_object_free(struct hsm_engine *engine, struct hsm_object *object);

/* Take version and content from `facts`; the extents are read again later. */
int hsm_object_describe(struct hsm_object *object,
			const struct hsm_facts *facts);

/*
 * A copy of its origin, malloc'd, NULL without memory: the object may be described
 * anew at any time.  Called without the lock, takes it.
 */
char *hsm_object_origin(struct hsm_engine *engine,
			const struct hsm_object *object);

/* Read the extents.  Called without the lock, takes it. */
int hsm_object_load(struct hsm_engine *engine, struct hsm_object *object);

/* The first byte at or after `off` and before `end` that is missing, or `end`. */
uint64_t hsm_object_missing(const struct hsm_object *object, uint64_t off,
			    uint64_t end);
/* The first byte at or after `off` and before `end` that is here, or `end`. */
uint64_t hsm_object_present(const struct hsm_object *object, uint64_t off,
			    uint64_t end);
void hsm_object_filled(struct hsm_object *object, uint64_t off, uint64_t len);

/* ---- changes.c ---- */

/*
 * In a new worker, before anything else is done: go on with the changes that the
 * one before had heard of and, killed, had not written down.
 */
void hsm_changes_recover(struct hsm_engine *engine);

/*
 * Read what was changed and mark it dirty.  1 when the file of `handle` (may be
 * NULL) was among it; when the caller has a lease on it, marking it is left to
 * the caller.  Called without the lock.
 */
int hsm_changes_drain(struct hsm_engine *engine, const struct hsm_handle *handle);

/*
 * Whether a change is on its way to its mark, or may be.  Never waits, writes
 * nothing: for the threads that read events.
 */
bool hsm_changes_pending(struct hsm_engine *engine);

/*
 * Forget what was reported of the file of `handle`, which the caller has a lease
 * on: it was the caller's own doing.
 */
void hsm_changes_forget(struct hsm_engine *engine,
			const struct hsm_handle *handle);

/* ---- plan.c; with the lock held ---- */

/* The transfer that is to begin next for those who wait; false: none. */
bool hsm_plan_next(struct hsm_engine *engine, struct hsm_object *object,
		   struct hsm_transfer *t);

/* Let the transfer run on to `end` at least. */
void hsm_plan_extend(struct hsm_engine *engine, struct hsm_transfer *t,
			 uint64_t end);

/* ---- transfer.c ---- */

/*
 * Do what can be done for `object` with `conn`, then return.  With the lock
 * held, which is given up meanwhile.  `buffer` has HSM_CHUNK bytes.
 */
void hsm_transfer_service(struct hsm_engine *engine, struct hsm_object *object,
			  struct hsm_conn *conn, void *buffer);

/* ---- waiter.c ---- */

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

/* ---- slot.c: events that wait for an answer, in shared memory ---- */

/* A free slot for `event`, filled in; NULL when there is none. */
struct hsm_slot *hsm_slot_take(struct hsm_shared *shared,
			       const struct hsm_event *event);

/* Answer, close the event's fd, free the slot. */
void hsm_slot_answer(struct hsm_engine *engine, struct hsm_slot *slot,
		     int error);

/* The same for an event that nobody waits for: no error. */
void hsm_slot_drop(struct hsm_engine *engine, struct hsm_slot *slot);

/* ---- dispatch.c ---- */

/*
 * Take the event of `slot`, which is for the file of `handle`, through the stages;
 * it is answered now or later.
 * `settled`: no write of ours is under way and none begins before the return; the
 * caller is a thread that may wait.  Without it nothing here waits and nothing
 * writes to the file system: when that is about to be frozen (fsfreeze(8)), a
 * write waits for whoever truncates in an open, and that one for us.
 */
void hsm_dispatch(struct hsm_engine *engine, struct hsm_slot *slot,
		  const struct hsm_handle *handle, bool settled);

#endif
