// SPDX-License-Identifier: GPL-2.0-or-later
#include "remote/http_answer.h"

#include <curl/curl.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define STATUS_PARTIAL 206
#define STATUS_UNSATISFIABLE 416

/* Copies what fits whole, else nothing: half a value is a wrong value. */
static void keep(char *out, size_t size, const char *value, size_t len)
{
	out[0] = '\0';
	if (len >= size || memchr(value, '\0', len))
		return;
	memcpy(out, value, len);
	out[len] = '\0';
}

/* Take digits from `*at`; -1 when there are none or too many. */
static int64_t take_number(const char **at)
{
	int64_t value = 0;

	if (!isdigit((unsigned char)**at))
		return -1;
	for (; isdigit((unsigned char)**at); (*at)++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, **at - '0', &value))
			return -1;
	return value;
}

static bool take(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

static bool parse_part(const char **at, struct hsm_http_range *range)
{
	if (take(at, '*')) {
		range->first = range->last = -1;
		return true;
	}
	range->first = take_number(at);
	if (range->first < 0 || !take(at, '-'))
		return false;
	range->last = take_number(at);
	return range->last >= range->first;
}

static bool parse_total(const char **at, struct hsm_http_range *range)
{
	if (take(at, '*')) {
		range->total = HSM_SIZE_UNKNOWN;
		return range->first >= 0;
	}
	range->total = take_number(at);
	return range->total > range->last;
}

static void set_range(struct hsm_http_answer *answer, const char *value)
{
	static const char unit[] = "bytes ";
	const char *at = value + strlen(unit);

	answer->ranged = strncasecmp(value, unit, strlen(unit)) == 0 &&
			 parse_part(&at, &answer->range) && take(&at, '/') &&
			 parse_total(&at, &answer->range) && !*at;
}

bool hsm_http_etag_valid(const char *etag)
{
	size_t len = strlen(etag);

	if (len < 2 || etag[0] != '"' || etag[len - 1] != '"')
		return false;
	for (size_t i = 1; i < len - 1; i++)
		if (etag[i] == '"' || etag[i] == 0x7f ||
		    (unsigned char)etag[i] < 0x20)
			return false;
	return true;
}

static void set_etag(struct hsm_http_answer *answer, const char *value,
		     size_t len)
{
	keep(answer->etag, sizeof(answer->etag), value, len);
	if (!hsm_http_etag_valid(answer->etag))
		answer->etag[0] = '\0';
}

static void set_modified(struct hsm_http_answer *answer, const char *value)
{
	time_t date = curl_getdate(value, NULL);

	answer->dated = date != -1;
	answer->modified = answer->dated ? date : 0;
}

static void set_encoding(struct hsm_http_answer *answer, const char *value,
			 size_t len)
{
	if (!len || strcasecmp(value, "identity") == 0)
		return;
	keep(answer->encoding, sizeof(answer->encoding), value, len);
	if (!answer->encoding[0])
		strcpy(answer->encoding, "?"); /* some long list */
}

/* `value` has `len` bytes without the space around it, and a NUL after it. */
static void set_field(struct hsm_http_answer *answer, const char *name,
		      const char *value, size_t len)
{
	if (strcasecmp(name, "etag") == 0)
		set_etag(answer, value, len);
	else if (strcasecmp(name, "last-modified") == 0)
		set_modified(answer, value);
	else if (strcasecmp(name, "content-range") == 0)
		set_range(answer, value);
	else if (strcasecmp(name, "content-type") == 0)
		keep(answer->type, sizeof(answer->type), value, len);
	else if (strcasecmp(name, "location") == 0)
		keep(answer->location, sizeof(answer->location), value, len);
	else if (strcasecmp(name, "content-encoding") == 0)
		set_encoding(answer, value, len);
}

/* Only these names are looked at; the others are most of what servers send. */
static bool is_of_interest(const char *line, size_t len)
{
	return len && strchr("eElLcC", line[0]);
}

static size_t trim(const char **value, size_t len)
{
	while (len && isspace((unsigned char)**value)) {
		(*value)++;
		len--;
	}
	while (len && isspace((unsigned char)(*value)[len - 1]))
		len--;
	return len;
}

static void feed_field(struct hsm_http_answer *answer, const char *line,
		       size_t len)
{
	const char *colon = memchr(line, ':', len);
	char name[32], text[sizeof(answer->location)];
	const char *value;

	if (!colon)
		return;
	keep(name, sizeof(name), line, colon - line);
	value = colon + 1;
	len = trim(&value, line + len - value);
	if (!name[0] || len >= sizeof(text))
		return;
	memcpy(text, value, len);
	text[len] = '\0';
	set_field(answer, name, text, len);
}

/* "HTTP/1.1 404 Not Found", "HTTP/2 200 " */
static void feed_status(struct hsm_http_answer *answer, const char *line,
			size_t len)
{
	const char *end = line + len, *at = memchr(line, ' ', len);

	*answer = (struct hsm_http_answer){ .length = -1 };
	for (at = at ? at + 1 : end;
	     at < end && isdigit((unsigned char)*at) && answer->status < 1000;
	     at++)
		answer->status = 10 * answer->status + (*at - '0');
	len = trim(&at, end - at);
	if (len >= sizeof(answer->reason))
		len = sizeof(answer->reason) - 1;
	for (size_t i = 0; i < len; i++)
		answer->reason[i] = isprint((unsigned char)at[i]) ? at[i] : '?';
}

void hsm_http_answer_feed(struct hsm_http_answer *answer, const char *line,
			  size_t len)
{
	if (answer->complete)
		return;
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
		feed_status(answer, line, len);
	else if (len && (line[0] == '\r' || line[0] == '\n'))
		answer->complete = answer->status >= 200;
	else if (is_of_interest(line, len))
		feed_field(answer, line, len);
}

struct hsm_version hsm_http_answer_version(const struct hsm_http_answer *answer)
{
	struct hsm_version version = { .size = answer->length };

	if (answer->status == STATUS_PARTIAL ||
	    answer->status == STATUS_UNSATISFIABLE)
		version.size = answer->ranged ? answer->range.total :
						HSM_SIZE_UNKNOWN;
	if (answer->dated) {
		version.mtime.tv_sec = answer->modified;
		version.precision = HSM_PRECISION_SECOND;
	}
	memcpy(version.etag, answer->etag, sizeof(version.etag));
	return version;
}

/* What files are called whose content has an encoding (RFC 9110, 8.4.1). */
static const struct {
	const char *encoding, *suffix;
} encodings[] = {
	{ "gzip", ".gz" },     { "gzip", ".tgz" },  { "gzip", ".svgz" },
	{ "compress", ".Z" },  { "bzip2", ".bz2" }, { "br", ".br" },
	{ "zstd", ".zst" },    { "xz", ".xz" },
};

static bool is_named_for(const char *path, const char *encoding)
{
	size_t len = strlen(path);

	if (strncasecmp(encoding, "x-", 2) == 0)
		encoding += 2;
	for (size_t i = 0; i < sizeof(encodings) / sizeof(*encodings); i++) {
		size_t tail = strlen(encodings[i].suffix);

		if (strcasecmp(encoding, encodings[i].encoding) == 0 &&
		    len > tail &&
		    strcmp(path + len - tail, encodings[i].suffix) == 0)
			return true;
	}
	return false;
}

bool hsm_http_answer_stored(const struct hsm_http_answer *answer,
			    const char *path, int64_t size)
{
	int64_t now = hsm_http_answer_version(answer).size;

	if (size != HSM_SIZE_UNKNOWN)
		return now == size;
	return now != HSM_SIZE_UNKNOWN && is_named_for(path, answer->encoding);
}
