// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "remote/http.h"
#include "remote/url.h"

/* What an answer knows better about the version is asked for from now on. */
static void learn(struct hsm_version *known, const struct hsm_version *now)
{
	if (known->size == HSM_SIZE_UNKNOWN)
		known->size = now->size;
	if (known->precision < now->precision) {
		known->mtime = now->mtime;
		known->precision = now->precision;
	}
	if (now->etag[0])
		memcpy(known->etag, now->etag, sizeof(known->etag));
}

static int changed(struct hsm_http_conn *conn)
{
	return hsm_http_fail(conn, -ESTALE, "the server has another version");
}

static int unsatisfiable(struct hsm_http_conn *conn)
{
	int64_t known = conn->stream.version.size;
	int64_t now = hsm_http_answer_version(&conn->answer).size;

	if (known != HSM_SIZE_UNKNOWN && now != HSM_SIZE_UNKNOWN &&
	    known != now)
		return changed(conn);
	return hsm_http_fail(conn, -EPROTO, "the server refuses the range");
}

static int check_version(struct hsm_http_conn *conn)
{
	struct hsm_version now = hsm_http_answer_version(&conn->answer);

	if (conn->answer.status == HSM_HTTP_UNSATISFIABLE)
		return unsatisfiable(conn);
	if (conn->answer.status != HSM_HTTP_OK &&
	    conn->answer.status != HSM_HTTP_PARTIAL)
		return hsm_http_fail_answer(conn);
	if (hsm_http_is_directory(conn))
		return hsm_http_fail(conn, -ENOENT, "a directory, no file");
	if (!hsm_version_same(&conn->stream.version, &now))
		return changed(conn);
	learn(&conn->stream.version, &now);
	return 0;
}

/* The end of what was asked for, or -1 when it is that of a file of any size. */
static int64_t wanted_end(const struct hsm_http_stream *stream)
{
	int64_t asked = stream->asked_end, size = stream->version.size;

	return asked && (size == HSM_SIZE_UNKNOWN || asked < size) ? asked :
								     size;
}

/* 206: it has to be the part that was asked for, all of it. */
static int accept_part(struct hsm_http_conn *conn,
		       const struct hsm_http_question *question)
{
	const struct hsm_http_answer *answer = &conn->answer;
	int64_t end = answer->range.last + 1, wanted;

	wanted = wanted_end(&conn->stream);
	if ((!question->off && !question->len) || !answer->ranged ||
	    answer->range.first != (int64_t)question->off ||
	    (wanted >= 0 && end != wanted) ||
	    (answer->length >= 0 &&
	     answer->length != end - answer->range.first))
		return hsm_http_fail(conn, -EPROTO,
				     "the server sends another range");
	conn->stream.end = end;
	return 0;
}

/*
 * Ask for [pos, asked_end) and judge what comes before the body.  `*partial`: the
 * body begins at `pos`, else at 0.
 */
static int ask_once(struct hsm_http_conn *conn,
		    struct hsm_http_patience *patience, bool *partial)
{
	struct hsm_http_stream *stream = &conn->stream;
	const struct hsm_http_question question = {
		.url = stream->url,
		.off = stream->pos,
		.len = stream->asked_end ? stream->asked_end - stream->pos : 0,
		.if_range = conn->no_if_range ? NULL : &stream->version,
		.size = stream->version.size,
	};
	int error = hsm_http_ask(conn, &question, patience) ?:
		    check_version(conn);

	*partial = conn->answer.status == HSM_HTTP_PARTIAL;
	stream->unsaid = conn->answer.length < 0;
	stream->end = wanted_end(stream);
	return error || !*partial ? error : accept_part(conn, &question);
}

static bool wants_all(const struct hsm_http_stream *stream)
{
	return !stream->pos && stream->end == stream->version.size;
}

/*
 * Some servers take no date, or no ETag of their own, in If-Range and send the
 * whole file; without it they send the part, and its version is compared here.
 */
static int ask(struct hsm_http_conn *conn, struct hsm_http_patience *patience,
	       bool *partial)
{
	int error = ask_once(conn, patience, partial);

	if (error || *partial || !conn->if_range[0] ||
	    wants_all(&conn->stream))
		return error;
	conn->no_if_range = true;
	hsm_http_end(conn);
	return ask_once(conn, patience, partial);
}

/* The last bytes are good only when nothing comes after them. */
static int expect_end(struct hsm_http_conn *conn,
		      struct hsm_http_patience *patience)
{
	char more;
	ssize_t n = hsm_http_body(conn, &more, 1, patience);

