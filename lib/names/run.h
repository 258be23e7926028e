/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One crawl under way: what it still has to list, and what went wrong.  Private
 * to crawl.c and to what a listing brings (intake.c).
 */
#ifndef HSM_NAMES_RUN_H
#define HSM_NAMES_RUN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "names/agenda.h"
#include "names/crawl.h"

/*
 * A remote directory that contains itself must end somewhere: at this depth, or
 * where one listing has come too often on the way to it (echo.h).
 */
enum { HSM_RUN_DEPTH = 128 };

struct hsm_run {
	struct hsm_crawl *crawl;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct hsm_agenda agenda; /* with the lock held */
	bool first;   /* a shallow crawl of a directory that was never listed */
	bool trusted; /* the snapshots are of a crawl that came to its end */
	unsigned int active; /* threads that may still add something */
	int error;
};

/*
 * Begin with the directory that the crawl begins with; end with what ended it,
 * `ret`, or else the error of any thread.  -errno.
 */
int hsm_run_begin(struct hsm_run *run, struct hsm_crawl *crawl);
int hsm_run_end(struct hsm_run *run, int ret);

/* `dir` is the run's from here on.  Any thread.  -errno of hsm_agenda_add_dir(). */
int hsm_run_add_dir(struct hsm_run *run, struct hsm_agenda_dir *dir);

/* Leave the file `path` to be asked for by itself.  The same. */
int hsm_run_add_file(struct hsm_run *run, const char *path);

/*
 * End the run with `error`, unless it has one, and keep the sentence: `why`, or
 * (NULL or empty) what `error` and `path` make.  Any thread.
 */
void hsm_run_fail(struct hsm_run *run, const char *path, const char *why,
		  int error);

/* Whether the failure is of one directory or file, and the others are fine. */
bool hsm_run_is_local(const char *path, int error);

/* Leave `name` in the directory `dir` out, and say so.  0. */
int hsm_run_skip(struct hsm_crawl *crawl, const char *dir, const char *name,
		 const char *why);

/* The directory `path` here: for the caller to close.  -errno. */
int hsm_run_open(const struct hsm_crawl *crawl, const char *path);

#endif
