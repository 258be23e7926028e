/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A listing that is JSON, as nginx and Caddy print it.  One thread at a time. */
#ifndef HSM_REMOTE_LISTING_JSON_H
#define HSM_REMOTE_LISTING_JSON_H

#include "remote/listing_row.h"

struct hsm_listing_json;

/* `page` is borrowed until hsm_listing_json_free().  -ENOMEM. */
int hsm_listing_json_new(struct hsm_listing_json **out,
			 struct hsm_listing_page *page);

/* At most HSM_LISTING_BLOCK_MAX bytes.  A failure is in `page->error`. */
void hsm_listing_json_feed(struct hsm_listing_json *json, const char *buf,
			   size_t len);

/* The same: -ENOTDIR, JSON of another form; -EPROTO, it ends too early. */
void hsm_listing_json_end(struct hsm_listing_json *json);

/* NULL is fine. */
void hsm_listing_json_free(struct hsm_listing_json *json);

#endif
