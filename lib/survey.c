// SPDX-License-Identifier: GPL-2.0-or-later
/* The remote, asked by a child: the guard never has a network library's threads. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "failure.h"
#include "names/crawl.h"
#include "names/crew.h"
#include "names/deep.h"
#include "survey.h"

/* Of a listing that failed: did the remote, or what it is written to? */
static enum hsm_failure_kind blame(int error)
{
	return error == -ENOSPC || error == -EDQUOT || error == -ENOMEM ||
	       error == -EROFS ? HSM_FAILURE_OTHER : HSM_FAILURE_REMOTE;
}

static int ignore_entry(void *arg, const struct hsm_entry *entry)
{
	(void)arg, (void)entry;
	return 0;
}

/* Is there a listing at all?  Asked before anything is made here. */
static int probe(struct hsm_remote *remote, struct hsm_survey *survey)
{
	struct hsm_conn *conn;
	int ret = hsm_conn_open(&conn, remote);

	if (ret < 0)
		return ret;
	ret = hsm_conn_list(conn, "", ignore_entry, NULL);
	if (ret < 0)
		hsm_failure_set_as(&survey->failure, HSM_FAILURE_REMOTE, ret,
				   "%s", hsm_conn_error(conn));
	hsm_conn_close(conn);
	return ret;
}

static int list_all(struct hsm_service *service, struct hsm_remote *remote,
		    struct hsm_survey *survey)
{
	const struct hsm_serve_options *options = service->options;
	struct hsm_crawl run = {
		.log = options->log, .remote = remote,
		.store_fd = service->store.fd, .tree = service->store.tree,
		.store_id = service->store.id, .jobs = options->jobs,
		.progress = options->progress, .from = "",
	};
	int ret = hsm_crawl_run(&run);

	survey->skipped = run.skipped;
	survey->complete = !ret;
	if (ret < 0)
		hsm_failure_set_as(&survey->failure, blame(ret), ret, "%s",
				   *run.error ? run.error : strerror(-ret));
	return ret;
}

/* How many directories the root has: each of them wants a trigger. */
static int count_children(int tree)
{
	HSM_CLOSEDIR DIR *dir = hsm_fd_list(tree, ".");
	struct dirent *entry;
	int count = 0;

	while (dir && (entry = readdir(dir)))
		count += entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
	/* Without itself and its parent. */
	return count > 2 ? count - 2 : 0;
}

static int list_root(struct hsm_service *service, struct hsm_remote *remote,
		     struct hsm_survey *survey)
{
	const struct hsm_serve_options *options = service->options;
	struct hsm_deep deep = {
		.log = options->log, .remote = remote,
		.store_fd = service->store.fd, .root = service->store.tree,
		.store_id = service->store.id, .jobs = options->jobs,
		.crew = hsm_crew_new(),
	};
	int ret = deep.crew ? hsm_deep_mark(deep.root) : -ENOMEM;

	if (!ret)
		ret = hsm_deep_list(&deep, deep.root, survey->failure.text,
				    sizeof(survey->failure.text));
	survey->skipped = deep.skipped;
	survey->failure.kind = blame(ret);
	return ret;
}

static int list(struct hsm_service *service, struct hsm_remote *remote,
		struct hsm_survey *survey)
{
	int max = service->options->max_triggers;
	int ret = service->lazy && max ? list_root(service, remote, survey) : 0;

	if (ret < 0 || (service->lazy && max &&
			count_children(service->store.tree) <= max))
		return ret;
	return list_all(service, remote, survey);
}

static int ask(struct hsm_service *service, enum hsm_survey_depth depth,
	       struct hsm_survey *survey)
{
	struct hsm_failure *failure = &survey->failure;
	struct hsm_remote *remote;
	int ret = hsm_service_remote(service, &remote, failure->text,
				     sizeof(failure->text));

	if (ret < 0) {
		failure->kind = HSM_FAILURE_USAGE;
		return ret;
	}
	snprintf(survey->url, sizeof(survey->url), "%s",
		 hsm_remote_url(remote));
	switch (depth) {
	case HSM_SURVEY_PROBE:
		return probe(remote, survey);
	case HSM_SURVEY_LIST:
		return list(service, remote, survey);
	default:
		return 0;
	}
}

/* Wait for the child `pid`; its result. */
static int finish(pid_t pid, struct hsm_survey *survey)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFSIGNALED(status))
		return hsm_failure_set(&survey->failure, -EINTR,
				       "interrupted while listing (signal %d)",
				       WTERMSIG(status));
	return survey->ret;
}

int hsm_survey_run(struct hsm_service *service, enum hsm_survey_depth depth,
		   struct hsm_survey *survey, struct hsm_failure *failure)
{
	pid_t parent = getpid(), pid = fork();
	int ret;

	survey->failure = (struct hsm_failure){ .kind = HSM_FAILURE_NONE };
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		survey->ret = ask(service, depth, survey);
		_exit(0);
	}
	ret = pid < 0 ? -errno : finish(pid, survey);
	if (ret < 0)
		*failure = survey->failure;
	if (ret < 0 && !failure->kind)
		failure->kind = HSM_FAILURE_OTHER;
	if (ret < 0 && !*failure->text)
		hsm_failure_set_as(failure, failure->kind, ret, "%s",
				   strerror(-ret));
	return ret;
}
