// SPDX-License-Identifier: GPL-2.0-or-later
/* URLs of a user and links of a page; and text that a terminal is shown. */
#include <errno.h>

#include "base/escape.h"
#include "fuzz.h"
#include "remote/url.h"

#define PAGE "http://127.0.0.1:8080/dir/"

static void check_root(const char *text)
{
	char *root = NULL, *userinfo = NULL, *again = NULL, *none = NULL;

	if (hsm_url_root(text, &root, &userinfo) == 0) {
		size_t len = strlen(root);

		fuzz_assert(len && root[len - 1] == '/' && strstr(root, "://"));
		fuzz_assert(!strchr(root, '#'));
		/* What is recorded can be read again, and has no password. */
		fuzz_assert(hsm_url_root(root, &again, &none) == 0);
		fuzz_assert(strcmp(root, again) == 0 && !none);
		free(root);
		free(userinfo);
		free(again);
	}
}

/* A link is resolved: what comes of it is one name, or nothing. */
static void check_link(const char *text)
{
	struct hsm_url_child child;
	char name[256];
	ssize_t len;

	if (!hsm_url_resolve(PAGE, text, &child))
		return;
	fuzz_assert(child.segment >= text &&
		    child.segment + child.len <= text + strlen(text));
	fuzz_assert(!memchr(child.segment, '/', child.len));
	len = hsm_url_decode(child.segment, child.len, name, sizeof(name));
	fuzz_assert(len < (ssize_t)sizeof(name));
}

/* What is joined is the name again when it is decoded. */
static void check_join(const char *text)
{
	char *url = hsm_url_join(PAGE, text, false), *back;
	size_t len = strlen(text);
	ssize_t n;

	fuzz_assert(url && strncmp(url, PAGE, strlen(PAGE)) == 0);
	back = malloc(len + 1);
	fuzz_assert(back);
	n = hsm_url_decode(url + strlen(PAGE), strlen(url) - strlen(PAGE), back,
			   len + 1);
	fuzz_assert(n == (ssize_t)len && memcmp(back, text, len) == 0);
	free(back);
	free(url);
}

static void check_escape(const char *text)
{
	char *shown = hsm_escape_terminal(text), *json = hsm_escape_json(text);

	fuzz_assert(shown && json);
	for (const unsigned char *p = (unsigned char *)shown; *p; p++)
		fuzz_assert(*p >= 0x20 && *p != 0x7f);
	for (const unsigned char *p = (unsigned char *)json; *p; p++)
		fuzz_assert(*p >= 0x20);
	fuzz_assert(json[0] == '"' && json[strlen(json) - 1] == '"');
	free(shown);
	free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size);

	check_root(text);
	check_link(text);
	check_join(text);
	check_escape(text);
	free(text);
	return 0;
}
