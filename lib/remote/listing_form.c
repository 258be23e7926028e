// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How a page is known for a listing, and what is believed of it:
 *
 * - nginx: a heading "Index of /...", and a <pre> that begins with
 *   <a href="../">.  After each link comes "22-Nov-2026 20:36   39001": UTC to the
 *   minute (unless autoindex_localtime is on, which the page does not tell); a
 *   plain number is exact, one with a unit ("38K") is not.
 * - Caddy and `rclone serve http`: <table aria-describedby="summary"> begins a
 *   <div class="listing">.  Each <tr class="file"> has one link, the exact size in
 *   data-order or data-size, and the date with its zone in <time datetime>.  For
 *   a symbolic link that is the date of the link, not of what would be read.
 * - Apache in all its forms, lighttpd, python's http.server and whatever else has
 *   a heading "Index of /..." or "Directory listing for /...": its links, and
 *   nothing else.  Sizes there are rounded and dates are local time.
 *
 * A heading is a <title>, <h1> or <h2> and comes before the entries.  A page
 * with <base href> is no listing: none of these servers moves its links.
 * Names come from the href alone, for the text is cut and recoded.
 */
#include "remote/listing_form.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "remote/listing_time.h"
#include "remote/listing_veil.h"

static bool is(const char *name, const char *literal)
{
	return strcmp(name, literal) == 0;
}

static const char *attribute(const char *const *attributes, const char *name)
{
	for (; attributes && attributes[0]; attributes += 2)
		if (is(attributes[0], name))
			return attributes[1];
	return NULL;
}

