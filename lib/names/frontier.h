/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frontier of a tree that is not listed to its end: the directories that
 * are seen and whose names are not here.  The invariant that everything else
 * hangs on, for each door (mount of the tree, in any namespace) by itself:
 *
 *   every directory that is not listed is covered by a trigger, its own or one
 *   of a directory above it.
 *
 * So a directory's children get their triggers before its own goes.  Where it
 * does not hold (a bind, a trigger that root has unmounted), directories that
 * are not listed are sealed: see seal.h.
 */
#ifndef HSM_NAMES_FRONTIER_H
#define HSM_NAMES_FRONTIER_H

#include "base/log.h"
#include "engine/shared.h"
#include "local/door.h"
#include "local/trigger.h"

struct hsm_frontier {
	const struct hsm_log *log;
	const struct hsm_trigger *trigger;
	struct hsm_shared *shared;
	uint64_t store_id;
	unsigned int max_triggers;
	bool loose;            /* triggers that umount(8) may take away */
	/* List all at and below `count` directories, instead of triggers. */
	int (*ahead)(void *arg, const int *fds, unsigned int count);
	void *arg;
};

/* Whether the directory `fd` of the tree must be covered. */
bool hsm_frontier_needs(const struct hsm_frontier *frontier, int fd);

/* The triggers of one hsm_frontier_cover(): detached or placed mounts. */
struct hsm_frontier_cover {
	int *mounts;
	uint32_t *devices;
	unsigned int count, room;
};

/*
 * Cover what is below `chain`: `count` directories, each but the first one a
 * child of the one before, all of them listed, none but perhaps the first with
 * a trigger at this door.  `door` is a directory (not O_PATH) of the mount that
 * gets the triggers.  Then hsm_frontier_keep() or, also after a failure,
 * hsm_frontier_undo().  A thread that does not share its working directory.
 */
int hsm_frontier_cover(const struct hsm_frontier *frontier, int door,
		       const int *chain, unsigned int count,
		       struct hsm_frontier_cover *out);

/* The same for one directory `fd` that is not covered at this door. */
int hsm_frontier_cover_one(const struct hsm_frontier *frontier, int door, int fd,
			   struct hsm_frontier_cover *out);
void hsm_frontier_keep(struct hsm_frontier_cover *cover);
void hsm_frontier_undo(struct hsm_frontier_cover *cover);

/* The descriptor that answers for the trigger `device`; -1: not known. */
int hsm_frontier_answering(const struct hsm_shared *shared, uint32_t device);

#endif
