// SPDX-License-Identifier: GPL-2.0-or-later
#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hsm.h"
#include "message.h"
#include "options.h"
#include "progress.h"

static bool broken;

static void fail(int error)
{
	if (!broken)
		cmd_message_fail("standard output", NULL, error);
	broken = true;
}

void cmd_output_line(const char *line)
{
	if (cmd_options.quiet || broken)
		return;
	if (isatty(STDOUT_FILENO))
		cmd_progress_hide();
	if (fputs(line, stdout) < 0 ||
	    putchar(cmd_options.null ? '\0' : '\n') < 0 || fflush(stdout) < 0)
		fail(errno);
}

void cmd_output_path(const char *columns, const char *path,
		     const char *members)
{
	HSM_FREE char *shown = NULL, *line = NULL;
	int n;

	if (cmd_options.quiet || broken)
		return;
	if (cmd_options.json)
		shown = hsm_escape_json(path);
	else if (isatty(STDOUT_FILENO))
		shown = hsm_escape_terminal(path);
	else
		shown = strdup(path);
	if (!shown)
		return fail(ENOMEM);
	if (cmd_options.json)
		n = asprintf(&line, "{\"path\":%s%s}", shown, members);
	else
		n = asprintf(&line, "%s%s", columns, shown);
	if (n < 0) {
		line = NULL;
		return fail(ENOMEM);
	}
	cmd_output_line(line);
}

bool cmd_output_broken(void)
{
	return broken;
}

void cmd_output_close(void)
{
	if (fclose(stdout) < 0)
		fail(errno);
}
