// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/version.h"

#include <string.h>

static bool same_mtime(const struct hsm_version *a, const struct hsm_version *b)
{
	enum hsm_precision coarser =
		a->precision < b->precision ? a->precision : b->precision;

	switch (coarser) {
	case HSM_PRECISION_NONE:
		return true;
	case HSM_PRECISION_MINUTE:
		return a->mtime.tv_sec / 60 == b->mtime.tv_sec / 60;
	case HSM_PRECISION_SECOND:
		return a->mtime.tv_sec == b->mtime.tv_sec;
	case HSM_PRECISION_NANO:
		return a->mtime.tv_sec == b->mtime.tv_sec &&
		       a->mtime.tv_nsec == b->mtime.tv_nsec;
	}
	return false;
}

bool hsm_version_same(const struct hsm_version *known,
		      const struct hsm_version *now)
{
	if (known->size != HSM_SIZE_UNKNOWN && now->size != HSM_SIZE_UNKNOWN &&
	    known->size != now->size)
		return false;
	if (known->etag[0] && now->etag[0])
		return strcmp(known->etag, now->etag) == 0;
	return same_mtime(known, now);
}
