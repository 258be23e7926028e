// SPDX-License-Identifier: GPL-2.0-or-later
/* hsm-prefetch: bring content here before it is needed. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "finish.h"
#include "interrupt.h"
#include "message.h"
#include "options.h"
#include "output.h"

static int recursive, tree;
static char *range, *jobs_text;

static const char summary[] =
	"Brings the content of files here before it is needed.\n";

static const struct poptOption table[] = {
	{ "recursive", 'R', POPT_ARG_NONE, &recursive, 0,
	  "Bring all files below the directories", NULL },
	{ "range", 0, POPT_ARG_STRING, &range, 0,
	  "Only LEN bytes at OFF of each file", "OFF+LEN" },
	{ "tree", 0, POPT_ARG_NONE, &tree, 0,
	  "Only names and sizes, of whole directories", NULL },
	{ "jobs", 'j', POPT_ARG_STRING, &jobs_text, 0,
	  "Transfers at a time (default: 8)", "N" },
	CMD_OPTIONS_COMMON
};

static uint64_t range_off, range_len; /* len 0: to the end */

static void print(const char *path, uint64_t bytes)
{
	char members[48];

	snprintf(members, sizeof(members), ",\"bytes\":%" PRIu64, bytes);
	cmd_output_path("", path, members);
}

static const char *reason(int error)
{
	switch (error) {
	case -ENOENT:
		return "is not here or no longer at the remote";
	case -EACCES:
		return "the remote refuses it";
	case -ESTALE:
		return "the remote has another version";
	case -EHOSTUNREACH:
		return "the remote cannot be reached";
	case -EWOULDBLOCK:
		return "another command fetches into this tree";
	case -EPROTO:
		return "the remote's answer makes no sense";
	}
	return NULL;
}

static void done(void *arg, const char *path, uint64_t bytes, int error)
{
	(void)arg;
	cmd_progress_add(bytes);
	if (error)
		cmd_message_fail(path, reason(-abs(error)), error);
	else
		print(path, bytes);
}

/* How much will be here; an estimate for a range of a file that has others. */
static uint64_t expected(const struct hsm_file_info *info)
{
	uint64_t behind = info->size > range_off ? info->size - range_off : 0;
	uint64_t len = range_len && range_len < behind ? range_len : behind;
	uint64_t sum = info->resident + len;

	if (info->resident >= info->size || info->state == HSM_LOCAL)
		return info->resident;
	return sum < info->size ? sum : info->size;
}

static int foresee(struct hsm_file *file)
{
	struct hsm_file_info info;
	int rc = hsm_file_info(file, &info);

	if (rc == 0 && expected(&info) > info.resident)
		print(hsm_file_path(file), expected(&info));
	return rc;
}

static int fetch_file(void *arg, struct hsm_file *file)
{
	const char *path = hsm_file_path(file);
	int rc;

	if (tree)
		rc = -ENOTDIR;
	else if (cmd_options.dry_run)
		rc = foresee(file);
	else
		rc = hsm_prefetch_add(arg, path, range_off, range_len);
	if (rc < 0)
		cmd_message_fail(path, NULL, rc);
	return 0;
}

static void list_tree(struct hsm_session *session, const char *path)
{
	int rc = cmd_options.dry_run ? 0 : hsm_tree_list(session, path);

	cmd_files_directory(path, reason(rc), rc);
}

static void parse_range(void)
{
	char *plus = strchr(range, '+');

	if (!plus)
		cmd_options_refuse("--range: %s: not OFF+LEN", range);
	*plus = '\0';
	range_off = cmd_options_size("--range", range);
	range_len = cmd_options_size("--range", plus + 1);
	if (!range_len)
		cmd_options_refuse("--range: the length is 0");
}

int main(int argc, const char **argv)
{
	unsigned int jobs = 8;
	struct hsm_prefetch *prefetch;
	struct hsm_log log = cmd_message_log(HSM_LOG_WARNING);
	struct cmd_files files = { .file = fetch_file };
	int rc;

	files.operands = cmd_options_parse(argc, argv, table,
					   "[OPTION...] [PATH...]", summary);
	files.recursive = recursive;
	files.complete = recursive && !cmd_options.dry_run;
	if (jobs_text)
		jobs = cmd_options_count("--jobs", jobs_text, 1);
	if (range)
		parse_range();
	if (tree && range)
		cmd_options_refuse("--tree and --range exclude each other");
	if (tree)
		files.directory = list_tree;
	else
		files.bytes = expected;
	cmd_interrupt_exit();
	rc = hsm_prefetch_new(&prefetch, jobs, done, NULL, &log);
	if (rc < 0) {
		cmd_message_fail("cannot begin", NULL, rc);
		return cmd_finish(0);
	}
	files.arg = prefetch;
	cmd_files_run(&files);
	rc = hsm_prefetch_finish(prefetch);
	if (rc < 0 && !cmd_message_status())
		cmd_message_fail("cannot end", NULL, rc);
	return cmd_finish(0);
}
