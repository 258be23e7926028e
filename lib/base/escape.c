// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/escape.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Length of the well-formed UTF-8 sequence at `s`, 0 when there is none. */
static unsigned int sequence(const unsigned char *s)
{
	unsigned int n, i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	for (i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, beyond U+10FFFF. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/* C0, DEL, and the C1 controls in their UTF-8 form. */
static bool control(const unsigned char *s, unsigned int n)
{
	return s[0] < 0x20 || s[0] == 0x7f ||
	       (n == 2 && s[0] == 0xc2 && s[1] < 0xa0);
}

char *hsm_escape_terminal(const char *bytes)
{
	const unsigned char *s = (const unsigned char *)bytes;
	char *out = malloc(4 * strlen(bytes) + 1), *o = out;

	while (out && *s) {
		unsigned int n = sequence(s);

		if (n && !control(s, n)) {
			memcpy(o, s, n);
			o += n;
			s += n;
		} else {
			o += sprintf(o, "\\%03o", *s++);
		}
	}
	if (out)
		*o = '\0';
	return out;
}

char *hsm_escape_json(const char *bytes)
{
	const unsigned char *s = (const unsigned char *)bytes;
	char *out = malloc(6 * strlen(bytes) + 3), *o = out;

	if (!out)
		return NULL;
	*o++ = '"';
	while (*s) {
		unsigned int n = sequence(s);

		if (!n) {
			o += sprintf(o, "\\udc%02x", *s++);
		} else if (control(s, n) && n == 1) {
			o += sprintf(o, "\\u%04x", *s++);
		} else {
			if (*s == '"' || *s == '\\')
				*o++ = '\\';
			memcpy(o, s, n);
			o += n;
			s += n;
		}
	}
	*o++ = '"';
	*o = '\0';
	return out;
}
