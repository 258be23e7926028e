// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "base/cleanup.h"
#include "engine/ahead.h"
#include "engine/control.h"
#include "engine/crawl.h"
#include "engine/loops.h"
#include "engine/service.h"
#include "stage/event.h"

/* Descriptors for everything but waiting events. */
enum { OTHER_FDS = 256, SMALLEST_EVENT = sizeof(uint64_t) * 3 };

struct worker {
	struct hsm_service *service;
	struct hsm_engine engine;
	struct hsm_control_server control;
	unsigned long event_fds; /* so many events may wait at a time */
};

struct reader {
	struct worker *worker;
	char *buffer;
	int events; /* an epoll of the content group */
};

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
	unsigned int fd, from = (unsigned int)service->last_fd + 1, i;

	memset(shared->keep, 0, sizeof(shared->keep));
	for (i = 0; i < HSM_SLOTS; i++) {
		int kept = shared->slots[i].event.fd;

		if (atomic_load(&shared->slots[i].used) == HSM_SLOT_USED &&
		    kept >= 0 && kept < HSM_FD_MAX)
			shared->keep[kept / 64] |= UINT64_C(1) << (kept % 64);
	}
	for (fd = from; fd < HSM_FD_MAX; fd++) {
		if (!(shared->keep[fd / 64] >> (fd % 64) & 1))
			continue;
		if (fd > from)
			close_range(from, fd - 1, 0);
		from = fd + 1;
	}
	close_range(from, ~0U, 0);
}

void hsm_worker_recover(struct hsm_service *service)
{
	recover_buffers(service->shared);
	close_leftovers(service);
}

/* Those who waited when the worker before this one died. */
static void take_over(struct worker *worker)
{
	struct hsm_engine *engine = &worker->engine;
	struct hsm_shared *shared = worker->service->shared;
	unsigned int i;

	for (i = 0; i < HSM_SLOTS; i++) {
		struct hsm_slot *slot = &shared->slots[i];

		if (atomic_load(&slot->used) != HSM_SLOT_USED)
			continue;
		if (atomic_fetch_add(&slot->tries, 1) >= HSM_SLOT_TRIES) {
			struct hsm_facts facts;

			if (hsm_inspect(slot->event.fd, engine->store_id,
					&facts) == 0 && facts.ours)
				hsm_log(engine->log, HSM_LOG_ERROR,
					"%s: the worker died %u times on a "
					"read of it: failed with EIO",
					facts.mark.origin, HSM_SLOT_TRIES);
			hsm_slot_answer(engine, slot, -EIO);
			continue;
		}
		hsm_dispatch(engine, slot, false);
	}
}

/*
 * Read some events into shared memory, put each into its slot, then start with
 * them: what is half done when this process dies is found again.
 */
static bool read_events(struct worker *worker, char *buffer)
{
	struct hsm_shared *shared = worker->service->shared;
	struct hsm_slot *slots[HSM_EVENT_BUFFER / SMALLEST_EVENT];
	unsigned long long waiting = atomic_load(&shared->count.waiting);
	size_t count = 0, pos = 0, size = HSM_EVENT_BUFFER, i;
	struct hsm_event event;
	ssize_t len;

	/* Each event brings a descriptor: one too many would be refused. */
	if (waiting >= worker->event_fds) {
		poll(NULL, 0, 2);
		return false;
	}
	if (size / SMALLEST_EVENT > worker->event_fds - waiting)
		size = (worker->event_fds - waiting) * SMALLEST_EVENT;
	if (size < 64)
		size = 64;
	len = read(worker->service->watch.content, buffer, size);
	if (len <= 0)
		return false;
	while (hsm_event_next(buffer, (size_t)len, &pos, &event) == 1) {
		/* Refused by the kernel already, for want of a descriptor. */
		if (event.fd < 0) {
			atomic_fetch_add(&shared->count.errors, 1);
			hsm_log(worker->engine.log, HSM_LOG_ERROR,
				"a reader was refused: %s", strerror(-event.fd));
			continue;
		}
		slots[count++] = hsm_slot_take(shared, &event);
	}
	memset(buffer, 0, (size_t)len);
	for (i = 0; i < count; i++)
		hsm_dispatch(&worker->engine, slots[i], false);
	return true;
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
	struct hsm_service *service = reader.worker->service;
	struct epoll_event ready;

	free(arg);
	while (!atomic_load(&service->shared->stopping)) {
		/* Without asking first whether there are more. */
		while (read_events(reader.worker, reader.buffer))
			;
		epoll_wait(reader.events, &ready, 1, 500);
	}
	return NULL;
}

