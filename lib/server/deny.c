// SPDX-License-Identifier: GPL-2.0-or-later
#include "server/deny.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "engine/slot.h"
#include "names/lazy.h"
#include "stage/event.h"
#include "stage/respond.h"

static const char process_name[] = "hsm-deny";

/*
 * A file that is all here (or not ours) may be read, and needs not ask again;
 * no other one.
 */
static int verdict(const struct hsm_service *service, int fd)
{
	struct hsm_facts facts;

	if (hsm_inspect(fd, service->store.id, &facts) < 0 || facts.unreadable)
		return -EIO;
	if (!facts.ours || facts.flags & (HSM_FLAG_DIRTY | HSM_FLAG_WHOLE)) {
		hsm_watch_quiet(&service->watch, fd, HSM_QUIET_ALWAYS);
		return 0;
	}
	if (facts.content != HSM_CONTENT_ALL)
		return -EIO;
	hsm_watch_quiet(&service->watch, fd, HSM_QUIET_UNMODIFIED);
	return 0;
}

/* What a worker that was killed at the very end left in its slots. */
static void answer_slots(const struct hsm_service *service)
{
	struct hsm_shared *shared = service->shared;
	unsigned int i;

	for (i = 0; i < HSM_SLOTS; i++) {
		struct hsm_slot *slot = &shared->slots[i];
		int fd = slot->event.fd;

		if (atomic_load(&slot->used) != HSM_SLOT_USED)
			continue;
		hsm_respond(service->watch.content, fd, verdict(service, fd));
		/* In this order, as hsm_slot_answer(). */
		atomic_store(&slot->used, HSM_SLOT_FREE);
		close(fd);
	}
	atomic_store(&shared->count.waiting, 0);
}

/* By way of buffer and slots, as a worker: a standby may have to go on here. */
static void answer_waiting(const struct hsm_service *service)
{
	struct hsm_shared *shared = service->shared;
	char *buffer = shared->buffers[0];
	ssize_t len;

	while ((len = read(service->watch.content, buffer,
			   HSM_EVENT_BUFFER)) > 0) {
		struct hsm_event event;
		size_t pos = 0;

		while (hsm_event_next(buffer, (size_t)len, &pos, &event) == 1)
			if (event.fd >= 0)
				hsm_slot_take(shared, &event);
		memset(buffer, 0, HSM_EVENT_BUFFER);
		answer_slots(service);
	}
}

void hsm_deny_waiting(struct hsm_service *service)
{
	answer_slots(service);
	answer_waiting(service);
	if (service->lazy)
		hsm_lazy_refuse(service);
}

static void path_of(uint64_t id, char *path, size_t size)
{
	snprintf(path, size, "/run/hsm/%016" PRIx64 ".deny", id);
}

static void write_pid(uint64_t id)
{
	HSM_CLOSE int fd = -1;
	char path[64];

	path_of(id, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0)
		dprintf(fd, "%d\n", (int)getpid());
}

/* Ours, unless a new one took its place. */
static void remove_pid(uint64_t id)
{
	char path[64], text[64];

	path_of(id, path, sizeof(path));
	if (hsm_fd_text(AT_FDCWD, path, text, sizeof(text)) > 0 &&
	    atoi(text) == getpid())
		unlink(path);
}

void hsm_deny_end(uint64_t id)
{
	char path[64], text[64], name[32];
	int pid;

	path_of(id, path, sizeof(path));
	if (hsm_fd_text(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return;
	pid = atoi(text);
	unlink(path);
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	/* A pid that is somebody else's by now is left alone. */
	if (pid > 1 && hsm_fd_text(AT_FDCWD, path, name, sizeof(name)) > 0 &&
	    !strncmp(name, process_name, strlen(process_name)))
		kill(pid, SIGTERM);
}

/* Be called what we are in ps(1): arg_start and arg_end, see proc(5). */
static void rename_process(void)
{
	char text[2048], *p;
	unsigned long start, end;
	int field;

	prctl(PR_SET_NAME, process_name);
	if (hsm_fd_text(AT_FDCWD, "/proc/self/stat", text, sizeof(text)) <= 0 ||
	    !(p = strrchr(text, ')')))
		return;
	/* Fields from the third on, after the name in parentheses. */
	for (field = 2; field < 48 && p; field++)
		p = strchr(p + 1, ' ');
	if (!p || sscanf(p, "%lu %lu", &start, &end) != 2 ||
	    end <= start + sizeof(process_name))
		return;
	memset((void *)start, 0, end - start);
	memcpy((void *)start, process_name, sizeof(process_name));
}

static void stay(struct hsm_service *service,
		 const struct hsm_users_tree *tree)
{
	struct pollfd ready[3] = {
		{ .fd = service->watch.content, .events = POLLIN },
		{ .events = POLLIN },
		{ .fd = service->lazy ? service->trigger.calls : -1,
		  .events = POLLIN },
	};
	sigset_t set;

	rename_process();
	/* Triggers are answered by the process group that made them. */
	if (service->lazy)
		signal(SIGHUP, SIG_IGN);
	else
		setsid();
	write_pid(service->store.id);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_SETMASK, &set, NULL);
	ready[1].fd = signalfd(-1, &set, SFD_CLOEXEC);
	do {
		hsm_deny_waiting(service);
		poll(ready, 3, 1000);
		hsm_deny_waiting(service);
	} while (!ready[1].revents && hsm_users_any(tree, 0));
	hsm_deny_waiting(service);
	remove_pid(service->store.id);
}

/* Triggers are answered by descriptors of their own. */
static void close_for_lazy(struct hsm_service *service)
{
	hsm_store_close(&service->store);
	close(service->control);
	close(service->wake);
}

static void close_all_but(int fd)
{
	int null = open("/dev/null", O_RDWR);

	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	if (fd < 0)
		return;
	close_range(3, (unsigned int)fd - 1, 0);
	close_range((unsigned int)fd + 1, ~0U, 0);
}

void hsm_deny_rest(struct hsm_service *service)
{
	hsm_deny_waiting(service);
	/* The standby has the same descriptors as we. */
	if (!hsm_users_any(&service->tree,
			   atomic_load(&service->shared->standby))) {
		hsm_deny_waiting(service);
		hsm_watch_close(&service->watch);
		return;
	}
	hsm_log(service->options->log, HSM_LOG_WARNING,
		"%s: still in use elsewhere: what is not here gives EIO there",
		service->options->dir);
	if (fork() == 0) {
		/* Not the lock: a new server may come. */
		if (service->lazy)
			close_for_lazy(service);
		close_all_but(service->lazy ? -1 : service->watch.content);
		stay(service, &service->tree);
		_exit(0);
	}
	hsm_watch_close(&service->watch);
}
