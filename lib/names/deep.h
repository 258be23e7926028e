/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listing whatever is not listed yet below a directory of a lazy tree. */
#ifndef HSM_NAMES_DEEP_H
#define HSM_NAMES_DEEP_H

#include <pthread.h>
#include <stdatomic.h>

#include "local/handle.h"
#include "names/crawl.h"

struct hsm_deep {
	const struct hsm_log *log;
	struct hsm_remote *remote;
	int store_fd;            /* borrowed, as in hsm_crawl */
	int root;                /* a mount without events and triggers */
	uint64_t store_id;
	unsigned int jobs;
	struct hsm_crew *crew;
	struct hsm_engine *engine; /* as in hsm_crawl; or NULL */
	/* As in hsm_crawl, for whoever lists directories once more. */
	bool grows;
	void (*appeared)(void *arg, const char *path);
	void (*uncover)(void *arg, const char *path);
	/* After hsm_deep_run() by whom nobody waits for. */
	void (*listed)(void *arg);
	void *trigger_arg;     /* of these three */
	/* Called before each request: waits while others are to come first.
	 * False: give up.  NULL: none. */
	bool (*may)(void *arg);
	void *arg;
	atomic_ulong skipped, failed;
};

/* `deep` with nothing counted, for a listing like that of `other`. */
void hsm_deep_like(struct hsm_deep *deep, const struct hsm_deep *other);

/*
 * List all that is not listed at and below `count` directories, `jobs` of them
 * at a time.  0: everything below is listed, and marked so.  The
 * first failure is the result; the others are listed all the same.  -ECANCELED.
 */
int hsm_deep_run(struct hsm_deep *deep, const int *fds, unsigned int count);

/*
 * Put HSM_FLAG_BELOW on every directory at and below `fd` that has one below it
 * which is not listed: users move directories about.  While nobody else can.
 */
int hsm_deep_mark(int fd);

/*
 * List the one directory `fd` if it is not.  0: its names are here.  `error`
 * (of `size` bytes) has the sentence for a failure.
 */
int hsm_deep_list(struct hsm_deep *deep, int fd, char *error, size_t size);

#endif
