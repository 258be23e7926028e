// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Between two workers: what the dead one was doing, put in order.  It may have
 * been killed at any instruction, with any number of threads:
 *
 * - in read(): a kill is acted upon when the call is over, so each event that the
 *   kernel has taken off its queue is in the buffer.  (But for one: while the
 *   kernel waits for somebody's lease on the file the wait is broken off, and the
 *   opener gets EPERM; hsm(7) says so.)
 * - before all events of a buffer are in slots: the buffer still has them.  Those
 *   that are in a slot are known by the number of their descriptor, which is
 *   open and so can mean no other file.
 * - while the buffer is cleared: all of them are in slots, and none is answered
 *   yet, so whatever is left of the buffer names nothing new.
 * - in hsm_slot_take(): a slot that is TAKEN may be half written; its event is in
 *   the buffer.
 * - between an answer and the freeing of its slot: the event is handled once more
 *   and the kernel knows nothing of it any more (ENOENT).  Its descriptor was
 *   still open, so no other event can have got the number.
 * - between that and close(): nobody's descriptor, closed here.
 */
#include "server/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/changes.h"
#include "engine/slot.h"
#include "local/mark.h"
#include "local/mtime.h"
#include "names/lazy.h"

int hsm_recover_note(struct hsm_shared *shared)
{
	HSM_CLOSEDIR DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] == '.' || fd == dirfd(dir) ||
		    fd >= HSM_FD_MAX)
			continue;
		shared->own[fd / 64] |= UINT64_C(1) << (fd % 64);
		shared->own_count++;
	}
	return 0;
}

static bool in_slot(const struct hsm_shared *shared, int fd)
{
	unsigned int i;

	for (i = 0; i < HSM_SLOTS; i++)
		if (atomic_load(&shared->slots[i].used) == HSM_SLOT_USED &&
		    shared->slots[i].event.fd == fd)
			return true;
	return false;
}

/*
 * Events that a dead worker had read and not yet put away.  The buffer was
 * all zeros before the read, and is so again once everything is in slots.
 */
static void recover_buffers(struct hsm_shared *shared)
{
	unsigned int i;

	/* A slot that was taken and not filled in: its event is in a buffer. */
	for (i = 0; i < HSM_SLOTS; i++)
		if (atomic_load(&shared->slots[i].used) == HSM_SLOT_TAKEN)
			atomic_store(&shared->slots[i].used, HSM_SLOT_FREE);
	for (i = 0; i < HSM_READERS; i++) {
		char *buffer = shared->buffers[i];
		struct hsm_event event;
		size_t pos = 0;

		while (hsm_event_next(buffer, HSM_EVENT_BUFFER, &pos,
				      &event) == 1)
			if (event.fd >= 0 && !in_slot(shared, event.fd))
				hsm_slot_take(shared, &event);
		memset(buffer, 0, HSM_EVENT_BUFFER);
	}
}

static void close_leftovers(struct hsm_service *service)
{
	struct hsm_shared *shared = service->shared;
	unsigned int fd, from = 0, i;

	memcpy(shared->keep, shared->own, sizeof(shared->keep));
	for (i = 0; i < HSM_SLOTS; i++) {
		int kept = shared->slots[i].event.fd;

		if (atomic_load(&shared->slots[i].used) == HSM_SLOT_USED &&
		    kept >= 0 && kept < HSM_FD_MAX)
			shared->keep[kept / 64] |= UINT64_C(1) << (kept % 64);
	}
	if (service->lazy)
		hsm_lazy_recover(shared);
	for (fd = 0; fd < HSM_FD_MAX; fd++) {
		if (!(shared->keep[fd / 64] >> (fd % 64) & 1))
			continue;
		if (fd > from)
			close_range(from, fd - 1, 0);
		from = fd + 1;
	}
	close_range(from, ~0U, 0);
}

/* Killed between a slot and its counting, it has miscounted. */
static void count_again(struct hsm_shared *shared)
{
	unsigned long long waiting = 0;
	unsigned int i;

	for (i = 0; i < HSM_SLOTS; i++)
		waiting += atomic_load(&shared->slots[i].used) == HSM_SLOT_USED;
	atomic_store(&shared->count.waiting, waiting);
}

void hsm_recover_worker(struct hsm_service *service)
{
	recover_buffers(service->shared);
	count_again(service->shared);
	close_leftovers(service);
}

static void restore_time(struct hsm_engine *engine, const struct hsm_task *task)
{
	HSM_CLOSE int fd = hsm_handle_open(engine->watch.root, &task->written,
					   O_RDONLY | O_NONBLOCK | O_NOATIME);
	unsigned int flags;

	if (fd >= 0 && hsm_mark_read(fd, NULL, &flags) == 0 &&
	    !(flags & HSM_FLAG_DIRTY))
		hsm_mtime_set(fd, &task->mtime);
}

void hsm_recover_times(struct hsm_engine *engine)
{
	unsigned int i;

	/* What a user wrote meanwhile keeps its time. */
	hsm_changes_drain(engine, NULL);
	for (i = 0; i < HSM_TASKS; i++) {
		struct hsm_task *task = &engine->shared->tasks[i];

		if (atomic_load(&task->writing))
			restore_time(engine, task);
		atomic_store(&task->writing, false);
	}
}
