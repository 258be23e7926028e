// SPDX-License-Identifier: GPL-2.0-or-later
/* What `hsm-serve --status` tells. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tree.h"

#include "base/cleanup.h"

static int count(void *arg, struct hsm_file *file)
{
	struct hsm_serve_status *status = arg;
	struct hsm_file_info info;

	if (hsm_file_info(file, &info) < 0)
		return 0;
	switch (info.state) {
	case HSM_OFFLINE:
		status->offline++;
		break;
	case HSM_PARTIAL:
		status->partial++;
		break;
	case HSM_ONLINE:
		status->online++;
		break;
	case HSM_DIRTY:
		status->dirty++;
		break;
	case HSM_LOCAL:
		status->local++;
		break;
	case HSM_LOST:
		status->lost++;
		break;
	}
	status->pinned += info.pinned;
	status->stale += info.stale;
	status->bytes_resident += info.resident;
	status->bytes_total += info.size;
	return 0;
}

static int ask_server(struct hsm_tree *tree, struct hsm_serve_status *status)
{
	struct hsm_control_request request = { 0 };
	struct hsm_control_reply reply;
	int ret = hsm_tree_call(tree, HSM_CONTROL_STATUS, -1, &request, &reply,
				10000);

	if (ret == -ENOTCONN) {
		snprintf(status->url, sizeof(status->url), "%s",
			 tree->store.url);
		return 0;
	}
	if (ret < 0)
		return ret;
	status->running = true;
	snprintf(status->url, sizeof(status->url), "%s", reply.url);
	status->uptime_s = (uint64_t)time(NULL) - reply.status.started;
	status->fills = reply.status.fills;
	status->bytes_fetched = reply.status.bytes_fetched;
	status->requests = reply.status.requests;
	status->errors = reply.status.errors;
	status->waiting = reply.status.waiting;
	status->skipped = reply.status.skipped;
	status->triggers = reply.status.triggers;
	status->triggers_elsewhere = reply.status.triggers_elsewhere;
	status->worker_restarts = reply.status.restarts;
	status->guard_pid = reply.status.guard;
	status->worker_pid = reply.status.worker;
	return 0;
}

int hsm_serve_status(const char *dir, struct hsm_serve_status *out,
		     struct hsm_failure *failure)
{
	struct hsm_session *session;
	struct hsm_tree *tree;
	HSM_CLOSE int fd = -1;
	int ret = hsm_session_new(&session, NULL);

	memset(out, 0, sizeof(*out));
	failure->kind = HSM_FAILURE_NONE;
	if (!ret)
		ret = hsm_tree_find(session, dir, &tree, &fd);
	if (ret == -ENOTCONN) {
		/* Mounted, and nobody there. */
		out->stale_mount = true;
		ret = 0;
	} else if (!ret) {
		ret = ask_server(tree, out);
		if (!ret)
			ret = hsm_walk(session, dir, count, NULL, out);
	}
	hsm_session_free(session);
	if (ret < 0) {
		failure->kind = HSM_FAILURE_OTHER;
		snprintf(failure->text, sizeof(failure->text), "%s: %s", dir,
			 ret == -EXDEV ? "is not served" : strerror(-ret));
	}
	return ret;
}
