// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine/slot.h"

#include <errno.h>
#include <unistd.h>

#include "stage/respond.h"

struct hsm_slot *hsm_slot_take(struct hsm_shared *shared,
			       const struct hsm_event *event)
{
	unsigned int i;

	for (i = 0; i < HSM_SLOTS; i++) {
		unsigned int n = atomic_fetch_add(&shared->next, 1) % HSM_SLOTS;
		struct hsm_slot *slot = &shared->slots[n];
		unsigned int expected = HSM_SLOT_FREE;

		if (!atomic_compare_exchange_strong(&slot->used, &expected,
						    HSM_SLOT_TAKEN))
			continue;
		slot->event = *event;
		/* Last: from here on a takeover finds the event here. */
		atomic_store(&slot->used, HSM_SLOT_USED);
		/* A kill between the two is made up for: recover.c */
		atomic_fetch_add(&shared->count.waiting, 1);
		return slot;
	}
	return NULL;
}

static void answer(struct hsm_engine *engine, struct hsm_slot *slot, int error)
{
	int fd = slot->event.fd;
	int ret;

	ret = hsm_respond(engine->watch.content, fd, error);
	if (ret < 0 && ret != -ENOENT)
		hsm_log(engine->log, HSM_LOG_ERROR,
			"answer to a reader was refused: errno %d", -ret);
	atomic_store(&slot->used, HSM_SLOT_FREE);
	/*
	 * After the slot: while it is open its number cannot come back with a new
	 * event, which a takeover would mistake for this one.  Before the count:
	 * as many descriptors are counted as there are at least.
	 */
	close(fd);
	atomic_fetch_sub(&engine->shared->count.waiting, 1);
}

void hsm_slot_answer(struct hsm_engine *engine, struct hsm_slot *slot, int error)
{
	if (error)
		atomic_fetch_add(&engine->shared->count.errors, 1);
	answer(engine, slot, error);
}

void hsm_slot_drop(struct hsm_engine *engine, struct hsm_slot *slot)
{
	/* If somebody is there after all: never zeros. */
	answer(engine, slot, -EIO);
}
