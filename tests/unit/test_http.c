// SPDX-License-Identifier: GPL-2.0-or-later
/* http:// against a server that fails on demand. */
#include "remote_helpers.h"

#include <ctype.h>
#include <pthread.h>

#define SIZE 1000003 /* of "file" */

static struct server server;
static struct tree tree;
static const struct hsm_remote_options usual = {
	.retries = 4, .timeout_s = 5
};

static int setup(void **state)
{
	(void)state;
	fault_server_start(&server);
	file_make(server.dir, "file", SIZE);
	file_make(server.dir, "large", 64 << 20);
	file_make(server.dir, "empty", 0);
	text_make(server.dir, "page.html", "<p>hello <a href=x>x</a>");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	server_stop(&server);
	return 0;
}

static int each_setup(void **state)
{
	(void)state;
	free(ask_server(server.port, "POST", "/_reset"));
	tree = tree_open(server.url, &usual);
	return 0;
}

static int each_teardown(void **state)
{
	(void)state;
	tree_close(&tree);
	return 0;
}

static void reopen(const char *url, const struct hsm_remote_options *options)
{
	tree_close(&tree);
	tree = tree_open(url, options);
}

static void fault(const char *query)
{
	char path[256];

	snprintf(path, sizeof(path), "/_fault?%s", query);
	free(ask_server(server.port, "POST", path));
}

static int count(const char *text, const char *part)
{
	int n = 0;

	while ((text = strstr(text, part))) {
		text += strlen(part);
		n++;
	}
	return n;
}

/* How many requests so far have `part` in their line of the log. */
static int requests_with(const char *part)
{
	char *log = ask_server(server.port, "GET", "/_log");
	char *line = strstr(log, "\r\n\r\n");
	int n = 0;

	for (line = strtok(line, "\r\n"); line; line = strtok(NULL, "\r\n"))
		n += count(line, part) > 0;
	free(log);
	return n;
}

static int requests(void)
{
	return requests_with("\"method\"");
}

static struct hsm_version version(void)
{
	struct hsm_version now;

	assert_int_equal(hsm_conn_stat(tree.conn, "file", &now), 0);
	return now;
}

/* ------------------------------------------------------ all is well -- */

static void test_read(void **state)
{
	(void)state;
	assert_int_equal(read_whole(tree.conn, "file"), SIZE);
	assert_int_equal(requests_with("\"Range\""), 0);
	assert_int_equal(requests_with("\"Accept-Encoding\": \"identity\""),
			 1);
	assert_int_equal(read_whole(tree.conn, "empty"), 0);
	assert_int_equal(read_range(tree.conn, "file", &anything, 1, 0, 4096),
			 SIZE - 1);
	assert_int_equal(requests_with("\"Range\": \"bytes=1-\""), 1);
	assert_int_equal(read_range(tree.conn, "file", &anything, 4095, 4098,
				    1000), 4098);
	assert_int_equal(requests_with("\"Range\": \"bytes=4095-8192\""), 1);
	assert_int_equal(read_range(tree.conn, "file", &anything, SIZE - 1,
				    100, 1000), 1);
	assert_int_equal(read_range(tree.conn, "large", &anything, 0, 0,
				    1 << 20), 64 << 20);
	assert_int_equal(requests(), 6);
}

static void test_connection_is_kept(void **state)
{
	char *log, *client, key[64];
	struct names names = { 0 };

	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(read_whole(tree.conn, "file"), SIZE);
		version();
		assert_int_equal(hsm_conn_list(tree.conn, "", names_add,
					       &names), 0);
		assert_int_equal(read_whole(tree.conn, "missing"), -ENOENT);
	}
	log = ask_server(server.port, "GET", "/_log");
	client = strstr(log, "\"client\"");
	snprintf(key, sizeof(key), "%.*s", (int)strcspn(client, ","), client);
	assert_int_equal(count(log, key), 80);
	free(log);
}

static void test_count(void **state)
{
	struct names names = { 0 };
	uint64_t bytes, n;

	(void)state;
	read_whole(tree.conn, "file");
	version();
	hsm_conn_list(tree.conn, "", names_add, &names);
	hsm_conn_count(tree.conn, &bytes, &n);
	assert_int_equal(bytes, SIZE);
	assert_int_equal(n, 3);
}

