/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much of a file system is to be free. */
#ifndef CMD_SPACE_H
#define CMD_SPACE_H

#include <stdint.h>

struct cmd_space {
	uint64_t bytes;
	double percent; /* of the file system, when `bytes` is 0 */
};

/* "10G" or "20%", or exit with 2. */
void cmd_space_parse(struct cmd_space *space, const char *option,
		     const char *text);

/*
 * 1 when the file system of `path` has so much free, with `more` bytes added; 0
 * when not; negative errno.  Looks at the next directory above that
 * exists: files of a tree that is not served have a path only for the library.
 */
int cmd_space_reached(const struct cmd_space *space, const char *path,
		      uint64_t more);

#endif
