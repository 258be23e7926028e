// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/hash.h"

uint64_t hsm_hash(uint64_t hash, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;

	while (len--)
		hash = (hash ^ *at++) * UINT64_C(1099511628211);
	return hash;
}
