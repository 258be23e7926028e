// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guard.  Allocates nothing once it runs, touches no network, and holds the
 * groups open whatever happens to the worker: a group that closes lets every
 * reader through, to zeros.
 *
 * A standby, a third process that only waits, takes the guard's place when that
 * is killed.  All three share one table of descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "engine/control.h"
#include "engine/deny.h"
#include "engine/service.h"
#include "local/mount.h"

enum { WORKER_TIMEOUT_S = 60 };

struct guard {
	struct hsm_service *service;
	int signals;   /* a signalfd gives its reader's own signals */
	int mounts;
	/* pidfds, at numbers that never change: see hsm_worker_recover() */
	int worker;
	int standby;
	int self;      /* the guard, for its standby */
	unsigned long long beat;  /* the heartbeat when it last changed */
	time_t beat_at;
};

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static void be_unkillable(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "-1000", 5) < 0)
		errno = 0; /* not allowed in this container: go on without */
	close(fd);
}

/* The child must not inherit the guard's protection: it may grow. */
static void be_killable(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "0", 1) < 0)
		errno = 0;
	close(fd);
}

/* Have the pidfd of `pid` at the number `fd`; one that has ended is left there. */
static void watch_process(pid_t pid, int fd)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);

	if (process < 0)
		return;
	dup3(process, fd, O_CLOEXEC);
	close(process);
}

static bool has_ended(int process)
{
	struct pollfd ready = { .fd = process, .events = POLLIN };

	return poll(&ready, 1, 0) > 0;
}

/* One descriptor table for all; everything else as with fork(). */
static pid_t clone_process(void)
{
	return (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL,
			      NULL);
}

/*
 * In the new process: become the worker that comes after `before`.  A guard
 * that is killed on the way leaves one that nobody knows: it must not stay next
 * to the one that the next guard starts.
 */
static bool become_worker(struct hsm_shared *shared, int before)
{
	return getppid() == atomic_load(&shared->guard) &&
	       atomic_compare_exchange_strong(&shared->worker, &before,
					      getpid());
}

static void start_worker(struct guard *guard)
{
	struct hsm_shared *shared = guard->service->shared;
	int before = atomic_load(&shared->worker);
	sigset_t none;
	pid_t pid;

	hsm_worker_recover(guard->service);
	pid = clone_process();
	if (pid == 0) {
		if (!become_worker(shared, before))
			_exit(1);
		be_killable();
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		hsm_worker_main(guard->service);
		_exit(1);
	}
	watch_process(pid, guard->worker);
	while (atomic_load(&shared->worker) == before &&
	       !has_ended(guard->worker))
		poll(NULL, 0, 1);
	guard->beat_at = now();
}

/*
 * In the standby: return when the guard was killed, as the new guard, in the
 * middle of what that one was doing.
 */
static void stand_by(struct guard *guard, pid_t guard_pid)
{
	struct hsm_shared *shared = guard->service->shared;

	prctl(PR_SET_NAME, "hsm-standby");
	while (!has_ended(guard->self)) {
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
	/* The old one may have been killed between a clone and a look at it. */
	watch_process(atomic_load(&shared->worker), guard->worker);
}

static void start_standby(struct guard *guard)
{
	pid_t self, pid;

	do {
		self = getpid();
		watch_process(self, guard->self);
		pid = clone_process();
		if (pid == 0)
			stand_by(guard, self);
	} while (pid == 0);
	atomic_store(&guard->service->shared->standby, pid);
	watch_process(pid, guard->standby);
}

/* Replace whoever of the others has ended. */
static void look_after(struct guard *guard)
{
	struct hsm_shared *shared = guard->service->shared;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (atomic_load(&shared->stopping))
		return;
	if (has_ended(guard->worker)) {
		atomic_fetch_add(&shared->count.restarts, 1);
		hsm_log(guard->service->options->log, HSM_LOG_ERROR,
			"worker ended: another one takes over");
		/* One that cannot even start must not eat the machine. */
		if (now() - guard->beat_at < 1)
			poll(NULL, 0, 200);
		start_worker(guard);
	}
	if (has_ended(guard->standby))
		start_standby(guard);
}

static void check_heart(struct guard *guard)
{
	struct hsm_service *service = guard->service;
	unsigned int timeout = service->options->worker_timeout_s ?
			       service->options->worker_timeout_s :
			       WORKER_TIMEOUT_S;
	unsigned long long beat = atomic_load(&service->shared->heartbeat);
	pid_t worker = atomic_load(&service->shared->worker);

	if (beat != guard->beat) {
		guard->beat = beat;
		guard->beat_at = now();
	} else if (worker > 0 && now() - guard->beat_at > (time_t)timeout) {
		hsm_log(service->options->log, HSM_LOG_ERROR,
			"worker has not moved for %u s: replaced", timeout);
		kill(worker, SIGKILL);
		guard->beat_at = now();
	}
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
		end |= info.ssi_signo != SIGCHLD;
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
	struct hsm_shared *shared = guard->service->shared;
	uint64_t one = 1;
	unsigned int tries;

	if (write(guard->service->wake, &one, sizeof(one)) < 0)
		errno = 0; /* it looks twice a second by itself */
	for (tries = 0; !has_ended(guard->worker); tries++) {
		if (tries == 500)
			kill(atomic_load(&shared->worker), SIGKILL);
		poll(NULL, 0, 10);
		look_after(guard);
	}
}

/* The highest descriptor so far: whatever is open now, the caller's too, stays. */
static int highest(void)
{
	HSM_CLOSEDIR DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int max = -EIO;

	while (dir && (entry = readdir(dir)))
		if (atoi(entry->d_name) > max)
			max = atoi(entry->d_name);
	return max;
}

static int open_descriptors(struct guard *guard)
{
	struct hsm_service *service = guard->service;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
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
	service->last_fd = highest();
	return service->last_fd < 0 ? service->last_fd : 0;
}

int hsm_guard_run(struct hsm_service *service)
{
	struct hsm_shared *shared = service->shared;
	struct guard guard = { .service = service };
	int ret = open_descriptors(&guard);

	if (ret < 0)
		return ret;
	be_unkillable();
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
	hsm_deny_rest(service);
	return 0;
}
