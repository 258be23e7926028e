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

#endif
