/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of hsm-serve: twenty rows and what their values mean. */
#ifndef CMD_SERVE_OPTIONS_H
#define CMD_SERVE_OPTIONS_H

#include <popt.h>
#include <stdbool.h>

#include "hsm.h"

extern const struct poptOption cmd_serve_table[];

struct cmd_serve {
	bool stop, status, background;
	int ready_fd; /* -1: none */
	int log_fd;   /* -1: none */
	struct hsm_serve_options serve; /* all but url, dir and callbacks */
};

/*
 * What cmd_options_parse() found; opens the log file.  Exits with 2 when a
 * value is wrong, with 1 when the log file cannot be opened.
 */
void cmd_serve_read(struct cmd_serve *out);

/*
 * `path` from the root, for a process that changes its directory; the caller
 * frees it.  Exits when there is no memory.
 */
char *cmd_serve_absolute(const char *path);

#endif
