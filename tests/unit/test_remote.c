// SPDX-License-Identifier: GPL-2.0-or-later
/* What all remotes share, and file://. */
#include "remote_helpers.h"

#include <sys/un.h>

static char dir[64];
static char url[128];

static int setup(void **state)
{
	(void)state;
	scratch_make(dir, sizeof(dir));
	snprintf(url, sizeof(url), "file://%s", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

static const char *in_dir(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void test_urls(void **state)
{
	static const struct {
		const char *url, *shown;
	} rows[] = {
		{ "http://host", "http://host/" },
		{ "http://host/a/b///", "http://host/a/b/" },
		{ "HTTPS://u:secret@host:8443/a b", "https://host:8443/a%20b/" },
		{ "http://[::1]:8080/x", "http://[::1]:8080/x/" },
		{ "file:///", "file:///" },
		{ "file:///a%20b/%C3%A9", "file:///a%20b/%C3%A9/" },
		{ "file:///a b#", NULL },
		{ "file://localhost/x", "file:///x/" },
		{ "FILE://LOCALHOST/x/", "file:///x/" },
		{ "file://elsewhere/x", NULL },
		{ "file://u@localhost/x", NULL },
		{ "file:///a%00b", NULL },
		{ "http://host/x?y", NULL },
		{ "http://", NULL },
		{ "http://ho st/", NULL },
		{ "http://host:99999/", NULL },
		{ "ftp://host/", NULL },
		{ "/just/a/path", NULL },
		{ "", NULL },
	};
	const struct hsm_remote_options options = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct hsm_remote *remote = NULL;
		char error[256] = "";
		int result = hsm_remote_open(&remote, rows[i].url, &options,
					     NULL, error, sizeof(error));

		assert_lacks(error, "secret");
		if (rows[i].shown) {
			assert_int_equal(result, 0);
			assert_string_equal(hsm_remote_url(remote),
					    rows[i].shown);
		} else {
			assert_int_equal(result, -EINVAL);
			assert_true(error[0]);
		}
		hsm_remote_close(remote);
	}
}

static void test_paths_stay_below(void **state)
{
	static const char *const bad[] = { "..",   "a/../b", ".", "a/.",
					   "/etc", "a//b",   "a/" };
	struct tree tree = tree_open(url, NULL);
	struct hsm_version now;
	struct names names = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(hsm_conn_stat(tree.conn, bad[i], &now),
				 -EINVAL);
		assert_int_equal(hsm_conn_list(tree.conn, bad[i], names_add,
					       &names), -EINVAL);
		assert_int_equal(read_whole(tree.conn, bad[i]), -EINVAL);
	}
	assert_int_equal(names.count, 0);
	tree_close(&tree);
}

static void test_read(void **state)
{
	struct tree tree = tree_open(url, NULL);
	uint64_t bytes, requests;

	(void)state;
	file_make(dir, "file", 300001);
	file_make(dir, "empty", 0);
	assert_int_equal(read_whole(tree.conn, "file"), 300001);
	assert_int_equal(read_range(tree.conn, "file", &anything, 5, 0, 7),
			 299996);
	assert_int_equal(read_range(tree.conn, "file", &anything, 4095, 4097,
				    1000), 4097);
	assert_int_equal(read_range(tree.conn, "file", &anything, 300000, 99,
				    1000), 1);
	assert_int_equal(read_whole(tree.conn, "empty"), 0);
	hsm_conn_count(tree.conn, &bytes, &requests);
	assert_int_equal(bytes, 300001 + 299996 + 4097 + 1);
	assert_int_equal(requests, 5);
	tree_close(&tree);
}

static void test_version(void **state)
{
	struct tree tree = tree_open(url, NULL);
	struct hsm_version now, other;
	struct stat st;

	(void)state;
	file_make(dir, "versioned", 100);
	assert_int_equal(stat(in_dir("versioned"), &st), 0);
	assert_int_equal(hsm_conn_stat(tree.conn, "versioned", &now), 0);
	assert_int_equal(now.size, 100);
	assert_int_equal(now.precision, HSM_PRECISION_NANO);
	assert_int_equal(now.mtime.tv_sec, st.st_mtim.tv_sec);
	assert_int_equal(now.mtime.tv_nsec, st.st_mtim.tv_nsec);
	assert_string_equal(now.etag, "");
	assert_int_equal(read_range(tree.conn, "versioned", &now, 0, 0, 64),
			 100);
	other = now;
	other.mtime.tv_nsec ^= 1;
	assert_int_equal(read_range(tree.conn, "versioned", &other, 0, 0, 64),
			 -ESTALE);
	assert_has(hsm_conn_error(tree.conn), "versioned");
	other = now;
	other.size++;
	assert_int_equal(read_range(tree.conn, "versioned", &other, 0, 0, 64),
			 -ESTALE);
	tree_close(&tree);
}

static void expect_stale_after(const char *name, void (*change)(const char *))
{
	struct tree tree = tree_open(url, NULL);
	struct hsm_stream *stream;
	struct hsm_version now;
	uint64_t start;
	char buf[100];

	file_make(dir, name, 1000);
	assert_int_equal(hsm_stream_open(tree.conn, name, &anything, 0, 0,
					 &stream, &now, &start), 0);
	assert_int_equal(hsm_stream_read(stream, buf, sizeof(buf)), 100);
	usleep(20000);
	change(in_dir(name));
	assert_int_equal(hsm_stream_read(stream, buf, sizeof(buf)), -ESTALE);
	hsm_stream_close(stream);
	tree_close(&tree);
}

static void rewrite(const char *path)
{
	int fd = open(path, O_WRONLY);

	assert_int_equal(pwrite(fd, "x", 1, 500), 1);
	close(fd);
}

static void empty(const char *path)
{
	assert_int_equal(truncate(path, 0), 0);
}

static void test_change_while_reading(void **state)
{
	(void)state;
	expect_stale_after("rewritten", rewrite);
	expect_stale_after("emptied", empty);
}

static void make_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      sizeof(address)), 0);
	close(fd);
}

