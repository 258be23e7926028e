// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/mountinfo.h"

#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

/* In place: \ooo for space, tab, ... */
static void unescape(char *text)
{
	char *out = text;

	for (; *text; text++) {
		unsigned int value;

		if (*text == '\\' && sscanf(text + 1, "%3o", &value) == 1) {
			*out++ = (char)value;
			text += 3;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
}

bool hsm_mountinfo_next(FILE *table, char **text, size_t *size,
			struct hsm_mountinfo *out)
{
	unsigned int major, minor;

	while (getline(text, size, table) > 0) {
		out->trigger = strstr(*text, " - autofs hsm ");
		if (sscanf(*text, "%" SCNu64 " %" SCNu64 " %u:%u %4095s %4095s",
			   &out->mount, &out->parent, &major, &minor, out->root,
			   out->path) != 6)
			continue;
		out->device = makedev(major, minor);
		unescape(out->root);
		unescape(out->path);
		return true;
	}
	return false;
}