	if (n <= 0)
		return n;
	return hsm_http_fail(conn, -EIO,
			     "the server sends more than the file has");
}

static int begin(struct hsm_http_conn *conn,
		 struct hsm_http_patience *patience)
{
	struct hsm_http_stream *stream = &conn->stream;
	bool partial;
	int error = ask(conn, patience, &partial);

	if (error)
		return error;
	if (!partial) {
		stream->pos = stream->asked_end = 0;
		stream->end = stream->version.size;
	}
	if (stream->unsaid && (int64_t)stream->pos == stream->end)
		return expect_end(conn, patience);
	return 0;
}

int hsm_http_stream_open(struct hsm_conn *base, const char *path,
			 const struct hsm_version *want, uint64_t off,
			 uint64_t len, struct hsm_version *now,
			 uint64_t *start)
{
	struct hsm_http_conn *conn = hsm_http_conn_of(base);
	struct hsm_http_patience patience = hsm_http_patience(conn);
	struct hsm_http_stream *stream = &conn->stream;
	int error;

	*stream = (struct hsm_http_stream){
		.url = hsm_url_join(base->remote->url, path, false),
		.version = *want,
		.pos = off,
		.asked_end = len ? off + len : 0,
	};
	error = stream->url ? begin(conn, &patience) :
			      hsm_conn_fail(base, -ENOMEM, "no memory");
	if (error) {
		hsm_http_stream_close(base);
		return error;
	}
	*now = hsm_http_answer_version(&conn->answer);
	*start = stream->pos;
	return 0;
}

static int resume(struct hsm_http_conn *conn,
		  struct hsm_http_patience *patience)
{
	bool partial;
	int error = ask(conn, patience, &partial);

	conn->stream.skip = partial ? 0 : conn->stream.pos;
	return error;
}

/* `buf` is also where the bytes go that a body has before `pos`. */
static ssize_t fetch(struct hsm_http_conn *conn, char *buf, size_t len,
		     struct hsm_http_patience *patience)
{
	struct hsm_http_stream *stream = &conn->stream;
	ssize_t n;
	int error;

	while (stream->skip) {
		n = hsm_http_body(conn, buf,
				  len < stream->skip ? len : stream->skip,
				  patience);
		if (n <= 0)
			return n;
		stream->skip -= n;
		error = hsm_http_pace_check(conn, &stream->pace, n);
		if (error)
			return error;
		hsm_http_patience_renew(conn, patience);
	}
	return hsm_http_body(conn, buf, len, patience);
}

static int too_short(struct hsm_http_conn *conn)
{
	hsm_http_fail(conn, -EIO, "the server sends less than the file has");
	conn->failure.again = true;
	return -EIO;
}

static ssize_t fetch_surely(struct hsm_http_conn *conn, char *buf, size_t len,
			    struct hsm_http_patience *patience)
{
	for (;;) {
		ssize_t n = fetch(conn, buf, len, patience);
		int error;

		if (n > 0 || (n == 0 && conn->stream.end < 0))
			return n;
		error = hsm_http_try_again(conn, patience,
					   n < 0 ? n : too_short(conn)) ?:
			resume(conn, patience);
		if (error)
			return error;
	}
}

ssize_t hsm_http_stream_read(struct hsm_conn *base, void *buf, size_t len)
{
	struct hsm_http_conn *conn = hsm_http_conn_of(base);
	struct hsm_http_stream *stream = &conn->stream;
	struct hsm_http_patience patience;
	ssize_t n;

	if (stream->error)
		return stream->error;
	if (stream->end >= 0) {
		if ((int64_t)stream->pos >= stream->end)
			return 0;
		if (len > stream->end - stream->pos)
			len = stream->end - stream->pos;
	}
	patience = hsm_http_patience(conn);
	hsm_http_pace_begin(&stream->pace);
	n = fetch_surely(conn, buf, len, &patience);
	if (n > 0) {
		stream->pos += n;
		if ((int64_t)stream->pos != stream->end)
			stream->error = hsm_http_pace_check(conn, &stream->pace,
							    n);
		else if (stream->unsaid)
			stream->error = expect_end(conn, &patience);
	} else {
		stream->error = n;
	}
	return stream->error ?: n;
}

void hsm_http_stream_close(struct hsm_conn *base)
{
	struct hsm_http_conn *conn = hsm_http_conn_of(base);

	hsm_http_end(conn);
	free(hsm_steal_pointer(&conn->stream.url));
}
