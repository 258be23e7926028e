// SPDX-License-Identifier: GPL-2.0-or-later
#include "remote/url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

#define ALPHA "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGIT "0123456789"

/* A piece of somebody else's string. */
struct slice {
	const char *at;
	size_t len;
};

/* Absent parts have a NULL `at`; the path has neither query nor fragment. */
struct parts {
	struct slice scheme, userinfo, host, path;
	bool extra; /* there is a query or a fragment */
};

static struct slice cut(const char **at, size_t len)
{
	struct slice piece = { *at, len };

	*at += len;
	return piece;
}

static void split_authority(struct parts *parts, struct slice authority)
{
	const char *at = memrchr(authority.at, '@', authority.len);

	parts->host = authority;
	if (!at)
		return;
	parts->userinfo = (struct slice){ authority.at, at - authority.at };
	parts->host.at = at + 1;
	parts->host.len = authority.at + authority.len - parts->host.at;
}

static struct parts split(const char *url)
{
	struct parts parts = { 0 };
	size_t scheme = strspn(url, ALPHA DIGIT "+-.");

	if (scheme && url[scheme] == ':' && strchr(ALPHA, url[0])) {
		parts.scheme = cut(&url, scheme);
		url++;
	}
	if (strncmp(url, "//", 2) == 0) {
		url += 2;
		split_authority(&parts, cut(&url, strcspn(url, "/?#")));
	}
	parts.path = cut(&url, strcspn(url, "?#"));
	parts.extra = *url;
	return parts;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Take the next decoded byte from `in`, which must not be empty. */
static char decode(struct slice *in)
{
	const char *at = in->at;
	int high, low;

	if (at[0] == '%' && in->len > 2 && (high = digit(at[1])) >= 0 &&
	    (low = digit(at[2])) >= 0) {
		in->at += 3;
		in->len -= 3;
		return (char)(high << 4 | low);
	}
	in->at++;
	in->len--;
	return at[0];
}

ssize_t hsm_url_decode(const char *in, size_t len, char *out, size_t size)
{
	struct slice rest = { in, len };
	size_t n = 0;

	while (rest.len) {
		if (n + 1 >= size)
			return -ENAMETOOLONG;
		out[n++] = decode(&rest);
	}
	if (n >= size)
		return -ENAMETOOLONG;
	out[n] = '\0';
	return n;
}

static int decode_userinfo(struct slice in, char **out)
{
	HSM_FREE char *text = NULL;
	ssize_t len;

	if (!in.at)
		return 0;
	text = malloc(in.len + 1);
	if (!text)
		return -ENOMEM;
	len = hsm_url_decode(in.at, in.len, text, in.len + 1);
	if (len < 0 || strlen(text) != (size_t)len)
		return -EINVAL;
	*out = hsm_steal_pointer(&text);
	return 0;
}

int hsm_url_root(const char *url, char **root, char **userinfo)
{
	struct parts parts = split(url);
	int error;

	*root = NULL;
	*userinfo = NULL;
	if (!parts.scheme.at || !parts.host.at || strchr(url, '?'))
		return -EINVAL;
	error = decode_userinfo(parts.userinfo, userinfo);
	if (error)
		return error;
	while (parts.path.len && parts.path.at[parts.path.len - 1] == '/')
		parts.path.len--;
	if (asprintf(root, "%.*s://%.*s%.*s/", (int)parts.scheme.len,
		     parts.scheme.at, (int)parts.host.len, parts.host.at,
		     (int)parts.path.len, parts.path.at) >= 0)
		return 0;
	free(hsm_steal_pointer(userinfo));
	*root = NULL;
	return -ENOMEM;
}

char *hsm_url_join(const char *root, const char *path, bool directory)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t len = strlen(root);
	char *url = malloc(len + 3 * strlen(path) + 2), *out;

