// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs in the project's directory: the pages are in tests/samples. */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "remote/listing.h"
#include "remote/listing_row.h"
#include "remote/listing_time.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define SAMPLES "tests/samples/"
#define ODD "http://127.0.0.1:8080/odd/"

/* ------------------------------------------------- entries as lines of text -- */

/* "TYPE SIZE PRECISION SEC.NSEC NAME", of skipped ones "s REASON: NAME". */
struct lines {
	char **at;
	size_t n;
	int result; /* what the callback returns */
};

static void add_line(struct lines *lines, char *line)
{
	assert_non_null(line);
	lines->at = reallocarray(lines->at, lines->n + 1, sizeof(*lines->at));
	assert_non_null(lines->at);
	lines->at[lines->n++] = line;
}

static void free_lines(struct lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->at[i]);
	free(lines->at);
	*lines = (struct lines){ 0 };
}

static char *line_of(char type, const struct hsm_version *version,
		     const char *name)
{
	char *line;

	if (asprintf(&line, "%c %lld %d %lld.%09ld %s", type,
		     (long long)version->size, version->precision,
		     (long long)version->mtime.tv_sec, version->mtime.tv_nsec,
		     name) < 0)
		return NULL;
	return line;
}

static int add_entry(void *arg, const struct hsm_entry *entry)
{
	struct lines *lines = arg;
	char *line;

	if (entry->type == HSM_ENTRY_SKIPPED) {
		if (asprintf(&line, "s %s: %s", entry->target, entry->name) < 0)
			line = NULL;
	} else {
		line = line_of(entry->type == HSM_ENTRY_DIR ? 'd' : 'f',
			       &entry->version, entry->name);
	}
	add_line(lines, line);
	return lines->result;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct lines *lines)
{
	if (lines->n)
		qsort(lines->at, lines->n, sizeof(*lines->at), compare);
}

static void assert_same_lines(const char *what, const struct lines *is,
			      const struct lines *want)
{
	for (size_t i = 0; i < is->n && i < want->n; i++)
		if (strcmp(is->at[i], want->at[i]) != 0)
			fail_msg("%s: <%s>, not <%s>", what, is->at[i],
				 want->at[i]);
	if (is->n != want->n)
		fail_msg("%s: %zu entries, not %zu", what, is->n, want->n);
}

/* ------------------------------------------------------------ whole pages -- */

static int parse(const char *type, const char *url, const char *page,
		 size_t len, size_t chunk, struct lines *lines)
{
	struct hsm_listing *listing;
	int error = hsm_listing_new(&listing, type, url, add_entry, lines);

	assert_int_equal(error, 0);
	for (size_t off = 0; off < len && !error; off += chunk) {
		size_t n = len - off < chunk ? len - off : chunk;
		/* A copy of its own: reading beyond it is found. */
		HSM_FREE char *piece = malloc(n);

		memcpy(piece, page + off, n);
		error = hsm_listing_feed(listing, piece, n);
	}
	if (!error)
		error = hsm_listing_end(listing);
	hsm_listing_free(listing);
	return error;
}

static char *read_sample(const char *name, size_t *len)
{
	HSM_FREE char *path = NULL;
	char *page = malloc(1 << 20);
	FILE *file;

	assert_non_null(page);
	assert_true(asprintf(&path, SAMPLES "%s", name) > 0);
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	*len = fread(page, 1, (1 << 20) - 1, file);
	page[*len] = '\0';
	fclose(file);
	return page;
}

static const char *type_of(const char *name)
{
	return strstr(name, ".json") ? "application/json" :
				       "text/html; charset=utf-8";
}

/* ---------------------------------------------------------------- samples -- */

enum {
	NO_DOTFILES = 1 << 0,
	EXACT = 1 << 1,       /* the sizes of all files */
	EXACT_SMALL = 1 << 2, /* of those below 10000 bytes */
	TWICE = 1 << 3,       /* each link, once for the icon */
	SURROGATES = 1 << 4,  /* python's way with bytes that are not UTF-8 */
	PICTURES = 1 << 5,    /* rclone's way with control characters */
};

struct sample {
	const char *name;
	int flags;
	enum hsm_precision precision;
};

static const struct sample samples[] = {
	{ "nginx.html", NO_DOTFILES | EXACT, HSM_PRECISION_MINUTE },
	{ "nginx-rounded.html", NO_DOTFILES | EXACT_SMALL,
	  HSM_PRECISION_MINUTE },
	{ "nginx.json", NO_DOTFILES | EXACT, HSM_PRECISION_SECOND },
	{ "apache-fancy.html", 0, HSM_PRECISION_NONE },
	{ "apache-fancy-wide.html", 0, HSM_PRECISION_NONE },
	{ "apache-table.html", 0, HSM_PRECISION_NONE },
	{ "apache-icons.html", TWICE, HSM_PRECISION_NONE },
	{ "apache-plain.html", 0, HSM_PRECISION_NONE },
	{ "lighttpd.html", NO_DOTFILES, HSM_PRECISION_NONE },
	{ "caddy.html", EXACT, HSM_PRECISION_SECOND },
	{ "caddy.json", EXACT, HSM_PRECISION_NANO },
	{ "python.html", SURROGATES, HSM_PRECISION_NONE },
	{ "rclone.html", EXACT | PICTURES, HSM_PRECISION_NANO },
};

/* What a server makes of `c`, or NULL: itself. */
static const char *disguise(int flags, char c)
{
	if ((flags & SURROGATES) && c == '\xe9')
		return "\xed\xb3\xa9";
	if ((flags & PICTURES) && c == '\n')
		return "\xe2\x90\x8a";
	if ((flags & PICTURES) && c == '\t')
		return "\xe2\x90\x89";
	return NULL;
}

static char unescape(const char **at)
{
	char c = *(*at)++;

	if (c != '\\')
		return c;
	c = *(*at)++;
	return c == 'n' ? '\n' : c == 't' ? '\t' : c;
}

/* The name at the start of a row of names.tsv, as the server has it. */
static void read_name(const char *row, int flags, char name[512])
{
	bool latin1 = strncmp(row, "latin1-", 7) == 0;

	while (*row != '\t') {
		char c = unescape(&row);
		const char *other =
			disguise(latin1 ? flags : flags & ~SURROGATES, c);

		if (other)
			name = stpcpy(name, other);
		else
			*name++ = c;
	}
	*name = '\0';
}

static struct timespec mtime_of(const char *name, enum hsm_precision precision)
{
	struct timespec mtime = { 1795379784, 123456789 };

