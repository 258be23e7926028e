/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Listing the remote into the tree: many directories at a time, placeholders
 * as the entries arrive.
 *
 * Memory: bounded, whatever the remote has; see agenda.h.
 */
#ifndef HSM_NAMES_CRAWL_H
#define HSM_NAMES_CRAWL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/log.h"
#include "local/store.h"
#include "remote/remote.h"

struct hsm_crew;
struct hsm_engine;

struct hsm_crawl {
	const struct hsm_log *log;
	struct hsm_remote *remote;
	int store_fd;          /* borrowed: for snapshots and the spool */
	int tree;              /* borrowed: raises no event */
	uint64_t store_id;
	struct hsm_engine *engine; /* of the server; NULL when none runs */
	unsigned int jobs;
	bool progress;
	const char *from;      /* below which remote directory; "" */
	/*
	 * Mark each directory that is made as one whose names are not here: the
	 * tree is served before all of it is listed (frontier.h).  Those that are
	 * not listed are left out.
	 */
	bool lazy;
	/*
	 * Make directories that are new in one which was listed before, too: they
	 * are seen at once and without a trigger, so only where that shows a seal
	 * (seal.h).  Then `appeared` is called, unless it is NULL; any thread.
	 */
	bool grows;
	void (*appeared)(void *arg, const char *path);
	/* See vanish.h; NULL where there are no triggers. */
	void (*uncover)(void *arg, const char *path);
	void *arg;
	/*
	 * Only `from` itself, which is the local directory `only` (borrowed); the
	 * mark goes when all of its names are there.
	 */
	bool shallow;
	int only;
	struct hsm_crew *crew; /* NULL: no other crawl runs now */
	/* results */
	atomic_ulong files, directories, skipped, failed;
	char error[512];       /* of the failure that ended it */
};

/*
 * List everything below `from`.  0, or the error that made it give up: what was
 * listed until then is there.  A directory that cannot be listed for reasons of
 * its own (403, no listing) is counted in `failed` and left out.
 * What was deleted or renamed here since the last crawl stays so.
 * With `shallow` every failure is the result, and a directory that another
 * crawl lists at the same time is listed once.
 */
int hsm_crawl_run(struct hsm_crawl *crawl);

/* Every snapshot of the store is of a listing that came to its end. */
int hsm_crawl_trust(int store_fd);

#endif
