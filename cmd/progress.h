/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bar on standard error: files, bytes, rate, time left.  It comes when the
 * work has lasted a second, or at once with --progress.
 *
 * Threads: all functions may be called from any; they hold the lock of stderr.
 */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct cmd_progress_total {
	uint64_t files, bytes;
};

/* Whether there is to be a bar: counting the work ahead pays only then. */
bool cmd_progress_wanted(void);

/* Begin; `total` is what will come, zero where that is not known. */
void cmd_progress_begin(struct cmd_progress_total total);

/* One more file is done, with so many bytes. */
void cmd_progress_add(uint64_t bytes);

/* Clear the line for a message; the next cmd_progress_add() draws again. */
void cmd_progress_hide(void);

/* Leave the last figures behind, when there were any to be seen. */
void cmd_progress_end(void);

/* "1.5 GiB" in `text`, which is returned. */
#define CMD_SIZE_TEXT 16
const char *cmd_progress_size(char text[CMD_SIZE_TEXT], uint64_t bytes);

#endif
