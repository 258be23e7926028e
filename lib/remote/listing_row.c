// SPDX-License-Identifier: GPL-2.0-or-later
#include "remote/listing_row.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "remote/url.h"

static void deliver(struct hsm_listing_page *page,
		    const struct hsm_entry *entry)
{
	int result;

	if (page->error)
		return;
	result = page->fn(page->arg, entry);
	if (result < 0)
		page->error = result;
}

void hsm_listing_row_skip(struct hsm_listing_page *page, const char *name,
			  const char *reason)
{
	struct hsm_entry entry = {
		.name = name,
		.type = HSM_ENTRY_SKIPPED,
		.target = reason,
		.version.size = HSM_SIZE_UNKNOWN,
	};

	deliver(page, &entry);
}

/* Why no file can have this name, or NULL. */
static const char *fault(const char *name, size_t len)
{
	if (!len)
		return "the name is empty";
	if (len > NAME_MAX)
		return "the name is longer than 255 bytes";
	if (memchr(name, '\0', len))
		return "the name has a NUL byte";
	if (memchr(name, '/', len))
		return "the name has a slash";
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return "the name is . or ..";
	return NULL;
}

static void begin(struct hsm_listing_row *row, bool directory)
{
	row->type = directory ? HSM_ENTRY_DIR : HSM_ENTRY_FILE;
	row->version = (struct hsm_version){ .size = HSM_SIZE_UNKNOWN };
}

static void skip_bytes(struct hsm_listing_page *page, const char *name,
		       size_t len, const char *reason)
{
	HSM_FREE char *text = strndup(name, len);

	if (!text)
		page->error = -ENOMEM;
	else
		hsm_listing_row_skip(page, text, reason);
}

bool hsm_listing_row_name(struct hsm_listing_page *page, const char *name,
			  size_t len, bool directory,
			  struct hsm_listing_row *row)
{
	const char *reason;

	if (len <= NAME_MAX)
		*(char *)mempcpy(row->name, name, len) = '\0';
	reason = fault(len <= NAME_MAX ? row->name : name, len);
	if (reason) {
		skip_bytes(page, name, len, reason);
		return false;
	}
	begin(row, directory);
	return true;
}

bool hsm_listing_row_link(struct hsm_listing_page *page, const char *href,
			  struct hsm_listing_row *row)
{
	struct hsm_url_child child;
	const char *reason;
	ssize_t len;

	if (!hsm_url_resolve(page->url, href, &child))
		return false;
	len = hsm_url_decode(child.segment, child.len, row->name,
			     sizeof(row->name));
	reason = fault(row->name, len < 0 ? NAME_MAX + 1 : (size_t)len);
	if (reason) {
		/* As it is written: decoded it might be no C string. */
		skip_bytes(page, child.segment, child.len, reason);
		return false;
	}
	begin(row, child.directory);
	return true;
}

void hsm_listing_row_emit(struct hsm_listing_page *page,
			  struct hsm_listing_row *row)
{
	struct hsm_entry entry = { .name = row->name, .type = row->type };

	if (row->type == HSM_ENTRY_DIR)
		row->version.size = HSM_SIZE_UNKNOWN;
	else if (row->version.size == HSM_SIZE_UNKNOWN)
		row->version.precision = HSM_PRECISION_NONE;
	if (row->version.precision == HSM_PRECISION_NONE)
		row->version.mtime = (struct timespec){ 0 };
	entry.version = row->version;
	deliver(page, &entry);
}

int64_t hsm_listing_size(const char *text)
{
	int64_t size = 0;

	if (!*text)
		return HSM_SIZE_UNKNOWN;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' ||
		    __builtin_mul_overflow(size, 10, &size) ||
		    __builtin_add_overflow(size, *text - '0', &size))
			return HSM_SIZE_UNKNOWN;
	}
	return size;
}
