// SPDX-License-Identifier: GPL-2.0-or-later
/* Where a thread that waits in the middle of a path is going. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stage/walker.h"

static void test_rest(void **state)
{
	const char *from = "a/b/c";

	(void)state;
	assert_string_equal(hsm_walker_rest(&from, "a"), "b/c");
	from = "/x//a///b/";
	assert_string_equal(hsm_walker_rest(&from, "a"), "b/");
	assert_null(hsm_walker_rest(&from, "a"));
	from = "a/b/a/c";
	assert_string_equal(hsm_walker_rest(&from, "a"), "b/a/c");
	assert_string_equal(hsm_walker_rest(&from, "a"), "c");
	assert_null(hsm_walker_rest(&from, "a"));
	/* A whole component, not a part of one. */
	from = "ab/ca";
	assert_null(hsm_walker_rest(&from, "a"));
	from = "x/a";
	assert_string_equal(hsm_walker_rest(&from, "a"), "");
	from = "";
	assert_null(hsm_walker_rest(&from, "a"));
}

/*
 * A child that waits in openat() of a fifo that nobody writes to, with `path`
 * as the kernel sees it.
 */
static pid_t child_at(const char *path)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0) < 0);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* The child may not have come as far yet. */
static bool sees(pid_t pid, const char *path)
{
	static struct hsm_walker walker;
	const struct timespec moment = { .tv_nsec = 5000000 };
	unsigned int tries, i;

	for (tries = 0; tries < 2000; tries++) {
		hsm_walker_look(pid, &walker);
		for (i = 0; i < walker.count; i++)
			if (!strcmp(walker.paths[i], path))
				return walker.enters;
		nanosleep(&moment, NULL);
	}
	return false;
}

static void test_look(void **state)
{
	char folder[] = "/tmp/test-walker.XXXXXX", fifo[64], *edge;
	long page = sysconf(_SC_PAGESIZE);
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	pid = child_at(fifo);
	assert_true(sees(pid, fifo));
	end_child(pid);
	/* It ends at the end of a page, and the next one is not there. */
	edge = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(edge, MAP_FAILED);
	assert_int_equal(mprotect(edge + page, (size_t)page, PROT_NONE), 0);
	edge += (size_t)page - strlen(fifo) - 1;
	strcpy(edge, fifo);
	pid = child_at(edge);
	assert_true(sees(pid, fifo));
	end_child(pid);
	unlink(fifo);
	rmdir(folder);
}

/* Nobody, somebody who runs, somebody who is gone: nothing is known. */
static void test_look_in_vain(void **state)
{
	static struct hsm_walker walker = { .count = 7 };
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		for (;;)
			;
	hsm_walker_look(0, &walker);
	assert_int_equal(walker.count, 0);
	hsm_walker_look(-1, &walker);
	assert_int_equal(walker.count, 0);
	hsm_walker_look(pid, &walker);
	assert_int_equal(walker.count, 0);
	end_child(pid);
	hsm_walker_look(pid, &walker);
	assert_int_equal(walker.count, 0);
	assert_false(walker.enters);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_look),
		cmocka_unit_test(test_look_in_vain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
