// SPDX-License-Identifier: GPL-2.0-or-later
#include "space.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "options.h"

void cmd_space_parse(struct cmd_space *space, const char *option,
		     const char *text)
{
	char *end;

	*space = (struct cmd_space){ 0 };
	if (!strchr(text, '%')) {
		space->bytes = cmd_options_size(option, text);
		return;
	}
	space->percent = strtod(text, &end);
	if (!isdigit((unsigned char)text[0]) || strcmp(end, "%") ||
	    space->percent > 100)
		cmd_options_refuse("%s: %s: neither a size nor a percentage",
				   option, text);
}

/* The path above, in place; false when there is none. */
static bool shorten(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash && !strcmp(path, "."))
		return false;
	if (!slash)
		strcpy(path, ".");
	else if (slash > path)
		*slash = '\0';
	else if (path[1])
		path[1] = '\0';
	else
		return false;
	return true;
}

int cmd_space_reached(const struct cmd_space *space, const char *path,
		      uint64_t more)
{
	HSM_FREE char *at = strdup(path);
	struct statvfs fs;
	double free_bytes, all_bytes;

	if (!at)
		return -ENOMEM;
	while (statvfs(at, &fs) < 0)
		if (errno != ENOENT || !shorten(at))
			return -errno;
	free_bytes = (double)fs.f_bavail * (double)fs.f_frsize + (double)more;
	all_bytes = (double)fs.f_blocks * (double)fs.f_frsize;
	if (space->bytes)
		return free_bytes >= (double)space->bytes;
	return free_bytes * 100 >= all_bytes * space->percent;
}
