// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "remote/http.h"

static struct hsm_http_answer feed(const char *const *lines)
{
	struct hsm_http_answer answer = { .length = -1 };

	for (; *lines; lines++)
		hsm_http_answer_feed(&answer, *lines, strlen(*lines));
	return answer;
}

#define FEED(...) feed((const char *const[]){ __VA_ARGS__, NULL })
#define OK "HTTP/1.1 200 OK\r\n"

static void test_status(void **state)
{
	struct hsm_http_answer answer = FEED("HTTP/1.1 404 Not Found\r\n");

	(void)state;
	assert_int_equal(answer.status, 404);
	assert_string_equal(answer.reason, "Not Found");
	assert_false(answer.complete);
	answer = FEED("HTTP/2 200 \r\n", "\r\n");
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.reason, "");
	assert_true(answer.complete);
	answer = FEED("HTTP/1.1 200 a\tb\033[2Jc\r\n");
	assert_string_equal(answer.reason, "a?b?[2Jc");
}

static void test_only_the_final_answer_counts(void **state)
{
	struct hsm_http_answer answer =
		FEED("HTTP/1.1 103 Early\r\n", "ETag: \"early\"\r\n", "\r\n",
		     OK, "Content-Type: text/html\r\n", "\r\n",
		     "ETag: \"trailer\"\r\n", "\r\n");

	(void)state;
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.etag, "");
	assert_string_equal(answer.type, "text/html");
}

static void test_fields(void **state)
{
	struct hsm_http_answer answer =
		FEED(OK, "etag:\"x y\" \r\n",
		     "LAST-MODIFIED: Sun, 09 Sep 2001 01:46:40 GMT\r\n",
		     "Location: \t/there \r\n", "Content-Encoding:\r\n");

	(void)state;
	assert_string_equal(answer.etag, "\"x y\"");
	assert_true(answer.dated);
	assert_int_equal(answer.modified, 1000000000);
	assert_string_equal(answer.location, "/there");
	assert_string_equal(answer.encoding, "");
}

static void test_etag_must_be_strong(void **state)
{
	static const char *const bad[] = {
		"ETag: W/\"x\"\r\n", "ETag: x\r\n", "ETag: \"\r\n",
		"ETag: \"a\"b\"\r\n", "ETag: \"a\001b\"\r\n", "ETag: \r\n",
	};
	char longest[HSM_ETAG_MAX + 16] = "ETag: \"";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_string_equal(FEED(OK, bad[i]).etag, "");
	memset(longest + 7, 'x', HSM_ETAG_MAX - 3);
	strcpy(longest + 7 + HSM_ETAG_MAX - 3, "\"\r\n");
	assert_int_equal(strlen(FEED(OK, longest).etag), HSM_ETAG_MAX - 1);
	strcpy(longest + 7 + HSM_ETAG_MAX - 3, "x\"\r\n");
	assert_string_equal(FEED(OK, longest).etag, "");
}

static void test_date_that_is_none(void **state)
{
	(void)state;
	assert_false(FEED(OK, "Last-Modified: 0\r\n").dated);
	assert_false(FEED(OK, "Last-Modified: yesterday\r\n").dated);
}

static void test_content_range(void **state)
{
	static const char *const bad[] = {
		"bytes 5-4/10",  "bytes 0-10/10", "bytes 0-9",
		"bytes -1-9/10", "bytes 0-/10",   "bytes */*",
		"lines 0-9/10",  "bytes 0-9/10x", "bytes 0x0-9/10",
		"bytes 0-9/99999999999999999999", "bytes", "",
		"bytes 99999999999999999999-9/10",
	};
	struct hsm_http_answer answer =
		FEED(OK, "Content-Range: bytes 0-9/10\r\n");
	char line[128];

	(void)state;
	assert_true(answer.ranged);
	assert_int_equal(answer.range.first, 0);
	assert_int_equal(answer.range.last, 9);
	assert_int_equal(answer.range.total, 10);
	answer = FEED(OK, "Content-Range: Bytes 3-4/*\r\n");
	assert_true(answer.ranged);
	assert_int_equal(answer.range.total, HSM_SIZE_UNKNOWN);
	answer = FEED(OK, "Content-Range: bytes */0\r\n");
	assert_true(answer.ranged);
	assert_int_equal(answer.range.first, -1);
	assert_int_equal(answer.range.total, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(line, sizeof(line), "Content-Range: %s\r\n", bad[i]);
		assert_false(FEED(OK, line).ranged);
	}
}

