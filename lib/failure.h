/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the library says what went wrong.  Private to it. */
#ifndef HSM_FAILURE_H
#define HSM_FAILURE_H

#include "hsm.h"

/*
 * Fill in `failure`, of HSM_FAILURE_OTHER or of the kind that is given; returns
 * `error` (-errno), for the caller to return.
 */
int hsm_failure_set(struct hsm_failure *failure, int error, const char *format,
		    ...) __attribute__((format(printf, 3, 4)));
int hsm_failure_set_as(struct hsm_failure *failure, enum hsm_failure_kind kind,
		       int error, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The same with "WHAT: " and what the error means. */
int hsm_failure_set_errno(struct hsm_failure *failure, int error,
			  const char *what);

#endif
