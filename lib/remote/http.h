/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * http:// and https:// remotes, by libcurl.  Private to lib/remote/http*.c,
 * which are read in this order:
 *
 *   http.c           the remote and its connections
 *   http_options.c   what the user wants of both
 *   http_answer.c    what header lines say (pure)
 *   http_redirect.c  where a redirect may lead
 *   http_error.c     what a failure is: errno, sentence, worth another try?
 *   http_headers.c   the header lines of a question
 *   http_transfer.c  one transfer: send, wait for the answer, take the body
 *   http_request.c   a question: redirects, and tries with patience
 *   http_pace.c      a body that trickles
 *   http_list.c, http_stat.c, http_stream.c   what remote.h promises
 *
 * Threads: as remote.h has it; a conn and all that is in it belongs to one thread at a
 * time.  Errors: as remote.h has them, with the sentence set.
 */
#ifndef HSM_REMOTE_HTTP_H
#define HSM_REMOTE_HTTP_H

#include <curl/curl.h>

#include "remote/backend.h"
#include "remote/http_answer.h"

enum {
	HSM_HTTP_OK = 200,
	HSM_HTTP_PARTIAL = 206,
	HSM_HTTP_UNSATISFIABLE = 416,
};

/* What one recv() may bring, and so the most that is buffered here. */
#define HSM_HTTP_BUFFER (256 * 1024)

struct hsm_http_remote {
	struct hsm_remote base;
	struct curl_slist *file_headers, *list_headers;
	/* The same without the user's own: for other hosts. */
	struct curl_slist *file_headers_bare, *list_headers_bare;
	char *user, *cacert, *capath, *proxy, *redirect_hosts;
	bool netrc, insecure;
	unsigned int retries;
	int64_t timeout_ns;
};

/* How long the call that runs may still go on without bytes. */
struct hsm_http_patience {
	int64_t end_ns;         /* of the call */
	int64_t attempt_end_ns; /* of the transfer that runs */
	unsigned int tries, tries_left;
};

/*
 * Slower than this, in bytes a second and over as long as `timeout`, is not to be told
 * from silence.  All connections of a server share its link.
 */
enum { HSM_HTTP_SLOWEST = 128 };

/* What came of a body while we were waiting for it. */
struct hsm_http_pace {
	int64_t since_ns; /* we wait, or did when we looked last */
	int64_t waited_ns;
	uint64_t bytes;
};

/* What can be done about the last failure. */
struct hsm_http_failure {
	bool again;        /* another try may help */
	bool at_once;      /* without a pause */
	int64_t after_s;   /* not sooner, as the server wants it */
};

struct hsm_http_question {
	const char *url;
	bool head, list;
	/* Bytes [off, off + len), len 0: to the end.  Both 0: no Range. */
	uint64_t off, len;
	const struct hsm_version *if_range; /* or NULL */
	int64_t size; /* of the file, or HSM_SIZE_UNKNOWN */
};

/* The open stream: [pos, end) is still to come. */
struct hsm_http_stream {
	char *url;
	struct hsm_version version; /* what every answer must have */
	uint64_t pos;
	uint64_t skip;      /* bytes of the body before `pos` */
	uint64_t asked_end; /* end of what was asked for; 0: of the file */
	int64_t end;        /* of what is to be delivered; -1: not known */
	bool unsaid;        /* the server does not say how long the body is */
	int error;          /* it has failed for good */
	struct hsm_http_pace pace;
};

struct hsm_http_conn {
	struct hsm_conn base;
	CURLM *multi;
	CURL *easy;
	char curl_error[CURL_ERROR_SIZE];
	bool no_if_range; /* this server answers If-Range with the whole file */
	bool anonymous;   /* what `easy` is set to: see hsm_http_options_identify() */

	/* The transfer that runs. */
	bool busy, done, paused, head, content;
	CURLcode result;
	struct hsm_http_answer answer;
	uint64_t received; /* bytes of its body */
	char *url;         /* after redirects; as sentences show it */
	bool foreign;      /* it is of another host than the remote */
	char range[64], if_range[HSM_ETAG_MAX + 16];
	struct curl_slist range_header, if_range_header;

	/* Where the body goes: first to whoever waits, then to the buffer. */
	char *target;
	size_t room;
	char *buffer;
	size_t begin, end;

	struct hsm_http_failure failure;
	struct hsm_http_stream stream;
};

static inline struct hsm_http_remote *
hsm_http_remote_of(const struct hsm_conn *conn)
{
	return (struct hsm_http_remote *)conn->remote;
}

static inline struct hsm_http_conn *hsm_http_conn_of(struct hsm_conn *conn)
{
	return (struct hsm_http_conn *)conn;
}

/* ------------------------------------------------------------ options -- */

/* Copy what is borrowed.  -ENOMEM; hsm_http_options_free() in any case. */
int hsm_http_options_copy(struct hsm_http_remote *remote, const char *userinfo,
			  const struct hsm_remote_options *options);