static void test_slow_reader(void **state)
{
	char *log, *sent, buf[4096];
	struct hsm_stream *stream;
	struct hsm_version now;
	uint64_t start;

	(void)state;
	assert_int_equal(hsm_stream_open(tree.conn, "large", &anything, 0, 0,
					 &stream, &now, &start), 0);
	assert_true(hsm_stream_read(stream, buf, sizeof(buf)) > 0);
	usleep(500000);
	log = ask_server(server.port, "GET", "/_log");
	sent = strstr(log, "\"sent\": ");
	/* What the two sockets hold, and no more. */
	assert_true(atol(sent + 8) < 16 << 20);
	free(log);
	hsm_stream_close(stream);
	assert_int_equal(read_whole(tree.conn, "file"), SIZE);
}

static void test_names_are_encoded(void **state)
{
	static const char name[] = "a b%41?#\"\303\251\377;&+.bin";
	struct hsm_version now;

	(void)state;
	file_make(server.dir, name, 100);
	assert_int_equal(read_whole(tree.conn, name), 100);
	assert_int_equal(hsm_conn_stat(tree.conn, name, &now), 0);
	assert_int_equal(now.size, 100);
}

static void test_fork(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	read_whole(tree.conn, "file");
	pid = fork();
	if (!pid) {
		struct tree again = tree_open(server.url, NULL);

		_exit(read_whole(again.conn, "file") != SIZE);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read_whole(tree.conn, "file"), SIZE);
}

/* --------------------------------------------------------- versions -- */

static void test_stat(void **state)
{
	struct hsm_version now = version();
	struct stat st;
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/file", server.dir);
	stat(path, &st);
	assert_int_equal(now.size, SIZE);
	assert_int_equal(now.precision, HSM_PRECISION_SECOND);
	assert_int_equal(now.mtime.tv_sec, st.st_mtime);
	assert_int_equal(now.etag[0], '"');
	assert_int_equal(hsm_conn_stat(tree.conn, "missing", &now), -ENOENT);
	assert_has(hsm_conn_error(tree.conn),
		   "missing: the server says 404 Not Found");
}

static void test_stat_without_head(void **state)
{
	struct hsm_version known = version(), now;

	(void)state;
	fault("path=*&kind=405&method=HEAD");
	now = version();
	assert_memory_equal(&known, &now, sizeof(now));
	assert_int_equal(hsm_conn_stat(tree.conn, "empty", &now), 0);
	assert_int_equal(now.size, 0);
	fault("path=/file&kind=no-range&method=GET");
	now = version();
	assert_memory_equal(&known, &now, sizeof(now));
}

static void test_stat_without_length(void **state)
{
	(void)state;
	fault("path=/file&kind=no-length");
	assert_int_equal(version().size, SIZE);
	assert_int_equal(requests(), 2);
}

static void expect_stale(const struct hsm_version *want)
{
	assert_int_equal(read_range(tree.conn, "file", want, 0, 0, 64),
			 -ESTALE);
	assert_int_equal(read_range(tree.conn, "file", want, 5, 100, 64),
			 -ESTALE);
	assert_has(hsm_conn_error(tree.conn), "/file: ");
}

static void test_versions_are_compared(void **state)
{
	struct hsm_version now = version(), want = now;

	(void)state;
	assert_int_equal(read_range(tree.conn, "file", &want, 5, 0, 4096),
			 SIZE - 5);
	assert_int_equal(requests_with("\"If-Range\": \"\\\""), 1);
	want.etag[1] ^= 1;
	expect_stale(&want);
	want = now;
	want.size--;
	expect_stale(&want);
	/* A listing knows no ETag: its date is what is compared. */
	want = now;
	want.etag[0] = '\0';
	assert_int_equal(read_range(tree.conn, "file", &want, 5, 9, 4096), 9);
	assert_int_equal(requests_with("GMT"), 1);
	want.mtime.tv_sec--;
	expect_stale(&want);
	want.precision = HSM_PRECISION_MINUTE;
	want.mtime.tv_sec = now.mtime.tv_sec / 60 * 60;
	assert_int_equal(read_range(tree.conn, "file", &want, 5, 9, 4096), 9);
	assert_int_equal(requests_with("If-Range"), 5);
}

