/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parsers of a listing share: the page that is read, and the row of
 * it that is being put together.
 */
#ifndef HSM_REMOTE_LISTING_ROW_H
#define HSM_REMOTE_LISTING_ROW_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "remote/remote.h"

/* The longest tag, text, or JSON token of a page; a longer one is -EPROTO. */
#define HSM_LISTING_TOKEN_MAX 65536

/* How much of a page a parser gets at a time. */
#define HSM_LISTING_BLOCK_MAX 4096

struct hsm_listing_page {
	char *url;
	hsm_entry_fn fn;
	void *arg;
	int error; /* the first failure: nothing more is read or delivered */
};

struct hsm_listing_row {
	char name[NAME_MAX + 1];
	enum hsm_entry_type type;
	struct hsm_version version;
};

/*
 * Begin `row` with the entry that a link leads to, or that has the `len` raw
 * bytes at `name` for its name; what is known of its version is nothing yet.
 * False when there is no row to go on with: the link leaves the directory
 * (dropped), or the name cannot exist (delivered as HSM_ENTRY_SKIPPED here; a
 * failure of that is in `page->error`).
 */
bool hsm_listing_row_link(struct hsm_listing_page *page, const char *href,
			  struct hsm_listing_row *row);
bool hsm_listing_row_name(struct hsm_listing_page *page, const char *name,
			  size_t len, bool directory,
			  struct hsm_listing_row *row);

/*
 * Deliver `row`.  A file without a size has to be asked for anyway (HEAD), and
 * its date may be the server's local time: it is not passed on.
 */
void hsm_listing_row_emit(struct hsm_listing_page *page,
			  struct hsm_listing_row *row);

/* Deliver `name` as HSM_ENTRY_SKIPPED because of `reason`. */
void hsm_listing_row_skip(struct hsm_listing_page *page, const char *name,
			  const char *reason);

/* `text` as an exact size, or HSM_SIZE_UNKNOWN: digits only, within int64_t. */
int64_t hsm_listing_size(const char *text);

#endif
