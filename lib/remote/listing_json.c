// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A listing is an array of objects, each of one of these forms; more members are
 * fine.  An empty array is an empty directory.
 *
 * - nginx: name (raw bytes, UTF-8 or not), type ("file", "directory", "other"),
 *   mtime ("Sun, 22 Nov 2026 20:36:24 GMT"), and size of a file.
 * - Caddy: url (relative; `name` has lost what is not UTF-8), is_dir, is_symlink,
 *   size and mod_time (RFC 3339, nanoseconds).  A symbolic link has the date of
 *   the link, not of what would be read.
 */
#include "remote/listing_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#include "base/cleanup.h"
#include "remote/listing_time.h"

/* Within an entry's members that we do not know; yajl keeps a stack. */
#define DEPTH_MAX 16

enum member {
	MEMBER_OTHER,
	MEMBER_NAME,
	MEMBER_URL,
	MEMBER_TYPE,
	MEMBER_TIME,
	MEMBER_SIZE,
	MEMBER_IS_DIR,
	MEMBER_IS_SYMLINK,
};

struct string {
	char *at; /* NUL-terminated, or NULL: absent */
	size_t len;
};

struct object {
	struct string name, url, type;
	bool has_is_dir, is_dir, is_symlink;
	struct hsm_version version; /* size and mtime */
};

struct hsm_listing_json {
	struct hsm_listing_page *page;
	yajl_handle parser;
	unsigned int depth; /* 0: around the array, 1: in it, 2: in an entry */
	enum member member; /* of the entry, whose value comes next */
	struct object object;
	bool begun;
	bool foreign; /* it is JSON, but no listing */
	size_t silent; /* bytes since the last token, in whole chunks */
};

/* What yajl wants from a callback. */
enum { STOP, GO_ON };

static int stop(struct hsm_listing_json *json, int error)
{
	if (!json->page->error)
		json->page->error = error;
	return STOP;
}

static int stop_foreign(struct hsm_listing_json *json)
{
	json->foreign = true;
	return STOP;
}

/* ------------------------------------------------------------- entries -- */

static void clear(struct object *object)
{
	free(object->name.at);
	free(object->url.at);
	free(object->type.at);
	*object = (struct object){ .version.size = HSM_SIZE_UNKNOWN };
}

static bool is(struct string string, const char *literal)
{
	return string.at && string.len == strlen(literal) &&
	       memcmp(string.at, literal, string.len) == 0;
}

static void emit(struct hsm_listing_json *json, struct hsm_listing_row *row)
{
	row->version = json->object.version;
	if (json->object.is_symlink)
		row->version.size = HSM_SIZE_UNKNOWN;
	hsm_listing_row_emit(json->page, row);
}

static int end_nginx(struct hsm_listing_json *json)
{
	const struct object *object = &json->object;
	bool directory = is(object->type, "directory");
	struct hsm_listing_row row;

	if (!directory && !is(object->type, "file"))
		hsm_listing_row_skip(json->page, object->name.at,
				     "neither a file nor a directory");
	else if (hsm_listing_row_name(json->page, object->name.at,
				      object->name.len, directory, &row))
		emit(json, &row);
	return json->page->error ? STOP : GO_ON;
}

static int end_caddy(struct hsm_listing_json *json)
{
	const struct object *object = &json->object;
	struct hsm_listing_row row;

	if (strlen(object->url.at) != object->url.len)
		return stop(json, -EPROTO);
	if (hsm_listing_row_link(json->page, object->url.at, &row)) {
		row.type = object->is_dir ? HSM_ENTRY_DIR : HSM_ENTRY_FILE;
		emit(json, &row);
	}
	return json->page->error ? STOP : GO_ON;
}

static int end_object(struct hsm_listing_json *json)
{
	const struct object *object = &json->object;

	if (object->url.at && object->has_is_dir)
		return end_caddy(json);
	if (object->name.at && object->type.at)
		return end_nginx(json);
	return stop_foreign(json);
}

/* -------------------------------------------------------------- values -- */