static void test_version_moves_between_ranges(void **state)
{
	static const char *const faults[] = { "path=/file&kind=etag",
					      "path=/file&kind=mtime" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct hsm_version now;
		struct hsm_stream *stream;
		uint64_t start;

		free(ask_server(server.port, "POST", "/_reset"));
		fault(faults[i]);
		assert_int_equal(hsm_stream_open(tree.conn, "file", &anything,
						 0, 100, &stream, &now,
						 &start), 0);
		hsm_stream_close(stream);
		assert_int_equal(read_range(tree.conn, "file", &now, 100, 100,
					    64), -ESTALE);
	}
}

static void test_version_moves_while_reading(void **state)
{
	struct hsm_stream *stream;
	struct hsm_version now;
	char buf[4096], path[128];
	uint64_t start;
	ssize_t n;

	(void)state;
	file_make(server.dir, "moving", SIZE);
	fault("path=/moving&kind=cut&times=1");
	assert_int_equal(hsm_stream_open(tree.conn, "moving", &anything, 0, 0,
					 &stream, &now, &start), 0);
	snprintf(path, sizeof(path), "%s/moving", server.dir);
	assert_int_equal(utimensat(AT_FDCWD, path,
				   (struct timespec[2]){ { 5, 0 }, { 5, 0 } },
				   0), 0);
	while ((n = hsm_stream_read(stream, buf, sizeof(buf))) > 0)
		;
	assert_int_equal(n, -ESTALE);
	assert_int_equal(hsm_stream_read(stream, buf, 1), -ESTALE);
	hsm_stream_close(stream);
}

static void test_no_validators(void **state)
{
	struct hsm_version want = version();

	(void)state;
	fault("path=/file&kind=bare");
	assert_int_equal(read_range(tree.conn, "file", &anything, 5, 9, 64),
			 9);
	want.size++;
	want.etag[0] = '\0';
	assert_int_equal(read_range(tree.conn, "file", &want, 5, 9, 64),
			 -ESTALE);
}

static void test_weak_etag_is_none(void **state)
{
	(void)state;
	fault("path=/file&kind=weak");
	assert_string_equal(version().etag, "");
}

/* ------------------------------------------------------------ ranges -- */

static uint64_t start_of(uint64_t off, uint64_t len)
{
	struct hsm_stream *stream;
	struct hsm_version now;
	uint64_t start = UINT64_MAX;

	assert_int_equal(hsm_stream_open(tree.conn, "file", &anything, off,
					 len, &stream, &now, &start), 0);
	hsm_stream_close(stream);
	return start;
}

static void test_server_ignores_ranges(void **state)
{
	struct hsm_version want = version();

	(void)state;
	assert_int_equal(start_of(500, 100), 500);
	fault("path=/file&kind=no-range");
	assert_int_equal(start_of(500, 100), 0);
	assert_int_equal(read_range(tree.conn, "file", &want, 500, 100, 64),
			 SIZE);
	want.etag[1] ^= 1;
	assert_int_equal(read_range(tree.conn, "file", &want, 500, 100, 64),
			 -ESTALE);
}

/* A server that does not understand If-Range is not asked with it again. */
static void test_server_ignores_if_range(void **state)
{
	struct hsm_version want = version();

	(void)state;
	fault("path=/file&kind=no-if-range");
	assert_int_equal(read_range(tree.conn, "file", &want, 500, 100, 64),
			 100);
	assert_int_equal(read_range(tree.conn, "file", &want, 600, 100, 64),
			 100);
	assert_int_equal(requests_with("\"Range\""), 3);
	assert_int_equal(requests_with("If-Range"), 1);
}

