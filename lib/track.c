// SPDX-License-Identifier: GPL-2.0-or-later
/* The tracker of a directory that no server serves: one process, one thread. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "failure.h"
#include "hsm.h"
#include "journal/group.h"
#include "journal/tracker.h"
#include "local/mount.h"
#include "server/control.h"

/*
 * Events wait this long: those of one file by one process are one by then, and
 * writers do not have to wake us for each.
 */
enum { PAUSE_MS = 50, CLIENTS = 32 };

struct track {
	const struct hsm_track_options *options;
	struct hsm_tracker tracker;
	int signals, listen;
	struct pollfd ready[3 + CLIENTS]; /* signals, listen, group, clients */
	unsigned int clients;
};

static int peek(struct track *track, int *fd_to_send)
{
	int fd = memfd_create("hsm-checkpoint", MFD_CLOEXEC), copy, ret;

	if (fd < 0)
		return -errno;
	copy = dup(fd);
	ret = copy < 0 ? -errno : hsm_tracker_peek(&track->tracker, copy);
	if (ret < 0)
		close(fd);
	else
		*fd_to_send = fd;
	return ret;
}

static void answer(struct track *track,
		   const struct hsm_control_request *request,
		   struct hsm_control_reply *reply, int *fd_to_send)
{
	struct hsm_tracker *tracker = &track->tracker;

