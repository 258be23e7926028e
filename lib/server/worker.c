// SPDX-License-Identifier: GPL-2.0-or-later
#include "server/worker.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "base/cleanup.h"
#include "engine/ahead.h"
#include "engine/blame.h"
#include "engine/changes.h"
#include "engine/settle.h"
#include "engine/task.h"
#include "names/lazy.h"
#include "names/refresh.h"
#include "server/control.h"
#include "server/journal.h"
#include "server/loops.h"
#include "server/readers.h"
#include "server/recover.h"

enum {
	/* Descriptors of one connection, and of the rest but waiting events. */
	CONN_FDS = 4, OTHER_FDS = 64, FEWEST_EVENTS = 4, AHEAD_SHARE = 8,
};

struct worker {
	struct hsm_service *service;
	struct hsm_engine engine;
	struct hsm_control_server control;
	struct hsm_engine_journal journal;
	struct hsm_readers readers;
};

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
	worker->readers.service = worker->service;
	worker->readers.engine = engine;
	worker->readers.room = share_descriptors(worker);
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
	hsm_recover_times(&worker->engine);
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
	hsm_readers_take_over(&worker->readers);
	if (hsm_readers_start(&worker->readers) < 0)
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
