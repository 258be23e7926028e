// SPDX-License-Identifier: GPL-2.0-or-later
/* hsm-serve: make a directory look like a remote tree. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "background.h"
#include "base/cleanup.h"
#include "finish.h"
#include "message.h"
#include "notify.h"
#include "options.h"
#include "paths.h"
#include "secret.h"
#include "serve_options.h"
#include "status.h"

struct server {
	const char *url, *dir; /* for people: no password */
	int ready_fd, log_fd;
	int parent_fd; /* who waits for a server in the background, or -1 */
};

static void write_ready(int fd)
{
	if (dprintf(fd, "READY\n") < 0)
		cmd_message("--ready-fd: %m");
	if (fd > STDERR_FILENO)
		cmd_background_close(fd);
}

static void say_ready(const struct server *server)
{
	cmd_message("serving %s on %s", server->url, server->dir);
}

static void ready(void *arg)
{
	struct server *server = arg;

	say_ready(server);
	if (server->ready_fd >= 0)
		write_ready(server->ready_fd);
	cmd_notify("READY=1");
	if (server->parent_fd >= 0)
		cmd_background_ready(server->parent_fd, server->log_fd);
	else if (server->log_fd >= 0)
		dup2(server->log_fd, STDERR_FILENO);
	if (server->log_fd >= 0) {
		cmd_message_stamp();
		say_ready(server);
	}
}

/* Returns the exit status.  SIGTERM is how a server ends: that is 0. */
static int serve(struct cmd_serve *options, struct server *server)
{
	struct hsm_log log = cmd_message_log(
		cmd_options.verbose ? HSM_LOG_DEBUG : HSM_LOG_INFO);
	struct hsm_failure failure = { 0 };
	int rc = 0;

	if (cmd_options.dry_run) {
		cmd_message("would serve %s on %s", server->url, server->dir);
		return 0;
	}
	if (options->background) {
		server->parent_fd = cmd_background_fork();
		if (server->parent_fd < 0) {
			cmd_message_fail("cannot fork", NULL,
					 server->parent_fd);
			return CMD_FAILED;
		}
	}
	options->serve.ready = ready;
	options->serve.ready_arg = server;
	options->serve.log = &log;
	rc = hsm_serve(&options->serve, &failure);
	cmd_notify("STOPPING=1");
	return rc < 0 ? cmd_message_failure(&failure, server->dir, rc) : 0;
}

static int serve_operands(struct cmd_serve *options, const char **argv,
			  const char *const *operands)
{
	static const char *const secrets[] = { "--user", "--header", "--proxy",
					       NULL };
	HSM_FREE char *url = NULL, *shown = NULL, *dir = NULL;
	struct server server = {
		.ready_fd = options->ready_fd,
		.log_fd = options->log_fd,
		.parent_fd = -1,
	};

	if (!operands[0] || !operands[1] || operands[2])
		cmd_options_usage();
	url = strdup(operands[0]);
	shown = strdup(operands[0]);
	if (!url || !shown) {
		cmd_message_fail(operands[1], NULL, ENOMEM);
		return CMD_FAILED;
	}
	dir = cmd_serve_absolute(operands[1]);
	cmd_secret_blank(argv, secrets);
	cmd_secret_strip(shown);
	options->serve.url = url;
	options->serve.dir = dir;
	server.url = shown;
	server.dir = dir;
	return serve(options, &server);
}

static int stop_server(const char *dir)
{
	struct hsm_failure failure = { 0 };
	int rc;

	if (cmd_options.dry_run) {
		cmd_message("would stop the server of %s", dir);
		return 0;
	}
	rc = hsm_serve_stop(dir, &failure);
	return rc < 0 ? cmd_message_failure(&failure, dir, rc) : 0;
}

static int show_status(const char *dir)
{
	struct hsm_serve_status *status = calloc(1, sizeof(*status));
	struct hsm_failure failure = { 0 };
	int rc = status ? hsm_serve_status(dir, status, &failure) : -ENOMEM;

	if (rc == 0) {
		cmd_status_print(dir, status);
		if (status->stale_mount)
			cmd_message_fail(dir,
					 "is mounted without a server "
					 "(hsm-serve --stop ends that)", 0);
	}
	free(status);
	return rc < 0 ? cmd_message_failure(&failure, dir, rc) : 0;
}

/* The first exit status that is not 0. */
static int each_directory(const char *const *operands,
			  int (*fn)(const char *dir))
{
	struct cmd_paths paths;
	const char *path;
	int first = 0, status;

	cmd_paths_begin(&paths, operands);
	while ((path = cmd_paths_next(&paths))) {
		status = fn(path);
		if (!first)
			first = status;
	}
	cmd_paths_end(&paths);
	return first;
}

int main(int argc, const char **argv)
{
	/* Static: what it points to is used until the end. */
	static struct cmd_serve options;
	const char *const *operands =
		cmd_options_parse(argc, argv, cmd_serve_table,
				  "[OPTION...] URL DIR\n"
				  "  or:  hsm-serve --stop DIR...\n"
				  "  or:  hsm-serve --status DIR...",
				  "Makes DIR look like the tree at URL.");

	cmd_serve_read(&options);
	if (options.stop)
		return cmd_finish(each_directory(operands, stop_server));
	if (options.status)
		return cmd_finish(each_directory(operands, show_status));
	return cmd_finish(serve_operands(&options, argv, operands));
}
