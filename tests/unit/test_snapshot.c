// SPDX-License-Identifier: GPL-2.0-or-later
/* Which names were there last time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "names/snapshot.h"

static char scratch[64];
static int store;

static int make_store(void **state)
{
	(void)state;
	snprintf(scratch, sizeof(scratch), "%s", "/tmp/hsm-snapshot.XXXXXX");
	assert_non_null(mkdtemp(scratch));
	store = open(scratch, O_RDONLY | O_DIRECTORY);
	assert_true(store >= 0);
	assert_int_equal(mkdirat(store, "listed", 0700), 0);
	return 0;
}

static int remove_store(void **state)
{
	char command[128];

	(void)state;
	close(store);
	snprintf(command, sizeof(command), "rm -r %s", scratch);
	return system(command);
}

static void list(const char *path, unsigned int first, unsigned int count)
{
	struct hsm_snapshot snapshot;
	char name[32];

	assert_int_equal(hsm_snapshot_open(&snapshot, store, path), 0);
	for (unsigned int n = first; n < first + count; n++) {
		snprintf(name, sizeof(name), "name %u", n);
		assert_int_equal(hsm_snapshot_add(&snapshot, name), 0);
	}
	assert_int_equal(hsm_snapshot_finish(&snapshot), 0);
	assert_int_equal(hsm_snapshot_commit(&snapshot), 0);
	hsm_snapshot_close(&snapshot);
}

static void expect(const char *path, unsigned int first, unsigned int count)
{
	struct hsm_snapshot snapshot;
	char name[32];

	assert_int_equal(hsm_snapshot_open(&snapshot, store, path), 0);
	for (unsigned int n = 0; n < first + count + 1000; n++) {
		snprintf(name, sizeof(name), "name %u", n);
		assert_int_equal(hsm_snapshot_knows(&snapshot, name),
				 n >= first && n < first + count);
	}
	hsm_snapshot_close(&snapshot);
}

static void test_names_that_vanished(void **state)
{
	struct hsm_snapshot snapshot;

	(void)state;
	list("less", 0, 100);
	assert_int_equal(hsm_snapshot_open(&snapshot, store, "less"), 0);
	assert_int_equal(hsm_snapshot_add(&snapshot, "name 1"), 0);
	assert_int_equal(hsm_snapshot_add(&snapshot, "new"), 0);
	assert_int_equal(hsm_snapshot_finish(&snapshot), 0);
	assert_false(hsm_snapshot_vanished(&snapshot, "name 1"));
	assert_false(hsm_snapshot_vanished(&snapshot, "new"));
	assert_false(hsm_snapshot_vanished(&snapshot, "made here"));
	assert_true(hsm_snapshot_vanished(&snapshot, "name 2"));
	hsm_snapshot_close(&snapshot);
}

static void test_names_are_found(void **state)
{
	static const unsigned int counts[] = { 0, 1, 63, 64, 65, 1000, 100000 };

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		list("dir", 500, counts[i]);
		expect("dir", 500, counts[i]);
		expect("other", 0, 0);
	}
}

/* Root can put anything into the store, and is not led elsewhere by it. */
static void test_folder_is_no_link(void **state)
{
	struct hsm_snapshot snapshot;

	(void)state;
	assert_int_equal(renameat(store, "listed", store, "elsewhere"), 0);
	assert_int_equal(symlinkat("elsewhere", store, "listed"), 0);
	assert_true(hsm_snapshot_open(&snapshot, store, "dir") < 0);
	assert_int_equal(unlinkat(store, "listed", 0), 0);
	assert_int_equal(renameat(store, "elsewhere", store, "listed"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_found),
		cmocka_unit_test(test_names_that_vanished),
		cmocka_unit_test(test_folder_is_no_link),
	};

	return cmocka_run_group_tests(tests, make_store, remove_store);
}
