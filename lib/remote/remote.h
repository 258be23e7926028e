/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A remote tree: what can be asked of it, whatever protocol it speaks.
 *
 * Paths are relative to the URL that was opened, raw bytes without a leading or
 * trailing slash; "" is the root.  Every implementation resolves strictly
 * beneath that root.
 *
 * Threads: a `hsm_remote` is shared by all threads and does not change after it
 * was opened.  A `hsm_conn` belongs to one thread at a time and has at most one
 * stream open; only hsm_conn_cancel() may be called from another thread.
 *
 * Errors, the same for all functions: -ENOENT gone (404, 410), -EACCES refused
 * (401, 403, any other 4xx that will not pass), -ESTALE the remote has another version than the one asked for,
 * -ETIMEDOUT no progress within `timeout`, -ECANCELED by hsm_conn_cancel(),
 * -EPROTO the remote's answer makes no sense, -ENOMEM, -EHOSTUNREACH not
 * reachable (DNS, refused, TLS), -EIO everything else.  hsm_conn_error() has
 * the sentence.
 */
#ifndef HSM_REMOTE_REMOTE_H
#define HSM_REMOTE_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/log.h"
#include "base/version.h"

struct hsm_remote;
struct hsm_conn;
struct hsm_stream;

/* As curl has them.  Strings are borrowed during hsm_remote_open() only. */
struct hsm_remote_options {
	const char *user;           /* USER:PASSWORD */
	bool netrc;
	const char *const *headers; /* "Name: value", NULL-terminated, or NULL */
	const char *cacert;
	const char *proxy;
	/*
	 * "HOST,HOST:PORT,*.DOMAIN": where redirects may lead besides the host of the
	 * URL, without a port to the usual one of the scheme; never from https to
	 * http.  They get no `user`, `netrc` or `headers`.  NULL: nowhere.
	 */
	const char *redirect_hosts;
	bool insecure;
	unsigned int retries;       /* tries after the first one */
	unsigned int timeout_s;     /* without progress; 0: 60 */
	unsigned int jobs;          /* how many conns there will be, a hint */
};

enum hsm_entry_type {
	HSM_ENTRY_FILE,
	HSM_ENTRY_DIR,
	HSM_ENTRY_SYMLINK, /* file:// only; `target` is its text */
	HSM_ENTRY_SKIPPED, /* cannot exist here; `target` says why, for a person */
};

struct hsm_entry {
	const char *name; /* NUL-terminated bytes; borrowed until fn returns */
	enum hsm_entry_type type;
	const char *target;
	unsigned int mode; /* permission bits, or 0: not known */
	struct hsm_version version; /* HSM_ENTRY_FILE, HSM_ENTRY_DIR (mtime) */
};

/* One entry of a listing.  A negative return ends the listing with it. */
typedef int (*hsm_entry_fn)(void *arg, const struct hsm_entry *entry);

/*
 * Open the tree at `url` (http, https, file).  Makes no request.  The result is
 * the caller's, for hsm_remote_close().  -EINVAL: not a URL that we speak;
 * `error` (of `error_size` bytes) then has the sentence.
 */
int hsm_remote_open(struct hsm_remote **out, const char *url,
		    const struct hsm_remote_options *options,
		    const struct hsm_log *log, char *error, size_t error_size);
void hsm_remote_close(struct hsm_remote *remote);

/* The URL as it may be recorded and shown: no password, one trailing slash. */
const char *hsm_remote_url(const struct hsm_remote *remote);

/* A connection, without a request yet; the caller's to close.  -ENOMEM. */
int hsm_conn_open(struct hsm_conn **out, struct hsm_remote *remote);
void hsm_conn_close(struct hsm_conn *conn);

/* The sentence for the last failure on `conn`; valid until its next call. */
const char *hsm_conn_error(const struct hsm_conn *conn);

/* Bytes of content and number of requests so far on `conn`, monotonic. */
void hsm_conn_count(const struct hsm_conn *conn, uint64_t *bytes,
		    uint64_t *requests);

/*
 * Until the first bytes have come, the calls on `conn` have only a part of
 * `timeout` and `retries`: a quarter for each of `steps`.
 */
void hsm_conn_hurry(struct hsm_conn *conn, unsigned int steps);

/*
 * Make the call that runs on `conn` (and every later one) return -ECANCELED
 * soon.  Any thread; the one call that may overlap with others.
 */
void hsm_conn_cancel(struct hsm_conn *conn);

/*
 * Call `fn` for every entry of the directory `path`, in the order of the
 * listing, while it arrives: memory does not grow with the listing.  Names are
 * checked: what cannot exist here comes as HSM_ENTRY_SKIPPED.  -ENOTDIR: there
 * is something, but not a listing.
 * An error after the first entries is possible: the caller has seen a part.
 */
int hsm_conn_list(struct hsm_conn *conn, const char *path, hsm_entry_fn fn,
		  void *arg);

/* What the remote says about the file `path` now (HEAD, stat). */
int hsm_conn_stat(struct hsm_conn *conn, const char *path,
		  struct hsm_version *now);

/*
 * Begin to read the file `path` at `off`: `len` bytes, or to its end when `len`
 * is 0.  `want` is the version that must answer (If-Range where it has an ETag
 * or an exact Last-Modified; compared in any case): another one is -ESTALE and
 * nothing is delivered.  `*now` is what the answer says of the version.
 * `*start` is where the stream begins: `off`, or 0 from a server that ignores
 * ranges (then the stream has the whole file).
 * The stream belongs to `conn` and ends with hsm_stream_close().
 */
int hsm_stream_open(struct hsm_conn *conn, const char *path,
		    const struct hsm_version *want, uint64_t off, uint64_t len,
		    struct hsm_stream **out, struct hsm_version *now,
		    uint64_t *start);

/*
 * Read up to `len` bytes, in order: blocks until there is at least one.  0 is
 * the end of what was asked for: a body that ends early is never 0 but an
 * error.  Reconnects by itself with the same version, within `retries`.
 * Not reading is back-pressure: buffers at most a few hundred KiB.
 */
ssize_t hsm_stream_read(struct hsm_stream *stream, void *buf, size_t len);

/* Ends the stream early or late.  NULL is fine. */
void hsm_stream_close(struct hsm_stream *stream);

#endif
