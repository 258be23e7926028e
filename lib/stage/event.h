/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * First stage: from bytes of the content group to events.
 */
#ifndef HSM_STAGE_EVENT_H
#define HSM_STAGE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hsm_event {
	int fd;        /* of the file; negative: -errno, already refused */
	int tid;       /* thread that waits; 0: in no namespace of ours */
	bool open;     /* an open; else an access to [off, off + count) */
	bool exec;     /* an open to execute */
	uint64_t off;
	uint64_t count; /* 0: to the end */
};

/*
 * The event at `*pos` of the `len` bytes that read() gave, moving `*pos` on.
 * 1: `*out` is one; 0: no more; -EBADMSG: the rest makes no sense (every length
 * is checked).  Pure.
 */
int hsm_event_next(const void *buf, size_t len, size_t *pos,
		   struct hsm_event *out);

#endif
