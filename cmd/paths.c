// SPDX-License-Identifier: GPL-2.0-or-later
#include "paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interrupt.h"
#include "message.h"
#include "options.h"

static bool is_stdin(const char *operand)
{
	return strcmp(operand, "-") == 0;
}

void cmd_paths_begin(struct cmd_paths *paths, const char *const *operands)
{
	static const char *const only_stdin[] = { "-", NULL };

	if (!operands[0] && isatty(STDIN_FILENO))
		cmd_options_usage();
	*paths = (struct cmd_paths){
		.operands = operands[0] ? operands : only_stdin,
	};
}

/* The next non-empty line of standard input; NULL at its end or an error. */
static const char *read_path(struct cmd_paths *paths)
{
	int end = cmd_options.null ? '\0' : '\n';
	ssize_t n;

	errno = 0;
	while ((n = getdelim(&paths->line, &paths->capacity, end, stdin)) > 0) {
		if (paths->line[n - 1] == end)
			paths->line[--n] = '\0';
		/* Cut at the NUL, it would be the name of another file. */
		if (strlen(paths->line) != (size_t)n) {
			cmd_message_fail("standard input",
					 "a line has a NUL byte (use -0)", 0);
			return NULL;
		}
		if (n > 0)
			return paths->line;
	}
	if (!feof(stdin) && !cmd_interrupt_signal())
		cmd_message_fail("standard input", NULL, errno);
	return NULL;
}

const char *cmd_paths_next(struct cmd_paths *paths)
{
	for (;;) {
		const char *path;

		if (paths->reading) {
			path = read_path(paths);
			if (path)
				return path;
			paths->reading = false;
		}
		path = *paths->operands;
		if (!path || cmd_interrupt_signal())
			return NULL;
		paths->operands++;
		if (!is_stdin(path))
			return path;
		paths->reading = true;
	}
}

bool cmd_paths_use_stdin(const struct cmd_paths *paths)
{
	for (const char *const *o = paths->operands; *o; o++)
		if (is_stdin(*o))
			return true;
	return paths->reading;
}

void cmd_paths_end(struct cmd_paths *paths)
{
	free(paths->line);
}
