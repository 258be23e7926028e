/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records: what the journal writes down, in one form for all of its files.
 *
 * On disk: u32 length of the payload, u32 CRC-32C of it, the payload; native
 * byte order (a journal is read on the machine that wrote it).  A record is
 * whole or it is not there: what follows the last whole one is a torn tail.
 */
#ifndef HSM_JOURNAL_RECORD_H
#define HSM_JOURNAL_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "local/handle.h"

/* What happened to the name, or to the inode behind it. */
enum hsm_record_what {
	HSM_RECORD_CREATE = 1 << 0,
	HSM_RECORD_DELETE = 1 << 1,
	HSM_RECORD_RENAME = 1 << 2, /* parent2, name2: the new place */
	HSM_RECORD_MODIFY = 1 << 3,
	HSM_RECORD_ATTRIB = 1 << 4,
	HSM_RECORD_FROM = 1 << 5,   /* moved away from here */
	HSM_RECORD_TO = 1 << 6,     /* moved to here */
	HSM_RECORD_DIR = 1 << 7,    /* the inode is a directory */
	HSM_RECORD_CARRIED = 1 << 8, /* open for writing at the last cut */
	/* In lists: the head, and a directory (or all) of which no more is known. */
	HSM_RECORD_HEAD = 1 << 9,
	HSM_RECORD_RESCAN = 1 << 10,
	HSM_RECORD_UNKNOWN = 1 << 11, /* gone; what was below is not known */
	/* Opened for writing.  The name counts where no other record has one. */
	HSM_RECORD_INTENT = 1 << 12,
	HSM_RECORD_QUIET = 1 << 13, /* outside: not heard any more; inode only */
};

struct hsm_record {
	uint32_t what;
	/* .bytes 0: there is none */
	struct hsm_handle parent, parent2, inode;
	/* Not terminated; in a list, `name` is a path and `name2` where it was. */
	const char *name, *name2;
	uint16_t name_len, name2_len;
};

/* No record is longer. */
enum { HSM_RECORD_MAX = 8 + 4 + 3 * (8 + HSM_HANDLE_MAX) + 4 + 2 * 0xffff };

/* Encode into `buf` (HSM_RECORD_MAX bytes): the length.  Pure. */
size_t hsm_record_encode(const struct hsm_record *record, void *buf);

/*
 * Decode the record at `buf`, whose names then point into it.  Its length, 0 at
 * the end (`len` 0), or -EBADMSG: torn, or no record at all.  Pure.
 */
long hsm_record_decode(struct hsm_record *record, const void *buf, size_t len);

#endif
