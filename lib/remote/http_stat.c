// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "base/cleanup.h"
#include "remote/http.h"
#include "remote/url.h"

/* The size is missing, or HEAD is no method of this server. */
static bool head_is_useless(const struct hsm_http_answer *answer)
{
	return answer->status == 405 || answer->status == 501 ||
	       (answer->status == HSM_HTTP_OK && answer->length < 0);
}

/* An empty file has no first byte, and the refusal says so. */
static bool is_empty(const struct hsm_http_answer *answer)
{
	return answer->status == HSM_HTTP_UNSATISFIABLE && answer->ranged &&
	       answer->range.total == 0;
}

static int judge(struct hsm_http_conn *conn, struct hsm_version *now)
{
	const struct hsm_http_answer *answer = &conn->answer;

	if (answer->status != HSM_HTTP_OK &&
	    answer->status != HSM_HTTP_PARTIAL && !is_empty(answer))
		return hsm_http_fail_answer(conn);
	if (hsm_http_is_directory(conn))
		return hsm_http_fail(conn, -ENOENT, "a directory, no file");
	*now = hsm_http_answer_version(answer);
	return 0;
}

int hsm_http_stat(struct hsm_conn *base, const char *path,
		  struct hsm_version *now)
{
	struct hsm_http_conn *conn = hsm_http_conn_of(base);
	struct hsm_http_patience patience = hsm_http_patience(conn);
	HSM_FREE char *url = hsm_url_join(base->remote->url, path, false);
	struct hsm_http_question question = {
		.url = url, .head = true, .size = HSM_SIZE_UNKNOWN,
	};
	int error;

	if (!url)
		return hsm_conn_fail(base, -ENOMEM, "no memory");
	error = hsm_http_ask(conn, &question, &patience);
	if (!error && head_is_useless(&conn->answer)) {
		hsm_http_end(conn);
		question.head = false;
		question.len = 1;
		error = hsm_http_ask(conn, &question, &patience);
	}
	if (!error)
		error = judge(conn, now);
	hsm_http_end(conn);
	return error;
}
