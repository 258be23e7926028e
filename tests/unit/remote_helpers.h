/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One tree, one connection, and what most tests of remotes do with them. */
#ifndef HSM_TESTS_REMOTE_HELPERS_H
#define HSM_TESTS_REMOTE_HELPERS_H

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "remote/remote.h"
#include "server.h"

struct tree {
	struct hsm_remote *remote;
	struct hsm_conn *conn;
};

static const struct hsm_version anything = { .size = HSM_SIZE_UNKNOWN };

static inline struct tree tree_open(const char *url,
				    const struct hsm_remote_options *options)
{
	static const struct hsm_remote_options none = { .timeout_s = 5 };
	char error[256] = "";
	struct tree tree;

	assert_int_equal(hsm_remote_open(&tree.remote, url,
					 options ? options : &none, NULL,
					 error, sizeof(error)), 0);
	assert_int_equal(hsm_conn_open(&tree.conn, tree.remote), 0);
	return tree;
}

static inline void tree_close(struct tree *tree)
{
	hsm_conn_close(tree->conn);
	hsm_remote_close(tree->remote);
}

/*
 * Read what `off` and `len` ask for in pieces of `piece` and compare each byte
 * with the pattern.  Returns the number of bytes, or the error.
 */
static inline int64_t read_range(struct hsm_conn *conn, const char *path,
				 const struct hsm_version *want, uint64_t off,
				 uint64_t len, size_t piece)
{
	unsigned char *buf = malloc(piece), *right = malloc(piece);
	struct hsm_stream *stream = NULL;
	struct hsm_version now;
	uint64_t start = UINT64_MAX, total = 0;
	ssize_t n = hsm_stream_open(conn, path, want, off, len, &stream, &now,
				    &start);

	if (!n) {
		assert_true(start == off || start == 0);
		while ((n = hsm_stream_read(stream, buf, piece)) > 0) {
			pattern_fill(right, n, start + total);
			assert_memory_equal(buf, right, n);
			total += n;
		}
	}
	hsm_stream_close(stream);
	free(buf);
	free(right);
	return n < 0 ? n : (int64_t)total;
}

static inline int64_t read_whole(struct hsm_conn *conn, const char *path)
{
	return read_range(conn, path, &anything, 0, 0, 100000);
}

static inline double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Names and types that a listing gave, "f name\n" sorted by arrival. */
struct names {
	char text[4096];
	size_t count;
	int error; /* returned after `stop_after` entries */
	size_t stop_after;
};

static inline int names_add(void *arg, const struct hsm_entry *entry)
{
	static const char types[] = { 'f', 'd', 'l', 's' };
	struct names *names = arg;
	size_t len = strlen(names->text);

	snprintf(names->text + len, sizeof(names->text) - len,
		 "%c %s%s%s %" PRId64 "\n", types[entry->type], entry->name,
		 entry->target ? " -> " : "",
		 entry->target ? entry->target : "", entry->version.size);
	names->count++;
	return names->error && names->count >= names->stop_after ?
		       names->error : 0;
}

#define assert_has(text, part) assert_non_null(strstr(text, part))
#define assert_lacks(text, part) assert_null(strstr(text, part))

#endif
