// SPDX-License-Identifier: GPL-2.0-or-later
/* What the server does for the other commands: a thread for each of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "engine/changes.h"
#include "engine/engine.h"
#include "engine/request.h"
#include "local/beneath.h"
#include "names/deep.h"
#include "names/refresh.h"
#include "server/control.h"
#include "server/journal.h"

struct client {
	const struct hsm_control_server *server;
	int fd;
};

static void fill_status(const struct hsm_shared *shared,
			struct hsm_control_status *status)
{
	status->started = shared->started;
	status->fills = shared->count.fills;
	status->bytes_fetched = shared->count.bytes_fetched;
	status->requests = shared->count.requests;
	status->errors = shared->count.errors;
	status->waiting = shared->count.waiting;
	status->skipped = shared->count.skipped;
	status->restarts = shared->count.restarts;
	status->triggers = (uint64_t)shared->triggers;
	status->triggers_elsewhere = (uint64_t)shared->elsewhere;
	status->guard = shared->guard;
	status->worker = shared->worker;
}

static int rearm(struct hsm_engine *engine, const struct hsm_handle *handle)
{
	HSM_CLOSE int fd = hsm_handle_open(engine->watch.root, handle,
					   O_RDONLY | O_NONBLOCK | O_NOATIME);

	if (fd < 0)
		return fd;
	hsm_watch_rearm(&engine->watch, fd);
	hsm_watch_changes_rearm(&engine->watch, fd);
	hsm_engine_forget(engine, handle);
	return 0;
}

/*
 * In a lazy tree, list what has not been listed at and below `path`.  1: there
 * is nothing of that kind.
 */
static int list_missing(struct hsm_engine *engine, const char *path)
{
	HSM_CLOSE int fd = -1;
	unsigned int flags;
	struct hsm_deep deep = { 0 };
	int ret;

	if (!engine->deep)
		return 1;
	fd = hsm_beneath_open(engine->watch.root, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0 || hsm_mark_read(fd, NULL, &flags) < 0 ||
	    !(flags & (HSM_FLAG_UNLISTED | HSM_FLAG_BELOW)))
		return 1;
	hsm_deep_like(&deep, engine->deep);
	ret = hsm_deep_run(&deep, &fd, 1);
	if (engine->deep->listed)
		engine->deep->listed(engine->deep->trigger_arg);
	atomic_fetch_add(&engine->shared->count.skipped, deep.skipped);
	return ret;
}

static int list(const struct hsm_control_server *server, const char *path,
		uint64_t what)
{
	struct hsm_engine *engine = server->engine;
	int ret = 0;

	if (what & HSM_CONTROL_AGAIN)
		ret = hsm_refresh_run(engine, server->store_fd, path);
	if (!ret && what & HSM_CONTROL_MISSING)
		ret = list_missing(engine, path);
	return ret < 0 ? ret : 0;
}

static void answer(const struct hsm_control_server *server,
		   const struct hsm_control_request *request,
		   struct hsm_control_reply *reply, int *fd_to_send)
{
	struct hsm_engine *engine = server->engine;
	bool changed = false;

	switch (request->op) {
	case HSM_CONTROL_HELLO:
		reply->store = engine->store_id;
		*fd_to_send = engine->watch.root;
		break;
	case HSM_CONTROL_HYDRATE:
		reply->error = hsm_request_hydrate(engine, &request->handle,
						   request->off, request->len);
		break;
	case HSM_CONTROL_EVICTING:
		reply->changed = hsm_changes_drain(engine, &request->handle);
		hsm_engine_forget(engine, &request->handle);
		break;
	case HSM_CONTROL_REARM:
		reply->error = rearm(engine, &request->handle);
		break;
	case HSM_CONTROL_REFRESH:
		reply->error = hsm_request_refresh(engine, &request->handle,
						   &changed);
		reply->changed = changed;
		break;
	case HSM_CONTROL_LIST:
		reply->error = list(server, request->path, request->off);
		break;
	case HSM_CONTROL_STATUS:
		snprintf(reply->url, sizeof(reply->url), "%s",
			 hsm_remote_url(engine->remote));
		fill_status(engine->shared, &reply->status);
		break;
	case HSM_CONTROL_JOURNAL:
	case HSM_CONTROL_CHECKPOINT:
	case HSM_CONTROL_PEEK:
		hsm_engine_journal_answer(server->journal, request, reply,
					  fd_to_send);
		break;
	default:
		reply->error = -EOPNOTSUPP;
	}
}

static void *serve_client(void *arg)
{
	struct client client = *(struct client *)arg;
	struct hsm_engine_journal *journal = client.server->journal;
	struct hsm_control_request request;
	pid_t pid = 0;
	ssize_t len;

	free(arg);
	/* Whom we do not know we do not let do our work. */
	if (hsm_engine_journal_join(journal, client.fd, &pid) < 0) {
		close(client.fd);
		return NULL;
	}
	while (hsm_control_allowed(client.fd) &&
	       (len = recv(client.fd, &request, sizeof(request),
			   MSG_TRUNC)) > 0) {
		struct hsm_control_reply reply = { 0 };
		int fd_to_send = -1;

		if (hsm_control_valid(&request, len))
			answer(client.server, &request, &reply, &fd_to_send);
		else
			reply.error = -EPROTO;
		len = hsm_control_reply(client.fd, &reply, fd_to_send);
		if (fd_to_send >= 0 && request.op != HSM_CONTROL_HELLO)
			close(fd_to_send);
		if (len < 0)
			break;
	}
	close(client.fd);
	hsm_engine_journal_leave(journal, pid);
	return NULL;
}

static void start_client(const struct hsm_control_server *server, int fd)
{
	struct client *client = malloc(sizeof(*client));
	pthread_attr_t attributes;
	pthread_t thread;
	int ret = -1;

	if (client) {
		*client = (struct client){ server, fd };
		pthread_attr_init(&attributes);
		pthread_attr_setdetachstate(&attributes,
					    PTHREAD_CREATE_DETACHED);
		pthread_attr_setstacksize(&attributes, 512 << 10);
		ret = pthread_create(&thread, &attributes, serve_client, client);
		pthread_attr_destroy(&attributes);
	}
	if (ret) {
		free(client);
		close(fd);
	}
}

void *hsm_control_serve(void *arg)
{
	const struct hsm_control_server *server = arg;

	for (;;) {
		int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			start_client(server, fd);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
			usleep(100000);
		else if (errno != EINTR && errno != ECONNABORTED)
			return NULL;
	}
}
