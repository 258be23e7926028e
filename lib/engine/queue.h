/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which file is next: users take turns, and one who has nothing under way finds
 * a thread free, however much the others want.
 *
 * All calls with the engine's lock held.
 */
#ifndef HSM_ENGINE_QUEUE_H
#define HSM_ENGINE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hsm_object;
struct hsm_queue_user;

/* A user is a uid, or: of a process that is gone; of what is only read ahead. */
enum { HSM_USER_UNKNOWN = -1, HSM_USER_AHEAD = -2 };

/*
 * Threads beyond `jobs`: for a user who has none.  They have connections of
 * their own, which are made when they are first used.
 */
enum { HSM_QUEUE_SPARE = 1 };

struct hsm_queue_ring {
	struct hsm_object **objects;
	size_t size, head, len;
};

struct hsm_queue {
	unsigned int jobs;             /* threads at work, but for the spare */
	unsigned int busy;
	size_t len;                    /* of all that somebody waits for */
	struct hsm_queue_user *users;  /* whose turn it is comes first */
	struct hsm_queue_ring later;   /* what is only read ahead */
};

/* Append; the object's reference is the queue's.  -ENOMEM. */
int hsm_queue_push(struct hsm_queue *queue, int64_t user,
		   struct hsm_object *object);
int hsm_queue_push_later(struct hsm_queue *queue, struct hsm_object *object);

/* Whether hsm_queue_pop() would give one; `waiting`: one that somebody waits for. */
bool hsm_queue_ready(const struct hsm_queue *queue, bool waiting);

/*
 * The next object, and its reference; NULL when none may begin now.  `*user` is
 * for hsm_queue_done(), which ends what has begun with it.
 */
struct hsm_object *hsm_queue_pop(struct hsm_queue *queue, int64_t *user);
void hsm_queue_done(struct hsm_queue *queue, int64_t user);

/* Free all memory; objects that are still queued lose nothing else. */
void hsm_queue_free(struct hsm_queue *queue);

#endif
