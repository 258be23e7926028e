// SPDX-License-Identifier: GPL-2.0-or-later
/* lib/local/mark.h: what is on disk can be read again, or is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "local/mark.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define STORE UINT64_C(0xfedcba9876543210)
#define ETAG "\"5e0d5fe5-4a8f3\""
#define PLACE "dir/sub/name.tar.gz"

static const struct hsm_mark marks[] = {
	{ .store = 0 },
	{ .store = STORE,
	  .version = { 306291, { 1577934245, 123456789 }, HSM_PRECISION_NANO,
		       ETAG },
	  .origin = PLACE },
	{ .store = UINT64_MAX,
	  .version = { INT64_MAX, { INT64_MAX, 999999999 },
		       HSM_PRECISION_NANO, "" },
	  .origin = "a\nb\xff" },
	/* Before 1970. */
	{ .store = 1,
	  .version = { 1, { -1, 999999999 }, HSM_PRECISION_NANO, "" },
	  .origin = PLACE },
	{ .store = 1,
	  .version = { 1, { INT64_MIN, 0 }, HSM_PRECISION_SECOND, "" },
	  .origin = PLACE },
	{ .store = 1,
	  .version = { 127, { -86400, 0 }, HSM_PRECISION_MINUTE, "\"\"" },
	  .origin = PLACE },
	{ .store = 1, .version = { .size = 128 }, .origin = PLACE },
};

static void assert_same_mark(const struct hsm_mark *a, const struct hsm_mark *b)
{
	assert_int_equal(a->store, b->store);
	assert_int_equal(a->version.size, b->version.size);
	assert_int_equal(a->version.precision, b->version.precision);
	assert_int_equal(a->version.mtime.tv_sec, b->version.mtime.tv_sec);
	assert_int_equal(a->version.mtime.tv_nsec, b->version.mtime.tv_nsec);
	assert_string_equal(a->version.etag, b->version.etag);
	assert_string_equal(a->origin, b->origin);
}

static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(marks); i++) {
		uint8_t buf[HSM_MARK_MAX];
		struct hsm_mark mark;
		int len = hsm_mark_encode(&marks[i], buf);

		assert_in_range(len, 1, HSM_MARK_MAX);
		memset(&mark, 'x', sizeof(mark));
		assert_int_equal(hsm_mark_decode(&mark, buf, (unsigned int)len),
				 0);
		assert_same_mark(&mark, &marks[i]);
	}
}

/* The space that an ext4 inode of 256 bytes has. */
static void test_small(void **state)
{
	uint8_t buf[HSM_MARK_MAX];

	(void)state;
	assert_in_range(hsm_mark_encode(&marks[1], buf), 1, 68);
}

static void test_too_long(void **state)
{
	uint8_t buf[HSM_MARK_MAX];
	struct hsm_mark mark = { .store = STORE }, again;
	size_t longest;
	int len;

	(void)state;
	memset(mark.origin, 'n', sizeof(mark.origin) - 1);
	assert_int_equal(hsm_mark_encode(&mark, buf), -E2BIG);
	for (longest = sizeof(mark.origin) - 1; longest; longest--) {
		mark.origin[longest] = '\0';
		len = hsm_mark_encode(&mark, buf);
		if (len != -E2BIG)
			break;
	}
	assert_in_range(longest, 3000, HSM_MARK_MAX);
	assert_in_range(len, longest, HSM_MARK_MAX);
	assert_int_equal(hsm_mark_decode(&again, buf, (unsigned int)len), 0);
	assert_same_mark(&again, &mark);

	/* With an ETag it has to be shorter. */
	memset(mark.version.etag, 'e', sizeof(mark.version.etag) - 1);
	assert_int_equal(hsm_mark_encode(&mark, buf), -E2BIG);
}

/* In memory of exactly that size, so that a sanitizer sees one byte too much. */
static int decode(struct hsm_mark *mark, const uint8_t *bytes, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);
	int ret;

	assert_non_null(exact);
	memcpy(exact, bytes, len);
	ret = hsm_mark_decode(mark, exact, (unsigned int)len);
	free(exact);
	return ret;
}

