// SPDX-License-Identifier: GPL-2.0-or-later
/* The pure parts of lib/base: versions, sizes, escapes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/size.h"
#include "base/version.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define NONE HSM_PRECISION_NONE
#define MINUTE HSM_PRECISION_MINUTE
#define SECOND HSM_PRECISION_SECOND
#define NANO HSM_PRECISION_NANO

struct version_case {
	struct hsm_version a, b;
	bool same;
};

/* Whichever of the two is the known one. */
static void test_same(void **state)
{
	static const struct version_case cases[] = {
		/* Sizes, where both are known. */
		{ { .size = 1 }, { .size = 1 }, true },
		{ { .size = 1 }, { .size = 2 }, false },
		{ { .size = 0 }, { .size = HSM_SIZE_UNKNOWN }, true },
		{ { .size = 1, .etag = "\"x\"" }, { .size = 2, .etag = "\"x\"" },
		  false },
		/* ETags decide where both have one ... */
		{ { .etag = "\"x\"" }, { .etag = "\"x\"" }, true },
		{ { .etag = "\"x\"" }, { .etag = "\"y\"" }, false },
		{ { .etag = "\"x\"", .mtime = { 60, 0 }, .precision = SECOND },
		  { .etag = "\"x\"", .mtime = { 61, 0 }, .precision = SECOND },
		  true },
		{ { .etag = "\"x\"", .mtime = { 60, 0 }, .precision = SECOND },
		  { .etag = "\"y\"", .mtime = { 60, 0 }, .precision = SECOND },
		  false },
		/* ... and dates where one has none, at the coarser precision. */
		{ { .etag = "\"x\"", .mtime = { 60, 0 }, .precision = SECOND },
		  { .mtime = { 61, 0 }, .precision = SECOND }, false },
		{ { .etag = "\"x\"", .mtime = { 60, 0 }, .precision = SECOND },
		  { .mtime = { 60, 0 }, .precision = SECOND }, true },
		{ { .mtime = { 60, 0 }, .precision = MINUTE },
		  { .mtime = { 119, 9 }, .precision = NANO }, true },
		{ { .mtime = { 60, 0 }, .precision = MINUTE },
		  { .mtime = { 120, 0 }, .precision = SECOND }, false },
		{ { .mtime = { 60, 1 }, .precision = NANO },
		  { .mtime = { 60, 0 }, .precision = SECOND }, true },
		{ { .mtime = { 60, 1 }, .precision = NANO },
		  { .mtime = { 60, 2 }, .precision = NANO }, false },
		{ { .mtime = { 60, 1 }, .precision = NANO },
		  { .mtime = { 61, 1 }, .precision = NANO }, false },
		{ { .mtime = { 0, 0 }, .precision = NONE },
		  { .mtime = { 61, 1 }, .precision = NANO }, true },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct hsm_version *a = &cases[i].a, *b = &cases[i].b;

		if (hsm_version_same(a, b) != cases[i].same ||
		    hsm_version_same(b, a) != cases[i].same)
			fail_msg("case %zu", i);
	}
}

struct size_case {
	const char *text;
	int error;
	uint64_t size;
};

static void test_size(void **state)
{
	static const struct size_case cases[] = {
		{ "0", 0, 0 },
		{ "4096", 0, 4096 },
		{ "1b", 0, 1 },
		{ "1k", 0, 1024 },
		{ "16M", 0, 16 << 20 },
		{ "1.5G", 0, UINT64_C(3) << 29 },
		{ "2KiB", 0, 2048 },
		{ "2kb", 0, 2048 },
		{ "1T", 0, UINT64_C(1) << 40 },
		{ "1P", 0, UINT64_C(1) << 50 },
		{ "9007199254740993", 0, UINT64_C(9007199254740993) },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "9223372036854775808", -ERANGE, 0 },
		{ "8192P", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "K", -EINVAL, 0 },
		{ "1X", -EINVAL, 0 },
		{ "1KK", -EINVAL, 0 },
		{ "1iB", -EINVAL, 0 },
		{ "inf", -EINVAL, 0 },
		{ "nan", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		uint64_t size = 0;
		int error = hsm_size_parse(cases[i].text, &size);

		if (error != cases[i].error || size != cases[i].size)
			fail_msg("%s: %d, %llu", cases[i].text, error,
				 (unsigned long long)size);
	}
}

struct escape_case {
	const char *bytes, *terminal, *json;
};

static void test_escape(void **state)
{
	static const struct escape_case cases[] = {
		{ "", "", "\"\"" },
		{ "plain name", "plain name", "\"plain name\"" },
		{ "a\"b\\c", "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "a\nb\tc\x1b[31m\x7f", "a\\012b\\011c\\033[31m\\177",
		  "\"a\\u000ab\\u0009c\\u001b[31m\\u007f\"" },
		{ "\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80",
		  "\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80",
		  "\"\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80\"" },
		/* A control of the C1 set: a terminal obeys it. */
		{ "\xc2\x9b" "1m", "\\302\\2331m", "\"\xc2\x9b" "1m\"" },
		/* Not UTF-8: latin-1, cut, overlong, surrogate, too high. */
		{ "\xe9.txt", "\\351.txt", "\"\\udce9.txt\"" },
		{ "a\xe6\x97", "a\\346\\227", "\"a\\udce6\\udc97\"" },
		{ "\xc0\xaf", "\\300\\257", "\"\\udcc0\\udcaf\"" },
		{ "\xe0\x80\xaf", "\\340\\200\\257",
		  "\"\\udce0\\udc80\\udcaf\"" },
		{ "\xed\xb3\xa9", "\\355\\263\\251",
		  "\"\\udced\\udcb3\\udca9\"" },
		{ "\xf4\x90\x80\x80", "\\364\\220\\200\\200",
		  "\"\\udcf4\\udc90\\udc80\\udc80\"" },
		{ "\xff\xfe", "\\377\\376", "\"\\udcff\\udcfe\"" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		HSM_FREE char *terminal = hsm_escape_terminal(cases[i].bytes);
		HSM_FREE char *json = hsm_escape_json(cases[i].bytes);

		assert_string_equal(terminal, cases[i].terminal);
		assert_string_equal(json, cases[i].json);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
