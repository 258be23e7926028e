// SPDX-License-Identifier: GPL-2.0-or-later
#include "remote/listing_html.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/HTMLparser.h>

#include "base/cleanup.h"
#include "remote/listing_form.h"
#include "remote/listing_veil.h"

/*
 * What libxml2 lets grow without a bound of its own: the stack of open elements;
 * the table of all names of elements and attributes so far; a tag's attributes,
 * each of which it compares with all; and what was parsed already, which it
 * drops only after text.  No listing comes near any of these.
 */
#define DEPTH_MAX 1000
#define NAMES_MAX (1 << 20)
#define ATTRIBUTES_MAX 256
#define BUFFER_MAX (1 << 20)

/* All servers end their page with it; libxml2 does not tell whether it came. */
static const char END_TAG[] = "</html";

struct hsm_listing_html {
	struct hsm_listing_form form;
	htmlParserCtxtPtr parser;
	size_t depth;
	size_t text; /* bytes of text since the last tag */
	size_t end;  /* how much of END_TAG the last bytes are; all: was seen */
};

static void fail(struct hsm_listing_html *html, int error)
{
	if (!html->form.page->error)
		html->form.page->error = error;
}

static size_t count_attributes(const xmlChar **attributes)
{
	size_t n = 0;

	while (attributes && attributes[2 * n])
		n++;
	return n;
}

static void on_start(void *context, const xmlChar *name,
		     const xmlChar **attributes)
{
	struct hsm_listing_html *html = context;

	html->text = 0;
	if (++html->depth > DEPTH_MAX ||
	    count_attributes(attributes) > ATTRIBUTES_MAX)
		fail(html, -EPROTO);
	if (!html->form.page->error)
		hsm_listing_form_start(&html->form, (const char *)name,
				       (const char *const *)attributes);
}

static void on_end(void *context, const xmlChar *name)
{
	struct hsm_listing_html *html = context;

	html->text = 0;
	html->depth--;
	if (!html->form.page->error)
		hsm_listing_form_end(&html->form, (const char *)name);
}

static void on_text(void *context, const xmlChar *text, int len)
{
	struct hsm_listing_html *html = context;

	html->text += hsm_listing_veil_count((const char *)text, len);
	if (html->text > HSM_LISTING_TOKEN_MAX)
		fail(html, -EPROTO);
	if (!html->form.page->error)
		hsm_listing_form_text(&html->form, (const char *)text, len);
}

int hsm_listing_html_new(struct hsm_listing_html **out,
			 struct hsm_listing_page *page)
{
	htmlSAXHandler handler = {
		.startElement = on_start,
		.endElement = on_end,
		.characters = on_text,
		.ignorableWhitespace = on_text,
		.cdataBlock = on_text,
	};
	HSM_FREE struct hsm_listing_html *html = calloc(1, sizeof(*html));

	if (!html)
		return -ENOMEM;
	html->form.page = page;
	html->parser = htmlCreatePushParserCtxt(&handler, html, NULL, 0, NULL,
						XML_CHAR_ENCODING_UTF8);
	if (!html->parser)
		return -ENOMEM;
	/* Veiled bytes are UTF-8 whatever a <meta> says. */
	htmlCtxtUseOptions(html->parser, HTML_PARSE_IGNORE_ENC |
			   HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
			   HTML_PARSE_NONET);
	*out = hsm_steal_pointer(&html);
	return 0;
}

/* A tag, comment or script without an end stays in the parser's buffer, too. */
static bool has_grown(const struct hsm_listing_html *html)
{
	const xmlParserInput *input = html->parser->input;
	size_t pending = input->end - input->cur;

	return xmlDictGetUsage(html->parser->dict) > NAMES_MAX ||
	       input->end - input->base > BUFFER_MAX ||
	       (pending > HSM_LISTING_TOKEN_MAX &&
		hsm_listing_veil_count((const char *)input->cur, pending) >
			HSM_LISTING_TOKEN_MAX);
}

static void watch_for_end(struct hsm_listing_html *html, const char *buf,
			  size_t len)
{
	for (; len && END_TAG[html->end]; len--, buf++) {
		if ((*buf | 0x20) == (END_TAG[html->end] | 0x20))
			html->end++;
		else
			html->end = *buf == '<';
	}
}

void hsm_listing_html_feed(struct hsm_listing_html *html, const char *buf,
			   size_t len)
{
	char veiled[HSM_LISTING_VEIL_WIDTH * HSM_LISTING_BLOCK_MAX];
	size_t size = hsm_listing_veil(buf, len, veiled);

	if (memchr(buf, '\0', len)) {
		fail(html, -EPROTO);
		return;
	}
	watch_for_end(html, buf, len);
	htmlParseChunk(html->parser, veiled, size, 0);
	/*
	 * Look for the end of an unfinished tag from its start next time: libxml2
	 * 2.9 goes on from here but has forgotten which quote it was in.
	 */
	html->parser->checkIndex = 0;
	if (html->parser->errNo == XML_ERR_NO_MEMORY)
		fail(html, -ENOMEM);
	else if (has_grown(html))
		fail(html, -EPROTO);
}

void hsm_listing_html_end(struct hsm_listing_html *html)
{
	htmlParseChunk(html->parser, NULL, 0, 1);
	if (html->form.kind == HSM_LISTING_NONE)
		fail(html, -ENOTDIR);
	else if (END_TAG[html->end])
		fail(html, -EPROTO);
}

void hsm_listing_html_free(struct hsm_listing_html *html)
{
	if (!html)
		return;
	htmlFreeParserCtxt(html->parser);
	free(html);
}
