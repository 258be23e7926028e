/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Second stage: what is known of the file of an event.  Never blocks on the
 * network nor on the disk; the event's fd raises no event.
 */
#ifndef HSM_STAGE_INSPECT_H
#define HSM_STAGE_INSPECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "local/mark.h"

enum hsm_content {
	HSM_CONTENT_NONE,
	HSM_CONTENT_SOME, /* or more: only the extents after a sync can tell */
	HSM_CONTENT_ALL,
};

struct hsm_facts {
	struct stat st;
	bool ours;          /* a placeholder of our store */
	bool unreadable;    /* has a mark that cannot be read */
	unsigned int flags; /* enum hsm_flag */
	enum hsm_content content;
	struct hsm_mark mark; /* when `ours` */
};

/* The end of what the remote can still provide: both sizes agree up to here. */
uint64_t hsm_facts_size(const struct hsm_facts *facts);

/* Whether the file has not the size that the remote's version has. */
bool hsm_facts_resized(const struct hsm_facts *facts);

/*
 * Whether somebody changed it here: noted as such, of another size, or complete
 * with another mtime than the remote's.  (A part of a file may have another
 * mtime after a crash in the middle of a fill.)
 */
bool hsm_facts_dirty(const struct hsm_facts *facts);

/* Facts of the open file `fd` for the store `store`.  Errors of fstat only. */
int hsm_inspect(int fd, uint64_t store, struct hsm_facts *facts);

#endif