static void test_other_ranges(void **state)
{
	struct hsm_version want = version();

	(void)state;
	fault("path=/file&kind=range&times=1");
	assert_int_equal(read_range(tree.conn, "file", &want, 500, 100, 64),
			 -EPROTO);
	fault("path=/file&kind=range&by=-1&times=1");
	assert_int_equal(read_range(tree.conn, "file", &want, 500, 0, 64),
			 -EPROTO);
	fault("path=/file&kind=other&from=1&times=1");
	assert_int_equal(read_range(tree.conn, "file", &want, 500, 100, 64),
			 -EPROTO);
	fault("path=/file&kind=other&to=-1&times=1");
	assert_int_equal(read_range(tree.conn, "file", &want, 500, 100, 64),
			 -EPROTO);
	fault("path=/file&kind=total&times=1");
	assert_int_equal(read_range(tree.conn, "file", &want, 500, 100, 64),
			 -ESTALE);
	assert_int_equal(requests_with("\"Range\""), 5);
}

static void test_unsatisfiable(void **state)
{
	struct hsm_version want = version();
	char same[64];

	(void)state;
	snprintf(same, sizeof(same), "path=/file&kind=416&length=%d&times=1",
		 SIZE);
	fault(same);
	assert_int_equal(read_range(tree.conn, "file", &want, 500, 100, 64),
			 -EPROTO);
	fault("path=/file&kind=416&length=10");
	assert_int_equal(read_range(tree.conn, "file", &want, 500, 100, 64),
			 -ESTALE);
}

/* ------------------------------------------------------------ bodies -- */

static void test_reset_in_the_middle(void **state)
{
	struct hsm_version want = version();

	(void)state;
	fault("path=/file&kind=reset&times=2");
	assert_int_equal(read_range(tree.conn, "file", &want, 0, 0, 5000),
			 SIZE);
	assert_int_equal(requests_with("If-Range"), 2);
	assert_int_equal(requests_with("\"Range\": \"bytes=65536-\""), 1);
	assert_int_equal(requests_with("\"Range\": \"bytes=131072-\""), 1);
	fault("path=/file&kind=cut&at=100&times=1");
	assert_int_equal(read_range(tree.conn, "file", &want, 1000, 500, 64),
			 500);
	assert_int_equal(requests_with("\"Range\": \"bytes=1100-1499\""), 1);
}

/* Each piece is progress: one try is enough for any number of cuts. */
static void test_proxy_that_cuts(void **state)
{
	const struct hsm_remote_options once = { .retries = 1,
						 .timeout_s = 5 };

	(void)state;
	reopen(server.url, &once);
	fault("path=/file&kind=cut");
	assert_int_equal(read_whole(tree.conn, "file"), SIZE);
	assert_int_equal(requests(), SIZE / 65536 + 1);
}

static void test_cut_without_ranges(void **state)
{
	(void)state;
	fault("path=/file&kind=cut&at=300000&times=1");
	fault("path=/file&kind=no-range");
	assert_int_equal(read_whole(tree.conn, "file"), SIZE);
	assert_int_equal(requests_with("\"Range\": \"bytes=300000-\""), 2);
}

static void test_nothing_comes_any_more(void **state)
{
	(void)state;
	fault("path=/file&kind=cut&at=1000&times=1");
	fault("path=/file&kind=cut&at=0");
	assert_int_equal(read_whole(tree.conn, "file"), -EIO);
	assert_int_equal(requests(), 2 + usual.retries - 1);
}

static void test_long_body(void **state)
{
	(void)state;
	fault("path=/file&kind=long");
	assert_int_equal(read_whole(tree.conn, "file"), SIZE);
	assert_int_equal(read_whole(tree.conn, "file"), SIZE);
}

static void test_no_content_length(void **state)
{
	struct hsm_version want = version();
	const struct hsm_version *const w = &want;

	(void)state;
	fault("path=/file&kind=chunked&times=3");
	assert_int_equal(read_range(tree.conn, "file", w, 0, 0, 4096), SIZE);
	assert_int_equal(read_range(tree.conn, "file", w, 9, 9, 4096), 9);
	assert_int_equal(read_whole(tree.conn, "file"), SIZE);
	fault("path=/file&kind=chunked&by=1&times=2");
	assert_int_equal(read_range(tree.conn, "file", w, 0, 0, 4096), -EIO);
	assert_int_equal(read_range(tree.conn, "file", w, 9, 9, 4096), -EIO);
	fault("path=/file&kind=chunked&by=-1");
	assert_int_equal(read_range(tree.conn, "file", w, 0, 0, 4096), -EIO);
	free(ask_server(server.port, "POST", "/_reset"));
	fault("path=/file&kind=close&times=1");
	assert_int_equal(read_range(tree.conn, "file", w, 0, 0, 4096), SIZE);
	fault("path=/file&kind=close&by=-1&times=1");
	assert_int_equal(read_range(tree.conn, "file", w, 0, 0, 4096), SIZE);
	fault("path=/file&kind=close&by=-1");
	assert_int_equal(read_range(tree.conn, "file", w, 0, 0, 4096), -EIO);
	want.size = 0;
	fault("path=/empty&kind=chunked&by=5");
	assert_int_equal(read_range(tree.conn, "empty",
				    &(struct hsm_version){ .size = 0 }, 0, 0,
				    4096), -EIO);
}

