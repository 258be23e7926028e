// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "remote/http.h"

#define DEFAULT_TIMEOUT_S 60

/* `text` may be NULL: then so is the copy. */
static int copy(char **out, const char *text)
{
	if (text && !(*out = strdup(text)))
		return -ENOMEM;
	return 0;
}

static int add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

static int add_file_headers(struct curl_slist **list, const char *const *lines)
{
	/* What is encoded has neither the size nor the ranges of the file. */
	int error = add_header(list, "Accept-Encoding: identity");

	for (; !error && lines && *lines; lines++)
		error = add_header(list, *lines);
	return error;
}

static int add_list_headers(struct curl_slist **list, const char *const *lines)
{
	return add_file_headers(list, lines) ?:
	       add_header(list, "Accept: application/json, text/html;q=0.9");
}

static int copy_headers(struct hsm_http_remote *remote,
		       const char *const *lines)
{
	return add_file_headers(&remote->file_headers, lines) ?:
	       add_list_headers(&remote->list_headers, lines) ?:
	       add_file_headers(&remote->file_headers_bare, NULL) ?:
	       add_list_headers(&remote->list_headers_bare, NULL);
}

/* The curl command looks at these, libcurl does not. */
static int copy_trust(struct hsm_http_remote *remote, const char *cacert)
{
	if (!cacert)
		cacert = secure_getenv("CURL_CA_BUNDLE");
	if (!cacert)
		cacert = secure_getenv("SSL_CERT_FILE");
	return copy(&remote->cacert, cacert) ?:
	       copy(&remote->capath, secure_getenv("SSL_CERT_DIR"));
}

int hsm_http_options_copy(struct hsm_http_remote *remote, const char *userinfo,
			  const struct hsm_remote_options *options)
{
	unsigned int timeout_s = options->timeout_s ?: DEFAULT_TIMEOUT_S;

	remote->timeout_ns = timeout_s * INT64_C(1000000000);
	remote->retries = options->retries;
	remote->netrc = options->netrc;
	remote->insecure = options->insecure;
	return copy(&remote->user, options->user ?: userinfo) ?:
	       copy(&remote->proxy, options->proxy) ?:
	       copy(&remote->redirect_hosts, options->redirect_hosts) ?:
	       copy_trust(remote, options->cacert) ?:
	       copy_headers(remote, options->headers);
}

void hsm_http_options_free(struct hsm_http_remote *remote)
{
	curl_slist_free_all(remote->file_headers);
	curl_slist_free_all(remote->list_headers);
	curl_slist_free_all(remote->file_headers_bare);
	curl_slist_free_all(remote->list_headers_bare);
	free(remote->user);
	free(remote->cacert);
	free(remote->capath);
	free(remote->proxy);
	free(remote->redirect_hosts);
}

static bool set_text(CURL *easy, CURLoption option, const char *text)
{
	return !text || curl_easy_setopt(easy, option, text) == CURLE_OK;
}

int hsm_http_options_identify(const struct hsm_http_remote *remote, CURL *easy,
			      bool anonymous)
{
	const char *user = anonymous ? NULL : remote->user;
	bool netrc = remote->netrc && !anonymous;

	curl_easy_setopt(easy, CURLOPT_NETRC,
			 (long)(netrc ? CURL_NETRC_OPTIONAL :
					CURL_NETRC_IGNORED));
	/* NULL is none. */
	return curl_easy_setopt(easy, CURLOPT_USERPWD, user) ? -ENOMEM : 0;
}

static bool set_trust(CURL *easy, const struct hsm_http_remote *remote)
{
	if (remote->insecure) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	return set_text(easy, CURLOPT_CAINFO, remote->cacert) &&
	       set_text(easy, CURLOPT_CAPATH, remote->capath) &&
	       set_text(easy, CURLOPT_PROXY, remote->proxy);
}

int hsm_http_options_apply(const struct hsm_http_remote *remote, CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* A name server that is silent must not hold up hsm_conn_cancel(). */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	/* So that a second address gets its turn before we give up. */
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
			 (long)(remote->timeout_ns / 2000000));
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)HSM_HTTP_BUFFER);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	if (!set_text(easy, CURLOPT_USERAGENT, "hsm") ||
	    !set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https") ||
	    !set_trust(easy, remote))
		return -ENOMEM;
	curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
	return hsm_http_options_identify(remote, easy, false);
}
