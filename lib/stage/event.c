// SPDX-License-Identifier: GPL-2.0-or-later
#include "stage/event.h"

#include <errno.h>
#include <string.h>

#include "local/fanotify_abi.h"

static void read_range(const uint8_t *record, size_t len, struct hsm_event *out)
{
	while (len >= sizeof(struct fanotify_event_info_header)) {
		struct hsm_fanotify_range range;

		memcpy(&range.hdr, record, sizeof(range.hdr));
		if (range.hdr.len < sizeof(range.hdr) || range.hdr.len > len)
			return;
		if (range.hdr.info_type == FAN_EVENT_INFO_TYPE_RANGE &&
		    range.hdr.len >= sizeof(range)) {
			memcpy(&range, record, sizeof(range));
			out->off = range.offset;
			out->count = range.count;
			return;
		}
		record += range.hdr.len;
		len -= range.hdr.len;
	}
}

int hsm_event_next(const void *buf, size_t len, size_t *pos,
		   struct hsm_event *out)
{
	struct fanotify_event_metadata head;
	const uint8_t *p = (const uint8_t *)buf + *pos;
	size_t left = len - *pos;

	if (*pos >= len)
		return 0;
	if (left < sizeof(head))
		return -EBADMSG;
	memcpy(&head, p, sizeof(head));
	if (head.vers != FANOTIFY_METADATA_VERSION ||
	    head.metadata_len < sizeof(head) ||
	    head.event_len < head.metadata_len || head.event_len > left)
		return -EBADMSG;
	*pos += head.event_len;
	*out = (struct hsm_event){
		.fd = head.fd,
		.tid = head.pid,
		.open = head.mask & (FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM),
		.exec = head.mask & FAN_OPEN_EXEC_PERM,
	};
	/* Without a range record an access counts as one to the whole file. */
	if (!out->open)
		read_range(p + head.metadata_len,
			   head.event_len - head.metadata_len, out);
	return 1;
}