static void test_encoded_body(void **state)
{
	(void)state;
	fault("path=/file&kind=gzip");
	assert_int_equal(read_whole(tree.conn, "file"), -EPROTO);
	assert_int_equal(requests(), 1);
}

/* ---------------------------------------------------------- statuses -- */

static void test_lasting_statuses(void **state)
{
	static const struct {
		const char *kind;
		int error;
	} rows[] = {
		{ "path=*&kind=400", -EACCES }, { "path=*&kind=401", -EACCES },
		{ "path=*&kind=403", -EACCES }, { "path=*&kind=404", -ENOENT },
		{ "path=*&kind=410", -ENOENT }, { "path=*&kind=501", -EIO },
		{ "path=*&kind=204", -EPROTO }, { "path=*&kind=304", -EPROTO },
	};
	struct hsm_version now;
	struct names names = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		free(ask_server(server.port, "POST", "/_reset"));
		fault(rows[i].kind);
		assert_int_equal(read_whole(tree.conn, "file"),
				 rows[i].error);
		assert_has(hsm_conn_error(tree.conn), "file: the server says ");
		assert_int_equal(hsm_conn_stat(tree.conn, "file", &now),
				 rows[i].error);
		assert_int_equal(hsm_conn_list(tree.conn, "", names_add,
					       &names), rows[i].error);
		assert_int_equal(requests() - requests_with("bytes=0-0"), 3);
	}
	assert_int_equal(names.count, 0);
}

static void test_passing_statuses(void **state)
{
	static const char *const kinds[] = { "500", "502", "503",
					     "504", "429", "408" };
	char order[64];

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		free(ask_server(server.port, "POST", "/_reset"));
		snprintf(order, sizeof(order), "path=*&kind=%s&times=1",
			 kinds[i]);
		fault(order);
		assert_int_equal(read_whole(tree.conn, "file"), SIZE);
		assert_int_equal(requests(), 2);
	}
}

static void test_passing_status_that_stays(void **state)
{
	struct names names = { 0 };

	(void)state;
	fault("path=*&kind=503");
	assert_int_equal(read_whole(tree.conn, "file"), -EIO);
	assert_has(hsm_conn_error(tree.conn), "503 Service Unavailable");
	assert_int_equal(requests(), 1 + usual.retries);
	free(ask_server(server.port, "POST", "/_reset"));
	fault("path=*&kind=503&times=2");
	assert_int_equal(hsm_conn_list(tree.conn, "", names_add, &names), 0);
	assert_true(names.count > 3);
}

static double time_of_read(int64_t expected)
{
	double begin = seconds();

	assert_int_equal(read_whole(tree.conn, "file"), expected);
	return seconds() - begin;
}

static void test_retry_after(void **state)
{
	double time;

	(void)state;
	fault("path=/file&kind=503&after=1&times=1");
	time = time_of_read(SIZE);
	assert_true(time >= 1 && time < 4);
	fault("path=/file&kind=429&date=2&times=1");
	time = time_of_read(SIZE);
	assert_true(time >= 1 && time < 4);
	/* Later than we may wait: no sense in asking before. */
	fault("path=/file&kind=503&after=100");
	assert_true(time_of_read(-EIO) < 1);
}

/* ------------------------------------------------------------- time -- */

static const struct hsm_remote_options hasty = { .retries = 3,
						 .timeout_s = 2 };

