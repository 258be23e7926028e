// SPDX-License-Identifier: GPL-2.0-or-later
#include "secret.h"

#include <stdbool.h>
#include <string.h>

/* The strings of argv may be written, whatever their type says. */
static void blank(const char *value)
{
	memset((char *)value, '*', strlen(value));
}

void cmd_secret_blank(const char **argv, const char *const *names)
{
	bool is_value = false;

	for (; *argv; argv++) {
		bool was_value = is_value;

		is_value = false;
		if (was_value) {
			blank(*argv);
			continue;
		}
		for (const char *const *name = names; *name; name++) {
			size_t n = strlen(*name);

			if (strncmp(*argv, *name, n))
				continue;
			if ((*argv)[n] == '=')
				blank(*argv + n + 1);
			else if (!(*argv)[n])
				is_value = true;
		}
		cmd_secret_strip((char *)*argv);
	}
}

void cmd_secret_strip(char *url)
{
	char *host = strstr(url, "://");
	char *end, *at = NULL;
	size_t kept;

	if (!host)
		return;
	host += strlen("://");
	end = host + strcspn(host, "/?#");
	for (char *c = host; c < end; c++)
		if (*c == '@')
			at = c;
	if (!at)
		return;
	/* Nothing may stay behind the new end either: ps(1) reads on. */
	kept = strlen(at + 1);
	memmove(host, at + 1, kept);
	memset(host + kept, 0, (size_t)(at + 1 - host));
}