/* Cut within the origin it is another origin: the origin goes to the end. */
static void test_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(marks); i++) {
		uint8_t buf[HSM_MARK_MAX];
		struct hsm_mark mark;
		size_t len = (size_t)hsm_mark_encode(&marks[i], buf);
		size_t head = len - strlen(marks[i].origin);

		for (size_t cut = 0; cut < head; cut++)
			assert_int_equal(decode(&mark, buf, cut), -EBADMSG);
		assert_int_equal(decode(&mark, buf, head), 0);
		assert_string_equal(mark.origin, "");
	}
}

#define ID "\1\2\3\4\5\6\7\x8"
#define BYTES(string) (const uint8_t *)(string), sizeof(string) - 1

static void test_garbage(void **state)
{
	static const struct {
		const uint8_t *bytes;
		size_t len;
		int error;
	} cases[] = {
		{ BYTES("\1\0" ID "\0\0\0\0x"), 0 },
		{ BYTES(""), -EBADMSG },
		{ BYTES("\1\0" ID), -EBADMSG },
		/* Another format, no such precision. */
		{ BYTES("\0\0" ID "\0\0\0\0x"), -EBADMSG },
		{ BYTES("\2\0" ID "\0\0\0\0x"), -EBADMSG },
		{ BYTES("\1\4" ID "\0\0\0\0x"), -EBADMSG },
		{ BYTES("\1\xff" ID "\0\0\0\0x"), -EBADMSG },
		/* Sizes: the largest, one more, more than 64 bits, endless. */
		{ BYTES("\1\0" ID "\xff\xff\xff\xff\xff\xff\xff\xff\x7f\0\0\0"),
		  0 },
		{ BYTES("\1\0" ID
			"\x80\x80\x80\x80\x80\x80\x80\x80\x80\1\0\0\0"),
		  -EBADMSG },
		{ BYTES("\1\0" ID
			"\x80\x80\x80\x80\x80\x80\x80\x80\x80\2\0\0\0"),
		  -EBADMSG },
		{ BYTES("\1\0" ID "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
			"\xff\xff\xff\xff"), -EBADMSG },
		/* 999999999 ns, 10^9 ns. */
		{ BYTES("\1\0" ID "\0\0\xff\x93\xeb\xdc\3\0"), 0 },
		{ BYTES("\1\0" ID "\0\0\x80\x94\xeb\xdc\3\0"), -EBADMSG },
		/* ETags: beyond the end, too long, with a NUL. */
		{ BYTES("\1\0" ID "\0\0\0\3ab"), -EBADMSG },
		{ BYTES("\1\0" ID "\0\0\0\x80\2"), -EBADMSG },
		{ BYTES("\1\0" ID "\0\0\0\2a\0"), -EBADMSG },
		/* An origin with a NUL. */
		{ BYTES("\1\0" ID "\0\0\0\0a\0b"), -EBADMSG },
		{ BYTES("\1\0" ID "\0\0\0\0a\0"), -EBADMSG },
	};
	struct hsm_mark mark;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		if (decode(&mark, cases[i].bytes, cases[i].len) !=
		    cases[i].error)
			fail_msg("case %zu", i);
}

static void test_origin_too_long(void **state)
{
	uint8_t buf[14 + PATH_MAX] = { 1 };
	struct hsm_mark mark;

	(void)state;
	memset(buf + 14, 'n', PATH_MAX);
	assert_int_equal(decode(&mark, buf, sizeof(buf)), -EBADMSG);
	assert_int_equal(decode(&mark, buf, sizeof(buf) - 1), 0);
}

/* Whatever the bytes: refused, or a mark that is written the same way again. */
static void test_noise(void **state)
{
	unsigned int seed = 1;

	(void)state;
	for (size_t round = 0; round < 200000; round++) {
		uint8_t buf[HSM_MARK_MAX];
		struct hsm_mark mark, again;
		int len = hsm_mark_encode(&marks[round % LENGTH(marks)], buf);
		size_t flips = (size_t)rand_r(&seed) % 4 + 1;
		int ret;

		while (flips--)
			buf[rand_r(&seed) % len] = (uint8_t)rand_r(&seed);
		ret = decode(&mark, buf, (size_t)len);
		if (ret == -EBADMSG)
			continue;
		assert_int_equal(ret, 0);
		len = hsm_mark_encode(&mark, buf);
		assert_true(len > 0);
		assert_int_equal(decode(&again, buf, (size_t)len), 0);
		assert_same_mark(&again, &mark);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_origin_too_long),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
