// SPDX-License-Identifier: GPL-2.0-or-later
/* Header lines of an answer, each value of them, and where a redirect leads. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "remote/http.h"

/* As hsm_remote_open() has it. */
#define ROOT "http://127.0.0.1:8080/pub/"

static void check(const struct hsm_http_answer *answer)
{
	struct hsm_version version = hsm_http_answer_version(answer);

	fuzz_assert(version.size >= 0 || version.size == HSM_SIZE_UNKNOWN);
	fuzz_assert(!answer->etag[0] || hsm_http_etag_valid(answer->etag));
	fuzz_assert(strlen(answer->etag) < sizeof(answer->etag) &&
		    strlen(answer->location) < sizeof(answer->location) &&
		    strlen(answer->type) < sizeof(answer->type) &&
		    strlen(answer->encoding) < sizeof(answer->encoding) &&
		    strlen(answer->reason) < sizeof(answer->reason));
	if (answer->ranged && answer->range.first >= 0)
		fuzz_assert(answer->range.last >= answer->range.first &&
			    (answer->range.total == HSM_SIZE_UNKNOWN ||
			     answer->range.total > answer->range.last));
	hsm_http_answer_stored(answer, "dir/file.gz", version.size);
}

/* An answer of `line`s, with and without one that makes it complete. */
static void feed_lines(const char *at, const char *end)
{
	struct hsm_http_answer answer = { .length = -1 };

	while (at < end) {
		const char *newline = memchr(at, '\n', end - at);
		size_t len = (newline ? newline + 1 : end) - at;

		hsm_http_answer_feed(&answer, at, len);
		check(&answer);
		at += len;
	}
	hsm_http_answer_feed(&answer, "\r\n", 2);
	check(&answer);
}

static void feed_value(const char *name, const char *value, size_t size)
{
	struct hsm_http_answer answer = { .length = -1 };
	size_t len = strlen(name);
	char *line = malloc(len + size);

	fuzz_assert(line);
	memcpy(line, name, len);
	memcpy(line + len, value, size);
	hsm_http_answer_feed(&answer, "HTTP/1.1 206 Partial Content\r\n", 30);
	hsm_http_answer_feed(&answer, line, len + size);
	hsm_http_answer_feed(&answer, "\r\n", 2);
	check(&answer);
	free(line);
}

static void follow(const char *location, const char *hosts)
{
	char *url, *again;
	int result = hsm_http_redirect(ROOT, ROOT "file", location, hosts, &url);

	fuzz_assert(result == 0 || result == 1 || result == -EACCES ||
		    result == -EPROTO || result == -ENOMEM);
	if (result == 0)
		fuzz_assert(strncmp(url, "http://127.0.0.1:8080/", 22) == 0 ||
			    strncmp(url, "https://127.0.0.1", 17) == 0);
	if (result == 1)
		fuzz_assert(hosts && (strncasecmp(url, "http://g/", 9) == 0 ||
				      strncasecmp(url, "http://g:80/", 12) == 0 ||
				      strncasecmp(url, "https://g/", 10) == 0 ||
				      strncasecmp(url, "https://g:443/", 14) == 0 ||
				      strcasestr(url, ".h:81/")));
	if (result >= 0) {
		int error = hsm_http_redirect(ROOT, url, url, hosts, &again);

		/* Where it leads may be followed as often as one likes. */
		fuzz_assert(error == result || error == -ENOMEM);
		free(again);
	}
	free(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {
		"Content-Range: ", "ETag: ", "Last-Modified: ", "Location: ",
		"Content-Type: ", "Content-Encoding: ", "Retry-After: ",
	};
	const char *at = (const char *)data;
	char *text = fuzz_string(data, size);

	feed_lines(at, at + size);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		feed_value(names[i], at, size);
	follow(text, NULL);
	follow(text, "g,*.h:81");
	hsm_http_etag_valid(text);
	free(text);
	return 0;
}
