// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <time.h>

#include "remote/http.h"

/* In front of the headers that never change; nothing is allocated. */
static struct curl_slist *add_header(struct curl_slist *header, char *text,
				     struct curl_slist *next)
{
	header->data = text;
	header->next = next;
	return header;
}

static void print_range(struct hsm_http_conn *conn,
			const struct hsm_http_question *question)
{
	int n = snprintf(conn->range, sizeof(conn->range), "Range: bytes=%ju-",
			 (uintmax_t)question->off);

	if (question->len)
		snprintf(conn->range + n, sizeof(conn->range) - n, "%ju",
			 (uintmax_t)(question->off + question->len - 1));
}

/* Not strftime(): the words of HTTP do not follow the user's locale. */
static void print_date(char *out, size_t size, const struct tm *tm)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	snprintf(out, size, "If-Range: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
		 days + 3 * tm->tm_wday, tm->tm_mday, months + 3 * tm->tm_mon,
		 tm->tm_year + 1900, tm->tm_hour, tm->tm_min, tm->tm_sec);
}

static bool print_if_range(struct hsm_http_conn *conn,
			   const struct hsm_version *version)
{
	struct tm tm;

	if (version->etag[0] && hsm_http_etag_valid(version->etag)) {
		snprintf(conn->if_range, sizeof(conn->if_range),
			 "If-Range: %s", version->etag);
		return true;
	}
	if (version->precision < HSM_PRECISION_SECOND ||
	    !gmtime_r(&version->mtime.tv_sec, &tm))
		return false;
	print_date(conn->if_range, sizeof(conn->if_range), &tm);
	return true;
}

struct curl_slist *hsm_http_headers(struct hsm_http_conn *conn,
				    const struct hsm_http_question *question)
{
	const struct hsm_http_remote *remote = hsm_http_remote_of(&conn->base);
	struct curl_slist *file = conn->foreign ? remote->file_headers_bare :
						  remote->file_headers;

	conn->if_range[0] = '\0';
	if (question->list)
		return conn->foreign ? remote->list_headers_bare :
				       remote->list_headers;
	if (!question->off && !question->len)
		return file;
	print_range(conn, question);
	add_header(&conn->range_header, conn->range, file);
	if (!question->if_range || !print_if_range(conn, question->if_range))
		return &conn->range_header;
	return add_header(&conn->if_range_header, conn->if_range,
			  &conn->range_header);
}
