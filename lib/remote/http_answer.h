/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an HTTP answer says before its body.  Pure: header lines in, a plain
 * struct out; whatever the lines hold, nothing but the struct is touched.
 */
#ifndef HSM_REMOTE_HTTP_ANSWER_H
#define HSM_REMOTE_HTTP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/version.h"

/* The part of a file that a body is, from Content-Range. */
struct hsm_http_range {
	int64_t first, last; /* -1: "*", no part of it */
	int64_t total;       /* HSM_SIZE_UNKNOWN: "*" */
};

struct hsm_http_answer {
	bool complete; /* the empty line came; nothing changes any more */
	unsigned int status;
	char reason[64];
	int64_t length; /* of the body; -1: not said.  Not from a header line */
	bool ranged;    /* there is a Content-Range and it makes sense */
	struct hsm_http_range range;
	char encoding[32]; /* Content-Encoding; "" when it is identity */
	char etag[HSM_ETAG_MAX]; /* strong, or "" */
	bool dated;
	int64_t modified;
	char location[2048]; /* "" also when it is longer */
	char type[128];      /* Content-Type */
};

/*
 * Take one line as it came, with its line end.  A status line begins a new
 * answer unless the final one is complete: trailers and what follows are
 * ignored.
 */
void hsm_http_answer_feed(struct hsm_http_answer *answer, const char *line,
			  size_t len);

/* The version of the file that the answer (200, 206, 416) is about. */
struct hsm_version hsm_http_answer_version(const struct hsm_http_answer *answer);

/*
 * Whether what comes is the file named `path` as it is stored, although the answer
 * calls it encoded: Apache says so of a stored .gz.  `size` is that of the file,
 * HSM_SIZE_UNKNOWN when the answer is to tell; then the name has to agree.
 */
bool hsm_http_answer_stored(const struct hsm_http_answer *answer,
			    const char *path, int64_t size);

/* Whether `etag` is a strong one, fit to be sent in a header line. */
bool hsm_http_etag_valid(const char *etag);

#endif
