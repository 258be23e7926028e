// SPDX-License-Identifier: GPL-2.0-or-later
#include "serve_options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "message.h"
#include "options.h"
#include "progress.h"

static int stop, status, background, read_only, strict, netrc, insecure;
static char *ready_fd, *log_file, *store, *names, *max_triggers, *refresh;
static char *worker_timeout;
static char *stream_above, *whole_for, *read_ahead_files, *jobs;
static char *user, **headers, *cacert, *proxy, *allow_redirect;
static char *retries, *timeout_s;

static const struct poptOption process[] = {
	{ "background", 'b', POPT_ARG_NONE, &background, 0,
	  "Return when DIR is served", NULL },
	{ "stop", 0, POPT_ARG_NONE, &stop, 0,
	  "End the server of DIR and wait for it", NULL },
	{ "status", 0, POPT_ARG_NONE, &status, 0,
	  "Show what the server of DIR does", NULL },
	{ "ready-fd", 0, POPT_ARG_STRING, &ready_fd, 0,
	  "Write a line to the descriptor when DIR is served", "N" },
	{ "log-file", 0, POPT_ARG_STRING, &log_file, 0,
	  "Append messages to FILE once DIR is served", "FILE" },
	{ "worker-timeout", 0, POPT_ARG_STRING, &worker_timeout, 0,
	  "Replace a worker that is stuck for so long (default: 60)",
	  "SECONDS" },
	POPT_TABLEEND
};

static const struct poptOption tree[] = {
	{ "store", 0, POPT_ARG_STRING, &store, 0,
	  "Where the files really are (default: DIR/.hsm)", "PATH" },
	{ "namespace", 0, POPT_ARG_STRING, &names, 0,
	  "When directories are listed (default: eager)",
	  "eager|lazy|crawl" },
	{ "max-triggers", 0, POPT_ARG_STRING, &max_triggers, 0,
	  "Directories that may wait to be listed (default: 2000)", "N" },
	{ "refresh", 0, POPT_ARG_STRING, &refresh, 0,
	  "List again every so often", "SECONDS" },
	{ "read-only", 0, POPT_ARG_NONE, &read_only, 0,
	  "Refuse local changes", NULL },
	{ "strict", 0, POPT_ARG_NONE, &strict, 0,
	  "Track changes; write down each opening for writing first", NULL },
	POPT_TABLEEND
};

static const struct poptOption content[] = {
	{ "stream-above", 0, POPT_ARG_STRING, &stream_above, 0,
	  "Stream files larger than this (default: 16M)", "SIZE|none" },
	{ "whole-for", 0, POPT_ARG_STRING, &whole_for, 0,
	  "Programs that always get the whole file", "NAME[,NAME...]" },
	{ "read-ahead-files", 0, POPT_ARG_STRING, &read_ahead_files, 0,
	  "How many files of a walked directory are fetched ahead "
	  "(default: 64)", "N" },
	{ "jobs", 'j', POPT_ARG_STRING, &jobs, 0,
	  "Connections at a time (default: 8)", "N" },
	POPT_TABLEEND
};

static const struct poptOption remote[] = {
	{ "user", 0, POPT_ARG_STRING, &user, 0, "Log in", "NAME:PASSWORD" },
	{ "netrc", 0, POPT_ARG_NONE, &netrc, 0,
	  "Log in with what ~/.netrc says", NULL },
	{ "header", 0, POPT_ARG_ARGV, &headers, 0,
	  "Send this header too (may be repeated)", "NAME: VALUE" },
	{ "cacert", 0, POPT_ARG_STRING, &cacert, 0,
	  "Trust the certificates in FILE", "FILE" },
	{ "proxy", 0, POPT_ARG_STRING, &proxy, 0, "Go through a proxy", "URL" },
	{ "insecure", 0, POPT_ARG_NONE, &insecure, 0,
	  "Do not check the server's certificate", NULL },
	{ "allow-redirect", 0, POPT_ARG_STRING, &allow_redirect, 0,
	  "Other hosts that redirects may lead to", "HOST[,HOST...]" },
	{ "retries", 0, POPT_ARG_STRING, &retries, 0,
	  "Tries after the first one that failed (default: 5)", "N" },
	{ "timeout", 0, POPT_ARG_STRING, &timeout_s, 0,
	  "Give up after so long with next to no bytes (default: 60)",
	  "SECONDS" },
	POPT_TABLEEND
};

#define GROUP(rows, title)                                                   \
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)rows, 0, title, NULL }