static enum member member_of(const char *key, size_t len)
{
	static const struct {
		const char *key;
		enum member member;
	} members[] = {
		{ "name", MEMBER_NAME },     { "url", MEMBER_URL },
		{ "type", MEMBER_TYPE },     { "mtime", MEMBER_TIME },
		{ "mod_time", MEMBER_TIME }, { "size", MEMBER_SIZE },
		{ "is_dir", MEMBER_IS_DIR }, { "is_symlink", MEMBER_IS_SYMLINK },
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (len == strlen(members[i].key) &&
		    memcmp(key, members[i].key, len) == 0)
			return members[i].member;
	return MEMBER_OTHER;
}

static int keep(struct hsm_listing_json *json, struct string *string,
		const char *text, size_t len)
{
	free(string->at);
	string->at = malloc(len + 1);
	if (!string->at)
		return stop(json, -ENOMEM);
	*(char *)mempcpy(string->at, text, len) = '\0';
	string->len = len;
	return GO_ON;
}

static void keep_time(struct hsm_version *version, const char *text, size_t len)
{
	char date[64];

	if (len >= sizeof(date))
		return;
	*(char *)mempcpy(date, text, len) = '\0';
	if (hsm_listing_time(date, "a, d b Y H:M:S z", &version->mtime))
		version->precision = HSM_PRECISION_SECOND;
	else if (hsm_listing_time(date, "Y-m-dTH:M:Snz", &version->mtime))
		version->precision = HSM_PRECISION_NANO;
}

static void keep_size(struct hsm_version *version, const char *text, size_t len)
{
	char digits[32] = "";

	if (len < sizeof(digits))
		memcpy(digits, text, len);
	version->size = hsm_listing_size(digits);
}

/*
 * A value has begun.  Around the entries there is one array, and nothing but
 * entries in it.
 */
static bool is_placed(struct hsm_listing_json *json, bool is_array, bool is_map)
{
	json->silent = 0;
	json->begun = true;
	return json->depth > 1 || (json->depth == 0 ? is_array : is_map);
}

/* ------------------------------------------------------- yajl's callbacks -- */

static int on_null(void *context)
{
	struct hsm_listing_json *json = context;

	return is_placed(json, false, false) ? GO_ON : stop_foreign(json);
}

static int on_boolean(void *context, int value)
{
	struct hsm_listing_json *json = context;

	if (!is_placed(json, false, false))
		return stop_foreign(json);
	if (json->depth > 2)
		return GO_ON;
	if (json->member == MEMBER_IS_DIR) {
		json->object.has_is_dir = true;
		json->object.is_dir = value;
	} else if (json->member == MEMBER_IS_SYMLINK) {
		json->object.is_symlink = value;
	}
	return GO_ON;
}

static int on_number(void *context, const char *text, size_t len)
{
	struct hsm_listing_json *json = context;

	if (!is_placed(json, false, false))
		return stop_foreign(json);
	if (json->depth == 2 && json->member == MEMBER_SIZE)
		keep_size(&json->object.version, text, len);
	return GO_ON;
}

static int on_string(void *context, const unsigned char *bytes, size_t len)
{
	struct hsm_listing_json *json = context;
	const char *text = (const char *)bytes;

	if (!is_placed(json, false, false))
		return stop_foreign(json);
	if (json->depth > 2)
		return GO_ON;
	switch (json->member) {
	case MEMBER_NAME:
		return keep(json, &json->object.name, text, len);
	case MEMBER_URL:
		return keep(json, &json->object.url, text, len);
	case MEMBER_TYPE:
		return keep(json, &json->object.type, text, len);
	case MEMBER_TIME:
		keep_time(&json->object.version, text, len);
		return GO_ON;
	default:
		return GO_ON;
	}
}

static int on_key(void *context, const unsigned char *key, size_t len)
{
	struct hsm_listing_json *json = context;

	json->silent = 0;
	if (json->depth == 2)
		json->member = member_of((const char *)key, len);
	return GO_ON;
}

static int begin(struct hsm_listing_json *json, bool is_array)
{
	if (!is_placed(json, is_array, !is_array))
		return stop_foreign(json);
	if (json->depth++ == 1)
		clear(&json->object);
	return json->depth > DEPTH_MAX ? stop(json, -EPROTO) : GO_ON;
}

static int on_start_array(void *context)
{
	return begin(context, true);
}

static int on_start_map(void *context)
{
	return begin(context, false);
}

static int on_end(void *context)
{
	struct hsm_listing_json *json = context;

	json->silent = 0;
	return --json->depth == 1 ? end_object(json) : GO_ON;
}

/* ------------------------------------------------------------------------- */

int hsm_listing_json_new(struct hsm_listing_json **out,
			 struct hsm_listing_page *page)
{
	static const yajl_callbacks callbacks = {
		.yajl_null = on_null,
		.yajl_boolean = on_boolean,
		.yajl_number = on_number,
		.yajl_string = on_string,
		.yajl_start_map = on_start_map,
		.yajl_map_key = on_key,
		.yajl_end_map = on_end,
		.yajl_start_array = on_start_array,
		.yajl_end_array = on_end,
	};
	HSM_FREE struct hsm_listing_json *json = calloc(1, sizeof(*json));

	if (!json)
		return -ENOMEM;
	json->page = page;
	json->parser = yajl_alloc(&callbacks, NULL, json);
	if (!json->parser)
		return -ENOMEM;
	/* Names are bytes. */
	yajl_config(json->parser, yajl_dont_validate_strings, 1);
	*out = hsm_steal_pointer(&json);
	return 0;
}

void hsm_listing_json_feed(struct hsm_listing_json *json, const char *buf,
			   size_t len)
{
	yajl_status status;

	if (json->foreign)
		return;
	json->silent += len;
	status = yajl_parse(json->parser, (const unsigned char *)buf, len);
	if (status != yajl_status_ok && !json->foreign)
		stop(json, -EPROTO);
	/* yajl keeps an unfinished token in memory, however long it grows. */
	if (json->silent > HSM_LISTING_TOKEN_MAX)
		stop(json, -EPROTO);
}

void hsm_listing_json_end(struct hsm_listing_json *json)
{
	if (!json->begun || json->foreign)
		stop(json, -ENOTDIR);
	else if (yajl_complete_parse(json->parser) != yajl_status_ok)
		stop(json, -EPROTO);
}

void hsm_listing_json_free(struct hsm_listing_json *json)
{
	if (!json)
		return;
	clear(&json->object);
	yajl_free(json->parser);
	free(json);
}
