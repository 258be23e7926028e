// SPDX-License-Identifier: GPL-2.0-or-later
#include "server/readers.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/blame.h"
#include "engine/dispatch.h"
#include "engine/slot.h"
#include "engine/task.h"
#include "stage/event.h"
#include "stage/respond.h"

enum {
	SMALLEST_EVENT = sizeof(uint64_t) * 3,
	AT_ONCE = 2, /* a buffer for the largest event has room for two of those */
};

struct reader {
	struct hsm_readers *readers;
	unsigned int index;
	char *buffer;
	int events; /* an epoll of the content group */
};

/* Begin with an event, as the calling thread's task. */
static void begin(struct hsm_readers *readers, struct hsm_slot *slot)
{
	struct hsm_handle handle;
	int ret = hsm_handle_get(slot->event.fd, &handle);

	if (ret) {
		hsm_slot_answer(readers->engine, slot, ret);
		return;
	}
	hsm_task_begin(&handle, 0);
	hsm_dispatch(readers->engine, slot, &handle, false);
	hsm_task_end();
}

static const char *describe_cause(int cause)
{
	const char *text = cause > 0 ? sigdescr_np(cause) : NULL;

	if (cause == HSM_CAUSE_HUNG)
		return "it hung";
	return text ? text : "it was killed";
}

/*
 * A file on which workers die one after the other: it is not even looked at, but
 * for its name.  True: answered.
 */
static bool give_up(struct hsm_readers *readers, struct hsm_slot *slot)
{
	struct hsm_engine *engine = readers->engine;
	struct hsm_handle handle;
	char path[PATH_MAX];
	int cause;

	if (hsm_handle_get(slot->event.fd, &handle) < 0 ||
	    !hsm_blame_condemned(engine->shared, &handle, &cause))
		return false;
	if (!hsm_fd_path(slot->event.fd, path))
		path[0] = '\0';
	hsm_slot_answer(engine, slot, -EIO);
	hsm_log(engine->log, HSM_LOG_ERROR, "%s: the worker died %u times on "
		"it, last: %s; the read fails with EIO", path,
		HSM_BLAME_TRIES, describe_cause(cause));
	return true;
}

void hsm_readers_take_over(struct hsm_readers *readers)
{
	struct hsm_shared *shared = readers->service->shared;
	unsigned int i;

	for (i = 0; i < HSM_SLOTS; i++) {
		struct hsm_slot *slot = &shared->slots[i];

		if (atomic_load(&slot->used) != HSM_SLOT_USED)
			continue;
		atomic_fetch_add(&shared->heartbeat, 1);
		if (!give_up(readers, slot))
			begin(readers, slot);
	}
}

/*
 * Whether one more event may be read: it brings a descriptor, and one too many
 * would be refused by the kernel.  Its room is taken until `reading` is given back.
 */
static bool reserve_event(struct hsm_readers *readers)
{
	struct hsm_shared *shared = readers->service->shared;
	unsigned long before = atomic_load(&readers->reading);

	do {
		if (atomic_load(&shared->count.waiting) + before + AT_ONCE >
		    readers->room)
			return false;
	} while (!atomic_compare_exchange_weak(&readers->reading, &before,
					       before + AT_ONCE));
	return true;
}

/*
 * One event: read() opens a file for each that it returns, and one that has to wait
 * for somebody's lease would hold up those before it.  There is just room for an
 * open; an access is longer.
 */
static ssize_t read_event(int group, char *buffer)
{
	ssize_t len = read(group, buffer, SMALLEST_EVENT);

	if (len < 0 && errno == EINVAL)
		len = read(group, buffer, AT_ONCE * SMALLEST_EVENT);
	return len;
}

/* Refused by the kernel already: for want of a descriptor, mostly. */
static void note_refused(struct hsm_readers *readers, int error)
{
	atomic_fetch_add(&readers->engine->shared->count.errors, 1);
	hsm_log(readers->engine->log, HSM_LOG_ERROR, "a reader was refused: %s",
		strerror(error));
}

/* The events of `buffer` into slots; returns how many. */
static size_t put_away(struct hsm_readers *readers, const char *buffer,
		       size_t len, struct hsm_slot **slots)
{
	struct hsm_event event;
	size_t count = 0, pos = 0;

	while (hsm_event_next(buffer, len, &pos, &event) == 1) {
		struct hsm_slot *slot;

		if (event.fd < 0) {
			note_refused(readers, -event.fd);
			continue;
		}
		slot = hsm_slot_take(readers->engine->shared, &event);
		if (slot) {
			slots[count++] = slot;
			continue;
		}
		/* There are as many as may be read at a time. */
		note_refused(readers, ENFILE);
		hsm_respond(readers->engine->watch.content, event.fd, -EIO);
		close(event.fd);
	}
	return count;
}

/*
 * Read an event into shared memory, put it into its slot, then start with it: what
 * is half done when this process dies is found again.
 */
static bool handle_event(struct hsm_readers *readers, char *buffer)
{
	struct hsm_slot *slots[AT_ONCE];
	size_t count = 0, i;
	ssize_t len;

	if (!reserve_event(readers)) {
		poll(NULL, 0, 2);
		return false;
	}
	len = read_event(readers->service->watch.content, buffer);
	if (len > 0) {
		count = put_away(readers, buffer, (size_t)len, slots);
		memset(buffer, 0, (size_t)len);
	}
	atomic_fetch_sub(&readers->reading, AT_ONCE);
	for (i = 0; i < count; i++)
		begin(readers, slots[i]);
	return len > 0;
}

/*
 * The group wakes everybody who reads or polls it for each event, which costs more
 * than the event.  With an exclusive watch for each thread it wakes one of those
 * that have nothing to do.
 */
static int watch_exclusively(int group)
{
	struct epoll_event readable = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd >= 0 && epoll_ctl(fd, EPOLL_CTL_ADD, group, &readable) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void *read_content(void *arg)
{
	struct reader reader = *(struct reader *)arg;
	struct hsm_service *service = reader.readers->service;
	struct epoll_event ready;

	free(arg);
	hsm_task_register(service->shared, HSM_TASK_READERS + reader.index);
	while (!atomic_load(&service->shared->stopping)) {
		/* Without asking first whether there are more. */
		while (handle_event(reader.readers, reader.buffer))
			;
		epoll_wait(reader.events, &ready, 1, 500);
	}
	return NULL;
}

int hsm_readers_start(struct hsm_readers *readers)
{
	unsigned int i;

	for (i = 0; i < HSM_READERS; i++) {
		struct reader *reader = malloc(sizeof(*reader));
		pthread_t thread;

		if (!reader)
			return -ENOMEM;
		*reader = (struct reader){
			readers, i, readers->service->shared->buffers[i],
			watch_exclusively(readers->service->watch.content),
		};
		if (reader->events < 0 ||
		    pthread_create(&thread, NULL, read_content, reader))
			return -EAGAIN;
		pthread_detach(thread);
	}
	return 0;
}
