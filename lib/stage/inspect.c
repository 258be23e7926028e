// SPDX-License-Identifier: GPL-2.0-or-later
#include "stage/inspect.h"

#include <errno.h>

#include "local/extent.h"

uint64_t hsm_facts_size(const struct hsm_facts *facts)
{
	uint64_t here = (uint64_t)facts->st.st_size;
	uint64_t there = (uint64_t)facts->mark.version.size;

	return here < there ? here : there;
}

bool hsm_facts_resized(const struct hsm_facts *facts)
{
	return facts->st.st_size != facts->mark.version.size;
}

static bool has_mtime(const struct hsm_facts *facts)
{
	struct timespec mtime = hsm_mark_mtime(&facts->mark);

	return facts->st.st_mtim.tv_sec == mtime.tv_sec &&
	       facts->st.st_mtim.tv_nsec == mtime.tv_nsec;
}

bool hsm_facts_dirty(const struct hsm_facts *facts)
{
	bool complete = facts->flags & HSM_FLAG_WHOLE ||
			facts->content == HSM_CONTENT_ALL;

	return facts->flags & (HSM_FLAG_DIRTY | HSM_FLAG_CHANGED) ||
	       hsm_facts_resized(facts) ||
	       (complete && facts->mark.version.size && !has_mtime(facts) &&
		!(facts->flags & HSM_FLAG_EMPTY));
}

static int look_at_content(int fd, struct hsm_facts *facts)
{
	uint64_t size = hsm_facts_size(facts);
	bool all;
	int ret;

	/*
	 * No blocks: nothing is here.  (Data inline in an ext4 inode has none
	 * either; it is then fetched once more, which is only a waste.)
	 */
	if (!size || !facts->st.st_blocks) {
		facts->content = size ? HSM_CONTENT_NONE : HSM_CONTENT_ALL;
		return 0;
	}
	ret = hsm_extent_all(fd, size, &all);
	facts->content = all ? HSM_CONTENT_ALL : HSM_CONTENT_SOME;
	return ret;
}

int hsm_inspect(int fd, uint64_t store, struct hsm_facts *facts)
{
	int ret;

	facts->ours = facts->unreadable = false;
	facts->flags = 0;
	facts->content = HSM_CONTENT_ALL;
	if (fstat(fd, &facts->st) < 0)
		return -errno;
	if (!S_ISREG(facts->st.st_mode))
		return 0;
	ret = hsm_mark_read(fd, &facts->mark, &facts->flags);
	if (ret == -ENODATA)
		return 0;
	if (ret < 0) {
		facts->unreadable = true;
		return 0;
	}
	facts->ours = facts->mark.store == store;
	if (!facts->ours || facts->flags & (HSM_FLAG_DIRTY | HSM_FLAG_WHOLE))
		return 0;
	return look_at_content(fd, facts);
}
