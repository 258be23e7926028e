// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "remote/http.h"

#define MAX_REDIRECTS 5
#define FIRST_PAUSE_MS 200
#define LONGEST_PAUSE_MS 10000
#define NS_PER_MS INT64_C(1000000)

/*
 * A transfer in silence gets half of what is left as long as another one may
 * follow: a connection that died unnoticed must not use up all the time.
 */
static void begin_attempt(struct hsm_http_patience *patience)
{
	int64_t now = hsm_clock_ns(), left = patience->end_ns - now;

	patience->attempt_end_ns = now + (patience->tries_left ? left / 2 :
								 left);
}

void hsm_http_patience_renew(const struct hsm_http_conn *conn,
			     struct hsm_http_patience *patience)
{
	const struct hsm_http_remote *remote = hsm_http_remote_of(&conn->base);

	patience->end_ns = hsm_clock_ns() +
			   (remote->timeout_ns >> 2 * conn->base.hurry);
	begin_attempt(patience);
}

struct hsm_http_patience hsm_http_patience(const struct hsm_http_conn *conn)
{
	struct hsm_http_patience patience = {
		.tries_left = hsm_http_remote_of(&conn->base)->retries >>
			      2 * conn->base.hurry,
	};

	hsm_http_patience_renew(conn, &patience);
	return patience;
}

/* Twice as long each time; between half of it and all, so that not all who
 * wait for one server come back at the same moment. */
static int64_t pause_ms(unsigned int tries)
{
	int64_t whole = FIRST_PAUSE_MS;
	uint32_t random;

	while (tries-- && whole < LONGEST_PAUSE_MS)
		whole *= 2;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) !=
	    sizeof(random))
		random = 0;
	return whole / 2 + random % (whole / 2);
}

static int sleep_until(struct hsm_http_conn *conn, int64_t end_ns)
{
	for (;;) {
		int64_t left = end_ns - hsm_clock_ns();
		int error = hsm_conn_check(&conn->base);

		if (error || left <= 0)
			return error;
		curl_multi_poll(conn->multi, NULL, 0, left / NS_PER_MS + 1,
				NULL);
	}
}

int hsm_http_try_again(struct hsm_http_conn *conn,
		       struct hsm_http_patience *patience, int error)
{
	const struct hsm_http_failure *failure = &conn->failure;
	int64_t pause = failure->at_once ? 0 : pause_ms(patience->tries);
	int64_t end_ns;

	if (error == -ECANCELED || !failure->again || !patience->tries_left)
		return error;
	if (failure->after_s > INT32_MAX)
		return error;
	if (pause < failure->after_s * 1000)
		pause = failure->after_s * 1000;
	end_ns = hsm_clock_ns() + pause * NS_PER_MS;
	if (end_ns >= patience->end_ns)
		return error;
	hsm_log(conn->base.remote->log, HSM_LOG_WARNING,
		"%s; trying again in %.1f s", conn->base.error, pause / 1e3);
	patience->tries++;
	patience->tries_left--;
	hsm_http_end(conn);
	error = sleep_until(conn, end_ns);
	begin_attempt(patience);
	return error;
}

static int set_url(struct hsm_http_conn *conn, const char *url, bool foreign)
{
	char *copy = strdup(url);

	if (!copy)
		return hsm_conn_fail(&conn->base, -ENOMEM, "no memory");
	free(conn->url);
	conn->url = copy;
	conn->foreign = foreign;
	return 0;
}

static bool is_redirect(unsigned int status)
{
	return status == 301 || status == 302 || status == 303 ||
	       status == 307 || status == 308;
}

bool hsm_http_is_directory(const struct hsm_http_conn *conn)
{
	return conn->url[strlen(conn->url) - 1] == '/';
}

static int follow(struct hsm_http_conn *conn)
{
	HSM_FREE char *next = NULL;
	int result = hsm_http_redirect(
		conn->base.remote->url, conn->url, conn->answer.location,
		hsm_http_remote_of(&conn->base)->redirect_hosts, &next);

	if (result == -EACCES)
		return hsm_conn_fail(&conn->base, result,
				     "%s: redirects to another host, %s: not followed",
				     conn->url, next);
	if (result < 0)
		return hsm_http_fail(conn, result, "redirects to no URL");
	hsm_http_end(conn);
	return set_url(conn, next, result == 1);
}

/* One transfer, or a chain of them that redirects make. */
static int attempt(struct hsm_http_conn *conn,
		   const struct hsm_http_question *question,
		   const struct hsm_http_patience *patience)
{
	int error = set_url(conn, question->url, false);

	for (int hops = 0; !error; hops++) {
		error = hsm_http_begin(conn, question) ?:
			hsm_http_wait_answer(conn, patience);
		if (error || !is_redirect(conn->answer.status))
			return error;
		if (hops == MAX_REDIRECTS)
			return hsm_http_fail(conn, -EPROTO,
					     "too many redirects");
		error = follow(conn);
	}
	return error;
}

/* We asked for the file as it is. */
static bool is_encoded(const struct hsm_http_answer *answer,
		       const struct hsm_http_question *question)
{
	return answer->encoding[0] && answer->status < 300 &&
	       (question->list || !hsm_http_answer_stored(answer, question->url,
							  question->size));
}

/* 0 when `conn->answer` is what the caller may judge. */
static int check(struct hsm_http_conn *conn,
		 const struct hsm_http_question *question)
{
	const struct hsm_http_answer *answer = &conn->answer;

	if (hsm_http_is_passing(answer->status))
		return hsm_http_fail_answer(conn);
	if (is_encoded(answer, question))
		return hsm_http_fail(conn, -EPROTO,
				     "the server encodes the content");
	return 0;
}

int hsm_http_ask(struct hsm_http_conn *conn,
		 const struct hsm_http_question *question,
		 struct hsm_http_patience *patience)
{
	int error;

	do {
		error = attempt(conn, question, patience) ?:
			check(conn, question);
		if (!error)
			return 0;
		error = hsm_http_try_again(conn, patience, error);
	} while (!error);
	hsm_http_end(conn);
	return error;
}