const struct poptOption cmd_serve_table[] = {
	GROUP(process, "The server:"),
	GROUP(tree, "The tree:"),
	GROUP(content, "Content:"),
	GROUP(remote, "The remote, as with curl:"),
	CMD_OPTIONS_COMMON
};

char *cmd_serve_absolute(const char *path)
{
	HSM_FREE char *here = NULL;
	char *whole = NULL;

	if (path[0] != '/') {
		here = getcwd(NULL, 0);
		if (!here || asprintf(&whole, "%s/%s", here, path) < 0)
			whole = NULL;
	} else {
		whole = strdup(path);
	}
	if (!whole) {
		cmd_message_fail(path, NULL, errno);
		exit(CMD_FAILED);
	}
	return whole;
}

static unsigned int count(const char *option, const char *text,
			  unsigned int least)
{
	return text ? cmd_options_count(option, text, least) : 0;
}

static int64_t read_stream_above(void)
{
	if (!stream_above)
		return -1;
	if (!strcmp(stream_above, "none"))
		return INT64_MAX;
	return (int64_t)cmd_options_size("--stream-above", stream_above);
}

static int read_descriptor(void)
{
	int fd;

	if (!ready_fd)
		return -1;
	fd = (int)cmd_options_count("--ready-fd", ready_fd, 0);
	if (fcntl(fd, F_GETFD) < 0)
		cmd_options_refuse("--ready-fd: %d: not open", fd);
	return fd;
}

/* Whoever waits for the end of a pipe must not wait for a daemon. */
static void close_inherited(int except)
{
	int first = STDERR_FILENO + 1;

	if (except >= first) {
		close_range((unsigned int)first, (unsigned int)except - 1, 0);
		first = except + 1;
	}
	close_range((unsigned int)first, ~0u, 0);
}

static int open_log(void)
{
	int fd;

	if (!log_file)
		return -1;
	fd = open(log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (fd < 0) {
		cmd_message_fail(log_file, NULL, errno);
		exit(CMD_FAILED);
	}
	return fd;
}

static enum hsm_names read_namespace(void)
{
	if (!names || !strcmp(names, "eager"))
		return HSM_NAMES_EAGER;
	if (!strcmp(names, "lazy"))
		return HSM_NAMES_LAZY;
	if (strcmp(names, "crawl"))
		cmd_options_refuse("--namespace: %s: not eager, lazy or crawl",
				   names);
	return HSM_NAMES_CRAWL;
}

static int read_max_triggers(void)
{
	unsigned int value;

	if (!max_triggers)
		return -1;
	value = cmd_options_count("--max-triggers", max_triggers, 0);
	if (value > 65536)
		cmd_options_refuse("--max-triggers: %u: more than 65536", value);
	return (int)value;
}

/* A URL here would allow nothing, without a word. */
static char *read_allow_redirect(void)
{
	if (allow_redirect && strpbrk(allow_redirect, "/@ "))
		cmd_options_refuse("--allow-redirect: %s: not HOST[,HOST...]",
				   allow_redirect);
	return allow_redirect;
}

void cmd_serve_read(struct cmd_serve *out)
{
	if (stop && status)
		cmd_options_refuse("--stop and --status exclude each other");
	*out = (struct cmd_serve){
		.stop = stop,
		.status = status,
		.background = background,
		.ready_fd = read_descriptor(),
		.serve = {
			.store = store ? cmd_serve_absolute(store) : NULL,
			.read_only = read_only,
			.strict = strict,
			.progress = cmd_progress_wanted(),
			.jobs = count("--jobs", jobs, 1),
			.stream_above = read_stream_above(),
			.whole_for = whole_for,
			.read_ahead_files = read_ahead_files ?
				(int)count("--read-ahead-files",
					   read_ahead_files, 0) : -1,
			.names = read_namespace(),
			.max_triggers = read_max_triggers(),
			.refresh_s = count("--refresh", refresh, 1),
			.worker_timeout_s =
				count("--worker-timeout", worker_timeout, 1),
			.user = user,
			.cacert = cacert ? cmd_serve_absolute(cacert) : NULL,
			.proxy = proxy,
			.headers = (const char *const *)headers,
			.allow_redirect = read_allow_redirect(),
			.netrc = netrc,
			.insecure = insecure,
			.retries = retries ?
				(int)count("--retries", retries, 0) : -1,
			.timeout_s = count("--timeout", timeout_s, 1),
		},
	};
	if (background)
		close_inherited(out->ready_fd);
	out->log_fd = open_log();
}