	reply->store = tracker->journal.id;
	switch (request->op) {
	case HSM_CONTROL_JOURNAL:
		*fd_to_send = openat(tracker->journal.fd, ".",
				     O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		reply->error = *fd_to_send < 0 ? -errno : 0;
		break;
	case HSM_CONTROL_PEEK:
		reply->error = peek(track, fd_to_send);
		reply->checkpoint = tracker->journal.period - 1;
		break;
	case HSM_CONTROL_CHECKPOINT:
		reply->error = hsm_tracker_cut(tracker,
					       (unsigned int)request->off,
					       &reply->checkpoint);
		track->ready[2].fd = tracker->group;
		break;
	default:
		reply->error = -EOPNOTSUPP;
	}
}

/* One request of a client; false: it has gone. */
static bool serve_client(struct track *track, int fd)
{
	struct hsm_control_request request;
	struct hsm_control_reply reply = { 0 };
	int fd_to_send = -1;
	ssize_t len = recv(fd, &request, sizeof(request), MSG_DONTWAIT);
	bool stays;

	if (len <= 0)
		return len < 0 && (errno == EAGAIN || errno == EINTR);
	if (hsm_control_valid(&request, len))
		answer(track, &request, &reply, &fd_to_send);
	else
		reply.error = -EPROTO;
	stays = hsm_control_reply(fd, &reply, fd_to_send) == 0;
	if (fd_to_send >= 0)
		close(fd_to_send);
	return stays;
}

static void accept_client(struct track *track)
{
	int fd = accept4(track->listen, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (track->clients == CLIENTS || !hsm_control_allowed(fd)) {
		close(fd);
		return;
	}
	track->ready[3 + track->clients++] =
		(struct pollfd){ .fd = fd, .events = POLLIN };
}

static void serve_clients(struct track *track)
{
	unsigned int i = 0;

	while (i < track->clients) {
		struct pollfd *client = &track->ready[3 + i];

		if (!client->revents || serve_client(track, client->fd)) {
			i++;
			continue;
		}
		close(client->fd);
		*client = track->ready[3 + --track->clients];
	}
}

static void run(struct track *track)
{
	bool rest = false;

	track->ready[0] = (struct pollfd){ track->signals, POLLIN, 0 };
	track->ready[1] = (struct pollfd){ track->listen, POLLIN, 0 };
	for (;;) {
		int n;

		/* A negative descriptor is left out. */
		track->ready[2] = (struct pollfd){
			rest ? -1 : track->tracker.group, POLLIN, 0,
		};
		n = poll(track->ready, 3 + track->clients,
			 rest ? PAUSE_MS : track->tracker.settled ? -1 :
			 HSM_TRACKER_SETTLE_MS);
		if (n > 0 && track->ready[0].revents)
			return;
		if (n == 0 || (n > 0 && track->ready[2].revents)) {
			/* After a pause: what came meanwhile, at once. */
			if (rest)
				hsm_tracker_read(&track->tracker);
			rest = !rest;
		}
		if (n <= 0)
			continue;
		serve_clients(track);
		if (track->ready[1].revents)
			accept_client(track);
	}
}

/* DIR/.hsm, or what it is a link to; made when it is missing. */
static int open_store(const struct track *track, int *store,
		      struct hsm_failure *failure)
{
	const char *dir = track->options->dir, *path = track->options->store;
	int root = track->tracker.root;

	*store = openat(root, ".hsm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*store < 0 && errno == ENOENT) {
		if (mkdirat(root, path ? path : ".hsm", 0700) < 0 &&
		    !(path && errno == EEXIST))
			return hsm_failure_set(failure, -errno,
					       "%s: the store cannot be made: "
					       "%s", path ? path : dir,
					       strerror(errno));
		if (path && symlinkat(path, root, ".hsm") < 0)
			return hsm_failure_set(failure, -errno, "%s/.hsm: %s",
					       dir, strerror(errno));
		*store = openat(root, ".hsm",
				O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (*store < 0)
		return hsm_failure_set(failure, -errno, "%s/.hsm: %s", dir,
				       strerror(errno));
	if (faccessat(*store, "config", F_OK, 0) == 0)
		return hsm_failure_set(failure, -EBUSY, "%s: belongs to "
				       "hsm-serve, which tracks it itself",
				       dir);
	return 0;
}

static int refuse(const char *dir, int error, struct hsm_failure *failure)
{
	if (error == -EOPNOTSUPP)
		return hsm_failure_set_as(failure, HSM_FAILURE_KERNEL, error,
					  "%s: this kernel or file system has "
					  "no change events with names", dir);
	if (error == -EADDRINUSE)
		return hsm_failure_set(failure, error, "%s: its journal is a "
				       "copy of one that has a tracker now: "
				       "remove %s/.hsm/journal, which begins a "
				       "new one", dir, dir);
	if (error == -EXDEV)
		return hsm_failure_set_as(failure, HSM_FAILURE_KERNEL, error,
					  "%s: lies in a btrfs subvolume, "
					  "whose changes the kernel does not "
					  "tell by file system", dir);
	return hsm_failure_set(failure, error, "%s: cannot be tracked: %s", dir,
			       strerror(-error));
}

static int open_directory(struct track *track, struct hsm_failure *failure)
{
	struct hsm_tracker *tracker = &track->tracker;
	const char *name = track->options->dir;
	HSM_CLOSE int dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret;

	if (dir < 0)
		return hsm_failure_set_errno(failure, -errno, name);
	ret = tracker->mount = hsm_mount_clone(dir);
	if (ret >= 0) {
		tracker->root = openat(tracker->mount, ".", O_RDONLY |
				       O_DIRECTORY | O_CLOEXEC);
		ret = tracker->root < 0 ? -errno : hsm_mount_is_whole(dir);
	}
	if (ret == -EPERM)
		return hsm_failure_set(failure, ret, "%s: tracking needs root "
				       "(CAP_SYS_ADMIN)", name);
	if (ret < 0)
		return hsm_failure_set_errno(failure, ret, name);
	tracker->whole = ret;
	/* Before anything is made in it. */
	ret = hsm_group_open(tracker->root, tracker->mount, tracker->whole);
	if (ret < 0)
		return refuse(name, ret, failure);
	close(ret);
	return 0;
}

/* Whoever waits to open a file takes a descriptor of ours. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static enum hsm_tracker_break read_break(void)
{
	const char *what = getenv("HSM_TEST_BREAK");

	return what && !strcmp(what, "handover") ? HSM_BREAK_HANDOVER :
	       what && !strcmp(what, "carry") ? HSM_BREAK_CARRY :
						HSM_BREAK_NOTHING;
}

/* Seconds by which the clock of files is wrong, for tests. */
static int64_t read_skew(void)
{
	const char *seconds = getenv("HSM_TEST_CLOCK");

	return seconds ? atoll(seconds) * INT64_C(1000000000) : 0;
}

static int start(struct track *track, struct hsm_failure *failure)
{
	struct hsm_tracker *tracker = &track->tracker;
	const char *dir = track->options->dir;
	HSM_CLOSE int store = -1;
	HSM_CLOSE int place = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int ret = open_directory(track, failure);

	if (!ret)
		ret = open_store(track, &store, failure);
	if (ret < 0)
		return ret;
	ret = hsm_journal_make(&tracker->journal, store);
	if (!ret)
		ret = hsm_journal_lock(&tracker->journal);
	if (ret == -EWOULDBLOCK)
		return hsm_failure_set(failure, ret, "%s: is tracked already",
				       dir);
	/* Who asks from here on waits until all that changed is known. */
	if (!ret)
		ret = track->listen = hsm_control_listen(tracker->journal.id);
	if (ret >= 0)
		ret = hsm_tracker_start(tracker, place);
	if (!ret)
		hsm_tracker_sweep(tracker);
	return ret < 0 ? refuse(dir, ret, failure) : 0;
}

static int watch_signals(sigset_t *before)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, before);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void close_one(int fd)
{
	if (fd >= 0)
		close(fd);
}

int hsm_track(const struct hsm_track_options *options,
	      struct hsm_failure *failure)
{
	struct track *track = calloc(1, sizeof(*track));
	struct hsm_tracker *tracker;
	sigset_t before;
	int ret;

	failure->kind = HSM_FAILURE_NONE;
	if (!track)
		return hsm_failure_set(failure, -ENOMEM, "out of memory");
	tracker = &track->tracker;
	track->options = options;
	track->listen = -1;
	tracker->log = options->log;
	tracker->hide = ".hsm";
	tracker->root = tracker->mount = tracker->group = -1;
	tracker->records.fd = -1;
	tracker->journal = (struct hsm_journal){ .fd = -1, .lock = -1 };
	tracker->broken = read_break();
	tracker->skew_ns = read_skew();
	tracker->strict = options->strict;
	if (options->strict)
		raise_limit();
	track->signals = watch_signals(&before);
	ret = start(track, failure);
	if (!ret) {
		if (options->ready)
			options->ready(options->ready_arg);
		run(track);
	}
	if (track->listen >= 0)
		hsm_control_unlink(tracker->journal.id);
	hsm_tracker_stop(tracker);
	hsm_journal_close(&tracker->journal);
	while (track->clients)
		close(track->ready[3 + --track->clients].fd);
	close_one(track->listen);
	close_one(track->signals);
	close_one(tracker->root);
	close_one(tracker->mount);
	sigprocmask(SIG_SETMASK, &before, NULL);
	free(track);
	return ret;
}
