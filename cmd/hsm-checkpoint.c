// SPDX-License-Identifier: GPL-2.0-or-later
/* hsm-checkpoint: what has changed below a directory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "changes.h"
#include "finish.h"
#include "message.h"
#include "notify.h"
#include "options.h"
#include "output.h"
#include "serve_options.h"

static int peek, deleted, changed, list, watch, strict;
static char *since, *keep, *cursor, *commit_name, *store, *id_file, *archive;

static const struct poptOption what[] = {
	{ "changed", 0, POPT_ARG_NONE, &changed, 0,
	  "Print what exists now (default)", NULL },
	{ "deleted", 0, POPT_ARG_NONE, &deleted, 0,
	  "Print what is gone; both with --changed", NULL },
	{ "peek", 0, POPT_ARG_NONE, &peek, 0,
	  "Print what changed until now and begin no new checkpoint", NULL },
	{ "since", 0, POPT_ARG_STRING, &since, 0,
	  "Print what changed since an older checkpoint; begin none", "ID" },
	{ "list", 0, POPT_ARG_NONE, &list, 0,
	  "Print IDs and times of the checkpoints that are kept", NULL },
	{ "keep", 0, POPT_ARG_STRING, &keep, 0,
	  "How many lists are kept (default: 16)", "N" },
	{ "id-file", 0, POPT_ARG_STRING, &id_file, 0,
	  "Write the ID of the checkpoint that the list ends with", "FILE" },
	{ "archive", 0, POPT_ARG_STRING, &archive, 0,
	  "Write what changed as a tar archive (.tar, .tar.zst ...)", "FILE" },
	POPT_TABLEEND
};

static const struct poptOption consumers[] = {
	{ "cursor", 0, POPT_ARG_STRING, &cursor, 0,
	  "Print what changed since the checkpoint that NAME committed",
	  "NAME" },
	{ "commit", 0, POPT_ARG_STRING, &commit_name, 0,
	  "Note that NAME has all until the checkpoint ID (an operand)",
	  "NAME" },
	POPT_TABLEEND
};

static const struct poptOption tracking[] = {
	{ "watch", 0, POPT_ARG_NONE, &watch, 0,
	  "Track a directory that is not served, until SIGTERM", NULL },
	{ "strict", 0, POPT_ARG_NONE, &strict, 0,
	  "Write down each opening for writing before it is allowed", NULL },
	{ "store", 0, POPT_ARG_STRING, &store, 0,
	  "Where its journal is (default: DIR/.hsm)", "PATH" },
	POPT_TABLEEND
};

#define GROUP(rows, title)                                                   \
	{ NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)rows, 0, title, NULL }

static const struct poptOption table[] = {
	GROUP(what, "The list:"),
	GROUP(consumers, "Consumers that may fail:"),
	GROUP(tracking, "Tracking:"),
	CMD_OPTIONS_COMMON
};

static void say_ready(void *arg)
{
	cmd_message("tracking %s", (const char *)arg);
	cmd_notify("READY=1");
}

static int track(const char *dir)
{
	struct hsm_log log = cmd_message_log(
		cmd_options.verbose ? HSM_LOG_DEBUG : HSM_LOG_INFO);
	HSM_FREE char *place = store ? cmd_serve_absolute(store) : NULL;
	struct hsm_track_options options = {
		.dir = dir, .store = place, .strict = strict, .ready = say_ready,
		.ready_arg = (void *)(uintptr_t)dir, .log = &log,
	};
	struct hsm_failure failure = { 0 };
	int rc;

	if (cmd_options.dry_run) {
		cmd_message("would track %s", dir);
		return 0;
	}
	rc = hsm_track(&options, &failure);
	cmd_notify("STOPPING=1");
	return rc < 0 ? cmd_message_failure(&failure, dir, rc) : 0;
}

static void print_id(void *arg, const char *id, const struct timespec *when)
{
	char text[64], line[160];
	struct tm tm;

	(void)arg;
	if (!gmtime_r(&when->tv_sec, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		text[0] = '\0';
	snprintf(line, sizeof(line),
		 cmd_options.json ? "{\"id\":\"%s\",\"time\":\"%s\"}" :
				    "%s\t%s", id, text);
	cmd_output_line(line);
}

static int list_ids(const char *dir)
{
	struct hsm_failure failure = { 0 };
	int rc = hsm_checkpoint_list(dir, print_id, NULL, &failure);

	return rc < 0 ? cmd_message_failure(&failure, dir, rc) : 0;
}

static int commit(const char *id, const char *dir)
{
	struct hsm_failure failure = { 0 };
	int rc;

	if (cmd_options.dry_run) {
		cmd_message("would commit %s for %s", id, commit_name);
		return 0;
	}
	rc = hsm_checkpoint_commit(dir, commit_name, id, &failure);
	return rc < 0 ? cmd_message_failure(&failure, dir, rc) : 0;
}

static void write_id(const char *id)
{
	FILE *file = fopen(id_file, "we");

	if (!file || fprintf(file, "%s\n", id) < 0 || fclose(file) < 0)
		cmd_message_fail(id_file, NULL, errno);
}

/* The whole list into an archive, or "rescan ." and none. */
static int write_archive(struct hsm_changes *changes, const char *dir,
			 const struct hsm_log *log)
{
	struct hsm_failure failure = { 0 };
	size_t len;
	int rc;

	if (cmd_options.dry_run) {
		cmd_message("would write %s", archive);
		return 0;
	}
	rc = hsm_changes_archive(changes, dir, archive, log, &failure);
	if (rc == 0)
		return 0;
	len = strlen(failure.text);
	snprintf(failure.text + len, sizeof(failure.text) - len,
		 " (the list is kept: --since %s)", hsm_changes_since(changes));
	return cmd_message_failure(&failure, archive, rc);
}

