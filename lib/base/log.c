// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

void hsm_log(const struct hsm_log *log, enum hsm_log_level level,
	     const char *format, ...)
{
	/* A path of PATH_MAX and the words around it. */
	char line[5120];
	int saved = errno;
	va_list args;

	if (!log || !log->fn || level > log->level)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	log->fn(log->arg, level, line);
	errno = saved;
}
