// SPDX-License-Identifier: GPL-2.0-or-later
#include "interrupt.h"

#include <signal.h>
#include <unistd.h>

#include "message.h"

static volatile sig_atomic_t caught;

static void remember(int signo)
{
	caught = signo;
}

static void leave(int signo)
{
	/* The prompt must not stand behind the bar. */
	if (isatty(STDERR_FILENO) && write(STDERR_FILENO, "\n", 1) < 0)
		_exit(CMD_SIGNAL + signo);
	_exit(CMD_SIGNAL + signo);
}

static void handle(void (*handler)(int))
{
	/* No SA_RESTART: a read of standard input must end too. */
	struct sigaction action = {
		.sa_handler = handler,
		.sa_flags = (int)SA_RESETHAND,
	};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

void cmd_interrupt_catch(void)
{
	handle(remember);
}

void cmd_interrupt_exit(void)
{
	handle(leave);
}

int cmd_interrupt_signal(void)
{
	return caught;
}
