/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing content into a placeholder, through the private mount: raises no
 * event.  The file is open for writing only during the call: an open writer
 * would make every lease fail.
 */
#ifndef HSM_STAGE_FILL_H
#define HSM_STAGE_FILL_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "local/handle.h"

/*
 * Write `len` bytes at `off` into the file of `handle` below `root` and put its
 * mtime back to `mtime`.  Zeros are written too: only what was written counts
 * as content.  The file must have `size` bytes before, else -ECANCELED and
 * nothing is written.  -ENOSPC, -EDQUOT, -EIO, -ESTALE (file gone).
 */
int hsm_fill_write(int root, const struct hsm_handle *handle, uint64_t size,
		   const struct timespec *mtime, const void *buf, size_t len,
		   uint64_t off);

/*
 * Reserve the space of [off, off + len), of which nothing is here; mtime stays.
 * -ENOSPC, -EDQUOT: and then none of it is reserved (fallocate() alone would
 * keep what it got, and leave no space for anyone).
 */
int hsm_fill_reserve(int root, const struct hsm_handle *handle,
		     const struct timespec *mtime, uint64_t off, uint64_t len);

#endif
