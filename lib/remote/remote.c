// SPDX-License-Identifier: GPL-2.0-or-later
#include "remote/remote.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "remote/backend.h"
#include "remote/url.h"

static const struct {
	const char *prefix;
	const struct hsm_backend *backend;
} schemes[] = {
	{ "http://", &hsm_backend_http },
	{ "https://", &hsm_backend_http },
	{ "file://", &hsm_backend_file },
};

static const struct hsm_backend *find_backend(const char *url)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (strncasecmp(url, schemes[i].prefix,
				strlen(schemes[i].prefix)) == 0)
			return schemes[i].backend;
	return NULL;
}

int hsm_remote_open(struct hsm_remote **out, const char *url,
		    const struct hsm_remote_options *options,
		    const struct hsm_log *log, char *error, size_t error_size)
{
	const struct hsm_backend *backend = find_backend(url);
	HSM_FREE char *root = NULL;
	HSM_FREE char *userinfo = NULL;
	int result;

	if (!backend) {
		snprintf(error, error_size,
			 "not a URL of http://, https:// or file://");
		return -EINVAL;
	}
	snprintf(error, error_size,
		 "not the URL of a directory (write ? and # as %%3F and %%23)");
	if (strchr(url, '#'))
		return -EINVAL;
	result = hsm_url_root(url, &root, &userinfo);
	if (!result)
		result = backend->open(out, root, userinfo, options, error,
				       error_size);
	if (result == -ENOMEM)
		snprintf(error, error_size, "no memory");
	if (result)
		return result;
	(*out)->backend = backend;
	(*out)->log = log;
	return 0;
}

void hsm_remote_close(struct hsm_remote *remote)
{
	if (!remote)
		return;
	free(remote->url);
	remote->backend->close(remote);
}

const char *hsm_remote_url(const struct hsm_remote *remote)
{
	return remote->url;
}

int hsm_conn_open(struct hsm_conn **out, struct hsm_remote *remote)
{
	struct hsm_conn *conn;
	int error = remote->backend->conn_open(&conn, remote);

	if (error)
		return error;
	conn->remote = remote;
	conn->stream.conn = conn;
	*out = conn;
	return 0;
}

void hsm_conn_close(struct hsm_conn *conn)
{
	if (!conn)
		return;
	hsm_stream_close(&conn->stream);
	conn->remote->backend->conn_close(conn);
}

const char *hsm_conn_error(const struct hsm_conn *conn)
{
	return conn->error;
}

void hsm_conn_count(const struct hsm_conn *conn, uint64_t *bytes,
		    uint64_t *requests)
{
	*bytes = conn->bytes;
	*requests = conn->requests;
}

void hsm_conn_hurry(struct hsm_conn *conn, unsigned int steps)
{
	conn->hurry = steps;
}

void hsm_conn_cancel(struct hsm_conn *conn)
{
	atomic_store(&conn->canceled, true);
	if (conn->remote->backend->cancel)
		conn->remote->backend->cancel(conn);
}

int hsm_conn_fail(struct hsm_conn *conn, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(conn->error, sizeof(conn->error), format, args);
	va_end(args);
	return error;
}

int hsm_conn_check(struct hsm_conn *conn)
{
	if (!atomic_load(&conn->canceled))
		return 0;
	return hsm_conn_fail(conn, -ECANCELED, "%s: canceled",
			     conn->remote->url);
}

/* Whether every segment of `path` is a name, so that it leads below the root. */
static bool path_is_beneath(const char *path)
{
	if (!*path)
		return true;
	for (;;) {
		size_t len = strcspn(path, "/");

		if (!len || (len == 1 && path[0] == '.') ||
		    (len == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		if (!path[len])
			return true;
		path += len + 1;
	}
}

static int check_call(struct hsm_conn *conn, const char *path)
{
	conn->error[0] = '\0';
	if (conn->stream.open)
		return hsm_conn_fail(conn, -EBUSY,
				     "%s: the connection has an open stream",
				     conn->remote->url);
	if (!path_is_beneath(path))
		return hsm_conn_fail(conn, -EINVAL, "%s: not a path below %s",
				     path, conn->remote->url);
	return hsm_conn_check(conn);
}

int hsm_conn_list(struct hsm_conn *conn, const char *path, hsm_entry_fn fn,
		  void *arg)
{
	int error = check_call(conn, path);

	return error ?: conn->remote->backend->list(conn, path, fn, arg);
}

int hsm_conn_stat(struct hsm_conn *conn, const char *path,
		  struct hsm_version *now)
{
	int error = check_call(conn, path);

	return error ?: conn->remote->backend->stat(conn, path, now);
}

int hsm_stream_open(struct hsm_conn *conn, const char *path,
		    const struct hsm_version *want, uint64_t off, uint64_t len,
		    struct hsm_stream **out, struct hsm_version *now,
		    uint64_t *start)
{
	int error = check_call(conn, path);

	if (!error && (off > INT64_MAX || len > INT64_MAX - off))
		error = hsm_conn_fail(conn, -EINVAL, "%s: range too large",
				      path);
	if (!error)
		error = conn->remote->backend->stream_open(
			conn, path, want, off, len, now, start);
	if (error)
		return error;
	conn->stream.open = true;
	*out = &conn->stream;
	return 0;
}

ssize_t hsm_stream_read(struct hsm_stream *stream, void *buf, size_t len)
{
	struct hsm_conn *conn = stream->conn;
	ssize_t n = hsm_conn_check(conn);

	if (n || !len)
		return n;
	n = conn->remote->backend->stream_read(conn, buf, len);
	if (n > 0)
		conn->hurry = 0;
	return n;
}

void hsm_stream_close(struct hsm_stream *stream)
{
	if (!stream || !stream->open)
		return;
	stream->open = false;
	stream->conn->remote->backend->stream_close(stream->conn);
}
