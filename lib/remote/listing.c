// SPDX-License-Identifier: GPL-2.0-or-later
#include "remote/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "remote/listing_html.h"
#include "remote/listing_json.h"

enum kind {
	KIND_OPEN, /* the first byte decides */
	KIND_HTML,
	KIND_JSON,
	KIND_FOREIGN,
};

/*
 * Parsers get the page in blocks of one size, so that its entries do not depend
 * on how the network cut it, and so that scanning an unfinished tag again with
 * each block stays cheap.
 */
struct hsm_listing {
	struct hsm_listing_page page;
	enum kind kind;
	struct hsm_listing_html *html;
	struct hsm_listing_json *json;
	size_t len;
	char block[HSM_LISTING_BLOCK_MAX];
};

static enum kind kind_of_type(const char *content_type)
{
	static const struct {
		const char *type;
		enum kind kind;
	} types[] = {
		{ "text/html", KIND_HTML },
		{ "application/xhtml+xml", KIND_HTML },
		{ "application/json", KIND_JSON },
		{ "", KIND_OPEN },
	};
	size_t len;

	if (!content_type)
		return KIND_OPEN;
	content_type += strspn(content_type, " \t");
	len = strcspn(content_type, "; \t");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (len == strlen(types[i].type) &&
		    strncasecmp(content_type, types[i].type, len) == 0)
			return types[i].kind;
	return KIND_FOREIGN;
}

static enum kind kind_of_byte(char c)
{
	if (c == '<')
		return KIND_HTML;
	return c == '[' || c == '{' ? KIND_JSON : KIND_FOREIGN;
}

static int open_parser(struct hsm_listing *listing)
{
	if (listing->kind == KIND_HTML)
		return hsm_listing_html_new(&listing->html, &listing->page);
	if (listing->kind == KIND_JSON)
		return hsm_listing_json_new(&listing->json, &listing->page);
	return 0;
}

int hsm_listing_new(struct hsm_listing **out, const char *content_type,
		    const char *url, hsm_entry_fn fn, void *arg)
{
	struct hsm_listing *listing = calloc(1, sizeof(*listing));
	int error = -ENOMEM;

	if (!listing)
		return error;
	listing->page.fn = fn;
	listing->page.arg = arg;
	listing->page.url = strdup(url);
	listing->kind = kind_of_type(content_type);
	if (listing->page.url)
		error = open_parser(listing);
	if (error) {
		hsm_listing_free(listing);
		return error;
	}
	*out = listing;
	return 0;
}

/* Skip the white space at the start of the page and look at what follows. */
static size_t decide(struct hsm_listing *listing, const char *buf, size_t len)
{
	size_t skip = 0;

	while (skip < len && strchr(" \t\r\n", buf[skip]) && buf[skip])
		skip++;
	if (skip < len) {
		listing->kind = kind_of_byte(buf[skip]);
		listing->page.error = open_parser(listing);
	}
	return skip;
}

static void flush_block(struct hsm_listing *listing)
{
	if (listing->page.error)
		return;
	if (listing->html)
		hsm_listing_html_feed(listing->html, listing->block,
				      listing->len);
	else if (listing->json)
		hsm_listing_json_feed(listing->json, listing->block,
				      listing->len);
	listing->len = 0;
}

/* Take as many bytes as the block has room for. */
static size_t fill_block(struct hsm_listing *listing, const char *buf,
			 size_t len)
{
	size_t room = sizeof(listing->block) - listing->len;

	if (len > room)
		len = room;
	memcpy(listing->block + listing->len, buf, len);
	listing->len += len;
	if (listing->len == sizeof(listing->block))
		flush_block(listing);
	return len;
}

int hsm_listing_feed(struct hsm_listing *listing, const char *buf, size_t len)
{
	size_t n = 0;

	if (listing->kind == KIND_OPEN)
		n = decide(listing, buf, len);
	while (n < len && !listing->page.error)
		n += fill_block(listing, buf + n, len - n);
	return listing->page.error;
}

int hsm_listing_end(struct hsm_listing *listing)
{
	flush_block(listing);
	if (listing->page.error)
		return listing->page.error;
	if (listing->html)
		hsm_listing_html_end(listing->html);
	else if (listing->json)
		hsm_listing_json_end(listing->json);
	else
		listing->page.error = -ENOTDIR;
	return listing->page.error;
}

void hsm_listing_free(struct hsm_listing *listing)
{
	if (!listing)
		return;
	hsm_listing_html_free(listing->html);
	hsm_listing_json_free(listing->json);
	free(listing->page.url);
	free(listing);
}