	if (strcmp(name, "plain.txt") == 0)
		mtime = (struct timespec){ 1000000000, 0 };
	if (precision == HSM_PRECISION_NONE)
		mtime.tv_sec = 0;
	if (precision == HSM_PRECISION_MINUTE)
		mtime.tv_sec -= mtime.tv_sec % 60;
	if (precision != HSM_PRECISION_NANO)
		mtime.tv_nsec = 0;
	return mtime;
}

static void add_expected(struct lines *lines, const struct sample *sample,
			 const char *row)
{
	char name[512], type;
	long long size;
	bool exact;
	struct hsm_version version = { .size = HSM_SIZE_UNKNOWN };

	read_name(row, sample->flags, name);
	assert_int_equal(sscanf(strchr(row, '\t'), "%lld\t%c", &size, &type), 2);
	if (name[0] == '.' && (sample->flags & NO_DOTFILES))
		return;
	exact = (sample->flags & EXACT) ||
		((sample->flags & EXACT_SMALL) && size < 10000);
	if (exact && type == 'f')
		version.size = size;
	if (exact || type == 'd')
		version.precision = sample->precision;
	version.mtime = mtime_of(name, version.precision);
	add_line(lines, line_of(type, &version, name));
	if (sample->flags & TWICE)
		add_line(lines, line_of(type, &version, name));
}

static void expect_names(struct lines *lines, const struct sample *sample)
{
	size_t len;
	HSM_FREE char *text = read_sample("names.tsv", &len);
	char *rest = text, *row;

	while ((row = strsep(&rest, "\n")))
		if (*row && *row != '#')
			add_expected(lines, sample, row);
	assert_true(lines->n >= 46);
	sort(lines);
}

static const size_t chunks[] = { 1, 7, 4096, 1 << 20 };

static void check_sample(const struct sample *sample, const char *page,
			 size_t len, size_t chunk, const struct lines *want)
{
	struct lines is = { 0 };

	assert_int_equal(parse(type_of(sample->name), ODD, page, len, chunk,
			       &is), 0);
	sort(&is);
	assert_same_lines(sample->name, &is, want);
	free_lines(&is);
}

static void test_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(samples); i++) {
		struct lines want = { 0 };
		size_t len;
		HSM_FREE char *page = read_sample(samples[i].name, &len);

		expect_names(&want, &samples[i]);
		for (size_t j = 0; j < LENGTH(chunks); j++)
			check_sample(&samples[i], page, len, chunks[j], &want);
		free_lines(&want);
	}
}

/* The parser's blocks end anywhere in a page: move the page past their ends. */
static void test_moved_samples(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(samples); i++) {
		struct lines want = { 0 };
		size_t len;
		HSM_FREE char *page = read_sample(samples[i].name, &len);
		HSM_FREE char *moved = malloc(4096 + len);

		expect_names(&want, &samples[i]);
		for (size_t by = 1; by < 4096; by += 61) {
			memset(moved, ' ', by);
			memcpy(moved + by, page, len);
			check_sample(&samples[i], moved, by + len, 4096, &want);
		}
		free_lines(&want);
	}
}

static void test_empty_directories(void **state)
{
	static const char *const names[] = {
		"nginx-empty.html", "nginx-empty.json",
		"nginx-rounded-empty.html", "apache-fancy-empty.html",
		"apache-table-empty.html", "apache-icons-empty.html",
		"apache-plain-empty.html", "lighttpd-empty.html",
		"caddy-empty.html", "caddy-empty.json", "python-empty.html",
		"rclone-empty.html",
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(names); i++) {
		struct lines is = { 0 };
		size_t len;
		HSM_FREE char *page = read_sample(names[i], &len);

		for (size_t j = 0; j < LENGTH(chunks); j++)
			assert_int_equal(parse(type_of(names[i]),
					       "http://h/void/", page, len,
					       chunks[j], &is), 0);
		assert_int_equal(is.n, 0);
		free_lines(&is);
	}
}

/* Never a silently short list, wherever the connection breaks. */
static void test_cut_pages(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(samples); i++) {
		size_t len;
		HSM_FREE char *page = read_sample(samples[i].name, &len);
		const char *end = strstr(samples[i].name, ".json") ?
				  strrchr(page, ']') : strstr(page, "</html>");

		for (size_t cut = end - page; cut > 0; cut -= cut / 40 + 1) {
			struct lines is = { 0 };
			int error = parse(type_of(samples[i].name), ODD, page,
					  cut, 4096, &is);

			if (error != -EPROTO && error != -ENOTDIR)
				fail_msg("%s cut at %zu: %d", samples[i].name,
					 cut, error);
			if (is.n)
				assert_int_equal(error, -EPROTO);
			free_lines(&is);
		}
	}
}

/* ----------------------------------------------------------- small pages -- */

struct page_case {
	const char *page;
	const char *entries; /* each with a newline; sizes and dates as above */
};

#define HEAD "<html><head><title>Index of /odd/</title></head><body>"
#define TAIL "</body></html>"
#define NO_DATE " 0 0.000000000 "
#define UNKNOWN "-1" NO_DATE

static void check_page(const char *type, const struct page_case *row)
{
	struct lines is = { 0 }, want = { 0 };
	HSM_FREE char *text = strdup(row->entries);
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n")) && *line)
		add_line(&want, strdup(line));
	for (size_t j = 0; j < LENGTH(chunks); j++) {
		int error = parse(type, ODD, row->page, strlen(row->page),
				  chunks[j], &is);

		if (error)
			fail_msg("%s: %d", row->page, error);
		assert_same_lines(row->page, &is, &want);
		free_lines(&is);
	}
	free_lines(&want);
}

