/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes to standard error, and the exit status that follows from it.
 * Names are escaped always: stderr is for people, and it may be a terminal
 * although it looks like a pipe (ssh, tmux, a log that somebody reads).
 *
 * Threads: all functions may be called from any.
 */
#ifndef CMD_MESSAGE_H
#define CMD_MESSAGE_H

#include <stdbool.h>

#include "hsm.h"

enum {
	CMD_FAILED = 1,
	CMD_USAGE = 2,
	CMD_KERNEL = 3,
	CMD_REMOTE = 4,
	CMD_SIGNAL = 128, /* + the signal's number */
};

/* `PROGRAM: TEXT` */
void cmd_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * `PROGRAM: WHAT: WHY: strerror(error)`, without WHY when it is NULL and
 * without the last part when `error` is 0.  `error` is positive or negative.
 * From now on cmd_message_status() is CMD_FAILED.
 */
void cmd_message_fail(const char *what, const char *why, int error);

/*
 * The sentence of `failure`, or of `what` and `error` when it has none; returns
 * the exit status for its kind.
 */
int cmd_message_failure(const struct hsm_failure *failure, const char *what,
			int error);

/* 0, or CMD_FAILED after a cmd_message_fail(). */
int cmd_message_status(void);

/* What is printed between these stays together; they nest. */
void cmd_message_lock(void);
void cmd_message_unlock(void);

/* Begin each line with the time from now on (log files). */
void cmd_message_stamp(void);

/* A log that prints what is at or below `level`. */
struct hsm_log cmd_message_log(enum hsm_log_level level);

#endif
