/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Standard output: data only, a line per path, flushed line by line so that the
 * next command in a pipe sees it at once and a signal loses nothing.  With -0 a
 * line ends with NUL, with -q there is none.  The first error is reported, what
 * comes later is dropped.
 *
 * Threads: one call at a time.
 */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include <stdbool.h>

/*
 * PATH as a line: `columns` directly before it, or with --json an object that
 * has "path" and then `members` (`,"size":1`).  A terminal gets the path
 * escaped.
 */
void cmd_output_path(const char *columns, const char *path,
		     const char *members);

/* `line` as it is. */
void cmd_output_line(const char *line);

/* Whether standard output failed. */
bool cmd_output_broken(void);

/* Report what only closing tells.  Once, at the end. */
void cmd_output_close(void);

#endif