static void test_links(void **state)
{
	static const struct page_case cases[] = {
		/* What leaves the directory is dropped. */
		{ HEAD "<a href='..'>x</a><a href='../'>x</a><a href='/'>x</a>"
		  "<a href='.'>x</a><a href='./'>x</a><a href=''>x</a>"
		  "<a>x</a><a name='x'>x</a><a href>x</a>"
		  "<a href='/etc/passwd'>x</a><a href='http://evil/odd/a'>x</a>"
		  "<a href='//evil/odd/a'>x</a><a href='javascript:a'>x</a>"
		  "<a href='?C=M;O=A'>x</a><a href='a?x'>x</a>"
		  "<a href='#top'>x</a><a href='a#top'>x</a>"
		  "<a href='a/b'>x</a><a href='../other'>x</a>"
		  "<link href='a'><img src='a'><area href='a'>" TAIL, "" },
		{ HEAD "<a href='/odd/a'>x</a><a href='" ODD "b/'>x</a>"
		  "<a href='./col:on'>x</a><a href=' c '>x</a>" TAIL,
		  "f " UNKNOWN "a\nd " UNKNOWN "b\nf " UNKNOWN "col:on\n"
		  "f " UNKNOWN "c\n" },
		/* Names that cannot exist. */
		{ HEAD "<a href='a%2fb'>x</a><a href='a%2Fb/'>x</a>"
		  "<a href='a%00b'>x</a><a href='%2e'>x</a>"
		  "<a href='%2E%2e/'>x</a><a href='.%2e'>x</a>"
		  "<a href='%2fetc%2fpasswd'>x</a>" TAIL,
		  "s the name has a slash: a%2fb\n"
		  "s the name has a slash: a%2Fb\n"
		  "s the name has a NUL byte: a%00b\n"
		  "s the name is . or ..: %2e\n"
		  "s the name is . or ..: %2E%2e\n"
		  "s the name is . or ..: .%2e\n"
		  "s the name has a slash: %2fetc%2fpasswd\n" },
		{ HEAD "<a href='...'>x</a><a href='%2e%2e%2e'>x</a>"
		  "<a href='100%'>x</a><a href='%zz'>x</a>" TAIL,
		  "f " UNKNOWN "...\nf " UNKNOWN "...\nf " UNKNOWN "100%\n"
		  "f " UNKNOWN "%zz\n" },
		/* Character references: once, before the percent signs. */
		{ HEAD "<a href='a&amp;b'>x</a><a href='a&amp;amp;b'>x</a>"
		  "<a href='&#x65e5;'>x</a><a href='&#233;'>x</a>"
		  "<a href='&eacute;'>x</a><a href='&#128512;'>x</a>"
		  "<a href='%26amp%3B'>x</a><a href='a&b=c'>x</a>"
		  "<a href='a&#37;41'>x</a>" TAIL,
		  "f " UNKNOWN "a&b\nf " UNKNOWN "a&amp;b\n"
		  "f " UNKNOWN "\xe6\x97\xa5\nf " UNKNOWN "\xc3\xa9\n"
		  "f " UNKNOWN "\xc3\xa9\nf " UNKNOWN "\xf0\x9f\x98\x80\n"
		  "f " UNKNOWN "&amp;\nf " UNKNOWN "a&b=c\nf " UNKNOWN "aA\n" },
		/* Bytes are bytes, whatever the page says they are. */
		{ "<meta charset=utf-16>" HEAD "<a href='\xe9'>x</a>" TAIL,
		  "f " UNKNOWN "\xe9\n" },
		{ "<meta charset=shift_jis>" HEAD "<a href='\xe9'>x</a>" TAIL,
		  "f " UNKNOWN "\xe9\n" },
		{ "<meta http-equiv=content-type "
		  "content='text/html; charset=iso-8859-7'>" HEAD
		  "<a href='\xe9'>x</a><a href='\xc3\xa9'>x</a>"
		  "<a href='\x80\xff\xfe'>x</a><a href='\x01\x1f\x7f'>x</a>"
		  "<a href='%e9%80%09'>x</a>"
		  "<a href='\xf4\x8f\xbf\xa9'>x</a>" TAIL,
		  "f " UNKNOWN "\xe9\nf " UNKNOWN "\xc3\xa9\n"
		  "f " UNKNOWN "\x80\xff\xfe\nf " UNKNOWN "\x01\x1f\x7f\n"
		  "f " UNKNOWN "\xe9\x80\t\nf " UNKNOWN "\xf4\x8f\xbf\xa9\n" },
		{ "\xef\xbb\xbf" HEAD "<a href='\xe9'>x</a>" TAIL,
		  "f " UNKNOWN "\xe9\n" },
		/* The marks, in any case and with space. */
		{ "<HTML><BODY><H1>  Index\n of  /odd</H1>"
		  "<A HREF=a>a</A></BODY></HTML>", "f " UNKNOWN "a\n" },
		{ "<h2>Directory listing for /</h2><a href=\"a'b\">x</a></HTML>",
		  "f " UNKNOWN "a'b\n" },
		{ "<html><a href='nav'>x</a><h1>Index of /odd/</h1>"
		  "<a href='a'>x</a></html>", "f " UNKNOWN "a\n" },
		/* Nothing is believed of a server that is not known. */
		{ HEAD "<pre><a href='/'>Parent</a>  -\n"
		  "<a href='a'>a</a>  2026-11-22 20:36  17  \n"
		  "<a href='b'>b</a>  22-Nov-2026 20:36  17\n</pre>" TAIL,
		  "f " UNKNOWN "a\nf " UNKNOWN "b\n" },
		{ HEAD "<pre> <a href='../'>../</a>\n"
		  "<a href='b'>b</a>  22-Nov-2026 20:36  17\n</pre>" TAIL,
		  "f " UNKNOWN "b\n" },
		{ HEAD "<table><tr class=file><td><a href=a>a</a><td "
		  "data-order=17><time datetime='2026-11-22T20:36:24Z'>"
		  "</table>" TAIL, "f " UNKNOWN "a\n" },
		/* Comments and scripts are not the page. */
		{ HEAD "<!-- <a href='a'>x</a> --><script>\"<a href='b'>\""
		  "</script><a title='>' href='c'>x</a>" TAIL,
		  "f " UNKNOWN "c\n" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		check_page("text/html", &cases[i]);
}

#define NGINX HEAD "<h1>Index of /odd/</h1><hr><pre><a href=\"../\">../</a>\n"
#define NGINX_TAIL "</pre><hr>" TAIL
#define MINUTE " 1 1795379760.000000000 "

static void test_nginx_rows(void **state)
{
	static const struct page_case cases[] = {
		{ NGINX "<a href=\"a\">a</a>  22-Nov-2026 20:36   17\n"
		  "<a href=\"b\">b</a> 22-Nov-2026 20:36 9223372036854775807\n"
		  "<a href=\"c/\">c/</a> 22-Nov-2026 20:36   -\n" NGINX_TAIL,
		  "f 17" MINUTE "a\nf 9223372036854775807" MINUTE "b\n"
		  "d -1" MINUTE "c\n" },
		/* No size that is not exact, and no date without a size. */
		{ NGINX "<a href=a>a</a> 22-Nov-2026 20:36 38K\n"
		  "<a href=b>b</a> 22-Nov-2026 20:36 -1\n"
		  "<a href=c>c</a> 22-Nov-2026 20:36 9223372036854775808\n"
		  "<a href=d>d</a> 22-Nov-2026 20:36 1e30\n"
		  "<a href=e>e</a> 22-Nov-2026 20:36 -\n"
		  "<a href=f>f</a> 22-Nov-2026 20:36 1 7\n"
		  "<a href=g>g</a> 22-Nov-2026 20:36 1.5\n"
		  "<a href=h>h</a> 22-Nov-2026 20:36\n"
		  "<a href=i>i</a>\n"
		  "<a href=j>j</a> 22-Nov-2026 20:36 0x10\n"
		  "<a href=k>k</a> 22-Nov-2026 20:36 "
		  "00000000000000000000000000000000000000000000000000000017\n"
		  "<a href=l>l</a> 22-Nov-2026 20:36 +17\n" NGINX_TAIL,
		  "f " UNKNOWN "a\nf " UNKNOWN "b\nf " UNKNOWN "c\n"
		  "f " UNKNOWN "d\nf " UNKNOWN "e\nf " UNKNOWN "f\n"
		  "f " UNKNOWN "g\nf " UNKNOWN "h\nf " UNKNOWN "i\n"
		  "f " UNKNOWN "j\nf " UNKNOWN "k\nf " UNKNOWN "l\n" },
		/* A date that is none says that the number is no size. */
		{ NGINX "<a href=a>a</a> 32-Nov-2026 20:36 17\n"
		  "<a href=b>b</a> 22-Foo-2026 20:36 17\n"
		  "<a href=c>c</a> 2026-11-22 20:36 17\n" NGINX_TAIL,
		  "f " UNKNOWN "a\nf " UNKNOWN "b\nf " UNKNOWN "c\n" },
		/* What the name looks like is no size, nor is the next row. */
		{ NGINX "<a href=a>22-Nov-2026 20:36 17</a>"
		  "<a href=b>b</a> 22-Nov-2026 20:36 18\n" NGINX_TAIL,
		  "f " UNKNOWN "a\nf 18" MINUTE "b\n" },
		{ NGINX "<a href='%2e%2e'>x</a> 22-Nov-2026 20:36 17\n"
		  "<a href='/'>x</a> 22-Nov-2026 20:36 17\n"
		  "<a href=b>b</a> 22-Nov-2026 20:36 18\n" NGINX_TAIL,
		  "s the name is . or ..: %2e%2e\nf 18" MINUTE "b\n" },
		/* Outside of the list are no entries. */
		{ NGINX "<a href=b>b</a> 22-Nov-2026 20:36 18\n</pre>"
		  "<a href=about>x</a> 22-Nov-2026 20:36 19\n"
		  "<a href=help>x</a> 22-Nov-2026 20:36 20\n" TAIL,
		  "f 18" MINUTE "b\n" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		check_page("text/html", &cases[i]);
}

#define CADDY "<html><head><title>odd</title></head><body><h1>odd</h1>" \
	"<a href=nav>x</a><div class=\"listing\">\n" \
	"<table aria-describedby=\"summary\">\n" \
	"<tr><td><a href=\"..\">Up</a></td></tr>\n"
#define CADDY_TAIL "</table></div><a href=foot>x</a>" TAIL
#define SECOND " 2 1795379784.000000000 "

static void test_caddy_rows(void **state)
{
	static const struct page_case cases[] = {
		/* 2.6, and since 2.7. */
		{ CADDY "<tr class=\"file\"><td></td><td><a href=\"./a\"><svg>"
		  "<use xlink:href=\"#file\"></use></svg></a></td>"
		  "<td data-order=\"17\">17 B</td><td><time "
		  "datetime=\" 2026-11-22T20:36:24Z\">11/22/2026 08:36:24 PM"
		  "</time></td></tr>" CADDY_TAIL,
		  "f 17" SECOND "a\n" },
		{ CADDY "<tr class=\"file\"><td></td><td><a href=\"./a\"><svg>"
		  "</svg><span class=\"name\">a</span></a></td>"
		  "<td class=\"size\" data-size=\"17\"><div>17 B</div></td>"
		  "<td><time datetime=\"2026-11-22T20:36:24Z\">x</time></td>"
		  "</tr><tr class=\"file\"><td></td><td><a href=\"./b/\">b/</a>"
		  "</td><td>&mdash;</td><td><time "
		  "datetime=\"2026-11-22T20:36:24Z\">x</time></td></tr>"
		  CADDY_TAIL, "f 17" SECOND "a\nd -1" SECOND "b\n" },
		/* Another zone; no date; no size; sizes that are none. */
		{ CADDY "<tr class=file><td><a href=a>a</a><td data-order=17>"
		  "<td><time datetime='2026-11-22 22:36:24 +0200 CEST'></tr>"
		  "<tr class=file><td><a href=b>b</a><td data-order=17></tr>"
		  "<tr class=file><td><a href=c>c</a><td>17 B<td><time "
		  "datetime='2026-11-22T20:36:24Z'></tr>"
		  "<tr class=file><td><a href=d>d</a><td data-order=-1></tr>"
		  "<tr class=file><td><a href=e>e</a><td data-order=1e30></tr>"
		  "<tr class=file><td><a href=f>f</a><td data-order='17 B'></tr>"
		  CADDY_TAIL,
		  "f 17 3 1795379784.000000000 a\nf 17" NO_DATE "b\n"
		  "f " UNKNOWN "c\nf " UNKNOWN "d\nf " UNKNOWN "e\n"
		  "f " UNKNOWN "f\n" },
		/* A link has another date than its file. */
		{ CADDY "<tr class=file><td><a href=a><svg>"
		  "<use xlink:href=\"#file-shortcut\"></use></svg></a>"
		  "<td data-order=17><td><time datetime='2026-11-22T20:36:24Z'>"
		  "</tr>" CADDY_TAIL, "f " UNKNOWN "a\n" },
		/* A row has one entry, and its cells come after it. */
		{ CADDY "<tr class=file><td data-order=17><td><a href=a>a</a>"
		  "<td><a href=b>b</a></tr><tr><td><a href=c>c</a></tr>"
		  CADDY_TAIL, "f " UNKNOWN "a\n" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		check_page("text/html", &cases[i]);
}

static void test_json_rows(void **state)
{
	static const struct page_case cases[] = {
		{ "[]", "" },
		{ " [\n{ \"name\":\"a\", \"type\":\"file\", \"mtime\":"
		  "\"Sun, 22 Nov 2026 20:36:24 GMT\", \"size\":17 },\n"
		  "{ \"name\":\"b\", \"type\":\"directory\", \"mtime\":"
		  "\"Sun, 22 Nov 2026 20:36:24 GMT\" },\n"
		  "{ \"name\":\"c\", \"type\":\"other\", \"mtime\":"
		  "\"Sun, 22 Nov 2026 20:36:24 GMT\" }\n]\n",
		  "f 17" SECOND "a\nd -1" SECOND "b\n"
		  "s neither a file nor a directory: c\n" },
		/* Sizes that are none. */
		{ "[{\"name\":\"a\",\"type\":\"file\",\"size\":-1},"
		  "{\"name\":\"b\",\"type\":\"file\","
		  "\"size\":9223372036854775808},"
		  "{\"name\":\"c\",\"type\":\"file\",\"size\":1e30},"
		  "{\"name\":\"d\",\"type\":\"file\",\"size\":\"17\"},"
		  "{\"name\":\"e\",\"type\":\"file\",\"size\":17.5},"
		  "{\"name\":\"f\",\"type\":\"file\",\"size\":null,"
		  "\"mtime\":\"Sun, 22 Nov 2026 20:36:24 GMT\"},"
		  "{\"name\":\"g\",\"type\":\"file\","
		  "\"size\":9223372036854775807},"
		  "{\"name\":\"h\",\"type\":\"file\",\"size\":1"
		  "00000000000000000000000000000000000000000000000000000}]",
		  "f " UNKNOWN "a\nf " UNKNOWN "b\nf " UNKNOWN "c\n"
		  "f " UNKNOWN "d\nf " UNKNOWN "e\nf " UNKNOWN "f\n"
		  "f 9223372036854775807" NO_DATE "g\nf " UNKNOWN "h\n" },
		/* Names are bytes and are not decoded. */
		{ "[{\"name\":\"\xe9%41&amp;\",\"type\":\"file\"},"
		  "{\"name\":\"\\u65e5\\ud83d\\ude00\\\"\\\\\","
		  "\"type\":\"file\"}]",
		  "f " UNKNOWN "\xe9%41&amp;\n"
		  "f " UNKNOWN "\xe6\x97\xa5\xf0\x9f\x98\x80\"\\\n" },
		{ "[{\"name\":\"a/b\",\"type\":\"file\"},"
		  "{\"name\":\"..\",\"type\":\"directory\"},"
		  "{\"name\":\".\",\"type\":\"file\"},"
		  "{\"name\":\"\",\"type\":\"file\"},"
		  "{\"name\":\"a\\u0000b\",\"type\":\"file\"},"
		  "{\"name\":\"%2e%2e\",\"type\":\"file\"}]",
		  "s the name has a slash: a/b\ns the name is . or ..: ..\n"
		  "s the name is . or ..: .\ns the name is empty: \n"
		  "s the name has a NUL byte: a\nf " UNKNOWN "%2e%2e\n" },
		/* Caddy: the name is the URL's. */
		{ "[{\"name\":\"a\\ufffd\",\"size\":17,\"url\":\"./a%E9\","
		  "\"mod_time\":\"2026-11-22T22:36:24.5+02:00\","
		  "\"mode\":420,\"is_dir\":false,\"is_symlink\":false},"
		  "{\"name\":\"b/\",\"size\":4096,\"url\":\"./b/\","
		  "\"mod_time\":\"2026-11-22T20:36:24Z\",\"is_dir\":true}]",
		  "f 17 3 1795379784.500000000 a\xe9\n"
		  "d -1 3 1795379784.000000000 b\n" },
		{ "[{\"size\":17,\"url\":\"./a\",\"mod_time\":"
		  "\"2026-11-22T20:36:24Z\",\"is_dir\":false,"
		  "\"is_symlink\":true}]", "f " UNKNOWN "a\n" },
		{ "[{\"url\":\"../a\",\"is_dir\":false},"
		  "{\"url\":\"http://evil/odd/a\",\"is_dir\":false},"
		  "{\"url\":\"./%2e%2e\",\"is_dir\":true},"
		  "{\"url\":\"./a%2fb\",\"is_dir\":false}]",
		  "s the name is . or ..: %2e%2e\n"
		  "s the name has a slash: a%2fb\n" },
		/* Members that we do not know, and those of another object. */
		{ "[{\"x\":{\"name\":\"x\",\"size\":1,\"is_dir\":true},"
		  "\"name\":\"a\",\"y\":[\"z\",[1,{}],null,true],"
		  "\"type\":\"file\",\"size\":17},"
		  "{\"name\":\"b\",\"type\":\"file\"}]",
		  "f 17" NO_DATE "a\nf " UNKNOWN "b\n" },
		{ "[{\"name\":\"a\",\"type\":\"file\",\"size\":17,"
		  "\"size\":[99],\"name\":{\"x\":\"b\"}},"
		  "{\"url\":\"./c\",\"is_dir\":false,\"is_dir\":[true]},"
		  "{\"url\":\"./d\",\"is_dir\":true}]",
		  "f 17" NO_DATE "a\nf " UNKNOWN "c\nd " UNKNOWN "d\n" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		check_page("application/json", &cases[i]);
}

/* ------------------------------------------------------------ other pages -- */

struct refused_case {
	const char *type, *page;
	int error;
};

static void test_no_listings(void **state)
{
	static const struct refused_case cases[] = {
		{ "text/html", "", -ENOTDIR },
		{ "text/html", " \n", -ENOTDIR },
		{ "text/html", "hello", -ENOTDIR },
		{ "text/html", "[]", -ENOTDIR },
		{ "text/html", "<html><head><title>My page</title></head><body>"
		  "<h1>Welcome</h1><a href='a'>x</a><pre><a href='../'>../</a>"
		  "<a href='b'>b</a> 22-Nov-2026 20:36 17</pre>" TAIL,
		  -ENOTDIR },
		{ "text/html", "<html><title>Index of names</title>"
		  "<a href='a'>x</a></html>", -ENOTDIR },
		{ "text/html", "<html><p>Index of /odd/</p>"
		  "<h3>Index of /odd/</h3><a href='a'>x</a></html>", -ENOTDIR },
		{ "text/html", "<html><h1>The Index of /odd/</h1>"
		  "<a href='a'>x</a></html>", -ENOTDIR },
		{ "text/html", "<html><div class=listing><p><table "
		  "aria-describedby=summary><tr class=file><td><a href=a>a</a>"
		  "</table></div></html>", -ENOTDIR },
		{ "text/html", "<html><div class=other><table "
		  "aria-describedby=summary><tr class=file><td><a href=a>a</a>"
		  "</table></div></html>", -ENOTDIR },
		{ "text/html", "<html><head><base href='/other/'>"
		  "<title>Index of /odd/</title></head><a href=a>a</a></html>",
		  -ENOTDIR },
		{ "text/html", "<html><head><title>Index of /odd/</title>"
		  "<base href='/other/'></head><a href=a>a</a><div class=listing>"
		  "<table aria-describedby=summary><tr class=file><td><a href=a>"
		  "a</a></table></html>", -ENOTDIR },
		{ "text/html", HEAD, -EPROTO },
		{ "application/json", "", -ENOTDIR },
		{ "application/json", " \n", -ENOTDIR },
		{ "application/json", "{}", -ENOTDIR },
		{ "application/json", "null", -ENOTDIR },
		{ "application/json", "\"a\"", -ENOTDIR },
		{ "application/json", "17", -ENOTDIR },
		{ "application/json", "[1]", -ENOTDIR },
		{ "application/json", "[[]]", -ENOTDIR },
		{ "application/json", "[null]", -ENOTDIR },
		{ "application/json", "[{}]", -ENOTDIR },
		{ "application/json", "[{\"name\":\"a\"}]", -ENOTDIR },
		{ "application/json", "[{\"url\":\"./a\"}]", -ENOTDIR },
		{ "application/json", "{\"items\":[{\"name\":\"a\","
		  "\"type\":\"file\"}]}", -ENOTDIR },
		{ "application/json", "[{\"id\":1,\"title\":\"x\"}]", -ENOTDIR },
		{ "application/json", "[", -EPROTO },
		{ "application/json", "[}", -EPROTO },
		{ "application/json", "[] x", -EPROTO },
		{ "application/json", "<html>", -EPROTO },
		{ "application/json", "[{\"url\":\"./a\\u0000b\","
		  "\"is_dir\":false}]", -EPROTO },
		{ "text/plain", HEAD "<a href=a>a</a>" TAIL, -ENOTDIR },
		{ "text/htmlx", HEAD "<a href=a>a</a>" TAIL, -ENOTDIR },
		{ "application/octet-stream", "[]", -ENOTDIR },
		{ NULL, "", -ENOTDIR },
		{ NULL, " \n\t", -ENOTDIR },
		{ NULL, "hello <html>", -ENOTDIR },
		{ NULL, "\x7f" "ELF", -ENOTDIR },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		for (size_t j = 0; j < LENGTH(chunks); j++) {
			struct lines is = { 0 };
			int error = parse(cases[i].type, ODD, cases[i].page,
					  strlen(cases[i].page), chunks[j],
					  &is);

			if (error != cases[i].error || is.n)
				fail_msg("%s: %d, %zu entries", cases[i].page,
					 error, is.n);
		}
}

/* What is no page at all: NUL bytes, before and within the format. */
static void test_nul_bytes(void **state)
{
	static const char page[] = HEAD "<a href='a\0b'>x</a>" TAIL;
	struct lines is = { 0 };

	(void)state;
	assert_int_equal(parse("text/html", ODD, page, sizeof(page) - 1, 7, &is),
			 -EPROTO);
	assert_int_equal(parse(NULL, ODD, "\0\0", 2, 1, &is), -ENOTDIR);
	assert_int_equal(is.n, 0);
}

static void test_content_types(void **state)
{
	static const char html[] = "\r\n " HEAD "<a href=a>a</a>" TAIL;
	static const char json[] = "\n\t[{\"name\":\"a\",\"type\":\"file\"}]";
	static const char *const html_types[] = {
		"text/html", "TEXT/HTML;charset=ISO-8859-1", " text/html ;x",
		"application/xhtml+xml", "", NULL,
	};
	static const char *const json_types[] = {
		"application/json", "Application/JSON; charset=utf-8", "", NULL,
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(html_types); i++)
		check_page(html_types[i], &(struct page_case){
			html, "f " UNKNOWN "a\n" });
	for (size_t i = 0; i < LENGTH(json_types); i++)
		check_page(json_types[i], &(struct page_case){
			json, "f " UNKNOWN "a\n" });
}

/* Up to 64 KiB, a text may be long, in any script. */
static void test_long_texts(void **state)
{
	static const char *const begins[] = { "", "<!--", "<script>", "<a href='" };
	static const char *const ends[] = { "", "-->", "</script>", "'>x</a>" };
	HSM_FREE char *page = malloc(1 << 17);

	(void)state;
	for (size_t i = 0; i < LENGTH(begins); i++) {
		char *at = stpcpy(stpcpy(page, HEAD), begins[i]);

		for (int n = 0; n < 20000; n++)
			at = stpcpy(at, "\xe6\x97\xa5");
		stpcpy(stpcpy(at, ends[i]), "<a href='a/b'></a><a href=c>" TAIL);
		if (i == 3)
			*strchr(page, '\xe6') = '?';
		check_page("text/html", &(struct page_case){
			page, "f " UNKNOWN "c\n" });
	}
}

static void test_long_names(void **state)
{
	char name[NAME_MAX + 2], page[2048], want[1024];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[NAME_MAX] = '\0';
	snprintf(page, sizeof(page), HEAD "<a href='%s%%6e'>x</a>"
		 "<a href='%s'>x</a>" TAIL, name, name);
	snprintf(want, sizeof(want), "s the name is longer than 255 bytes: "
		 "%s%%6e\nf " UNKNOWN "%s\n", name, name);
	check_page("text/html", &(struct page_case){ page, want });
	snprintf(page, sizeof(page), "[{\"name\":\"%sn\",\"type\":\"file\"},"
		 "{\"name\":\"%s\",\"type\":\"file\"}]", name, name);
	snprintf(want, sizeof(want), "s the name is longer than 255 bytes: "
		 "%sn\nf " UNKNOWN "%s\n", name, name);
	check_page("application/json", &(struct page_case){ page, want });
}

/* A failure of the callback ends everything, at once and for good. */
static void test_callback_fails(void **state)
{
	static const struct refused_case cases[] = {
		{ "text/html", HEAD "<a href=a>a</a><a href=b>b</a>" TAIL, 0 },
		{ "text/html", HEAD "<a href='%2e'>a</a><a href=b>b</a>" TAIL,
		  0 },
		{ "application/json", "[{\"name\":\"a\",\"type\":\"file\"},"
		  "{\"name\":\"b\",\"type\":\"file\"}]", 0 },
		{ "application/json", "[{\"name\":\"a\",\"type\":\"other\"},"
		  "{\"name\":\"b\",\"type\":\"file\"}]", 0 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct lines is = { .result = -ECANCELED };

		assert_int_equal(parse(cases[i].type, ODD, cases[i].page,
				       strlen(cases[i].page), 7, &is),
				 -ECANCELED);
		assert_int_equal(is.n, 1);
		free_lines(&is);
	}
}

/* It does so while the page still comes, and stays. */
static void test_failure_stays(void **state)
{
	static char page[1 << 16] = HEAD "<a href=a>a</a><a href=b>b</a>";
	struct hsm_listing *listing;
	struct lines is = { .result = -ECANCELED };

	(void)state;
	memset(page + strlen(page), ' ', sizeof(page) - strlen(page) - 1);
	assert_int_equal(hsm_listing_new(&listing, "text/html", ODD, add_entry,
					 &is), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(hsm_listing_feed(listing, page,
						  strlen(page)), -ECANCELED);
	assert_int_equal(hsm_listing_end(listing), -ECANCELED);
	assert_int_equal(is.n, 1);
	hsm_listing_free(listing);
	free_lines(&is);
}

/* ----------------------------------------------------------------- bounds -- */

static size_t heap(void)
{
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

struct flood {
	const char *type, *begin;
	const char *repeat; /* %zu in it is counted up */
	size_t limit;       /* refused within so many bytes; 0: never is */
};

/*
 * What is refused has to be refused soon, and of what is not, 100 MB leave
 * nothing behind.
 */
static void check_flood(const struct flood *flood)
{
	struct hsm_listing *listing;
	struct lines is = { 0 };
	char buf[16384];
	size_t before, count = 0;
	int error;

	assert_int_equal(hsm_listing_new(&listing, flood->type, ODD, add_entry,
					 &is), 0);
	error = hsm_listing_feed(listing, flood->begin, strlen(flood->begin));
	assert_int_equal(error, 0);
	before = heap();
	for (size_t fed = 0; fed < 100000000 && !error;) {
		size_t len = 0;

		if (flood->limit && fed > flood->limit)
			fail_msg("%s%s: goes on", flood->begin, flood->repeat);

		while (len + 256 < sizeof(buf))
			len += sprintf(buf + len, flood->repeat, count++);
		error = hsm_listing_feed(listing, buf, len);
		fed += len;
		if (heap() > before + (6 << 20))
			fail_msg("%s: %zu bytes on the heap after %zu",
				 flood->repeat, heap() - before, fed);
	}
	if (!error)
		error = hsm_listing_end(listing);
	if (error != (flood->limit ? -EPROTO : -ENOTDIR))
		fail_msg("%s%s: %d", flood->begin, flood->repeat, error);
	hsm_listing_free(listing);
	free_lines(&is);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void test_floods(void **state)
{
	enum { TOKEN = 96 << 10, NAMES = 8 << 20 };
	static const struct flood floods[] = {
		/* One text, tag, attribute, comment, script without an end. */
		{ "text/html", HEAD, "xxxxxxxxxxxxxxx", TOKEN },
		{ "text/html", HEAD, "                ", TOKEN },
		{ "text/html", HEAD, "\xe6\x97\xa5", TOKEN },
		{ "text/html", HEAD, "&amp;", TOKEN },
		{ "text/html", HEAD, "<", TOKEN },
		{ "text/html", HEAD "<a href='", "xxxxxxxxxxxxxxxx", TOKEN },
		{ "text/html", HEAD "<a href='", "\xe9", TOKEN },
		{ "text/html", HEAD "<a href=", "xxxxxxxxxxxxxxxx", TOKEN },
		{ "text/html", HEAD "<a ", "x=y ", TOKEN },
		{ "text/html", HEAD "<", "xxxxxxxxxxxxxxxx", TOKEN },
		{ "text/html", HEAD "</", "xxxxxxxxxxxxxxxx", TOKEN },
		{ "text/html", HEAD "<!--", "xxxxxxxxxxxxxxxx", TOKEN },
		{ "text/html", HEAD "<!--", "----------------", TOKEN },
		{ "text/html", HEAD "<!DOCTYPE ", "xxxxxxxxxxxxxxxx", TOKEN },
		{ "text/html", HEAD "<?", "xxxxxxxxxxxxxxxx", TOKEN },
		{ "text/html", HEAD "<script>", "xxxxxxxxxxxxxxxx", TOKEN },
		{ "text/html", HEAD "<style>", "a<b ", TOKEN },
		/* Depth, names, attributes, tags without text. */
		{ "text/html", HEAD, "<b>", NAMES },
		{ "text/html", HEAD, "<div>x", NAMES },
		{ "text/html", HEAD, "<t%zu/>x", NAMES },
		{ "text/html", HEAD, "<br a%zu=1>x", NAMES },
		{ "text/html", HEAD "<br ", "a%zu=1 ", TOKEN },
		{ "text/html", HEAD, "</b>", NAMES },
		{ "text/html", HEAD, "<p>", NAMES },
		/* The same for JSON. */
		{ "application/json", "", "[", 0 },
		{ "application/json", "", "{\"a\":", 0 },
		{ "application/json", "", "                ", TOKEN },
		{ "application/json", "[", "                ", TOKEN },
		{ "application/json", "[{\"x\":", "[", TOKEN },
		{ "application/json", "[{\"x\":", "{\"a\":", TOKEN },
		{ "application/json", "[{\"name\":\"", "xxxxxxxxxxxxxxx",
		  TOKEN },
		{ "application/json", "[{\"name\":\"", "\\u0041", TOKEN },
		{ "application/json", "[{\"", "xxxxxxxxxxxxxxxx", TOKEN },
		{ "application/json", "[{\"size\":", "1111111111111111",
		  TOKEN },
		/* What is no listing is not even looked at. */
		{ "text/plain", "", "xxxxxxxxxxxxxxxx", 0 },
		{ NULL, "", "                ", 0 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(floods); i++)
		check_flood(&floods[i]);
}

static void test_many_attributes(void **state)
{
	char page[8192], *at = stpcpy(page, HEAD "<br ");
	struct lines is = { 0 };

	(void)state;
	for (int i = 0; i < 300; i++)
		at += sprintf(at, "a%d=1 ", i);
	strcpy(at, "><a href=a>a</a>" TAIL);
	assert_int_equal(parse("text/html", ODD, page, strlen(page), 4096, &is),
			 -EPROTO);
	assert_int_equal(is.n, 0);
}

static int count_entry(void *arg, const struct hsm_entry *entry)
{
	size_t *n = arg;

	if (entry->type == HSM_ENTRY_FILE)
		assert_int_equal(entry->version.size, (*n)++);
	return 0;
}

/* Entries come while the page does, and nothing is kept of them. */
static void check_many(const char *type, const char *begin, const char *row,
		       const char *end)
{
	enum { ENTRIES = 100000 };
	struct hsm_listing *listing;
	size_t n = 0, before = 0;

	assert_int_equal(hsm_listing_new(&listing, type, ODD, count_entry, &n),
			 0);
	assert_int_equal(hsm_listing_feed(listing, begin, strlen(begin)), 0);
	for (size_t i = 0; i < ENTRIES; i++) {
		char line[512];
		int len = snprintf(line, sizeof(line), row, i, i, i);

		assert_int_equal(hsm_listing_feed(listing, line, len), 0);
		if (n + 100 < i)
			fail_msg("%s: %zu of %zu entries", type, n, i);
		if (i == 100)
			before = heap();
		if (i > 100 && heap() > before + (1 << 20))
			fail_msg("%s: %zu bytes more", type, heap() - before);
	}
	assert_int_equal(hsm_listing_feed(listing, end, strlen(end)), 0);
	assert_int_equal(hsm_listing_end(listing), 0);
	assert_int_equal(n, ENTRIES);
	hsm_listing_free(listing);
}

static void test_many_entries(void **state)
{
	(void)state;
	check_many("text/html", NGINX, "<a href=\"file-%zu\">file-%zu</a>"
		   "      22-Nov-2026 20:36     %zu\n", NGINX_TAIL);
	check_many("text/html", CADDY, "<tr class=\"file\"><td><a href=\"./%zu\">"
		   "%zu</a></td><td data-order=\"%zu\"></td></tr>\n",
		   CADDY_TAIL);
	check_many("application/json", "[{\"name\":\"x\","
		   "\"type\":\"directory\"}", ",{\"name\":\"%zu\",\"type\":\"file\","
		   "\"mtime\":\"%zu\",\"size\":%zu}", "]");
}
#pragma GCC diagnostic pop

/* -------------------------------------------------------- sizes and dates -- */

static void test_sizes(void **state)
{
	static const char *const unknown[] = {
		"", " ", "-", "-1", "+1", " 1", "1 ", "1K", "1.5", "1e3", "0x1",
		"9223372036854775808", "18446744073709551617",
		"100000000000000000000000000000",
	};

	(void)state;
	assert_int_equal(hsm_listing_size("0"), 0);
	assert_int_equal(hsm_listing_size("0017"), 17);
	assert_true(hsm_listing_size("9223372036854775807") == INT64_MAX);
	for (size_t i = 0; i < LENGTH(unknown); i++)
		assert_int_equal(hsm_listing_size(unknown[i]),
				 HSM_SIZE_UNKNOWN);
}

struct time_case {
	const char *text, *format;
	long long sec; /* of those that are dates */
	long nsec;
	const char *rest; /* NULL: no date */
};

static void test_times(void **state)
{
	static const struct time_case cases[] = {
		{ "22-Nov-2026 20:36 17", "d-b-Y H:M ", 1795379760, 0, "17" },
		{ "01-Jan-1970 00:00", "d-b-Y H:M", 0, 0, "" },
		{ "31-Dec-1969 23:59", "d-b-Y H:M", -60, 0, "" },
		{ "29-Feb-2024 00:00", "d-b-Y H:M", 1709164800, 0, "" },
		{ "Sun, 22 Nov 2026 20:36:24 GMT", "a, d b Y H:M:S z",
		  1795379784, 0, "" },
		{ "2026-11-22T20:36:24.5Z", "Y-m-dTH:M:Snz", 1795379784,
		  500000000, "" },
		{ "2026-11-22T20:36:24Z", "Y-m-dTH:M:Snz", 1795379784, 0, "" },
		{ "2026-11-22T20:36:24.1234567899Zx", "Y-m-dTH:M:Snz",
		  1795379784, 123456789, "x" },
		{ "2026-11-22T22:06:24+01:30", "Y-m-dTH:M:Snz", 1795379784, 0,
		  "" },
		{ "2026-11-22 12:36:24 -0800 PST", "Y-m-d H:M:Sn z",
		  1795379784, 0, " PST" },
		{ "", "d-b-Y H:M", 0, 0, NULL },
		{ "22-Nov-2026 20:3", "d-b-Y H:M", 0, 0, NULL },
		{ "22-nov-2026 20:36", "d-b-Y H:M", 0, 0, NULL },
		{ "22-Nov-26 20:36", "d-b-Y H:M", 0, 0, NULL },
		{ "00-Nov-2026 20:36", "d-b-Y H:M", 0, 0, NULL },
		{ "32-Nov-2026 20:36", "d-b-Y H:M", 0, 0, NULL },
		{ "22-Nov-2026 24:00", "d-b-Y H:M", 0, 0, NULL },
		{ "22-Nov-2026 20:60", "d-b-Y H:M", 0, 0, NULL },
		{ "22-Nov-0000 20:36", "d-b-Y H:M", 0, 0, NULL },
		{ " 2-Nov-2026 20:36", "d-b-Y H:M", 0, 0, NULL },
		{ "2026-13-22T20:36:24Z", "Y-m-dTH:M:Snz", 0, 0, NULL },
		{ "2026-00-22T20:36:24Z", "Y-m-dTH:M:Snz", 0, 0, NULL },
		{ "2026-11-22T20:36:61Z", "Y-m-dTH:M:Snz", 0, 0, NULL },
		{ "2026-11-22T20:36:24", "Y-m-dTH:M:Snz", 0, 0, NULL },
		{ "2026-11-22T20:36:24.Z", "Y-m-dTH:M:Snz", 0, 0, NULL },
		{ "2026-11-22T20:36:24+5", "Y-m-dTH:M:Snz", 0, 0, NULL },
		{ "S1n, 22 Nov 2026 20:36:24 GMT", "a, d b Y H:M:S z", 0, 0,
		  NULL },
		{ "Sun, 22 Nov 2026 20:36:24 CET", "a, d b Y H:M:S z", 0, 0,
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct timespec out = { 1, 2 };
		const char *rest = hsm_listing_time(cases[i].text,
						    cases[i].format, &out);

		if (!rest != !cases[i].rest)
			fail_msg("%s: %s", cases[i].text, rest);
		if (rest)
			assert_string_equal(rest, cases[i].rest);
		assert_int_equal(out.tv_sec, rest ? cases[i].sec : 1);
		assert_int_equal(out.tv_nsec, rest ? cases[i].nsec : 2);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_moved_samples),
		cmocka_unit_test(test_empty_directories),
		cmocka_unit_test(test_cut_pages),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_nginx_rows),
		cmocka_unit_test(test_caddy_rows),
		cmocka_unit_test(test_json_rows),
		cmocka_unit_test(test_no_listings),
		cmocka_unit_test(test_nul_bytes),
		cmocka_unit_test(test_content_types),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_callback_fails),
		cmocka_unit_test(test_failure_stays),
		cmocka_unit_test(test_floods),
		cmocka_unit_test(test_many_attributes),
		cmocka_unit_test(test_many_entries),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
