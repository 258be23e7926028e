// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "failure.h"

static int set(struct hsm_failure *failure, enum hsm_failure_kind kind,
	       int error, const char *format, va_list args)
{
	failure->kind = kind;
	vsnprintf(failure->text, sizeof(failure->text), format, args);
	return error;
}

int hsm_failure_set(struct hsm_failure *failure, int error, const char *format,
		    ...)
{
	va_list args;

	va_start(args, format);
	error = set(failure, HSM_FAILURE_OTHER, error, format, args);
	va_end(args);
	return error;
}

int hsm_failure_set_as(struct hsm_failure *failure, enum hsm_failure_kind kind,
		       int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error = set(failure, kind, error, format, args);
	va_end(args);
	return error;
}

int hsm_failure_set_errno(struct hsm_failure *failure, int error,
			  const char *what)
{
	return hsm_failure_set(failure, error, "%s: %s", what,
			       strerror(-error));
}