static void test_encoding(void **state)
{
	(void)state;
	assert_string_equal(FEED(OK, "Content-Encoding: gzip\r\n").encoding,
			    "gzip");
	assert_string_equal(
		FEED(OK, "Content-Encoding: identity, br\r\n").encoding,
		"identity, br");
	assert_string_equal(
		FEED(OK, "Content-Encoding: Identity\r\n").encoding, "");
	assert_string_equal(FEED(OK, "Content-Encoding: gzip\r\n",
				 "Content-Encoding: identity\r\n").encoding,
			    "gzip");
	assert_string_equal(
		FEED(OK, "Content-Encoding: gzip, gzip, gzip, gzip, gzip, gzip\r\n")
			.encoding, "?");
}

static bool stored(const char *encoding, const char *path, int64_t length,
		   int64_t size)
{
	struct hsm_http_answer answer = { .status = 200, .length = length };

	snprintf(answer.encoding, sizeof(answer.encoding), "%s", encoding);
	return hsm_http_answer_stored(&answer, path, size);
}

static void test_stored_encoding(void **state)
{
	(void)state;
	/* Where the size is known it has to be that. */
	assert_true(stored("gzip", "a", 10, 10));
	assert_false(stored("gzip", "a.gz", 9, 10));
	assert_false(stored("gzip", "a.gz", HSM_SIZE_UNKNOWN, 10));
	/* Else the name has to say the same, and the answer the size. */
	assert_true(stored("gzip", "a.gz", 10, HSM_SIZE_UNKNOWN));
	assert_true(stored("x-gzip", "a.tgz", 10, HSM_SIZE_UNKNOWN));
	assert_true(stored("X-Compress", "a.Z", 10, HSM_SIZE_UNKNOWN));
	assert_false(stored("gzip", "a", 10, HSM_SIZE_UNKNOWN));
	assert_false(stored("gzip", "gz", 10, HSM_SIZE_UNKNOWN));
	assert_false(stored("br", "a.gz", 10, HSM_SIZE_UNKNOWN));
	assert_false(stored("gzip, gzip", "a.gz", 10, HSM_SIZE_UNKNOWN));
	assert_false(stored("x-", "a.gz", 10, HSM_SIZE_UNKNOWN));
	assert_false(stored("gzip", "a.gz", HSM_SIZE_UNKNOWN, HSM_SIZE_UNKNOWN));
}

static void test_strange_lines(void **state)
{
	static const char nul[] = "ETag: \"a\0b\"\r\n";
	struct hsm_http_answer answer = { .length = -1 };
	char *endless = malloc(100000);

	(void)state;
	hsm_http_answer_feed(&answer, nul, sizeof(nul) - 1);
	assert_string_equal(answer.etag, "");
	hsm_http_answer_feed(&answer, "", 0);
	hsm_http_answer_feed(&answer, "\r\n", 2);
	assert_false(answer.complete);
	hsm_http_answer_feed(&answer, "HTTP/1.1", 8);
	hsm_http_answer_feed(&answer, "HTTP/1.1 99999999999999 x", 25);
	assert_true(answer.status >= 1000);
	memset(endless, 'E', 100000);
	hsm_http_answer_feed(&answer, endless, 100000);
	memcpy(endless, "ETag: \"", 7);
	hsm_http_answer_feed(&answer, endless, 100000);
	assert_string_equal(answer.etag, "");
	memcpy(endless, "Location: ", 10);
	hsm_http_answer_feed(&answer, endless, 100000);
	assert_string_equal(answer.location, "");
	free(endless);
}

static void test_version(void **state)
{
	struct hsm_http_answer answer =
		FEED("HTTP/1.1 206 Partial\r\n", "ETag: \"x\"\r\n",
		     "Content-Range: bytes 0-9/1000\r\n");
	struct hsm_version version;

	(void)state;
	answer.length = 10;
	version = hsm_http_answer_version(&answer);
	assert_int_equal(version.size, 1000);
	assert_int_equal(version.precision, HSM_PRECISION_NONE);
	assert_string_equal(version.etag, "\"x\"");
	answer.status = 200;
	version = hsm_http_answer_version(&answer);
	assert_int_equal(version.size, 10);
	answer = FEED("HTTP/1.1 206 Partial\r\n");
	answer.length = 10;
	version = hsm_http_answer_version(&answer);
	assert_int_equal(version.size, HSM_SIZE_UNKNOWN);
}

