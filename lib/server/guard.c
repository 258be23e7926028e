// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guard.  Allocates nothing once it runs, touches no network, and holds the
 * groups open whatever happens to the worker: a group that closes lets every
 * reader through, to zeros.
 *
 * A standby, a third process that only waits, takes the guard's place when that
 * is killed.  All three share one table of descriptors.
 */
#include "server/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "engine/task.h"
#include "local/mount.h"
#include "server/deny.h"
#include "server/process.h"
#include "server/recover.h"
#include "server/worker.h"

enum {
	SLEPT_MS = 5000,   /* this long without a look: we were stopped, too */
	STARTS = 5,        /* workers that do not get as far as to serve */
};

struct guard {
	struct hsm_service *service;
	int signals;   /* a signalfd gives its reader's own signals */
	int mounts;
	/* pidfds, at numbers that never change: see recover.h */
	int worker;
	int standby;
	int self;      /* the guard, for its standby */
	unsigned long long beat;    /* the heartbeat when it last changed */
	unsigned long long beat_at; /* these three in ms, see task.h */
	unsigned long long started; /* the worker was; what it did before that
				     * is another one's */
	unsigned long long looked;  /* last */
	unsigned int failed_starts;
};

/* Not to be swapped out, nor to be short of, when it is needed most. */
static void hold_memory(struct hsm_shared *shared)
{
	if (mlock(shared, sizeof(*shared)) < 0)
		errno = 0; /* not allowed in this container: go on without */
}

/*
 * The word by which a worker that this guard starts takes its place: one that an
 * earlier guard cloned and that comes late knows another one.
 */
static pid_t word_of(pid_t guard)
{
	return -guard;
}

/*
 * Make sure that nobody is the worker, and that whoever becomes it is started by
 * us.  False: there is one; it is watched now.
 */
static bool claim_worker(struct guard *guard)
{
	struct hsm_shared *shared = guard->service->shared;
	pid_t before = atomic_load(&shared->worker);

	do {
		if (before <= 0 || !hsm_process_is_ours(before))
			continue;
		hsm_process_watch(before, guard->worker);
		if (!hsm_process_has_ended(guard->worker))
			return false;
	} while (!atomic_compare_exchange_weak(&shared->worker, &before,
					       word_of(getpid())));
	return true;
}

/* In place of a worker: whoever waits now gets EIO for what is not here. */
static void refuse_waiting(struct guard *guard)
{
	hsm_log(guard->service->options->log, HSM_LOG_ERROR,
		"no worker can start: reads of what is not here fail");
	hsm_deny_waiting(guard->service);
}

static void start_worker(struct guard *guard)
{
	struct hsm_shared *shared = guard->service->shared;
	pid_t word = word_of(getpid()), pid;
	sigset_t none;

	guard->beat_at = guard->started = hsm_task_now();
	if (!claim_worker(guard))
		return;
	atomic_store(&shared->up, false);
	/* Nobody opens or closes anything now: the others only wait. */
	hsm_recover_worker(guard->service);
	if (guard->failed_starts >= STARTS)
		refuse_waiting(guard);
	pid = hsm_process_clone();
	if (pid == 0) {
		if (!atomic_compare_exchange_strong(&shared->worker, &word,
						    getpid()))
			_exit(1);
		/* It may grow. */
		hsm_process_may_be_killed(true);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		hsm_worker_main(guard->service);
		_exit(1);
	}
	hsm_process_watch(pid, guard->worker);
	while (atomic_load(&shared->worker) == word &&
	       !hsm_process_has_ended(guard->worker))
		poll(NULL, 0, 1);
}

/*
 * In the standby: return when the guard was killed, as the new guard, in the
 * middle of what that one was doing.
 */
static void stand_by(struct guard *guard, pid_t guard_pid)
{
	struct hsm_shared *shared = guard->service->shared;

	prctl(PR_SET_NAME, "hsm-standby");
	while (!hsm_process_has_ended(guard->self)) {
		struct pollfd ready = { .fd = guard->self, .events = POLLIN };

		poll(&ready, 1, -1);
	}
	/* Only one of those who see it may. */
	if (atomic_load(&shared->finished) ||
	    !atomic_compare_exchange_strong(&shared->guard, &guard_pid,
					    getpid()))
		_exit(0);
	prctl(PR_SET_NAME, "hsm-serve");
	hsm_log(guard->service->options->log, HSM_LOG_ERROR,
		"guard ended: its standby takes over");
	hold_memory(shared);
	/* The old one may have been killed between a clone and a look at it. */
	guard->beat_at = guard->started = guard->looked = hsm_task_now();
	if (hsm_process_is_ours(atomic_load(&shared->worker)))
		hsm_process_watch(atomic_load(&shared->worker), guard->worker);
}

static void start_standby(struct guard *guard)
{
	pid_t self, pid;

	do {
		self = getpid();
		hsm_process_watch(self, guard->self);
		pid = hsm_process_clone();
		if (pid == 0)
			stand_by(guard, self);
	} while (pid == 0);
	atomic_store(&guard->service->shared->standby, pid);
	hsm_process_watch(pid, guard->standby);
}

