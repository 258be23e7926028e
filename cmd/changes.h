/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What hsm-checkpoint prints of a list. */
#ifndef CMD_CHANGES_H
#define CMD_CHANGES_H

#include <stdbool.h>

#include "hsm.h"

struct cmd_changes_form {
	bool changed; /* what exists now */
	bool deleted; /* what does not */
	bool parts;   /* a directory can be one to rescan, by itself */
};

/*
 * Print the list of `dir`: a path a line, or objects with --json.  When its
 * history is not complete: "rescan ." instead, and the exit status is 1.  So it
 * is, without output, when a line would have to hold a newline.
 */
void cmd_changes_print(struct hsm_changes *changes,
		       const struct cmd_changes_form *form, const char *dir);

#endif
