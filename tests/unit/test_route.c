// SPDX-License-Identifier: GPL-2.0-or-later
/* Where somebody's path leads, one directory at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stage/route.h"

static char folder[] = "/tmp/test-route.XXXXXX";
static int root = -1;

/* a/b/c, a file in it, and links. */
static int make(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	root = open(folder, O_RDONLY | O_DIRECTORY);
	if (root < 0 || mkdirat(root, "a", 0755) || mkdirat(root, "a/b", 0755) ||
	    mkdirat(root, "a/b/c", 0755) || mkdirat(root, "d", 0755) ||
	    mknodat(root, "a/b/file", S_IFREG | 0644, 0))
		return -1;
	return symlinkat("a/b", root, "relative") ||
	       symlinkat("/a/b", root, "absolute") ||
	       symlinkat("../a", root, "d/up") ||
	       symlinkat("turn", root, "turn") ||
	       symlinkat("none", root, "dangling");
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int clean(void **state)
{
	(void)state;
	close(root);
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The directories that `path` leads through, as names with a slash each. */
static const char *walk(const char *path, bool enters)
{
	static char names[4096];
	static struct hsm_route route;
	int at = dup(root);

	names[0] = '\0';
	assert_true(hsm_route_begin(&route, path, enters));
	while (hsm_route_next(&route, &at)) {
		strcat(names, route.name);
		strcat(names, "/");
	}
	close(at);
	return names;
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(walk("a/b/c/none", false), "a/b/c/");
	assert_string_equal(walk("/a//b/./c/file", false), "a/b/c/");
	assert_string_equal(walk("a/none/c", false), "a/");
	assert_string_equal(walk("", true), "");
	assert_string_equal(walk("/", true), "");
}

/* The last one is entered by what lists it, and by a slash after it. */
static void test_end(void **state)
{
	(void)state;
	assert_string_equal(walk("a/b", false), "a/");
	assert_string_equal(walk("a/b", true), "a/b/");
	assert_string_equal(walk("a/b/", false), "a/b/");
	assert_string_equal(walk("a/b/file", true), "a/b/");
	assert_string_equal(walk("a/b/file/x", false), "a/b/");
}

static void test_links(void **state)
{
	(void)state;
	assert_string_equal(walk("relative/c/x", false), "a/b/c/");
	/* Where these lead nobody knows without the walker's root. */
	assert_string_equal(walk("absolute/c/x", false), "");
	assert_string_equal(walk("dangling/x", false), "");
	/* A turn without end. */
	assert_string_equal(walk("turn/x", false), "");
}

/* `..` leads up as far as the kernel says, and never out of what can be seen. */
static void test_dots(void **state)
{
	(void)state;
	assert_string_equal(walk("d/up/b/x", false), "d/../a/b/");
	assert_string_equal(walk("a/../d/x", false), "a/../d/");
}

static void test_through(void **state)
{
	static struct hsm_route route;
	int b = openat(root, "a/b", O_RDONLY | O_DIRECTORY);

	(void)state;
	assert_true(hsm_route_through(&route, root, "a/b/c/x", false, b));
	assert_string_equal(route.rest, "/c/x");
	assert_true(hsm_route_through(&route, root, "relative/c/x", false, b));
	assert_int_equal(route.links, 0);
	/* As many slashes as there were, and the link's. */
	assert_string_equal(route.rest + strspn(route.rest, "/"), "c/x");
	assert_false(hsm_route_through(&route, root, "d/x", false, b));
	/* The directory itself is looked at, not walked through. */
	assert_false(hsm_route_through(&route, root, "a/b", false, b));
	assert_true(hsm_route_through(&route, root, "a/b", true, b));
	assert_false(hsm_route_through(&route, -1, "a/b", true, b));
	close(b);
}

static void test_too_long(void **state)
{
	static struct hsm_route route;
	char path[2 * PATH_MAX], name[NAME_MAX + 4];
	int at = dup(root);

	(void)state;
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_false(hsm_route_begin(&route, path, false));
	/* A name that cannot be one ends the route. */
	memset(name, 'x', sizeof(name));
	strcpy(name + NAME_MAX + 1, "/y");
	assert_true(hsm_route_begin(&route, name, true));
	assert_false(hsm_route_next(&route, &at));
	close(at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_dots),
		cmocka_unit_test(test_through),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, make, clean);
}
