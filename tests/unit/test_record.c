// SPDX-License-Identifier: GPL-2.0-or-later
/* Records: encode and decode, and what is torn, changed or made up. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/record.h"

static struct hsm_handle handle(unsigned int bytes, int type)
{
	struct hsm_handle h = { .bytes = bytes, .type = type };

	memset(h.data, (int)bytes + type, bytes);
	return h;
}

static struct hsm_record sample(const char *name, const char *name2)
{
	return (struct hsm_record){
		.what = HSM_RECORD_RENAME | HSM_RECORD_DIR,
		.parent = handle(8, 1), .parent2 = handle(20, 0x4d),
		.inode = handle(HSM_HANDLE_MAX, 2),
		.name = name, .name_len = (uint16_t)strlen(name),
		.name2 = name2, .name2_len = (uint16_t)strlen(name2),
	};
}

/* From memory of exactly that size, so that a sanitizer sees a byte too much. */
static long decode(struct hsm_record *out, const void *bytes, size_t len)
{
	void *exact = malloc(len ? len : 1);
	long ret;

	assert_non_null(exact);
	memcpy(exact, bytes, len);
	ret = hsm_record_decode(out, exact, len);
	free(exact);
	return ret;
}

static void comes_back(void **state)
{
	struct hsm_record in = sample("old\nname", "\xff new"), out;
	unsigned char buf[HSM_RECORD_MAX];
	size_t len = hsm_record_encode(&in, buf);

	(void)state;
	assert_int_equal(hsm_record_decode(&out, buf, len), len);
	assert_int_equal(out.what, in.what);
	assert_true(hsm_handle_equal(&out.parent, &in.parent));
	assert_true(hsm_handle_equal(&out.parent2, &in.parent2));
	assert_true(hsm_handle_equal(&out.inode, &in.inode));
	assert_int_equal(out.name_len, in.name_len);
	assert_memory_equal(out.name, in.name, in.name_len);
	assert_int_equal(out.name2_len, in.name2_len);
	assert_memory_equal(out.name2, in.name2, in.name2_len);
}

static void longest_fits(void **state)
{
	static char name[UINT16_MAX + 1];
	static unsigned char buf[HSM_RECORD_MAX];
	struct hsm_record in, out;

	(void)state;
	memset(name, 'n', UINT16_MAX);
	in = sample(name, name);
	in.parent = in.parent2 = in.inode;
	assert_int_equal(hsm_record_encode(&in, buf), HSM_RECORD_MAX);
	assert_int_equal(hsm_record_decode(&out, buf, HSM_RECORD_MAX),
			 HSM_RECORD_MAX);
}

static void none_at_the_end(void **state)
{
	struct hsm_record out;

	(void)state;
	assert_int_equal(decode(&out, "", 0), 0);
}

static void every_torn_tail_is_seen(void **state)
{
	struct hsm_record in = sample("name", "other"), out;
	unsigned char buf[HSM_RECORD_MAX];
	size_t len = hsm_record_encode(&in, buf), i;

	(void)state;
	for (i = 1; i < len; i++)
		assert_int_equal(decode(&out, buf, i), -EBADMSG);
}

static void every_changed_bit_is_seen(void **state)
{
	struct hsm_record in = sample("name", "other"), out;
	unsigned char buf[HSM_RECORD_MAX];
	size_t len = hsm_record_encode(&in, buf), bit;

	(void)state;
	for (bit = 0; bit < 8 * len; bit++) {
		buf[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_int_equal(decode(&out, buf, len), -EBADMSG);
		buf[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	assert_int_equal(decode(&out, buf, len), len);
}

/* A block that a crash left as zeros is no record. */
static void zeros_are_none(void **state)
{
	static const unsigned char zeros[256];
	struct hsm_record out;

	(void)state;
	assert_int_equal(decode(&out, zeros, sizeof(zeros)), -EBADMSG);
}

static void noise_is_none(void **state)
{
	unsigned char buf[512];
	struct hsm_record out;
	unsigned int round, i;

	(void)state;
	srand(4);
	for (round = 0; round < 20000; round++) {
		size_t len = 1 + (size_t)rand() % sizeof(buf);

		for (i = 0; i < len; i++)
			buf[i] = (unsigned char)rand();
		/* A length that could be one. */
		buf[0] = (unsigned char)(len > 8 ? len - 8 : 0);
		buf[1] = buf[2] = buf[3] = 0;
		assert_int_equal(decode(&out, buf, len), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back),
		cmocka_unit_test(longest_fits),
		cmocka_unit_test(none_at_the_end),
		cmocka_unit_test(every_torn_tail_is_seen),
		cmocka_unit_test(every_changed_bit_is_seen),
		cmocka_unit_test(zeros_are_none),
		cmocka_unit_test(noise_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
