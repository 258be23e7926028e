// SPDX-License-Identifier: GPL-2.0-or-later
#include "server/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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
#include "engine/blame.h"
#include "engine/settle.h"
#include "engine/task.h"
#include "names/lazy.h"
#include "names/refresh.h"
#include "server/control.h"
#include "server/journal.h"
#include "server/loops.h"
#include "server/recover.h"
#include "stage/event.h"
#include "stage/respond.h"

enum {
	/* Descriptors of one connection, and of the rest but waiting events. */
	CONN_FDS = 4, OTHER_FDS = 64, FEWEST_EVENTS = 4, AHEAD_SHARE = 8,
	SMALLEST_EVENT = sizeof(uint64_t) * 3,
	AT_ONCE = 2, /* a buffer for the largest event has room for two of those */
};

struct worker {
	struct hsm_service *service;
	struct hsm_engine engine;
	struct hsm_control_server control;
	struct hsm_engine_journal journal;
	unsigned long event_fds; /* so many events may wait at a time */
	atomic_ulong reading;    /* that may come out of read() just now */
};

struct reader {
	struct worker *worker;
	unsigned int index;
	char *buffer;
	int events; /* an epoll of the content group */
};

/* Begin with an event, as the calling thread's task. */
static void begin(struct worker *worker, struct hsm_slot *slot)
{
	struct hsm_handle handle;
	int ret = hsm_handle_get(slot->event.fd, &handle);

	if (ret) {
		hsm_slot_answer(&worker->engine, slot, ret);
		return;
	}
	hsm_task_begin(&handle, 0);
	hsm_dispatch(&worker->engine, slot, &handle, false);
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
static bool give_up(struct worker *worker, struct hsm_slot *slot)
{
	struct hsm_engine *engine = &worker->engine;
	struct hsm_handle handle;
	char link[64], path[PATH_MAX];
	ssize_t len;
	int cause;

	if (hsm_handle_get(slot->event.fd, &handle) < 0 ||
	    !hsm_blame_condemned(engine->shared, &handle, &cause))
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", slot->event.fd);
	len = readlink(link, path, sizeof(path));
	hsm_slot_answer(engine, slot, -EIO);
	hsm_log(engine->log, HSM_LOG_ERROR, "%.*s: the worker died %u times on "
		"it, last: %s; the read fails with EIO", len > 0 ? (int)len : 0,
		path, HSM_BLAME_TRIES, describe_cause(cause));
	return true;
}

/* Those who waited when the worker before this one died. */
static void take_over(struct worker *worker)
{
	struct hsm_shared *shared = worker->service->shared;
	unsigned int i;

	for (i = 0; i < HSM_SLOTS; i++) {
		struct hsm_slot *slot = &shared->slots[i];

		if (atomic_load(&slot->used) != HSM_SLOT_USED)
			continue;
		atomic_fetch_add(&shared->heartbeat, 1);
		if (!give_up(worker, slot))
			begin(worker, slot);
	}
}

/*
 * Whether one more event may be read: it brings a descriptor, and one too many
 * would be refused by the kernel.  Its room is taken until `reading` is given back.
 */
static bool reserve_event(struct worker *worker)
{
	struct hsm_shared *shared = worker->service->shared;
	unsigned long before = atomic_load(&worker->reading);

	do {
		if (atomic_load(&shared->count.waiting) + before + AT_ONCE >
		    worker->event_fds)
			return false;
	} while (!atomic_compare_exchange_weak(&worker->reading, &before,
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
static void note_refused(struct worker *worker, int error)
{
	atomic_fetch_add(&worker->engine.shared->count.errors, 1);
	hsm_log(worker->engine.log, HSM_LOG_ERROR, "a reader was refused: %s",
		strerror(error));
}

/* The events of `buffer` into slots; returns how many. */
static size_t put_away(struct worker *worker, const char *buffer, size_t len,
		       struct hsm_slot **slots)
{
	struct hsm_event event;
	size_t count = 0, pos = 0;

	while (hsm_event_next(buffer, len, &pos, &event) == 1) {
		struct hsm_slot *slot;

		if (event.fd < 0) {
			note_refused(worker, -event.fd);
			continue;
		}
		slot = hsm_slot_take(worker->engine.shared, &event);
		if (slot) {
			slots[count++] = slot;
			continue;
		}
		/* There are as many as may be read at a time. */
		note_refused(worker, ENFILE);
		hsm_respond(worker->engine.watch.content, event.fd, -EIO);
		close(event.fd);
	}
	return count;
}

/*
 * Read an event into shared memory, put it into its slot, then start with it: what
 * is half done when this process dies is found again.
 */
static bool handle_event(struct worker *worker, char *buffer)
{
	struct hsm_slot *slots[AT_ONCE];
	size_t count = 0, i;
	ssize_t len;

	if (!reserve_event(worker)) {
		poll(NULL, 0, 2);
		return false;
	}
	len = read_event(worker->service->watch.content, buffer);
	if (len > 0) {
		count = put_away(worker, buffer, (size_t)len, slots);
		memset(buffer, 0, (size_t)len);
	}
	atomic_fetch_sub(&worker->reading, AT_ONCE);
	for (i = 0; i < count; i++)
		begin(worker, slots[i]);
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
	struct hsm_service *service = reader.worker->service;
	struct epoll_event ready;

	free(arg);
	hsm_task_register(service->shared, HSM_TASK_READERS + reader.index);
	while (!atomic_load(&service->shared->stopping)) {
		/* Without asking first whether there are more. */
		while (handle_event(reader.worker, reader.buffer))
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
			worker, i, worker->service->shared->buffers[i],
			watch_exclusively(worker->service->watch.content),
		};
		if (reader->events < 0 ||
		    pthread_create(&thread, NULL, read_content, reader))
			return -EAGAIN;
		pthread_detach(thread);
	}
	return 0;
}

/* A thread of its own: it writes marks, and waits when the disk is frozen. */
static void *follow_changes(void *arg)
{
	struct worker *worker = arg;
	struct pollfd ready = { .fd = worker->service->watch.changes,
				.events = POLLIN };

	for (;;)
		if (poll(&ready, 1, 500) > 0)
			hsm_changes_drain(&worker->engine, NULL);
	return NULL;
}

static void serve(struct worker *worker)
{
	struct hsm_service *service = worker->service;
	struct pollfd ready = { .fd = service->wake, .events = POLLIN };

	while (!atomic_load(&service->shared->stopping)) {
		atomic_fetch_add(&service->shared->heartbeat, 1);
		poll(&ready, 1, 500);
	}
}

static void *refresh(void *arg)
{
	struct worker *worker = arg;
	struct hsm_service *service = worker->service;
	unsigned int seconds = service->options->refresh_s;

	for (;;) {
		struct timespec pause = { .tv_sec = seconds };

		nanosleep(&pause, NULL);
		hsm_refresh_run(&worker->engine, service->store.fd, "");
	}
	return NULL;
}

/*
 * Each file that is read ahead holds a descriptor, each event that waits another.
 * Events beyond wait in the kernel.
 */
static unsigned long share_descriptors(struct worker *worker)
{
	struct hsm_engine *engine = &worker->engine;
	unsigned long others = engine->shared->own_count + OTHER_FDS +
			       CONN_FDS * engine->jobs;
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	if ((unsigned int)engine->read_ahead_files > limit.rlim_cur / AHEAD_SHARE)
		engine->read_ahead_files = (int)(limit.rlim_cur / AHEAD_SHARE);
	others += (unsigned int)engine->read_ahead_files;
	if (limit.rlim_cur < others + FEWEST_EVENTS)
		return FEWEST_EVENTS;
	if (limit.rlim_cur - others > HSM_SLOTS)
		return HSM_SLOTS;
	return limit.rlim_cur - others;
}

static void take_options(struct worker *worker)
{
	const struct hsm_serve_options *options = worker->service->options;
	struct hsm_engine *engine = &worker->engine;

	engine->log = options->log;
	engine->watch = worker->service->watch;
	engine->store_id = worker->service->store.id;
	engine->policy.stream_above = options->stream_above;
	engine->whole_for = options->whole_for;
	engine->read_ahead_files = options->read_ahead_files;
	engine->jobs = options->jobs;
	engine->shared = worker->service->shared;
	/* Each try may take its time twice: to connect, and to answer. */
	engine->patience_s = 2 * options->timeout_s *
			     ((unsigned int)options->retries + 1);
	worker->event_fds = share_descriptors(worker);
}

static int start_threads(struct worker *worker)
{
	struct hsm_engine *engine = &worker->engine;
	pthread_t thread;
	int ret = hsm_settle_start(engine);

	if (!ret)
		ret = hsm_ahead_start(engine);
	if (!ret)
		ret = -pthread_create(&thread, NULL, hsm_control_serve,
				      &worker->control);
	if (!ret)
		ret = -pthread_create(&thread, NULL, hsm_loops_watch, engine);
	if (!ret)
		ret = -pthread_create(&thread, NULL, follow_changes, worker);
	if (!ret && worker->service->lazy)
		ret = hsm_lazy_start(worker->service, engine);
	if (!ret && worker->service->options->refresh_s)
		ret = -pthread_create(&thread, NULL, refresh, worker);
	return ret;
}

static int start(struct worker *worker)
{
	struct hsm_service *service = worker->service;
	char error[512];
	int ret;

	take_options(worker);
	ret = hsm_service_remote(service, &worker->engine.remote, error,
				 sizeof(error));
	if (!ret)
		ret = hsm_engine_start(&worker->engine);
	if (ret)
		return ret;
	hsm_changes_recover(&worker->engine);
	hsm_worker_restore_times(&worker->engine);
	worker->control = (struct hsm_control_server){
		&worker->engine, service->control, service->store.fd,
		&worker->journal,
	};
	/* A tree that cannot be tracked is served all the same. */
	ret = hsm_engine_journal_start(&worker->journal, worker->engine.log,
				       service->store.fd,
				       worker->engine.store_id,
				       &worker->engine.watch,
				       service->options->strict);
	if (ret < 0)
		hsm_log(worker->engine.log, HSM_LOG_ERROR,
			"changes are not tracked: %s", strerror(-ret));
	return start_threads(worker);
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct hsm_shared *shared = worker->service->shared;
	const struct hsm_serve_options *options = worker->service->options;
	int ret;

	hsm_task_register(shared, 0);
	hsm_blame_note(shared, options->worker_timeout_s);
	/* Present from the first read() on: a fault in there could fail. */
	memset(shared->buffers, 0, sizeof(shared->buffers));
	ret = start(worker);
	if (ret) {
		hsm_log(worker->service->options->log, HSM_LOG_ERROR,
			"worker cannot start: %s", strerror(-ret));
		_exit(1);
	}
	atomic_store(&shared->up, true);
	/*
	 * What the worker before this one did itself, such as giving a
	 * placeholder its new size, is told from a user's change only as long as
	 * the file is not complete: before anything is filled.
	 */
	hsm_changes_drain(&worker->engine, NULL);
	take_over(worker);
	if (start_readers(worker) < 0)
		_exit(1);
	serve(worker);
	hsm_settle_stop(&worker->engine);
	hsm_engine_journal_stop(&worker->journal);
	hsm_ahead_stop(&worker->engine);
	hsm_engine_stop(&worker->engine);
	_exit(0);
}

/*
 * What is meant for the server is for the guard; what a terminal sends to all of
 * its processes must not end them all at once.
 */
static void ignore_signals(void)
{
	static const int signals[] = {
		SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGALRM, SIGUSR1,
		SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU, SIGVTALRM, SIGPROF, SIGXFSZ,
		/* A lease of ours that somebody breaks: the next test sees it. */
		SIGIO,
	};
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_IGN);
}

void hsm_worker_main(struct hsm_service *service)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	pthread_t thread;

	prctl(PR_SET_NAME, "hsm-worker");
	ignore_signals();
	hsm_task_catch_crashes();
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
