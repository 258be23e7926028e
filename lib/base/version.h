/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which version of a remote file: what a listing, a HEAD or the answer to a GET
 * says about it.  Marks record it, remotes compare with it.
 */
#ifndef HSM_BASE_VERSION_H
#define HSM_BASE_VERSION_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* How exact the mtime of a version is.  The values are on disk (marks). */
enum hsm_precision {
	HSM_PRECISION_NONE = 0, /* no mtime at all: `mtime` is zero */
	HSM_PRECISION_MINUTE = 1,
	HSM_PRECISION_SECOND = 2,
	HSM_PRECISION_NANO = 3,
};

/* Longest ETag that is recorded; a longer one counts as none. */
#define HSM_ETAG_MAX 256

#define HSM_SIZE_UNKNOWN INT64_C(-1)

struct hsm_version {
	int64_t size; /* bytes, or HSM_SIZE_UNKNOWN */
	struct timespec mtime;
	enum hsm_precision precision;
	char etag[HSM_ETAG_MAX]; /* strong ETag with its quotes, or "" */
};

/*
 * Whether `now` can be the version `known`: sizes equal where both are known,
 * ETags equal where both have one; where an ETag is missing on either side,
 * mtimes equal at the coarser precision of the two.  Pure.
 */
bool hsm_version_same(const struct hsm_version *known,
		      const struct hsm_version *now);

#endif