static int check_entry(void *arg, const struct hsm_entry *entry)
{
	(void)arg;
	if (strcmp(entry->name, "suid") == 0)
		assert_int_equal(entry->mode, 0750);
	if (entry->type == HSM_ENTRY_FILE)
		assert_int_equal(entry->version.precision, HSM_PRECISION_NANO);
	return 0;
}

static void test_list(void **state)
{
	struct tree tree = tree_open(url, NULL);
	struct names names = { 0 };

	(void)state;
	assert_int_equal(mkdir(in_dir("kinds"), 0755), 0);
	assert_int_equal(mkdir(in_dir("kinds/sub"), 0755), 0);
	file_make(dir, "kinds/new\nline \377", 3);
	file_make(dir, "kinds/suid", 4);
	assert_int_equal(chmod(in_dir("kinds/suid"), 04750), 0);
	assert_int_equal(symlink("../x y", in_dir("kinds/link")), 0);
	assert_int_equal(mkfifo(in_dir("kinds/fifo"), 0644), 0);
	make_socket(in_dir("kinds/socket"));
	assert_int_equal(hsm_conn_list(tree.conn, "kinds", names_add, &names),
			 0);
	assert_int_equal(names.count, 6);
	assert_has(names.text, "d sub -1\n");
	assert_has(names.text, "f new\nline \377 3\n");
	assert_has(names.text, "f suid 4\n");
	assert_has(names.text, "l link -> ../x y");
	assert_has(names.text, "s fifo -> a fifo");
	assert_has(names.text, "s socket -> a socket");
	assert_int_equal(hsm_conn_list(tree.conn, "kinds", check_entry, NULL),
			 0);
	names = (struct names){ .error = -EXFULL, .stop_after = 2 };
	assert_int_equal(hsm_conn_list(tree.conn, "kinds", names_add, &names),
			 -EXFULL);
	assert_int_equal(names.count, 2);
	tree_close(&tree);
}

