// SPDX-License-Identifier: GPL-2.0-or-later
#include "message.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "progress.h"

static atomic_bool failed;
static bool stamped;

static void print_time(void)
{
	time_t now = time(NULL);
	char text[32];
	struct tm tm;

	if (gmtime_r(&now, &tm) &&
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ ", &tm))
		fputs(text, stderr);
}

/* Recursive, as flockfile() would be; but tools that look for races know it. */
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

void cmd_message_lock(void)
{
	pthread_mutex_lock(&lock);
}

void cmd_message_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

static void print_line(const char *line)
{
	HSM_FREE char *shown = hsm_escape_terminal(line);

	cmd_message_lock();
	cmd_progress_hide();
	if (stamped)
		print_time();
	fprintf(stderr, "%s: %s\n", program_invocation_short_name,
		shown ? shown : "out of memory");
	cmd_message_unlock();
}

void cmd_message(const char *format, ...)
{
	HSM_FREE char *line = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&line, format, args) < 0)
		line = NULL;
	va_end(args);
	print_line(line ? line : "out of memory");
}

void cmd_message_fail(const char *what, const char *why, int error)
{
	const char *words = error ? strerrordesc_np(abs(error)) : NULL;

	failed = true;
	if (error && !words)
		words = "unknown error";
	if (why && words)
		cmd_message("%s: %s: %s", what, why, words);
	else
		cmd_message("%s: %s", what, why ? why : words);
}

int cmd_message_failure(const struct hsm_failure *failure, const char *what,
			int error)
{
	failed = true;
	if (failure->text[0])
		cmd_message("%s", failure->text);
	else
		cmd_message_fail(what, NULL, error);
	switch (failure->kind) {
	case HSM_FAILURE_USAGE:
		return CMD_USAGE;
	case HSM_FAILURE_KERNEL:
		return CMD_KERNEL;
	case HSM_FAILURE_REMOTE:
		return CMD_REMOTE;
	case HSM_FAILURE_NONE:
	case HSM_FAILURE_OTHER:
		break;
	}
	return CMD_FAILED;
}

int cmd_message_status(void)
{
	return failed ? CMD_FAILED : 0;
}

void cmd_message_stamp(void)
{
	stamped = true;
}

static void log_line(void *arg, enum hsm_log_level level, const char *line)
{
	(void)arg;
	(void)level;
	print_line(line);
}

struct hsm_log cmd_message_log(enum hsm_log_level level)
{
	return (struct hsm_log){ .fn = log_line, .level = level };
}
