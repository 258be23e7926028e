/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which content of a file is here: what its extents say, and nothing else.
 *
 * FIEMAP and not SEEK_DATA, because a page of zeros that readahead brought into
 * the cache over an unwritten extent looks like data to SEEK_DATA on ext4 and
 * xfs (measured on 6.18).  Data that lies in the cache over an unwritten extent
 * is written out first (FIEMAP_FLAG_SYNC): only then its extent says so.
 */
#ifndef HSM_LOCAL_EXTENT_H
#define HSM_LOCAL_EXTENT_H

#include <stdbool.h>
#include <stdint.h>

/* Called for each run of content, in order, not merged. */
typedef void (*hsm_extent_fn)(void *arg, uint64_t off, uint64_t len);

/*
 * Call `fn` for what is here of [0, size) of the open file `fd`.  May block on
 * the disk when the file has unwritten extents, never on the network.  Raises
 * no event.  -EIO and what FIEMAP says.
 */
int hsm_extent_walk(int fd, uint64_t size, hsm_extent_fn fn, void *arg);

/*
 * Whether all of [0, size) is here, as far as can be told without waiting for
 * the disk: false when unwritten extents leave it open.
 */
int hsm_extent_all(int fd, uint64_t size, bool *all);

/* Bytes of [0, size) that are here. */
int hsm_extent_resident(int fd, uint64_t size, uint64_t *bytes);

/*
 * Give back all space of the file, also what lies beyond its end; the size
 * stays.  -EIO when something is left all the same.  Raises a pre-content event
 * on a watched mount, and FAN_MODIFY.  Clears ignore marks.
 */
int hsm_extent_punch(int fd);

#endif
