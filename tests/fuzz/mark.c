// SPDX-License-Identifier: GPL-2.0-or-later
/* Marks: whatever an xattr holds; what is read can be written and read again. */
#include "fuzz.h"
#include "local/mark.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hsm_mark mark, again;
	uint8_t buffer[HSM_MARK_MAX];
	int len;

	if (size > HSM_MARK_MAX || hsm_mark_decode(&mark, data, size) < 0)
		return 0;
	fuzz_assert(mark.version.size >= 0);
	fuzz_assert(mark.version.mtime.tv_nsec >= 0 &&
		    mark.version.mtime.tv_nsec <= 999999999);
	fuzz_assert(strlen(mark.origin) < sizeof(mark.origin) &&
		    strlen(mark.version.etag) < sizeof(mark.version.etag));
	len = hsm_mark_encode(&mark, buffer);
	if (len < 0)
		return 0;
	fuzz_assert(hsm_mark_decode(&again, buffer, len) == 0);
	fuzz_assert(again.store == mark.store &&
		    again.version.size == mark.version.size &&
		    again.version.precision == mark.version.precision &&
		    again.version.mtime.tv_sec == mark.version.mtime.tv_sec &&
		    again.version.mtime.tv_nsec == mark.version.mtime.tv_nsec &&
		    !strcmp(again.version.etag, mark.version.etag) &&
		    !strcmp(again.origin, mark.origin));
	return 0;
}
