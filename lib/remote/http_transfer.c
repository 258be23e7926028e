// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "remote/http.h"

#define MOMENT_MS 50
#define LONGEST_SLEEP_MS 1000

static size_t on_header(char *line, size_t size, size_t len, void *arg)
{
	struct hsm_http_conn *conn = arg;

	(void)size;
	hsm_http_answer_feed(&conn->answer, line, len);
	return len;
}

/* All of a chunk or nothing: curl keeps it and comes again when unpaused. */
static size_t on_body(char *data, size_t size, size_t len, void *arg)
{
	struct hsm_http_conn *conn = arg;
	size_t direct = len < conn->room ? len : conn->room;

	(void)size;
	if (len - direct > HSM_HTTP_BUFFER - conn->end) {
		conn->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	memcpy(conn->target, data, direct);
	conn->target += direct;
	conn->room -= direct;
	memcpy(conn->buffer + conn->end, data + direct, len - direct);
	conn->end += len - direct;
	conn->received += len;
	if (conn->content)
		conn->base.bytes += len;
	return len;
}

static void set_callbacks(struct hsm_http_conn *conn)
{
	curl_easy_setopt(conn->easy, CURLOPT_ERRORBUFFER, conn->curl_error);
	curl_easy_setopt(conn->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(conn->easy, CURLOPT_HEADERDATA, conn);
	curl_easy_setopt(conn->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(conn->easy, CURLOPT_WRITEDATA, conn);
}

int hsm_http_setup(struct hsm_http_conn *conn)
{
	set_callbacks(conn);
	return hsm_http_options_apply(hsm_http_remote_of(&conn->base),
				      conn->easy);
}

static void set_method(struct hsm_http_conn *conn, bool head)
{
	if (head == conn->head)
		return;
	if (head)
		curl_easy_setopt(conn->easy, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(conn->easy, CURLOPT_HTTPGET, 1L);
	conn->head = head;
}

/* Another host gets a question of nobody. */
static int set_identity(struct hsm_http_conn *conn)
{
	if (conn->anonymous == conn->foreign)
		return 0;
	conn->anonymous = conn->foreign;
	return hsm_http_options_identify(hsm_http_remote_of(&conn->base),
					 conn->easy, conn->anonymous);
}

int hsm_http_begin(struct hsm_http_conn *conn,
		   const struct hsm_http_question *question)
{
	conn->answer = (struct hsm_http_answer){ .length = -1 };
	conn->failure = (struct hsm_http_failure){ .again = false };
	conn->curl_error[0] = '\0';
	conn->content = !question->list;
	conn->done = conn->paused = false;
	conn->begin = conn->end = 0;
	conn->target = conn->buffer;
	conn->room = 0;
	conn->received = 0;
	set_method(conn, question->head);
	curl_easy_setopt(conn->easy, CURLOPT_HTTPHEADER,
			 hsm_http_headers(conn, question));
	if (set_identity(conn) ||
	    curl_easy_setopt(conn->easy, CURLOPT_URL, conn->url) ||
	    curl_multi_add_handle(conn->multi, conn->easy))
		return hsm_http_fail(conn, -ENOMEM, "no memory");
	conn->busy = true;
	conn->base.requests++;
	return 0;
}

/* Let curl do what can be done without waiting. */
static int work(struct hsm_http_conn *conn)
{
	int running, queued;
	CURLMsg *message;

	if (curl_multi_perform(conn->multi, &running))
		return hsm_http_fail_curl(conn, CURLE_OUT_OF_MEMORY);
	if (running)
		return 0;
	message = curl_multi_info_read(conn->multi, &queued);
	if (message && message->msg == CURLMSG_DONE) {
		conn->done = true;
		conn->result = message->data.result;
	}
	return 0;
}

static int wait(struct hsm_http_conn *conn,
		const struct hsm_http_patience *patience)
{
	int64_t left_ms = (patience->attempt_end_ns - hsm_clock_ns()) /
			  1000000;

	if (left_ms <= 0)
		return hsm_http_fail_silence(conn);
	/* Should there have been no descriptor for curl's wakeup pipe. */
	if (left_ms > LONGEST_SLEEP_MS)
		left_ms = LONGEST_SLEEP_MS;
	if (curl_multi_poll(conn->multi, NULL, 0, left_ms, NULL))
		return hsm_http_fail_curl(conn, CURLE_OUT_OF_MEMORY);
	return hsm_conn_check(&conn->base);
}

int hsm_http_wait_answer(struct hsm_http_conn *conn,
			 const struct hsm_http_patience *patience)
{
	curl_off_t length = -1;
	int error;

	for (;;) {
		error = work(conn);
		if (error || conn->answer.complete)
			break;
		if (conn->done)
			return hsm_http_fail_curl(conn, conn->result ?:
						  CURLE_GOT_NOTHING);
		error = wait(conn, patience);
		if (error)
			break;
	}
	if (!error)
		curl_easy_getinfo(conn->easy,
				  CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	conn->answer.length = length;
	return error;
}

static size_t take_buffered(struct hsm_http_conn *conn, void *buf, size_t len)
{
	if (len > conn->end - conn->begin)
		len = conn->end - conn->begin;
	memcpy(buf, conn->buffer + conn->begin, len);
	conn->begin += len;
	if (conn->begin == conn->end)
		conn->begin = conn->end = 0;
	return len;
}

/* The buffer is empty: what comes goes to `buf` first. */
static int receive(struct hsm_http_conn *conn)
{
	CURLcode code;

	if (!conn->paused)
		return work(conn);
	conn->paused = false;
	code = curl_easy_pause(conn->easy, CURLPAUSE_CONT);
	return code ? hsm_http_fail_curl(conn, code) : 0;
}

static ssize_t receive_some(struct hsm_http_conn *conn, size_t len,
			    const struct hsm_http_patience *patience)
{
	int error = 0;

	while (!error) {
		error = receive(conn);
		if (error || conn->room < len)
			break;
		if (conn->done && conn->result)
			return hsm_http_fail_curl(conn, conn->result);
		if (conn->done)
			break;
		error = wait(conn, patience);
	}
	return error ?: (ssize_t)(len - conn->room);
}

ssize_t hsm_http_body(struct hsm_http_conn *conn, void *buf, size_t len,
		      const struct hsm_http_patience *patience)
{
	ssize_t n;

	if (conn->begin < conn->end)
		return take_buffered(conn, buf, len);
	if (conn->done)
		return conn->result ? hsm_http_fail_curl(conn, conn->result) :
				      0;
	conn->target = buf;
	conn->room = len;
	n = receive_some(conn, len, patience);
	conn->room = 0;
	return n;
}

/* What is left may be there already, or be so in a moment. */
static bool is_nearly_over(const struct hsm_http_conn *conn)
{
	return !conn->paused && conn->answer.complete &&
	       conn->answer.length - (int64_t)conn->received <
		       HSM_HTTP_BUFFER / 4;
}

/* A moment is worth it: a new connection costs several round trips. */
static void finish(struct hsm_http_conn *conn)
{
	conn->begin = conn->end = 0;
	work(conn);
	if (conn->done || hsm_conn_check(&conn->base) ||
	    curl_multi_poll(conn->multi, NULL, 0, MOMENT_MS, NULL))
		return;
	work(conn);
}

void hsm_http_end(struct hsm_http_conn *conn)
{
	if (!conn->busy)
		return;
	if (!conn->done && is_nearly_over(conn))
		finish(conn);
	curl_multi_remove_handle(conn->multi, conn->easy);
	conn->busy = false;
}
