// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal/inodes.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "local/lease.h"

#define NAMES (HSM_RECORD_CREATE | HSM_RECORD_DELETE | HSM_RECORD_RENAME | \
	       HSM_RECORD_FROM | HSM_RECORD_TO)

static int remember(struct hsm_inodes *inodes, ino_t number)
{
	if (inodes->count == inodes->room) {
		size_t room = inodes->room ? 2 * inodes->room : 64;
		ino_t *grown = realloc(inodes->numbers,
				       room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		inodes->numbers = grown;
		inodes->room = room;
	}
	inodes->numbers[inodes->count++] = number;
	inodes->sorted = false;
	return 0;
}

/*
 * Made in this period, so that records told all of its names?  A link to an older
 * file begins with a record of its link count; one that this period's group
 * heard only the second half of is told by the time of birth.
 */
static bool born(const struct hsm_inodes *inodes,
		 const struct hsm_subject *subject, const struct statx *st)
{
	const struct timespec *began = &inodes->began;

	if (!(subject->first & HSM_RECORD_CREATE || subject->nameless) ||
	    !subject->last_len || !(st->stx_mask & STATX_BTIME))
		return false;
	/* Behind by a tick at most, so that later is later. */
	return st->stx_btime.tv_sec > began->tv_sec ||
	       (st->stx_btime.tv_sec == began->tv_sec &&
		st->stx_btime.tv_nsec > began->tv_nsec);
}

/* Is there something at other names that a consumer must see? */
static bool has_more_names(const struct hsm_inodes *inodes,
			   const struct hsm_subject *subject,
			   const struct statx *st)
{
	uint32_t all = subject->all;

	/* A count of links that moved because of a name is of no interest. */
	if (!(all & HSM_RECORD_MODIFY) && !subject->attrib_named &&
	    !(subject->attrib_unnamed && !(all & NAMES)))
		return false;
	if (!st->stx_nlink || born(inodes, subject, st))
		return false;
	return st->stx_nlink > 1 || !subject->last_len ||
	       all & HSM_RECORD_DELETE || subject->attrib_unnamed;
}

/* Under somebody's lease it may be written, too. */
static bool has_writer(int root, const struct hsm_handle *handle)
{
	HSM_CLOSE int fd = hsm_handle_open(root, handle, O_RDONLY | O_NONBLOCK |
					   O_NOATIME);

	return fd < 0 ? fd == -EAGAIN : hsm_lease_writer(fd);
}

int hsm_inodes_look(struct hsm_inodes *inodes,
		    const struct hsm_subject *subject, bool writers,
		    ino_t *number)
{
	HSM_CLOSE int fd = -1;
	struct statx st;

	if (subject->directory || !subject->all)
		return 0;
	fd = hsm_handle_open(inodes->root, &subject->handle, O_PATH);
	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS |
			    STATX_BTIME, &st) < 0 || S_ISDIR(st.stx_mode))
		return 0;
	if (st.stx_nlink)
		*number = (ino_t)st.stx_ino;
	if (has_more_names(inodes, subject, &st) &&
	    remember(inodes, (ino_t)st.stx_ino) < 0)
		return -ENOMEM;
	/* A lease may stand in the way of a fill: not where nothing was written. */
	return writers && S_ISREG(st.stx_mode) &&
	       (subject->last_len || subject->nameless) &&
	       subject->all & (HSM_RECORD_MODIFY | HSM_RECORD_CREATE) &&
	       has_writer(inodes->root, &subject->handle);
}

static int compare(const void *a, const void *b)
{
	ino_t x = *(const ino_t *)a, y = *(const ino_t *)b;

	return x < y ? -1 : x > y;
}

bool hsm_inodes_has(struct hsm_inodes *inodes, ino_t number)
{
	if (!inodes->sorted)
		qsort(inodes->numbers, inodes->count, sizeof(number), compare);
	inodes->sorted = true;
	return bsearch(&number, inodes->numbers, inodes->count, sizeof(number),
		       compare);
}

void hsm_inodes_free(struct hsm_inodes *inodes)
{
	free(inodes->numbers);
}
