// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Directory listings: the page comes as HTML, as JSON and as nobody knows what,
 * in one piece and in several, and what comes of it is the same.
 */
#include <errno.h>

#include "base/hash.h"
#include "fuzz.h"
#include "remote/listing.h"

#define URL "http://127.0.0.1:8080/dir/"

struct seen {
	uint64_t hash;
	size_t count;
};

static void mix(struct seen *seen, const void *bytes, size_t len)
{
	seen->hash = hsm_hash(seen->hash, bytes, len);
}

static int take(void *arg, const struct hsm_entry *entry)
{
	struct seen *seen = arg;

	mix(seen, entry->name, strlen(entry->name) + 1);
	mix(seen, &entry->type, sizeof(entry->type));
	mix(seen, &entry->version.size, sizeof(entry->version.size));
	seen->count++;
	if (entry->type == HSM_ENTRY_SKIPPED) {
		fuzz_assert(entry->target && *entry->target);
		return 0;
	}
	/* The promise of hsm_conn_list(). */
	fuzz_assert(*entry->name && strlen(entry->name) <= 255 &&
		    !strchr(entry->name, '/') && strcmp(entry->name, ".") &&
		    strcmp(entry->name, ".."));
	fuzz_assert(entry->type == HSM_ENTRY_FILE || entry->type == HSM_ENTRY_DIR);
	fuzz_assert(entry->version.size >= 0 ||
		    entry->version.size == HSM_SIZE_UNKNOWN);
	fuzz_assert(entry->version.mtime.tv_nsec >= 0 &&
		    entry->version.mtime.tv_nsec <= 999999999);
	return 0;
}

static int parse(const char *type, const char *page, size_t size, size_t piece,
		 struct seen *seen)
{
	struct hsm_listing *listing;
	size_t pos = 0;
	int error;

	*seen = (struct seen){ 0 };
	fuzz_assert(!hsm_listing_new(&listing, type, URL, take, seen));
	do {
		size_t len = size - pos < piece ? size - pos : piece;

		error = hsm_listing_feed(listing, page + pos, len);
		pos += len;
	} while (!error && pos < size);
	if (!error)
		error = hsm_listing_end(listing);
	hsm_listing_free(listing);
	fuzz_assert(!error || error == -EPROTO || error == -ENOTDIR);
	return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = {
		"text/html", "application/json", NULL,
	};
	struct seen whole, pieces;

	for (size_t i = 0; i < 3; i++) {
		const char *page = (const char *)data;
		int error = parse(types[i], page, size, size + 1, &whole);

		fuzz_assert(parse(types[i], page, size, 1 + size / 3, &pieces) ==
			    error);
		fuzz_assert(pieces.hash == whole.hash &&
			    pieces.count == whole.count);
	}
	return 0;
}
