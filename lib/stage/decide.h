/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Third stage: facts in, verdict out.  Pure.
 *
 * The rules it keeps:
 *  - A file that is not ours, dirty or whole is never filled.
 *  - Before anyone may modify a placeholder, all of it is here ("sealed"):
 *    then holes that appear are the user's.  So is a complete file before
 *    somebody makes a hole in it.
 *  - An open is never made to wait for a write of ours when it may hold the
 *    file system's write access (O_TRUNC): a freeze would wait for it, and our
 *    write for the freeze.
 */
#ifndef HSM_STAGE_DECIDE_H
#define HSM_STAGE_DECIDE_H

#include "stage/event.h"
#include "stage/inspect.h"
#include "stage/opener.h"

enum hsm_verdict {
	HSM_VERDICT_ALLOW,      /* nothing to do, ask again next time */
	HSM_VERDICT_QUIET,      /* complete: not again until it is modified */
	HSM_VERDICT_FORGET,     /* not ours to fill, or sealed: not again */
	HSM_VERDICT_ADMIT,      /* let a writer in that may truncate in its open */
	HSM_VERDICT_FILL,       /* fill [off, end) first */
	HSM_VERDICT_FILL_WHOLE, /* fill all first */
	HSM_VERDICT_SEAL,       /* fill all, write down that holes are content */
	HSM_VERDICT_RESERVE,    /* reserve the space, fill when it is read */
	HSM_VERDICT_REFUSE,     /* EIO */
};

struct hsm_policy {
	int64_t stream_above; /* larger files are filled by the range */
};

struct hsm_request {
	const struct hsm_event *event;
	enum hsm_call call; /* of the waiting thread */
	int open_flags;     /* when `call` is HSM_CALL_OPEN */
	bool wants_whole;   /* a program or a device user that sees holes */
	bool writer;        /* accesses that are no write(2): somebody has the
			     * file open for writing */
};

enum hsm_verdict hsm_decide(const struct hsm_facts *facts,
			    const struct hsm_request *request,
			    const struct hsm_policy *policy);

#endif