	if (!url)
		return NULL;
	out = mempcpy(url, root, len);
	for (; *path; path++) {
		unsigned char c = *path;

		if (strchr(ALPHA DIGIT "-._~/", c)) {
			*out++ = c;
			continue;
		}
		*out++ = '%';
		*out++ = hex[c >> 4];
		*out++ = hex[c & 0xf];
	}
	if (directory && out > url && out[-1] != '/')
		*out++ = '/';
	*out = '\0';
	return url;
}

/* Take the segment before the next slash, and the slash. */
static struct slice next_segment(struct slice *path)
{
	const char *slash = memchr(path->at, '/', path->len);
	struct slice segment = { path->at, path->len };
	size_t skip = path->len;

	if (slash) {
		segment.len = slash - path->at;
		skip = segment.len + 1;
	}
	path->at += skip;
	path->len -= skip;
	return segment;
}

static bool is(struct slice text, const char *literal)
{
	return text.len == strlen(literal) &&
	       memcmp(text.at, literal, text.len) == 0;
}

/* Servers encode their own path in more than one way. */
static bool same_segment(struct slice a, struct slice b)
{
	while (a.len && b.len)
		if (decode(&a) != decode(&b))
			return false;
	return !a.len && !b.len;
}

static bool same_text(struct slice a, struct slice b)
{
	return a.len == b.len && strncasecmp(a.at, b.at, a.len) == 0;
}

/* The directory of a page: its path without the first slash, to the last. */
static struct slice directory_of(struct slice path)
{
	const char *slash = path.len ? memrchr(path.at, '/', path.len) : NULL;

	if (!slash)
		return (struct slice){ path.at, 0 };
	return (struct slice){ path.at + 1, slash - path.at };
}

/*
 * Where a walk along an href is: the first `matched` bytes of the page's
 * directory (whole segments with their slashes), and `below` segments
 * elsewhere after them, `first` being the first of these.
 */
struct walk {
	struct slice directory;
	size_t matched;
	size_t below;
	struct slice first;
	bool slash; /* what it has come to is written as a directory */
};

static void walk_up(struct walk *walk)
{
	if (walk->below) {
		walk->below--;
		return;
	}
	if (!walk->matched)
		return;
	walk->matched--;
	while (walk->matched && walk->directory.at[walk->matched - 1] != '/')
		walk->matched--;
}

static void walk_down(struct walk *walk, struct slice segment)
{
	struct slice rest = { walk->directory.at + walk->matched,
			      walk->directory.len - walk->matched };

	if (!walk->below && rest.len &&
	    same_segment(next_segment(&rest), segment)) {
		walk->matched = rest.at - walk->directory.at;
		return;
	}
	if (!walk->below++)
		walk->first = segment;
}

static void walk_along(struct walk *walk, struct slice path)
{
	while (path.len) {
		struct slice segment = next_segment(&path);
		bool up = is(segment, ".."), stay = is(segment, ".");

		if (up)
			walk_up(walk);
		else if (!stay)
			walk_down(walk, segment);
		walk->slash = up || stay || path.at[-1] == '/';
	}
}

static bool same_place(const struct parts *page, const struct parts *link)
{
	if (link->scheme.at && !same_text(link->scheme, page->scheme))
		return false;
	/* "http:name" is relative in old browsers and an error today. */
	if (link->scheme.at && !link->host.at)
		return false;
	return !link->host.at || same_text(link->host, page->host);
}

bool hsm_url_resolve(const char *page, const char *href,
		     struct hsm_url_child *child)
{
	struct parts from = split(page), to = split(href);
	struct walk walk = { .directory = directory_of(from.path) };
	struct slice path = to.path;

	if (to.extra || !path.len || !same_place(&from, &to))
		return false;
	if (to.host.at || path.at[0] == '/') {
		path.at++;
		path.len--;
	} else {
		walk.matched = walk.directory.len;
	}
	walk_along(&walk, path);
	child->segment = walk.first.at;
	child->len = walk.first.len;
	child->directory = walk.slash;
	return walk.matched == walk.directory.len && walk.below == 1;
}