static void test_stall_for_ever(void **state)
{
	double time;

	(void)state;
	reopen(server.url, &hasty);
	fault("path=/file&kind=stall&at=-1");
	time = time_of_read(-ETIMEDOUT);
	assert_true(time > 1.5 && time < 4);
	free(ask_server(server.port, "POST", "/_reset"));
	fault("path=/file&kind=stall&at=1000&times=1");
	fault("path=/file&kind=stall&at=0");
	time = time_of_read(-ETIMEDOUT);
	assert_true(time > 1.5 && time < 4);
}

static void test_stall_once(void **state)
{
	struct names names = { 0 };
	double time;

	(void)state;
	reopen(server.url, &hasty);
	fault("path=/file&kind=stall&times=1");
	time = time_of_read(SIZE);
	assert_true(time > 0.9 && time < 2);
	fault("path=/file&kind=stall&at=-1&times=1");
	time = time_of_read(SIZE);
	assert_true(time > 0.9 && time < 2);
	fault("path=/&kind=stall&at=-1&times=1");
	assert_int_equal(hsm_conn_list(tree.conn, "", names_add, &names), 0);
}

/* Longer than the timeout in all, but never silent for so long. */
static void test_slow_server(void **state)
{
	const struct hsm_remote_options tight = { .timeout_s = 1 };

	(void)state;
	reopen(server.url, &tight);
	fault("path=/file&kind=slow&rate=500000");
	assert_true(time_of_read(SIZE) > 1.5);
}

static void test_not_reachable(void **state)
{
	char url[64];
	struct names names = { 0 };
	double begin = seconds();

	(void)state;
	snprintf(url, sizeof(url), "http://u:secret@127.0.0.1:%d/",
		 free_port());
	reopen(url, &hasty);
	assert_int_equal(hsm_conn_list(tree.conn, "", names_add, &names),
			 -EHOSTUNREACH);
	assert_true(seconds() - begin < 4);
	assert_lacks(hsm_conn_error(tree.conn), "secret");
	assert_has(hsm_conn_error(tree.conn), "http://127.0.0.1:");
}

/* ------------------------------------------------------------ cancel -- */

static void *cancel_soon(void *arg)
{
	(void)arg;
	usleep(200000);
	hsm_conn_cancel(tree.conn);
	return NULL;
}

static void expect_cancel(const char *order, const char *path)
{
	struct hsm_version now;
	pthread_t thread;
	double begin = seconds();

	each_teardown(NULL);
	each_setup(NULL);
	fault(order);
	pthread_create(&thread, NULL, cancel_soon, NULL);
	assert_int_equal(read_whole(tree.conn, path), -ECANCELED);
	assert_true(seconds() - begin < 2);
	pthread_join(thread, NULL);
	assert_int_equal(hsm_conn_stat(tree.conn, "file", &now), -ECANCELED);
}

static void test_cancel(void **state)
{
	(void)state;
	expect_cancel("path=/file&kind=stall&at=-1", "file");
	expect_cancel("path=/large&kind=stall", "large");
	expect_cancel("path=/empty&kind=503&after=4", "empty");
	expect_cancel("path=/large&kind=slow&rate=1000", "large");
}

/* ---------------------------------------------------------- redirects -- */

static void test_redirects(void **state)
{
	struct names names = { 0 };
	struct hsm_version now;

	(void)state;
	fault("path=/file&kind=redirect");
	assert_int_equal(read_whole(tree.conn, "file"), SIZE);
	assert_int_equal(read_range(tree.conn, "file", &anything, 5, 9, 64),
			 9);
	assert_int_equal(requests_with("\"Range\""), 2);
	assert_int_equal(hsm_conn_stat(tree.conn, "file", &now), 0);
	fault("path=/loop&kind=loop");
	assert_int_equal(read_whole(tree.conn, "loop"), -EPROTO);
	assert_int_equal(requests_with("/loop"), 6);
	fault("path=/now-a-directory&kind=redirect&to=/");
	assert_int_equal(read_whole(tree.conn, "now-a-directory"), -ENOENT);
	assert_int_equal(hsm_conn_stat(tree.conn, "now-a-directory", &now),
			 -ENOENT);
	fault("path=/dir/&kind=redirect&to=/");
	assert_int_equal(hsm_conn_list(tree.conn, "dir", names_add, &names),
			 0);
	assert_has(names.text, "f file 1000003\n");
}

