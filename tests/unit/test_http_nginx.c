// SPDX-License-Identifier: GPL-2.0-or-later
/* http:// and https:// (HTTP/2) against a real nginx. */
#include "remote_helpers.h"

#define LARGE (32 << 20)

static struct server server;
static char tls_url[128], www[128], cacert[128];

static int setup(void **state)
{
	int port;

	(void)state;
	nginx_start(&server, &port);
	snprintf(tls_url, sizeof(tls_url), "https://127.0.0.1:%d/", port);
	snprintf(cacert, sizeof(cacert), "%s/cert", server.dir);
	snprintf(www, sizeof(www), "%s/www", server.dir);
	file_make(www, "large", LARGE);
	file_make(www, "small", 4096);
	file_make(www, "empty", 0);
	directory_make(www, "dir");
	directory_make(www, "up");
	file_make(www, "up/file", 100);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	server_stop(&server);
	return 0;
}

static void check_tree(const char *url)
{
	const struct hsm_remote_options options = { .cacert = cacert };
	struct tree tree = tree_open(url, &options);
	struct hsm_version now;
	struct names names = { 0 };

	assert_int_equal(hsm_conn_list(tree.conn, "", names_add, &names), 0);
	assert_has(names.text, "f large 33554432\n");
	assert_has(names.text, "f empty 0\n");
	assert_has(names.text, "d dir -1\n");
	assert_int_equal(hsm_conn_stat(tree.conn, "large", &now), 0);
	assert_int_equal(now.size, LARGE);
	assert_true(now.etag[0]);
	assert_int_equal(read_range(tree.conn, "large", &now, 0, 0, 1 << 20),
			 LARGE);
	assert_int_equal(read_range(tree.conn, "large", &now, 1, 0, 5000),
			 LARGE - 1);
	assert_int_equal(read_range(tree.conn, "large", &now, 12345, 678910,
				    4096), 678910);
	now.etag[0] = '\0';
	assert_int_equal(read_range(tree.conn, "large", &now, 5, 9, 4096), 9);
	now.mtime.tv_sec--;
	assert_int_equal(read_range(tree.conn, "large", &now, 5, 9, 4096),
			 -ESTALE);
	assert_int_equal(read_range(tree.conn, "small", &anything, 4096, 9,
				    10), -EPROTO);
	assert_int_equal(read_whole(tree.conn, "empty"), 0);
	assert_int_equal(read_whole(tree.conn, "dir"), -ENOENT);
	assert_int_equal(hsm_conn_list(tree.conn, "large", names_add, &names),
			 -ENOENT);
	tree_close(&tree);
}

static void test_http(void **state)
{
	(void)state;
	check_tree(server.url);
}

static void test_https(void **state)
{
	(void)state;
	check_tree(tls_url);
}

/* An open stream that nobody reads neither blocks nor grows. */
static void test_abandoned_streams(void **state)
{
	const struct hsm_remote_options options = { .insecure = true };
	struct tree tree = tree_open(tls_url, &options);

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct hsm_stream *stream;
		struct hsm_version now;
		uint64_t start;
		char buf[100];

		assert_int_equal(hsm_stream_open(tree.conn, "large",
						 &anything, i, 0, &stream,
						 &now, &start), 0);
		assert_int_equal(hsm_stream_read(stream, buf, i), i);
		hsm_stream_close(stream);
		assert_int_equal(read_whole(tree.conn, "small"), 4096);
	}
	tree_close(&tree);
}

static void test_certificate(void **state)
{
	const struct hsm_remote_options strict = { .retries = 9 };
	const struct hsm_remote_options insecure = { .insecure = true };
	struct tree tree = tree_open(tls_url, &strict);
	uint64_t bytes, requests;

	(void)state;
	assert_int_equal(read_whole(tree.conn, "small"), -EHOSTUNREACH);
	assert_has(hsm_conn_error(tree.conn), "certificate");
	hsm_conn_count(tree.conn, &bytes, &requests);
	assert_int_equal(requests, 1);
	tree_close(&tree);
	tree = tree_open(tls_url, &insecure);
	assert_int_equal(read_whole(tree.conn, "small"), 4096);
	tree_close(&tree);
	setenv("CURL_CA_BUNDLE", cacert, 1);
	tree = tree_open(tls_url, &strict);
	assert_int_equal(read_whole(tree.conn, "small"), 4096);
	tree_close(&tree);
	unsetenv("CURL_CA_BUNDLE");
}

static void test_upgrade(void **state)
{
	const struct hsm_remote_options options = { .cacert = cacert };
	struct tree tree = tree_open(server.url, &options);
	struct names names = { 0 };

	(void)state;
	assert_int_equal(hsm_conn_list(tree.conn, "up", names_add, &names),
			 0);
	assert_has(names.text, "f file 100\n");
	assert_int_equal(read_whole(tree.conn, "up/file"), 100);
	tree_close(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_https),
		cmocka_unit_test(test_abandoned_streams),
		cmocka_unit_test(test_certificate),
		cmocka_unit_test(test_upgrade),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
