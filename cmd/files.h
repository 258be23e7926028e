/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loop of hsm-mark, hsm-evict and hsm-prefetch: from paths to files. */
#ifndef CMD_FILES_H
#define CMD_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "hsm.h"
#include "progress.h"

/*
 * Work on one file, which is borrowed.  It reports its failures itself.
 * Negative: no more files of this tree.
 */
typedef int (*cmd_file_fn)(void *arg, struct hsm_file *file);

/* Work on a directory as a whole; the same. */
typedef void (*cmd_directory_fn)(struct hsm_session *session, const char *path);

struct cmd_files {
	const char *const *operands;
	bool recursive;
	bool complete; /* list first what is not listed below the operands */
	cmd_file_fn file;
	cmd_directory_fn directory; /* NULL: directories need `recursive` */
	void *arg;
	/* What a file adds to the bytes of the bar; NULL: no counting ahead. */
	uint64_t (*bytes)(const struct hsm_file_info *info);
};

/*
 * Call `files->file` for each file that the operands name, until a signal
 * comes.  Reports every path that cannot be worked on.
 */
void cmd_files_run(const struct cmd_files *files);

/*
 * A directory is done with: print it, or say why it is not: `why`, or (NULL) what
 * `rc` says.
 */
void cmd_files_directory(const char *path, const char *why, int rc);

#endif
