/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * URLs as a remote tree needs them.  All functions are pure, so any thread may
 * call them; text goes in and comes out as bytes, in no particular charset.
 */
#ifndef HSM_REMOTE_URL_H
#define HSM_REMOTE_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * `url` as it may be recorded and shown: without user and password, without
 * fragment, with exactly one slash at its end.  `*userinfo` is the decoded
 * "USER:PASSWORD" that was in it, or NULL.  Both are the caller's to free.
 * -EINVAL: not "scheme://...", or with a query, which no tree can have below
 * it; -ENOMEM.
 */
int hsm_url_root(const char *url, char **root, char **userinfo);

/*
 * The URL of `path` (raw bytes, relative) below `root` (with its slash at the
 * end): every byte but letters, digits, "-._~" and the slashes of `path` becomes
 * %XX.  A `directory` gets a slash at its end.  The caller frees the result; NULL
 * when there is no memory.
 */
char *hsm_url_join(const char *root, const char *path, bool directory);

/* The one segment below a page's directory that a link leads to. */
struct hsm_url_child {
	const char *segment; /* within the href, still encoded, not terminated */
	size_t len;
	bool directory; /* the link ends with a slash */
};

/*
 * Resolve `href` as the page at `page` has it (RFC 3986: relative, absolute path,
 * other host, `.` and `..`).  True when the result lies directly in the page's
 * directory.  False when it leaves: elsewhere, the directory itself, deeper, or
 * with a query or fragment.  The segment may still be a name that cannot exist
 * once it is decoded ("%2e%2e").
 */
bool hsm_url_resolve(const char *page, const char *href,
		     struct hsm_url_child *child);

/*
 * Decode %XX in the `len` bytes at `in` and terminate the result; a % without
 * two digits stays.  Returns its length (it may hold NUL bytes), or
 * -ENAMETOOLONG when it and the NUL do not fit in `size`.
 */
ssize_t hsm_url_decode(const char *in, size_t len, char *out, size_t size);

#endif
