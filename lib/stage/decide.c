// SPDX-License-Identifier: GPL-2.0-or-later
#include "stage/decide.h"

#include <fcntl.h>

static bool streams(const struct hsm_facts *facts,
		    const struct hsm_policy *policy)
{
	if (facts->flags & HSM_FLAG_FULL)
		return false;
	if (facts->flags & HSM_FLAG_STREAM)
		return true;
	return facts->st.st_size > policy->stream_above;
}

static bool reserved(const struct hsm_facts *facts)
{
	return (uint64_t)facts->st.st_blocks * 512 >=
	       (uint64_t)facts->st.st_size;
}

static enum hsm_verdict decide_open(const struct hsm_facts *facts,
				    const struct hsm_request *request,
				    const struct hsm_policy *policy)
{
	int flags = request->open_flags;

	if (request->event->exec)
		return HSM_VERDICT_FILL_WHOLE;
	if (request->call != HSM_CALL_OPEN || flags & O_TRUNC)
		return HSM_VERDICT_ADMIT;
	/* Truncated while nobody asked us: it is the user's file now. */
	if (hsm_facts_resized(facts))
		return HSM_VERDICT_SEAL;
	/*
	 * What writes without reading waits for its first access.  What may do
	 * both fills now: a loop device's I/O, for one, raises no event.
	 */
	if ((flags & O_ACCMODE) == O_WRONLY)
		return HSM_VERDICT_ADMIT;
	if ((flags & O_ACCMODE) == O_RDWR)
		return HSM_VERDICT_SEAL;
	if (request->wants_whole || !streams(facts, policy))
		return HSM_VERDICT_FILL_WHOLE;
	return reserved(facts) ? HSM_VERDICT_ALLOW : HSM_VERDICT_RESERVE;
}

enum hsm_verdict hsm_decide(const struct hsm_facts *facts,
			    const struct hsm_request *request,
			    const struct hsm_policy *policy)
{
	if (facts->unreadable)
		return HSM_VERDICT_REFUSE;
	if (!facts->ours || facts->flags & (HSM_FLAG_DIRTY | HSM_FLAG_WHOLE))
		return HSM_VERDICT_FORGET;
	/*
	 * Quiet is no use while it is open for writing: the kernel keeps no
	 * ignore mark then that a write would end (it says that it does).  What
	 * is sealed needs none of that kind.
	 */
	if (facts->content == HSM_CONTENT_ALL && !hsm_facts_resized(facts))
		return !request->event->open && request->writer ?
		       HSM_VERDICT_SEAL : HSM_VERDICT_QUIET;
	if (request->event->open)
		return decide_open(facts, request, policy);
	/* A read of nothing, as `cmp -n` ends with, is not "to the end". */
	if (!request->event->count && request->call == HSM_CALL_READ)
		return HSM_VERDICT_ALLOW;
	if (request->writer || !request->event->count ||
	    request->call == HSM_CALL_TRUNCATE || hsm_facts_resized(facts))
		return HSM_VERDICT_SEAL;
	return HSM_VERDICT_FILL;
}
