// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/mountinfo.h"

#include <inttypes.h>
#include <string.h>

void hsm_mountinfo_unescape(char *text)
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
	while (getline(text, size, table) > 0) {
		out->trigger = strstr(*text, " - autofs hsm ");
		if (sscanf(*text, "%" SCNu64 " %" SCNu64 " %31s %4095s %4095s",
			   &out->mount, &out->parent, out->device, out->root,
			   out->path) != 5)
			continue;
		hsm_mountinfo_unescape(out->root);
		hsm_mountinfo_unescape(out->path);
		return true;
	}
	return false;
}
