// SPDX-License-Identifier: GPL-2.0-or-later
#include "remote/listing_veil.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SPACE " \t\n\r\f"

/* U+10FF00 to U+10FFFF in UTF-8: f4 8f, then 1111 plus two bits, then six. */
static bool is_veiled(const char *at)
{
	return at[0] == '\xf4' && at[1] == '\x8f' &&
	       (unsigned char)at[2] >= 0xbc;
}

static bool passes(unsigned char c)
{
	return (c >= ' ' && c < 0x7f) || c == '\t' || c == '\n' || c == '\r';
}

size_t hsm_listing_veil(const char *bytes, size_t len, char *out)
{
	char *start = out;

	for (; len; len--) {
		unsigned char c = *bytes++;

		if (passes(c)) {
			*out++ = (char)c;
			continue;
		}
		*out++ = '\xf4';
		*out++ = '\x8f';
		*out++ = (char)(0xbc | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out - start;
}

size_t hsm_listing_veil_count(const char *text, size_t len)
{
	size_t count = len;

	for (; len; len--)
		if (*text++ == '\xf4')
			count -= HSM_LISTING_VEIL_WIDTH - 1;
	return count;
}

char *hsm_listing_unveil(const char *text)
{
	const char *end;
	char *bytes, *out;

	text += strspn(text, SPACE);
	end = text + strlen(text);
	while (end > text && strchr(SPACE, end[-1]))
		end--;
	bytes = out = malloc(end - text + 1);
	if (!bytes)
		return NULL;
	while (text < end) {
		if (is_veiled(text)) {
			*out++ = (char)((text[2] & 3) << 6 | (text[3] & 0x3f));
			text += HSM_LISTING_VEIL_WIDTH;
		} else {
			*out++ = *text++;
		}
	}
	*out = '\0';
	return bytes;
}