static void test_redirect_to_another_host(void **state)
{
	const struct hsm_remote_options known = { .user = "me:secret" };

	(void)state;
	reopen(server.url, &known);
	fault("path=/file&kind=redirect&to=http://localhost:{port}/empty");
	assert_int_equal(read_whole(tree.conn, "file"), -EACCES);
	assert_has(hsm_conn_error(tree.conn), "http://localhost:");
	assert_int_equal(requests_with("\"Host\": \"localhost"), 0);
	assert_int_equal(requests(), 1);
}

/* Who we are is told to the host of the URL alone. */
static void test_redirect_to_an_allowed_host(void **state)
{
	static const char *const headers[] = { "X-Secret: x", "Cookie: c",
					       NULL };
	char hosts[64];
	const struct hsm_remote_options options = {
		.user = "me:secret", .netrc = true, .headers = headers,
		.redirect_hosts = hosts,
	};
	struct names names = { 0 };

	(void)state;
	text_make(server.dir, ".netrc", "default login me password secret\n");
	setenv("HOME", server.dir, 1);
	snprintf(hosts, sizeof(hosts), "elsewhere,localhost:%d", server.port);
	reopen(server.url, &options);
	fault("path=/away&kind=redirect&to=http://x:y@localhost:{port}/file");
	fault("path=/dir/&kind=redirect&to=http://localhost:{port}/");
	assert_int_equal(read_whole(tree.conn, "away"), SIZE);
	assert_int_equal(read_range(tree.conn, "away", &anything, 5, 9, 64),
			 9);
	assert_int_equal(hsm_conn_list(tree.conn, "dir", names_add, &names),
			 0);
	assert_has(names.text, "f file 1000003\n");
	assert_int_equal(read_whole(tree.conn, "file"), SIZE);
	/* Four questions, three of them with a second host. */
	assert_int_equal(requests(), 7);
	assert_int_equal(requests_with("\"Host\": \"localhost"), 3);
	assert_int_equal(requests_with("\"Authorization\""), 4);
	assert_int_equal(requests_with("\"X-Secret\""), 4);
	assert_int_equal(requests_with("\"Cookie\""), 4);
	assert_int_equal(requests_with("\"Accept-Encoding\": \"identity\""), 7);
	fault("path=/on&kind=redirect&to=http://elsewhere:{port}/file");
	assert_int_equal(read_whole(tree.conn, "on"), -EACCES);
}

/* ------------------------------------------------------- credentials -- */

static void test_credentials(void **state)
{
	struct hsm_remote_options options = { .user = "me:se@cret" };
	char url[128];

	(void)state;
	fault("path=/file&kind=auth&user=me:se@cret");
	assert_int_equal(read_whole(tree.conn, "file"), -EACCES);
	reopen(server.url, &options);
	assert_int_equal(read_whole(tree.conn, "file"), SIZE);
	snprintf(url, sizeof(url), "http://me:se%%40cret@127.0.0.1:%d/",
		 server.port);
	options.user = NULL;
	reopen(url, &options);
	assert_string_equal(hsm_remote_url(tree.remote), server.url);
	assert_int_equal(read_whole(tree.conn, "file"), SIZE);
	assert_int_equal(read_whole(tree.conn, "missing"), -ENOENT);
	assert_lacks(hsm_conn_error(tree.conn), "cret");
}

static void test_netrc(void **state)
{
	const struct hsm_remote_options options = { .netrc = true };

	(void)state;
	text_make(server.dir, ".netrc",
		  "machine 127.0.0.1 login me password secret\n");
	setenv("HOME", server.dir, 1);
	fault("path=/file&kind=auth&user=me:secret");
	reopen(server.url, &options);
	assert_int_equal(read_whole(tree.conn, "file"), SIZE);
}

