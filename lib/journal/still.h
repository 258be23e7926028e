/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether nothing was written to a file system between two moments of one mount.
 *
 * After syncfs(2) every page is clean and write-protected: whatever is done to
 * the file system from there on has to be written some time, and what does not
 * wait for that is written by the next syncfs(2).  Counted are the writes to its
 * block device (ext4, with its journal on it), the head of its log (xfs), its generation (btrfs).  The
 * file system may write by itself, and reading moves access times: then it looks
 * as if something was changed.
 */
#ifndef HSM_JOURNAL_STILL_H
#define HSM_JOURNAL_STILL_H

#include <stdint.h>

enum { HSM_STILL_TEXT = 128 };

/*
 * Sync the file system of the directory `fd` and count.  -EOPNOTSUPP: nothing
 * counts its writes; -errno.
 */
int hsm_still_count(int fd, char text[HSM_STILL_TEXT]);

/* Keep a text for the journal `id` until the next boot; take it back: once. */
int hsm_still_keep(uint64_t id, const char *text);
int hsm_still_take(uint64_t id, char *text, unsigned int size);

#endif
