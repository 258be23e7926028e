// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "remote/url.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct root_case {
	const char *url, *root, *userinfo;
};

static void test_root(void **state)
{
	static const struct root_case cases[] = {
		{ "http://h/a/b/", "http://h/a/b/", NULL },
		{ "http://h/a/b", "http://h/a/b/", NULL },
		{ "http://h", "http://h/", NULL },
		{ "https://h:81//a///", "https://h:81//a/", NULL },
		{ "http://u:p@h/a#top", "http://h/a/", "u:p" },
		{ "http://u%40x:p%2fq%3A@h/", "http://h/", "u@x:p/q:" },
		{ "http://u:p@ss@h/", "http://h/", "u:p@ss" },
		{ "http://@h/", "http://h/", "" },
		{ "http://h/a@b/", "http://h/a@b/", NULL },
		{ "http://[::1]:80/a%20b", "http://[::1]:80/a%20b/", NULL },
		{ "file:///srv/pub", "file:///srv/pub/", NULL },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		HSM_FREE char *root = NULL, *userinfo = NULL;

		assert_int_equal(hsm_url_root(cases[i].url, &root, &userinfo), 0);
		assert_string_equal(root, cases[i].root);
		if (!cases[i].userinfo)
			assert_null(userinfo);
		else
			assert_string_equal(userinfo, cases[i].userinfo);
	}
}

static void test_root_refuses(void **state)
{
	static const char *const urls[] = {
		"", "/srv/pub", "srv/pub", "http:/h/a", "http:h", "//h/a",
		"1http://h/", "http://h/a?b=c", "http://u%00:p@h/",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(urls); i++) {
		char *root, *userinfo;

		assert_int_equal(hsm_url_root(urls[i], &root, &userinfo), -EINVAL);
		assert_null(root);
		assert_null(userinfo);
	}
}

struct join_case {
	const char *root, *path;
	bool directory;
	const char *url;
};

