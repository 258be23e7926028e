// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct hsm_queue_user {
	struct hsm_queue_user *next;
	int64_t user;
	unsigned int busy; /* threads that work for it */
	struct hsm_queue_ring ring;
};

static int push(struct hsm_queue_ring *ring, struct hsm_object *object)
{
	if (ring->len == ring->size) {
		size_t size = ring->size ? 2 * ring->size : 64, i;
		struct hsm_object **objects = calloc(size, sizeof(*objects));

		if (!objects)
			return -ENOMEM;
		for (i = 0; i < ring->len; i++)
			objects[i] = ring->objects[(ring->head + i) % ring->size];
		free(ring->objects);
		*ring = (struct hsm_queue_ring){ objects, size, 0, ring->len };
	}
	ring->objects[(ring->head + ring->len++) % ring->size] = object;
	return 0;
}

static struct hsm_object *pop(struct hsm_queue_ring *ring)
{
	struct hsm_object *object = ring->objects[ring->head];

	ring->head = (ring->head + 1) % ring->size;
	ring->len--;
	return object;
}

/* Where the pointer to `user`'s entry is, or the end of the list. */
static struct hsm_queue_user **find(struct hsm_queue *queue, int64_t user)
{
	struct hsm_queue_user **p = &queue->users;

	while (*p && (*p)->user != user)
		p = &(*p)->next;
	return p;
}

static void drop(struct hsm_queue_user **p)
{
	struct hsm_queue_user *entry = *p;

	if (entry->ring.len || entry->busy)
		return;
	*p = entry->next;
	free(entry->ring.objects);
	free(entry);
}

int hsm_queue_push(struct hsm_queue *queue, int64_t user,
		   struct hsm_object *object)
{
	struct hsm_queue_user **p = find(queue, user);
	int ret;

	if (!*p) {
		*p = calloc(1, sizeof(**p));
		if (!*p)
			return -ENOMEM;
		(*p)->user = user;
	}
	ret = push(&(*p)->ring, object);
	if (ret)
		drop(p);
	else
		queue->len++;
	return ret;
}

int hsm_queue_push_later(struct hsm_queue *queue, struct hsm_object *object)
{
	return push(&queue->later, object);
}

static bool may_begin(const struct hsm_queue *queue,
		      const struct hsm_queue_user *entry)
{
	return entry->ring.len && (queue->busy < queue->jobs || !entry->busy);
}

bool hsm_queue_ready(const struct hsm_queue *queue, bool waiting)
{
	const struct hsm_queue_user *entry;

	if (!waiting && queue->later.len && queue->busy < queue->jobs)
		return true;
	if (!queue->len)
		return false;
	for (entry = queue->users; entry; entry = entry->next)
		if (may_begin(queue, entry))
			return true;
	return false;
}

/* Behind all others, until it is its turn again. */
static void move_last(struct hsm_queue_user **p)
{
	struct hsm_queue_user *entry = *p;

	*p = entry->next;
	entry->next = NULL;
	while (*p)
		p = &(*p)->next;
	*p = entry;
}

struct hsm_object *hsm_queue_pop(struct hsm_queue *queue, int64_t *user)
{
	struct hsm_queue_user **p = &queue->users;
	struct hsm_object *object;

	while (*p && !may_begin(queue, *p))
		p = &(*p)->next;
	if (*p) {
		*user = (*p)->user;
		(*p)->busy++;
		object = pop(&(*p)->ring);
		queue->len--;
		move_last(p);
	} else if (queue->later.len && queue->busy < queue->jobs) {
		*user = HSM_USER_AHEAD;
		object = pop(&queue->later);
	} else {
		return NULL;
	}
	queue->busy++;
	return object;
}

void hsm_queue_done(struct hsm_queue *queue, int64_t user)
{
	struct hsm_queue_user **p = find(queue, user);

	queue->busy--;
	if (*p && (*p)->busy) {
		(*p)->busy--;
		drop(p);
	}
}

void hsm_queue_free(struct hsm_queue *queue)
{
	while (queue->users) {
		struct hsm_queue_user *entry = queue->users;

		queue->users = entry->next;
		free(entry->ring.objects);
		free(entry);
	}
	free(queue->later.objects);
	/* A server's clients may come until the process ends. */
	memset(queue, 0, sizeof(*queue));
}
