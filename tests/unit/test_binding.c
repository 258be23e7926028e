// SPDX-License-Identifier: GPL-2.0-or-later
/* Which part of a tree a mount of it shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "local/binding.h"

static void test_part(void **state)
{
	(void)state;
	assert_string_equal(hsm_binding_part("a/b", ""), "a/b");
	assert_string_equal(hsm_binding_part("a/b", "a"), "b");
	assert_string_equal(hsm_binding_part("a/b", "a/b"), "");
	assert_null(hsm_binding_part("a/b", "a/b/c"));
	assert_null(hsm_binding_part("ab/c", "a"));
	assert_null(hsm_binding_part("x/a", "a"));
	assert_string_equal(hsm_binding_part("", ""), "");
	assert_null(hsm_binding_part("", "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
