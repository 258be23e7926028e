// SPDX-License-Identifier: GPL-2.0-or-later
/* hsm-mark: show and set what is known about files. */
#include <errno.h>
#include <string.h>

#include "files.h"
#include "finish.h"
#include "info.h"
#include "interrupt.h"
#include "message.h"
#include "options.h"
#include "output.h"

static int recursive, pin, unpin, clean, refresh;
static char *states, *hydrate, *copy_from;

static const char summary[] =
	"Shows and sets what is known about the files of a served tree.\n";

static const struct poptOption table[] = {
	{ "recursive", 'R', POPT_ARG_NONE, &recursive, 0,
	  "Work on all files below the directories", NULL },
	{ "state", 0, POPT_ARG_STRING, &states, 0,
	  "Only files in these states", "STATE[,STATE...]" },
	{ "pin", 0, POPT_ARG_NONE, &pin, 0, "Never evict", NULL },
	{ "unpin", 0, POPT_ARG_NONE, &unpin, 0, "Allow to evict again", NULL },
	{ "hydrate", 0, POPT_ARG_STRING, &hydrate, 0,
	  "How content comes when it is read", "full|stream|default" },
	{ "clean", 0, POPT_ARG_NONE, &clean, 0,
	  "Declare a dirty file equal to the remote again", NULL },
	{ "refresh", 0, POPT_ARG_NONE, &refresh, 0,
	  "Ask the remote for a newer version", NULL },
	{ "copy-from", 0, POPT_ARG_STRING, &copy_from, 0,
	  "Give the same marks as FILE", "FILE" },
	CMD_OPTIONS_COMMON
};

/* What --state, --hydrate and --copy-from mean. */
static unsigned int wanted = ~0u; /* bits of enum hsm_state */
static enum hsm_hydrate_policy policy;
static struct hsm_file *source;

static bool has_action(void)
{
	return pin || unpin || hydrate || clean || refresh || copy_from;
}

static const char *reason(int error)
{
	if (clean && error == -EINVAL)
		return "has another size than the remote";
	if (clean && error == -ENODATA)
		return "exists only here";
	if (clean && error == -EBUSY)
		return "is open for writing";
	if (copy_from && error == -EINVAL)
		return "has another size than the file with the marks";
	return NULL;
}

/* `*changed`: whether there is something to print. */
static int act(struct hsm_file *file, bool *changed)
{
	*changed = true;
	if (cmd_options.dry_run)
		return 0;
	if (pin || unpin)
		return hsm_file_pin(file, pin);
	if (hydrate)
		return hsm_file_set_hydrate(file, policy);
	if (clean)
		return hsm_file_clean(file);
	if (refresh)
		return hsm_file_refresh(file, changed);
	if (copy_from)
		return hsm_file_copy_marks(file, source);
	return 0;
}

static int mark_file(void *arg, struct hsm_file *file)
{
	const char *path = hsm_file_path(file);
	struct hsm_file_info info;
	bool changed = false;
	int rc = hsm_file_info(file, &info);

	(void)arg;
	if (rc == 0 && !(wanted & 1u << info.state))
		return 0;
	if (rc == 0)
		rc = act(file, &changed);
	if (rc == 0 && changed && has_action() && cmd_options.json)
		rc = hsm_file_info(file, &info);
	if (rc < 0)
		cmd_message_fail(path, reason(rc), reason(rc) ? 0 : rc);
	else if (changed)
		cmd_info_print(path, &info, !has_action());
	cmd_progress_add(0);
	/* A list that nobody gets is not worth the walk; an action is. */
	return cmd_output_broken() && !has_action() ? -ECANCELED : 0;
}

static void hydrate_directory(struct hsm_session *session, const char *path)
{
	int rc = cmd_options.dry_run ? 0 :
		 hsm_directory_set_hydrate(session, path, policy);

	cmd_files_directory(path, NULL, rc);
}

static void list_again(struct hsm_session *session, const char *path)
{
	int rc = cmd_options.dry_run ? 0 : hsm_tree_refresh(session, path);

	cmd_files_directory(path, reason(rc), rc);
}

static void parse_states(void)
{
	char *rest = states, *name;
	enum hsm_state state;

	wanted = 0;
	while ((name = strsep(&rest, ","))) {
		if (hsm_state_parse(name, &state) < 0)
			cmd_options_refuse("--state: %s: not a state", name);
		wanted |= 1u << state;
	}
}

static void parse_policy(void)
{
	if (!strcmp(hydrate, "full"))
		policy = HSM_HYDRATE_FULL;
	else if (!strcmp(hydrate, "stream"))
		policy = HSM_HYDRATE_STREAM;
	else if (!strcmp(hydrate, "default"))
		policy = HSM_HYDRATE_DEFAULT;
	else
		cmd_options_refuse("--hydrate: %s: full, stream or default",
				   hydrate);
}

/* With --copy-from: run while the file with the marks is open. */
static void run_with_source(const struct cmd_files *files)
{
	struct hsm_session *session;
	int rc = hsm_session_new(&session, NULL);

	if (rc == 0) {
		rc = hsm_file_open(session, copy_from, &source);
		if (rc == 0) {
			cmd_files_run(files);
			hsm_file_close(source);
		}
		hsm_session_free(session);
	}
	if (rc < 0)
		cmd_message_fail(copy_from, NULL, rc);
}

int main(int argc, const char **argv)
{
	struct cmd_files files = { .file = mark_file };

	files.operands = cmd_options_parse(argc, argv, table,
					   "[OPTION...] [PATH...]", summary);
	files.recursive = recursive;
	if (pin + unpin + !!hydrate + clean + refresh + !!copy_from > 1)
		cmd_options_refuse("only one action at a time");
	if (states)
		parse_states();
	if (hydrate) {
		parse_policy();
		files.directory = hydrate_directory;
	}
	if (refresh && !recursive)
		files.directory = list_again;
	cmd_interrupt_catch();
	if (copy_from)
		run_with_source(&files);
	else
		cmd_files_run(&files);
	return cmd_finish(0);
}
