// SPDX-License-Identifier: GPL-2.0-or-later
/* Ending the server of a directory. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>

#include "base/cleanup.h"
#include "failure.h"
#include "local/mount.h"
#include "place.h"
#include "server/control.h"

/* The guard: as the worker knows it, or else as it made the socket. */
static int find_guard(int fd, pid_t *pid)
{
	const struct hsm_control_request request = {
		.version = HSM_CONTROL_VERSION, .op = HSM_CONTROL_STATUS,
	};
	struct hsm_control_reply reply;

	if (hsm_control_call(fd, &request, &reply, NULL, 5000) == 0) {
		*pid = reply.status.guard;
		return 0;
	}
	return hsm_control_peer(fd, pid);
}

/* Tell the guard of the server at the socket `fd` to end: its pidfd, -ESRCH. */
static int signal_guard(int fd)
{
	HSM_CLOSE int process = -1;
	pid_t pid;
	int ret = find_guard(fd, &pid);

	if (ret < 0)
		return ret;
	process = pidfd_open(pid, 0);
	if (process < 0 || pidfd_send_signal(process, SIGTERM, NULL, 0) < 0)
		return -errno;
	return hsm_steal_fd(&process);
}

/* Ask the server at the socket `fd` to end, and wait until it has. */
static int end_process(int fd)
{
	struct pollfd ready = { .events = POLLIN };
	HSM_CLOSE int process = signal_guard(fd);
	unsigned int tries;

	/* A guard that was killed a moment ago: its standby takes its place. */
	for (tries = 0; process == -ESRCH && tries < 40; tries++) {
		poll(NULL, 0, 50);
		process = signal_guard(fd);
	}
	if (process < 0)
		return process;
	ready.fd = process;
	while (poll(&ready, 1, -1) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int hsm_serve_stop(const char *dir, struct hsm_failure *failure)
{
	char path[PATH_MAX];
	HSM_CLOSE int fd = -1;
	uint64_t id;
	int ret;

	failure->kind = HSM_FAILURE_NONE;
	if (!realpath(dir, path))
		return hsm_failure_set_errno(failure, -errno, dir);
	if (!hsm_place_tree(path, &id))
		return hsm_failure_set(failure, -ENOENT, "%s: is not served",
				       dir);
	fd = hsm_control_connect(id);
	if (fd < 0) {
		ret = hsm_mount_detach(path);
		return hsm_failure_set(failure, ret < 0 ? ret : -ENOENT,
				       "%s: its server was killed; %s", dir,
				       ret < 0 ? "the mount cannot be removed" :
				       "removed the mount that it left");
	}
	ret = end_process(fd);
	if (ret < 0)
		return hsm_failure_set_errno(failure, ret, dir);
	return 0;
}
