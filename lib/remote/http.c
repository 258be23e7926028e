// SPDX-License-Identifier: GPL-2.0-or-later
#include "remote/http.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void free_remote(struct hsm_remote *base)
{
	struct hsm_http_remote *remote = (struct hsm_http_remote *)base;

	hsm_http_options_free(remote);
	free(remote);
}

static int set_url(struct hsm_http_remote *remote, const char *text,
		   char *error, size_t error_size)
{
	CURLU *url = curl_url();
	char *canonical = NULL;
	int result = url ? 0 : -ENOMEM;
	CURLUcode code;

	if (url) {
		code = curl_url_set(url, CURLUPART_URL, text, CURLU_URLENCODE)
			       ?: curl_url_get(url, CURLUPART_URL, &canonical, 0);
		if (code) {
			snprintf(error, error_size, "%s",
				 curl_url_strerror(code));
			result = code == CURLUE_OUT_OF_MEMORY ? -ENOMEM :
								-EINVAL;
		}
	}
	if (!result && !(remote->base.url = strdup(canonical)))
		result = -ENOMEM;
	curl_free(canonical);
	curl_url_cleanup(url);
	return result;
}

/*
 * curl_global_init() may be called from one thread at a time in some builds of
 * libcurl, and there is no main() here that could do it early: the first remote
 * does, once.  It is never undone, others in the process may use curl as well.
 */
static int open_remote(struct hsm_remote **out, const char *url,
		       const char *userinfo,
		       const struct hsm_remote_options *options, char *error,
		       size_t error_size)
{
	struct hsm_http_remote *remote = calloc(1, sizeof(*remote));
	int result;

	if (!remote)
		return -ENOMEM;
	pthread_once(&curl_once, init_curl);
	result = set_url(remote, url, error, error_size) ?:
		 hsm_http_options_copy(remote, userinfo, options);
	if (result) {
		free(remote->base.url);
		free_remote(&remote->base);
		return result;
	}
	*out = &remote->base;
	return 0;
}

static void close_conn(struct hsm_conn *base)
{
	struct hsm_http_conn *conn = hsm_http_conn_of(base);

	hsm_http_end(conn);
	curl_easy_cleanup(conn->easy);
	curl_multi_cleanup(conn->multi);
	free(conn->buffer);
	free(conn->url);
	free(conn);
}

static int open_conn(struct hsm_conn **out, struct hsm_remote *remote)
{
	struct hsm_http_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return -ENOMEM;
	conn->base.remote = remote;
	conn->buffer = malloc(HSM_HTTP_BUFFER);
	conn->multi = curl_multi_init();
	conn->easy = curl_easy_init();
	if (!conn->buffer || !conn->multi || !conn->easy ||
	    hsm_http_setup(conn)) {
		close_conn(&conn->base);
		return -ENOMEM;
	}
	*out = &conn->base;
	return 0;
}

static void cancel(struct hsm_conn *conn)
{
	curl_multi_wakeup(hsm_http_conn_of(conn)->multi);
}

const struct hsm_backend hsm_backend_http = {
	.open = open_remote,
	.close = free_remote,
	.conn_open = open_conn,
	.conn_close = close_conn,
	.cancel = cancel,
	.list = hsm_http_list,
	.stat = hsm_http_stat,
	.stream_open = hsm_http_stream_open,
	.stream_read = hsm_http_stream_read,
	.stream_close = hsm_http_stream_close,
};
