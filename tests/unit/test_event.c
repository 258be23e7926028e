// SPDX-License-Identifier: GPL-2.0-or-later
/* lib/stage/event.h: bytes of the kernel, and what they must not be. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "local/fanotify_abi.h"
#include "stage/event.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum { HEAD = 24, RANGE = 24, OTHER = 8, TYPE_OTHER = 77 };

struct raw {
	struct fanotify_event_metadata head;
	struct hsm_fanotify_range range;
};

static struct raw access_event(int fd, uint64_t off, uint64_t count)
{
	return (struct raw){
		.head = { .event_len = sizeof(struct raw),
			  .vers = FANOTIFY_METADATA_VERSION,
			  .metadata_len = HEAD,
			  .mask = FAN_PRE_ACCESS,
			  .fd = fd,
			  .pid = 42 },
		.range = { .hdr = { .info_type = FAN_EVENT_INFO_TYPE_RANGE,
				    .len = RANGE },
			   .offset = off,
			   .count = count },
	};
}

static struct fanotify_event_metadata open_event(uint64_t mask)
{
	struct fanotify_event_metadata head = access_event(5, 0, 0).head;

	head.event_len = HEAD;
	head.mask = mask;
	return head;
}

/* From memory of exactly that size, so that a sanitizer sees a byte too much. */
static int next(const void *bytes, size_t len, size_t *pos,
		struct hsm_event *out)
{
	void *exact = malloc(len ? len : 1);
	int ret;

	assert_non_null(exact);
	memcpy(exact, bytes, len);
	ret = hsm_event_next(exact, len, pos, out);
	free(exact);
	return ret;
}

static void test_access(void **state)
{
	struct raw raw = access_event(5, 8192, 4096);
	struct hsm_event event;
	size_t pos = 0;

	(void)state;
	assert_int_equal(next(&raw, sizeof(raw), &pos, &event), 1);
	assert_int_equal(pos, sizeof(raw));
	assert_int_equal(event.fd, 5);
	assert_int_equal(event.tid, 42);
	assert_false(event.open);
	assert_false(event.exec);
	assert_int_equal(event.off, 8192);
	assert_int_equal(event.count, 4096);
	assert_int_equal(next(&raw, sizeof(raw), &pos, &event), 0);
}

