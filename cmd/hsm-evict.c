// SPDX-License-Identifier: GPL-2.0-or-later
/* hsm-evict: give back the space of files that can be fetched again. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "files.h"
#include "finish.h"
#include "interrupt.h"
#include "message.h"
#include "options.h"
#include "output.h"
#include "space.h"

static int recursive;
static char *min_size_text, *until_free;

static const char summary[] =
	"Gives back the space of files that can be fetched again.\n";

static const struct poptOption table[] = {
	{ "recursive", 'R', POPT_ARG_NONE, &recursive, 0,
	  "Evict all files below the directories", NULL },
	{ "min-size", 0, POPT_ARG_STRING, &min_size_text, 0,
	  "Only files of at least SIZE", "SIZE" },
	{ "until-free", 0, POPT_ARG_STRING, &until_free, 0,
	  "Stop when the file system has so much free", "SIZE|PERCENT%" },
	CMD_OPTIONS_COMMON
};

struct evict {
	uint64_t min_size;
	struct cmd_space goal;
	bool reached; /* `goal`, when it was last looked at */
	uint64_t files, freed;
};

/* Words for the errors that are a code between the library and its caller. */
static void fail(const char *path, int error)
{
	switch (error) {
	case -EBUSY:
	case -EPERM:
		return cmd_message_fail(path, hsm_evict_reason(error), error);
	case -ENOTEMPTY:
	case -ENODATA:
		return cmd_message_fail(path, hsm_evict_reason(error), 0);
	}
	cmd_message_fail(path, NULL, error);
}

/* Is there enough space, with what a dry run would have freed? */
static bool enough(struct evict *evict, const char *path)
{
	uint64_t more = cmd_options.dry_run ? evict->freed : 0;
	int rc = cmd_space_reached(&evict->goal, path, more);

	if (rc < 0)
		cmd_message_fail(path, "cannot tell the free space", rc);
	evict->reached = rc != 0;
	return evict->reached;
}

static int evict_file(void *arg, struct hsm_file *file)
{
	struct evict *evict = arg;
	const char *path = hsm_file_path(file);
	struct hsm_file_info info;
	char members[48];
	uint64_t freed = 0;
	int rc;

	if (until_free && enough(evict, path))
		return -ECANCELED;
	rc = hsm_file_info(file, &info);
	if (rc == 0 && info.size < evict->min_size)
		return 0;
	if (rc == 0)
		rc = hsm_file_evict(file, cmd_options.dry_run, &freed);
	if (rc == 0 && cmd_options.dry_run)
		freed = info.resident;
	cmd_progress_add(freed);
	if (rc < 0) {
		fail(path, rc);
	} else if (freed) {
		evict->files++;
		evict->freed += freed;
		snprintf(members, sizeof(members), ",\"freed\":%" PRIu64,
			 freed);
		cmd_output_path("", path, members);
	}
	return until_free && enough(evict, path) ? -ECANCELED : 0;
}

static uint64_t resident(const struct hsm_file_info *info)
{
	return info->resident;
}

static void summarize(const struct evict *evict)
{
	char size[CMD_SIZE_TEXT];

	if (cmd_options.verbose)
		cmd_message("%" PRIu64 " files, %s %s", evict->files,
			    cmd_progress_size(size, evict->freed),
			    cmd_options.dry_run ? "would be freed" : "freed");
	if (!evict->reached && !cmd_interrupt_signal())
		cmd_message_fail("--until-free", "not reached", 0);
}

int main(int argc, const char **argv)
{
	struct evict evict = { .reached = true };
	struct cmd_files files = {
		.file = evict_file,
		.arg = &evict,
		.bytes = resident,
	};

	files.operands = cmd_options_parse(argc, argv, table,
					   "[OPTION...] [PATH...]", summary);
	files.recursive = recursive;
	if (min_size_text)
		evict.min_size = cmd_options_size("--min-size", min_size_text);
	if (until_free)
		cmd_space_parse(&evict.goal, "--until-free", until_free);
	cmd_interrupt_catch();
	cmd_files_run(&files);
	summarize(&evict);
	return cmd_finish(0);
}
