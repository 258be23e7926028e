/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An attendant answers one call of a trigger at a time: it finds the directory,
 * has it listed, covers what is below and opens the door.  A thread of its own,
 * that travels through the mount namespaces of those who wait.
 */
#ifndef HSM_NAMES_ATTENDANT_H
#define HSM_NAMES_ATTENDANT_H

#include <pthread.h>

#include "names/binds.h"
#include "names/deep.h"
#include "names/frontier.h"
#include "names/lazy.h"
#include "names/siblings.h"

struct hsm_retired;
struct hsm_attendant;

/* What all attendants share. */
struct hsm_lazy {
	struct hsm_service *service;
	struct hsm_engine *engine;
	struct hsm_shared *shared;
	struct hsm_deep deep;
	struct hsm_siblings *siblings; /* or NULL */
	struct hsm_binds *binds;       /* or NULL */
	/*
	 * Read: covering what is below a directory, and opening it; written:
	 * covering one that is new, which must not be done twice.
	 */
	pthread_rwlock_t frontier;
	int proc;
	int home;              /* the server's mount namespace */
	pthread_mutex_t lock;
	pthread_cond_t more;   /* of `lookups` */
	bool busy[HSM_LOOKUPS];
	atomic_uint waiting;
	atomic_bool abroad;    /* somebody waited in another namespace */
	struct hsm_retired *retired;
	bool finishing;
};

/* In the thread that is to be the attendant; ends with the process.  NULL. */
struct hsm_attendant *hsm_attendant_new(struct hsm_lazy *lazy);

/* Answer it.  Never ENOENT: a failure of any kind is EIO for who waits. */
void hsm_attendant_serve(struct hsm_attendant *attendant,
			 const struct hsm_trigger_call *call);

/* The frontier of `service`, without a way to list ahead. */
void hsm_attendant_describe(struct hsm_service *service,
			    struct hsm_frontier *frontier);

/* List all that is not listed at and below `fds`: hsm_deep_run(). */
int hsm_attendant_list(struct hsm_lazy *lazy, const int *fds, unsigned int count,
		       bool (*may)(void *arg));

#endif
