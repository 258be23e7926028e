/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The paths a command works on: its operands, where `-` is standard input; with
 * no operand, standard input when that is not a terminal.
 */
#ifndef CMD_PATHS_H
#define CMD_PATHS_H

#include <stdbool.h>
#include <stddef.h>

struct cmd_paths {
	const char *const *operands; /* those that are left */
	bool reading;                /* standard input, now */
	char *line;
	size_t capacity;
};

/* Borrows `operands`.  Without any path to come: usage and exit 2. */
void cmd_paths_begin(struct cmd_paths *paths, const char *const *operands);

/*
 * The next path, valid until the next call; NULL at the end.  An error in
 * reading is reported and ends standard input.  Empty lines are left out.
 */
const char *cmd_paths_next(struct cmd_paths *paths);

/* Whether standard input is among them: it can be read only once. */
bool cmd_paths_use_stdin(const struct cmd_paths *paths);

void cmd_paths_end(struct cmd_paths *paths);

#endif
