// SPDX-License-Identifier: GPL-2.0-or-later
#include "background.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "message.h"

static volatile sig_atomic_t child;
static volatile sig_atomic_t caught;

static void pass_on(int signo)
{
	caught = signo;
	kill(child, SIGTERM);
}

static void watch_signals(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* The parent: wait for the byte, or for the end of the child. */
static void wait_ready(int fd)
{
	ssize_t n;
	int status;
	char byte;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(0);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			_exit(CMD_FAILED);
	if (caught)
		_exit(CMD_SIGNAL + caught);
	if (WIFSIGNALED(status)) {
		cmd_message("the server was killed: %s",
			    sigdescr_np(WTERMSIG(status)));
		_exit(CMD_FAILED);
	}
	/* Ended in order before it served: somebody stopped it. */
	_exit(WEXITSTATUS(status) ? WEXITSTATUS(status) : CMD_FAILED);
}

int cmd_background_fork(void)
{
	int ends[2];
	sigset_t both, before;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	sigemptyset(&both);
	sigaddset(&both, SIGINT);
	sigaddset(&both, SIGTERM);
	sigprocmask(SIG_BLOCK, &both, &before);
	pid = fork();
	if (pid > 0) {
		close(ends[1]);
		child = pid;
		watch_signals(pass_on);
		sigprocmask(SIG_SETMASK, &before, NULL);
		wait_ready(ends[0]);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return -errno;
	}
	setsid();
	return ends[1];
}

void cmd_background_close(int fd)
{
	HSM_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup3(null, fd, O_CLOEXEC) < 0)
		cmd_message("/dev/null: %m");
}

void cmd_background_ready(int fd, int log_fd)
{
	HSM_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(log_fd >= 0 ? log_fd : null, STDERR_FILENO);
	if (chdir("/") < 0)
		cmd_message("/: %m");
	if (write(fd, "", 1) != 1)
		cmd_message("the process that waits is gone: %m");
	cmd_background_close(fd);
}
