/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A directory listing as web servers print it, parsed while it arrives: HTML
 * (nginx, Apache, lighttpd, Caddy, python, rclone, ...) and JSON (nginx, Caddy).
 * Pure: bytes in, entries out.
 *
 * Memory: the parser's state and one entry, whatever the listing's size; a
 * single text or attribute longer than 64 KiB is -EPROTO.
 */
#ifndef HSM_REMOTE_LISTING_H
#define HSM_REMOTE_LISTING_H

#include <stddef.h>

#include "remote/remote.h"

struct hsm_listing;

/*
 * A parser for one page.  `content_type` is the header's value ("text/html;
 * charset=utf-8", "application/json") or NULL: then the first bytes decide.
 * `url` is the page's own absolute URL (percent-encoded, after redirects):
 * links are resolved against it, and what leaves that directory is dropped.
 * `fn` gets each entry.  -ENOMEM.
 */
int hsm_listing_new(struct hsm_listing **out, const char *content_type,
		    const char *url, hsm_entry_fn fn, void *arg);

/* Feed the next bytes.  -EPROTO, -ENOMEM, or what `fn` returned. */
int hsm_listing_feed(struct hsm_listing *listing, const char *buf, size_t len);

/* No more bytes.  -ENOTDIR: the page is no directory listing. */
int hsm_listing_end(struct hsm_listing *listing);

void hsm_listing_free(struct hsm_listing *listing);

#endif