static void test_open(void **state)
{
	static const struct {
		uint64_t mask;
		bool open, exec;
	} cases[] = {
		{ FAN_OPEN_PERM, true, false },
		{ FAN_OPEN_EXEC_PERM, true, true },
		{ FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM, true, true },
		{ FAN_PRE_ACCESS, false, false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct fanotify_event_metadata head = open_event(cases[i].mask);
		struct hsm_event event;
		size_t pos = 0;

		assert_int_equal(next(&head, sizeof(head), &pos, &event), 1);
		assert_int_equal(event.open, cases[i].open);
		assert_int_equal(event.exec, cases[i].exec);
	}
}

static void test_several(void **state)
{
	struct {
		struct raw first;
		struct fanotify_event_metadata open;
		struct raw refused;
	} bytes = { access_event(7, 0, 1), open_event(FAN_OPEN_PERM),
		    access_event(-EAGAIN, 4096, 0) };
	struct hsm_event event;
	size_t pos = 0;

	(void)state;
	assert_int_equal(next(&bytes, sizeof(bytes), &pos, &event), 1);
	assert_int_equal(event.fd, 7);
	assert_int_equal(event.count, 1);
	assert_int_equal(next(&bytes, sizeof(bytes), &pos, &event), 1);
	assert_true(event.open);
	/* Nothing stays of the one before. */
	assert_int_equal(event.count, 0);
	assert_int_equal(next(&bytes, sizeof(bytes), &pos, &event), 1);
	assert_int_equal(event.fd, -EAGAIN);
	assert_int_equal(event.off, 4096);
	assert_int_equal(next(&bytes, sizeof(bytes), &pos, &event), 0);
}

static void test_nothing(void **state)
{
	struct hsm_event event;
	size_t pos = 0;

	(void)state;
	assert_int_equal(next("", 0, &pos, &event), 0);
}

/* Every length but the right one, after a good event, too. */
static void test_short(void **state)
{
	struct raw raw[2] = { access_event(5, 0, 1), access_event(6, 0, 1) };
	struct hsm_event event;

	(void)state;
	for (size_t len = 1; len < sizeof(raw[0]); len++) {
		size_t pos = 0;

		assert_int_equal(next(raw, len, &pos, &event), -EBADMSG);
		pos = sizeof(raw[0]);
		assert_int_equal(next(raw, pos + len, &pos, &event), -EBADMSG);
	}
}

static void test_senseless(void **state)
{
	static const struct {
		uint32_t event_len;
		uint8_t vers;
		uint16_t metadata_len;
	} cases[] = {
		{ sizeof(struct raw), FANOTIFY_METADATA_VERSION + 1, HEAD },
		{ sizeof(struct raw), 0, HEAD },
		{ 0, FANOTIFY_METADATA_VERSION, HEAD },
		{ 0, FANOTIFY_METADATA_VERSION, 0 },
		{ HEAD - 1, FANOTIFY_METADATA_VERSION, HEAD },
		{ sizeof(struct raw) + 1, FANOTIFY_METADATA_VERSION, HEAD },
		{ UINT32_MAX, FANOTIFY_METADATA_VERSION, HEAD },
		{ sizeof(struct raw), FANOTIFY_METADATA_VERSION, HEAD - 1 },
		{ sizeof(struct raw), FANOTIFY_METADATA_VERSION,
		  sizeof(struct raw) + 1 },
		{ sizeof(struct raw), FANOTIFY_METADATA_VERSION, UINT16_MAX },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct raw raw = access_event(5, 0, 1);
		struct hsm_event event;
		size_t pos = 0;

		raw.head.event_len = cases[i].event_len;
		raw.head.vers = cases[i].vers;
		raw.head.metadata_len = cases[i].metadata_len;
		if (next(&raw, sizeof(raw), &pos, &event) != -EBADMSG)
			fail_msg("case %zu", i);
	}
}

/* An access whose range is not told is one to the whole file. */
static void test_range(void **state)
{
	static const struct {
		uint8_t type;
		uint16_t len;   /* that the record says it has */
		size_t present; /* bytes of it */
		uint64_t count;
	} cases[] = {
		{ FAN_EVENT_INFO_TYPE_RANGE, RANGE, RANGE, 4096 },
		{ FAN_EVENT_INFO_TYPE_RANGE, RANGE, 0, 0 },
		{ FAN_EVENT_INFO_TYPE_RANGE, RANGE, 3, 0 },
		{ FAN_EVENT_INFO_TYPE_RANGE, RANGE, RANGE - 1, 0 },
		{ FAN_EVENT_INFO_TYPE_RANGE, RANGE + 1, RANGE, 0 },
		{ FAN_EVENT_INFO_TYPE_RANGE, RANGE - 1, RANGE, 0 },
		{ FAN_EVENT_INFO_TYPE_RANGE, 0, RANGE, 0 },
		{ FAN_EVENT_INFO_TYPE_RANGE, UINT16_MAX, RANGE, 0 },
		{ TYPE_OTHER, RANGE, RANGE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct raw raw = access_event(5, 8192, 4096);
		struct hsm_event event;
		size_t pos = 0, len = HEAD + cases[i].present;

		raw.head.event_len = (uint32_t)len;
		raw.range.hdr.info_type = cases[i].type;
		raw.range.hdr.len = cases[i].len;
		assert_int_equal(next(&raw, len, &pos, &event), 1);
		assert_int_equal(pos, len);
		if (event.count != cases[i].count ||
		    event.off != (cases[i].count ? 8192 : 0))
			fail_msg("case %zu", i);
	}
}

static void test_range_after_another(void **state)
{
	struct raw raw = access_event(5, 8192, 4096);
	uint8_t bytes[sizeof(raw) + OTHER] = { 0 };
	struct hsm_event event;
	size_t pos = 0;

	(void)state;
	raw.head.event_len = sizeof(bytes);
	memcpy(bytes, &raw.head, HEAD);
	bytes[HEAD] = TYPE_OTHER;
	bytes[HEAD + 2] = OTHER;
	memcpy(bytes + HEAD + OTHER, &raw.range, RANGE);
	assert_int_equal(next(bytes, sizeof(bytes), &pos, &event), 1);
	assert_int_equal(event.off, 8192);
	assert_int_equal(event.count, 4096);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_access),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_senseless),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_range_after_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
