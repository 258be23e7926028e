// SPDX-License-Identifier: GPL-2.0-or-later
#include "server/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

void hsm_process_may_be_killed(bool may)
{
	HSM_CLOSE int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	const char *text = may ? "0" : "-1000";

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		errno = 0;
}

pid_t hsm_process_clone(void)
{
	return (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL,
			      NULL);
}

void hsm_process_watch(pid_t pid, int fd)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);

	if (process < 0)
		return;
	dup3(process, fd, O_CLOEXEC);
	close(process);
}

bool hsm_process_has_ended(int pidfd)
{
	struct pollfd ready = { .fd = pidfd, .events = POLLIN };

	return poll(&ready, 1, 0) > 0;
}

void hsm_process_kill(int pidfd)
{
	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

bool hsm_process_is_ours(pid_t pid)
{
	char path[32], name[32];

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	return hsm_fd_text(AT_FDCWD, path, name, sizeof(name)) > 0 &&
	       !strncmp(name, "hsm-", strlen("hsm-"));
}
