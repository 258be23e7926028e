/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A listing that is an HTML page.  One thread at a time. */
#ifndef HSM_REMOTE_LISTING_HTML_H
#define HSM_REMOTE_LISTING_HTML_H

#include "remote/listing_row.h"

struct hsm_listing_html;

/* `page` is borrowed until hsm_listing_html_free().  -ENOMEM. */
int hsm_listing_html_new(struct hsm_listing_html **out,
			 struct hsm_listing_page *page);

/* At most HSM_LISTING_BLOCK_MAX bytes.  A failure is in `page->error`. */
void hsm_listing_html_feed(struct hsm_listing_html *html, const char *buf,
			   size_t len);

/* The same: -ENOTDIR, no listing; -EPROTO, one that ends before </html>. */
void hsm_listing_html_end(struct hsm_listing_html *html);

/* NULL is fine. */
void hsm_listing_html_free(struct hsm_listing_html *html);

#endif