static void test_join(void **state)
{
	static const struct join_case cases[] = {
		{ "http://h/a/", "", true, "http://h/a/" },
		{ "http://h/a/", "b/c", true, "http://h/a/b/c/" },
		{ "http://h/a/", "b/c", false, "http://h/a/b/c" },
		{ "http://h/%20/", "b c%20", false, "http://h/%20/b%20c%2520" },
		{ "http://h/", "-._~AZaz09", false, "http://h/-._~AZaz09" },
		{ "http://h/", "?#&+:;<>@[]{}|\\^`\"'", false,
		  "http://h/%3F%23%26%2B%3A%3B%3C%3E%40%5B%5D%7B%7D%7C%5C%5E"
		  "%60%22%27" },
		{ "http://h/", "\xe9\xc3\xa9\n\x7f", false,
		  "http://h/%E9%C3%A9%0A%7F" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		HSM_FREE char *url = hsm_url_join(cases[i].root, cases[i].path,
						  cases[i].directory);

		assert_string_equal(url, cases[i].url);
	}
}

static void test_decode(void **state)
{
	char out[4];

	(void)state;
	assert_int_equal(hsm_url_decode("%41%c3%C3", 9, out, 4), 3);
	assert_string_equal(out, "A\xc3\xc3");
	assert_int_equal(hsm_url_decode("a%2", 3, out, 4), 3);
	assert_string_equal(out, "a%2");
	assert_int_equal(hsm_url_decode("%g1", 3, out, 4), 3);
	assert_string_equal(out, "%g1");
	/* Only the bytes that were given are looked at. */
	assert_int_equal(hsm_url_decode("a%41", 3, out, 4), 3);
	assert_string_equal(out, "a%4");
	assert_int_equal(hsm_url_decode("a%00b", 5, out, 4), 3);
	assert_memory_equal(out, "a\0b", 4);
	assert_int_equal(hsm_url_decode("", 0, out, 1), 0);
	assert_int_equal(hsm_url_decode("abcd", 4, out, 4), -ENAMETOOLONG);
	assert_int_equal(hsm_url_decode("", 0, out, 0), -ENAMETOOLONG);
}

static void test_decode_undoes_join(void **state)
{
	char all[256], out[256];
	HSM_FREE char *url = NULL;

	(void)state;
	for (int i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	all[255] = '\0';
	url = hsm_url_join("", all, false);
	assert_int_equal(hsm_url_decode(url, strlen(url), out, sizeof(out)), 255);
	assert_memory_equal(all, out, 256);
}

struct resolve_case {
	const char *page, *href;
	const char *segment; /* NULL: leaves */
	bool directory;
};

static void check_resolve(const struct resolve_case *row)
{
	struct hsm_url_child child;
	bool stays = hsm_url_resolve(row->page, row->href, &child);

	if (stays != !!row->segment)
		fail_msg("%s on %s: %d", row->href, row->page, stays);
	if (!stays)
		return;
	assert_int_equal(child.len, strlen(row->segment));
	assert_memory_equal(child.segment, row->segment, child.len);
	assert_int_equal(child.directory, row->directory);
}

#define PAGE "http://h:81/pub/od%20d/"

static void test_resolve_stays(void **state)
{
	static const struct resolve_case cases[] = {
		{ PAGE, "name", "name", false },
		{ PAGE, "sub/", "sub", true },
		{ PAGE, "./name", "name", false },
		{ PAGE, "./col:on.txt", "col:on.txt", false },
		{ PAGE, "../od%20d/name", "name", false },
		{ PAGE, "../../pub/./od d/name", "name", false },
		{ PAGE, "sub/x/..", "sub", true },
		{ PAGE, "sub/.", "sub", true },
		{ PAGE, "x/../y/../name", "name", false },
		{ PAGE, "/pub/od%20d/name", "name", false },
		{ PAGE, "/p%75b/od d/sub/", "sub", true },
		{ PAGE, "/../../pub/od d/name", "name", false },
		{ PAGE, "//h:81/pub/od%20d/name", "name", false },
		{ PAGE, "http://h:81/pub/od%20d/name", "name", false },
		{ PAGE, "HTTP://u:p@H:81/pub/od%20d/name", "name", false },
		{ PAGE, "%2e%2e", "%2e%2e", false },
		{ PAGE, "a%2fb", "a%2fb", false },
		{ PAGE, "@x", "@x", false },
		{ PAGE "index.html", "name", "name", false },
		{ PAGE "?C=M", "name", "name", false },
		{ "http://u:p@h:81/a/", "http://h:81/a/name", "name", false },
		{ "http://h", "name", "name", false },
		{ "http://h", "/name", "name", false },
		{ "http://h/", "/sub/", "sub", true },
		{ "http://h/", "../name", "name", false },
		{ "http://h/a//", "/a//name", "name", false },
		{ "http://h/a//", "name", "name", false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		check_resolve(&cases[i]);
}

static void test_resolve_leaves(void **state)
{
	static const struct resolve_case cases[] = {
		{ PAGE, "", NULL, false },
		{ PAGE, ".", NULL, false },
		{ PAGE, "./", NULL, false },
		{ PAGE, "..", NULL, false },
		{ PAGE, "../", NULL, false },
		{ PAGE, "../other", NULL, false },
		{ PAGE, "../../pub", NULL, false },
		{ PAGE, "../../../../../x/od%20d/name", NULL, false },
		{ PAGE, "sub/name", NULL, false },
		{ PAGE, "sub//", NULL, false },
		{ PAGE, "%2e%2e/name", NULL, false },
		{ PAGE, "/", NULL, false },
		{ PAGE, "/pub/", NULL, false },
		{ PAGE, "/pub/od%20d/", NULL, false },
		{ PAGE, "/pub/od%20d", NULL, false },
		{ PAGE, "/pub/od%2520d/name", NULL, false },
		{ PAGE, "/pub/od%20dd/name", NULL, false },
		{ PAGE, "/pub/od%20/name", NULL, false },
		{ PAGE, "/pub%2fod%20d/name", NULL, false },
		{ PAGE, "/pub//od%20d/name", NULL, false },
		{ PAGE, "/etc/passwd", NULL, false },
		{ PAGE, "//h/pub/od%20d/name", NULL, false },
		{ PAGE, "//evil/name", NULL, false },
		{ PAGE, "http://evil/pub/od%20d/name", NULL, false },
		{ PAGE, "http://h:81@evil/pub/od%20d/name", NULL, false },
		{ PAGE, "http://h:81", NULL, false },
		{ PAGE, "https://h:81/pub/od%20d/name", NULL, false },
		{ PAGE, "http:name", NULL, false },
		{ PAGE, "mailto:a@b", NULL, false },
		{ PAGE, "javascript:void(0)", NULL, false },
		{ PAGE, "col:on.txt", NULL, false },
		{ PAGE, "?C=M;O=A", NULL, false },
		{ PAGE, "name?x=1", NULL, false },
		{ PAGE, "name?", NULL, false },
		{ PAGE, "#top", NULL, false },
		{ PAGE, "name#top", NULL, false },
		{ "http://h/", "/a/b", NULL, false },
		{ "http://h/", "//name", NULL, false },
		{ "http://h/a//", "/a/name", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		check_resolve(&cases[i]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_root_refuses),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_decode_undoes_join),
		cmocka_unit_test(test_resolve_stays),
		cmocka_unit_test(test_resolve_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
