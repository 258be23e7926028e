/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's fanotify names and layouts that hsm uses and that may be newer
 * than the C library's headers.  The only place that knows them.
 * Source: include/uapi/linux/fanotify.h of Linux 6.14.
 */
#ifndef HSM_LOCAL_FANOTIFY_ABI_H
#define HSM_LOCAL_FANOTIFY_ABI_H

#include <assert.h>
#include <stdint.h>
#include <sys/fanotify.h>

#ifndef FAN_PRE_ACCESS
#define FAN_PRE_ACCESS 0x00100000
#endif
#ifndef FAN_REPORT_FD_ERROR
#define FAN_REPORT_FD_ERROR 0x00002000
#endif
#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x00000200
#endif
#ifndef FAN_MARK_IGNORE
#define FAN_MARK_IGNORE 0x00000400
#endif
#ifndef FAN_MARK_IGNORE_SURV
#define FAN_MARK_IGNORE_SURV (FAN_MARK_IGNORE | FAN_MARK_IGNORED_SURV_MODIFY)
#endif
#ifndef FAN_EVENT_INFO_TYPE_RANGE
#define FAN_EVENT_INFO_TYPE_RANGE 6
#endif
#ifndef FAN_DENY_ERRNO
#define FAN_DENY_ERRNO(err) (FAN_DENY | (((uint32_t)(err) & 0xff) << 24))
#endif

/* What changes: names, attributes, content. */
#define HSM_CHANGE_EVENTS                                                    \
	(FAN_CREATE | FAN_DELETE | FAN_RENAME | FAN_MODIFY | FAN_ATTRIB |    \
	 FAN_CLOSE_WRITE)

struct hsm_fanotify_range {
	struct fanotify_event_info_header hdr;
	uint32_t pad;
	uint64_t offset;
	uint64_t count;
};

static_assert(FAN_PRE_ACCESS == 0x00100000, "FAN_PRE_ACCESS");
static_assert(FAN_REPORT_FD_ERROR == 0x2000, "FAN_REPORT_FD_ERROR");
static_assert(sizeof(struct hsm_fanotify_range) == 24, "range record");
static_assert(sizeof(struct fanotify_event_metadata) == 24, "metadata");
static_assert(sizeof(struct fanotify_response) == 8, "response");

/* All that a reader of content must ask us for. */
#define HSM_CONTENT_EVENTS (FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM | FAN_PRE_ACCESS)

#endif