static int start_readers(struct worker *worker)
{
	unsigned int i;

	for (i = 0; i < HSM_READERS; i++) {
		struct reader *reader = malloc(sizeof(*reader));
		pthread_t thread;

		if (!reader)
			return -ENOMEM;
		*reader = (struct reader){
			worker, worker->service->shared->buffers[i],
			watch_exclusively(worker->service->watch.content),
		};
		if (reader->events < 0 ||
		    pthread_create(&thread, NULL, read_content, reader))
			return -EAGAIN;
		pthread_detach(thread);
	}
	return 0;
}

static void serve(struct worker *worker)
{
	struct hsm_service *service = worker->service;
	struct pollfd ready[2] = {
		{ .fd = service->watch.changes, .events = POLLIN },
		{ .fd = service->wake, .events = POLLIN },
	};

	while (!atomic_load(&service->shared->stopping)) {
		atomic_fetch_add(&service->shared->heartbeat, 1);
		if (poll(ready, 2, 500) > 0 && ready[0].revents)
			hsm_changes_drain(&worker->engine, NULL);
	}
}

static void *refresh(void *arg)
{
	struct worker *worker = arg;
	struct hsm_service *service = worker->service;
	unsigned int seconds = service->options->refresh_s;

	for (;;) {
		struct hsm_crawl crawl = {
			.log = worker->engine.log,
			.remote = worker->engine.remote,
			.store_fd = service->store.fd,
			.tree = service->watch.root,
			.store_id = service->store.id,
			.jobs = worker->engine.jobs, .from = "",
		};
		struct timespec pause = { .tv_sec = seconds };

		nanosleep(&pause, NULL);
		if (hsm_crawl_run(&crawl) < 0)
			hsm_log(worker->engine.log, HSM_LOG_WARNING,
				"not listed again: %s", crawl.error);
		else
			atomic_fetch_add(&service->shared->count.skipped,
					 crawl.skipped);
	}
	return NULL;
}

static int start(struct worker *worker)
{
	struct hsm_service *service = worker->service;
	const struct hsm_serve_options *options = service->options;
	struct hsm_engine *engine = &worker->engine;
	struct rlimit limit;
	pthread_t thread;
	char error[512];
	int ret;

	engine->log = options->log;
	engine->watch = service->watch;
	engine->store_id = service->store.id;
	engine->policy.stream_above = options->stream_above;
	engine->whole_for = options->whole_for;
	engine->read_ahead_files = options->read_ahead_files;
	engine->jobs = options->jobs;
	engine->shared = service->shared;
	getrlimit(RLIMIT_NOFILE, &limit);
	worker->event_fds = limit.rlim_cur > 2 * OTHER_FDS ?
			    limit.rlim_cur - OTHER_FDS : limit.rlim_cur / 2;
	if (worker->event_fds > HSM_SLOTS)
		worker->event_fds = HSM_SLOTS;
	ret = hsm_service_remote(service, &engine->remote, error,
				 sizeof(error));
	if (!ret)
		ret = hsm_engine_start(engine);
	if (ret)
		return ret;
	worker->control = (struct hsm_control_server){
		engine, service->control, service->store.fd,
	};
	ret = hsm_ahead_start(engine);
	if (!ret)
		ret = -pthread_create(&thread, NULL, hsm_control_serve,
				      &worker->control);
	if (!ret)
		ret = -pthread_create(&thread, NULL, hsm_loops_watch, engine);
	if (!ret && options->refresh_s)
		ret = -pthread_create(&thread, NULL, refresh, worker);
	return ret;
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	int ret = start(worker);

	if (ret) {
		hsm_log(worker->service->options->log, HSM_LOG_ERROR,
			"worker cannot start: %s", strerror(-ret));
		_exit(1);
	}
	take_over(worker);
	if (start_readers(worker) < 0)
		_exit(1);
	serve(worker);
	hsm_ahead_stop(&worker->engine);
	hsm_engine_stop(&worker->engine);
	_exit(0);
}

void hsm_worker_main(struct hsm_service *service)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	pthread_t thread;

	prctl(PR_SET_NAME, "hsm-worker");
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	/* A lease of ours that somebody breaks: the next test sees it. */
	signal(SIGIO, SIG_IGN);
	if (!worker)
		_exit(1);
	worker->service = service;
	/*
	 * After clone() without its C library wrapper this thread has the
	 * guard's thread id in the library: all work is for new threads.
	 */
	if (pthread_create(&thread, NULL, work, worker))
		_exit(1);
	for (;;)
		pause();
}
