// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "remote/http.h"

/* A transfer that brought this much is worth going on with at once. */
#define GOOD_TRANSFER (16 * 1024)

bool hsm_http_is_passing(unsigned int status)
{
	switch (status) {
	case 408:
	case 429:
	case 500:
	case 502:
	case 503:
	case 504:
		return true;
	default:
		return false;
	}
}

static int errno_of_status(unsigned int status)
{
	if (status == 404 || status == 410)
		return -ENOENT;
	if (status >= 500 || hsm_http_is_passing(status))
		return -EIO;
	return status >= 400 ? -EACCES : -EPROTO;
}

int hsm_http_fail_answer(struct hsm_http_conn *conn)
{
	const struct hsm_http_answer *answer = &conn->answer;
	curl_off_t after = 0;

	curl_easy_getinfo(conn->easy, CURLINFO_RETRY_AFTER, &after);
	conn->failure = (struct hsm_http_failure){
		.again = hsm_http_is_passing(answer->status),
		.after_s = after > 0 ? after : 0,
	};
	return hsm_conn_fail(&conn->base, errno_of_status(answer->status),
			     "%s: the server says %u%s%s", conn->url,
			     answer->status, answer->reason[0] ? " " : "",
			     answer->reason);
}

static int errno_of_curl(CURLcode code)
{
	switch (code) {
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_PROXY:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return -EHOSTUNREACH;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_FILESIZE_EXCEEDED:
	case CURLE_BAD_CONTENT_ENCODING:
		return -EPROTO;
	default:
		return -EIO;
	}
}

/*
 * Not the network's mood but somebody's setting.  What makes no sense can be the
 * rest of an answer before, and a new connection has none.
 */
static bool is_lasting(CURLcode code)
{
	switch (code) {
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_URL_MALFORMAT:
	case CURLE_FILESIZE_EXCEEDED:
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_OUT_OF_MEMORY:
		return true;
	default:
		return false;
	}
}

int hsm_http_fail_curl(struct hsm_http_conn *conn, CURLcode code)
{
	int error = errno_of_curl(code);

	conn->failure = (struct hsm_http_failure){
		.again = !is_lasting(code),
		.at_once = conn->received >= GOOD_TRANSFER,
	};
	return hsm_conn_fail(&conn->base, error, "%s: %s", conn->url,
			     conn->curl_error[0] ? conn->curl_error :
						   curl_easy_strerror(code));
}

int hsm_http_fail_silence(struct hsm_http_conn *conn)
{
	conn->failure = (struct hsm_http_failure){ .again = true };
	return hsm_conn_fail(&conn->base, -ETIMEDOUT,
			     "%s: the server sends nothing any more",
			     conn->url);
}

int hsm_http_fail(struct hsm_http_conn *conn, int error, const char *what)
{
	conn->failure = (struct hsm_http_failure){ .again = false };
	return hsm_conn_fail(&conn->base, error, "%s: %s", conn->url, what);
}