static void test_redirect(void **state)
{
	static const struct {
		const char *root, *location, *to;
		int result;
	} rows[] = {
		{ "http://h/p/", "/q/", "http://h/q/", 0 },
		{ "http://h/p/", "f", "http://h/p/d/f", 0 },
		{ "http://h/p/", "http://H:80/x", "http://H:80/x", 0 },
		{ "http://h/p/", "http://u:p@h/x#f", "http://h/x", 0 },
		{ "http://h/p/", "https://h/x", "https://h/x", 0 },
		{ "http://h:8080/p/", "https://h:8443/x", "https://h:8443/x",
		  0 },
		{ "http://h/p/", "http://h:81/x", "http://h:81/x", -EACCES },
		{ "http://h/p/", "http://g/x", "http://g/x", -EACCES },
		{ "http://h/p/", "//g/x", "http://g/x", -EACCES },
		{ "http://h/p/", "http://h.g/x", "http://h.g/x", -EACCES },
		{ "http://h/p/", "http://g@h/x", "http://h/x", 0 },
		{ "http://h/p/", "http://h@g/x", "http://g/x", -EACCES },
		{ "https://h/p/", "http://h/x", "http://h/x", -EACCES },
		{ "https://h/p/", "http://h:443/x", "http://h:443/x",
		  -EACCES },
		{ "http://h/p/", "file:///etc/passwd", NULL, -EACCES },
		{ "http://h/p/", "ftp://h/x", "ftp://h/x", -EACCES },
		{ "http://h/p/", "", NULL, -EPROTO },
		{ "http://h/p/", "http://", NULL, -EPROTO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char page[64], *to;

		snprintf(page, sizeof(page), "%sd/page", rows[i].root);
		assert_int_equal(hsm_http_redirect(rows[i].root, page,
						   rows[i].location, NULL,
						   &to),
				 rows[i].result);
		if (rows[i].to)
			assert_string_equal(to, rows[i].to);
		free(to);
	}
}

/* Where else, when the user says so. */
static void test_redirect_hosts(void **state)
{
	static const struct {
		const char *page, *hosts, *location;
		int result;
	} rows[] = {
		{ "http://h/p/", "g", "http://g/x", 1 },
		{ "http://h/p/", "f,g", "http://u:p@G/x", 1 },
		{ "http://h/p/", "f,g,e", "https://g/x", 1 },
		{ "http://h/p/", "g", "http://h/x", 0 },
		{ "http://h/p/", "g", "http://g:81/x", -EACCES },
		{ "http://h/p/", "g", "https://g:80/x", -EACCES },
		{ "http://h/p/", "g:81", "http://g:81/x", 1 },
		{ "http://h/p/", "g:81", "http://g/x", -EACCES },
		{ "http://h/p/", "g:81", "http://g:8/x", -EACCES },
		{ "http://h/p/", "g", "http://gg/x", -EACCES },
		{ "http://h/p/", "gg,,*,", "http://g/x", -EACCES },
		{ "http://h/p/", "", "http://g/x", -EACCES },
		{ "http://h/p/", "*.g", "http://a.b.g/x", 1 },
		{ "http://h/p/", "*.b.g:8", "http://a.b.g:8/x", 1 },
		{ "http://h/p/", "*.g", "http://g/x", -EACCES },
		{ "http://h/p/", "*.g", "http://.g/x", -EACCES },
		{ "http://h/p/", "*.g", "http://bg/x", -EACCES },
		{ "http://h/p/", "*.g", "http://a.g.h/x", -EACCES },
		{ "http://h/p/", "[::1]", "http://[::1]/x", 1 },
		{ "http://h/p/", "[::1]:8", "http://[::1]:8/x", 1 },
		{ "http://h/p/", "[::1]", "http://[::1]:8/x", -EACCES },
		{ "http://h/p/", "g,g:21", "ftp://g/x", -EACCES },
		{ "https://h/p/", "g", "http://g/x", -EACCES },
		{ "https://h/p/", "g", "https://g/x", 1 },
		{ "https://g/", "g", "http://h/x", -EACCES },
		{ "http://g/", "g", "http://h/x", 0 },
		{ "https://g/", "g", "/x", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		/* What came by https by way of g began with http at h. */
		const char *root = !strncmp(rows[i].page, "https://h", 9) ?
				   "https://h/p/" : "http://h/p/";
		char *to;

		assert_int_equal(hsm_http_redirect(root, rows[i].page,
						   rows[i].location,
						   rows[i].hosts, &to),
				 rows[i].result);
		free(to);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_only_the_final_answer_counts),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_etag_must_be_strong),
		cmocka_unit_test(test_date_that_is_none),
		cmocka_unit_test(test_content_range),
		cmocka_unit_test(test_encoding),
		cmocka_unit_test(test_stored_encoding),
		cmocka_unit_test(test_strange_lines),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_redirect),
		cmocka_unit_test(test_redirect_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