static void test_headers_and_proxy(void **state)
{
	static const char *const headers[] = { "Authorization: x-y", NULL };
	struct hsm_remote_options options = { .headers = headers,
					      .proxy = server.url };
	struct names names = { 0 };

	(void)state;
	reopen("http://nowhere.invalid/", &options);
	assert_int_equal(read_whole(tree.conn, "file"), SIZE);
	assert_int_equal(hsm_conn_list(tree.conn, "", names_add, &names), 0);
	assert_int_equal(requests_with("\"Host\": \"nowhere.invalid\""), 2);
	assert_int_equal(requests_with("\"Authorization\": \"x-y\""), 2);
	setenv("http_proxy", server.url, 1);
	options.proxy = NULL;
	reopen("http://nowhere.invalid/", &options);
	assert_int_equal(read_whole(tree.conn, "file"), SIZE);
	unsetenv("http_proxy");
}

/* ---------------------------------------------------------- listings -- */

static void test_list(void **state)
{
	struct names names = { 0 };

	(void)state;
	assert_int_equal(hsm_conn_list(tree.conn, "", names_add, &names), 0);
	assert_has(names.text, "f file 1000003\n");
	assert_has(names.text, "f empty 0\n");
	assert_int_equal(requests_with("\"Accept\": \"application/json"), 1);
	names = (struct names){ .error = -EXFULL, .stop_after = 2 };
	assert_int_equal(hsm_conn_list(tree.conn, "", names_add, &names),
			 -EXFULL);
	assert_int_equal(names.count, 2);
	assert_int_equal(hsm_conn_list(tree.conn, "no", names_add, &names),
			 -ENOENT);
	assert_has(hsm_conn_error(tree.conn),
		   "/no/: the server says 404 Not Found");
}

static void test_list_that_is_none(void **state)
{
	struct names names = { 0 };

	(void)state;
	fault("path=/x/&kind=redirect&to=/page.html&times=1");
	assert_int_equal(hsm_conn_list(tree.conn, "x", names_add, &names),
			 -ENOTDIR);
	assert_has(hsm_conn_error(tree.conn), "not a directory listing");
	fault("path=/x/&kind=redirect&to=/large");
	assert_int_equal(hsm_conn_list(tree.conn, "x", names_add, &names),
			 -ENOTDIR);
	assert_int_equal(names.count, 0);
}

/* Before the first byte it is asked for again; later, parts were seen. */
static void test_list_that_breaks_off(void **state)
{
	struct names names = { 0 };

	(void)state;
	fault("path=/&kind=cut&at=0&times=1");
	assert_int_equal(hsm_conn_list(tree.conn, "", names_add, &names), 0);
	assert_has(names.text, "f page.html");
	fault("path=/&kind=cut&at=300&times=1");
	assert_int_equal(hsm_conn_list(tree.conn, "", names_add, &names),
			 -EIO);
	assert_int_equal(requests(), 3);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, each_setup, each_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read),
		TEST(test_connection_is_kept),
		TEST(test_count),
		TEST(test_slow_reader),
		TEST(test_names_are_encoded),
		TEST(test_fork),
		TEST(test_stat),
		TEST(test_stat_without_head),
		TEST(test_stat_without_length),
		TEST(test_versions_are_compared),
		TEST(test_version_moves_between_ranges),
		TEST(test_version_moves_while_reading),
		TEST(test_no_validators),
		TEST(test_weak_etag_is_none),
		TEST(test_server_ignores_ranges),
		TEST(test_server_ignores_if_range),
		TEST(test_other_ranges),
		TEST(test_unsatisfiable),
		TEST(test_reset_in_the_middle),
		TEST(test_proxy_that_cuts),
		TEST(test_cut_without_ranges),
		TEST(test_nothing_comes_any_more),
		TEST(test_long_body),
		TEST(test_no_content_length),
		TEST(test_encoded_body),
		TEST(test_lasting_statuses),
		TEST(test_passing_statuses),
		TEST(test_passing_status_that_stays),
		TEST(test_retry_after),
		TEST(test_stall_for_ever),
		TEST(test_stall_once),
		TEST(test_slow_server),
		TEST(test_not_reachable),
		TEST(test_cancel),
		TEST(test_redirects),
		TEST(test_redirect_to_another_host),
		TEST(test_redirect_to_an_allowed_host),
		TEST(test_credentials),
		TEST(test_netrc),
		TEST(test_headers_and_proxy),
		TEST(test_list),
		TEST(test_list_that_is_none),
		TEST(test_list_that_breaks_off),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