static bool attribute_is(const char *const *attributes, const char *name,
			 const char *literal)
{
	const char *value = attribute(attributes, name);

	return value && is(value, literal);
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void begin_text(struct hsm_listing_form *form,
		       struct hsm_listing_text *text)
{
	memset(text, 0, sizeof(*text));
	form->into = text;
}

static void add_to_text(struct hsm_listing_text *text, char c)
{
	if (is_space(c)) {
		if (!text->len || text->at[text->len - 1] == ' ')
			return;
		c = ' ';
	}
	if (text->len + 1 < sizeof(text->at))
		text->at[text->len++] = c;
	else
		text->cut = true;
}

static const char *end_text(struct hsm_listing_form *form,
			    struct hsm_listing_text *text)
{
	form->into = NULL;
	if (text->len && text->at[text->len - 1] == ' ')
		text->at[--text->len] = '\0';
	return text->at;
}

static bool is_heading(const char *name)
{
	return is(name, "title") || is(name, "h1") || is(name, "h2");
}

static void read_heading(struct hsm_listing_form *form)
{
	static const char *const marks[] = {
		"Index of /",
		"Directory listing for /",
	};
	const char *text = end_text(form, &form->heading);

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (form->kind == HSM_LISTING_NONE && !form->moved &&
		    strncmp(text, marks[i], strlen(marks[i])) == 0)
			form->kind = HSM_LISTING_LINKS;
}

/* The link leads to `form->row`, or is none of this directory's. */
static void read_link(struct hsm_listing_form *form, const char *href)
{
	HSM_FREE char *bytes = hsm_listing_unveil(href);

	form->linked = false;
	if (!bytes)
		form->page->error = -ENOMEM;
	else
		form->pending = hsm_listing_row_link(form->page, bytes,
						     &form->row);
}

static void read_tail(struct hsm_listing_form *form)
{
	struct hsm_version *version = &form->row.version;
	const char *rest = hsm_listing_time(end_text(form, &form->tail),
					    "d-b-Y H:M ", &version->mtime);

	if (!rest || form->tail.cut)
		return;
	version->precision = HSM_PRECISION_MINUTE;
	version->size = hsm_listing_size(rest);
}

static void read_date(struct hsm_version *version, const char *text)
{
	text += strspn(text, " ");
	if (hsm_listing_time(text, "Y-m-dTH:M:Sz", &version->mtime))
		version->precision = HSM_PRECISION_SECOND;
	else if (hsm_listing_time(text, "Y-m-d H:M:Sn z", &version->mtime))
		version->precision = HSM_PRECISION_NANO;
}

/* What else a row of Caddy or rclone tells of its entry. */
static void read_cell(struct hsm_listing_form *form, const char *name,
		      const char *const *attributes)
{
	const char *order = attribute(attributes, "data-order");
	const char *size = order ? order : attribute(attributes, "data-size");
	const char *date = attribute(attributes, "datetime");

	if (is(name, "td") && size)
		form->row.version.size = hsm_listing_size(size);
	else if (is(name, "time") && date)
		read_date(&form->row.version, date);
	else if (is(name, "use") &&
		 attribute_is(attributes, "xlink:href", "#file-shortcut"))
		form->linked = true;
}

static void end_row(struct hsm_listing_form *form)
{
	if (!form->pending)
		return;
	if (form->kind == HSM_LISTING_NGINX)
		read_tail(form);
	if (form->linked)
		form->row.version.size = HSM_SIZE_UNKNOWN;
	hsm_listing_row_emit(form->page, &form->row);
	form->pending = false;
}

static void start_link(struct hsm_listing_form *form, const char *href,
		       bool first_in_pre)
{
	switch (form->kind) {
	case HSM_LISTING_NONE:
		break;
	case HSM_LISTING_LINKS:
		if (first_in_pre && is(href, "../"))
			form->kind = HSM_LISTING_NGINX;
		read_link(form, href);
		end_row(form);
		break;
	case HSM_LISTING_NGINX:
		end_row(form);
		if (form->in_pre)
			read_link(form, href);
		break;
	case HSM_LISTING_ROWS:
		if (form->in_row && !form->pending)
			read_link(form, href);
		break;
	}
}

static void start_table(struct hsm_listing_form *form)
{
	if (form->kind != HSM_LISTING_NGINX && !form->moved)
		form->kind = HSM_LISTING_ROWS;
}

static void start_row(struct hsm_listing_form *form, bool of_file)
{
	if (form->kind != HSM_LISTING_ROWS)
		return;
	end_row(form);
	form->in_row = of_file;
}

void hsm_listing_form_start(struct hsm_listing_form *form, const char *name,
			    const char *const *attributes)
{
	const char *href = attribute(attributes, "href");
	bool first_in_pre = form->pre_begins, first_in_div = form->div_begins;

	form->pre_begins = is(name, "pre");
	form->div_begins = is(name, "div") &&
			   attribute_is(attributes, "class", "listing");
	if (is_heading(name)) {
		begin_text(form, &form->heading);
	} else if (is(name, "base") && href) {
		form->moved = true;
		form->kind = HSM_LISTING_NONE;
	} else if (is(name, "pre")) {
		form->in_pre = true;
	} else if (is(name, "table") && first_in_div &&
		   attribute_is(attributes, "aria-describedby", "summary")) {
		start_table(form);
	} else if (is(name, "tr")) {
		start_row(form, attribute_is(attributes, "class", "file"));
	} else if (is(name, "a") && href) {
		start_link(form, href, first_in_pre);
	} else if (form->kind == HSM_LISTING_ROWS && form->pending) {
		read_cell(form, name, attributes);
	}
}

void hsm_listing_form_end(struct hsm_listing_form *form, const char *name)
{
	if (is_heading(name) && form->into == &form->heading) {
		read_heading(form);
	} else if (is(name, "a")) {
		if (form->kind == HSM_LISTING_NGINX && form->pending)
			begin_text(form, &form->tail);
	} else if (is(name, "pre")) {
		if (form->kind == HSM_LISTING_NGINX)
			end_row(form);
		form->in_pre = false;
	} else if (is(name, "tr")) {
		start_row(form, false);
	}
}

void hsm_listing_form_text(struct hsm_listing_form *form, const char *text,
			   size_t len)
{
	form->pre_begins = false;
	for (; form->into && len; len--)
		add_to_text(form->into, *text++);
}
