/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processes of a server.  The guard (the process that called hsm_serve())
 * holds the groups and the mount and does next to nothing, so that nothing can
 * kill it; the worker does the work.  They share one table of descriptors, so
 * that a worker that dies leaves every waiting event answerable.
 */
#ifndef HSM_ENGINE_SERVICE_H
#define HSM_ENGINE_SERVICE_H

#include "engine/engine.h"
#include "engine/shared.h"
#include "hsm.h"
#include "local/store.h"
#include "local/users.h"

struct hsm_service {
	const struct hsm_serve_options *options;
	struct hsm_store store;
	struct hsm_watch watch;
	struct hsm_shared *shared;
	uint64_t mount_id;   /* of the tree over DIR */
	struct hsm_users_tree tree;
	bool lazy;           /* served before all of it is listed: lazy.h */
	bool sealed;         /* what is not listed can be reached by nobody */
	struct hsm_trigger trigger;
	int control;         /* listening socket */
	int wake;            /* eventfd: the worker shall look at `stopping` */
};

/* The remote as the options say.  The failure's sentence goes to `error`. */
int hsm_service_remote(const struct hsm_service *service,
		       struct hsm_remote **out, char *error, size_t error_size);

#endif
