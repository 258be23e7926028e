// SPDX-License-Identifier: GPL-2.0-or-later
#include "files.h"

#include <errno.h>

#include "interrupt.h"
#include "message.h"
#include "options.h"
#include "output.h"
#include "paths.h"

struct run {
	const struct cmd_files *files;
	struct hsm_session *session;
	struct cmd_progress_total total;
};

static void fail(const char *path, int error)
{
	switch (error) {
	case -EISDIR:
		return cmd_message_fail(path, "is a directory (use -R)", 0);
	case -EXDEV:
		return cmd_message_fail(path, "is in no hsm tree", 0);
	case -EINVAL:
		return cmd_message_fail(path, "is no regular file", 0);
	}
	cmd_message_fail(path, NULL, error);
}

static void walk_failed(void *arg, const char *path, int error)
{
	(void)arg;
	fail(path, error);
}

static int visit_file(void *arg, struct hsm_file *file)
{
	struct run *run = arg;

	if (cmd_interrupt_signal())
		return -ECANCELED;
	return run->files->file(run->files->arg, file);
}

static int visit_directory(struct run *run, const char *path)
{
	const struct cmd_files *files = run->files;
	int rc;

	if (files->directory) {
		files->directory(run->session, path);
		return 0;
	}
	if (!files->recursive)
		return -EISDIR;
	rc = hsm_walk(run->session, path, visit_file, walk_failed, run);
	return rc == -ECANCELED ? 0 : rc;
}

static void visit(struct run *run, const char *path)
{
	struct hsm_file *file;
	int rc = hsm_file_open(run->session, path, &file);

	if (rc == 0) {
		visit_file(run, file);
		hsm_file_close(file);
	} else if (rc == -EISDIR) {
		rc = visit_directory(run, path);
	}
	if (rc < 0)
		fail(path, rc);
}

static int count_file(void *arg, struct hsm_file *file)
{
	struct run *run = arg;
	struct hsm_file_info info;

	if (cmd_interrupt_signal())
		return -ECANCELED;
	if (hsm_file_info(file, &info) == 0) {
		run->total.files++;
		run->total.bytes += run->files->bytes(&info);
	}
	return 0;
}

/* Failures are left to the run itself. */
static void count(struct run *run)
{
	struct cmd_paths paths;
	const char *path;

	if (!run->files->bytes || !cmd_progress_wanted())
		return;
	cmd_paths_begin(&paths, run->files->operands);
	if (!cmd_paths_use_stdin(&paths))
		while ((path = cmd_paths_next(&paths)))
			hsm_walk(run->session, path, count_file, NULL, run);
	cmd_paths_end(&paths);
}

/*
 * See to it that the names of all files below the operands are here.  In a
 * session of its own: it may take a lock that the work needs, too.
 */
static void complete(const struct cmd_files *files, const struct hsm_log *log)
{
	struct hsm_session *session;
	struct cmd_paths paths;
	const char *path;

	if (!files->complete || hsm_session_new(&session, log) < 0)
		return;
	cmd_paths_begin(&paths, files->operands);
	if (!cmd_paths_use_stdin(&paths))
		while ((path = cmd_paths_next(&paths))) {
			int rc = hsm_tree_complete(session, path);

			/* What is no directory of a tree is reported later. */
			if (rc < 0 && rc != -ENOTDIR && rc != -ENOENT &&
			    rc != -EXDEV && rc != -ENODATA)
				fail(path, rc);
		}
	cmd_paths_end(&paths);
	hsm_session_free(session);
}

void cmd_files_run(const struct cmd_files *files)
{
	struct hsm_log log = cmd_message_log(cmd_options.verbose ?
						     HSM_LOG_DEBUG :
						     HSM_LOG_WARNING);
	struct run run = { .files = files };
	struct cmd_paths paths;
	const char *path;
	int rc;

	complete(files, &log);
	cmd_paths_begin(&paths, files->operands);
	rc = hsm_session_new(&run.session, &log);
	if (rc < 0)
		return cmd_message_fail("cannot begin", NULL, rc);
	count(&run);
	cmd_progress_begin(run.total);
	while ((path = cmd_paths_next(&paths)))
		visit(&run, path);
	cmd_paths_end(&paths);
	hsm_session_free(run.session);
}

void cmd_files_directory(const char *path, const char *why, int rc)
{
	if (rc < 0)
		cmd_message_fail(path, why, rc);
	else
		cmd_output_path("", path, "");
}