static int checkpoint(const char *dir)
{
	struct hsm_log log = cmd_message_log(
		cmd_options.verbose ? HSM_LOG_DEBUG : HSM_LOG_INFO);
	struct hsm_checkpoint_options options = {
		.since = since, .cursor = cursor,
		/* -n: nothing is begun. */
		.peek = peek || cmd_options.dry_run,
		.keep = keep ? cmd_options_count("--keep", keep, 1) : 0,
		.log = &log,
	};
	struct cmd_changes_form form = {
		.changed = changed || !deleted,
		.deleted = deleted || (cmd_options.json && !changed),
		/* No line of text, nor an archive, can say it. */
		.parts = cmd_options.json && !archive,
	};
	struct hsm_failure failure = { 0 };
	struct hsm_changes *changes;
	int rc = hsm_checkpoint(dir, &options, &changes, &failure), status = 0;

	if (rc < 0)
		status = cmd_message_failure(&failure, dir, rc);
	if (cmd_options.verbose && !status)
		cmd_message("%s: checkpoint %s", dir, hsm_changes_id(changes));
	if (archive && !status && !hsm_changes_rescan_all(changes))
		status = write_archive(changes, dir, &log);
	else if (changes && (!status || hsm_changes_rescan(changes)))
		cmd_changes_print(changes, &form, dir);
	if (id_file && !status)
		write_id(hsm_changes_id(changes));
	hsm_changes_free(changes);
	return status;
}

static void check_options(void)
{
	if (since && cursor)
		cmd_options_refuse("--since and --cursor exclude each other");
	if (watch + list + !!commit_name > 1)
		cmd_options_refuse("--watch, --list and --commit exclude each "
				   "other");
	if (archive && (watch + list + !!commit_name || changed || deleted))
		cmd_options_refuse("--archive has all of a list");
	if (archive && !hsm_archive_known(archive))
		cmd_options_refuse("--archive %s: its name must end with .tar, "
				   ".tar.gz, .tar.bz2, .tar.xz, .tar.zst or "
				   ".tar.lz4", archive);
	if ((store || strict) && !watch)
		cmd_options_refuse("%s belongs to --watch",
				   store ? "--store" : "--strict");
	if (keep)
		cmd_options_count("--keep", keep, 1);
}

int main(int argc, const char **argv)
{
	const char *const *operands =
		cmd_options_parse(argc, argv, table,
				  "[OPTION...] DIR\n"
				  "  or:  hsm-checkpoint --watch DIR\n"
				  "  or:  hsm-checkpoint --list DIR\n"
				  "  or:  hsm-checkpoint --commit NAME ID DIR",
				  "Prints what has changed below DIR since the "
				  "checkpoint before, and begins a\nnew one.");
	int operand_count = 0;

	check_options();
	while (operands[operand_count])
		operand_count++;
	if (operand_count != (commit_name ? 2 : 1))
		cmd_options_usage();
	if (watch)
		return cmd_finish(track(operands[0]));
	if (list)
		return cmd_finish(list_ids(operands[0]));
	if (commit_name)
		return cmd_finish(commit(operands[0], operands[1]));
	return cmd_finish(checkpoint(operands[0]));
}