void hsm_http_options_free(struct hsm_http_remote *remote);

/* Set what holds for all transfers of `easy`, which borrows it.  -ENOMEM. */
int hsm_http_options_apply(const struct hsm_http_remote *remote, CURL *easy);

/* Log in with the next transfer, or (`anonymous`) do not.  -ENOMEM. */
int hsm_http_options_identify(const struct hsm_http_remote *remote, CURL *easy,
			      bool anonymous);

/* Valid until the next call; borrows from `conn` and its remote. */
struct curl_slist *hsm_http_headers(struct hsm_http_conn *conn,
				    const struct hsm_http_question *question);

/* ---------------------------------------------------------- redirects -- */

/*
 * The URL that `location` means on the page `url`, without userinfo; the caller
 * frees it.  1: it leaves the host, port and scheme of `root` (from http to https on
 * the same host is no leaving) for one of `hosts` (or NULL, as remote.h has
 * them), so that it must not see who we are.  -EACCES: for another one, or from https
 * to http; -EPROTO: not a URL; -ENOMEM.
 * `*out` is also given with -EACCES, for the sentence.  Pure.
 */
int hsm_http_redirect(const char *root, const char *url, const char *location,
		      const char *hosts, char **out);

/* ------------------------------------------------------------ failures -- */

/* Whether a status may be another one soon (408, 429, 500, 502, 503, 504). */
bool hsm_http_is_passing(unsigned int status);

/* Each sets the sentence and `conn->failure`, and returns the errno. */
int hsm_http_fail_answer(struct hsm_http_conn *conn);
int hsm_http_fail_curl(struct hsm_http_conn *conn, CURLcode code);
int hsm_http_fail_silence(struct hsm_http_conn *conn);
/* The same answer would come again. */
int hsm_http_fail(struct hsm_http_conn *conn, int error, const char *what);

/* ------------------------------------------------------- one transfer -- */

/* Once, before the first transfer.  -ENOMEM. */
int hsm_http_setup(struct hsm_http_conn *conn);

/* Send `conn->url` with the headers of `question`; does not wait. */
int hsm_http_begin(struct hsm_http_conn *conn,
		   const struct hsm_http_question *question);

/* Wait until `conn->answer` is complete. */
int hsm_http_wait_answer(struct hsm_http_conn *conn,
			 const struct hsm_http_patience *patience);

/* The next bytes of the body, at least one; 0 at its proper end. */
ssize_t hsm_http_body(struct hsm_http_conn *conn, void *buf, size_t len,
		      const struct hsm_http_patience *patience);

/* Keeps the connection when little of the body is left to come. */
void hsm_http_end(struct hsm_http_conn *conn);

/* ---------------------------------------------------------- questions -- */

struct hsm_http_patience hsm_http_patience(const struct hsm_http_conn *conn);

/* Bytes came: begin the time again, but not the number of tries. */
void hsm_http_patience_renew(const struct hsm_http_conn *conn,
			     struct hsm_http_patience *patience);

/*
 * Ask until the answer is one that trying again would not change: 0, with
 * `conn->answer` and the body to come, whatever the status is (but no redirect
 * and none that is passing).  -EPROTO: the content is encoded, and not because the
 * file is stored so.
 */
int hsm_http_ask(struct hsm_http_conn *conn,
		 const struct hsm_http_question *question,
		 struct hsm_http_patience *patience);

/* We are about to wait for bytes of a body; what was before does not count. */
void hsm_http_pace_begin(struct hsm_http_pace *pace);

/*
 * `len` of them came, after whatever waits and tries.  -ETIMEDOUT: fewer than
 * HSM_HTTP_SLOWEST a second.  For each of them the patience begins again, so without
 * this a byte a minute would do.
 */
int hsm_http_pace_check(struct hsm_http_conn *conn, struct hsm_http_pace *pace,
			size_t len);

/*
 * Whether the answer is about a directory: servers add the slash by a redirect
 * when a file has become one.
 */
bool hsm_http_is_directory(const struct hsm_http_conn *conn);

/*
 * After a failure with `error`: wait and return 0 when there is to be another
 * try; else `error` (or -ECANCELED).
 */
int hsm_http_try_again(struct hsm_http_conn *conn,
		       struct hsm_http_patience *patience, int error);

/* ----------------------------------------------------- what is promised -- */

int hsm_http_list(struct hsm_conn *conn, const char *path, hsm_entry_fn fn,
		  void *arg);
int hsm_http_stat(struct hsm_conn *conn, const char *path,
		  struct hsm_version *now);
int hsm_http_stream_open(struct hsm_conn *conn, const char *path,
			 const struct hsm_version *want, uint64_t off,
			 uint64_t len, struct hsm_version *now,
			 uint64_t *start);
ssize_t hsm_http_stream_read(struct hsm_conn *conn, void *buf, size_t len);
void hsm_http_stream_close(struct hsm_conn *conn);

#endif
