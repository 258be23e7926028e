/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What hsm-mark prints of a file. */
#ifndef CMD_INFO_H
#define CMD_INFO_H

#include "hsm.h"

/*
 * State, flags, bytes resident, size and path, separated by tabs; without
 * `columns` only the path.  With --json an object that has all of it.
 */
void cmd_info_print(const char *path, const struct hsm_file_info *info,
		    bool columns);

#endif
