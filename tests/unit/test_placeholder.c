// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "local/placeholder.h"

/* xfs and btrfs take sizes whose map nobody could keep in memory. */
static void test_no_file_is_larger(void **state)
{
	static const int64_t larger[] = {
		HSM_PLACEHOLDER_MAX + 1, INT64_C(1) << 48, INT64_C(1) << 62,
		INT64_MAX,
	};
	static struct hsm_mark mark = { .origin = "name" };

	(void)state;
	for (size_t i = 0; i < sizeof(larger) / sizeof(larger[0]); i++) {
		mark.version.size = larger[i];
		assert_int_equal(hsm_placeholder_renew(-1, &mark), -EFBIG);
	}
	/* The largest one gets as far as the file, which there is none. */
	mark.version.size = HSM_PLACEHOLDER_MAX;
	assert_int_equal(hsm_placeholder_renew(-1, &mark), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_file_is_larger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
