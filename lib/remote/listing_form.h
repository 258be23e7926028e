/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the tags and texts of an HTML page to the entries of a listing: which
 * server printed it, and what can be believed of what it printed.
 *
 * Names of elements and attributes are lower case, texts are veiled (see
 * listing_veil.h).  One thread at a time; failures are in `page->error`.
 */
#ifndef HSM_REMOTE_LISTING_FORM_H
#define HSM_REMOTE_LISTING_FORM_H

#include "remote/listing_row.h"

enum hsm_listing_kind {
	HSM_LISTING_NONE,  /* no listing, so far */
	HSM_LISTING_LINKS, /* nothing but links */
	HSM_LISTING_NGINX,
	HSM_LISTING_ROWS, /* Caddy, rclone */
};

/* The beginning of a text, each run of white space in it as one space. */
struct hsm_listing_text {
	char at[64];
	size_t len;
	bool cut;
};

/* All zero but for `page` before the first call; private to listing_form.c. */
struct hsm_listing_form {
	struct hsm_listing_page *page;
	enum hsm_listing_kind kind;
	struct hsm_listing_row row;
	bool pending;    /* `row` waits for what follows its link */
	bool linked;     /* its date is that of a symbolic link */
	bool in_row;     /* HSM_LISTING_ROWS: within a <tr class="file"> */
	bool in_pre;
	bool pre_begins; /* nothing came since the <pre> */
	bool div_begins; /* no element came since the <div class="listing"> */
	bool moved;      /* there is a <base href> */
	struct hsm_listing_text *into; /* where text goes now, or NULL */
	struct hsm_listing_text heading, tail;
};

/* A tag with its attributes: name, value (or NULL), name, ..., NULL; or NULL. */
void hsm_listing_form_start(struct hsm_listing_form *form, const char *name,
			    const char *const *attributes);
void hsm_listing_form_end(struct hsm_listing_form *form, const char *name);
void hsm_listing_form_text(struct hsm_listing_form *form, const char *text,
			   size_t len);

#endif