static void replace_worker(struct guard *guard)
{
	struct hsm_service *service = guard->service;
	struct hsm_shared *shared = service->shared;

	atomic_store(&shared->died, hsm_task_now());
	atomic_fetch_add(&shared->count.restarts, 1);
	hsm_log(service->options->log, HSM_LOG_ERROR,
		"worker ended: another one takes over");
	guard->failed_starts = atomic_load(&shared->up) ?
			       0 : guard->failed_starts + 1;
	/* One that cannot even start must not eat the machine. */
	if (guard->failed_starts)
		poll(NULL, 0, guard->failed_starts < STARTS ? 200 : 1000);
	start_worker(guard);
}

/* Replace whoever of the others has ended. */
static void look_after(struct guard *guard)
{
	struct hsm_shared *shared = guard->service->shared;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (atomic_load(&shared->stopping))
		return;
	if (hsm_process_has_ended(guard->worker))
		replace_worker(guard);
	if (hsm_process_has_ended(guard->standby))
		start_standby(guard);
}

static void check_heart(struct guard *guard)
{
	struct hsm_service *service = guard->service;
	struct hsm_shared *shared = service->shared;
	unsigned int timeout = service->options->worker_timeout_s;
	unsigned long long beat = atomic_load(&shared->heartbeat);
	unsigned long long now = hsm_task_now();

	/* A machine or a control group that slept: they were asleep as well. */
	if (now - guard->looked > SLEPT_MS)
		guard->beat_at = guard->started = now;
	guard->looked = now;
	if (beat != guard->beat) {
		guard->beat = beat;
		guard->beat_at = now;
	}
	if (now - guard->beat_at <= timeout * 1000ULL &&
	    !hsm_task_hangs(shared, guard->started, timeout))
		return;
	hsm_log(service->options->log, HSM_LOG_ERROR,
		"worker has not moved for %u s: replaced", timeout);
	atomic_store(&shared->cause, HSM_CAUSE_HUNG);
	hsm_process_kill(guard->worker);
	guard->beat_at = guard->started = now;
}

static bool still_mounted(const struct hsm_service *service)
{
	uint64_t id;

	return hsm_mount_id(service->options->dir, &id) == 0 &&
	       id == service->mount_id;
}

/* Whether a signal came that ends us. */
static bool read_signals(struct guard *guard)
{
	struct signalfd_siginfo info;
	bool end = false;

	while (read(guard->signals, &info, sizeof(info)) == sizeof(info))
		end |= info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT ||
		       info.ssi_signo == SIGHUP || info.ssi_signo == SIGQUIT;
	return end;
}

static void watch(struct guard *guard)
{
	struct pollfd ready[] = {
		{ .fd = guard->signals, .events = POLLIN },
		{ .fd = guard->mounts, .events = POLLPRI },
		{ .fd = guard->worker, .events = POLLIN },
		{ .fd = guard->standby, .events = POLLIN },
	};

	while (!atomic_load(&guard->service->shared->stopping)) {
		if (poll(ready, sizeof(ready) / sizeof(ready[0]), 1000) < 0 &&
		    errno != EINTR)
			poll(NULL, 0, 100);
		if (read_signals(guard) || !still_mounted(guard->service))
			return;
		look_after(guard);
		check_heart(guard);
	}
}

static void stop_worker(struct guard *guard)
{
	uint64_t one = 1;
	unsigned int tries;

	if (write(guard->service->wake, &one, sizeof(one)) < 0)
		errno = 0; /* it looks twice a second by itself */
	for (tries = 0; !hsm_process_has_ended(guard->worker); tries++) {
		if (tries == 500)
			hsm_process_kill(guard->worker);
		poll(NULL, 0, 10);
		look_after(guard);
	}
}

static int open_descriptors(struct guard *guard)
{
	struct hsm_service *service = guard->service;
	sigset_t set;

	/*
	 * All of them, in the standby too: a terminal that goes, a pipe that
	 * nobody reads must not end all of us at once.
	 */
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	guard->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	guard->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	service->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* Until there is something to watch: always ready, "has ended". */
	guard->worker = open("/dev/null", O_RDONLY | O_CLOEXEC);
	guard->standby = open("/dev/null", O_RDONLY | O_CLOEXEC);
	guard->self = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (guard->signals < 0 || guard->mounts < 0 || service->wake < 0 ||
	    guard->worker < 0 || guard->standby < 0 || guard->self < 0)
		return -errno;
	return hsm_recover_note(service->shared);
}

int hsm_guard_run(struct hsm_service *service)
{
	struct hsm_shared *shared = service->shared;
	struct guard guard = { .service = service };
	int ret = open_descriptors(&guard);

	if (ret < 0)
		return ret;
	hsm_process_may_be_killed(false);
	hold_memory(shared);
	guard.looked = hsm_task_now();
	atomic_store(&shared->guard, getpid());
	start_worker(&guard);
	if (service->options->ready)
		service->options->ready(service->options->ready_arg);
	/* A standby that takes the guard's place goes on from here. */
	start_standby(&guard);
	watch(&guard);
	atomic_store(&shared->stopping, true);
	/* Nobody finds the tree any more; then those who have it are served. */
	if (still_mounted(service))
		hsm_mount_detach(service->options->dir);
	stop_worker(&guard);
	hsm_recover_worker(service);
	hsm_deny_rest(service);
	return 0;
}
