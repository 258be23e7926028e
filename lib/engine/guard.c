// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guard.  Allocates nothing once it runs, touches no network, and holds the
 * groups open whatever happens to the worker: a group that closes lets every
 * reader through, to zeros.
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

#include "engine/control.h"
#include "engine/deny.h"
#include "engine/service.h"
#include "local/mount.h"

enum { WORKER_TIMEOUT_S = 60 };

struct guard {
	struct hsm_service *service;
	int signals;
	int mounts;
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

static void start_worker(struct guard *guard)
{
	/* One descriptor table for both; everything else as with fork(). */
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL,
				   NULL, NULL);
	sigset_t none;

	if (pid == 0) {
		/* A worker without a guard would hold the groups for ever. */
		be_killable();
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		hsm_worker_main(guard->service);
		_exit(1);
	}
	atomic_store(&guard->service->shared->worker, pid);
	guard->beat_at = now();
}

static void reap(struct guard *guard)
{
	struct hsm_shared *shared = guard->service->shared;
	bool stopping = atomic_load(&shared->stopping);
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != atomic_load(&shared->worker))
			continue;
		atomic_store(&shared->worker, 0);
		if (stopping)
			continue;
		atomic_fetch_add(&shared->count.restarts, 1);
		hsm_log(guard->service->options->log, HSM_LOG_ERROR,
			"worker ended (%s %d): another one takes over",
			WIFSIGNALED(status) ? "signal" : "status",
			WIFSIGNALED(status) ? WTERMSIG(status) :
					      WEXITSTATUS(status));
		/* One that cannot even start must not eat the machine. */
		if (now() - guard->beat_at < 1)
			poll(NULL, 0, 200);
		start_worker(guard);
	}
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

/* A signal that ends us, or 0. */
static int read_signal(struct guard *guard)
{
	struct signalfd_siginfo info;
	int end = 0;

	while (read(guard->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(guard);
		else
			end = (int)info.ssi_signo;
	}
	return end;
}

static void watch(struct guard *guard)
{
	struct pollfd ready[2] = {
		{ .fd = guard->signals, .events = POLLIN },
		{ .fd = guard->mounts, .events = POLLPRI },
	};

	for (;;) {
		if (poll(ready, 2, 1000) < 0 && errno != EINTR)
			poll(NULL, 0, 100);
		if (read_signal(guard))
			return;
		if (ready[1].revents && !still_mounted(guard->service))
			return;
		check_heart(guard);
	}
}

static void stop_worker(struct guard *guard)
{
	struct hsm_shared *shared = guard->service->shared;
	uint64_t one = 1;
	unsigned int tries;

	atomic_store(&shared->stopping, true);
	if (write(guard->service->wake, &one, sizeof(one)) < 0)
		errno = 0; /* it looks twice a second by itself */
	for (tries = 0; atomic_load(&shared->worker) > 0; tries++) {
		if (tries == 500)
			kill(atomic_load(&shared->worker), SIGKILL);
		poll(NULL, 0, 10);
		reap(guard);
	}
}

int hsm_guard_run(struct hsm_service *service)
{
	struct guard guard = { .service = service };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	guard.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	guard.mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	service->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (guard.signals < 0 || guard.mounts < 0 || service->wake < 0)
		return -errno;
	service->last_fd = service->wake > guard.mounts ? service->wake :
							  guard.mounts;
	be_unkillable();
	atomic_store(&service->shared->guard, getpid());
	start_worker(&guard);
	if (service->options->ready)
		service->options->ready(service->options->ready_arg);
	watch(&guard);
	/* Nobody finds the tree any more; then those who have it are served. */
	if (still_mounted(service))
		hsm_mount_detach(service->options->dir);
	stop_worker(&guard);
	hsm_deny_rest(service);
	return 0;
}
