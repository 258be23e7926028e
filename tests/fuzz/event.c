// SPDX-License-Identifier: GPL-2.0-or-later
/* Bytes that are said to come from a fanotify group, of either kind. */
#include "fuzz.h"
#include "journal/group.h"
#include "stage/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hsm_change_event change;
	struct hsm_event event;
	size_t pos = 0, before = 0;

	while (hsm_event_next(data, size, &pos, &event) == 1) {
		fuzz_assert(pos > before && pos <= size);
		before = pos;
	}
	pos = before = 0;
	while (hsm_change_event_next(data, size, &pos, &change) == 1) {
		fuzz_assert(pos > before && pos <= size);
		before = pos;
		fuzz_assert(change.parent.bytes <= HSM_HANDLE_MAX &&
			    change.parent2.bytes <= HSM_HANDLE_MAX &&
			    change.inode.bytes <= HSM_HANDLE_MAX);
		if (change.name)
			fuzz_use(change.name, strlen(change.name) + 1);
		if (change.name2)
			fuzz_use(change.name2, strlen(change.name2) + 1);
	}
	return 0;
}
