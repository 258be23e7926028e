// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "remote/http.h"
#include "remote/listing.h"
#include "remote/url.h"

#define PIECE (16 * 1024)

static void free_listing(struct hsm_listing **listing)
{
	hsm_listing_free(*listing);
}

#define FREE_LISTING __attribute__((cleanup(free_listing)))

static const char *why(int error)
{
	switch (error) {
	case -ENOTDIR:
		return "not a directory listing";
	case -EPROTO:
		return "a listing that makes no sense";
	default:
		return strerror(-error);
	}
}

/* `*begun`: entries may have been reported, the page cannot be asked for again. */
static int read_page(struct hsm_http_conn *conn, hsm_entry_fn fn, void *arg,
		     bool *begun)
{
	FREE_LISTING struct hsm_listing *listing = NULL;
	const char *type = conn->answer.type;
	struct hsm_http_pace pace = { 0 };
	char piece[PIECE];
	ssize_t n;
	int error = hsm_listing_new(&listing, type[0] ? type : NULL, conn->url,
				    fn, arg);

	while (!error) {
		struct hsm_http_patience patience = hsm_http_patience(conn);

		hsm_http_pace_begin(&pace);
		n = hsm_http_body(conn, piece, sizeof(piece), &patience);
		if (n < 0)
			return n;
		if (n == 0)
			break;
		*begun = true;
		error = hsm_http_pace_check(conn, &pace, n);
		if (error)
			return error;
		error = hsm_listing_feed(listing, piece, n);
	}
	if (!error)
		error = hsm_listing_end(listing);
	return error ? hsm_http_fail(conn, error, why(error)) : 0;
}

static int ask_for_page(struct hsm_http_conn *conn, const char *url,
			struct hsm_http_patience *patience)
{
	const struct hsm_http_question question = { .url = url, .list = true };
	int error = hsm_http_ask(conn, &question, patience);

	if (!error && conn->answer.status != HSM_HTTP_OK)
		error = hsm_http_fail_answer(conn);
	return error;
}

int hsm_http_list(struct hsm_conn *base, const char *path, hsm_entry_fn fn,
		  void *arg)
{
	struct hsm_http_conn *conn = hsm_http_conn_of(base);
	struct hsm_http_patience patience = hsm_http_patience(conn);
	HSM_FREE char *url = hsm_url_join(base->remote->url, path, true);
	bool begun = false;
	int error;

	if (!url)
		return hsm_conn_fail(base, -ENOMEM, "no memory");
	do {
		error = ask_for_page(conn, url, &patience) ?:
			read_page(conn, fn, arg, &begun);
	} while (error && !begun &&
		 !(error = hsm_http_try_again(conn, &patience, error)));
	hsm_http_end(conn);
	return error;
}