/* A link is reported, never followed: not at the end, not in the middle. */
static void test_links_are_not_followed(void **state)
{
	struct tree tree = tree_open(url, NULL);
	struct hsm_version now;
	struct names names = { 0 };

	(void)state;
	assert_int_equal(mkdir(in_dir("inside"), 0755), 0);
	file_make(dir, "inside/file", 10);
	assert_int_equal(symlink("inside/file", in_dir("to-file")), 0);
	assert_int_equal(symlink("inside", in_dir("to-dir")), 0);
	assert_int_equal(symlink("/etc", in_dir("to-etc")), 0);
	assert_int_equal(read_whole(tree.conn, "inside/file"), 10);
	assert_int_equal(read_whole(tree.conn, "to-file"), -ENOENT);
	assert_int_equal(read_whole(tree.conn, "to-dir/file"), -ENOENT);
	assert_int_equal(read_whole(tree.conn, "to-etc/passwd"), -ENOENT);
	assert_int_equal(hsm_conn_stat(tree.conn, "to-file", &now), -ENOENT);
	assert_int_equal(hsm_conn_list(tree.conn, "to-dir", names_add, &names),
			 -ENOTDIR);
	assert_int_equal(names.count, 0);
	tree_close(&tree);
}

static void test_wrong_kinds(void **state)
{
	struct tree tree = tree_open(url, NULL);
	struct hsm_version now;
	struct names names = { 0 };

	(void)state;
	file_make(dir, "plain", 10);
	assert_int_equal(mkdir(in_dir("directory"), 0755), 0);
	assert_int_equal(mkfifo(in_dir("pipe"), 0644), 0);
	assert_int_equal(read_whole(tree.conn, "directory"), -ENOENT);
	assert_int_equal(read_whole(tree.conn, "pipe"), -ENOENT);
	assert_int_equal(read_whole(tree.conn, "plain/x"), -ENOENT);
	assert_int_equal(read_whole(tree.conn, "missing"), -ENOENT);
	assert_has(hsm_conn_error(tree.conn), "missing: No such file");
	assert_int_equal(hsm_conn_stat(tree.conn, "directory", &now), -ENOENT);
	assert_int_equal(hsm_conn_list(tree.conn, "plain", names_add, &names),
			 -ENOTDIR);
	assert_int_equal(hsm_conn_list(tree.conn, "missing", names_add,
				       &names), -ENOENT);
	tree_close(&tree);
}

static void test_root_is_missing(void **state)
{
	char missing[160];
	struct names names = { 0 };
	struct tree tree;

	(void)state;
	snprintf(missing, sizeof(missing), "%s/not/there", url);
	tree = tree_open(missing, NULL);
	assert_int_equal(hsm_conn_list(tree.conn, "", names_add, &names),
			 -ENOENT);
	tree_close(&tree);
}

static void test_one_stream(void **state)
{
	struct tree tree = tree_open(url, NULL);
	struct hsm_stream *stream, *second;
	struct hsm_version now;
	uint64_t start;

	(void)state;
	file_make(dir, "one", 10);
	assert_int_equal(hsm_stream_open(tree.conn, "one", &anything, 0, 0,
					 &stream, &now, &start), 0);
	assert_int_equal(hsm_stream_open(tree.conn, "one", &anything, 0, 0,
					 &second, &now, &start), -EBUSY);
	assert_int_equal(hsm_conn_stat(tree.conn, "one", &now), -EBUSY);
	hsm_stream_close(stream);
	hsm_stream_close(NULL);
	assert_int_equal(hsm_conn_stat(tree.conn, "one", &now), 0);
	tree_close(&tree);
}

static void test_cancel(void **state)
{
	struct tree tree = tree_open(url, NULL);
	struct hsm_stream *stream;
	struct hsm_version now;
	uint64_t start;
	char byte;

	(void)state;
	file_make(dir, "canceled", 10);
	assert_int_equal(hsm_stream_open(tree.conn, "canceled", &anything, 0,
					 0, &stream, &now, &start), 0);
	hsm_conn_cancel(tree.conn);
	assert_int_equal(hsm_stream_read(stream, &byte, 1), -ECANCELED);
	hsm_stream_close(stream);
	assert_int_equal(hsm_conn_stat(tree.conn, "canceled", &now),
			 -ECANCELED);
	tree_close(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_paths_stay_below),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_change_while_reading),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_links_are_not_followed),
		cmocka_unit_test(test_wrong_kinds),
		cmocka_unit_test(test_root_is_missing),
		cmocka_unit_test(test_one_stream),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
