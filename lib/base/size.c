// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/size.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int hsm_size_parse(const char *text, uint64_t *out)
{
	static const char units[] = "KMGTP";
	char *end;
	long double value;
	const char *unit;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	value = strtold(text, &end);
	if (*end && (unit = strchr(units, toupper((unsigned char)*end)))) {
		value = ldexpl(value, 10 * (int)(unit - units + 1));
		end++;
		if (*end && strcasecmp(end, "B") && strcasecmp(end, "iB"))
			return -EINVAL;
	} else if (*end && strcasecmp(end, "B")) {
		return -EINVAL;
	}
	if (value >= 9223372036854775808.0L)
		return -ERANGE;
	*out = (uint64_t)value;
	return 0;
}
