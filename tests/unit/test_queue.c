// SPDX-License-Identifier: GPL-2.0-or-later
/* Whose file is next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/queue.h"

static struct hsm_object *object(uintptr_t n)
{
	return (struct hsm_object *)n;
}

static void push(struct hsm_queue *queue, int64_t user, uintptr_t n)
{
	assert_int_equal(hsm_queue_push(queue, user, object(n)), 0);
}

static void expect(struct hsm_queue *queue, int64_t user, uintptr_t n)
{
	int64_t whose = -3;

	assert_true(hsm_queue_ready(queue, user != HSM_USER_AHEAD));
	assert_ptr_equal(hsm_queue_pop(queue, &whose), object(n));
	assert_int_equal(whose, user);
}

static void expect_none(struct hsm_queue *queue)
{
	int64_t whose;

	assert_false(hsm_queue_ready(queue, false));
	assert_null(hsm_queue_pop(queue, &whose));
}

static void test_turns(void **state)
{
	struct hsm_queue queue = { .jobs = 100 };

	(void)state;
	for (uintptr_t n = 1; n <= 200; n++)
		push(&queue, 7, n);
	push(&queue, 8, 1001);
	push(&queue, 8, 1002);
	push(&queue, HSM_USER_UNKNOWN, 2001);
	expect(&queue, 7, 1);
	expect(&queue, 8, 1001);
	expect(&queue, HSM_USER_UNKNOWN, 2001);
	expect(&queue, 7, 2);
	expect(&queue, 8, 1002);
	for (uintptr_t n = 3; n <= 90; n++)
		expect(&queue, 7, n);
	hsm_queue_free(&queue);
}

static void test_one_more_for_who_has_none(void **state)
{
	struct hsm_queue queue = { .jobs = 2 };

	(void)state;
	for (uintptr_t n = 1; n <= 10; n++)
		push(&queue, 7, n);
	expect(&queue, 7, 1);
	expect(&queue, 7, 2);
	expect_none(&queue);
	push(&queue, 8, 1001);
	push(&queue, 8, 1002);
	expect(&queue, 8, 1001);
	expect_none(&queue);
	hsm_queue_done(&queue, 7);
	expect_none(&queue); /* two are at work: as many as jobs */
	hsm_queue_done(&queue, 8);
	expect(&queue, 7, 3);
	expect(&queue, 8, 1002);
	hsm_queue_done(&queue, 8);
	hsm_queue_done(&queue, 7);
	hsm_queue_done(&queue, 7);
	expect(&queue, 7, 4);
	hsm_queue_free(&queue);
}

static void test_read_ahead_comes_last(void **state)
{
	struct hsm_queue queue = { .jobs = 3 };

	(void)state;
	for (uintptr_t n = 1; n <= 5; n++)
		assert_int_equal(hsm_queue_push_later(&queue, object(n)), 0);
	push(&queue, 7, 1001);
	expect(&queue, 7, 1001);
	expect(&queue, HSM_USER_AHEAD, 1);
	expect(&queue, HSM_USER_AHEAD, 2);
	expect_none(&queue);
	hsm_queue_done(&queue, 7);
	expect(&queue, HSM_USER_AHEAD, 3);
	/* However much is read ahead, who waits and has nothing gets a thread. */
	push(&queue, 7, 1002);
	expect(&queue, 7, 1002);
	hsm_queue_done(&queue, HSM_USER_AHEAD);
	hsm_queue_done(&queue, HSM_USER_AHEAD);
	assert_false(hsm_queue_ready(&queue, true));
	expect(&queue, HSM_USER_AHEAD, 4);
	hsm_queue_free(&queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_one_more_for_who_has_none),
		cmocka_unit_test(test_read_ahead_comes_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
