// SPDX-License-Identifier: GPL-2.0-or-later
#include "local/mountinfo.h"

#include <stdio.h>

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
