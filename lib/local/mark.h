/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Marks: what hsm writes down on a file of its tree, in xattrs of the trusted
 * namespace, where a user cannot forge them and rename keeps them.
 *
 * `trusted.hsm` says where the file comes from and which version it is.  The
 * flags are xattrs of their own, by presence: setting one never races with
 * another.  None of them says which content is here; the extents do (extent.h).
 *
 * A mark is written before the placeholder gets its name, and is durable with
 * it.  HSM_FLAG_WHOLE is written only after the data it speaks of is durable.
 */
#ifndef HSM_LOCAL_MARK_H
#define HSM_LOCAL_MARK_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/version.h"

enum hsm_flag {
	/*
	 * Changed here.  Holes are content; never filled, never evicted.  Only
	 * after what came from the remote is durable: a power loss would make
	 * holes of it.
	 */
	HSM_FLAG_DIRTY = 1 << 0,
	/* Was filled to the end for a writer.  Holes are content. */
	HSM_FLAG_WHOLE = 1 << 1,
	HSM_FLAG_PIN = 1 << 2,
	/* The remote has another version than the one that is recorded. */
	HSM_FLAG_STALE = 1 << 3,
	/* The remote no longer has the file. */
	HSM_FLAG_LOST = 1 << 4,
	/* An eviction has begun; whoever finds it at an open takes it away. */
	HSM_FLAG_EVICT = 1 << 5,
	HSM_FLAG_FULL = 1 << 6,   /* hydrate=full */
	HSM_FLAG_STREAM = 1 << 7, /* hydrate=stream */
	/* A directory: its names are not (all) here. */
	HSM_FLAG_UNLISTED = 1 << 8,
	/* A directory: it or one below it may be UNLISTED. */
	HSM_FLAG_BELOW = 1 << 9,
	/* Changed here, a moment ago: never evicted; soon it is dirty. */
	HSM_FLAG_CHANGED = 1 << 10,
	/*
	 * It is being emptied.  What is still here is the remote's, whatever its
	 * mtime: the kernel moves that before it makes the hole, and a power
	 * loss can come between.
	 */
	HSM_FLAG_EMPTY = 1 << 11,
};

struct hsm_mark {
	uint64_t store;             /* id of the store it belongs to */
	struct hsm_version version; /* of the remote file */
	char origin[PATH_MAX];      /* its path below the remote's URL */
};

/* Largest encoded mark: fits the value of an ext4 xattr block. */
#define HSM_MARK_MAX 3800

/*
 * The flags of the open file `fd` in `*flags`, and its mark in `*mark` (may be
 * NULL).  -ENODATA: the file has no mark (flags may be set all the same),
 * -EBADMSG: the mark cannot be read.  Raises no event.
 */
int hsm_mark_read(int fd, struct hsm_mark *mark, unsigned int *flags);

/* Write the mark.  -ENOSPC, -EDQUOT, -E2BIG.  Raises no event. */
int hsm_mark_write(int fd, const struct hsm_mark *mark);

/* Set or clear one flag; setting what is set is fine. */
int hsm_mark_set(int fd, enum hsm_flag flag);
int hsm_mark_clear(int fd, enum hsm_flag flag);

/* Encode into `buf` (HSM_MARK_MAX bytes): the length, or -E2BIG.  Pure. */
int hsm_mark_encode(const struct hsm_mark *mark, uint8_t *buf);
/* Decode; -EBADMSG for whatever is not exactly one valid mark.  Pure. */
int hsm_mark_decode(struct hsm_mark *mark, const uint8_t *buf, unsigned int len);

/*
 * The mtime that the file of this mark has while nobody changed it here: the
 * recorded one, 0 where none is recorded.  Pure.
 */
struct timespec hsm_mark_mtime(const struct hsm_mark *mark);

#endif
