// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "remote/http.h"

static void free_url(CURLU **url)
{
	curl_url_cleanup(*url);
}

static void free_part(char **part)
{
	curl_free(*part);
}

#define FREE_URL __attribute__((cleanup(free_url)))
#define FREE_PART __attribute__((cleanup(free_part)))

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
	FREE_PART char *of_a = NULL;
	FREE_PART char *of_b = NULL;

	return !curl_url_get(a, part, &of_a, CURLU_DEFAULT_PORT) &&
	       !curl_url_get(b, part, &of_b, CURLU_DEFAULT_PORT) &&
	       strcasecmp(of_a, of_b) == 0;
}

static bool has_scheme(CURLU *url, const char *scheme)
{
	FREE_PART char *part = NULL;

	return !curl_url_get(url, CURLUPART_SCHEME, &part, 0) &&
	       strcasecmp(part, scheme) == 0;
}

static bool is_same_place(CURLU *root, CURLU *to)
{
	if (!same_part(root, to, CURLUPART_HOST))
		return false;
	if (has_scheme(root, "http") && has_scheme(to, "https"))
		return true;
	return same_part(root, to, CURLUPART_SCHEME) &&
	       same_part(root, to, CURLUPART_PORT);
}

/* HOST, *.DOMAIN, or either with :PORT; `len` bytes. */
static bool matches(const char *item, size_t len, const char *host,
		    const char *port, bool usual_port)
{
	const char *colon = memrchr(item, ':', len);
	size_t port_len = strlen(port), host_len = strlen(host);

	/* That of an IPv6 address is within brackets. */
	if (colon && !memchr(colon, ']', len - (size_t)(colon - item))) {
		if (len - (size_t)(colon + 1 - item) != port_len ||
		    memcmp(colon + 1, port, port_len))
			return false;
		len = (size_t)(colon - item);
	} else if (!usual_port) {
		return false;
	}
	if (len > 2 && !memcmp(item, "*.", 2)) {
		item++;
		len--;
		if (host_len <= len)
			return false;
		host += host_len - len;
		host_len = len;
	}
	return len == host_len && !strncasecmp(item, host, len);
}

static bool is_allowed(CURLU *to, const char *hosts)
{
	FREE_PART char *host = NULL;
	FREE_PART char *port = NULL;
	bool usual;

	if (!hosts || (!has_scheme(to, "http") && !has_scheme(to, "https")) ||
	    curl_url_get(to, CURLUPART_HOST, &host, 0) ||
	    curl_url_get(to, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
		return false;
	usual = !strcmp(port, has_scheme(to, "https") ? "443" : "80");
	while (*hosts) {
		size_t len = strcspn(hosts, ",");

		if (matches(hosts, len, host, port, usual))
			return true;
		hosts += len + (hosts[len] == ',');
	}
	return false;
}

/* What was asked for or came so far in secret stays so. */
static bool is_downgrade(CURLU *from, const char *url, CURLU *to)
{
	return (has_scheme(from, "https") || !strncasecmp(url, "https:", 6)) &&
	       !has_scheme(to, "https");
}

/* Nobody but the user says who we are; a fragment is never sent. */
static int strip(CURLU *url)
{
	if (curl_url_set(url, CURLUPART_USER, NULL, 0) ||
	    curl_url_set(url, CURLUPART_PASSWORD, NULL, 0) ||
	    curl_url_set(url, CURLUPART_OPTIONS, NULL, 0) ||
	    curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0))
		return -ENOMEM;
	return 0;
}

int hsm_http_redirect(const char *root, const char *url, const char *location,
		      const char *hosts, char **out)
{
	FREE_URL CURLU *from = curl_url();
	FREE_URL CURLU *to = curl_url();
	FREE_PART char *text = NULL;

	*out = NULL;
	if (!from || !to || curl_url_set(from, CURLUPART_URL, root, 0) ||
	    curl_url_set(to, CURLUPART_URL, url, 0))
		return -ENOMEM;
	if (!location[0] || curl_url_set(to, CURLUPART_URL, location,
					 CURLU_URLENCODE | CURLU_NON_SUPPORT_SCHEME))
		return -EPROTO;
	if (strip(to) || curl_url_get(to, CURLUPART_URL, &text, 0))
		return -EPROTO;
	*out = strdup(text);
	if (!*out)
		return -ENOMEM;
	if (is_downgrade(from, url, to))
		return -EACCES;
	if (is_same_place(from, to))
		return 0;
	return is_allowed(to, hosts) ? 1 : -EACCES;
}
